//! Every script can be read by every shell, and the linter of shell scripts has nothing to say.

use super::Bench;
use crate::support::shell_texts::ShellTexts;
use crate::support::urbancode::{doubles, procedure};

fn all_scripts() -> ShellTexts {
    let texts = procedure().scripts().into_iter().map(|(_, script)| script);
    ShellTexts::gather(texts, &doubles(), 30)
}

#[test]
fn every_shell_can_read_every_script() {
    all_scripts().are_read_by_every_shell();
}

#[test]
fn shellcheck_has_nothing_to_say() {
    // Parameters are assigned above the script (2154); the doubles read their node.conf (1091); `ls` is read only for an
    // owner (2012); shared pieces hold functions and variables that not every script uses (2034, 2329, 2317);
    // every shell of a server has `ulimit -n` (3045).
    all_scripts().please_shellcheck("SC2154,SC1091,SC2012,SC2034,SC2329,SC2317,SC3045");
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
