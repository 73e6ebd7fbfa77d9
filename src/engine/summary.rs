//! A run in a few words and numbers: exit status, counts, one line per node.

use serde::{Deserialize, Serialize};

use super::event::Ending;
use super::lock::Aim;
use super::state::{ActionRecord, ActionState, Part, RunState};
use crate::model::ids::NodeId;

/// How a session ended, as the exit code tells it. The numbers are a promise.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Exit {
    /// Finished, no open debt; or a read-only command found nothing in the way.
    Finished,
    /// Checks block, or no plan can be made.
    Blocked,
    /// Stopped by a person; resumable.
    Stopped,
    /// Held on a failure, a contradiction or a broken invariant; resumable.
    Held,
    /// A node is unreachable, or refused its host key or login.
    Unreachable,
    /// Another run has the cluster lock.
    Locked,
    /// An action is in doubt.
    InDoubt,
    /// The plan no longer fits the cluster.
    PlanUnfit,
    /// A hold point without an answer.
    NeedsHuman,
}

impl Exit {
    /// The exit code, as DESIGN section 4 fixes it.
    pub fn code(self) -> u8 {
        match self {
            Exit::Finished => 0,
            Exit::Blocked => 3,
            Exit::Stopped => 4,
            Exit::Held => 5,
            Exit::Unreachable => 6,
            Exit::Locked => 7,
            Exit::InDoubt => 8,
            Exit::PlanUnfit => 9,
            Exit::NeedsHuman => 10,
        }
    }
}

/// How many nodes are where.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    pub nodes: usize,
    pub linked: usize,
    pub dark: usize,
    pub actions: usize,
    pub actions_done: usize,
}

/// Counts over the whole run.
pub fn counts(state: &RunState) -> Counts {
    Counts {
        nodes: state.nodes.len(),
        linked: state
            .nodes
            .values()
            .filter(|node| node.link.is_up())
            .count(),
        dark: state
            .facts
            .nodes()
            .filter(|node| node.dark().is_some())
            .count(),
        actions: state.actions.len(),
        actions_done: state.actions_done,
    }
}

/// What a node is doing or waiting for, in a few words: `updating`, `done`, `waits for upgrade/update@st1`.
pub fn now_of(state: &RunState, node: &NodeId) -> String {
    if let Some(facts) = state.facts.node(node)
        && let Some(why) = facts.dark()
    {
        return format!("out of sight: {why}");
    }
    let mine = |id: &&crate::model::ids::ActionId| {
        state
            .actions
            .get(*id)
            .is_some_and(|record| record.action().node.as_ref() == Some(node))
    };
    if let Some(id) = state.active.iter().find(mine)
        && let Some(record) = state.actions.get(id)
    {
        let title = &record.stage.title;
        return match &record.state {
            ActionState::InDoubt { .. } => format!("IN DOUBT: {title}"),
            ActionState::Failed { failure, .. } => match failure.kind {
                super::event::FailureKind::Contradiction => format!("CONTRADICTION: {title}"),
                _ => format!("FAILED: {title}"),
            },
            ActionState::Verifying { .. } => format!("looking: {title}"),
            ActionState::Asked { .. } => format!("asks you: {title}"),
            ActionState::Running { .. }
            | ActionState::Pending
            | ActionState::Done { .. }
            | ActionState::NotRun { .. } => title.clone(),
        };
    }
    match (state.part, state.ending) {
        (_, Some(Ending::Upgraded)) => "done".into(),
        (_, Some(Ending::TurnedBack)) => "turned back".into(),
        (Part::Execute, None) => match state.next_on(node) {
            Some(stage) => format!("waits: {}", stage.title),
            None => "done".into(),
        },
        (Part::Opening | Part::Connect | Part::Readiness | Part::Review | Part::Ended, None) => {
            String::new()
        }
    }
}

/// The exit status that fits what the state says now, for a session that ends here.
pub fn exit_now(state: &RunState) -> Exit {
    if state.ending.is_some() {
        return Exit::Finished;
    }
    if matches!(state.lock.aim, Aim::Blocked | Aim::Lost) {
        return Exit::Locked;
    }
    let any = |test: fn(&ActionRecord) -> bool| {
        state
            .active
            .iter()
            .filter_map(|id| state.actions.get(id))
            .any(test)
    };
    if any(|record| record.overdue || matches!(record.state, ActionState::InDoubt { .. })) {
        return Exit::InDoubt;
    }
    if any(|record| matches!(record.state, ActionState::Failed { .. })) || state.has_alarm() {
        return Exit::Held;
    }
    if state.nodes.values().any(|node| node.link.is_stuck()) {
        return Exit::Unreachable;
    }
    if !state.plan_refused.is_empty() {
        return Exit::Blocked;
    }
    if state.part == Part::Readiness && super::checks::blocks(state) {
        return Exit::Blocked;
    }
    Exit::Stopped
}

/// So many keys, in words.
pub fn keys_given(keys: u32) -> String {
    match keys {
        1 => "1 key".into(),
        many => format!("{many} keys"),
    }
}

/// What became of keys in doubt: those that the program got, those that never will, those that nobody knows about.
pub fn keys_settled(typed: u32, lost: u32, unknown: u32) -> String {
    let said = [
        (typed, "reached the program"),
        (lost, "never arrived, and never will: type them again"),
        (unknown, "may have reached it or not: look at what it shows"),
    ];
    let said = said.into_iter().filter(|(keys, _)| *keys > 0);
    let said: Vec<String> = said
        .map(|(keys, what)| format!("{} {what}", keys_given(keys)))
        .collect();
    match said.is_empty() {
        true => "no keys are in doubt".into(),
        false => said.join("; "),
    }
}
