//! Every changing script in the plan's order, each followed by what the probes say.

use super::Bench;
use crate::support::smc::INSTALLER;

#[test]
fn by_command_in_dash() {
    by_command(&["dash"]);
}

#[test]
fn by_command_in_busybox() {
    if crate::support::tool("busybox").is_some() {
        by_command(&["busybox", "sh"]);
    }
}

/// Standbys excluded and left running, everything by command.
fn by_command(shell: &'static [&'static str]) {
    let mut bench = Bench::running(2);
    bench.shell = shell;
    bench.done(0, "exclude/exclude-on-active");
    bench.sees(0, "declared=false replication=act-no-rep sync=pending");
    bench.sees(1, "replication=stb-onhold");
    bench.done(1, "exclude/stop-replication");
    bench.sees(1, "service=running replication=stb-no-rep sync=pending");

    let said = bench.done(0, "stop/stop-active");
    assert!(said.contains("unit inactive, no process"), "{said}");
    bench.sees(0, "service=stopped role=active replication=down");
    assert!(bench.done(0, "stop/prove-stopped").contains("is closed"));
    assert!(
        bench
            .fails(1, "stop/prove-stopped")
            .contains("unit: sgMgtServer is active")
    );

    for index in [0, 1] {
        bench.set("upgrade_command", INSTALLER);
        let step = ["active/upgrade-by-command", "standbys/upgrade-by-command"][index];
        assert!(bench.done(index, step).contains("version 7.4.2"));
        bench.sees(index, "service=running version=7.4.2 sync=pending");
    }

    bench.done(0, "leftover/exclude-on-active");
    bench.done(1, "initialise/stop-for-init");
    let said = bench.done(1, "initialise/init-standby");
    assert!(said.contains("96/208 tables completed"), "{said}");
    bench.sees(1, "service=running replication=stb-rep sync=synced");
    bench.sees(0, "replication=act-rep sync=synced declared=true");
    assert_eq!(
        bench.node(0).replication_commands(),
        ["-exclude standby-server-key=20"]
    );
    assert_eq!(
        bench.node(1).replication_commands(),
        ["-stop_replication", "-init_standby"]
    );
}

#[test]
fn commands_for_one_role_refuse_the_other() {
    let bench = Bench::running(2);
    assert!(
        bench
            .fails(1, "exclude/exclude-on-active")
            .contains("does not call itself the Active")
    );
    assert!(
        bench
            .fails(0, "exclude/stop-replication")
            .contains("does not call itself a Standby")
    );
    assert!(
        bench
            .fails(0, "initialise/init-standby")
            .contains("wipes the local database")
    );
    assert!(
        bench
            .fails(1, "initialise/init-standby")
            .contains("still runs here")
    );
    for index in [0, 1] {
        assert!(bench.node(index).replication_commands().is_empty());
    }
}

#[test]
fn claims_are_not_taken_for_the_truth() {
    let mut bench = Bench::running(2);
    bench.set("stop_timeout", "1");
    bench.node(1).behave("stop.lie", "");
    let said = bench.fails(1, "stop/stop-standbys");
    assert!(
        said.contains("ended with 0, after which this is left"),
        "{said}"
    );
    assert!(
        said.contains("process: ") && said.contains("is open"),
        "{said}"
    );

    bench.node(0).behave("exclude.lie", "");
    let said = bench.fails(0, "exclude/exclude-on-active");
    assert!(said.contains("still declared: 20"), "{said}");

    bench.set("upgrade_command", INSTALLER);
    bench.node(0).behave("upgrade.fail", "");
    let said = bench.fails(0, "active/upgrade-by-command");
    assert!(said.contains("the command ended with 1"), "{said}");
    bench.sees(0, "version=7.3.3 service=stopped");
}

#[test]
fn an_initialisation_that_is_stuck_is_told_and_left_alone() {
    let mut bench = Bench::running(2);
    bench.set("init_timeout", "8");
    bench.done(1, "initialise/stop-for-init");
    bench.node(1).behave("init.stuck", "");
    let said = bench.fails(1, "initialise/init-standby");
    assert!(said.contains("still runs after 8 s"), "{said}");
    assert!(
        said.contains("last seen: ") && said.contains("96/208 tables"),
        "{said}"
    );
    // While it runs nothing else is started beside it, and the tool is not asked.
    assert!(
        bench
            .fails(1, "initialise/init-standby")
            .contains("is at work on this host")
    );
    assert_eq!(bench.check(1, "no-installer")["busy"], "yes");
    bench.sees(1, "service=stopped role=- sync=-");
}

#[test]
fn the_service_can_be_controlled_by_a_script_of_init() {
    let mut bench = Bench::running(2);
    let folder = bench.node(1).dir.join("init.d");
    std::fs::create_dir(&folder).expect("a folder");
    let script = folder.join("sgMgtServer");
    let text = "#!/bin/sh\ncase $1 in status) exec systemctl is-active sgMgtServer ;; *) exec systemctl \"$1\" sgMgtServer ;; esac\n";
    std::fs::write(&script, text).expect("written");
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::set_permissions(&script, std::fs::Permissions::from_mode(0o755)).expect("ours");
    bench.set("control", "init");
    bench.set("init_dir", &folder.display().to_string());
    bench.sees(1, "service=running");
    bench.done(1, "stop/stop-standbys");
    bench.sees(1, "service=stopped");
}
