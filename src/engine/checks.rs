//! Readiness: holds the procedure's checks against facts and outputs. Unknown never satisfies a check.

use std::collections::BTreeMap;

use super::brief::Brief;
use super::event::Verdict;
use super::state::{CheckKey, CheckState, RunState};
use crate::model::condition::{Condition, Members, Truth, View};
use crate::model::ids::NodeId;
use crate::model::procedure::{Check, CheckKind, Severity};
use crate::model::template;
use crate::model::value::Value;

/// Every check of the brief with the nodes that it concerns.
pub fn keys(brief: &Brief) -> Vec<CheckKey> {
    let mut keys = Vec::new();
    for check in &brief.procedure.checks {
        if is_per_node(check) {
            let wanted = |node: &&crate::model::cluster::Node| {
                check.on.as_ref().is_none_or(|on| node.satisfies(on))
            };
            let nodes = brief.cluster.nodes.iter().filter(wanted);
            keys.extend(nodes.map(|node| (check.id.clone(), Some(node.name.clone()))));
        } else {
            keys.push((check.id.clone(), None));
        }
    }
    keys
}

/// A text of a check with what is known filled in: parameters, target, cluster and node.
pub fn in_full(brief: &Brief, text: &str, node: Option<&NodeId>) -> String {
    template::fill(text, |name| brief.meaning(name, node))
}

/// Whether a check is made on each node apart.
pub fn is_per_node(check: &Check) -> bool {
    match &check.kind {
        CheckKind::Script { .. } => true,
        CheckKind::Facts { passes } => passes.is_per_node(),
        CheckKind::Attest => false,
    }
}

/// What a check over facts comes to now.
pub fn judge_facts(
    state: &RunState,
    passes: &Condition,
    node: Option<&NodeId>,
) -> (Verdict, String) {
    let truth = state.facts.holds(passes, node, &state.view());
    in_words(
        truth,
        passes,
        node.and_then(|node| seen(state, passes, node)),
    )
}

/// Every node's output of a check, alike ones once: `all` and `exists` cannot tell them apart.
pub fn distinct(outputs: &BTreeMap<NodeId, BTreeMap<String, Value>>) -> Vec<Members> {
    let mut distinct: Vec<&BTreeMap<String, Value>> = outputs.values().collect();
    distinct.sort();
    distinct.dedup();
    distinct.into_iter().map(members).collect()
}

fn members(output: &BTreeMap<String, Value>) -> Members {
    Members::new(
        output.iter().map(|(name, value)| (name.as_str(), value)),
        [],
    )
}

/// What a script check on `node` comes to; `all` is what every node printed, where the condition speaks of it.
pub fn judge_output(
    state: &RunState,
    passes: &Condition,
    node: &NodeId,
    own: Option<&BTreeMap<String, Value>>,
    all: &[Members],
) -> (Verdict, String) {
    let view = View {
        check: own.map(members),
        checks: all,
        ..state.view()
    };
    let truth = state.facts.holds(passes, Some(node), &view);
    let printed = own.map(|output| {
        let pairs: Vec<String> = output
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        pairs.join(" ")
    });
    in_words(truth, passes, printed)
}

fn in_words(truth: Truth, passes: &Condition, seen: Option<String>) -> (Verdict, String) {
    let got = seen
        .filter(|seen| !seen.is_empty())
        .map_or(String::new(), |seen| format!("; got {seen}"));
    match truth {
        Truth::Yes => (Verdict::Pass, got.trim_start_matches("; ").to_string()),
        Truth::No => (Verdict::Fail, format!("wanted {passes}{got}")),
        Truth::Unknown(why) => (
            Verdict::Unknown,
            format!("cannot tell: {why}; wanted {passes}{got}"),
        ),
    }
}

fn seen(state: &RunState, passes: &Condition, node: &NodeId) -> Option<String> {
    let facts = state.facts.node(node)?;
    let of = |name: &String| {
        let (id, fact) = facts.known().iter().find(|(id, _)| id.as_str() == name)?;
        Some(format!("{id}={}", fact.value))
    };
    Some(
        passes
            .uses()
            .members
            .keys()
            .filter_map(of)
            .collect::<Vec<_>>()
            .join(" "),
    )
}

/// The checks that stand in the way: failed or unknown blocks, and questions that were not answered with yes.
pub fn open_keys(state: &RunState) -> impl Iterator<Item = (&CheckKey, &Check)> {
    state.checks.iter().filter_map(|(key, check_state)| {
        let check = state.brief.procedure.check(&key.0)?;
        (!settled(check, check_state)).then_some((key, check))
    })
}

/// Whether a check no longer stands in the way.
pub fn settled(check: &Check, state: &CheckState) -> bool {
    match state {
        CheckState::Waiting | CheckState::Asked => {
            check.severity == Severity::Info && *state == CheckState::Asked
        }
        CheckState::Judged {
            verdict: Verdict::Pass,
            ..
        }
        | CheckState::Waived { .. } => true,
        CheckState::Judged {
            verdict: Verdict::Fail | Verdict::Unknown,
            ..
        } => check.severity == Severity::Info,
        CheckState::Attested { so, .. } => *so || check.severity == Severity::Info,
    }
}

/// Whether a check blocks: it is known not to pass, or not known to pass, and may not be waived.
pub fn blocks(state: &RunState) -> bool {
    open_keys(state).any(|(key, check)| {
        check.severity == Severity::Block
            && !matches!(state.checks.get(key), Some(CheckState::Asked))
    })
}
