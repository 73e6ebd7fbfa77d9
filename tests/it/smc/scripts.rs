//! Every script can be read by every shell, and the linter of shell scripts has nothing to say.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use holdpoint::parse;

use super::parsed;
use crate::support::smc::scripts;
use crate::support::tool;

/// Writes each text of the procedure once into `folder`; the paths of them and of the doubles.
fn all_scripts(folder: &Path) -> Vec<String> {
    let texts: BTreeSet<String> = parse::scripts(&parsed())
        .into_iter()
        .map(|script| script.text)
        .collect();
    assert!(texts.len() > 15, "{}", texts.len());
    let mut paths = Vec::new();
    for (number, text) in texts.iter().enumerate() {
        let path = folder.join(format!("{number}.sh"));
        fs::write(&path, text).expect("written");
        paths.push(path.display().to_string());
    }
    for entry in fs::read_dir(scripts()).expect("the doubles") {
        paths.push(entry.expect("an entry").path().display().to_string());
    }
    paths
}

#[test]
fn every_shell_can_read_every_script() {
    let folder = tempfile::tempdir().expect("a folder");
    let paths = all_scripts(folder.path());
    for shell in [&["dash"][..], &["busybox", "sh"]] {
        if tool(shell[0]).is_none() {
            continue;
        }
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
    let folder = tempfile::tempdir().expect("a folder");
    // Parameters are assigned above the script (2154); shared pieces define more than each script uses (2034, 2329); the
    // doubles read their node.conf (1091).
    let said = Command::new("shellcheck")
        .args(["-s", "sh", "-e", "SC2154,SC2034,SC2329,SC1091", "-f", "gcc"])
        .args(all_scripts(folder.path()))
        .output()
        .expect("shellcheck exists");
    let text = String::from_utf8_lossy(&said.stdout);
    assert!(said.status.success(), "{text}");
}
