//! The whole walk for real: the built program, OpenSSH servers, doubles. Nothing in the program knows that the product is
//! not the real one.

use std::fs;
use std::path::Path;

use crate::support::urbancode::{RealServers, is_root};
use crate::support::walk::{Ended, Walk, run, tail, usual};

/// What somebody at the terminal does about a hold.
pub(super) enum Does {
    /// What a diligent operator of a healthy cluster does.
    Usual,
    Types(String),
}

pub(super) fn types(text: &str) -> Does {
    Does::Types(text.into())
}

/// Walks the cluster with somebody who also does what is asked outside the program: empties and fills the pool of the load
/// balancer. `answer` is given each hold's first line and its text; `sees` every line that is printed.
pub(super) fn walk(
    cluster: &RealServers,
    verb: &str,
    mut answer: impl FnMut(&str, &str) -> Does,
    mut sees: impl FnMut(&str),
) -> Ended {
    let mut walk = Walk::start(&cluster.state(), &[verb, &cluster.file_arg(), "--plain"]);
    let (mut hold, mut text, mut answers) = (String::new(), String::new(), 0);
    while let Some(line) = walk.line() {
        sees(&line);
        if line.starts_with("HOLD ") {
            hold = line.clone();
            text.clear();
        }
        text.push_str(&line);
        text.push('\n');
        let Some(expected) = line.strip_prefix("  expect: ") else {
            continue;
        };
        match hold.as_str() {
            "HOLD attest stop/pool-out" => cluster.servers.balancer.fill(false),
            "HOLD attest finish/pool-in" | "HOLD attest start-again/pool-in" => {
                cluster.servers.balancer.fill(true);
            }
            _ => {}
        }
        match answer(&hold, &text) {
            Does::Usual if hold.starts_with("HOLD prompt ") => walk.type_line("enter"),
            Does::Usual => walk.type_line(&usual(expected)),
            Does::Types(text) => walk.type_line(&text),
        }
        answers += 1;
        assert!(
            answers < 150,
            "it goes round in circles:\n{}",
            tail(&walk.transcript)
        );
    }
    walk.end()
}

/// Where a text stands in the transcript.
pub(super) fn at(ended: &Ended, text: &str) -> usize {
    let found = ended.transcript.find(text);
    found.unwrap_or_else(|| {
        panic!(
            "{text} is not told:\n{}\n{}",
            tail(&ended.transcript),
            ended.errors
        )
    })
}

pub(super) fn in_this_order(ended: &Ended, texts: &[&str]) {
    let places: Vec<usize> = texts.iter().map(|text| at(ended, text)).collect();
    assert!(places.is_sorted(), "{texts:#?} at {places:?}");
}

pub(super) fn ends_with(ended: &Ended, code: i32, words: &str) {
    assert_eq!(
        ended.code,
        Some(code),
        "{}\n{}",
        tail(&ended.transcript),
        ended.errors
    );
    at(ended, words);
}

/// Whether the run's folder (journal, transcripts, report) holds these words.
pub(super) fn is_kept(folder: &Path, words: &str) -> bool {
    let Ok(entries) = fs::read_dir(folder) else {
        return false;
    };
    entries.flatten().map(|entry| entry.path()).any(|path| {
        if path.is_dir() {
            return is_kept(&path, words);
        }
        fs::read(&path).is_ok_and(|content| String::from_utf8_lossy(&content).contains(words))
    })
}

#[test]
fn three_servers_are_upgraded_over_ssh_from_checks_to_report() {
    let Some(cluster) = RealServers::start(3, 61) else {
        return;
    };
    for node in &cluster.servers.nodes {
        node.behave("installer.terminal", "");
    }
    let ended = walk(&cluster, "run", |_, _| Does::Usual, |_| {});
    ends_with(&ended, 0, "run: finished, upgraded, no open debt");
    // The vendor's order: all stopped before the first installer, the first back before the others are touched.
    let story = cluster.servers.story();
    let mut stops = story[..3].to_vec();
    stops.sort();
    assert_eq!(stops, ["first stop", "second stop", "third stop"]);
    let upgrades = ["first", "second", "third"]
        .map(|name| [format!("{name} install"), format!("{name} start")]);
    assert_eq!(story[3..], upgrades.concat());
    in_this_order(
        &ended,
        &[
            "debt maintenance-mode: opened",
            "HOLD attest quiesce/dashboard",
            "debt out-of-the-load-balancer: opened",
            "HOLD gate stop/stop",
            "stop/prove-stopped: done",
            "stop/front-silent: done",
            "HOLD attest backup/backup-made",
            "HOLD gate first/upgrade",
            "it asks: Upgrading while processes are running is not supported, and server upgrades cannot be rolled back.",
            "HOLD attest first/online",
            "HOLD gate others/upgrade@second",
            "HOLD gate others/upgrade@third",
            "debt out-of-the-load-balancer: paid",
            "debt maintenance-mode: paid",
        ],
    );
    // Nothing was to be moved on the network storage.
    assert!(!ended.transcript.contains("HOLD manual storage/layout"));
    assert_eq!(cluster.servers.database(), "7.1.0.0.1069281");
    for node in &cluster.servers.nodes {
        assert_eq!(node.installed(), "7.1.0.0.1069281");
        let home = node.home().display().to_string();
        let answers = node.calls("answers");
        assert!(answers.contains(&format!("=> {home}\n")), "{answers}");
    }
    let runs = run(&cluster.state(), &["runs"]);
    assert!(runs.transcript.contains("finished"), "{}", runs.transcript);
}

#[test]
fn a_check_and_a_dry_run_change_nothing() {
    let Some(cluster) = RealServers::start(2, 62) else {
        return;
    };
    for verb in ["check", "dry-run"] {
        let ended = walk(&cluster, verb, |_, _| Does::Usual, |_| {});
        assert_eq!(
            ended.code,
            Some(0),
            "{verb}: {}\n{}",
            tail(&ended.transcript),
            ended.errors
        );
    }
    assert!(
        cluster.servers.story().is_empty(),
        "{:?}",
        cluster.servers.story()
    );
    assert!(!cluster.has_jobs(), "a dry run left a job on a server");
    assert!(
        cluster
            .servers
            .nodes
            .iter()
            .all(|node| !node.package().exists())
    );
}

#[test]
fn whatever_the_installer_asks_is_answered_by_a_parameter_or_by_the_operator() {
    let Some(cluster) = RealServers::start(2, 63) else {
        return;
    };
    let [first, second] = &cluster.servers.nodes[..] else {
        panic!("two servers");
    };
    // The load balancer has a page of its own; the installers ask more than usual, and one thing that nobody expects.
    cluster.servers.balancer.show_page(true);
    for behaviour in ["installer.lb", "installer.secure", "installer.database"] {
        first.behave(behaviour, "");
    }
    second.behave("installer.lb", "");
    second.behave("installer.pager", "");
    second.set_property("agentcomm.uri", "");
    if is_root() {
        second.behave("installer.owner", "");
    }
    let answer = |hold: &str, text: &str| {
        if !hold.starts_with("HOLD prompt ") {
            Does::Usual
        } else if text.contains("always use secure connections") {
            assert!(
                text.contains("The procedure does not know this question."),
                "{text}"
            );
            assert!(
                text.contains("expect: one of answer, enter, leave"),
                "{text}"
            );
            types("answer Y")
        } else if text.contains("> Do you want to upgrade the database?") {
            assert!(
                text.contains("On the first server it must be upgraded."),
                "{text}"
            );
            types("answer y")
        } else {
            let known = text.contains("thinks that a server may be running")
                || text.contains("The installer's own last warning");
            assert!(known, "{text}");
            Does::Usual
        }
    };
    let sees = |line: &str| {
        if line.contains("stop/front-silent: started") {
            cluster.servers.balancer.show_page(false);
        }
    };
    let ended = walk(&cluster, "run", answer, sees);
    ends_with(&ended, 0, "run: finished, upgraded, no open debt");
    in_this_order(
        &ended,
        &[
            "stop/front-silent: started",
            "front=silent",
            "HOLD gate first/upgrade",
        ],
    );
    let answers = first.calls("answers");
    for wanted in [
        "SSL? Y,n [Default Y] => Y\n",
        "upgrade the database? Y,n [Default n] => y\n",
    ] {
        assert!(answers.contains(wanted), "{answers}");
    }
    let answers = second.calls("answers");
    assert!(
        answers.contains("F shows all => F\n") && answers.contains("wss://second:7919]: => \n"),
        "{answers}"
    );
    assert!(!answers.contains("database?"), "{answers}");
    if is_root() {
        // The files of the first belong to the right user already; those of the second are given back.
        at(&ended, "first first/owner: done, already so");
        at(&ended, "second others/owner: started");
    }
}
