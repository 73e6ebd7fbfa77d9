//! Whole rehearsals: answers go in, the full transcript comes out and is compared with a stored one. Set
//! `HOLDPOINT_BLESS=1` to store what comes out, and read the difference before you commit it.

use std::path::{Path, PathBuf};

use crate::support::walk::{Ended, Walk, diligent, run};

const RELAY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/relay.toml");

#[track_caller]
fn check(name: &str, arguments: &[&str]) {
    let ended = rehearse(arguments);
    assert_eq!(ended.code, Some(0), "{}{}", ended.transcript, ended.errors);
    let path = stored(name);
    if std::env::var_os("HOLDPOINT_BLESS").is_some() {
        std::fs::write(&path, &ended.transcript).expect("the transcript can be stored");
        return;
    }
    let expected = std::fs::read_to_string(&path).expect("the transcript is stored");
    if let Some(at) = first_difference(&expected, &ended.transcript) {
        panic!(
            "{name} differs at line {}:\n  stored: {:?}\n  now:    {:?}",
            at + 1,
            expected.lines().nth(at),
            ended.transcript.lines().nth(at)
        );
    }
}

fn rehearse(arguments: &[&str]) -> Ended {
    let state = tempfile::tempdir().expect("a temporary folder");
    let mut all = vec!["rehearse"];
    all.extend(arguments);
    Walk::start(state.path(), &all).answer(diligent)
}

fn stored(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/rehearsals")
        .join(format!("{name}.expected"))
}

fn first_difference(one: &str, other: &str) -> Option<usize> {
    let (one, other): (Vec<_>, Vec<_>) = (one.lines().collect(), other.lines().collect());
    (0..one.len().max(other.len())).find(|&at| one.get(at) != other.get(at))
}

#[test]
fn the_standard_cluster_in_plain_lines() {
    check(
        "standard-cluster.plain",
        &["securetransport/standard-cluster", "--plain"],
    );
}

#[test]
fn the_standard_cluster_in_json() {
    check(
        "standard-cluster.json",
        &["securetransport/standard-cluster", "--json"],
    );
}

#[test]
fn a_procedure_of_ones_own_with_a_decision_in_it() {
    check(
        "relay.plain",
        &[RELAY, "--plain", "--nodes", "2", "--seed", "7"],
    );
}

#[test]
fn the_same_seed_gives_the_same_transcript_and_another_seed_another() {
    let transcript = |seed| rehearse(&["--plain", "--seed", seed]).transcript;
    assert_eq!(transcript("3"), transcript("3"));
    assert_ne!(transcript("3"), transcript("4"));
}

#[test]
fn every_line_of_json_is_an_object_with_its_place_in_the_run() {
    let transcript = rehearse(&["--json"]).transcript;
    let mut newest = 0;
    for line in transcript.lines().filter(|line| !line.starts_with("> ")) {
        let value: serde_json::Value = serde_json::from_str(line).expect(line);
        let seq = value["seq"].as_u64().expect(line);
        assert!(seq >= newest && value["event"].is_string(), "{line}");
        newest = seq;
    }
    assert!(newest > 100, "{transcript}");
}

#[test]
fn a_lying_exit_code_holds_the_rehearsal_and_is_never_taken_for_success() {
    let ended = rehearse(&["--plain", "--drill", "lying-exit-code"]);
    assert_eq!(ended.code, Some(5), "{}{}", ended.transcript, ended.errors);
    assert!(
        ended.transcript.contains("CONTRADICTION"),
        "{}",
        ended.transcript
    );
    assert!(
        !ended.transcript.contains("run: finished"),
        "{}",
        ended.transcript
    );
}

#[test]
fn an_interrupted_rehearsal_goes_on_wherever_it_was_left() {
    let state = tempfile::tempdir().expect("a temporary folder");
    let mut answers = 0;
    for sessions in 1..40 {
        let arguments: &[&str] = if sessions == 1 {
            &["rehearse", "--plain"]
        } else {
            &["resume", "--plain"]
        };
        let left = std::cell::Cell::new(7);
        let ended = Walk::start(state.path(), arguments).answer(|expected| {
            left.set(left.get() - 1);
            (left.get() > 0).then(|| diligent(expected)).flatten()
        });
        answers += 7 - left.get();
        if ended.code == Some(0) {
            assert!(
                sessions > 3 && answers > 30,
                "{sessions} sessions, {answers} answers"
            );
            let report = run(state.path(), &["runs"]);
            assert!(
                report.transcript.contains(": finished"),
                "{}",
                report.transcript
            );
            return;
        }
        assert_eq!(ended.code, Some(10), "{}{}", ended.transcript, ended.errors);
    }
    panic!("it never came to its end");
}
