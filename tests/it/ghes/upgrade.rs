//! The upgrade with a package for real: the built program, OpenSSH servers, doubles that reboot.

use super::told;
use crate::support::ghes::{FEATURE, RealCluster, UPGRADE, package};
use crate::support::walk::{Ended, Walk, run, usual};

/// Walks with the usual operator; `other` may answer a hold before that one does.
fn walk(
    cluster: &RealCluster,
    command: &str,
    other: impl FnMut(&str, &str) -> Option<String>,
) -> Ended {
    let file = cluster.site.file_arg();
    Walk::start(&cluster.site.state(), &[command, &file, "--plain"]).guide(other)
}

/// Leaves at the first hold whose line begins with `at`, after doing something there.
fn leave_at(at: &'static str) -> impl FnMut(&str, &str) -> Option<String> {
    move |hold, _| hold.starts_with(at).then(|| "leave".into())
}

#[test]
fn every_node_and_at_last_the_primary_is_upgraded_and_rebooted() {
    let Some(cluster) = RealCluster::start(UPGRADE, 3, 141) else {
        return;
    };
    // The question is asked, and answered by the procedure.
    cluster.write(UPGRADE, "answer_yes = false");
    let ended = walk(&cluster, "run", |_, _| None);
    told(&ended, 0, &["run: finished, upgraded, no open debt"]);
    assert_eq!(cluster.doubles.versions(), [FEATURE; 3]);
    assert_eq!(cluster.reboots(), ["ghe-app-1", "ghe-data-2", "ghe-data-1"]);
    let at = |text: &str| {
        let found = ended.transcript.find(text);
        found.unwrap_or_else(|| panic!("{text} is not told:\n{}", ended.transcript))
    };
    assert!(at("HOLD gate maintenance/set") < at("HOLD gate nodes/upgrade@ghe-app-1"));
    assert!(at("HOLD gate nodes/upgrade@ghe-data-2") < at("HOLD gate primary/upgrade@ghe-data-1"));
    assert!(at("HOLD gate primary/upgrade@ghe-data-1") < at("HOLD gate configure/config-apply"));
    assert!(at("HOLD gate configure/config-apply") < at("HOLD gate open/unset"));
    // One download command for all nodes; one upgrade on each; the question was answered.
    let count = |command: &str| -> usize {
        let nodes = cluster.doubles.nodes.iter();
        nodes.map(|node| node.count(command)).sum()
    };
    assert_eq!(count("upgrade-installs"), 3);
    assert_eq!(count("ghe-cluster-config-apply"), 1);
    assert!(
        cluster
            .doubles
            .nodes
            .iter()
            .all(|node| !node.in_maintenance())
    );
    assert!(
        cluster
            .printed()
            .contains("Proceed with installation? [y/N]")
    );
}

#[test]
fn a_package_on_the_operators_machine_is_put_on_every_node() {
    let Some(cluster) = RealCluster::start(UPGRADE, 2, 142) else {
        return;
    };
    // Beside the cluster file, which names it without a folder.
    let here = cluster.site.folder.path().join("new-release.pkg");
    std::fs::write(&here, format!("{FEATURE}\ngood\n")).expect("a package");
    cluster.write(
        UPGRADE,
        "package_from = \"upload\"\npackage = \"new-release.pkg\"",
    );
    let ended = walk(&cluster, "run", |hold, _| {
        (hold == "HOLD gate maintenance/set").then(|| ":leave".into())
    });
    told(
        &ended,
        4,
        &[
            "prepare/upload: done, observed",
            "prepare/package: done",
            "prepare/packages-alike: done",
        ],
    );
    for node in &cluster.doubles.nodes {
        let there = node.dir.join("admin").join(package(FEATURE));
        let text = std::fs::read_to_string(there).expect("it lies on the node");
        assert_eq!(text, format!("{FEATURE}\ngood\n"), "{}", node.name);
    }
    assert_eq!(cluster.doubles.node("ghe-data-1").count("curl"), 0);
}

#[test]
fn a_check_blocks_on_what_is_not_in_order() {
    let Some(cluster) = RealCluster::start(UPGRADE, 2, 143) else {
        return;
    };
    let file = cluster.site.file_arg();
    cluster
        .doubles
        .node("ghe-app-1")
        .behave("root-disk", "2000000");
    cluster.doubles.node("ghe-data-1").behave("jobs", "");
    let checked = run(&cluster.site.state(), &["check", &file, "--plain"]);
    told(
        &checked,
        3,
        &[
            "ghe-app-1 check root-disk: FAILS",
            "check last-feature-upgrade: FAILS",
        ],
    );
    cluster
        .doubles
        .node("ghe-app-1")
        .set_state("version", "3.16.3");
    let mixed = run(&cluster.site.state(), &["check", &file, "--plain"]);
    told(&mixed, 3, &["check same-version: FAILS"]);
}

#[test]
fn a_dry_run_changes_nothing() {
    let Some(cluster) = RealCluster::start(UPGRADE, 2, 144) else {
        return;
    };
    let ended = walk(&cluster, "dry-run", |_, _| None);
    told(&ended, 0, &[]);
    for node in &cluster.doubles.nodes {
        for command in [
            "ghe-upgrade",
            "ghe-cluster-maintenance",
            "ghe-cluster-config-apply",
        ] {
            assert_eq!(node.count(command), 0, "{command} ran on {}", node.name);
        }
    }
    assert!(!cluster.site.has_jobs());
}

#[test]
fn a_bad_signature_fails_the_step_and_touches_nobody_else() {
    let Some(cluster) = RealCluster::start(UPGRADE, 3, 145) else {
        return;
    };
    cluster
        .doubles
        .node("ghe-app-1")
        .behave("upgrade.bad-signature", "");
    // Only the upgrade itself finds out.
    cluster.doubles.node("ghe-app-1").behave("no-verify", "");
    let ended = walk(
        &cluster,
        "run",
        leave_at("HOLD failure nodes/upgrade@ghe-app-1"),
    );
    told(
        &ended,
        5,
        &[
            "HOLD failure nodes/upgrade@ghe-app-1",
            "check signing-key",
            "retry",
            "turn-back",
        ],
    );
    assert!(cluster.printed().contains("BAD signature"));
    assert!(cluster.reboots().is_empty());
    assert!(
        cluster
            .doubles
            .nodes
            .iter()
            .all(|node| node.in_maintenance())
    );
}

#[test]
fn a_node_that_comes_back_with_the_old_version_is_a_contradiction() {
    let Some(cluster) = RealCluster::start(UPGRADE, 2, 146) else {
        return;
    };
    cluster
        .doubles
        .node("ghe-app-1")
        .behave("old-partition", "");
    let ended = walk(
        &cluster,
        "run",
        leave_at("HOLD failure nodes/upgrade@ghe-app-1"),
    );
    told(
        &ended,
        5,
        &[
            "CONTRADICTION",
            "version=3.16.4 (wanted 3.17.7)",
            "old root partition",
        ],
    );
    assert_eq!(cluster.reboots(), ["ghe-app-1"]);
    assert_eq!(cluster.doubles.node("ghe-data-1").version(), "3.16.4");
}

#[test]
fn a_primary_that_moves_during_the_run_holds_it() {
    let Some(cluster) = RealCluster::start(UPGRADE, 3, 147) else {
        return;
    };
    let file = cluster.site.file_arg();
    let mut walk = Walk::start(&cluster.site.state(), &["run", &file, "--plain"]);
    let mut hold = String::new();
    let mut moved = false;
    while let Some(line) = walk.line() {
        if line.starts_with("HOLD ") {
            hold = line.clone();
        }
        let Some(expected) = line.strip_prefix("  expect: ") else {
            continue;
        };
        if hold == "HOLD gate primary/upgrade@ghe-data-1" && !moved {
            // Between the plan and the last step. The gate is left open: it closes by itself.
            moved = true;
            cluster.doubles.fail_over("ghe-data-1", "ghe-data-2");
        } else if hold.starts_with("HOLD failure") {
            walk.type_line("leave");
        } else if hold != "HOLD gate primary/upgrade@ghe-data-1" {
            walk.type_line(&usual(expected));
        }
    }
    let ended = walk.end();
    // Which node's probe sees it first decides which of the two rules speaks.
    assert!(matches!(ended.code, Some(4 | 5)), "{}", ended.transcript);
    for word in [
        "gate primary/upgrade@ghe-data-1: CLOSED",
        "primary/upgrade requires nodes.all(n, n.maintenance == 'on') && nodes.all(n, n.primary || n.version == target)",
    ] {
        let broken = ended.transcript.contains("BROKEN RULE primary-last");
        assert!(
            broken || ended.transcript.contains(word),
            "{word}:\n{}",
            ended.transcript
        );
    }
    assert!(!ended.transcript.contains("primary/upgrade: started"));
    assert_eq!(cluster.doubles.node("ghe-data-1").version(), "3.16.4");
    assert_eq!(cluster.reboots().len(), 2);
}

#[test]
fn a_node_that_never_comes_back_is_waited_for_and_nothing_else_is_begun() {
    let Some(cluster) = RealCluster::start(UPGRADE, 3, 148) else {
        return;
    };
    cluster.doubles.node("ghe-app-1").behave("never-back", "");
    let file = cluster.site.file_arg();
    let mut walk = Walk::start(&cluster.site.state(), &["run", &file, "--plain"]);
    let (mut waits, mut down) = (false, false);
    while let Some(line) = walk.line() {
        // Whether the link or the job tells first: a step that reboots is waited for.
        assert!(!line.contains("IN DOUBT"), "{}", walk.transcript);
        waits |= line.contains("ghe-app-1 nodes/upgrade: waits for its node");
        down |= line.contains("ghe-app-1 link: down");
        if waits && down {
            break;
        }
        if let Some(expected) = line.strip_prefix("  expect: ") {
            walk.type_line(&usual(expected));
        }
    }
    // It may still come back: until its time is over there is no way round it, and nothing else is begun.
    walk.type_line(":branch node-not-back it does not answer ping");
    while let Some(line) = walk.line() {
        if line.contains("nodes/upgrade@ghe-app-1 is still under way") {
            break;
        }
    }
    assert!(
        !walk
            .transcript
            .contains("HOLD gate nodes/upgrade@ghe-data-2")
    );
    assert_eq!(cluster.reboots(), ["ghe-app-1"]);
    assert_eq!(cluster.doubles.node("ghe-data-2").version(), "3.16.4");
}

#[test]
fn a_warning_and_a_question_that_nobody_knows_are_the_operators() {
    let Some(cluster) = RealCluster::start(UPGRADE, 2, 149) else {
        return;
    };
    cluster.write(UPGRADE, "answer_yes = false");
    cluster
        .doubles
        .node("ghe-app-1")
        .behave("upgrade.warns", "");
    cluster.doubles.node("ghe-app-1").behave("upgrade.asks", "");
    let ended = walk(&cluster, "run", |hold, _| {
        if hold == "HOLD prompt nodes/upgrade@ghe-app-1" {
            return Some("answer y".into());
        }
        hold.starts_with("HOLD failure").then(|| "leave".into())
    });
    told(
        &ended,
        0,
        &[
            "ghe-upgrade warns and asks whether to go on",
            "3 records cannot be decrypted",
            "The procedure does not know this question.",
            "Type y to keep the old firewall rules:",
        ],
    );
    assert_eq!(cluster.doubles.versions(), [FEATURE; 2]);
}
