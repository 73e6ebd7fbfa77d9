//! Each probe, in each state, says what is so, and nothing where it cannot look.

use std::fs;
use std::net::TcpListener;
use std::process::{Command, Stdio};
use std::time::Duration;

use super::{Bench, shells};
use crate::support::double::{DoubleCluster, eventually};

#[test]
fn a_cluster_is_seen_as_it_is_in_every_shell() {
    let cluster = DoubleCluster::running(3);
    let mut bench = Bench::new(cluster, &["dash"]);
    for shell in shells() {
        bench.shell = shell;
        bench.all_see(
            "service=running tm=alive monitor=alive protocols=up members=online sync=synced",
        );
        bench.all_see("version=5.4 installer=old");
        bench.sees(0, "role=primary primary=true");
        bench.sees(1, "role=secondary primary=false");
        bench.sees(2, "role=secondary primary=false");
    }
    for node in &bench.cluster.nodes {
        assert!(node.command("stop_all").success());
    }
    for shell in shells() {
        bench.shell = shell;
        bench.all_see("service=stopped tm=down monitor=down protocols=down members=down role=none sync=pending");
        // The order in which they stopped left three stories in three files; the configuration tells one.
        bench.sees(0, "primary=true");
        bench.sees(1, "primary=false");
        bench.sees(2, "primary=false");
    }
}

#[test]
fn stopped_needs_all_three_signals() {
    let bench = Bench::new(DoubleCluster::new(2), &["dash"]);
    let node = bench.node(0);
    bench.sees(0, "service=stopped");

    let pid_file = node.home().join("var/run/admin/tomcat.pid");
    fs::write(&pid_file, "99999999\n").expect("written");
    bench.sees(0, "service=partial");
    fs::remove_file(pid_file).expect("removed");

    let version = node.home().join("conf/version.txt");
    let mut reader = Command::new("tail")
        .arg("-f")
        .arg(version)
        .stdout(Stdio::null())
        .spawn()
        .expect("tail");
    eventually("the process counts", Duration::from_secs(60), || {
        bench.facts(0)["service"] == "partial"
    });
    reader.kill().expect("it runs");
    reader.wait().expect("a child");

    let listener = TcpListener::bind(("127.0.0.1", node.port)).expect("the port is free");
    bench.sees(0, "service=partial");
    drop(listener);
    bench.sees(0, "service=stopped");
}

#[test]
fn what_cannot_be_looked_at_is_unknown_never_stopped() {
    let bench = Bench::new(DoubleCluster::new(2), &["dash"]);
    fs::rename(
        bench.node(0).home(),
        bench.node(0).axway_home().join("elsewhere"),
    )
    .expect("moved");
    fs::remove_file(bench.node(0).axway_home().join("display.sh")).expect("removed");
    for probe in ["state", "cluster", "release"] {
        let ended = bench.run(0, &bench.file.body("probe", probe));
        assert_eq!(
            (ended.code, ended.stdout.as_str()),
            (Some(1), ""),
            "{probe}"
        );
        assert!(ended.stderr.contains("cannot look at"), "{}", ended.stderr);
    }
    let stop = bench.step(0, "stop/stop-all");
    assert_eq!(stop.code, Some(66), "{stop:?}");
    assert_eq!(bench.step(0, "stop/prove-stopped").code, Some(66));
}

#[test]
fn a_crashed_service_makes_a_node_partial() {
    let bench = Bench::running(2);
    let pid_file = bench.node(1).home().join("var/run/tm.pid");
    let pid = fs::read_to_string(pid_file).expect("a pid");
    assert!(
        Command::new("kill")
            .args(["-9", pid.trim()])
            .status()
            .expect("kill")
            .success()
    );
    eventually("the TM is gone", Duration::from_secs(60), || {
        bench.facts(1)["tm"] == "down"
    });
    bench.sees(
        1,
        "service=partial tm=down role=none members=down sync=pending",
    );
}

#[test]
fn members_that_are_missing_doubled_or_still_joining_are_told_apart() {
    let mut bench = Bench::running(3);
    assert!(bench.node(2).command("stop_tm").success());
    bench.sees(0, "members=degraded role=primary sync=pending");
    bench.sees(1, "members=degraded role=secondary sync=pending");

    bench.node(2).behave("second-primary", "");
    assert!(bench.node(2).command("start_tm").success());
    bench.all_see("members=split sync=pending");
    bench.sees(2, "role=primary primary=true");
    bench.node(2).behave_well("second-primary");
    assert!(bench.node(2).command("stop_tm").success());
    assert!(bench.node(2).command("start_tm").success());
    bench.all_see("members=online");

    // A cluster_state that is older than the Transaction Manager is a memory.
    let state = bench.node(1).home().join("var/tmp/cluster_state");
    touch_long_ago(&state);
    bench.sees(1, "members=joining role=none sync=pending primary=false");
    fs::remove_file(&state).expect("removed");
    bench.sees(1, "members=joining");

    bench.set("cluster_mode", "passive_legacy");
    fs::write(bench.node(0).home().join("var/tmp/sentinel_primary"), "").expect("written");
    bench.sees(0, "members=unwatched role=primary primary=true sync=synced");
    bench.sees(2, "members=unwatched role=secondary primary=false");
}

#[test]
fn a_failover_moves_the_primary() {
    let bench = Bench::running(3);
    assert!(bench.node(0).command("stop_tm").success());
    bench.sees(1, "role=primary primary=true");
    bench.sees(2, "role=secondary primary=false");
    assert!(bench.node(0).command("start_tm").success());
    bench.sees(0, "role=secondary primary=false members=online");
    bench.sees(1, "role=primary primary=true members=online");
}

#[test]
fn a_node_is_found_by_its_short_name_its_long_name_or_as_told() {
    let mut bench = Bench::running(2);
    let rename = |from: &str, to: &str| {
        for index in 0..2 {
            for file in ["lib/admin/config/servers", "var/tmp/cluster_state"] {
                let path = bench.node(index).home().join(file);
                let text = fs::read_to_string(&path).expect("readable");
                fs::write(&path, text.replace(from, to)).expect("written");
            }
        }
    };
    rename("st1", "st1.example.net");
    bench.sees(0, "primary=true role=primary");
    bench.sees(1, "primary=false role=secondary");
    rename("st1.example.net", "gateway-a");
    bench.sees(0, "role=none primary=unknown");
    bench.set("member_name", "gateway-a");
    bench.sees(0, "primary=true role=primary");
}

#[test]
fn synced_means_synchronised_since_the_last_update() {
    let bench = Bench::running(2);
    let log = bench
        .node(1)
        .axway_home()
        .join("synInstall/synPatch/update.log");
    fs::write(&log, "update\n").expect("written");
    bench.sees(1, "sync=pending");
    bench.node(1).behave("sync.stuck", "");
    assert!(bench.cluster.press_synchronize_all());
    bench.sees(1, "sync=pending");
    bench.node(1).behave_well("sync.stuck");
    assert!(bench.cluster.press_synchronize_all());
    bench.sees(1, "sync=synced");
    fs::remove_file(
        bench
            .node(1)
            .home()
            .join("var/tmp/cluster_last_sync_timestamp"),
    )
    .expect("removed");
    bench.sees(1, "sync=pending");
}

#[test]
fn levels_are_read_from_the_last_word() {
    let bench = Bench::new(DoubleCluster::new(2), &["dash"]);
    let levels = bench.node(0).axway_home().join("Configuration");
    for (shown, version) in [
        ("V5.4", "5.4"),
        ("V5.3.6", "5.3.6"),
        ("V5.4 SP0_Patch31", "5.4-SP0_Patch31"),
        ("V5.5 SP0_Update20240627", "5.5-20240627"),
        ("V5.5 V5.5-20210325", "5.5-20210325"),
    ] {
        fs::write(levels.join("SecureTransport.level"), format!("{shown}\n")).expect("written");
        bench.sees(0, &format!("version={version}"));
    }
    for (shown, installer) in [
        ("V4.7.9", "old"),
        ("V4.8.0 SP3", "ready"),
        ("V4.10.0", "ready"),
        ("V5.0", "ready"),
    ] {
        fs::write(levels.join("Axway_Installer.level"), format!("{shown}\n")).expect("written");
        bench.sees(0, &format!("installer={installer}"));
    }
    fs::remove_file(levels.join("SecureTransport.level")).expect("removed");
    bench.sees(0, "version=unknown");
}

#[test]
fn protocol_daemons_in_use_can_be_named() {
    let mut bench = Bench::running(2);
    assert!(bench.node(0).command("stop_ftpd").success());
    bench.sees(0, "protocols=some service=running");
    bench.set("protocols", "httpd sshd");
    bench.sees(0, "protocols=up");
    bench.set("protocols", "ftpd pesitd");
    bench.sees(0, "protocols=down");
}

/// Sets a file's time to the year 2000.
fn touch_long_ago(path: &std::path::Path) {
    let touched = Command::new("touch")
        .args(["-t", "200001010000"])
        .arg(path)
        .status();
    assert!(touched.expect("touch exists").success());
}
