//! Output without end, lines without end, and a reader that does not read.

use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use super::*;
use crate::support::walk::{Ended, Walk, tail, usual};
use holdpoint::journal::transcript::CAP;

/// Answers every hold point as the usual operator does and shows each line to `seen`. Gives back how much more memory it
/// took than it had at the last gate.
fn walked(mut walk: Walk, mut seen: impl FnMut(&str)) -> (Ended, u64) {
    let (mut calm, mut most) = (0, 0);
    while let Some(line) = walk.line() {
        most = most.max(peak(walk.pid()).unwrap_or(0));
        if line.starts_with("HOLD gate") {
            calm = most;
        }
        seen(&line);
        if let Some(expected) = line.strip_prefix("  expect: ") {
            walk.type_line(&usual(expected));
        }
    }
    (walk.end(), most - calm)
}

/// The transcript of the step on this node.
fn transcript(site: &Site, node: &str) -> PathBuf {
    let mut folders = vec![site.state()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.to_string_lossy().contains(&format!("talk@{node}")) {
                return path;
            }
        }
    }
    Path::new("none yet").to_owned()
}

#[test]
fn one_node_that_prints_without_end_costs_little_and_holds_nobody_up() {
    let Some(site) = Site::start(&["n1", "n2"], 128) else {
        return;
    };
    talkative(&site);
    let [flooding, calm] = &site.servers[..] else {
        unreachable!("two were started")
    };
    // It prints until it is told to stop, and more than a transcript holds.
    let line = "x".repeat(99);
    let flood = format!(
        "n=0; until [ -e \"$HOME/stop\" ] && [ $n -gt 24 ]; do yes {line} | head -n 4000; n=$((n+1)); sleep 0.1; done"
    );
    say(
        flooding,
        "state=before\ntitle=flood\n",
        "word=good\n",
        &flood,
    );
    let log = flooding.dir.join("jobs");
    // The other one ends in the middle of it.
    let wait = format!(
        "until grep -qs x {}/*/log; do sleep 0.1; done; echo calm as ever",
        log.display()
    );
    say(calm, "state=before\ntitle=calm\n", "word=good\n", &wait);
    let stop = flooding.home.join("stop");
    let walk = Walk::start(&site.state(), &["run", &site.file_arg(), "--plain"]);
    let mut calm_was_done_first = false;
    let (ended, more) = walked(walk, |line| {
        if line.contains("n2 flood/talk: done") && !stop.exists() {
            calm_was_done_first = true;
            fs::write(&stop, "").expect("a file");
        }
    });
    assert_eq!(
        ended.code,
        Some(0),
        "{}\n{}",
        tail(&ended.transcript),
        tail(&ended.errors)
    );
    assert!(calm_was_done_first, "{}", tail(&ended.transcript));
    assert!(more < MORE, "{} MiB more", more >> 20);
    let kept = fs::read_to_string(transcript(&site, "n1")).expect("the transcript of n1");
    let last = kept.lines().last().unwrap_or_default();
    assert!(
        last.starts_with("[holdpoint: cut here after") && last.contains("were not kept"),
        "{last}"
    );
    assert!(
        kept.len() as u64 > CAP - 4096,
        "complete up to the limit: {}",
        kept.len()
    );
    assert!(kept.lines().rev().skip(1).all(|kept| kept == line));
    let kept = fs::read_to_string(transcript(&site, "n2")).expect("the transcript of n2");
    assert_eq!(kept, "calm as ever\n");
}

#[test]
fn a_line_of_fifty_megabytes_is_one_short_line_that_says_so() {
    let Some(site) = Site::start(&["n1"], 129) else {
        return;
    };
    talkative(&site);
    let endless = "head -c 50000000 /dev/zero | tr '\\0' x; echo; echo after it";
    say(
        &site.servers[0],
        "state=before\ntitle=long\n",
        "word=good\n",
        endless,
    );
    let walk = Walk::start(&site.state(), &["run", &site.file_arg(), "--plain"]);
    let (ended, more) = walked(walk, |_| {});
    assert_eq!(
        ended.code,
        Some(0),
        "{}\n{}",
        tail(&ended.transcript),
        tail(&ended.errors)
    );
    assert!(more < MORE, "{} MiB more", more >> 20);
    let kept = fs::read_to_string(transcript(&site, "n1")).expect("the transcript");
    let lines: Vec<&str> = kept.lines().collect();
    assert_eq!(lines.len(), 2, "{} lines", lines.len());
    assert!(
        lines[0].len() < 5000 && lines[0].contains("499959"),
        "{}",
        &lines[0][4000..]
    );
    assert_eq!(lines[1], "after it");
}

/// Somebody who pages through the output, or a terminal that hangs: the program waits with showing, not with watching.
#[test]
fn a_reader_that_does_not_read_costs_no_memory_and_is_told_what_it_missed() {
    let Some(site) = Site::start(&["n1"], 124) else {
        return;
    };
    talkative(&site);
    let short = "yes | head -n 600000";
    say(
        &site.servers[0],
        "state=before\ntitle=short\n",
        "word=good\n",
        short,
    );
    let mut child = Command::new(env!("CARGO_BIN_EXE_holdpoint"))
        .args(["run", &site.file_arg(), "--plain"])
        .env("HOLDPOINT_STATE_DIR", site.state())
        .env("XDG_CONFIG_HOME", site.state().join("config"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the built program starts");
    let mut answers = child.stdin.take().expect("it is piped");
    let stdout = child.stdout.take().expect("it is piped");
    let answering = std::thread::spawn(move || {
        let mut printed = String::new();
        for line in std::io::BufRead::lines(std::io::BufReader::new(stdout)).map_while(Result::ok) {
            if let Some(expected) = line.strip_prefix("  expect: ") {
                let _ = writeln!(answers, "{}", usual(expected));
            }
            printed += &(line + "\n");
        }
        printed
    });
    let deadline = Instant::now() + Duration::from_secs(150);
    while !fs::metadata(transcript(&site, "n1")).is_ok_and(|kept| kept.len() == 1_200_000) {
        assert!(Instant::now() < deadline, "the transcript never was whole");
        std::thread::sleep(Duration::from_millis(20));
    }
    let taken = peak(child.id()).expect("it runs");
    let mut errors = String::new();
    let mut stderr = child.stderr.take().expect("it is piped");
    stderr.read_to_string(&mut errors).expect("it is text");
    let printed = answering.join().expect("it only reads");
    assert!(
        child.wait().expect("it is ours").success(),
        "{}\n{}",
        tail(&printed),
        tail(&errors)
    );
    assert!(taken < MORE, "{} MiB", taken >> 20);
    assert!(errors.contains("lines were not shown"), "{}", tail(&errors));
}

#[test]
fn talk_that_nobody_reads_any_more_does_not_end_a_run() {
    let state = tempfile::tempdir().expect("a folder");
    let mut child = Command::new(env!("CARGO_BIN_EXE_holdpoint"))
        .args(["rehearse", "--plain", "--speed", "max"])
        .env("HOLDPOINT_STATE_DIR", state.path())
        .env("XDG_CONFIG_HOME", state.path().join("config"))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the built program starts");
    drop(child.stderr.take());
    let mut printed = String::new();
    let mut stdout = child.stdout.take().expect("it is piped");
    stdout.read_to_string(&mut printed).expect("it is text");
    // It needs a human, and that is all that is wrong.
    assert_eq!(
        child.wait().expect("it is ours").code(),
        Some(10),
        "{printed}"
    );
}
