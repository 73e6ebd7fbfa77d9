//! Gates: what is shown, the phrase that opens them, and the one judgement of what was typed.

use super::brief::Person;
use super::event::Event;
use super::interlock;
use super::plan::{Action, PlannedUndo, Stage};
use super::state::{Asking, RunState};
use crate::model::ids::{GateId, NodeId};
use crate::model::time::Stamp;

/// Proof that a gate was opened by its phrase while everything it was bound to still held. Only [`judge`] makes one.
#[derive(Debug)]
pub struct Confirmed {
    gate: GateId,
    phrase: String,
    bound: u64,
}

impl Confirmed {
    /// The event that lets the stage begin.
    pub fn event(self, plan: String, by: Person) -> Event {
        Event::GateConfirmed {
            gate: self.gate,
            phrase: self.phrase,
            plan,
            bound: self.bound,
            by,
        }
    }
}

/// A node whose facts have become too old since the gate asked, if there is one: the gate closes and they are read again.
pub fn outdated(state: &RunState, gate: &GateId, now: Stamp) -> Option<NodeId> {
    let asks = state
        .gate
        .as_ref()
        .is_some_and(|open| open.gate == *gate && open.asking.is_some());
    asks.then(|| interlock::stale(state, now).into_iter().next())
        .flatten()
}

/// Judges what was typed at the gate that asks now. There is no default, no partial match, no case folding.
pub fn judge(state: &RunState, gate: &GateId, typed: &str) -> Result<Confirmed, String> {
    let Some(open) = state.gate.as_ref().filter(|open| open.gate == *gate) else {
        return Err(format!("the gate {gate} is not open"));
    };
    let Some(asking) = &open.asking else {
        return Err("what it depends on is being read again; wait until it asks".into());
    };
    if asking.bound != state.facts_seq {
        return Err("what is known has changed since it was shown; read it again".into());
    }
    if typed.trim() != asking.phrase {
        return Err(format!(
            "that is not the phrase; type exactly: {}",
            asking.phrase
        ));
    }
    Ok(Confirmed {
        gate: gate.clone(),
        phrase: asking.phrase.clone(),
        bound: asking.bound,
    })
}

/// What the gate of a stage asks now: built from what is so now, for the actions that will really be run.
pub fn asking(state: &RunState, stage: &Stage, verb: &str) -> Asking {
    let acting: Vec<&Action> = stage
        .actions
        .iter()
        .filter(|action| !holds_already(state, action))
        .collect();
    let cluster = &state.brief.cluster.name;
    let phrase = match acting.as_slice() {
        [one] => {
            let node = one
                .node
                .as_ref()
                .map_or("cluster".to_string(), ToString::to_string);
            match version_of(state, one) {
                Some(version) => format!("{verb} {node} of {cluster} at {version}"),
                None => format!("{verb} {node} of {cluster}"),
            }
        }
        many => format!("{verb} {} nodes of {cluster}", many.len()),
    };
    Asking {
        phrase,
        shown: shown(state, stage, &acting),
        bound: state.facts_seq,
    }
}

/// What the review of the plan asks.
pub fn asking_plan(state: &RunState, hash: &str) -> Asking {
    let plan = state.plan.as_ref();
    let stages = plan.map_or(0, |plan| plan.stages.len());
    let actions = plan.map_or(0, |plan| plan.action_count());
    let gates = plan.map_or(0, |plan| {
        plan.stages
            .iter()
            .filter(|stage| stage.gate.is_some())
            .count()
    });
    let mut shown = vec![
        format!(
            "{} to {}: {stages} steps, {actions} actions, {gates} gates on {} nodes of {}.",
            state.brief.procedure.title,
            state.brief.cluster.target,
            state.nodes.len(),
            state.brief.cluster.name
        ),
        format!("Plan hash {hash}."),
        "Approving runs nothing that changes a node: every change has a gate of its own in front of it.".into(),
    ];
    shown.extend(
        state
            .brief
            .assumptions
            .iter()
            .map(|assumption| format!("Assumption: {assumption}")),
    );
    shown.extend(
        state
            .overrides
            .iter()
            .map(|over| format!("Override: {} ({})", over.what, over.reason)),
    );
    let phrase = format!(
        "approve plan {} of {}",
        &hash[..hash.len().min(6)],
        state.brief.cluster.name
    );
    Asking {
        phrase,
        shown,
        bound: state.facts_seq,
    }
}

/// Whether an action's postcondition is observed now on every node, so that it will not be run.
pub fn holds_already(state: &RunState, action: &Action) -> bool {
    !action.then.is_empty()
        && action.then_on.iter().all(|node| {
            state
                .facts
                .node(node)
                .is_some_and(|facts| facts.matches(&action.then).is_yes())
        })
}

fn version_of(state: &RunState, action: &Action) -> Option<String> {
    let fact = state.brief.procedure.versions.fact.as_ref()?;
    let version = state.facts.node(action.node.as_ref()?)?.get(fact)?;
    Some(version.to_string())
}

fn shown(state: &RunState, stage: &Stage, acting: &[&Action]) -> Vec<String> {
    let names: Vec<&str> = acting
        .iter()
        .filter_map(|action| action.node.as_ref())
        .map(|node| node.as_str())
        .collect();
    let list = if names.len() > 12 {
        format!("{} and {} more", names[..12].join(", "), names.len() - 12)
    } else {
        names.join(", ")
    };
    let mut lines = vec![format!(
        "{} on {list} of {}.",
        stage.title.trim_end_matches('.'),
        state.brief.cluster.name
    )];
    lines.extend(stage.consequence.clone());
    if let Some(why) = &stage.point_of_no_return {
        lines.push(format!("NO SIMPLE WAY BACK from here: {why}"));
    }
    let undo = acting.iter().find_map(|action| action.undo.as_ref());
    lines.push(match undo {
        Some(PlannedUndo::Script { .. }) => {
            "To undo: a declared script, behind a gate of its own.".into()
        }
        Some(PlannedUndo::Manual { instructions, .. }) => {
            format!(
                "To undo, by hand: {}",
                instructions.lines().next().unwrap_or_default()
            )
        }
        None => "To undo: nothing is declared for this step alone.".into(),
    });
    if stage.typical.0 > 0 {
        lines.push(format!(
            "Usually takes {}; held after {}, never killed.",
            stage.typical, stage.timeout
        ));
    }
    let skipped = stage.actions.len() - acting.len();
    if skipped > 0 {
        lines.push(format!(
            "On {skipped} more it is so already and will not be run."
        ));
    }
    lines.extend(
        acting
            .iter()
            .take(8)
            .filter_map(|action| now_line(state, action)),
    );
    if acting.len() > 8 {
        lines.push(format!("and {} more nodes", acting.len() - 8));
    }
    lines
}

fn now_line(state: &RunState, action: &Action) -> Option<String> {
    let facts = state.facts.node(action.node.as_ref()?)?;
    let known: Vec<String> = facts
        .known()
        .iter()
        .map(|(fact, known)| format!("{fact}={}", known.value))
        .collect();
    Some(format!("now {}: {}", facts.name, known.join(" ")))
}
