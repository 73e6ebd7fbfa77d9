//! Servers and Edges: who is stopped first, who is upgraded first, and that two versions never meet.

use std::fs;

use super::{in_order, is_held, is_upgraded, tells, walk};
use crate::doubles::Bench;
use crate::support::double::{DoubleCluster, Kind};
use crate::support::real::RealCluster;
use crate::support::walk::{Walk, usual};

const ID: &str = "securetransport/streaming";

fn bench(nodes: &[(&str, Kind)], side: &str) -> Bench {
    let mut bench = Bench::of(ID, DoubleCluster::of(nodes).started(), &["dash"]);
    bench.set("server_side", side);
    bench
}

fn real(nodes: &[(&str, Kind)], params: &str, first_ip: u8) -> Option<RealCluster> {
    let cluster = RealCluster::of(ID, nodes, first_ip)?;
    cluster.write(&cluster.text(params));
    Some(cluster)
}

#[test]
fn edges_and_servers_are_seen_as_what_they_are() {
    let mut bench = bench(
        &[("st1", Kind::Server), ("edge1", Kind::Edge)],
        "standalone",
    );
    for shell in crate::doubles::shells() {
        bench.shell = shell;
        bench.sees(
            0,
            "service=running tm=alive protocols=up members=single sync=not-needed",
        );
        bench.sees(0, "role=none primary=false edge_sync=unknown");
        bench.sees(
            1,
            "service=running protocols=up monitor=alive edge_sync=unused tm=unknown",
        );
    }
    let kind = |index: usize| {
        let check = bench.file.body("check", "edge-is-edge");
        bench.run(index, &check).stdout
    };
    assert_eq!(
        (kind(0).as_str(), kind(1).as_str()),
        ("kind=server\n", "kind=edge\n")
    );
    // Without its proxy an Edge passes nothing on.
    assert!(bench.node(1).command("stop_socks").success());
    bench.sees(1, "service=running protocols=some");
    assert!(bench.node(1).command("stop_all").success());
    bench.sees(1, "service=stopped protocols=down monitor=down");
}

#[test]
fn an_edge_is_drained_stopped_upgraded_and_started_by_its_scripts() {
    let bench = bench(&[("edge1", Kind::Edge)], "standalone");
    for id in ["stop-edges/stop-monitor", "stop-edges/drain"] {
        bench.done(0, id);
    }
    bench.sees(0, "protocols=down monitor=down");
    assert_eq!(bench.node(0).count("stop_socks"), 1);
    bench.done(0, "stop-edges/stop-all");
    bench.sees(0, "service=stopped");
    bench.done(0, "upgrade-edges/installer");
    bench.done(0, "upgrade-edges/update");
    // An update starts what an Edge has.
    bench.sees(0, "version=5.5-20240627 service=running protocols=up");
    bench.done(0, "upgrade-edges/stop-again");
    bench.sees(0, "service=stopped");
    bench.done(0, "start-edges/start-all");
    bench.sees(0, "service=running protocols=up monitor=alive");
    let port = bench.done(0, "start-edges/streaming-port");
    assert!(port.contains("is open"), "{port}");
}

#[test]
fn what_the_servers_are_to_each_other_is_not_taken_on_trust() {
    let nodes = [
        ("st1", Kind::Member),
        ("st2", Kind::Member),
        ("core1", Kind::Core),
    ];
    let mut bench = bench(&nodes, "standard-cluster");
    let check = bench.file.body("check", "server-side");
    for (side, fits) in [
        ("standard-cluster", ["yes", "no"]),
        ("standalone", ["no", "yes"]),
        ("enterprise-cluster", ["no", "yes"]),
    ] {
        bench.set("server_side", side);
        for (index, fits) in [(0, fits[0]), (2, fits[1])] {
            let said = bench.run(index, &check).stdout;
            assert!(said.contains(&format!("fits={fits}")), "{side}: {said}");
        }
    }
}

#[test]
fn edges_are_synced_when_the_stamp_has_moved() {
    let mut bench = bench(
        &[("edge1", Kind::Edge), ("edge2", Kind::Edge)],
        "standalone",
    );
    bench.set("edge_sync", "true");
    fs::write(bench.node(0).home().join("var/tmp/sentinel_primary"), "").expect("written");
    bench.sees(0, "edge_sync=synced");
    bench.sees(1, "edge_sync=pending");
    bench.node(1).behave("sync.stuck", "");
    assert!(bench.cluster.press_synchronize_edges());
    bench.sees(1, "edge_sync=pending");
    bench.node(1).behave_well("sync.stuck");
    assert!(bench.cluster.press_synchronize_edges());
    bench.sees(1, "edge_sync=synced");
    assert!(bench.node(1).command("stop_all").success());
    bench.sees(1, "edge_sync=pending");
}

#[test]
fn one_server_and_its_edge_are_upgraded_over_ssh() {
    let nodes = [("st1", Kind::Server), ("edge1", Kind::Edge)];
    let Some(cluster) = real(&nodes, "server_side = \"standalone\"", 91) else {
        return;
    };
    let mut running = Vec::new();
    let ended = walk(&cluster, "run", |cluster, hold| {
        if hold.starts_with("HOLD gate") {
            let versions = cluster.versions().join(" ");
            running.push(format!("{hold}: {versions}"));
        }
        None
    });
    is_upgraded(&cluster, &ended);
    in_order(
        &ended,
        &[
            "HOLD gate stop-edges/stop-all",
            "HOLD gate stop-servers/stop-all",
            "HOLD attest backup/backup-made",
            "HOLD gate upgrade-servers/update@st1",
            "HOLD gate upgrade-edges/update@edge1",
            "HOLD gate start-servers/start-core",
            "HOLD gate start-edges/start-all",
        ],
    );
    // The Server is at the target, and the Edge is not, when the Edge's turn comes.
    let turn = running
        .iter()
        .find(|gate| gate.contains("upgrade-edges/update@edge1"));
    let turn = turn.expect("the gate came");
    assert!(turn.contains("20240627") && turn.contains("V5.4"), "{turn}");
    assert_eq!(
        cluster.counts("stop_all"),
        [2, 2],
        "each is stopped, and stopped again"
    );
    assert!(
        !ended.transcript.contains("HOLD manual"),
        "nothing is to be synchronised"
    );
}

#[test]
fn edges_before_a_standard_cluster_are_upgraded_and_both_tiers_synchronised() {
    let nodes = [
        ("edge1", Kind::Edge),
        ("edge2", Kind::Edge),
        ("st1", Kind::Member),
        ("st2", Kind::Member),
    ];
    let params = "server_side = \"standard-cluster\"\nedge_sync = true";
    let Some(cluster) = real(&nodes, params, 92) else {
        return;
    };
    let sentinel = cluster.doubles.nodes[0]
        .home()
        .join("var/tmp/sentinel_primary");
    fs::write(sentinel, "").expect("written");
    let ended = walk(&cluster, "run", |cluster, hold| {
        match hold {
            "HOLD manual sync/synchronise" => assert!(cluster.doubles.press_synchronize_all()),
            "HOLD manual sync-edges/synchronise" => {
                assert!(cluster.doubles.press_synchronize_edges());
            }
            _ => {}
        }
        None
    });
    is_upgraded(&cluster, &ended);
    in_order(
        &ended,
        &[
            "HOLD gate stop-edges/stop-all",
            "HOLD gate stop-servers/stop-all",
            "HOLD gate upgrade-servers/update@st1",
            "HOLD gate upgrade-servers/update@st2",
            "HOLD gate upgrade-edges/update@edge1",
            "HOLD gate upgrade-edges/update@edge2",
            "HOLD gate start-servers/start-primary",
            "HOLD manual sync/synchronise",
            "HOLD gate start-edges/start-all",
            "HOLD manual sync-edges/synchronise",
        ],
    );
}

#[test]
fn an_edge_that_comes_up_early_is_an_alarm_with_a_way_to_stop_it_again() {
    let nodes = [("st1", Kind::Server), ("edge1", Kind::Edge)];
    let Some(cluster) = real(&nodes, "server_side = \"standalone\"", 93) else {
        return;
    };
    let file = cluster.file_arg();
    let mut walk = Walk::start(&cluster.state(), &["run", &file, "--plain"]);
    let (mut hold, mut started, mut taken) = (String::new(), false, false);
    while let Some(line) = walk.line() {
        if line.starts_with("HOLD ") {
            hold = line.clone();
        }
        if line.contains("edge1 RESURRECTED: service is running") {
            walk.type_line(":branch edge-came-up its unit was not disabled");
            taken = true;
        }
        let Some(expected) = line.strip_prefix("  expect: ") else {
            continue;
        };
        if hold == "HOLD gate stop-servers/drain" && !started {
            // A service manager that nobody switched off. The gate is left alone until the alarm comes.
            assert!(cluster.doubles.nodes[1].command("start_all").success());
            started = true;
        } else if !hold.starts_with("HOLD failure resurrected/") {
            // Once the Edge is stopped again the alarm settles without an answer.
            let over = taken && hold.contains(" stop-servers/");
            walk.type_line(&if over {
                ":leave".into()
            } else {
                usual(expected)
            });
        }
    }
    let ended = walk.end();
    in_order(
        &ended,
        &[
            "edge1 RESURRECTED: service is running; stop-edges/stop-all@edge1 had made it stopped",
            "HOLD gate edge-came-up/stop-all",
            "edge1 service: alarm over: it is so again",
            "HOLD attest edge-came-up/who",
        ],
    );
    assert_eq!(cluster.counts("update"), [0, 0]);
    assert!(
        cluster.counts("stop_all")[1] >= 2,
        "the Edge was stopped again"
    );
}

#[test]
fn an_edge_on_the_old_version_that_meets_an_upgraded_server_breaks_the_rule() {
    let nodes = [("st1", Kind::Server), ("edge1", Kind::Edge)];
    let Some(cluster) = real(&nodes, "server_side = \"standalone\"", 94) else {
        return;
    };
    // While the update of st1 has just started its services, somebody starts the Edge; the update goes on until the Edge's
    // probes have looked a few times.
    let edge = &cluster.doubles.nodes[1];
    let hook = format!(
        r#"grep -q 5.5 '{level}' || exit 0
'{start}'
looks() {{ wc -l <'{looks}'; }}
enough=$(($(looks) + 3))
tries=0
while [ "$(looks)" -lt "$enough" ] && [ "$tries" -lt 300 ]; do
    sleep 0.1
    tries=$((tries + 1))
done
"#,
        level = level(&cluster, 0),
        start = edge.home().join("bin/start_all").display(),
        looks = edge.dir.join("counts/display").display(),
    );
    cluster.doubles.nodes[0].behave("update.hook", &hook);
    let mut walk = Walk::start(&cluster.state(), &["run", &cluster.file_arg(), "--plain"]);
    let (mut hold, mut answers) = (String::new(), 0);
    while let Some(line) = walk.line() {
        if line.starts_with("HOLD ") {
            hold = line.clone();
        }
        let Some(expected) = line.strip_prefix("  expect: ").map(str::to_string) else {
            continue;
        };
        answers += 1;
        assert!(answers < 250, "{}", walk.transcript);
        if hold.starts_with("HOLD failure invariant/") {
            walk.type_line("leave");
        } else if hold.starts_with("HOLD failure resurrected/") {
            // That the Edge is back is seen first; the rule is broken when the Server's probe has looked, too.
            while !walk.transcript.contains("rule edge-and-server: BROKEN") {
                walk.line().expect("the rule is told to be broken");
            }
            walk.type_line("look");
        } else {
            walk.type_line(&usual(&expected));
        }
    }
    let ended = walk.end();
    is_held(&ended);
    tells(&ended, "HOLD failure invariant/edge-and-server");
    tells(
        &ended,
        "BROKEN RULE edge-and-server: An Edge and a Server on different versions must never run together.",
    );
    assert_eq!(cluster.counts("update")[1], 0, "the Edge was not touched");
}

/// The file in which a double keeps its level.
fn level(cluster: &RealCluster, index: usize) -> String {
    let home = cluster.doubles.nodes[index].axway_home();
    home.join("Configuration/SecureTransport.level")
        .display()
        .to_string()
}
