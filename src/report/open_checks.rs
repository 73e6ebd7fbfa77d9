//! The checks that do not pass, with what usually helps: for whoever has only looked. What is found alike on many nodes is said
//! once.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::engine::checks;
use crate::engine::event::Verdict;
use crate::engine::state::{CheckState, RunState};
use crate::model::ids::{CheckId, NodeId};
use crate::model::procedure::{Check, Severity};

/// Them as text, a check with its lines after another; empty where all pass. Questions that a human answers in the run are not
/// among them.
pub fn open_checks(state: &RunState) -> String {
    let mut groups: BTreeMap<(&CheckId, String, String), (&Check, Vec<&NodeId>)> = BTreeMap::new();
    for (key, check) in checks::open_keys(state) {
        let said = state.checks.get(key);
        if let Some((word, found)) = said.and_then(|said| words(check.severity, said)) {
            let group = (&key.0, word.to_owned(), found.to_owned());
            let (_, nodes) = groups.entry(group).or_insert((check, Vec::new()));
            nodes.extend(key.1.as_ref());
        }
    }
    let mut text = String::new();
    for ((id, word, found), (check, nodes)) in &groups {
        let one = match nodes.as_slice() {
            [node] => Some(*node),
            _ => None,
        };
        let full = |text: &str| checks::in_full(&state.brief, text, one);
        let names: Vec<&str> = nodes.iter().map(|node| node.as_str()).collect();
        let on = match names.is_empty() {
            true => String::new(),
            false => format!(" on {}", names.join(", ")),
        };
        let _ = writeln!(text, "{word}: {}, {id}{on}", full(&check.title));
        for line in [found, &full(&check.why), &full(&check.advice)] {
            if !line.is_empty() {
                let _ = writeln!(text, "  {line}");
            }
        }
    }
    text
}

fn words(severity: Severity, said: &CheckState) -> Option<(&'static str, &str)> {
    match said {
        CheckState::Judged { verdict, found, .. } => Some(match (verdict, severity) {
            (Verdict::Unknown, _) => ("UNKNOWN", found),
            (Verdict::Fail | Verdict::Pass, Severity::Block) => ("FAILS", found),
            (Verdict::Fail | Verdict::Pass, Severity::Warn | Severity::Info) => ("WARNS", found),
        }),
        CheckState::Waiting => Some(("NOT LOOKED AT", "")),
        CheckState::Asked | CheckState::Attested { .. } | CheckState::Waived { .. } => None,
    }
}
