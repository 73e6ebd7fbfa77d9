//! The whole walk by hand: every changing script in the plan's order, each followed by what the probes say.

use super::{Bench, has};
use crate::support::double::DoubleCluster;

#[test]
fn the_procedure_upgrades_a_cluster_in_dash() {
    walk(3, &["dash"]);
}

#[test]
fn the_procedure_upgrades_a_cluster_in_busybox() {
    if has("busybox") {
        walk(2, &["busybox", "sh"]);
    }
}

#[test]
fn the_procedure_upgrades_a_cluster_in_bash() {
    if has("bash") {
        walk(2, &["bash", "--posix"]);
    }
}

fn walk(count: usize, shell: &'static [&'static str]) {
    let bench = Bench::new(DoubleCluster::running(count), shell);
    stop(&bench);
    upgrade(&bench);
    start(&bench);

    assert!(bench.cluster.press_synchronize_all());
    bench.all_see("sync=synced members=online service=running version=5.5-20240627");
    for (index, node) in bench.cluster.nodes.iter().enumerate() {
        assert!(
            bench
                .done(index, "verify/services")
                .contains("as2d is disabled")
        );
        bench.done(index, "verify/logs");
        for (command, times) in [
            ("update-step1", 1),
            ("update-step2", 1),
            ("update", 2),
            ("stop_all", 2),
            ("start_tm", 1),
            ("start_all", 1),
        ] {
            assert_eq!(node.count(command), times, "{command} on {}", node.name);
        }
    }
}

fn stop(bench: &Bench) {
    for index in bench.indices() {
        let before = bench.done(index, "stop/record-services");
        assert!(
            before.contains("sshd is alive") && before.contains("pesitd is disabled"),
            "{before}"
        );
    }
    for index in bench.indices() {
        bench.done(index, "stop/stop-monitor");
        bench.sees(index, "monitor=down service=running");
    }
    for index in bench.indices() {
        bench.done(index, "stop/drain");
        bench.sees(
            index,
            "tm=down protocols=down monitor=down service=partial members=down sync=pending",
        );
        let node = bench.node(index);
        assert_eq!(node.calls("stop_sshd"), "-g -timeout 30\n");
        assert_eq!(node.calls("stop_tm"), "-g -timeout 30\n");
    }
    for index in bench.indices() {
        bench.done(index, "stop/stop-all");
        bench.sees(index, "service=stopped");
        assert!(
            bench
                .done(index, "stop/prove-stopped")
                .contains("is closed")
        );
    }
}

fn upgrade(bench: &Bench) {
    for index in bench.indices() {
        bench.sees(index, "installer=old version=5.4");
        let said = bench.done(index, "upgrade/installer");
        assert!(
            said.contains("Axway_Installer_V4.8.0 SP3 has been applied successfully."),
            "{said}"
        );
        bench.sees(index, "installer=ready version=5.4 service=stopped");
        bench.done(index, "upgrade/update");
        bench.sees(index, "version=5.5-20240627 service=partial tm=down");
        bench.done(index, "upgrade/stop-again");
        bench.sees(index, "version=5.5-20240627 service=stopped");
        bench.done(index, "upgrade/prove-stopped");
    }
}

fn start(bench: &Bench) {
    let first = |index: usize| bench.facts(index)["primary"] == "true";
    assert_eq!(
        bench
            .indices()
            .filter(|index| first(*index))
            .collect::<Vec<_>>(),
        [0]
    );
    bench.done(0, "start/start-primary");
    bench.sees(0, "service=running tm=alive role=primary members=degraded");
    for index in bench.indices().skip(1) {
        bench.done(index, "start/start-others");
        bench.sees(index, "service=running tm=alive role=secondary");
    }
    bench.all_see("members=online");
    for index in bench.indices() {
        bench.done(index, "start/start-services");
        bench.sees(index, "service=running protocols=up monitor=alive");
    }
    // It looks online, and is not in order before the manual sync.
    for index in bench.indices().skip(1) {
        bench.sees(index, "sync=pending");
    }
}

#[test]
fn java_arguments_reach_the_second_step_as_one_word() {
    let mut bench = Bench::new(DoubleCluster::new(2), &["dash"]);
    bench.set("java_arguments", "-DskipDBProcedure=true -Dother=a b");
    bench.done(0, "upgrade/installer");
    bench.done(0, "upgrade/update");
    let calls = bench.node(0).calls("update");
    let calls: Vec<&str> = calls.lines().collect();
    assert!(calls[0].starts_with("-i /"), "{calls:?}");
    assert!(
        calls[1].starts_with("-javaargument -DskipDBProcedure=true -Dother=a b -i /"),
        "{calls:?}"
    );
}

#[test]
fn turning_back_before_the_upgrade_starts_the_old_cluster() {
    let bench = Bench::running(2);
    for id in ["stop/stop-monitor", "stop/drain", "stop/stop-all"] {
        (0..2).for_each(|index| drop(bench.done(index, id)));
    }
    bench.done(0, "start-again/start-primary");
    bench.sees(0, "role=primary");
    bench.done(1, "start-again/start-others");
    (0..2).for_each(|index| drop(bench.done(index, "start-again/start-services")));
    bench.all_see("service=running version=5.4 members=online protocols=up");
}
