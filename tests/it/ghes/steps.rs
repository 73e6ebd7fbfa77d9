//! The changing scripts by hand, in the plan's order, each followed by what the probes say; and how they fail.

use std::fs;

use crate::support::ghes::{Bench, HOTPATCH, UPGRADE};

const PRIMARY: &str = "ghe-data-1";
const OTHER: &str = "ghe-data-2";
const WEB: &str = "ghe-app-1";
const ALL: [&str; 3] = [PRIMARY, OTHER, WEB];

#[test]
fn the_upgrade_by_hand_in_every_shell() {
    for shell in super::shells() {
        upgrade(&Bench::new(UPGRADE, 3, shell));
    }
}

fn upgrade(bench: &Bench) {
    let said = bench.done(WEB, "prepare/download");
    assert!(said.contains("ghe-data-2:   % Total"), "{said}");
    for node in ALL {
        bench.sees(node, "package=present");
        let said = bench.done(node, "prepare/package");
        assert!(said.contains("sha256: "), "{said}");
        assert_eq!(
            bench.node(node).count("ghe-cluster-each"),
            if node == WEB { 2 } else { 0 }
        );
    }
    bench.done(OTHER, "prepare/packages-alike");
    let said = bench.done(WEB, "prepare/mysql-primary");
    assert!(said.contains("upgraded before ghe-data-1"), "{said}");
    bench.done(OTHER, "maintenance/set");
    for node in ALL {
        bench.sees(node, "maintenance=on");
        bench.done(node, "maintenance/proven");
    }
    for (node, step) in [(WEB, "nodes"), (OTHER, "nodes"), (PRIMARY, "primary")] {
        if node == PRIMARY {
            bench.done(node, "primary/look-again");
        }
        let said = bench.answers(node, &format!("{step}/upgrade"), "y\n");
        assert_eq!(said.code, Some(0), "{said:?}");
        assert!(
            said.stdout.contains("Proceed with installation? [y/N]"),
            "{said:?}"
        );
        bench.sees(node, "version=3.16.4");
        bench.reboot(node);
        bench.sees(node, "version=3.17.7 maintenance=on config_run=running");
        let said = bench.done(node, &format!("{step}/back"));
        assert!(said.contains("root partition: /dev/xvda2"), "{said}");
        bench.node(node).set_state("config-run", "1");
        bench.sees(node, "config_run=done");
    }
    bench.done(PRIMARY, "configure/config-log");
    let said = bench.done(PRIMARY, "configure/config-apply");
    assert!(said.contains("Finished cluster configuration"), "{said}");
    bench.sees(PRIMARY, "health=ok applied=yes");
    bench.sees(OTHER, "applied=no");
    bench.done(PRIMARY, "configure/status");
    bench.done(OTHER, "configure/versions");
    bench.done(OTHER, "open/unset");
    for node in ALL {
        bench.sees(node, "maintenance=off");
        bench.done(node, "open/in-service");
    }
}

#[test]
fn a_package_that_is_not_what_it_should_be_is_told_on_its_node() {
    let mut bench = Bench::new(UPGRADE, 3, &["dash"]);
    bench.fails(PRIMARY, "prepare/package", "");
    bench.done(PRIMARY, "prepare/download");
    bench.set("package_sha256", &"0".repeat(64));
    bench.fails(PRIMARY, "prepare/package", "another checksum");
    bench.set("package_sha256", "none");
    bench.set("package_bytes", "520093696");
    bench.fails(PRIMARY, "prepare/package", "has 12 bytes and not 520093696");
    bench.set("package_bytes", "0");
    // One node has another file than the rest.
    bench
        .node(WEB)
        .put_package("github-enterprise-3.17.7.pkg", "3.17.7", "bad");
    bench.fails(
        WEB,
        "prepare/package",
        "not a valid GitHub Enterprise Server package",
    );
    bench.fails(PRIMARY, "prepare/packages-alike", "2 different packages");
    bench.node(WEB).behave("no-verify", "");
    let said = bench.done(WEB, "prepare/package");
    assert!(said.contains("no ghe-upgrade --verify"), "{said}");
    fs::remove_file(
        bench
            .node(WEB)
            .dir
            .join("admin/github-enterprise-3.17.7.pkg"),
    )
    .expect("removed");
    bench.fails(
        PRIMARY,
        "prepare/packages-alike",
        "2 of 3 nodes told a checksum",
    );
}

#[test]
fn a_download_that_fails_on_one_node_leaves_no_half_package() {
    let bench = Bench::new(UPGRADE, 2, &["dash"]);
    fs::remove_dir_all(bench.doubles.shared().join("download")).expect("removed");
    bench.fails(PRIMARY, "prepare/download", "404");
    bench.sees(WEB, "package=absent");
}

#[test]
fn the_upgrade_says_why_it_does_not_install() {
    for (behaviour, words) in [
        ("upgrade.bad-signature", "BAD signature"),
        ("upgrade.low-disk", "needs 8 GB of free space"),
    ] {
        let bench = Bench::new(UPGRADE, 2, &["dash"]);
        bench.done(WEB, "prepare/download");
        bench.node(WEB).behave(behaviour, "");
        bench.fails(WEB, "nodes/upgrade", words);
        assert!(!bench.node(WEB).dir.join("state/reboot").exists());
    }
    let mut bench = Bench::new(UPGRADE, 2, &["dash"]);
    bench.fails(WEB, "nodes/upgrade", "no readable package");
    bench.done(WEB, "prepare/download");
    // Nobody answers: the question's default is No.
    bench.fails(WEB, "nodes/upgrade", "Aborted.");
    bench.set("answer_yes", "true");
    let said = bench.done(WEB, "nodes/upgrade");
    assert!(!said.contains("Proceed with installation?"), "{said}");
    assert!(
        bench
            .node(WEB)
            .calls("ghe-upgrade")
            .contains("-y github-enterprise-3.17.7.pkg")
    );
}

#[test]
fn a_node_that_booted_its_old_partition_or_cannot_be_pinged_is_told() {
    let bench = Bench::new(UPGRADE, 3, &["dash"]);
    bench.fails(WEB, "nodes/back", "did it boot its old root partition?");
    bench.node(WEB).set_state("version", "3.17.7");
    bench.done(WEB, "nodes/back");
    fs::write(bench.doubles.shared().join("ghe-data-2.away"), "").expect("written");
    bench.fails(WEB, "nodes/back", "ping ghe-data-2: no answer");
}

#[test]
fn the_primary_is_looked_up_again() {
    let bench = Bench::new(UPGRADE, 3, &["dash"]);
    bench.done(PRIMARY, "primary/look-again");
    bench.doubles.fail_over("ghe-data-1", "ghe-data-2");
    bench.fails(PRIMARY, "primary/look-again", "has moved");
    bench.doubles.fail_over("ghe-data-2", "elsewhere");
    bench.fails(PRIMARY, "prepare/mysql-primary", "names no mysql-master");
}

#[test]
fn an_applied_configuration_is_believed_only_with_its_last_line() {
    let bench = Bench::new(UPGRADE, 2, &["dash"]);
    bench.node(PRIMARY).behave("config-apply.lie", "");
    bench.fails(PRIMARY, "configure/config-apply", "ended with 0");
    bench.node(PRIMARY).behave("config-apply.fail", "");
    bench.fails(PRIMARY, "configure/config-apply", "ended with 1");
    bench.sees(PRIMARY, "applied=no");
    fs::write(bench.doubles.shared().join("unhealthy"), "").expect("written");
    bench.fails(PRIMARY, "configure/status", "elasticsearch cluster: error");
    bench.fails(
        PRIMARY,
        "configure/versions",
        "ghe-app-1 is on 3.16.4, not on 3.17.7",
    );
}

#[test]
fn maintenance_mode_is_lifted_with_patience_and_not_for_ever() {
    let mut bench = Bench::new(UPGRADE, 2, &["dash"]);
    bench.done(PRIMARY, "maintenance/set");
    bench.node(PRIMARY).behave("unset.refuse", "3");
    let said = bench.done(PRIMARY, "open/unset");
    assert!(said.contains("lifted after 4 attempts"), "{said}");
    bench.sees(WEB, "maintenance=off");
    bench.done(PRIMARY, "maintenance/set");
    bench.set("unset_tries", "5");
    bench.node(PRIMARY).set_state("config-run", "9999999999");
    bench.fails(PRIMARY, "open/unset", "still refused after 5 attempts");
    bench.sees(WEB, "maintenance=on");
}

#[test]
fn service_is_what_the_web_nodes_and_the_load_balancer_answer() {
    let mut bench = Bench::new(UPGRADE, 3, &["dash"]);
    bench.set("in_service_timeout", "0");
    bench.fails(WEB, "maintenance/proven", "answers 200 and not 503");
    bench.done(PRIMARY, "maintenance/proven");
    bench.node(WEB).behave("status", "503");
    bench.fails(WEB, "open/in-service", "answers 503 and not 200");
    bench.set("service_url", "https://ghe.example/status");
    bench.fails(
        PRIMARY,
        "open/in-service",
        "https://ghe.example/status answers 503",
    );
    bench.node(WEB).behave_well("status");
    bench.done(PRIMARY, "open/in-service");
}

#[test]
fn the_earlier_patch_comes_back() {
    let mut bench = Bench::new(UPGRADE, 2, &["dash"]);
    bench
        .node(WEB)
        .put_package("github-enterprise-3.16.3.pkg", "3.16.3", "good");
    bench.set("rollback_package", "github-enterprise-3.16.3.pkg");
    let said = bench.answers(WEB, "patch-rollback/rollback", "y\n");
    assert_eq!(said.code, Some(0), "{said:?}");
    bench.reboot(WEB);
    bench.sees(WEB, "version=3.16.3");
}

#[test]
fn the_hotpatch_by_hand_in_every_shell() {
    for shell in super::shells() {
        let mut bench = Bench::new(HOTPATCH, 3, shell);
        let said = bench.done(WEB, "install/hotpatch");
        assert!(
            said.contains("ghe-data-2: GitHub Enterprise Server 3.16.8"),
            "{said}"
        );
        bench.done(PRIMARY, "verify/versions");
        bench.done(PRIMARY, "verify/status");
        bench.done(WEB, "service/in-service");
        assert_eq!(
            bench.node(WEB).calls("ghe-cluster-hotpatch"),
            "https://download.example/github-enterprise-3.16.8.hpkg\n"
        );
        // A local file.
        bench.set("package_from", "file");
        bench.fails(PRIMARY, "install/hotpatch", "no readable hotpatch");
        bench
            .node(PRIMARY)
            .put_package("github-enterprise-3.16.8.hpkg", "3.16.8", "good");
        bench.done(PRIMARY, "prepare/package");
        bench.done(PRIMARY, "install/hotpatch");
    }
}

#[test]
fn a_hotpatch_that_fails_on_one_node_is_seen_there() {
    let bench = Bench::new(HOTPATCH, 3, &["dash"]);
    bench.node(OTHER).behave("hotpatch.fail", "");
    bench.fails(
        WEB,
        "install/hotpatch",
        "ghe-data-2: Error: not enough free space",
    );
    bench.sees(WEB, "version=3.16.8");
    bench.sees(OTHER, "version=3.16.4");
    bench.fails(
        PRIMARY,
        "verify/versions",
        "ghe-data-2 is on 3.16.4, not on 3.16.8",
    );
    let said = bench.done(PRIMARY, "one-node-behind/why");
    assert!(
        said.contains("ghe-data-2: GitHub Enterprise Server 3.16.4"),
        "{said}"
    );
    bench.done(WEB, "reboot-required/reboot");
    assert_eq!(bench.node(WEB).calls("sudo"), "reboot\n");
}
