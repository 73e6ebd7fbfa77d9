//! Every script can be read by every shell, and the linter of shell scripts has nothing to say.

use crate::support::double::scripts;
use crate::support::procedure_file::ProcedureFile;
use crate::support::shell_texts::ShellTexts;

const PROCEDURES: [&str; 4] = [
    "standard-cluster",
    "standard-cluster-disjoin",
    "streaming",
    "enterprise-cluster",
];

fn all_scripts() -> ShellTexts {
    let texts = PROCEDURES.iter().flat_map(|procedure| {
        let id = format!("securetransport/{procedure}");
        ProcedureFile::built_in(&id).scripts()
    });
    ShellTexts::gather(texts.map(|(_, script)| script), &scripts(), 30)
}

#[test]
fn every_shell_can_read_every_script() {
    all_scripts().are_read_by_every_shell();
}

#[test]
fn shellcheck_has_nothing_to_say() {
    // Parameters are assigned above the script (2154); the doubles read their node.conf (1091); `ls` is read only for
    // an owner and a count, which no file name can disturb (2012).
    all_scripts().please_shellcheck("SC2154,SC1091,SC2012");
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
