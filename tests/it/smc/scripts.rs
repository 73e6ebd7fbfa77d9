//! Every script can be read by every shell, and the linter of shell scripts has nothing to say.

use holdpoint::parse;

use super::parsed;
use crate::support::shell_texts::ShellTexts;
use crate::support::smc::scripts;

fn all_scripts() -> ShellTexts {
    let texts = parse::scripts(&parsed())
        .into_iter()
        .map(|script| script.text);
    ShellTexts::gather(texts, &scripts(), 15)
}

#[test]
fn every_shell_can_read_every_script() {
    all_scripts().are_read_by_every_shell();
}

#[test]
fn shellcheck_has_nothing_to_say() {
    // Parameters are assigned above the script (2154); shared pieces define more than each script uses (2034, 2329); the
    // doubles read their node.conf (1091).
    all_scripts().please_shellcheck("SC2154,SC2034,SC2329,SC1091");
}
