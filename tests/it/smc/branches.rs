//! The what-ifs of the vendor's page, for real.

use std::cell::Cell;

use super::walk::{at, every_server_is_upgraded_and_synced, status};
use crate::support::smc::{BY_INSTALLER, RealSmc, SmcNode};
use crate::support::walk::{Ended, Walk, tail, usual};

/// Walks to the end; `other` may answer a hold, or do something before the diligent operator answers it.
fn go(cluster: &RealSmc, mut other: impl FnMut(&str) -> Option<String>) -> Ended {
    let arguments = ["run", &cluster.file_arg(), "--plain"];
    Walk::start(&cluster.state(), &arguments).guide(|hold, _| {
        other(hold).or_else(|| {
            cluster.lend_a_hand(hold);
            None
        })
    })
}

/// The degraded menu's Set Standby and Stop Replication, or the command for it.
fn force_standby(node: &SmcNode) -> String {
    let ended = node.command("smc/bin/sgReplicationAdmin.sh", &["-force_standby"]);
    assert!(ended.status.success(), "{ended:?}");
    "done it is a Standby again".into()
}

#[test]
fn a_server_that_was_not_upgraded_becomes_active_by_itself() {
    let more = "standbys = \"exclude\"\nbackup = \"none\"\n".to_string() + BY_INSTALLER;
    let Some(cluster) = RealSmc::start(2, 79, &more) else {
        return;
    };
    let doubles = &cluster.doubles;
    let mut walk = Walk::start(&cluster.state(), &["run", &cluster.file_arg(), "--plain"]);
    let (mut hold, mut seen, mut answers) = (String::new(), false, 0);
    while let Some(line) = walk.line() {
        if line.starts_with("HOLD ") {
            hold = line.clone();
        }
        let Some(expected) = line.strip_prefix("  expect: ") else {
            continue;
        };
        let answer = match hold.as_str() {
            "HOLD attest active/client-check" if !seen => {
                doubles.nodes[1].activate();
                // The human is still looking at the client when the next look at smc2 shows it.
                while let Some(line) = walk.line() {
                    if line.contains("smc2 facts: ") && line.contains("role=active") {
                        break;
                    }
                }
                seen = true;
                usual(expected)
            }
            "HOLD failure invariant/one-active" | "HOLD failure invariant/no-old-active" => {
                ":branch old-server-active the network was down".into()
            }
            "HOLD manual old-server-active/set-standby@smc2" => force_standby(&doubles.nodes[1]),
            name if name.starts_with("HOLD failure resurrected/") => {
                "accept it was Active meanwhile".into()
            }
            _ => {
                cluster.lend_a_hand(&hold);
                usual(expected)
            }
        };
        walk.type_line(&answer);
        answers += 1;
        assert!(
            answers < 100,
            "round in circles:\n{}",
            tail(&walk.transcript)
        );
    }
    let ended = walk.end();
    every_server_is_upgraded_and_synced(&cluster, &ended);
    let alarm = &ended.transcript[at(&ended, "BROKEN RULE")..];
    assert!(alarm.contains("old-server-active"), "{alarm}");
    let order = [
        "HOLD failure invariant/",
        "HOLD attest old-server-active/nobody-worked",
        "HOLD manual old-server-active/set-standby@smc2",
        "HOLD gate old-server-active/stop",
        "HOLD gate standbys/upgrade-by-command@smc2",
    ];
    let places: Vec<usize> = order.iter().map(|hold| at(&ended, hold)).collect();
    assert!(places.is_sorted(), "{places:?}");
    assert_eq!(doubles.upgrade_order(), ["smc1", "smc2"]);
}

#[test]
fn the_upgrade_of_the_active_is_cancelled_and_reverted() {
    let Some(cluster) = RealSmc::start(2, 80, "backup = \"none\"") else {
        return;
    };
    let doubles = &cluster.doubles;
    let taken = Cell::new(false);
    let ended = go(&cluster, |hold| match hold {
        "HOLD manual active/upgrade@smc1" => {
            // The snapshot of the machine is reverted: the old server comes up again.
            doubles.nodes[0].systemctl("start");
            Some("not-done cancelled, the snapshot is reverted".into())
        }
        "HOLD failure active/upgrade@smc1" if !taken.replace(true) => {
            Some(":branch active-cancelled the installer found a full disk".into())
        }
        _ => None,
    });
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
            .contains("run: finished, turned back, no open debt"),
        "{}",
        tail(&ended.transcript)
    );
    let order = [
        "HOLD attest active-cancelled/reverted",
        "HOLD manual active-cancelled/exclude-all@smc1",
        "HOLD gate active-cancelled/start-standbys",
        "HOLD manual active-cancelled/initialise@smc2",
    ];
    let places: Vec<usize> = order.iter().map(|hold| at(&ended, hold)).collect();
    assert!(places.is_sorted(), "{places:?}");
    assert!(doubles.upgrade_order().is_empty());
    assert!(status(&doubles.nodes[0]).contains("\"ACT_REP|"));
    assert!(status(&doubles.nodes[1]).contains("\"STB_REP|"));
}
