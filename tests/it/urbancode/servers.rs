//! Stopping, proving it, starting and archiving, with servers that behave and servers that do not.

use std::fs;

use super::Bench;
use crate::support::urbancode::{Servers, is_root, shells};

#[test]
fn a_server_is_stopped_proven_archived_and_started_again_in_every_shell() {
    for shell in shells() {
        let Some(servers) = Servers::running(1) else {
            return;
        };
        let bench = Bench::new(servers, shell);
        bench.sees(
            0,
            "service=running pid=live version=7.0.2.1 database=reached web=ready processes=idle",
        );
        bench.sees(0, "front=answers stamp=7.0.2.1 migration=none owner=right package=extracted saved=no storage=ready");
        assert!(
            bench
                .done(0, "stop/record")
                .contains("installed version: 7.0.2.1")
        );
        let said = bench.done(0, "stop/stop");
        assert!(
            said.contains("the stop ended with 0; no pid file, no process"),
            "{said}"
        );
        bench.sees(
            0,
            "service=stopped pid=none database=apart web=down processes=idle front=silent",
        );
        assert!(
            bench
                .done(0, "stop/prove-stopped")
                .contains("no server process with")
        );
        let said = bench.done(0, "backup/server-files");
        assert!(said.contains("checksum"), "{said}");
        bench.sees(0, "saved=yes");
        bench.done(0, "first/start");
        bench.sees(0, "service=running pid=live database=reached web=ready");
    }
}

#[test]
fn the_archive_is_for_its_owner_only_and_can_be_extracted() {
    use std::os::unix::fs::PermissionsExt as _;
    let Some(bench) = Bench::stopped(1) else {
        return;
    };
    bench.done(0, "backup/server-files");
    let archive = bench.node(0).dir.join("backup/first-before-7.1.0.0.tar");
    let mode = fs::metadata(&archive)
        .expect("the archive")
        .permissions()
        .mode();
    assert_eq!(mode & 0o077, 0, "{mode:o}");
    let listed = std::process::Command::new("tar")
        .arg("-tf")
        .arg(&archive)
        .output();
    let listed = String::from_utf8(listed.expect("tar").stdout).expect("text");
    for wanted in [
        "conf/server/installed.properties",
        "opt/tomcat/conf/tomcat.keystore",
        "lib/ext/driver.jar",
    ] {
        assert!(listed.contains(wanted), "{wanted} is not in\n{listed}");
    }
}

#[test]
fn a_stop_that_lies_is_caught_and_one_that_only_claims_failure_is_not() {
    let Some(bench) = Bench::running(2) else {
        return;
    };
    bench.node(0).behave("stop.lie", "");
    let ended = bench.step(0, "stop/stop");
    assert_eq!(ended.code, Some(1), "{ended:?}");
    for left in [
        "the stop ended with 0, after which this is left:",
        "pid file: ",
        "process: ",
        "open port: ",
    ] {
        assert!(ended.stderr.contains(left), "{left}: {ended:?}");
    }
    bench.sees(0, "service=running");
    let proof = bench.step(0, "stop/prove-stopped");
    assert_eq!(proof.code, Some(1), "{proof:?}");

    bench.node(1).behave("stop.claim", "");
    assert!(
        bench
            .done(1, "stop/stop")
            .contains("the stop ended with 1; no pid file")
    );
    bench.sees(1, "service=stopped");
}

#[test]
fn a_stale_pid_file_is_not_stopped_until_it_is_removed() {
    let Some(mut bench) = Bench::running(1) else {
        return;
    };
    bench.set("stop_timeout", "600");
    bench.node(0).behave("stop.leave-pid", "");
    let ended = bench.step(0, "stop/stop");
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.stderr.contains("stale pid file: "), "{ended:?}");
    assert!(!ended.stderr.contains("process: "), "{ended:?}");
    bench.sees(0, "service=partial pid=stale");
    // Neither the installer nor a start goes on over it.
    let refused = bench.install(0);
    assert_eq!(refused.code, Some(69), "{refused:?}");
    assert_eq!(bench.node(0).count("installer"), 0);
    let refused = bench.step(0, "first/start");
    assert!(
        refused.stderr.contains("refused: stale pid file"),
        "{refused:?}"
    );

    let said = bench.done(0, "end-leftovers/end");
    assert!(
        said.contains("removing ") && said.contains("server.pid: no process"),
        "{said}"
    );
    bench.sees(0, "service=stopped pid=none");
}

#[test]
fn a_process_that_ignores_the_stop_is_ended_by_its_pid() {
    let Some(servers) = Servers::new(1) else {
        return;
    };
    servers.nodes[0].extract();
    servers.nodes[0].behave("stop.stubborn", "");
    assert!(servers.nodes[0].command("start").success());
    let bench = Bench::new(servers, &["dash"]);
    let ended = bench.step(0, "stop/stop");
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.stderr.contains("process: "), "{ended:?}");
    bench.sees(0, "service=running");
    // The way out looks for what is left, ends it and removes its pid file.
    let script = bench
        .file
        .step("end-leftovers/end")
        .replace("-lt 30", "-lt 2");
    let said = bench.run(0, &script, "");
    assert_eq!(said.code, Some(0), "{said:?}");
    assert!(said.stdout.contains("with KILL"), "{said:?}");
    bench.sees(0, "service=stopped pid=none database=apart");
}

#[test]
fn a_server_that_is_stopped_and_still_on_the_database_is_seen() {
    let Some(bench) = Bench::running(1) else {
        return;
    };
    bench.node(0).behave("stop.leave-session", "");
    bench.done(0, "stop/stop");
    bench.sees(0, "service=stopped database=reached");
}

#[test]
fn the_port_of_the_database_is_found_in_its_address() {
    let Some(mut bench) = Bench::running(1) else {
        return;
    };
    let port = bench.node(0).database;
    bench.set("db_port", "auto");
    bench.sees(0, "database=apart");
    for address in [
        format!("jdbc\\:mysql\\://127.0.0.1\\:{port}/ucd"),
        format!("jdbc\\:sqlserver\\://db2.example.net\\:{port};databaseName=ucd"),
        format!("jdbc:oracle:thin:@db.example.net:{port}:UCD"),
        format!("jdbc:oracle:thin:@(DESCRIPTION=(ADDRESS=(PROTOCOL=TCP)(HOST=db)(PORT={port})))"),
    ] {
        bench
            .node(0)
            .set_property("hibernate.connection.url", &address);
        bench.sees(0, "database=reached");
    }
    bench.node(0).set_property(
        "hibernate.connection.url",
        "jdbc\\:mysql\\://database.example.net/ucd",
    );
    bench.sees(0, "database=unknown");
}

#[test]
fn what_the_load_balancer_answers_by_itself_is_seen() {
    let Some(bench) = Bench::stopped(1) else {
        return;
    };
    bench.sees(0, "front=silent");
    bench.servers.balancer.show_page(true);
    bench.sees(0, "front=answers web=down");
}

#[test]
fn running_processes_are_seen_and_without_credentials_nobody_pretends_to() {
    let Some(mut bench) = Bench::running(1) else {
        return;
    };
    bench
        .servers
        .set_activity("[ {\"id\": \"17\", \"name\": \"deploy\"} ]");
    bench.sees(0, "processes=busy");
    bench.servers.set_activity("<html>log in first</html>");
    bench.sees(0, "processes=unknown");
    bench.servers.set_activity("[\n]");
    bench.sees(0, "processes=idle");
    bench.set("curl_config", "none");
    bench.sees(0, "processes=unwatched web=ready");
}

#[test]
fn a_server_that_starts_and_is_never_ready_fails_with_what_it_answers() {
    let Some(mut bench) = Bench::stopped(1) else {
        return;
    };
    bench.set("ready_timeout", "1");
    for (code, state) in [("401", "refused"), ("503", "starting")] {
        bench.node(0).behave("web.code", code);
        let ended = bench.step(0, "first/start");
        assert_eq!(ended.code, Some(1), "{ended:?}");
        let said = format!("/cli/systemConfiguration answers {code} ({state})");
        assert!(ended.stderr.contains(&said), "{ended:?}");
        bench.sees(0, &format!("service=running web={state}"));
        bench.done(0, "stop/stop");
    }
    for behaviour in ["start.fail", "start.lie"] {
        bench.node(0).behave_well("web.code");
        bench.node(0).behave(behaviour, "");
        let ended = bench.step(0, "first/start");
        assert_eq!(ended.code, Some(1), "{ended:?}");
        assert!(ended.stderr.contains("answers 000 (down)"), "{ended:?}");
        bench.node(0).behave_well(behaviour);
        bench.node(0).behave("web.code", "200");
    }
}

#[test]
fn the_init_script_is_used_where_it_is_wanted_and_no_server_is_started_as_the_wrong_user() {
    let Some(mut bench) = Bench::stopped(1) else {
        return;
    };
    bench.set("control", "service");
    bench.set("service_name", "ucd");
    bench.done(0, "first/start");
    bench.done(0, "stop/stop");
    assert_eq!(bench.node(0).calls("service"), "ucd start\nucd stop\n");
    bench.set("control", "script");
    bench.set("service_user", "nobody");
    let refused = bench.step(0, "first/start");
    assert_eq!(refused.code, Some(77), "{refused:?}");
    assert!(
        refused.stderr.contains("set control = \"service\""),
        "{refused:?}"
    );
}

#[test]
fn files_of_the_wrong_owner_are_seen_and_given_back() {
    if !is_root() {
        eprintln!("skipped: only root can give files away");
        return;
    }
    let Some(bench) = Bench::stopped(1) else {
        return;
    };
    bench.node(0).behave("installer.owner", "");
    assert_eq!(bench.install(0).code, Some(0));
    bench.sees(0, "owner=wrong version=7.1.0.0");
    bench.done(0, "first/owner");
    bench.sees(0, "owner=right");
}

#[test]
fn errors_in_the_servers_log_are_shown() {
    let Some(bench) = Bench::running(1) else {
        return;
    };
    bench.done(0, "first/server-log");
    let log = bench.node(0).home().join("var/log/deployserver.out");
    fs::write(log, "ERROR cannot reach the licence server\n").expect("written");
    let ended = bench.step(0, "first/server-log");
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.stdout.contains("licence server"), "{ended:?}");
}
