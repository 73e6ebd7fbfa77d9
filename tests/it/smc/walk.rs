//! The whole walk for real: the built program, real OpenSSH servers, product doubles, and a human at the Management Client.

use crate::support::smc::{BY_INSTALLER, RealSmc, SmcNode};
use crate::support::walk::{Ended, Walk, run, tail};

/// Walks to the end as a diligent operator would; what the program cannot do is really done first.
pub(super) fn walk(cluster: &RealSmc, arguments: &[&str]) -> Ended {
    Walk::start(&cluster.state(), arguments).guide(|hold, _| {
        cluster.lend_a_hand(hold);
        None
    })
}

/// Where a text stands in the transcript.
#[track_caller]
pub(super) fn at(ended: &Ended, text: &str) -> usize {
    let found = ended.transcript.find(text);
    found.unwrap_or_else(|| panic!("{text} is not told:\n{}", ended.transcript))
}

#[track_caller]
pub(super) fn every_server_is_upgraded_and_synced(cluster: &RealSmc, ended: &Ended) {
    let end = tail(&ended.transcript);
    assert_eq!(ended.code, Some(0), "{end}\n{}", ended.errors);
    let finished = "run: finished, upgraded, no open debt";
    assert!(ended.transcript.contains(finished), "{end}");
    for (index, node) in cluster.doubles.nodes.iter().enumerate() {
        assert_eq!(node.calls("setup").len(), 1, "{}", node.name);
        let state = if index == 0 {
            "\"ACT_REP|"
        } else {
            "\"STB_REP|"
        };
        assert!(status(node).contains(state), "{}", status(node));
    }
}

/// What `-status` says on a node now.
pub(super) fn status(node: &SmcNode) -> String {
    let told = node.command("smc/bin/sgReplicationAdmin.sh", &["-status"]);
    String::from_utf8_lossy(&told.stdout).into_owned()
}

#[test]
fn three_servers_are_upgraded_with_the_management_client() {
    let Some(cluster) = RealSmc::start(3, 71, "") else {
        return;
    };
    let ended = walk(&cluster, &["run", &cluster.file_arg(), "--plain"]);
    every_server_is_upgraded_and_synced(&cluster, &ended);
    // The vendor's order: all stopped, the Active, its check by a human, the Standbys, their initialisation.
    let order = [
        "HOLD gate stop/stop-standbys",
        "HOLD gate stop/stop-active",
        "HOLD manual active/upgrade@smc1",
        "HOLD attest active/client-check",
        "HOLD manual standbys/upgrade@smc2",
        "HOLD manual standbys/upgrade@smc3",
        "HOLD manual initialise/initialise@smc2",
        "HOLD manual initialise/initialise@smc3",
        "HOLD attest verify/ha-window",
    ];
    let places: Vec<usize> = order.iter().map(|hold| at(&ended, hold)).collect();
    assert!(places.is_sorted(), "{places:?}");
    assert_eq!(cluster.doubles.upgrade_order(), ["smc1", "smc2", "smc3"]);
    // The upgrade of the Active had excluded the Standbys, so nobody was asked to.
    assert!(!ended.transcript.contains("HOLD manual leftover/exclude"));
    for node in &cluster.doubles.nodes {
        assert!(node.replication_commands().is_empty(), "{}", node.name);
    }
}

#[test]
fn standbys_keep_running_if_excluded_and_all_is_done_by_command() {
    let more =
        "standbys = \"exclude\"\nexclude = \"cli\"\ninitialise = \"cli\"\nbackup = \"command\"\n";
    let Some(cluster) = RealSmc::start(2, 72, &(more.to_string() + BY_INSTALLER)) else {
        return;
    };
    let ended = walk(&cluster, &["run", &cluster.file_arg(), "--plain"]);
    every_server_is_upgraded_and_synced(&cluster, &ended);
    assert!(
        !ended.transcript.contains("HOLD manual"),
        "{}",
        ended.transcript
    );
    let order = [
        "HOLD gate exclude/exclude-on-active",
        "HOLD gate stop/stop-active",
        "HOLD gate active/upgrade-by-command",
        "HOLD attest active/client-check",
        "HOLD gate standbys/upgrade-by-command@smc2",
        "HOLD gate initialise/init-standby@smc2",
    ];
    let places: Vec<usize> = order.iter().map(|gate| at(&ended, gate)).collect();
    assert!(places.is_sorted(), "{places:?}");
    let [active, standby] = &cluster.doubles.nodes[..] else {
        panic!("two servers");
    };
    assert_eq!(
        active.replication_commands(),
        ["-exclude standby-server-key=20"]
    );
    assert_eq!(
        standby.replication_commands(),
        ["-stop_replication", "-init_standby"]
    );
    // It ran on while the Active was upgraded, and was stopped for its own upgrade and for its initialisation.
    assert_eq!(
        standby.calls("systemctl"),
        ["stop", "start", "stop", "start"]
    );
}

#[test]
fn replication_can_be_arranged_through_the_api() {
    let more = "standbys = \"exclude\"\nexclude = \"rest\"\ninitialise = \"rest\"\nrest_command = \"smc-api\"\nbackup = \"none\"\n";
    let Some(cluster) = RealSmc::start(2, 73, &(more.to_string() + BY_INSTALLER)) else {
        return;
    };
    let ended = walk(&cluster, &["run", &cluster.file_arg(), "--plain"]);
    every_server_is_upgraded_and_synced(&cluster, &ended);
    let calls = cluster.doubles.nodes[1].calls("smc-api");
    assert_eq!(
        calls,
        [
            "/ha",
            "/ha/exclude server_name=smc2",
            "/ha/full_replication server_name=smc2"
        ]
    );
}

#[test]
fn a_check_and_a_dry_run_change_nothing() {
    let Some(cluster) = RealSmc::start(
        2,
        74,
        &("backup = \"command\"\n".to_string() + BY_INSTALLER),
    ) else {
        return;
    };
    for command in ["check", "dry-run"] {
        // Nobody does what a dry run asks for: it only shows what would be asked.
        let arguments = [command, &cluster.file_arg(), "--plain"];
        let ended = Walk::start(&cluster.state(), &arguments).guide(|_, _| None);
        let end = tail(&ended.transcript);
        assert_eq!(ended.code, Some(0), "{command}: {end}\n{}", ended.errors);
    }
    for node in &cluster.doubles.nodes {
        assert!(node.replication_commands().is_empty());
        for command in ["systemctl", "setup", "sgBackupMgtSrv"] {
            assert!(node.calls(command).is_empty(), "{command} on {}", node.name);
        }
    }
    assert!(!cluster.has_jobs(), "a dry run left a job on a node");
    let plan = run(&cluster.state(), &["plan", &cluster.file_arg()]);
    let told = &plan.transcript;
    for words in [
        "stop/stop-standbys",
        "active/upgrade-by-command",
        "initialise/initialise",
        "LEFT OUT",
    ] {
        assert!(told.contains(words), "{words}:\n{told}");
    }
}
