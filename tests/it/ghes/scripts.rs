//! Every script can be read by every shell, and the linter of shell scripts has nothing to say.

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;

use crate::support::ghes::{Bench, HOTPATCH, UPGRADE, all_scripts, procedure, scripts};
use crate::support::tool;

/// A folder with every script of both procedures (each text once), and the paths of these and of the doubles.
fn everything() -> (tempfile::TempDir, Vec<String>) {
    let folder = tempfile::tempdir().expect("a folder");
    let mut paths = Vec::new();
    let mut seen = BTreeSet::new();
    for id in [UPGRADE, HOTPATCH] {
        for (place, script) in all_scripts(&procedure(id)) {
            if seen.insert(script.clone()) {
                let name = format!("{}_{}.sh", id, place).replace('/', "_");
                let path = folder.path().join(name);
                fs::write(&path, script).expect("written");
                paths.push(path.display().to_string());
            }
        }
    }
    assert!(paths.len() > 25, "{paths:?}");
    for entry in fs::read_dir(scripts()).expect("the doubles") {
        paths.push(entry.expect("entry").path().display().to_string());
    }
    (folder, paths)
}

#[test]
fn every_shell_can_read_every_script() {
    let (_folder, paths) = everything();
    for (program, more) in [("dash", ""), ("busybox", "sh"), ("bash", "--posix")] {
        if tool(program).is_none() {
            continue;
        }
        for path in &paths {
            let read = Command::new(program)
                .args(Some(more).filter(|more| !more.is_empty()))
                .args(["-n", path])
                .output()
                .expect("the shell exists");
            let said = String::from_utf8_lossy(&read.stderr);
            assert!(
                read.status.success() && said.is_empty(),
                "{program} {path}: {said}"
            );
        }
    }
}

#[test]
fn shellcheck_has_nothing_to_say() {
    if tool("shellcheck").is_none() {
        return;
    }
    let (_folder, paths) = everything();
    // Parameters are assigned above the script (2154); pieces may hold a function that one script does not use (2317,
    // 2329); the doubles read their node.conf (1091).
    let said = Command::new("shellcheck")
        .args(["-s", "sh", "-e", "SC2154,SC2317,SC2329,SC1091", "-f", "gcc"])
        .args(&paths)
        .output()
        .expect("shellcheck exists");
    assert!(
        said.status.success(),
        "{}",
        String::from_utf8_lossy(&said.stdout)
    );
}

#[test]
fn a_hostile_parameter_stays_one_word() {
    let mut bench = Bench::new(UPGRADE, 2, &["dash"]);
    let canary = bench.doubles.shared().join("canary");
    let hostile = format!("'; touch {0}; $(touch {0}) `id`", canary.display());
    for name in [
        "node_name",
        "maintenance_message",
        "package_url",
        "jobs_done",
    ] {
        bench.set(name, &hostile);
    }
    bench.facts("ghe-data-1");
    bench.done("ghe-data-1", "maintenance/set");
    assert!(bench.tries("ghe-data-1", "prepare/download").code != Some(0));
    // Through the second shell, which runs on each node, only a plain file name goes.
    bench.set("package_name", &hostile);
    bench.fails("ghe-data-1", "prepare/download", "no plain file name");
    assert!(!canary.exists());
}
