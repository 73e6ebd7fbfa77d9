//! What the probes say of a double in its states.

use std::fs;

use crate::support::ghes::{Bench, HOTPATCH, UPGRADE};

const PRIMARY: &str = "ghe-data-1";
const WEB: &str = "ghe-app-1";

#[test]
fn a_healthy_cluster_is_seen_as_it_is() {
    for shell in super::shells() {
        let bench = Bench::new(UPGRADE, 3, shell);
        bench.sees(
            PRIMARY,
            "version=3.16.4 series=3.16 primary=true web=false maintenance=off config_run=none health=ok \
             background_jobs=none package=absent unset=unwatched connections=unwatched",
        );
        bench.sees(
            WEB,
            "version=3.16.4 primary=false web=true health=elsewhere background_jobs=elsewhere",
        );
    }
}

#[test]
fn a_node_is_found_by_its_name_its_address_or_as_told() {
    let mut bench = Bench::new(UPGRADE, 2, &["dash"]);
    // Nothing of what the node is known as stands in cluster.conf.
    let file = bench.node(PRIMARY).dir.join("etc/cluster.conf");
    let text = fs::read_to_string(&file).expect("readable");
    fs::write(&file, text.replace("ghe-data-1", "core")).expect("written");
    bench.sees(PRIMARY, "primary=unknown web=unknown maintenance=off");
    bench.set("node_name", "core");
    bench.sees(PRIMARY, "primary=true");
    bench.set("node_name", "auto");
    let text = fs::read_to_string(&file).expect("readable");
    fs::write(&file, text.replace("192.0.2.10", "192.0.2.99")).expect("written");
    bench.sees(PRIMARY, "primary=true");
    fs::write(
        &file,
        text.replace("\"core\"", "\"GHE-Data-1.example.net\"")
            .replace("= core", "= ghe-data-1.example.net"),
    )
    .expect("written");
    bench.sees(PRIMARY, "primary=true");
}

#[test]
fn what_cannot_be_looked_at_is_unknown() {
    let bench = Bench::new(UPGRADE, 2, &["dash"]);
    let node = bench.node(PRIMARY);
    fs::remove_dir(node.dir.join("page")).expect("removed");
    bench.sees(PRIMARY, "maintenance=unknown primary=true");
    fs::remove_file(node.dir.join("etc/cluster.conf")).expect("removed");
    let said = bench.tries(PRIMARY, "probe/state");
    assert_eq!(said.code, Some(1));
    assert!(said.stderr.contains("cannot read"), "{said:?}");
    assert_eq!(said.stdout, "");
}

#[test]
fn a_configuration_run_is_running_then_done() {
    let bench = Bench::new(UPGRADE, 2, &["dash"]);
    let node = bench.node(PRIMARY);
    bench.sees(PRIMARY, "config_run=none");
    node.set_state("config-run", "9999999999");
    bench.sees(PRIMARY, "config_run=running");
    node.set_state("config-run", "1");
    bench.sees(PRIMARY, "config_run=done");
    // After a start without a run the last one is a memory.
    node.set_state("btime", "9999999999");
    bench.sees(PRIMARY, "config_run=none");
}

#[test]
fn a_log_that_is_still_written_belongs_to_a_run() {
    let mut bench = Bench::new(UPGRADE, 2, &["dash"]);
    bench.set("config_run_quiet", "600");
    let log = bench.node(PRIMARY).dir.join("log/ghe-config.log");
    fs::write(log, "migrating\n").expect("written");
    bench.sees(PRIMARY, "config_run=running");
}

#[test]
fn the_manage_api_tells_more() {
    let mut bench = Bench::new(UPGRADE, 3, &["dash"]);
    let netrc = bench.node(WEB).dir.join("admin/netrc");
    fs::write(&netrc, "machine localhost login api_key password secret\n").expect("written");
    bench.set("manage_api", &netrc.display().to_string());
    // While users are let in there is nothing to drain and nothing to lift.
    bench.node(WEB).behave("connections", "12");
    bench.sees(
        WEB,
        "maintenance=off unset=unwatched connections=unwatched config_run=done",
    );
    bench.done(WEB, "maintenance/set");
    bench.sees(WEB, "maintenance=on unset=allowed connections=open");
    bench.node(WEB).behave("connections", "0");
    bench.node(WEB).behave("cannot-unset", "");
    bench.sees(WEB, "maintenance=on unset=refused connections=drained");
    bench.node(WEB).set_state("config-run", "9999999999");
    bench.sees(WEB, "config_run=running");
    let told = bench.told(WEB, "check/manage-api");
    assert_eq!(
        (told["requirements"].as_str(), told["licence"].as_str()),
        ("met", "valid")
    );
    // Without an answer nothing is told.
    bench.set("manage_api", "/nonexistent");
    bench.sees(
        WEB,
        "maintenance=unknown unset=unknown connections=unknown config_run=unknown",
    );
    assert!(bench.told(WEB, "check/manage-api").is_empty());
    // The login never stands in a command line.
    let calls = bench.node(WEB).calls("curl");
    assert!(
        calls.contains("--netrc-file") && !calls.contains("secret"),
        "{calls}"
    );
}

#[test]
fn services_with_errors_and_jobs_in_the_background_have_their_own_facts() {
    let bench = Bench::new(UPGRADE, 2, &["dash"]);
    fs::write(bench.doubles.shared().join("unhealthy"), "").expect("written");
    bench.node(PRIMARY).behave("jobs", "");
    bench.sees(PRIMARY, "health=error background_jobs=running");
    bench.doubles.fail_over("ghe-data-1", "ghe-app-1");
    bench.sees(PRIMARY, "primary=false health=elsewhere");
    bench.sees(WEB, "primary=true health=error background_jobs=none");
}

#[test]
fn half_a_package_is_no_package() {
    let mut bench = Bench::new(UPGRADE, 2, &["dash"]);
    bench.sees(PRIMARY, "package=absent");
    bench
        .node(PRIMARY)
        .put_package("github-enterprise-3.17.7.pkg", "3.17.7", "good");
    bench.sees(PRIMARY, "package=present");
    bench.set("package_bytes", "13");
    bench.sees(PRIMARY, "package=partial");
    bench.set("package_bytes", "12");
    bench.sees(PRIMARY, "package=present");
}

#[test]
fn a_pending_reboot_is_required_or_open() {
    let bench = Bench::new(HOTPATCH, 2, &["dash"]);
    bench.sees(PRIMARY, "reboot=none");
    bench.node(WEB).behave("hotpatch.reboot", "");
    bench.done(PRIMARY, "install/hotpatch");
    bench.sees(PRIMARY, "reboot=open version=3.16.8");
    bench.sees(WEB, "reboot=required version=3.16.8");
}
