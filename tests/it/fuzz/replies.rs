//! What a node answers: to a job's request, to a read-only script, to a question about an upload.

use holdpoint::transport::job::{JobAnswer, JobState, read_reply};
use holdpoint::transport::nodes::read_upload_reply;
use holdpoint::transport::ssh::{Incarnation, read_streams};
use proptest::prelude::*;

use super::{cases, damage, damaged};

const NONCE: &str = "00112233445566778899aabbccddeeff";
const OTHER: &str = "ffeeddccbbaa99887766554433221100";
const BOOT: &str = "9a1c3b52-0f6e-4a1b-9c3d-5e6f7a8b9c0d.42";
/// Output is asked for from here, in the middle of a block.
const OFFSET: u64 = 4096 + 5;
const MOST: usize = 100;

fn state_line() -> impl Strategy<Value = String> {
    let state = prop::sample::select(vec![
        "done",
        "rcbad",
        "none",
        "new",
        "cancelled",
        "rebooted",
        "running",
        "orphaned",
        "vanished",
    ]);
    let numbers = (any::<u32>(), any::<u8>(), any::<bool>(), any::<bool>());
    let wheel = prop::sample::select(vec![("", ""), ("12", "4.held.3.3"), ("0", "5.free.3.4")]);
    (state, numbers, wheel).prop_map(|(state, (size, code, cancelled, acked), (handed, hand))| {
        let (cancelled, acked) = (u8::from(cancelled), u8::from(acked));
        format!("state={state} size={size} boot={BOOT} code={code} cancelled={cancelled} logged={size} acked={acked} answered=,40,7 handed={handed} hand={hand}")
    })
}

/// A whole reply to the request with this nonce.
fn reply_to(nonce: &str, line: &str, log: &[u8]) -> Vec<u8> {
    let mut text = format!("@{nonce} begin\n@{nonce} {line}\n@{nonce} log\n").into_bytes();
    text.extend_from_slice(log);
    text.extend(format!("\n@{nonce} end\n").into_bytes());
    text
}

fn whole(line: &str, log: &[u8]) -> Vec<u8> {
    reply_to(NONCE, line, log)
}

fn read(text: &[u8]) -> Option<Result<JobAnswer, (String, String)>> {
    read_reply(text, NONCE, OFFSET, MOST)
}

/// Bytes of a program: lines that look like the protocol's, too, but it cannot know the nonce.
fn log() -> impl Strategy<Value = Vec<u8>> {
    let line = prop_oneof![
        prop::collection::vec(any::<u8>(), 0..60),
        prop::sample::select(vec![
            format!("@{OTHER} end\n").into_bytes(),
            b"@ end\n".to_vec(),
            format!("@{OTHER} begin\n@{OTHER} state=done code=0\n").into_bytes(),
            b"\n\n".to_vec(),
        ]),
    ];
    prop::collection::vec(line, 0..6).prop_map(|lines| lines.concat())
}

proptest! {
    #![proptest_config(cases(800))]

    #[test]
    fn a_jobs_reply_counts_whole_or_not_at_all(line in state_line(), log in log(), noise in log()) {
        let text = whole(&line, &log);
        let answer = read(&text);
        let Some(Ok(good)) = &answer else {
            panic!("a whole reply is not read: {line}");
        };
        let wanted = log.get(5..).unwrap_or_default();
        prop_assert_eq!(&good.log[..], &wanted[..wanted.len().min(MOST)]);
        prop_assert_eq!(good.exit.is_some(), good.state == JobState::Done);
        for cut in 0..text.len() {
            prop_assert_eq!(read(&text[..cut]), None, "cut at {}", cut);
        }
        // Login scripts print before it; so may a reply to somebody else, whole or cut.
        let foreign = reply_to(OTHER, "state=done size=0", b"");
        for before in [&noise[..], &foreign[..], &foreign[..foreign.len() / 2]] {
            let mut both = before.to_vec();
            both.push(b'\n');
            both.extend_from_slice(&text);
            prop_assert_eq!(&read(&both), &answer);
        }
        prop_assert_eq!(read(&foreign), None);
        prop_assert_eq!(read_reply(&text, OTHER, OFFSET, MOST), None);
        // Twice, or cut and then whole: nobody knows which one counts.
        let twice = [&text[..], &text[..]].concat();
        prop_assert_eq!(read(&twice), None);
    }

    #[test]
    fn a_damaged_reply_gives_no_more_than_was_asked_for(
        line in state_line(), log in log(), wounds in prop::collection::vec(damage(), 1..6),
    ) {
        let text = damaged(whole(&line, &log), &wounds);
        if let Some(Ok(answer)) = read(&text) {
            prop_assert!(answer.log.len() <= MOST);
            prop_assert_eq!(answer.exit.is_some(), answer.state == JobState::Done);
            prop_assert!(answer.answered.is_sorted());
        }
    }

    #[test]
    fn a_refusal_is_one_only_when_it_is_whole(word in "[a-z-]{1,12}", words in "[ -~]{0,60}") {
        let text = format!("motd\n@{NONCE} begin\n@{NONCE} error={word} {words}\n\n@{NONCE} end\n").into_bytes();
        prop_assert_eq!(read(&text), Some(Err((word, words))));
        for cut in 0..text.len() {
            prop_assert_eq!(read(&text[..cut]), None);
        }
    }

    #[test]
    fn a_scripts_answer_counts_only_with_its_whole_status(
        out in log(), err in log(), status in any::<u8>(), kept in prop::sample::select(vec![200_usize, 1 << 20]),
    ) {
        let stdout = [format!("noise\n@{NONCE} begin\n").as_bytes(), &out, format!("\n@{NONCE} end {status}\n").as_bytes()].concat();
        let stderr = [format!("@{NONCE} begin\n").as_bytes(), &err, format!("\n@{NONCE} end\n").as_bytes()].concat();
        let answer = read_streams(&stdout, &stderr, NONCE, 1 << 20, kept).expect("it is whole");
        prop_assert_eq!(answer.status, status);
        if !answer.truncated {
            prop_assert_eq!((&answer.stdout, &answer.stderr), (&out, &err));
        }
        for cut in 0..stdout.len() {
            prop_assert_eq!(read_streams(&stdout[..cut], &stderr, NONCE, 1 << 20, kept), None, "cut at {}", cut);
        }
        // A cut error stream is seen, unless we threw its end away ourselves.
        for cut in 0..stderr.len().saturating_sub(6) {
            let cut = read_streams(&stdout, &stderr[..cut], NONCE, 1 << 20, kept);
            prop_assert!(cut.is_none_or(|answer| answer.truncated));
        }
        prop_assert_eq!(read_streams(&stdout, &stderr, OTHER, 1 << 20, kept), None);
    }

    #[test]
    fn an_uploads_reply_counts_whole_or_not_at_all(
        line in "[ -~]{0,60}", body in log(), ready in any::<bool>(), wounds in prop::collection::vec(damage(), 1..5),
    ) {
        let ready = if ready { format!("@{NONCE} ready\n") } else { String::new() };
        let mut text = format!("motd\n@{NONCE} begin\n{ready}@{NONCE} {line}\n").into_bytes();
        text.extend_from_slice(&body);
        text.extend(format!("\n@{NONCE} end\n").into_bytes());
        prop_assert_eq!(read_upload_reply(&text, NONCE), Some((line, body)));
        prop_assert_eq!(read_upload_reply(&text, "0"), None);
        for cut in 0..text.len() {
            prop_assert_eq!(read_upload_reply(&text[..cut], NONCE), None, "cut at {}", cut);
        }
        let twice = [&text[..], &text[..]].concat();
        prop_assert_eq!(read_upload_reply(&twice, NONCE), None);
        // Damaged, it may say anything but must not end us.
        let _ = read_upload_reply(&damaged(text, &wounds), NONCE);
    }

    #[test]
    fn only_a_boot_identity_is_one(wounds in prop::collection::vec(damage(), 1..4), text in "\\PC{0,60}") {
        let hurt = String::from_utf8_lossy(&damaged(BOOT.into(), &wounds)).into_owned();
        for text in [hurt, text] {
            if let Some(read) = Incarnation::parse(&text) {
                let letters = |c: char| c.is_ascii_hexdigit() || c == '-' || c == '.';
                prop_assert_eq!(read.as_str(), text.as_str());
                prop_assert!(text.chars().all(letters) && text.find('.') == Some(36));
            }
        }
    }

    #[test]
    fn no_bytes_are_too_strange(text in prop::collection::vec(any::<u8>(), 0..3000), kept in 0..4000_usize) {
        prop_assert_eq!(read(&text), None);
        prop_assert_eq!(read_upload_reply(&text, NONCE), None);
        prop_assert_eq!(read_streams(&text, &text, NONCE, 100, kept), None);
    }
}
