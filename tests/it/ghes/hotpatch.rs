//! The hotpatch for real: the built program, OpenSSH servers, doubles.

use crate::support::ghes::{HOTPATCH, PATCH, RealCluster};
use crate::support::walk::{Ended, Walk, tail, usual};

fn walk(cluster: &RealCluster, other: impl FnMut(&str, &str) -> Option<String>) -> Ended {
    let file = cluster.site.file_arg();
    Walk::start(&cluster.site.state(), &["run", &file, "--plain"]).guide(other)
}

#[test]
fn one_command_patches_every_node() {
    let Some(cluster) = RealCluster::start(HOTPATCH, 3, 87) else {
        return;
    };
    let ended = walk(&cluster, |_, _| None);
    assert_eq!(
        ended.code,
        Some(0),
        "{}\n{}",
        tail(&ended.transcript),
        ended.errors
    );
    assert_eq!(cluster.doubles.versions(), [PATCH; 3]);
    let ran = cluster.doubles.nodes.iter();
    let ran: usize = ran.map(|node| node.count("ghe-cluster-hotpatch")).sum();
    assert_eq!(ran, 1);
    assert!(cluster.reboots().is_empty());
    assert!(!ended.transcript.contains("HOLD gate maintenance/set"));
}

#[test]
fn one_node_that_stays_behind_holds_the_run() {
    let Some(cluster) = RealCluster::start(HOTPATCH, 3, 88) else {
        return;
    };
    cluster
        .doubles
        .node("ghe-data-2")
        .behave("hotpatch.fail", "");
    let ended = walk(&cluster, |hold, _| {
        hold.starts_with("HOLD failure install/hotpatch")
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
        cluster.printed().contains("not enough free space"),
        "{}",
        cluster.printed()
    );
    for word in [
        "known of ghe-data-2: version=3.16.4 (wanted 3.16.8)",
        "retry",
        "one-node-behind",
    ] {
        assert!(
            ended.transcript.contains(word),
            "{word}:\n{}",
            tail(&ended.transcript)
        );
    }
}

#[test]
fn an_announced_reboot_is_made_one_node_at_a_time() {
    let Some(cluster) = RealCluster::start(HOTPATCH, 2, 89) else {
        return;
    };
    cluster
        .doubles
        .node("ghe-app-1")
        .behave("hotpatch.reboot", "");
    let file = cluster.site.file_arg();
    let mut walk = Walk::start(&cluster.site.state(), &["run", &file, "--plain"]);
    let mut hold = String::new();
    let mut taken = false;
    while let Some(line) = walk.line() {
        if line.starts_with("HOLD ") {
            hold = line.clone();
        }
        if line.contains("verify/reboot requires") && !taken {
            taken = true;
            walk.type_line(":branch reboot-required the flag is there");
        }
        if let Some(expected) = line.strip_prefix("  expect: ") {
            // The hold may be told before the branch is taken; it is answered by taking it.
            if hold == "HOLD failure verify/reboot" {
                continue;
            }
            assert!(!hold.starts_with("HOLD failure"), "{}", walk.transcript);
            walk.type_line(&usual(expected));
        }
    }
    let ended = walk.end();
    assert_eq!(
        ended.code,
        Some(0),
        "{}\n{}",
        tail(&ended.transcript),
        ended.errors
    );
    assert!(taken, "{}", ended.transcript);
    assert_eq!(cluster.reboots(), ["ghe-app-1"]);
    assert!(
        ended
            .transcript
            .contains("HOLD gate reboot-required/reboot@ghe-app-1")
    );
}
