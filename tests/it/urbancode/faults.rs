//! What the operator sees when something is wrong, and which ways out are offered.

use std::cell::Cell;
use std::fs;

use super::real::{Does, at, ends_with, in_this_order, is_kept, types, walk};
use crate::support::urbancode::RealServers;
use crate::support::walk::{Ended, tail};

/// The text of a hold, up to what may be answered.
fn shown<'a>(ended: &'a Ended, hold: &str) -> &'a str {
    let text = &ended.transcript[at(ended, hold)..];
    let end = text.find("  expect: ").unwrap_or(text.len());
    &text[..end]
}

/// Goes on until the first hold that begins so, and leaves there.
fn leave_at(cluster: &RealServers, start: &str, sees: impl FnMut(&str)) -> Ended {
    let answer = |hold: &str, _: &str| match hold.starts_with(start) {
        true => types("leave"),
        false => Does::Usual,
    };
    walk(cluster, "run", answer, sees)
}

#[test]
fn bad_states_fail_their_checks_and_say_what_to_do() {
    let Some(cluster) = RealServers::start(2, 64) else {
        return;
    };
    cluster.write(&cluster.text("installer = \"silent\""));
    let [first, second] = &cluster.servers.nodes[..] else {
        panic!("two servers");
    };
    cluster.servers.set_activity("[{\"id\":\"17\"}]");
    first.set_property("agentcomm.uri", "");
    second.behave("stop.leave-pid", "");
    assert!(second.command("stop").success());
    let version = second.home().join("conf/installed.version");
    fs::write(version, "installed.version=7.0.1.0.1\n").expect("written");
    let answer = |hold: &str, _: &str| match hold.starts_with("HOLD failure ") {
        true => types("leave"),
        false => Does::Usual,
    };
    let ended = walk(&cluster, "check", answer, |_| {});
    assert_eq!(
        ended.code,
        Some(3),
        "{}\n{}",
        tail(&ended.transcript),
        ended.errors
    );
    for told in [
        "first check agent-address: FAILS",
        "cluster check source-version: FAILS",
        "second check source-stamp: FAILS",
        "second check stale-pid: FAILS",
        "cluster check no-process: FAILS",
        "cluster check all-running: FAILS",
    ] {
        at(&ended, told);
    }
}

#[test]
fn after_a_failed_migration_only_the_restore_leads_back() {
    let Some(cluster) = RealServers::start(2, 65) else {
        return;
    };
    let first = &cluster.servers.nodes[0];
    first.behave("installer.migration", "");
    let ended = leave_at(&cluster, "HOLD failure first/upgrade@first", |_| {});
    ends_with(&ended, 5, "first facts: migration=begun");
    let hold = shown(&ended, "HOLD failure first/upgrade@first");
    let told = "the database is half migrated: restore it before another attempt";
    assert!(hold.contains(told), "{hold}");
    // Starting the old servers is not offered any more.
    assert!(hold.contains("Give up: restore database"), "{hold}");
    assert!(!hold.contains("start the old servers again"), "{hold}");
    let kept = "The migration of the database had begun";
    assert!(is_kept(&cluster.state(), kept));
    assert_eq!(cluster.servers.nodes[1].count("installer"), 0);
    assert!(cluster.servers.database().starts_with("half way"));
}

#[test]
fn a_failure_before_the_migration_lets_the_old_cluster_be_started_again() {
    let Some(cluster) = RealServers::start(2, 66) else {
        return;
    };
    cluster.servers.nodes[0].behave("installer.fail", "");
    let answer = |hold: &str, _: &str| match hold {
        "HOLD failure first/upgrade@first" => types("turn-back the window is too short"),
        _ => Does::Usual,
    };
    let ended = walk(&cluster, "run", answer, |_| {});
    ends_with(&ended, 0, "run: finished, turned back, no open debt");
    let hold = shown(&ended, "HOLD failure first/upgrade@first");
    assert!(hold.contains("start the old servers again"), "{hold}");
    in_this_order(
        &ended,
        &[
            "HOLD gate start-again/start",
            "HOLD attest start-again/pool-in",
            "HOLD attest start-again/maintenance-off",
            "debt maintenance-mode: paid",
        ],
    );
    for node in &cluster.servers.nodes {
        assert!(
            node.installed().starts_with("7.0.2.1"),
            "{}",
            node.installed()
        );
        assert_eq!(node.count("server-start"), 1);
    }
}

#[test]
fn a_first_server_that_is_never_ready_keeps_the_others_untouched() {
    let Some(cluster) = RealServers::start(2, 67) else {
        return;
    };
    let text = cluster
        .text("")
        .replace("ready_timeout = \"90s\"", "ready_timeout = \"3s\"");
    cluster.write(&text);
    let refused = Cell::new(false);
    let answer = |hold: &str, _: &str| match hold {
        // The administrator of the database finds a session first, of a standby server that nobody listed.
        "HOLD attest stop/no-other-session" if !refused.replace(true) => {
            types("no the old standby is connected")
        }
        "HOLD gate first/upgrade" => {
            cluster.servers.nodes[0].behave("web.code", "503");
            Does::Usual
        }
        "HOLD failure first/start@first" => types("leave"),
        _ => Does::Usual,
    };
    let ended = walk(&cluster, "run", answer, |_| {});
    ends_with(&ended, 5, "HOLD failure first/start@first");
    assert!(
        ended.transcript.contains("the old standby is connected"),
        "{}",
        tail(&ended.transcript)
    );
    let hold = shown(&ended, "HOLD failure first/start@first");
    assert!(
        hold.contains("503: still starting") && hold.contains("Keep the other servers stopped."),
        "{hold}"
    );
    assert!(is_kept(
        &cluster.state(),
        "/cli/systemConfiguration answers 503 (starting)"
    ));
    let second = &cluster.servers.nodes[1];
    assert_eq!(
        (second.count("installer"), second.count("server-start")),
        (0, 0)
    );
    at(&ended, "first first/upgrade: done, observed");
}

#[test]
fn a_stopped_server_that_is_still_on_the_database_holds_the_run() {
    let Some(cluster) = RealServers::start(2, 68) else {
        return;
    };
    cluster.servers.nodes[1].behave("stop.leave-session", "");
    let ended = leave_at(&cluster, "HOLD failure stop/", |_| {});
    ends_with(&ended, 5, "HOLD failure stop/stop@second");
    let hold = shown(&ended, "HOLD failure stop/stop@second");
    assert!(
        hold.contains("CONTRADICTION") && hold.contains("database=reached (wanted apart)"),
        "{hold}"
    );
    assert!(
        cluster
            .servers
            .story()
            .iter()
            .all(|told| told.ends_with(" stop"))
    );
}

#[test]
fn a_server_that_comes_back_while_the_first_one_upgrades_breaks_the_rule() {
    let Some(cluster) = RealServers::start(2, 69) else {
        return;
    };
    let [first, second] = &cluster.servers.nodes[..] else {
        panic!("two servers");
    };
    first.behave("installer.hang", "");
    let answer = |hold: &str, _: &str| match hold {
        "HOLD failure invariant/first-alone-on-the-database" => types("leave"),
        hold if hold.starts_with("HOLD failure resurrected/") => {
            types("accept somebody started it by hand")
        }
        _ => Does::Usual,
    };
    let started = Cell::new(false);
    let sees = |line: &str| {
        if line.contains("version=updating") && !started.replace(true) {
            assert!(
                second.command("start").success(),
                "somebody starts it by hand"
            );
        }
    };
    let ended = walk(&cluster, "run", answer, sees);
    let told = "rule first-alone-on-the-database: BROKEN";
    in_this_order(
        &ended,
        &["HOLD gate first/upgrade", "version=updating", told],
    );
    let hold = shown(&ended, "HOLD failure invariant/first-alone-on-the-database");
    assert!(
        hold.contains("no other server runs or reaches the database"),
        "{hold}"
    );
    // It comes up in steps, and the first of them breaks the rule already.
    let second_now = hold.split("second: ").nth(1);
    let at_rest = |told: &str| told.starts_with("database=apart service=stopped");
    assert!(second_now.is_some_and(|told| !at_rest(told)), "{hold}");
    assert_eq!(second.count("installer"), 0);
}
