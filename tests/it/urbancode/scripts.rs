//! Every script can be read by every shell, and the linter of shell scripts has nothing to say.

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;

use super::Bench;
use crate::support::tool;
use crate::support::urbancode::{doubles, procedure, shells};

/// A folder with every script of the procedure (each text once) and of the doubles, and their paths.
fn all_scripts() -> (tempfile::TempDir, Vec<String>) {
    let folder = tempfile::tempdir().expect("a folder");
    let mut paths = Vec::new();
    let mut seen = BTreeSet::new();
    for (place, script) in procedure().scripts() {
        if seen.insert(script.clone()) {
            let file = folder
                .path()
                .join(format!("{}.sh", place.replace('/', "_")));
            fs::write(&file, script).expect("written");
            paths.push(file.display().to_string());
        }
    }
    for entry in fs::read_dir(doubles()).expect("the doubles") {
        let path = entry.expect("entry").path();
        if path.extension().is_some_and(|extension| extension == "sh") {
            paths.push(path.display().to_string());
        }
    }
    assert!(paths.len() > 30, "{}", paths.len());
    (folder, paths)
}

#[test]
fn every_shell_can_read_every_script() {
    let (_folder, paths) = all_scripts();
    for shell in shells() {
        for path in &paths {
            let read = Command::new(shell[0])
                .args(&shell[1..])
                .args(["-n", path])
                .output()
                .expect("the shell exists");
            let said = String::from_utf8_lossy(&read.stderr);
            assert!(
                read.status.success() && said.is_empty(),
                "{shell:?} {path}: {said}"
            );
        }
    }
}

#[test]
fn shellcheck_has_nothing_to_say() {
    if tool("shellcheck").is_none() {
        return;
    }
    let (_folder, paths) = all_scripts();
    // Parameters are assigned above the script (2154); the doubles read their node.conf (1091); `ls` is read only for an
    // owner (2012); shared pieces hold functions and variables that not every script uses (2034, 2329, 2317);
    // every shell of a server has `ulimit -n` (3045).
    let said = Command::new("shellcheck")
        .args([
            "-s",
            "sh",
            "-e",
            "SC2154,SC1091,SC2012,SC2034,SC2329,SC2317,SC3045",
            "-f",
            "gcc",
        ])
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
    let Some(mut bench) = Bench::stopped(2) else {
        return;
    };
    let canary = bench.servers.shared().join("canary");
    let hostile = format!(
        "'; touch {0}; $(touch {0}) `touch {0}`\n#",
        canary.display()
    );
    for name in [
        "service_user",
        "storage_wanted",
        "lb_url",
        "java_home",
        "agentcomm_uri",
    ] {
        bench.set(name, &hostile);
    }
    bench.sees(0, "service=stopped storage=old");
    bench.step(0, "first/upgrade-silently");
    assert!(!canary.exists());
}
