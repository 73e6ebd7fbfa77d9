//! Whatever a double is told to do wrong is seen: by the script, or where the script's claim is wrong, by a probe.

use std::time::Duration;

use super::Bench;
use crate::support::double::{DoubleCluster, eventually, finish, start_script};

fn stopped() -> Bench {
    Bench::new(DoubleCluster::new(2), &["dash"])
}

#[test]
fn a_stop_that_lies_is_caught_by_the_script_and_by_the_probe() {
    let bench = Bench::running(2);
    bench.node(0).behave("stop.lie", "");
    let ended = bench.step(0, "stop/stop-all");
    assert_eq!(ended.code, Some(1));
    assert!(
        ended
            .stderr
            .contains("stop_all ended with 0, after which this is left:"),
        "{ended:?}"
    );
    assert!(
        ended.stderr.contains("pid file: ") && ended.stderr.contains("process: "),
        "{ended:?}"
    );
    assert!(
        ended
            .stderr
            .contains(&format!("open port: {}", bench.node(0).port)),
        "{ended:?}"
    );
    bench.sees(0, "service=running");
    assert_eq!(bench.step(0, "stop/prove-stopped").code, Some(1));
}

#[test]
fn a_stop_that_works_but_claims_failure_counts_as_what_it_did() {
    let bench = Bench::running(2);
    bench.node(0).behave("stop.claim", "");
    let said = bench.done(0, "stop/stop-all");
    assert!(
        said.contains("stop_all ended with 1; no pid file"),
        "{said}"
    );
    bench.sees(0, "service=stopped");
}

#[test]
fn a_leftover_pid_file_is_not_stopped() {
    let mut bench = Bench::running(2);
    bench.set("stop_timeout", "600");
    bench.node(0).behave("stop.leave-pid", "");
    let ended = bench.step(0, "stop/stop-all");
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(
        ended.stderr.contains("tm.pid") && !ended.stderr.contains("process: "),
        "{ended:?}"
    );
    bench.sees(0, "service=partial tm=down");
}

#[test]
fn a_node_that_comes_back_by_itself_is_seen() {
    let bench = Bench::running(2);
    bench.node(1).behave("come-back", "1");
    bench.done(1, "stop/stop-all");
    bench.sees(0, "service=running");
    eventually("it came back", Duration::from_secs(120), || {
        bench.facts(1)["service"] == "running"
    });
}

#[test]
fn the_monitor_undoes_a_drain_that_forgets_it() {
    let bench = Bench::running(2);
    let ended = bench.step(0, "stop/drain");
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.stderr.contains("still there:"), "{ended:?}");
    bench.sees(0, "monitor=alive tm=alive");
}

#[test]
fn an_update_that_fails_or_lies_is_caught() {
    for (behaviour, code, said) in [
        ("update.fail", 1, "update.sh ended with 1"),
        (
            "update.quiet",
            1,
            "its summary does not say that SecureTransport has been applied",
        ),
        ("update.lie", 0, ""),
    ] {
        let bench = stopped();
        bench.done(0, "upgrade/installer");
        bench.node(0).behave(behaviour, "");
        let ended = bench.step(0, "upgrade/update");
        assert_eq!(ended.code, Some(code), "{behaviour}: {ended:?}");
        assert!(ended.stderr.contains(said), "{behaviour}: {ended:?}");
        let version = if behaviour == "update.quiet" {
            "5.5-20240627"
        } else {
            "5.4"
        };
        bench.sees(0, &format!("version={version}"));
        assert_eq!(bench.node(0).count("update-step2"), 1);
    }
    let bench = stopped();
    bench.node(0).behave("update.lie.1", "");
    bench.done(0, "upgrade/installer");
    bench.sees(0, "installer=old");
}

#[test]
fn a_failed_update_shows_the_end_of_the_log() {
    let bench = stopped();
    bench.node(0).behave("update.fail", "");
    let ended = bench.step(0, "upgrade/installer");
    assert!(
        ended.stdout.contains("IllegalStateException: told to fail"),
        "{ended:?}"
    );
    assert!(
        ended.stderr.contains("its output names an error"),
        "{ended:?}"
    );
}

#[test]
fn while_an_installer_works_the_version_is_updating_and_a_second_one_is_refused() {
    let bench = stopped();
    bench.node(0).behave("update.hang", "");
    let sent = bench.sent(bench.node(0), &bench.file.step("upgrade/update"));
    let update = start_script(bench.shell, bench.node(0), &sent);
    eventually("the installer works", Duration::from_secs(90), || {
        bench
            .facts(0)
            .get("version")
            .is_some_and(|version| version == "updating")
    });
    bench.sees(0, "installer=unknown service=stopped");
    let check = bench.run(0, &bench.file.body("check", "one-installer"));
    assert!(!check.stdout.contains("installers=0"), "{check:?}");
    let second = bench.step(0, "upgrade/installer");
    assert_eq!(second.code, Some(75), "{second:?}");
    assert_eq!(bench.node(0).count("update"), 1);
    bench.sees(1, "version=5.4");

    bench.node(0).behave_well("update.hang");
    let ended = finish(update, Duration::from_secs(150));
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(
        ended.stdout.contains("Initialization in progress"),
        "{ended:?}"
    );
    bench.sees(0, "version=5.5-20240627 service=partial");
}

#[test]
fn a_slow_update_shows_its_lines_while_it_works() {
    use std::io::{BufRead as _, BufReader};
    let bench = stopped();
    bench.node(0).behave("update.hang", "");
    let sent = bench.sent(bench.node(0), &bench.file.step("upgrade/installer"));
    let mut update = start_script(bench.shell, bench.node(0), &sent);
    let mut output = BufReader::new(update.stdout.take().expect("piped"));
    let mut first = String::new();
    output.read_line(&mut first).expect("a line");
    assert_eq!(
        first,
        "Please wait while execution process is being prepared!\n"
    );
    assert!(
        update.try_wait().expect("a child").is_none(),
        "it still works"
    );
    bench.node(0).behave_well("update.hang");
    assert_eq!(finish(update, Duration::from_secs(150)).code, Some(0));
}

#[test]
fn a_start_that_fails_or_lies_ends_in_a_failure_not_in_a_claim() {
    let mut bench = stopped();
    bench.set("ready_timeout", "2");
    for behaviour in ["start.fail", "start.lie"] {
        bench.node(0).behave(behaviour, "");
        let ended = bench.step(0, "start/start-primary");
        assert_eq!(ended.code, Some(1), "{ended:?}");
        assert!(
            ended
                .stderr
                .contains("not seen within 2 s: Admin Tool answers"),
            "{ended:?}"
        );
        bench.sees(0, "service=stopped tm=down");
        assert_eq!(bench.node(0).count("start_tm"), 0);
        bench.node(0).behave_well(behaviour);
    }
}

#[test]
fn a_primary_that_is_not_promoted_is_waited_for_in_vain() {
    let bench = stopped();
    bench.node(0).behave("no-promotion", "");
    bench.done(0, "start/start-primary");
    bench.sees(0, "tm=alive role=secondary members=degraded");
}

#[test]
fn an_update_by_another_user_is_refused() {
    if std::env::var("USER").is_ok_and(|user| user != "root") {
        eprintln!("skipped: only root can give a folder away");
        return;
    }
    let bench = stopped();
    let home = bench.node(0).home();
    let given = std::process::Command::new("chown")
        .arg("65534")
        .arg(&home)
        .status();
    if !given.expect("chown exists").success() {
        eprintln!("skipped: only root can give a folder away");
        return;
    }
    let ended = bench.step(0, "upgrade/update");
    assert_eq!(ended.code, Some(77), "{ended:?}");
    assert_eq!(bench.node(0).count("update"), 0);
}

#[test]
fn a_known_fault_in_the_log_is_named() {
    let bench = stopped();
    let log = bench.node(0).home().join("tomcat/admin/logs/catalina.out");
    std::fs::write(
        log,
        "java.lang.NoClassDefFoundError: org/apache/tomcat/JarScanFilter\n",
    )
    .expect("written");
    let ended = bench.step(0, "verify/logs");
    assert_eq!(ended.code, Some(1), "{ended:?}");
    bench.done(1, "verify/logs");
}
