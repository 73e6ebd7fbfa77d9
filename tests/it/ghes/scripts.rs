//! Every script can be read by every shell, and the linter of shell scripts has nothing to say.

use crate::support::ghes::{
    Bench, HOTPATCH, UPGRADE, all_scripts as scripts_of, procedure, scripts,
};
use crate::support::shell_texts::ShellTexts;

fn all_scripts() -> ShellTexts {
    let texts = [UPGRADE, HOTPATCH].map(|id| scripts_of(&procedure(id)));
    let texts = texts.into_iter().flatten().map(|(_, script)| script);
    ShellTexts::gather(texts, &scripts(), 25)
}

#[test]
fn every_shell_can_read_every_script() {
    all_scripts().are_read_by_every_shell();
}

#[test]
fn shellcheck_has_nothing_to_say() {
    // Parameters are assigned above the script (2154); pieces may hold a function that one script does not use (2317,
    // 2329); the doubles read their node.conf (1091).
    all_scripts().please_shellcheck("SC2154,SC2317,SC2329,SC1091");
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
