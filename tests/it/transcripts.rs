//! Transcripts keep what a node printed, say where they were cut, and their hash is the file's.

use std::fs;
use std::path::PathBuf;

use holdpoint::journal::Transcript;
use holdpoint::journal::transcript::CAP;
use sha2::{Digest, Sha256};

fn place() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("upgrade~update@st2.1.log");
    (folder, path)
}

fn assert_sealed(transcript: &Transcript, path: &PathBuf) {
    let bytes = fs::read(path).unwrap();
    let sealed = transcript.seal().unwrap();
    assert_eq!(sealed.len, bytes.len() as u64);
    let digest = Sha256::digest(&bytes);
    let hex: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(sealed.sha256, hex);
}

#[test]
fn lines_are_kept_in_order_and_the_hash_is_the_files() {
    let (_folder, path) = place();
    let mut transcript = Transcript::create(&path).unwrap();
    transcript.line("unpacking").unwrap();
    assert_sealed(&transcript, &path);
    transcript.line("done\t100 % ✓").unwrap();
    assert_sealed(&transcript, &path);
    assert_eq!(
        fs::read_to_string(&path).unwrap(),
        "unpacking\ndone\t100 % ✓\n"
    );
    assert!(
        Transcript::create(&path).is_err(),
        "an attempt has one transcript"
    );

    drop(transcript);
    let mut again = Transcript::open(&path).unwrap();
    again.line("after the link came back").unwrap();
    assert_sealed(&again, &path);
    assert!(
        fs::read_to_string(&path)
            .unwrap()
            .ends_with("✓\nafter the link came back\n")
    );
}

#[test]
fn a_transcript_says_where_it_was_cut_and_counts_what_it_did_not_keep() {
    let (_folder, path) = place();
    let mut transcript = Transcript::create_capped(&path, 20).unwrap();
    for line in ["123456789", "123456789", "one too many", "x", "y"] {
        transcript.line(line).unwrap();
    }
    assert_eq!(
        fs::read_to_string(&path).unwrap(),
        "123456789\n123456789\n[holdpoint: cut here after 20 bytes, the limit is 20; the lines that follow were not kept]\n"
    );
    assert_eq!(transcript.seal().unwrap().dropped, 3);
    assert_sealed(&transcript, &path);
}

#[test]
fn a_transcript_that_was_cut_stays_cut_when_it_is_opened_again() {
    let (_folder, path) = place();
    let mut transcript = Transcript::create(&path).unwrap();
    transcript.line("short").unwrap();
    transcript.line(&"x".repeat(CAP as usize)).unwrap();
    let before = fs::read(&path).unwrap();
    assert!(before.len() < 200, "the long line is not kept in part");
    let mut again = Transcript::open(&path).unwrap();
    again.line("more").unwrap();
    assert_eq!(fs::read(&path).unwrap(), before);
}

#[test]
fn control_characters_do_not_survive() {
    let (_folder, path) = place();
    let mut transcript = Transcript::create(&path).unwrap();
    transcript.line("a\u{1b}]52;c;x\u{7}b\r\nc\u{9b}d").unwrap();
    assert_eq!(
        fs::read_to_string(&path).unwrap(),
        "a\u{fffd}]52;c;x\u{fffd}b\u{fffd}\u{fffd}c\u{fffd}d\n"
    );
}

#[test]
fn lines_that_come_together_are_kept_and_cut_as_if_they_came_one_by_one() {
    let lines = [
        "one",
        "",
        "größe\t✓",
        "x\u{1b}[2Jy",
        "longer than what came before",
        "z",
    ];
    for cap in [0, 3, 4, 5, 17, 18, 30, 62, 500] {
        for together in 0..=lines.len() {
            let folder = tempfile::tempdir().unwrap();
            let kept = |name: &str| {
                let path = folder.path().join(name);
                (Transcript::create_capped(&path, cap).unwrap(), path)
            };
            let ((mut single, single_path), (mut batch, batch_path)) = (kept("one"), kept("two"));
            for line in lines {
                single.line(line).unwrap();
            }
            for part in [&lines[..together], &lines[together..]] {
                let text: String = part.iter().map(|line| format!("{line}\n")).collect();
                batch.lines(&text).unwrap();
            }
            let told = |path| fs::read_to_string(path).unwrap();
            assert_eq!(told(batch_path), told(single_path), "{cap} {together}");
            assert_eq!(batch.seal().unwrap(), single.seal().unwrap());
        }
    }
}
