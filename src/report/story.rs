//! What happened, gathered from the entries: the content of every report.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Serialize;

use super::keys::{JumpStory, jumps, key_words};
use super::lines::{self, Detail};
use crate::engine::brief::{Brief, Mode};
use crate::engine::checks;
use crate::engine::event::{Ending, Entry, Event, LockEvent, Verdict};
use crate::engine::lock::Aim;
use crate::engine::state::{ActionState, CheckState, Override, RunState};
use crate::model::ids::NodeId;
use crate::model::procedure::Severity;
use crate::model::time::{Span, Stamp};

/// A run as a report tells it. Times of the run are in milliseconds since it was opened.
#[derive(Clone, Debug, Serialize)]
pub struct Story {
    pub run: String,
    pub mode: Mode,
    pub cluster: String,
    pub procedure: String,
    pub title: String,
    pub source: String,
    pub target: String,
    pub program: String,
    pub opened_by: String,
    /// RFC 3339, UTC.
    pub opened: String,
    pub outcome: String,
    pub finished: bool,
    pub took_ms: u64,
    /// When the cluster lock was had, lost and given back, in words; empty if it never was.
    pub lock: String,
    pub plan_hash: Option<String>,
    pub procedure_hash: String,
    pub cluster_hash: String,
    /// Records of the journal, and the hash of its chain after the last: a later cut of its end shows.
    pub records: u64,
    pub journal_head: String,
    pub nodes: Vec<NodeStory>,
    /// Hosts on the way to them; empty if all are reached straight.
    pub jumps: Vec<JumpStory>,
    pub phases: Vec<PhaseStory>,
    pub checks: Vec<CheckStory>,
    pub decisions: Vec<Told>,
    pub overrides: Vec<Override>,
    pub troubles: Vec<Told>,
    pub open_debts: Vec<String>,
    /// Actions that were not settled when this was written.
    pub unsettled: Vec<String>,
    pub assumptions: Vec<String>,
    pub notes: Vec<String>,
    pub timeline: Vec<String>,
}

#[derive(Clone, Debug, Serialize)]
pub struct NodeStory {
    pub node: String,
    pub host: String,
    pub host_key: Option<String>,
    /// Facts when the plan was approved, and the last ones that were observed.
    pub before: BTreeMap<String, String>,
    pub after: BTreeMap<String, String>,
}

#[derive(Clone, Debug, Serialize)]
pub struct PhaseStory {
    pub phase: String,
    pub title: String,
    pub began_ms: Option<u64>,
    pub ended_ms: Option<u64>,
    pub took_ms: Option<u64>,
    pub typical_ms: u64,
}

#[derive(Clone, Debug, Serialize)]
pub struct CheckStory {
    pub check: String,
    pub title: String,
    pub section: String,
    pub severity: Severity,
    pub node: Option<String>,
    pub result: String,
    pub detail: String,
    pub settled: bool,
}

/// One line of evidence.
#[derive(Clone, Debug, Serialize)]
pub struct Told {
    pub at_ms: u64,
    pub what: String,
}

/// Tells a run from its givens and entries. `head` is the journal's hash after the last of them.
pub fn tell(brief: &Arc<Brief>, entries: &[Entry], head: &str) -> Story {
    let mut state = RunState::new(Arc::clone(brief));
    let mut before = BTreeMap::new();
    let mut lock = Vec::new();
    for entry in entries {
        if matches!(entry.event, Event::PlanApproved { .. }) {
            before = all_facts(&state);
        }
        let was = state.lock.aim;
        state.apply(entry);
        lock.extend(lock_word(was, state.lock.aim).map(|word| format!("{word} {}", entry.at)));
    }
    let opening = state.opening.clone();
    let of = |get: fn(&crate::engine::event::Opening) -> String| {
        opening.as_ref().map_or(String::new(), get)
    };
    Story {
        run: of(|opening| opening.run.to_string()),
        mode: opening.as_ref().map_or(brief.mode, |opening| opening.mode),
        cluster: brief.cluster.name.clone(),
        procedure: brief.procedure.id.clone(),
        title: brief.procedure.title.clone(),
        source: brief.procedure.source.clone(),
        target: brief.cluster.target.clone(),
        program: of(|opening| opening.program.clone()),
        opened_by: of(|opening| opening.by.to_string()),
        opened: opening
            .as_ref()
            .and_then(|opening| jiff::Timestamp::from_millisecond(opening.wall).ok())
            .map_or(String::new(), |time| time.to_string()),
        outcome: outcome(&state),
        finished: state.ending.is_some(),
        took_ms: state.at.0,
        lock: lock.join(", "),
        plan_hash: state.plan_hash.clone(),
        procedure_hash: of(|opening| opening.procedure_hash.clone()),
        cluster_hash: of(|opening| opening.cluster_hash.clone()),
        records: entries.len() as u64,
        journal_head: head.to_string(),
        nodes: nodes(&state, &before),
        jumps: jumps(&state),
        phases: phases(&state),
        checks: check_stories(&state),
        decisions: told(entries, is_decision),
        overrides: state.overrides.clone(),
        troubles: told(entries, is_trouble),
        open_debts: debts(&state),
        unsettled: unsettled(&state),
        assumptions: brief.assumptions.clone(),
        notes: brief.procedure.notes.clone(),
        timeline: entries
            .iter()
            .map(|entry| lines::line(entry, Detail::Full))
            .collect(),
    }
}

fn lock_word(was: Aim, is: Aim) -> Option<&'static str> {
    match is {
        _ if is == was => None,
        Aim::Held => Some("taken"),
        Aim::Lost => Some("lost"),
        Aim::Blocked => Some("refused"),
        Aim::None => Some("given back"),
        Aim::Take | Aim::GiveBack | Aim::Release => None,
    }
}

fn outcome(state: &RunState) -> String {
    match (state.ending, &state.left) {
        (Some(Ending::Upgraded), _) => "finished: upgraded, no open debt".into(),
        (Some(Ending::TurnedBack), _) => "finished: turned back, no open debt".into(),
        (None, Some(why)) => format!("not finished: {why}"),
        (None, None) => "not finished".into(),
    }
}

type Facts = BTreeMap<NodeId, BTreeMap<String, String>>;

fn all_facts(state: &RunState) -> Facts {
    let known = |node: &crate::model::facts::NodeFacts| {
        let facts = node.known().iter();
        let facts = facts.map(|(fact, seen)| (fact.to_string(), seen.value.to_string()));
        (node.name.clone(), facts.collect())
    };
    state.facts.nodes().map(known).collect()
}

fn nodes(state: &RunState, before: &Facts) -> Vec<NodeStory> {
    let mut after = all_facts(state);
    let story = |node: &crate::model::cluster::Node| NodeStory {
        node: node.name.to_string(),
        host: node.host.clone(),
        host_key: state
            .nodes
            .get(&node.name)
            .and_then(|node| node.host_key.as_ref())
            .map(key_words),
        before: before.get(&node.name).cloned().unwrap_or_default(),
        after: after.remove(&node.name).unwrap_or_default(),
    };
    state.brief.cluster.nodes.iter().map(story).collect()
}

fn phases(state: &RunState) -> Vec<PhaseStory> {
    let mut stories: Vec<PhaseStory> = Vec::new();
    for stage in &state.stages {
        let owner = &stage.stage.owner;
        if stories.last().is_none_or(|story| story.phase != *owner) {
            stories.push(new_phase(state, owner));
        }
        if let Some(story) = stories.last_mut() {
            story.began_ms = story.began_ms.or(stage.began.map(|at| at.0));
            story.ended_ms = stage.ended.map(|at| at.0);
            story.typical_ms += stage.stage.typical.0;
            story.took_ms = match (story.began_ms, story.ended_ms) {
                (Some(began), Some(ended)) => Some(ended.saturating_sub(began)),
                (Some(_) | None, Some(_) | None) => None,
            };
        }
    }
    stories
}

fn new_phase(state: &RunState, owner: &str) -> PhaseStory {
    let planned = state
        .plan
        .as_ref()
        .and_then(|plan| plan.phases.iter().find(|phase| phase.id == owner));
    PhaseStory {
        phase: owner.to_string(),
        title: planned.map_or(owner.to_string(), |phase| phase.title.clone()),
        began_ms: None,
        ended_ms: None,
        took_ms: None,
        typical_ms: 0,
    }
}

fn check_stories(state: &RunState) -> Vec<CheckStory> {
    let story = |(key, found): (&(crate::model::ids::CheckId, Option<NodeId>), &CheckState)| {
        let check = state.brief.procedure.check(&key.0)?;
        let (result, detail) = match found {
            CheckState::Waiting => ("not looked at", String::new()),
            CheckState::Asked => ("not answered", String::new()),
            CheckState::Judged { verdict, found, .. } => {
                let word = match verdict {
                    Verdict::Pass => "passes",
                    Verdict::Fail => "fails",
                    Verdict::Unknown => "unknown",
                };
                (word, found.clone())
            }
            CheckState::Attested { so, note, by } => {
                let word = if *so { "attested" } else { "denied" };
                (word, format!("{by}: {note}"))
            }
            CheckState::Waived { found, reason, by } => {
                ("WAIVED", format!("{by}: {reason} (found: {found})"))
            }
        };
        Some(CheckStory {
            check: key.0.to_string(),
            title: checks::in_full(&state.brief, &check.title, key.1.as_ref()),
            section: check.section.clone(),
            severity: check.severity,
            node: key.1.as_ref().map(NodeId::to_string),
            result: result.to_string(),
            detail,
            settled: checks::settled(check, found),
        })
    };
    state.checks.iter().filter_map(story).collect()
}

fn debts(state: &RunState) -> Vec<String> {
    let debt = |((debt, node), by): (&(_, Option<NodeId>), &crate::model::ids::ActionId)| {
        let debt: &crate::model::ids::DebtId = debt;
        let at = node
            .as_ref()
            .map_or(String::new(), |node| format!(" on {node}"));
        format!("{debt}{at}, opened by {by}")
    };
    state.debts.iter().map(debt).collect()
}

fn unsettled(state: &RunState) -> Vec<String> {
    let word = |state: &ActionState| match state {
        ActionState::Pending => "waits",
        ActionState::Asked { .. } => "asks",
        ActionState::Running { .. } => "was running",
        ActionState::Verifying { .. } => "was being looked at",
        ActionState::InDoubt { .. } => "IN DOUBT",
        ActionState::Failed { .. } => "failed",
        ActionState::Done { .. } => "done",
        ActionState::NotRun { .. } => "not run",
    };
    let open = state.active.iter().filter_map(|id| {
        let record = state.actions.get(id)?;
        Some(format!("{id}: {}", word(&record.state)))
    });
    open.collect()
}

fn told(entries: &[Entry], wanted: fn(&Event) -> bool) -> Vec<Told> {
    let chosen = entries.iter().filter(|entry| wanted(&entry.event));
    chosen
        .map(|entry| {
            let line = lines::line(entry, Detail::Full);
            let what = line.split_once(' ').map_or(line.as_str(), |(_, what)| what);
            Told {
                at_ms: entry.at.0,
                what: what.to_string(),
            }
        })
        .collect()
}

fn is_decision(event: &Event) -> bool {
    matches!(
        event,
        Event::HostKeyAnswered { .. }
            | Event::Attested { .. }
            | Event::Waived { .. }
            | Event::PlanApproved { .. }
            | Event::GateConfirmed { .. }
            | Event::Chosen { .. }
            | Event::ByHandSaid { .. }
            | Event::CancelAsked { .. }
            | Event::PromptAnswered { by: Some(_), .. }
            | Event::WheelTaken { .. }
            | Event::WheelReturned { .. }
            | Event::DetourTaken { .. }
            | Event::ResumeAccepted { .. }
            | Event::Lock(LockEvent::Wanted { over: Some(_), .. })
            | Event::Paused { .. }
            | Event::WentOn { .. }
            | Event::Noted { .. }
            | Event::ActionClaimed {
                claim: crate::model::reply::Claim::Said { .. },
                ..
            }
    )
}

fn is_trouble(event: &Event) -> bool {
    matches!(
        event,
        Event::ActionFailed { .. }
            | Event::ActionInDoubt { .. }
            | Event::ActionOverdue { .. }
            | Event::KeysInDoubt { .. }
            | Event::KeysSettled { .. }
            | Event::Resurrected { .. }
            | Event::Rebooted { .. }
            | Event::HeldLong { .. }
            | Event::TurnBackTimePassed { .. }
            | Event::GateClosed { .. }
            | Event::Fault { .. }
            | Event::Lock(
                LockEvent::Refused { .. }
                    | LockEvent::Unusable { .. }
                    | LockEvent::Lost { .. }
                    | LockEvent::Left { .. }
            )
            | Event::InvariantTold {
                state: crate::engine::event::InvariantState::Broken { .. },
                ..
            }
    )
}

/// `+00:12:34`, for the tables of the reports.
pub(super) fn moment(ms: u64) -> String {
    Stamp(ms).to_string()
}

/// `4m12s`, or a dash.
pub(super) fn length(ms: Option<u64>) -> String {
    ms.map_or("-".into(), |ms| Span(ms).to_string())
}
