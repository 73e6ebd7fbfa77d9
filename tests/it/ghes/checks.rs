//! What the checks print of a double in its states; and what versions may go where.

use std::fs;

use crate::support::ghes::{Bench, HOTPATCH, UPGRADE, procedure};

const PRIMARY: &str = "ghe-data-1";
const WEB: &str = "ghe-app-1";

fn told(bench: &Bench, node: &str, check: &str) -> String {
    let told = bench.told(node, &format!("check/{check}"));
    let pairs: Vec<String> = told
        .iter()
        .map(|(key, value)| format!("{key}={value}"))
        .collect();
    pairs.join(" ")
}

#[test]
fn the_cluster_as_a_whole_is_looked_at() {
    let bench = Bench::new(UPGRADE, 3, &["dash"]);
    assert_eq!(
        told(&bench, PRIMARY, "is-cluster"),
        "member=ghe-data-1 readable=yes"
    );
    assert_eq!(told(&bench, PRIMARY, "nodes-known"), "nodes=3");
    assert_eq!(told(&bench, PRIMARY, "nodes-reachable"), "reach=ready");
    assert_eq!(told(&bench, WEB, "nodes-reachable"), "reach=elsewhere");
    assert_eq!(told(&bench, WEB, "web-answers"), "code=200 web=true");
    assert_eq!(told(&bench, PRIMARY, "web-answers"), "code=0 web=false");
    let alike = |node: &str| bench.told(node, "check/cluster-conf-alike");
    assert_eq!(alike(PRIMARY), alike(WEB));
    fs::write(bench.doubles.shared().join("ghe-data-2.away"), "").expect("written");
    assert_eq!(told(&bench, PRIMARY, "nodes-reachable"), "reach=incomplete");
    bench.doubles.fail_over("ghe-data-1", "ghe-data-2");
    assert_eq!(alike(PRIMARY)["master"], "node ghe-data-2");
    fs::remove_file(bench.node(WEB).dir.join("etc/cluster.conf")).expect("removed");
    assert_eq!(told(&bench, WEB, "is-cluster"), "readable=no");
}

#[test]
fn disks_memory_and_load_are_measured() {
    let bench = Bench::new(UPGRADE, 2, &["dash"]);
    assert_eq!(told(&bench, PRIMARY, "data-disk"), "free_percent=58");
    bench.node(PRIMARY).behave("root-disk", "2000000");
    assert_eq!(
        told(&bench, PRIMARY, "root-disk"),
        "free_kb=2000000 size_kb=200000000"
    );
    assert!(bench.told(PRIMARY, "check/memory").contains_key("ram_kb"));
    assert!(bench.told(PRIMARY, "check/load").contains_key("percent"));
}

#[test]
fn where_the_package_comes_from_must_be_said() {
    let mut bench = Bench::new(UPGRADE, 2, &["dash"]);
    assert_eq!(told(&bench, PRIMARY, "package-source"), "said=yes");
    bench.set("package_url", "none");
    assert_eq!(told(&bench, PRIMARY, "package-source"), "said=no");
    bench.set("package_from", "upload");
    assert_eq!(told(&bench, PRIMARY, "package-source"), "said=no");
    bench.set("package", "/home/me/github-enterprise-3.17.7.pkg");
    assert_eq!(told(&bench, PRIMARY, "package-source"), "said=yes");
}

#[test]
fn versions_go_two_feature_releases_at_most_and_never_to_a_bad_patch() {
    let versions = procedure(UPGRADE).versions;
    for (from, to) in [
        ("3.16.4", "3.17.7"),
        ("3.15.12", "3.17.5"),
        ("3.16.4", "3.16.8"),
        ("3.14.9", "3.16.8"),
        ("2.11.3", "2.13.0"),
    ] {
        assert_eq!(versions.judge(from, to), Ok(()), "{from} to {to}");
    }
    for (from, to, why) in [
        ("3.14.9", "3.17.7", "2 feature releases"),
        ("3.17.7", "3.16.8", "downgrade"),
        ("2.22.0", "3.0.1", "the last release of 2"),
    ] {
        let refused = versions.judge(from, to).expect_err("refused");
        assert!(refused.contains(why), "{from} to {to}: {refused}");
    }
    for (target, instead) in [
        ("3.15.11", "3.15.12"),
        ("3.16.0", "3.16.8"),
        ("3.17.4", "3.17.5"),
    ] {
        let refused = versions.judge_target(target).expect_err("refused");
        assert!(refused.contains(instead), "{target}: {refused}");
    }
    for target in ["3.15.12", "3.16.8", "3.17.7"] {
        assert_eq!(versions.judge_target(target), Ok(()), "{target}");
    }
    // A hotpatch stays in its series; that is a check, because it depends on the target alone.
    let hotpatch = procedure(HOTPATCH).versions;
    assert_eq!(hotpatch.judge("3.16.4", "3.16.8"), Ok(()));
}
