//! Every script can be read by every shell, and the linter of shell scripts has nothing to say.

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;

use super::{has, shells};
use crate::support::double::scripts;
use crate::support::procedure_file::ProcedureFile;

const PROCEDURES: [&str; 4] = [
    "standard-cluster",
    "standard-cluster-disjoin",
    "streaming",
    "enterprise-cluster",
];

/// Folder with every script of the procedures (each text once) and of the doubles, and their paths.
fn all_scripts() -> (tempfile::TempDir, Vec<String>) {
    let folder = tempfile::tempdir().expect("a folder");
    let mut paths = Vec::new();
    let mut seen = BTreeSet::new();
    for procedure in PROCEDURES {
        let id = format!("securetransport/{procedure}");
        for (place, script) in ProcedureFile::built_in(&id).scripts() {
            if seen.insert(script.clone()) {
                // Numbered: a step and its undo have the same place.
                let place = place.replace('/', "_");
                let name = format!("{procedure}{place}.{}.sh", paths.len());
                let path = folder.path().join(name);
                fs::write(&path, script).expect("written");
                paths.push(path.display().to_string());
            }
        }
    }
    for entry in fs::read_dir(scripts()).expect("the doubles") {
        paths.push(entry.expect("entry").path().display().to_string());
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
                .output();
            let read = read.expect("the shell exists");
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
    if !has("shellcheck") {
        return;
    }
    let (_folder, paths) = all_scripts();
    // Parameters are assigned above the script (2154); the doubles read their node.conf (1091); `ls` is read only for
    // an owner and a count, which no file name can disturb (2012).
    let said = Command::new("shellcheck")
        .args(["-s", "sh", "-e", "SC2154,SC1091,SC2012", "-f", "gcc"])
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
    use super::Bench;
    use crate::support::double::DoubleCluster;
    let mut bench = Bench::new(DoubleCluster::new(2), &["dash"]);
    let canary = bench.cluster.packs().join("canary");
    let hostile = format!(
        "'; touch {}; $(touch {}) `id`\n#",
        canary.display(),
        canary.display()
    );
    bench.set("protocols", &hostile);
    bench.set("member_name", &hostile);
    bench.sees(0, "service=stopped primary=false");
    assert!(!canary.exists());
}
