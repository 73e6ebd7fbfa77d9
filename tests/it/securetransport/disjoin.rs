//! A Standard Cluster that is taken apart, upgraded as standalone Servers and joined again.

use std::fs;

use super::{in_order, is_upgraded, tells, walk};
use crate::doubles::Bench;
use crate::support::double::{DoubleCluster, Kind};
use crate::support::real::RealCluster;
use crate::support::walk::tail;

const ID: &str = "securetransport/standard-cluster-disjoin";
const NODES: [(&str, Kind); 2] = [("st1", Kind::Member), ("st2", Kind::Member)];

fn bench() -> Bench {
    let cluster = DoubleCluster::of(&NODES).started();
    let outside = cluster.outside().display().to_string();
    let mut bench = Bench::of(ID, cluster, &["dash"]);
    bench.set("saved_dir", &outside);
    bench
}

fn real(first_ip: u8) -> Option<RealCluster> {
    let cluster = RealCluster::of(ID, &NODES, first_ip)?;
    let outside = cluster.doubles.outside();
    cluster.write(&cluster.text(&format!("saved_dir = {outside:?}")));
    Some(cluster)
}

fn servers(bench: &Bench, index: usize) -> String {
    let file = bench.node(index).home().join("lib/admin/config/servers");
    fs::read_to_string(file).expect("the servers file")
}

#[test]
fn the_servers_file_is_saved_emptied_and_put_back_byte_for_byte() {
    let mut bench = bench();
    let before = servers(&bench, 1);
    for shell in crate::doubles::shells() {
        bench.shell = shell;
        bench.sees(1, "membership=member saved=no");
        let said = bench.done(1, "save/save-servers");
        assert!(said.contains(&before), "{said}");
        bench.sees(1, "membership=member saved=yes");
        bench.done(1, "leave/clear-servers");
        assert_eq!(servers(&bench, 1), "");
        bench.sees(1, "membership=alone saved=yes");
        // Doing it again does no harm.
        bench.done(1, "leave/clear-servers");
        bench.done(1, "rejoin/restore-servers");
        assert_eq!(servers(&bench, 1), before);
        bench.sees(1, "membership=member saved=no");
    }
}

#[test]
fn without_the_copy_nothing_is_deleted_and_nothing_is_overwritten() {
    let bench = bench();
    let before = servers(&bench, 0);
    let refused = bench.step(0, "leave/clear-servers");
    assert_eq!(refused.code, Some(65), "{refused:?}");
    assert_eq!(servers(&bench, 0), before);

    bench.done(0, "save/save-servers");
    let file = bench.node(0).home().join("lib/admin/config/servers");
    fs::write(&file, "other\thttps://other:444\n").expect("written");
    bench.sees(0, "saved=no");
    let changed = bench.step(0, "leave/clear-servers");
    assert_eq!(changed.code, Some(65), "{changed:?}");
    assert!(
        changed.stderr.contains("was changed since it was saved"),
        "{changed:?}"
    );
    let others = bench.step(0, "rejoin/restore-servers");
    assert_eq!(others.code, Some(65), "{others:?}");
    assert!(servers(&bench, 0).contains("other"));

    // An empty file is never kept over the only copy.
    fs::write(&file, "").expect("written");
    let empty = bench.step(0, "save/save-servers");
    assert_eq!(empty.code, Some(65), "{empty:?}");
    bench.done(0, "rejoin/restore-servers");
    assert_eq!(servers(&bench, 0), before);
}

#[test]
fn while_the_cluster_is_apart_the_copy_tells_who_leads() {
    let bench = bench();
    for index in 0..2 {
        bench.done(index, "save/save-servers");
        bench.done(index, "leave/stop-monitor");
        bench.done(index, "leave/drain");
        // Database and Admin Tool stay up, so that the mode can be set.
        bench.sees(index, "service=partial tm=down protocols=down");
    }
    assert!(bench.cluster.set_cluster_mode("disabled"));
    for index in 0..2 {
        bench.done(index, "leave/clear-servers");
    }
    bench.sees(0, "primary=true membership=alone members=down");
    bench.sees(1, "primary=false membership=alone");
}

#[test]
fn the_cluster_is_taken_apart_upgraded_and_joined_over_ssh() {
    let Some(cluster) = real(96) else {
        return;
    };
    let ended = walk(&cluster, "run", |cluster, hold| {
        let doubles = &cluster.doubles;
        match hold {
            "HOLD attest leave/mode-disabled" => assert!(doubles.set_cluster_mode("disabled")),
            "HOLD attest rejoin/mode-restored" => assert!(doubles.set_cluster_mode("active")),
            "HOLD manual sync/synchronise" => assert!(doubles.press_synchronize_all()),
            _ => {}
        }
        None
    });
    is_upgraded(&cluster, &ended);
    in_order(
        &ended,
        &[
            "HOLD gate save/save-servers",
            "HOLD gate leave/drain",
            "HOLD attest leave/mode-disabled",
            "HOLD gate leave/clear-servers",
            "HOLD gate stop/stop-all",
            "HOLD attest backup/backup-made",
            "HOLD gate upgrade/update",
            "HOLD gate rejoin/restore-servers",
            "HOLD attest rejoin/mode-restored",
            "HOLD gate rejoin/start-primary",
            "HOLD gate rejoin/start-services",
            "HOLD manual sync/synchronise",
        ],
    );
    tells(&ended, "servers-file-saved");
    for double in &cluster.doubles.nodes {
        let servers = fs::read_to_string(double.home().join("lib/admin/config/servers"));
        assert_eq!(servers.expect("there").lines().count(), 2);
    }
}

#[test]
fn two_primaries_are_found_before_anything_begins() {
    let Some(cluster) = real(97) else {
        return;
    };
    let second = &cluster.doubles.nodes[1];
    assert!(second.command("stop_tm").success());
    second.behave("second-primary", "");
    assert!(second.command("start_tm").success());
    let checked = walk(&cluster, "check", |_, hold| {
        hold.contains("exactly-one-primary").then(|| "leave".into())
    });
    assert_eq!(
        checked.code,
        Some(3),
        "{}\n{}",
        tail(&checked.transcript),
        checked.errors
    );
    tells(&checked, "check exactly-one-primary: FAILS");
}
