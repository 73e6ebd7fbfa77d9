//! Each probe and check, in each state, says what is so, and nothing where it cannot look.

use std::fs;
use std::net::TcpListener;

use super::Bench;

#[test]
fn a_healthy_cluster_is_seen_as_it_is_in_every_shell() {
    let mut bench = Bench::running(3);
    for shell in [&["dash"][..], &["busybox", "sh"], &["bash", "--posix"]] {
        bench.shell = shell;
        bench.sees(
            0,
            "service=running role=active replication=act-rep sync=synced declared=true version=7.3.3 backup=none",
        );
        bench.sees(
            2,
            "service=running role=standby replication=stb-rep sync=synced declared=false version=7.3.3",
        );
    }
    for (id, key, value) in [
        ("servers-listed", "servers", "3"),
        ("same-active", "active", "key 10"),
        ("no-installer", "busy", "no"),
        ("rest-api", "api", "unused"),
    ] {
        assert_eq!(bench.check(1, id)[key], value, "{id}");
    }
}

#[test]
fn a_stopped_or_blocked_standby_shows_on_both_sides() {
    let bench = Bench::running(3);
    bench.node(1).systemctl("stop");
    bench.sees(
        1,
        "service=stopped role=standby replication=down sync=pending",
    );
    bench.sees(0, "replication=act-rep-ex sync=pending declared=true");
    bench.node(2).behave("blocked", "");
    bench.sees(2, "service=running replication=stb-onhold sync=pending");
    bench.sees(0, "replication=act-onhold sync=pending declared=true");
}

#[test]
fn stopped_needs_all_three_signals() {
    let bench = Bench::running(2);
    let node = bench.node(1);
    node.systemctl("stop");
    bench.sees(1, "service=stopped");
    let listener = TcpListener::bind(("127.0.0.1", node.port)).expect("the port is free");
    bench.sees(1, "service=partial");
    drop(listener);
    bench.sees(1, "service=stopped");
}

#[test]
fn damaged_states_have_words_of_their_own() {
    let bench = Bench::running(2);
    for (code, word) in [
        ("BROKEN_ACT_STB", "broken"),
        ("UNKNOWN", "broken"),
        ("LEGACY_MODE", "legacy-mode"),
        ("STB_ACTREP", "stb-actrep"),
    ] {
        bench.node(1).set("code", code);
        bench.sees(1, &format!("replication={word} sync=pending"));
    }
}

#[test]
fn what_cannot_be_looked_at_is_unknown_never_stopped() {
    let mut bench = Bench::running(2);
    bench.node(1).behave("status.fail", "");
    bench.sees(1, "service=running role=- replication=- sync=- declared=-");
    bench.node(1).behave_well("status.fail");

    bench.set("unit", "smcServer");
    let ended = bench.probe(0, "state");
    assert_ne!(ended.code, Some(0), "{ended:?}");
    assert!(
        ended.stdout.is_empty() && ended.stderr.contains("no unit smcServer"),
        "{ended:?}"
    );
    bench.set("unit", "sgMgtServer");

    let tool = bench.node(0).home().join("bin/sgReplicationAdmin.sh");
    fs::rename(&tool, tool.with_extension("away")).expect("moved");
    for probe in ["state", "replication"] {
        let ended = bench.probe(0, probe);
        assert_ne!(ended.code, Some(0), "{ended:?}");
        assert!(ended.stdout.is_empty(), "{ended:?}");
    }
}

#[test]
fn the_version_is_that_of_the_last_start_or_what_a_command_prints() {
    let mut bench = Bench::running(2);
    bench.node(0).set("installed", "7.5.0_99999_INTERNAL");
    bench.sees(0, "version=7.3.3");
    bench.node(0).systemctl("stop");
    bench.node(0).systemctl("start");
    bench.sees(0, "version=7.5.0");
    bench.set("version_command", "echo Forcepoint SMC 7.4.1 build 5");
    bench.sees(0, "version=7.4.1");
    bench.set("version_command", "exit 3");
    bench.sees(0, "version=-");
}

#[test]
fn a_backup_is_fresh_where_the_settings_say_that_backups_go() {
    let bench = Bench::running(2);
    let home = bench.node(0).home();
    let elsewhere = home.join("data/elsewhere");
    fs::create_dir(&elsewhere).expect("a folder");
    fs::write(
        home.join("data/SGConfiguration.txt"),
        "SG_BACKUP_DIR=${SG_DATA_ROOT_DIR}/elsewhere\n",
    )
    .expect("settings");
    bench.sees(0, "backup=none");
    bench.done(0, "prepare/backup-by-command");
    bench.sees(0, "backup=fresh");
    assert_eq!(bench.node(0).calls("sgBackupMgtSrv").len(), 1);
    assert!(fs::read_dir(&elsewhere).expect("readable").next().is_some());
}

#[test]
fn a_hostile_name_stays_one_word() {
    let mut bench = Bench::running(2);
    let canary = bench.node(0).dir.join("canary");
    let hostile = format!("'; touch {0}; $(touch {0}) `id`\n#", canary.display());
    for param in ["server_process", "installer_process", "backup_dir"] {
        bench.set(param, &hostile);
    }
    bench.facts(0);
    assert!(!canary.exists());
}
