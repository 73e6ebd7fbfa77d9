//! What may go wrong when all nodes are upgraded: on clusters that are, so that nothing has to reboot; and in rehearsals.

use std::fs;

use super::told;
use crate::support::ghes::{FEATURE, RealCluster, UPGRADE};
use crate::support::walk::{Ended, Walk, usual};

/// Two nodes on the target already, whose last configuration run has ended.
fn upgraded(first_ip: u8) -> Option<RealCluster> {
    let cluster = RealCluster::start(UPGRADE, 2, first_ip)?;
    for node in &cluster.doubles.nodes {
        node.set_state("version", FEATURE);
        node.set_state("config-run", "1");
    }
    Some(cluster)
}

fn walk(cluster: &RealCluster, other: impl FnMut(&str, &str) -> Option<String>) -> Ended {
    let file = cluster.site.file_arg();
    Walk::start(&cluster.site.state(), &["run", &file, "--plain"]).guide(other)
}

#[test]
fn a_service_that_still_answers_503_holds_the_end() {
    let Some(cluster) = upgraded(151) else {
        return;
    };
    let ended = walk(&cluster, |hold, _| {
        if hold == "HOLD gate open/unset" {
            cluster.doubles.node("ghe-app-1").behave("status", "503");
        }
        hold.starts_with("HOLD failure").then(|| "leave".into())
    });
    told(
        &ended,
        5,
        &[
            "HOLD failure open/in-service@ghe-app-1",
            "503 after maintenance mode was lifted",
            "retry",
        ],
    );
    assert!(cluster.printed().contains("answers 503 and not 200"));
    assert!(!cluster.doubles.node("ghe-app-1").in_maintenance());
}

#[test]
fn maintenance_mode_that_may_not_be_lifted_yet_is_waited_for() {
    let Some(cluster) = upgraded(152) else {
        return;
    };
    for node in &cluster.doubles.nodes {
        let login = "machine localhost login api_key password secret\n";
        fs::write(node.dir.join("admin/netrc"), login).expect("a login");
    }
    // The same path on every real node; here the first one's file serves both.
    let netrc = cluster.doubles.nodes[0].dir.join("admin/netrc");
    cluster.write(UPGRADE, &format!("manage_api = {netrc:?}"));
    let file = cluster.site.file_arg();
    let mut walk = Walk::start(&cluster.site.state(), &["run", &file, "--plain"]);
    let (mut hold, mut waited) = (String::new(), false);
    while let Some(line) = walk.line() {
        if line.starts_with("HOLD ") {
            assert!(!line.starts_with("HOLD failure"), "{}", walk.transcript);
            hold = line.clone();
        }
        if line.contains("open/may-open: started") {
            waited = true;
            // Nobody was asked to open the cluster, and nobody tried.
            assert!(!walk.transcript.contains("HOLD gate open/unset"));
            for node in &cluster.doubles.nodes {
                assert!(!node.calls("ghe-cluster-maintenance").contains("-u"));
                node.behave_well("cannot-unset");
            }
        }
        let Some(expected) = line.strip_prefix("  expect: ") else {
            continue;
        };
        if hold == "HOLD gate configure/config-apply" {
            let nodes = cluster.doubles.nodes.iter();
            nodes.for_each(|node| node.behave("cannot-unset", ""));
        }
        walk.type_line(&usual(expected));
    }
    let transcript = walk.transcript.clone();
    let ended = walk.end();
    assert!(waited, "{transcript}");
    assert_eq!(ended.code, Some(0), "{}{}", ended.transcript, ended.errors);
    assert!(!cluster.printed().contains("secret"));
}

/// Rehearses with one fault, up to the first failure, which is left.
fn drill(when: &str, what: &str) -> Ended {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("drill.toml");
    let text = format!(
        "title = \"a fault\"\nabout = \"one thing goes wrong\"\n\n[[fault]]\nwhen = \"{when}\"\nwhat = \"{what}\"\n"
    );
    fs::write(&file, text).expect("the drill");
    let file = file.display().to_string();
    let arguments = [
        "rehearse", UPGRADE, "--plain", "--speed", "max", "--nodes", "3", "--drill", &file,
    ];
    Walk::start(&folder.path().join("state"), &arguments).guide(|hold, _| {
        let failed = hold.starts_with("HOLD failure") || hold.starts_with("HOLD doubt");
        failed.then(|| "leave".into())
    })
}

#[test]
fn a_configuration_run_that_never_ends_is_a_failure_after_three_hours() {
    let ended = drill("configure/config-run@*", "hang");
    told(
        &ended,
        5,
        &[
            "did not come within 3h",
            "branch config-run-stuck",
            "config_run=none (wanted done)",
            "restore the snapshots of all nodes",
        ],
    );
    assert!(!ended.transcript.contains("HOLD gate open/unset"));
}

#[test]
fn a_failover_to_an_upgraded_node_breaks_the_rule_at_once() {
    let ended = drill("nodes/upgrade@*", "primary-moves");
    told(
        &ended,
        5,
        &[
            "BROKEN RULE primary-last: The MySQL primary is upgraded last",
            "one of look, turn-back, leave",
        ],
    );
}

#[test]
fn an_upgrade_that_does_nothing_is_a_contradiction() {
    let ended = drill("primary/upgrade@*", "lie");
    assert_ne!(ended.code, Some(0), "{}", ended.transcript);
    assert!(
        ended.transcript.contains("CONTRADICTION"),
        "{}",
        ended.transcript
    );
}
