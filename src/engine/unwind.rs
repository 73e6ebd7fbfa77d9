//! What to undo, in reverse, computed from what the events say happened, not from what was meant.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::plan::{Action, GateSpec, Origin, PlannedUndo, Stage, Work};
use super::planner::{self, Ground, fresh_step};
use super::state::{ActionState, RunState};
use crate::model::condition::Truth;
use crate::model::ids::{ActionId, DebtId, FactId, GateId, StepId};
use crate::model::procedure::{Again, Branch};
use crate::model::value::Value;

/// How turning back would go, in words, if there is a way.
pub fn offer(state: &RunState) -> Option<String> {
    if state.turning_back || state.actions_done == 0 && state.active.is_empty() {
        return None;
    }
    if let Some(branch) = way_back(state) {
        return Some(format!("give up the upgrade: {}", branch.title));
    }
    let undone = happened(state).len();
    (undone > 0).then(|| undo_words(undone))
}

fn undo_words(undone: usize) -> String {
    match undone {
        1 => "give up the upgrade: undo the one action that was done".into(),
        many => format!("give up the upgrade: undo the {many} actions that were done, in reverse"),
    }
}

/// The stages that lead back, given what happened; or why there are none.
pub fn back(state: &RunState) -> Result<Vec<Arc<Stage>>, Vec<String>> {
    if let Some(branch) = way_back(state) {
        return back_by(state, branch);
    }
    let mut stages = Vec::new();
    for (stage, actions) in grouped(state) {
        let undone = undo_stage(state, &stage, &actions, &stages);
        stages.extend(undone);
    }
    if stages.is_empty() {
        return Err(vec![
            "nothing that was done declares how it is undone".into(),
        ]);
    }
    Ok(stages.into_iter().map(Arc::new).collect())
}

/// The stages that lead back by this branch, whichever other ways there are.
pub fn back_by(state: &RunState, branch: &Branch) -> Result<Vec<Arc<Stage>>, Vec<String>> {
    let mut stages = branch_stages(state, branch)?;
    pay_debts(state, &mut stages);
    Ok(stages.into_iter().map(Arc::new).collect())
}

/// The stage that undoes one action.
pub fn undo_one(state: &RunState, id: &ActionId) -> Option<Vec<Arc<Stage>>> {
    let record = state.actions.get(id)?;
    let stage = undo_stage(state, &record.stage, &[record.action().clone()], &[])?;
    Some(vec![Arc::new(stage)])
}

/// The stage that does one finished action again.
pub fn repeat_one(state: &RunState, id: &ActionId) -> Option<Vec<Arc<Stage>>> {
    let record = state.actions.get(id)?;
    let mut stage = (*record.stage).clone();
    let mut action = record.action().clone();
    let step = fresh_step(|step| taken(state, step), "again", &stage.step);
    action.id = ActionId::of(&step, action.node.as_ref());
    action.already_so = false;
    stage.owner = "again".into();
    stage.step = step;
    stage.origin = Origin::Undo(id.clone());
    stage.order = Vec::new();
    stage.gate = Some(GateSpec {
        id: GateId::new(action.id.as_str()),
        verb: verb_of(&stage),
    });
    stage.waits_for = format!("a human: {id} had been done and is no longer so");
    stage.actions = vec![action];
    Some(vec![Arc::new(stage)])
}

/// A branch's stages, as of now, with names that are not taken.
pub fn branch_stages(state: &RunState, branch: &Branch) -> Result<Vec<Stage>, Vec<String>> {
    let ground = Ground {
        brief: &state.brief,
        facts: &state.facts,
        view: state.view(),
    };
    let mut stages = planner::branch(&ground, branch)?;
    for stage in &mut stages {
        let step = fresh_step(|step| taken(state, step), &stage.owner, &stage.step);
        if step == stage.step {
            continue;
        }
        for action in &mut stage.actions {
            action.id = ActionId::of(&step, action.node.as_ref());
        }
        stage.gate = stage.gate.take().map(|gate| GateSpec {
            id: GateId::new(step.as_str()),
            ..gate
        });
        stage.step = step;
    }
    Ok(stages)
}

/// The declared way back from here: a branch whose condition holds, or, once a point of no return was passed, one whose
/// condition is at least not known to fail. Without one, what was done is undone step by step.
fn way_back(state: &RunState) -> Option<&Branch> {
    let truth = |branch: &&Branch| match &branch.when {
        Some(when) => state.facts.holds(when, None, &state.view()),
        None => Truth::Unknown("it has no condition".into()),
    };
    let ways = || {
        state
            .brief
            .procedure
            .branches
            .iter()
            .filter(|branch| branch.way_back)
    };
    if let Some(branch) = ways().find(|branch| truth(branch).is_yes()) {
        return Some(branch);
    }
    let passed = state.actions.values().any(|record| {
        record.stage.point_of_no_return.is_some()
            && !matches!(
                record.state,
                ActionState::Pending | ActionState::NotRun { .. }
            )
            && record.attempts > 0
    });
    passed
        .then(|| ways().find(|branch| !truth(branch).is_no()))
        .flatten()
}

/// The changes that happened, or may have, and that say how they are undone; newest first.
fn happened(state: &RunState) -> Vec<ActionId> {
    let mut happened: Vec<_> = state
        .actions
        .iter()
        .filter(|(_, record)| record.action().undo.is_some() && record.attempts > 0)
        .filter(|(_, record)| {
            !matches!(
                record.state,
                ActionState::Pending | ActionState::NotRun { .. }
            )
        })
        .map(|(id, record)| (record.began, id.clone()))
        .collect();
    happened.sort();
    happened.into_iter().rev().map(|(_, id)| id).collect()
}

/// The same, by stage, so that what was done together is undone together.
fn grouped(state: &RunState) -> Vec<(Arc<Stage>, Vec<Action>)> {
    let mut groups: Vec<(Arc<Stage>, Vec<Action>)> = Vec::new();
    for id in happened(state) {
        let Some(record) = state.actions.get(&id) else {
            continue;
        };
        match groups
            .iter_mut()
            .find(|(stage, _)| Arc::ptr_eq(stage, &record.stage))
        {
            Some((_, actions)) => actions.push(record.action().clone()),
            None => groups.push((Arc::clone(&record.stage), vec![record.action().clone()])),
        }
    }
    groups
}

fn undo_stage(state: &RunState, of: &Stage, actions: &[Action], given: &[Stage]) -> Option<Stage> {
    let first = actions.first()?;
    let is_taken =
        |step: &StepId| taken(state, step) || given.iter().any(|stage| stage.step == *step);
    let step = fresh_step(is_taken, "undo", &of.step);
    let mut undone = Vec::new();
    for action in actions {
        let (work, then) = match action.undo.clone()? {
            PlannedUndo::Script { script, then } => (
                Work::Change {
                    script,
                    output: Vec::new(),
                    cancel: false,
                    dialogue: None,
                    reboots: false,
                },
                then,
            ),
            PlannedUndo::Manual { instructions, then } => (Work::Manual { instructions }, then),
        };
        let then = before(state, action, then);
        let work = match work {
            Work::Manual { instructions } if then.is_empty() => Work::Attest { instructions },
            other => other,
        };
        undone.push(Action {
            id: ActionId::of(&step, action.node.as_ref()),
            node: action.node.clone(),
            work,
            then,
            then_on: action.then_on.clone(),
            already_so: false,
            undo: None,
        });
    }
    let changes = undone.iter().any(|action| action.work.changes());
    let id = match undone.as_slice() {
        [one] => one.id.as_str().to_string(),
        _ => step.as_str().to_string(),
    };
    Some(Stage {
        owner: "undo".into(),
        title: format!("Undo: {}", of.title),
        origin: Origin::Undo(first.id.clone()),
        gate: changes.then(|| GateSpec {
            id: GateId::new(id),
            verb: "undo".into(),
        }),
        actions: undone,
        requires: None,
        order: Vec::new(),
        consequence: None,
        point_of_no_return: None,
        opens: None,
        closes: of.opens.clone(),
        again: Again::VerifyFirst,
        typical: of.typical,
        timeout: of.timeout,
        settle: of.settle,
        on_failure: None,
        waits_for: "a human chose to undo".into(),
        step,
    })
}

/// What an undo is to bring about: what it declares, else what was so before the action began.
fn before(
    state: &RunState,
    action: &Action,
    then: BTreeMap<FactId, Value>,
) -> BTreeMap<FactId, Value> {
    if !then.is_empty() {
        return then;
    }
    state
        .actions
        .get(&action.id)
        .map(|record| record.before.clone())
        .unwrap_or_default()
}

/// The way back is an end too: what the plan's last stages would have paid, its last stage pays.
fn pay_debts(state: &RunState, stages: &mut [Stage]) {
    let open: Vec<_> = state.debts.keys().map(|(debt, _)| debt.clone()).collect();
    let paid = |debt: &DebtId| {
        stages
            .iter()
            .any(|stage| stage.closes.as_ref() == Some(debt))
    };
    let unpaid = open.into_iter().find(|debt| !paid(debt));
    if let (Some(debt), Some(last)) = (unpaid, stages.last_mut()) {
        last.closes.get_or_insert(debt);
    }
}

/// Whether any action that ever was in this run belongs to a step of this name.
fn taken(state: &RunState, step: &StepId) -> bool {
    state
        .actions
        .values()
        .any(|record| record.stage.step == *step)
}

fn verb_of(stage: &Stage) -> String {
    match &stage.gate {
        Some(gate) => gate.verb.clone(),
        None => stage
            .title
            .split_whitespace()
            .next()
            .unwrap_or("repeat")
            .to_lowercase(),
    }
}
