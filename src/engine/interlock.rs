//! Whether a stage may begin, judged against what is known right now. The screens print the verdict and never recompute it.

use super::event::InvariantState;
use super::plan::{Action, Origin, Stage, Work};
use super::state::{FRESH, RunState};
use crate::model::condition::Truth;
use crate::model::ids::NodeId;
use crate::model::time::Stamp;

/// Every reason why `stage` cannot begin now; none if it may.
///
/// A detour repairs what is broken, so what is broken already does not hold it; it may still break nothing else.
pub fn review(state: &RunState, stage: &Stage) -> Vec<String> {
    let mut reasons = Vec::new();
    out_of_sight(state, &mut reasons);
    if stage.origin == Origin::Procedure {
        alarms(state, &mut reasons);
    }
    rules_known(state, stage, &mut reasons);
    if let Some(requires) = &stage.requires {
        // What is so already will not be run, and requires nothing: a retry accepts a node that is where it should be.
        let runs = |action: &&Action| !super::gate::holds_already(state, action);
        // A condition that does not speak of `node` says the same for all of them.
        let asked = if requires.is_per_node() {
            stage.actions.len()
        } else {
            1
        };
        for action in stage.actions.iter().filter(runs).take(asked) {
            match state
                .facts
                .holds(requires, action.node.as_ref(), &state.view())
            {
                Truth::Yes => {}
                Truth::No => push(
                    &mut reasons,
                    format!("{} requires {requires}, which does not hold", stage.step),
                ),
                Truth::Unknown(why) => {
                    push(
                        &mut reasons,
                        format!(
                            "{} requires {requires}, which cannot be told: {why}",
                            stage.step
                        ),
                    );
                }
            }
        }
    }
    // What is so already will not be run, and a wait does nothing: neither needs the node to be the chosen one still.
    let idle = |node: &NodeId| {
        stage.actions.iter().any(|action| {
            action.node.as_ref() == Some(node)
                && (matches!(action.work, Work::Wait { .. })
                    || super::gate::holds_already(state, action))
        })
    };
    for rule in stage.order.iter().filter(|rule| !idle(&rule.node)) {
        let truth = state
            .facts
            .holds(&rule.must, Some(&rule.node), &state.view());
        let fits = match (&truth, rule.so) {
            (Truth::Yes, so) => so,
            (Truth::No, so) => !so,
            (Truth::Unknown(_), _) => false,
        };
        if !fits {
            let now = match truth {
                Truth::Yes => "it holds now".to_string(),
                Truth::No => "it does not hold now".into(),
                Truth::Unknown(why) => format!("it cannot be told now: {why}"),
            };
            push(
                &mut reasons,
                format!("the plan no longer fits: {}, and {now}", rule.why),
            );
        }
    }
    reasons
}

/// Why doing `action` would break a rule that holds now: its postcondition is supposed, and every rule asked again.
pub fn foresee(state: &RunState, action: &Action) -> Vec<String> {
    let acts = action.work.changes() || matches!(action.work, Work::Manual { .. });
    if !acts || action.then.is_empty() {
        return Vec::new();
    }
    let changes: Vec<(NodeId, _)> = action
        .then_on
        .iter()
        .map(|node| (node.clone(), &action.then))
        .collect();
    let mut reasons = Vec::new();
    for invariant in &state.brief.procedure.invariants {
        let holds_now = matches!(
            state.invariants.get(&invariant.id),
            Some(InvariantState::Holds)
        );
        if !holds_now {
            continue;
        }
        match state
            .facts
            .holds_if(&invariant.holds, None, &state.view(), &changes)
        {
            Truth::Yes => {}
            Truth::No => reasons.push(format!(
                "{} would break rule {}: {}",
                action.id, invariant.id, invariant.why
            )),
            Truth::Unknown(why) => {
                reasons.push(format!(
                    "whether {} keeps rule {} cannot be told: {why}",
                    action.id, invariant.id
                ));
            }
        }
    }
    reasons
}

/// What a rule comes to now.
pub fn told(state: &RunState, invariant: &crate::model::procedure::Invariant) -> InvariantState {
    match state.facts.holds(&invariant.holds, None, &state.view()) {
        Truth::Yes => InvariantState::Holds,
        Truth::No => InvariantState::Broken {
            detail: detail(state, invariant),
        },
        Truth::Unknown(why) => InvariantState::Unknown { why },
    }
}

/// Nodes whose facts are too old to rely on, and that can be asked.
pub fn stale(state: &RunState, now: Stamp) -> Vec<NodeId> {
    let sight = &state.sight;
    let vouched = sight.heartbeat.is_some_and(|beat| now.since(beat) <= FRESH);
    if vouched && state.stuck == 0 && sight.unread.is_empty() {
        return Vec::new();
    }
    let old = |node: &&NodeId| state.age(node, now).is_none_or(|age| age > FRESH);
    state.nodes.keys().filter(old).cloned().collect()
}

fn out_of_sight(state: &RunState, reasons: &mut Vec<String>) {
    let dark: Vec<_> = state
        .facts
        .nodes()
        .filter_map(|node| Some((&node.name, node.dark()?)))
        .collect();
    for (node, why) in dark.iter().take(5) {
        reasons.push(format!("{node} is out of sight: {why}"));
    }
    if dark.len() > 5 {
        reasons.push(format!("{} more nodes are out of sight", dark.len() - 5));
    }
}

fn alarms(state: &RunState, reasons: &mut Vec<String>) {
    for ((node, fact), alarm) in &state.resurrected {
        let now = alarm
            .now
            .as_ref()
            .map_or("unknown".to_string(), ToString::to_string);
        reasons.push(format!(
            "{fact} of {node} came back to {now} by itself ({} had made it {})",
            alarm.by, alarm.was
        ));
    }
    for (id, told) in &state.invariants {
        if let InvariantState::Broken { detail } = told {
            reasons.push(format!("rule {id} is broken: {detail}"));
        }
    }
}

fn rules_known(state: &RunState, stage: &Stage, reasons: &mut Vec<String>) {
    let dark = state.facts.nodes().any(|node| node.dark().is_some());
    for invariant in &state.brief.procedure.invariants {
        match state.invariants.get(&invariant.id) {
            Some(InvariantState::Holds | InvariantState::Broken { .. }) => {}
            // A node out of sight is named already; every rule it makes unknown need not be.
            Some(InvariantState::Unknown { .. }) | None if dark => {}
            Some(InvariantState::Unknown { .. }) if stage.origin != Origin::Procedure => {}
            Some(InvariantState::Unknown { why }) => {
                push(
                    reasons,
                    format!("rule {} cannot be told: {why}", invariant.id),
                );
            }
            None => push(
                reasons,
                format!("rule {} was not looked at yet", invariant.id),
            ),
        }
    }
}

fn detail(state: &RunState, invariant: &crate::model::procedure::Invariant) -> String {
    let members = &invariant.holds.uses().members;
    let line = |node: &crate::model::facts::NodeFacts| {
        let values = node
            .known()
            .iter()
            .filter(|(fact, _)| members.contains_key(fact.as_str()));
        let values: Vec<String> = values
            .map(|(fact, known)| format!("{fact}={}", known.value))
            .collect();
        format!("{}: {}", node.name, values.join(" "))
    };
    let mut lines: Vec<String> = state.facts.nodes().take(8).map(line).collect();
    let more = state.nodes.len().saturating_sub(8);
    if more > 0 {
        lines.push(format!("and {more} more"));
    }
    lines.join("; ")
}

fn push(reasons: &mut Vec<String>, reason: String) {
    if reasons.len() < 20 && !reasons.contains(&reason) {
        reasons.push(reason);
    }
}
