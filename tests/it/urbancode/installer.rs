//! The installer, interactive and silent: what it asks, what it refuses, and how its failures are told apart.

use std::fs;
use std::time::Duration;

use super::{Bench, answers};
use crate::support::double::{eventually, finish};
use crate::support::urbancode::Servers;

#[test]
fn the_first_server_migrates_and_the_second_does_not() {
    let Some(bench) = Bench::stopped(2) else {
        return;
    };
    let said = bench.install(0);
    assert_eq!(said.code, Some(0), "{said:?}");
    assert!(
        said.stdout.contains("Found database upgrades")
            && said.stdout.ends_with("installed: 7.1.0.0\n"),
        "{said:?}"
    );
    bench.sees(
        0,
        "version=7.1.0.0 stamp=7.1.0.0 migration=begun service=stopped database=apart",
    );
    assert_eq!(bench.servers.database(), "7.1.0.0.1069281");
    assert!(
        bench
            .done(0, "first/install-log")
            .contains("the database was upgraded")
    );
    bench.done(0, "first/start");

    bench.sees(1, "version=7.0.2.1 stamp=7.1.0.0 migration=none");
    let said = bench.install(1);
    assert_eq!(said.code, Some(0), "{said:?}");
    assert!(
        said.stdout
            .contains("No database upgrades found, leaving processes running"),
        "{said:?}"
    );
    assert!(
        bench
            .done(1, "others/install-log")
            .contains("the database was left alone")
    );
    bench.done(1, "others/owner");
    bench.done(1, "others/start");
    bench.sees(1, "version=7.1.0.0 stamp=7.1.0.0 service=running web=ready");
    assert_eq!(
        bench.servers.story(),
        [
            "first stop",
            "second stop",
            "first install",
            "first start",
            "second install",
            "second start"
        ]
    );
    let asked = bench.node(1).calls("answers");
    assert!(!asked.contains("database?"), "{asked}");
}

#[test]
fn a_second_server_that_finds_database_upgrades_is_not_started() {
    let Some(bench) = Bench::stopped(2) else {
        return;
    };
    bench.install(0);
    bench.node(1).behave("installer.migrates", "");
    bench.install(1);
    let ended = bench.step(1, "others/install-log");
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(
        ended
            .stderr
            .contains("Does this server use the same database"),
        "{ended:?}"
    );
}

#[test]
fn the_silent_installer_reads_its_answers_from_the_properties() {
    let Some(bench) = Bench::stopped(1) else {
        return;
    };
    let said = bench.done(0, "first/upgrade-silently");
    assert!(
        said.contains("Installer Complete.") && !said.contains("[y,n]"),
        "{said}"
    );
    let file = bench.node(0).package().join("install.properties");
    let text = fs::read_to_string(file).expect("properties");
    assert!(
        text.contains("# Answers for a silent installation"),
        "{text}"
    );
    assert_eq!(text.matches("nonInteractive=true").count(), 1, "{text}");
    assert!(
        !text.contains("nonInteractive=false") && !text.contains("/opt/ucd/server"),
        "{text}"
    );
}

#[test]
fn a_missing_agent_address_ends_the_silent_installer_and_is_given_by_a_parameter() {
    let Some(mut bench) = Bench::stopped(1) else {
        return;
    };
    bench.node(0).set_property("agentcomm.uri", "");
    let ended = bench.step(0, "first/upgrade-silently");
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(
        ended
            .stderr
            .contains("Please provide a property for 'agentcomm.uri'"),
        "{ended:?}"
    );
    assert!(
        ended
            .stderr
            .contains("No migration of the database had begun."),
        "{ended:?}"
    );
    bench.sees(0, "version=7.0.2.1 migration=none");
    bench.set("agentcomm_uri", "wss://first.example.net:7919");
    bench.done(0, "first/upgrade-silently");
    bench.sees(0, "version=7.1.0.0");
}

#[test]
fn a_failed_migration_and_a_failure_before_it_are_told_apart() {
    let Some(bench) = Bench::stopped(1) else {
        return;
    };
    bench.node(0).behave("installer.fail", "");
    let ended = bench.install(0);
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(
        ended
            .stderr
            .contains("No migration of the database had begun."),
        "{ended:?}"
    );
    bench.sees(0, "migration=none version=7.0.2.1 database=apart");

    bench.node(0).behave_well("installer.fail");
    bench.node(0).behave("installer.migration", "");
    let ended = bench.install(0);
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(
        ended.stderr.contains("its log says: Install Failed"),
        "{ended:?}"
    );
    assert!(
        ended
            .stderr
            .contains("before another attempt, or a start, the database is restored"),
        "{ended:?}"
    );
    assert!(ended.stdout.contains("IllegalStateException"), "{ended:?}");
    bench.sees(0, "migration=begun version=7.0.2.1 service=stopped");
    assert_eq!(bench.step(0, "first/install-log").code, Some(1));
    assert!(bench.servers.database().starts_with("half way"));

    // The way out: restore, put the log aside, upgrade again.
    bench.servers.restore_database();
    bench.node(0).behave_well("installer.migration");
    fs::rename(
        bench.node(0).package().join("install.log"),
        bench.node(0).dir.join("old.log"),
    )
    .expect("renamed");
    bench.sees(0, "migration=none");
    assert_eq!(bench.install(0).code, Some(0));
}

#[test]
fn a_server_that_still_uses_the_database_makes_the_upgrade_fail() {
    let Some(bench) = Bench::running(2) else {
        return;
    };
    bench.done(0, "stop/stop");
    let ended = bench.install(0);
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(
        ended.stdout.contains("the database is in use by: second"),
        "{ended:?}"
    );
}

#[test]
fn an_installer_that_lies_or_refuses_is_caught_in_both_wordings() {
    let Some(bench) = Bench::stopped(1) else {
        return;
    };
    bench.node(0).behave("installer.lie", "");
    let ended = bench.install(0);
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(
        ended.stderr.contains("installed.version is at 7.0.2.1"),
        "{ended:?}"
    );
    bench.node(0).behave_well("installer.lie");

    // By hand, past our own refusal: the pid file appears after we looked.
    let script = bench.file.step("first/upgrade").replace(
        "./install-server.sh",
        ": >\"$install_dir/var/server.pid\"; ./install-server.sh",
    );
    for (behaviour, words) in [
        ("none", "Found pid file at <"),
        (
            "installer.old-words",
            "A previously installed version of HCL UrbanCode Deploy is running. Please shutdown",
        ),
    ] {
        bench.node(0).behave(behaviour, "");
        let ended = bench.run(0, &script, &answers(bench.node(0)));
        assert_eq!(ended.code, Some(1), "{ended:?}");
        assert!(ended.stderr.contains(words), "{ended:?}");
        fs::remove_file(bench.node(0).home().join("var/server.pid")).expect("removed");
    }
}

#[test]
fn another_version_in_the_application_data_cancels_the_upgrade() {
    let Some(bench) = Bench::stopped(1) else {
        return;
    };
    fs::write(
        bench.servers.appdata().join("conf/installed.version"),
        "installed.version=7.0.5.0.1\n",
    )
    .expect("written");
    let ended = bench.install(0);
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(
        ended
            .stderr
            .contains("Version mismatch between existing node"),
        "{ended:?}"
    );
    bench.sees(0, "stamp=7.0.5.0 version=7.0.2.1");
}

#[test]
fn while_the_installer_works_it_is_seen_and_a_second_one_is_refused() {
    let Some(bench) = Bench::stopped(2) else {
        return;
    };
    bench.node(0).behave("installer.hang", "");
    let installer = bench.start(
        0,
        &bench.file.step("first/upgrade"),
        &answers(bench.node(0)),
    );
    eventually(
        "the installer is on the database",
        Duration::from_secs(90),
        || {
            bench
                .facts(0)
                .get("database")
                .is_some_and(|database| database == "installer")
        },
    );
    bench.sees(0, "version=updating service=stopped pid=none");
    bench.sees(1, "version=7.0.2.1 database=apart");
    let second = bench.install(0);
    assert_eq!(second.code, Some(75), "{second:?}");
    assert_eq!(bench.node(0).count("installer"), 1);
    bench.node(0).behave_well("installer.hang");
    let ended = finish(installer, Duration::from_secs(150));
    assert_eq!(ended.code, Some(0), "{ended:?}");
    bench.sees(0, "version=7.1.0.0 database=apart");
}

#[test]
fn the_fips_switch_and_the_java_home_reach_the_installer() {
    let Some(mut bench) = Bench::stopped(1) else {
        return;
    };
    bench.set("fips", "true");
    let said = bench.install(0);
    assert!(
        said.stdout.contains("Installing the FIPS providers"),
        "{said:?}"
    );
    assert_eq!(bench.node(0).calls("installer"), "-fips\n");
    let java = format!("JAVA_HOME: {}", bench.node(0).dir.join("java").display());
    assert!(said.stdout.contains(&java), "{said:?}");
}

#[test]
fn an_archive_is_extracted_whatever_its_folder_is_called() {
    let Some(servers) = Servers::new(2) else {
        return;
    };
    let mut bench = Bench::new(servers, &["dash"]);
    bench.sees(0, "package=missing");
    let said = bench.done(0, "prepare/extract");
    assert!(said.contains("extracted to "), "{said}");
    bench.sees(0, "package=extracted");
    assert!(
        bench
            .done(0, "prepare/extract")
            .contains("is there already")
    );
    let left: Vec<_> = fs::read_dir(&bench.node(0).dir)
        .expect("the server's folder")
        .filter_map(|entry| entry.expect("entry").file_name().into_string().ok())
        .filter(|name| name.contains("holdpoint"))
        .collect();
    assert!(left.is_empty(), "{left:?}");
    bench.set("package_archive", "none");
    let ended = bench.step(1, "prepare/extract");
    assert_eq!(ended.code, Some(66), "{ended:?}");
    bench.set(
        "package_archive",
        &bench
            .node(1)
            .home()
            .join("lib/ext/driver.jar")
            .display()
            .to_string(),
    );
    let ended = bench.step(1, "prepare/extract");
    assert_eq!(ended.code, Some(1), "{ended:?}");
    bench.sees(1, "package=missing");
}

#[test]
fn the_layout_before_6_1_1_5_is_seen_and_the_installer_asks_for_the_new_place() {
    let Some(bench) = Bench::stopped(1) else {
        return;
    };
    bench.node(0).set_property("server.appdata.dir", "..");
    let data = bench.servers.appdata();
    fs::remove_dir_all(data.join("conf")).expect("removed");
    bench.sees(0, "storage=old stamp=7.0.2.1");
    fs::create_dir_all(data.join("conf/server/notification-templates")).expect("made");
    fs::write(data.join("conf/encryption.keystore"), "keystore").expect("written");
    bench.sees(0, "storage=ready stamp=7.0.2.1");
    let typed = format!(
        "y\n{}\ny\n{}\n\n\n",
        bench.node(0).home().display(),
        data.display()
    );
    let ended = bench.run(0, &bench.file.step("first/upgrade"), &typed);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    bench.sees(0, "version=7.1.0.0 stamp=7.1.0.0");
}
