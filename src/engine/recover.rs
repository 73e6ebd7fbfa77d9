//! After a replay: what is in doubt, what has changed, and what must be settled before anything runs.

use std::sync::Arc;

use super::event::{Doubt, Entry, Event};
use super::plan::Plan;
use super::state::{ActionState, LinkState, RunState};
use crate::model::ids::NodeId;

/// What an operator must know before a resumed run goes on.
pub fn findings(state: &RunState) -> Vec<String> {
    let mut lines = Vec::new();
    let done = state.actions_done;
    lines.push(format!(
        "Done so far: {done} of {} actions.",
        state.actions.len()
    ));
    for id in &state.active {
        let Some(record) = state.actions.get(id) else {
            continue;
        };
        if let Some(why) = &record.wheel.came_back {
            lines.push(format!(
                "The wheel of {id} was handed back by itself: {why}. What its program still asks is asked again."
            ));
        }
        match &record.state {
            ActionState::InDoubt { attempt, doubt, .. } => {
                let why = match doubt {
                    Doubt::Rebooting { why } => {
                        format!("its node is on its way down and up: {why}")
                    }
                    Doubt::OutOfSight { why } => format!("the node cannot be asked: {why}"),
                    Doubt::Vanished { why } => why.clone(),
                    Doubt::WeWereAway => "its node was not asked yet".into(),
                };
                lines.push(format!("In doubt: {id}, attempt {attempt}, was started and its end was not seen; {why}."));
            }
            ActionState::Running { attempt, .. } => {
                lines.push(format!("Still running on its node: {id}, attempt {attempt}; followed again, nothing lost."));
            }
            ActionState::Verifying { attempt, .. } => {
                lines.push(format!("Ended, being looked at: {id}, attempt {attempt}."));
            }
            ActionState::Failed {
                attempt, failure, ..
            } => {
                lines.push(format!(
                    "Failed: {id}, attempt {attempt}: {}.",
                    failure.message
                ));
            }
            ActionState::Asked { .. } => lines.push(format!("Waits for you: {id}.")),
            ActionState::Pending | ActionState::Done { .. } | ActionState::NotRun { .. } => {}
        }
    }
    for (node, link) in state.nodes.iter().filter(|(_, node)| node.link.is_stuck()) {
        lines.push(unreached(node, &link.link));
    }
    for ((node, fact), alarm) in &state.resurrected {
        let now = alarm
            .now
            .as_ref()
            .map_or("unknown".into(), ToString::to_string);
        lines.push(format!(
            "Changed while nobody looked: {fact} of {node} is {now}, was {}.",
            alarm.was
        ));
    }
    if !state.debt_names.is_empty() {
        lines.push(format!("Open debts: {}.", state.debt_names.join(", ")));
    }
    match state.stage() {
        Some(stage) => lines.push(format!("Next: {}.", stage.stage.title)),
        None => lines.push("Nothing is left to do but to finish.".into()),
    }
    lines
}

/// A journal's entries as they were told: the journal holds the plan's hash, the plan itself is kept beside it.
pub fn with_plan(
    entries: impl IntoIterator<Item = Entry>,
    plan: Option<&Arc<Plan>>,
) -> impl Iterator<Item = Entry> {
    let plan = plan.map(|plan| (plan.hash(), Arc::clone(plan)));
    entries.into_iter().map(move |mut entry| {
        if let Event::PlanFrozen {
            plan: slot, hash, ..
        } = &mut entry.event
        {
            *slot = plan
                .as_ref()
                .filter(|(known, _)| known == hash)
                .map(|(_, plan)| Arc::clone(plan));
        }
        entry
    })
}

/// Why a node cannot be worked on now, in words.
fn unreached(node: &NodeId, link: &LinkState) -> String {
    match link {
        LinkState::Down { why, .. } | LinkState::Refused { why, .. } => {
            format!("{node} cannot be reached now: {why}.")
        }
        LinkState::AsksHostKey { .. } => {
            format!("{node} cannot be reached now: its host key was not seen before.")
        }
        LinkState::AsksChangedKey { .. } => {
            format!("{node} cannot be reached now: it shows another host key.")
        }
        LinkState::WantsSecret { secret } => {
            format!("{node} cannot be reached now: it wants the {secret}.")
        }
        LinkState::Idle | LinkState::Connecting | LinkState::Up { .. } => {
            format!("{node} is not stuck.")
        }
    }
}

/// Folds a journal's entries into a fresh state. Pure: no clock, no network, no effect.
pub fn replay(
    state: &mut RunState,
    entries: impl IntoIterator<Item = Entry>,
    plan: Option<&Arc<Plan>>,
) {
    with_plan(entries, plan).for_each(|entry| state.apply(&entry));
}
