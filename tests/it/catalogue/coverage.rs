//! Sentence by sentence: where the procedures meet the documents that they follow. `tests/fixtures/coverage/` holds one table
//! for each document; this looks whether everything that a table names exists.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use holdpoint::catalog;
use holdpoint::model::procedure::{Procedure, Step};

use crate::support::pure::procedure;

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    sentence: Vec<Sentence>,
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Sentence {
    /// The document's words.
    says: String,
    /// `procedure: kind name`, such as `smc/management-servers: step upgrade/active`.
    met: Vec<String>,
}

fn tables() -> Vec<(String, Table)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/coverage");
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).expect("the tables can be listed") {
        let path = entry.expect("an entry can be read").path();
        let name = path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        let text = fs::read_to_string(&path).expect("a table can be read");
        let table = toml::from_str(&text).unwrap_or_else(|wrong| panic!("{name}: {wrong}"));
        found.push((name, table));
    }
    found.sort_by(|a, b| a.0.cmp(&b.0));
    found
}

#[test]
fn every_sentence_of_the_documents_is_met_by_something_that_exists() {
    let tables = tables();
    assert_eq!(tables.len(), 5, "one for each document");
    let mut wrong = Vec::new();
    let mut named = BTreeSet::new();
    for (name, table) in &tables {
        assert!(table.sentence.len() >= 5, "{name} is nearly empty");
        let mut said = BTreeSet::new();
        for sentence in &table.sentence {
            if !said.insert(&sentence.says) || sentence.says.trim().is_empty() {
                wrong.push(format!("{name}: said twice, or nothing: {}", sentence.says));
            }
            if sentence.met.is_empty() {
                wrong.push(format!("{name}: nothing meets: {}", sentence.says));
            }
            for met in &sentence.met {
                match meets(met) {
                    Ok(id) => _ = named.insert(id),
                    Err(why) => wrong.push(format!("{name}: {met}: {why}")),
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    let all: BTreeSet<String> = catalog::ids().into_iter().map(str::to_string).collect();
    assert_eq!(named, all, "every procedure meets something");
}

/// The procedure that an entry names, if what it names there exists.
fn meets(met: &str) -> Result<String, String> {
    let (id, thing) = met.split_once(": ").ok_or("write `procedure: kind name`")?;
    if !catalog::ids().contains(&id) {
        return Err("there is no such procedure".into());
    }
    let (kind, name) = thing.split_once(' ').ok_or("write `kind name`")?;
    let found = exists(&procedure(id), kind, name.trim_matches('"'))?;
    found
        .then(|| id.to_string())
        .ok_or("it does not exist".into())
}

fn exists(procedure: &Procedure, kind: &str, name: &str) -> Result<bool, String> {
    let phases = || procedure.phases.iter().flat_map(|phase| &phase.steps);
    let branches = || procedure.branches.iter().flat_map(|branch| &branch.steps);
    let step = |wanted: &dyn Fn(&Step) -> bool| phases().chain(branches()).any(wanted);
    let same = |debt: &Option<holdpoint::model::ids::DebtId>| {
        debt.as_ref().is_some_and(|debt| debt.as_str() == name)
    };
    Ok(match kind {
        "step" => step(&|step| step.id.as_str() == name),
        "gate" => step(&|step| {
            let own = step.consequence.is_some() || step.point_of_no_return.is_some();
            step.id.as_str() == name
                && step.is_change()
                && (own || opens_its_phase(procedure, step))
        }),
        "check" => procedure
            .checks
            .iter()
            .any(|check| check.id.as_str() == name),
        "invariant" => procedure
            .invariants
            .iter()
            .any(|rule| rule.id.as_str() == name),
        "phase" => procedure
            .phases
            .iter()
            .any(|phase| phase.id.as_str() == name),
        "branch" => procedure
            .branches
            .iter()
            .any(|branch| branch.id.as_str() == name),
        "debt" => step(&|step| same(&step.opens)),
        "param" => procedure.params.keys().any(|param| param.as_str() == name),
        "note" => procedure.notes.iter().any(|note| note.contains(name)),
        "about" => procedure.about.contains(name),
        "versions" => {
            !procedure.versions.rules.is_empty()
                || procedure.versions.minimum.is_some()
                || procedure.versions.behind.is_some()
        }
        other => return Err(format!("`{other}` is no kind of thing")),
    })
}

/// Whether the phase's own gate stands in front of a step: it is the first that changes something.
fn opens_its_phase(procedure: &Procedure, step: &Step) -> bool {
    let groups = procedure.phases.iter().map(|phase| &phase.steps);
    let mut groups = groups.chain(procedure.branches.iter().map(|branch| &branch.steps));
    groups.any(|steps| {
        steps
            .iter()
            .find(|step| step.is_change())
            .map(|first| &first.id)
            == Some(&step.id)
    })
}
