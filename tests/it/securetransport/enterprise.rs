//! An Enterprise Cluster: one database that all share, migrated by the first node.

use std::fs;

use super::{at, in_order, is_held, is_upgraded, tells, walk};
use crate::doubles::Bench;
use crate::support::double::{DoubleCluster, Kind};
use crate::support::real::RealCluster;

const ID: &str = "securetransport/enterprise-cluster";
const NODES: [(&str, Kind); 2] = [("ec1", Kind::Core), ("ec2", Kind::Core)];

fn bench() -> Bench {
    Bench::of(ID, DoubleCluster::of(&NODES).started(), &["dash"])
}

fn real(params: &str, first_ip: u8) -> Option<RealCluster> {
    let cluster = RealCluster::of(ID, &NODES, first_ip)?;
    cluster.write(&cluster.text(params));
    Some(cluster)
}

fn told(cluster: &DoubleCluster, file: &str) -> String {
    fs::read_to_string(cluster.database().join(file)).unwrap_or_default()
}

#[test]
fn a_core_runs_without_a_database_of_its_own() {
    let mut bench = bench();
    for shell in crate::doubles::shells() {
        bench.shell = shell;
        bench.all_see("service=running tm=alive protocols=up monitor=alive version=5.4");
    }
    let said = bench.run(0, &bench.file.body("check", "shared-database"));
    assert_eq!(said.stdout, "embedded=no\n");
    for index in 0..2 {
        for id in ["stop/stop-monitor", "stop/drain", "stop/stop-all"] {
            bench.done(index, id);
        }
        bench.sees(index, "service=stopped tm=down");
    }
}

#[test]
fn privileges_through_a_role_fail_step_2_unless_its_argument_is_given() {
    let mut bench = bench();
    for index in 0..2 {
        bench.done(index, "stop/stop-all");
    }
    fs::write(bench.cluster.database().join("role"), "").expect("written");
    bench.done(0, "upgrade/installer");
    let refused = bench.step(0, "upgrade/update");
    assert_eq!(refused.code, Some(1), "{refused:?}");
    assert!(
        refused.stderr.contains("update.sh ended with 1"),
        "{refused:?}"
    );
    assert!(
        refused
            .stdout
            .contains("ORA-01031: insufficient privileges"),
        "{refused:?}"
    );
    bench.sees(0, "version=5.4 service=stopped");
    bench.set("java_arguments", "-DskipDBProcedure=true");
    bench.done(0, "upgrade/update");
    bench.sees(0, "version=5.5-20240627 service=partial tm=down");
}

#[test]
fn files_that_changed_their_owner_are_no_success() {
    let bench = bench();
    let given = std::process::Command::new("chown")
        .arg("65534")
        .arg(bench.node(0).dir.join("behave"))
        .stderr(std::process::Stdio::null())
        .status();
    if !given.expect("chown exists").success() {
        eprintln!("skipped: only root can give a folder away");
        return;
    }
    bench.done(0, "stop/stop-all");
    bench.node(0).behave("update.owner", "");
    let ended = bench.step(0, "upgrade/installer");
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.stderr.contains("do not belong to"), "{ended:?}");
}

#[test]
fn a_transaction_manager_that_dies_after_its_start_is_a_failure() {
    let mut bench = bench();
    bench.set("ready_timeout", "2");
    bench.done(0, "stop/stop-all");
    bench.node(0).behave("tm-dies", "");
    let ended = bench.step(0, "start/start-core");
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(
        ended.stderr.contains("not seen within 2 s: tm is alive"),
        "{ended:?}"
    );
    bench.sees(0, "service=partial tm=down");
}

#[test]
fn an_enterprise_cluster_is_upgraded_over_ssh_and_its_schema_migrated_once() {
    let params = "database = \"oracle\"\ndatabase_version = \"19.3\"\njava_arguments = \"-DskipDBProcedure=true\"";
    let Some(cluster) = real(params, 98) else {
        return;
    };
    fs::write(cluster.doubles.database().join("role"), "").expect("written");
    let ended = walk(&cluster, "run", |_, _| None);
    is_upgraded(&cluster, &ended);
    in_order(
        &ended,
        &[
            "HOLD gate stop/stop-all",
            "HOLD attest backup/database-backup-made",
            "HOLD attest database/database-ready",
            "HOLD attest database/partitioning",
            "HOLD gate upgrade/update@ec1",
            "HOLD gate upgrade/update@ec2",
            "HOLD gate start/start-core",
        ],
    );
    tells(&ended, "migrates the schema of the shared database");
    // The services that the update started are stopped again, before the next node.
    assert_eq!(cluster.counts("stop_all"), [2, 2]);
    assert_eq!(told(&cluster.doubles, "migrated-by"), "ec1\n");
    assert_eq!(told(&cluster.doubles, "violations"), "");
    assert!(
        !ended.transcript.contains("HOLD manual"),
        "there is no manual sync"
    );
}

#[test]
fn a_database_that_is_too_old_blocks_the_upgrade() {
    let params = "database = \"oracle\"\ndatabase_version = \"12.1.0\"";
    let Some(cluster) = real(params, 99) else {
        return;
    };
    let checked = walk(&cluster, "check", |_, hold| {
        hold.contains("database-version").then(|| "leave".into())
    });
    assert_eq!(checked.code, Some(3), "{}", checked.transcript);
    tells(&checked, "check database-version: FAILS");
}

#[test]
fn a_leftover_pid_file_and_a_failed_migration_hold_the_walk() {
    let Some(cluster) = real("", 100) else {
        return;
    };
    cluster.doubles.nodes[1].behave("stop.leave-pid", "");
    fs::write(cluster.doubles.database().join("role"), "").expect("written");
    let ended = walk(&cluster, "run", |cluster, hold| {
        if hold == "HOLD failure stop/stop-all@ec2" {
            // As the text says: made sure, then removed by hand.
            cluster.doubles.nodes[1].behave_well("stop.leave-pid");
            let pid = cluster.doubles.nodes[1].home().join("var/run/tm.pid");
            fs::remove_file(pid).expect("it was left");
            return Some("retry".into());
        }
        hold.starts_with("HOLD failure upgrade/")
            .then(|| "leave".into())
    });
    is_held(&ended);
    tells(&ended, "HOLD failure stop/stop-all@ec2");
    tells(
        &ended,
        "A leftover pid file without a process: make sure with ps",
    );
    tells(&ended, "HOLD failure upgrade/update@ec1");
    tells(&ended, "java_arguments must be -DskipDBProcedure=true");
    assert!(
        at(&ended, "HOLD failure stop/stop-all@ec2") < at(&ended, "HOLD gate upgrade/update@ec1")
    );
    assert_eq!(
        cluster.counts("update"),
        [2, 0],
        "the next node is untouched"
    );
    assert_eq!(told(&cluster.doubles, "schema"), "V5.4\n");
}
