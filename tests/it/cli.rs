//! The command line: every bad input has a clear message, something to do and the right exit code, and nothing is lost.

use std::path::Path;

use rustix::process::{Pid, Signal, kill_process};

use crate::support::walk::{Walk, diligent, run};

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().expect("a temporary folder")
}

fn write(folder: &Path, name: &str, text: &str) -> String {
    let path = folder.join(name);
    std::fs::write(&path, text).expect("it can be written");
    path.display().to_string()
}

/// A good cluster file for the fixture, with one text in it replaced.
fn cluster(folder: &Path, from: &str, to: &str) -> String {
    write(folder, "relay.toml", include_str!("../fixtures/relay.toml"));
    let text = include_str!("../fixtures/relay-cluster.toml")
        .replace("\"relay/rolling\"", "\"relay.toml\"");
    assert!(text.contains(from), "{from} is not in the fixture");
    write(folder, "cluster.toml", &text.replacen(from, to, 1))
}

#[track_caller]
fn refused(arguments: &[&str], code: i32, says: &[&str]) {
    let state = folder();
    let ended = run(state.path(), arguments);
    let told = format!("{}{}", ended.transcript, ended.errors);
    assert_eq!(ended.code, Some(code), "{arguments:?}\n{told}");
    for words in says {
        assert!(
            told.contains(words),
            "{arguments:?} does not say {words:?}:\n{told}"
        );
    }
    let runs = run(state.path(), &["runs"]);
    assert_eq!(
        runs.transcript, "",
        "a refused command leaves no run behind"
    );
}

#[test]
fn bad_usage_is_refused() {
    refused(&["dance"], 2, &["unrecognized subcommand"]);
    refused(&["rehearse", "--nodes", "0"], 2, &["--nodes"]);
    refused(&["rehearse", "--speed", "fast"], 2, &["is no speed"]);
    refused(
        &["rehearse", "--plain", "--json"],
        2,
        &["cannot be used with"],
    );
    refused(&["resume"], 2, &["every run is finished"]);
    refused(&["resume", "nope!"], 2, &["is no run id", "holdpoint runs"]);
    refused(&["report", "2222"], 2, &["open run 2222", "holdpoint runs"]);
    refused(&["verify", "2222"], 2, &["open run 2222"]);
}

#[test]
fn an_unknown_procedure_lists_near_names() {
    let near = "did you mean securetransport/standard-cluster?";
    refused(
        &["rehearse", "securetransport/standart-cluster"],
        2,
        &[near],
    );
    refused(&["init", "standard-cluser"], 2, &[near]);
    refused(&["init"], 2, &["smc/management-servers"]);
    refused(
        &["procedures", "show", "no-such-thing"],
        2,
        &["the catalogue holds"],
    );
}

#[test]
fn too_few_nodes_and_an_unknown_drill_are_refused() {
    refused(&["rehearse", "--nodes", "1"], 2, &["at least 2 nodes"]);
    refused(
        &["rehearse", "--drill", "earthquake"],
        2,
        &["known drills", "lost-link"],
    );
}

#[test]
fn a_bad_cluster_file_is_refused_with_its_place() {
    let own = folder();
    for (from, to, says) in [
        ("target = \"1.5.2\"", "", "target"),
        ("target = \"1.5.2\"", "target = \"9\"", "does not lead to 9"),
        ("name = \"r2\"", "name = \"r1\"", "r1"),
        (
            "host = \"192.0.2.7\"",
            "host = \"-oProxyCommand=x\"",
            "-oProxyCommand",
        ),
        (
            "roles = [\"relay\"]",
            "roles = [\"rely\"]",
            "`rely` is not a role",
        ),
        ("package = ", "pakage = ", "pakage"),
        (
            "package = \"/tmp/relay-1.5.2.run\"",
            "package = \"tmp/relay.run\"",
            "absolute path",
        ),
        ("[params]", "[params", "not TOML"),
        ("\"relay.toml\"", "\"other.toml\"", "other.toml"),
        ("\"relay.toml\"", "\"relay/roling\"", "no such procedure"),
    ] {
        let file = cluster(own.path(), from, to);
        for command in ["check", "plan", "dry-run", "run", "rehearse"] {
            refused(&[command, &file], 2, &[says, "cluster.toml"]);
        }
    }
}

#[test]
fn files_that_cannot_be_read_are_refused() {
    let own = folder();
    refused(
        &["run", "/nowhere/cluster.toml"],
        2,
        &["/nowhere/cluster.toml", "hint: check the path"],
    );
    let bytes = own.path().join("bytes.toml");
    std::fs::write(&bytes, b"\xff\xfe").expect("it can be written");
    refused(&["run", bytes.to_str().expect("plain")], 2, &["no UTF-8"]);
}

#[test]
fn a_state_folder_that_cannot_be_used_is_refused_before_anything_starts() {
    let own = folder();
    let file = write(own.path(), "file", "");
    let ended = run(Path::new(&file), &["rehearse", "--plain"]);
    assert_eq!(ended.code, Some(2), "{}", ended.errors);
    assert!(
        ended.errors.contains("it is not a folder"),
        "{}",
        ended.errors
    );
    assert!(ended.errors.contains("--state-dir"), "{}", ended.errors);
    assert_eq!(ended.transcript, "");
}

#[test]
fn an_unknown_key_in_the_configuration_is_an_error() {
    let state = folder();
    let config = state.path().join("config/holdpoint");
    std::fs::create_dir_all(&config).expect("it can be made");
    write(&config, "config.toml", "colour = 'never'\n");
    let ended = run(state.path(), &["runs"]);
    assert_eq!(ended.code, Some(2));
    assert!(
        ended.errors.contains("colour") && ended.errors.contains("hint: known keys"),
        "{}",
        ended.errors
    );
}

#[test]
fn the_linter_names_the_line_that_sh_cannot_parse() {
    let own = folder();
    let good = include_str!("../fixtures/relay.toml");
    let bad = good.replace("read -r password\n", "read -r password\nif true; then\n");
    let file = write(own.path(), "bad.toml", &bad);
    let ended = run(own.path(), &["procedures", "lint", &file]);
    assert_eq!(ended.code, Some(2), "{}{}", ended.transcript, ended.errors);
    assert!(
        ended.transcript.contains("does not parse"),
        "{}",
        ended.transcript
    );
    assert!(
        ended.transcript.contains("bad.toml:"),
        "{}",
        ended.transcript
    );
}

#[test]
fn every_procedure_of_the_catalogue_can_be_shown_and_makes_a_cluster_file() {
    let state = folder();
    let list = run(state.path(), &["procedures"]).transcript;
    for id in list.lines().filter_map(|line| line.split(' ').next()) {
        assert_eq!(
            run(state.path(), &["procedures", "show", id]).code,
            Some(0),
            "{id}"
        );
        let sample = run(state.path(), &["init", id]).transcript;
        let file = write(state.path(), "cluster.toml", &sample);
        let ended = run(state.path(), &["rehearse", "--plain", &file]);
        assert_eq!(ended.code, Some(10), "{id}: {}", ended.errors);
    }
}

#[test]
fn input_that_ends_at_a_hold_point_needs_a_human_and_says_how_to_go_on() {
    let state = folder();
    let ended = run(state.path(), &["rehearse", "--plain"]);
    assert_eq!(ended.code, Some(10));
    assert!(
        ended.transcript.contains("\nHOLD attest "),
        "{}",
        ended.transcript
    );
    assert!(
        ended
            .errors
            .contains("standard input ended at the hold point"),
        "{}",
        ended.errors
    );
    assert!(
        ended.errors.contains("holdpoint resume "),
        "{}",
        ended.errors
    );
}

#[test]
fn a_wrong_answer_is_refused_and_asked_for_again() {
    let state = folder();
    let mut walk = Walk::start(state.path(), &["rehearse", "--plain"]);
    walk.until("  expect: yes NOTE");
    walk.type_line("perhaps");
    walk.until("REFUSED `perhaps` is not offered here");
    walk.until("  expect: yes NOTE");
    walk.type_line("yes");
    walk.until("REFUSED yes wants a note");
    walk.type_line(":note a remark in between");
    walk.until("+00:00:");
    walk.type_line(":dance");
    walk.until("REFUSED `:dance` is no command");
    let ended = walk.end();
    assert!(
        ended.transcript.contains("note: a remark in between"),
        "{}",
        ended.transcript
    );
    assert_eq!(ended.code, Some(10), "{}", ended.errors);
}

#[test]
fn a_gate_does_not_open_to_another_phrase() {
    let state = folder();
    let mut walk = Walk::start(state.path(), &["rehearse", "--plain"]);
    loop {
        let line = walk.until("  expect: ");
        let expected = line.trim_start_matches("  expect: ").to_string();
        if expected.starts_with("type") {
            break;
        }
        walk.type_line(&diligent(&expected).expect("an attested check"));
    }
    walk.type_line("yes");
    walk.until("REFUSED ");
    let again = walk.until("  expect: type ");
    walk.type_line(&diligent(again.trim_start_matches("  expect: ")).expect("a phrase"));
    walk.until("+00:00:");
    let ended = walk.end();
    assert!(
        ended.transcript.contains("plan: approved"),
        "{}",
        ended.transcript
    );
}

#[test]
fn a_signal_ends_the_session_in_order_and_the_run_goes_on_later() {
    for (signal, code) in [(Signal::TERM, 143), (Signal::INT, 130), (Signal::HUP, 129)] {
        let state = folder();
        let mut walk = Walk::start(state.path(), &["rehearse", "--plain"]);
        walk.until("  expect: ");
        let pid = Pid::from_raw(i32::try_from(walk.pid()).expect("a pid")).expect("not zero");
        kill_process(pid, signal).expect("it is ours");
        walk.until("+00:00:");
        let ended = walk.end();
        assert_eq!(ended.code, Some(code), "{}", ended.errors);
        assert!(
            ended.transcript.contains("run: left: ended by SIG"),
            "{}",
            ended.transcript
        );
        let resumed = Walk::start(state.path(), &["resume", "--plain"]).answer(diligent);
        assert_eq!(
            resumed.code,
            Some(0),
            "{}{}",
            resumed.transcript,
            resumed.errors
        );
    }
}

#[test]
fn a_run_that_somebody_works_on_is_locked() {
    let state = folder();
    let mut walk = Walk::start(state.path(), &["rehearse", "--plain"]);
    walk.until("  expect: ");
    let second = run(state.path(), &["resume", "--plain"]);
    assert_eq!(second.code, Some(7), "{}", second.errors);
    let pid = walk.pid();
    assert!(
        second.errors.contains(&format!("process {pid}")),
        "{}",
        second.errors
    );
    let runs = run(state.path(), &["runs"]).transcript;
    assert!(runs.contains("in the hands of"), "{runs}");
    assert_eq!(walk.end().code, Some(10));
}

fn left_run(state: &Path, arguments: &[&str]) -> String {
    let ended = run(state, arguments);
    assert_eq!(ended.code, Some(10), "{}", ended.errors);
    let runs = run(state, &["runs"]).transcript;
    runs.split(' ').next().expect("an id").to_string()
}

#[test]
fn an_altered_journal_is_found_and_not_resumed() {
    let state = folder();
    let id = left_run(state.path(), &["rehearse", "--plain"]);
    assert_eq!(run(state.path(), &["verify", &id]).code, Some(0));
    let journal = state.path().join("runs").join(&id).join("journal");
    let text = std::fs::read_to_string(&journal).expect("it is text");
    std::fs::write(&journal, text.replacen("5.4", "5.5", 1)).expect("it can be written");
    let verdict = run(state.path(), &["verify", &id]);
    assert_eq!(verdict.code, Some(2));
    assert!(
        verdict.transcript.contains("BROKEN: record "),
        "{}",
        verdict.transcript
    );
    let resumed = run(state.path(), &["resume", &id]);
    assert_eq!(resumed.code, Some(2));
    assert!(
        resumed.errors.contains("holdpoint verify"),
        "{}",
        resumed.errors
    );
}

#[test]
fn an_edited_cluster_file_wants_a_reason_and_a_frozen_one_is_never_accepted() {
    let (state, own) = (folder(), folder());
    let file = cluster(own.path(), "[params]", "[params]");
    let id = left_run(state.path(), &["rehearse", "--plain", &file]);
    cluster(own.path(), "drain = \"2m\"", "drain = \"3m\"");
    let refused = run(state.path(), &["resume", &id, "--plain"]);
    assert_eq!(refused.code, Some(9), "{}", refused.errors);
    assert!(
        refused.errors.contains("has changed since") && refused.errors.contains("--reason"),
        "{}",
        refused.errors
    );
    let resumed = run(
        state.path(),
        &["resume", &id, "--plain", "--reason", "only the comment"],
    );
    assert_eq!(resumed.code, Some(10), "{}", resumed.errors);
    let report = run(state.path(), &["report", &id]).transcript;
    assert!(report.contains("only the comment"), "{report}");

    let frozen = state.path().join("runs").join(&id).join("cluster.toml");
    std::fs::write(&frozen, "# gone\n").expect("it can be written");
    let refused = run(state.path(), &["resume", &id, "--reason", "never mind"]);
    assert_eq!(refused.code, Some(9), "{}", refused.errors);
}

#[test]
fn a_report_comes_in_three_forms() {
    let state = folder();
    let id = left_run(state.path(), &["rehearse", "--plain"]);
    let form = |form: &str| run(state.path(), &["report", &id, "--format", form]).transcript;
    assert!(form("markdown").starts_with("# "));
    assert!(form("html").starts_with("<!doctype html>"));
    let story: serde_json::Value = serde_json::from_str(&form("json")).expect("it is JSON");
    assert_eq!(story["finished"], false);
    assert_eq!(story["journal_head"].as_str().map(str::len), Some(32));
}
