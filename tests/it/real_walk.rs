//! The whole walk for real: the built program, real OpenSSH servers, product doubles. Nothing in the program knows that
//! the product is not the real one.

use std::path::Path;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use crate::support::double::eventually;
use crate::support::real::RealCluster;
use crate::support::walk::{Ended, Walk, run, tail, usual};

/// Answers everything as a diligent operator would; the manual sync is really pressed first.
fn walk(cluster: &RealCluster, arguments: &[&str]) -> Ended {
    go_on(cluster, Walk::start(&cluster.state(), arguments), |_| None)
}

/// The same for a walk under way; `other` may answer a hold (its `HOLD` line is given) before the diligent one does.
fn go_on(cluster: &RealCluster, walk: Walk, other: impl Fn(&str) -> Option<String>) -> Ended {
    walk.guide(|hold, expected| other(hold).or_else(|| Some(diligent(cluster, hold, expected))))
}

fn diligent(cluster: &RealCluster, hold: &str, expected: &str) -> String {
    if hold == "HOLD manual sync/synchronise" {
        assert!(
            cluster.doubles.press_synchronize_all(),
            "Synchronize All failed"
        );
    }
    usual(expected)
}

fn every_node_is_upgraded_and_synced(cluster: &RealCluster, ended: &Ended) {
    assert_eq!(
        ended.code,
        Some(0),
        "{}\n{}",
        tail(&ended.transcript),
        ended.errors
    );
    assert!(
        ended
            .transcript
            .contains("run: finished, upgraded, no open debt"),
        "{}",
        tail(&ended.transcript)
    );
    for version in cluster.versions() {
        assert!(version.contains("20240627"), "{version}");
    }
    let counts = cluster.counts("update");
    assert!(
        counts.iter().all(|count| *count == 2),
        "update.sh ran {counts:?} times: step 1 and step 2 once each"
    );
}

#[test]
fn three_nodes_are_upgraded_over_ssh_from_checks_to_report() {
    let Some(cluster) = RealCluster::start(3, 31) else {
        return;
    };
    let ended = walk(&cluster, &["run", &cluster.file_arg(), "--plain"]);
    every_node_is_upgraded_and_synced(&cluster, &ended);
    // The order of the vendor: all stopped before the first update, nothing started before the last.
    let at = |text: &str| {
        ended
            .transcript
            .find(text)
            .unwrap_or_else(|| panic!("{text} is not told:\n{}", ended.transcript))
    };
    assert!(at("HOLD gate stop/stop-all") < at("HOLD gate upgrade/update@st1"));
    assert!(at("HOLD gate upgrade/update@st3") < at("HOLD gate start/start-primary"));
    assert!(at("HOLD gate start/start-primary") < at("HOLD manual sync/synchronise"));
    // Afterwards the journal is intact and the report is there.
    let runs = run(&cluster.state(), &["runs"]);
    assert!(runs.transcript.contains("finished"), "{}", runs.transcript);
    let id = runs
        .transcript
        .lines()
        .find(|line| line.contains("st-test"))
        .and_then(|line| line.split_whitespace().next());
    let verified = run(
        &cluster.state(),
        &["verify", id.expect("the run is listed")],
    );
    assert_eq!(
        verified.code,
        Some(0),
        "{}{}",
        verified.transcript,
        verified.errors
    );
}

#[test]
fn a_check_and_a_dry_run_change_nothing() {
    let Some(cluster) = RealCluster::start(2, 32) else {
        return;
    };
    let checked = walk(&cluster, &["check", &cluster.file_arg(), "--plain"]);
    assert_eq!(
        checked.code,
        Some(0),
        "{}\n{}",
        tail(&checked.transcript),
        checked.errors
    );
    let dry = walk(&cluster, &["dry-run", &cluster.file_arg(), "--plain"]);
    assert_eq!(
        dry.code,
        Some(0),
        "{}\n{}",
        tail(&dry.transcript),
        dry.errors
    );
    for command in [
        "update.sh",
        "stop_all",
        "start_all",
        "stop_tm",
        "stop_monitord",
        "start_tm",
    ] {
        let counts = cluster.counts(command);
        assert!(
            counts.iter().all(|count| *count == 0),
            "{command} ran {counts:?} times"
        );
    }
    assert!(!cluster.has_jobs(), "a dry run left a job on a node");
    assert!(
        cluster
            .versions()
            .iter()
            .all(|version| version.ends_with("5.4")),
        "{:?}",
        cluster.versions()
    );
}

#[test]
fn killed_in_the_middle_of_the_update_it_goes_on_where_it_was() {
    let Some(cluster) = RealCluster::start(2, 33) else {
        return;
    };
    cluster.doubles.nodes[0].behave("update.slow", "6");
    let mut walk = Walk::start(&cluster.state(), &["run", &cluster.file_arg(), "--plain"]);
    let mut hold = String::new();
    while let Some(line) = walk.line() {
        if line.starts_with("HOLD ") {
            hold = line.clone();
        }
        if let Some(expected) = line.strip_prefix("  expect: ") {
            walk.type_line(&diligent(&cluster, &hold, expected));
            if hold == "HOLD gate upgrade/update@st1" {
                break;
            }
        }
    }
    eventually("the update of st1 runs", Duration::from_secs(120), || {
        cluster.counts("update")[0] == 2
    });
    let pid = Pid::from_raw(i32::try_from(walk.pid()).expect("a pid")).expect("a pid");
    kill_process(pid, Signal::KILL).expect("it is ours");
    let killed = walk.end();
    assert_eq!(killed.code, None, "it was killed");
    let resumed = go_on(
        &cluster,
        Walk::start(&cluster.state(), &["resume", "--plain"]),
        |_| None,
    );
    assert!(
        resumed.transcript.contains("HOLD decide resume"),
        "{}",
        tail(&resumed.transcript)
    );
    every_node_is_upgraded_and_synced(&cluster, &resumed);
}

#[test]
fn a_cut_link_stops_nothing_and_loses_no_end() {
    let Some(cluster) = RealCluster::start(2, 34) else {
        return;
    };
    cluster.doubles.nodes[1].behave("update.slow", "4");
    let mut walk = Walk::start(&cluster.state(), &["run", &cluster.file_arg(), "--plain"]);
    let mut hold = String::new();
    while let Some(line) = walk.line() {
        if line.starts_with("HOLD ") {
            hold = line.clone();
        }
        if let Some(expected) = line.strip_prefix("  expect: ") {
            walk.type_line(&diligent(&cluster, &hold, expected));
            if hold == "HOLD gate upgrade/update@st2" {
                break;
            }
        }
    }
    eventually("the update of st2 runs", Duration::from_secs(120), || {
        cluster.counts("update")[1] == 2
    });
    cluster.servers[1].kill_connections();
    let ended = go_on(&cluster, walk, |_| None);
    every_node_is_upgraded_and_synced(&cluster, &ended);
}

#[test]
fn a_lying_update_is_a_contradiction_with_ways_out() {
    let Some(cluster) = RealCluster::start(2, 35) else {
        return;
    };
    cluster.doubles.nodes[0].behave("update.lie", "");
    let walk = Walk::start(&cluster.state(), &["run", &cluster.file_arg(), "--plain"]);
    let ended = go_on(&cluster, walk, |hold| {
        hold.starts_with("HOLD failure upgrade/")
            .then(|| "leave".into())
    });
    assert_eq!(
        ended.code,
        Some(5),
        "{}\n{}",
        tail(&ended.transcript),
        ended.errors
    );
    assert!(
        ended.transcript.contains("CONTRADICTION"),
        "{}",
        tail(&ended.transcript)
    );
    assert_eq!(cluster.counts("update")[1], 0, "the next node was touched");
}

#[test]
fn who_cannot_be_trusted_or_reached_is_refused() {
    let Some(cluster) = RealCluster::start(2, 36) else {
        return;
    };
    let check =
        |cluster: &RealCluster| run(&cluster.state(), &["check", &cluster.file_arg(), "--plain"]);
    // A changed host key is refused, and the stored line is named.
    cluster.servers[1].change_host_key();
    let changed = check(&cluster);
    assert_eq!(
        changed.code,
        Some(6),
        "{}{}",
        changed.transcript,
        changed.errors
    );
    assert!(
        changed.transcript.contains("known_hosts"),
        "{}",
        changed.transcript
    );
    // An unknown one is a question; without an answer nothing is trusted.
    std::fs::write(cluster.known_hosts(), "").expect("known_hosts");
    let unknown = check(&cluster);
    assert!(
        unknown.transcript.contains("HOLD host-key st"),
        "{}",
        unknown.transcript
    );
    assert_eq!(
        unknown.code,
        Some(6),
        "{}{}",
        unknown.transcript,
        unknown.errors
    );
    // Answered with yes it is kept, and not asked again.
    let accepted = go_on(
        &cluster,
        Walk::start(&cluster.state(), &["check", &cluster.file_arg(), "--plain"]),
        |hold| hold.starts_with("HOLD host-key").then(|| "yes".into()),
    );
    assert_eq!(
        accepted.code,
        Some(0),
        "{}{}",
        tail(&accepted.transcript),
        accepted.errors
    );
    let again = check(&cluster);
    assert_eq!(
        again.code,
        Some(0),
        "{}{}",
        tail(&again.transcript),
        again.errors
    );
    // A node that is away is told, and the exit code says so.
    cluster.servers[0].stop();
    let away = check(&cluster);
    assert_eq!(away.code, Some(6), "{}{}", away.transcript, away.errors);
    assert!(Path::new(&cluster.file()).exists());
}
