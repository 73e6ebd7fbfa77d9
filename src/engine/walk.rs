//! What follows by itself: connect, check, plan, review, then stage after stage. Nothing here runs that a gate guards and
//! nobody opened.

use std::sync::Arc;

use super::brief::Goal;
use super::decide::Turn;
use super::effect::Effect;
use super::event::{Ending, Event, FailureKind, Outcome};
use super::gate;
use super::input::Timer;
use super::interlock;
use super::plan::{Action, Stage, Work};
use super::planner::{self, Ground};
use super::state::{ActionState, CheckState, Late, Part};
use super::summary::Exit;
use super::{audit, checks, window};
use crate::model::ids::{ActionId, GateId, NodeId};
use crate::model::procedure::CheckKind;
use crate::model::time::Span;

/// How long a node out of sight holds a stage before a human is asked.
const PATIENCE: Span = Span::seconds(60);

/// How long an asked node is given before it is asked again.
const ASK_AGAIN: Span = Span::seconds(10);

/// Lets everything follow that follows now.
pub(super) fn advance(turn: &mut Turn<'_>) {
    if turn.state.left.is_some() || turn.state.ending.is_some() {
        return;
    }
    judge_ready(turn);
    // Every round settles something; a plan has finitely many things to settle.
    while round(turn) {
        judge_ready(turn);
    }
}

fn judge_ready(turn: &mut Turn<'_>) {
    for id in std::mem::take(&mut turn.state.sight.ready) {
        turn.judge(&id);
    }
}

fn round(turn: &mut Turn<'_>) -> bool {
    match turn.state.part {
        Part::Opening | Part::Ended => false,
        Part::Connect => connected(turn),
        Part::Readiness => ready(turn),
        Part::Review => review(turn),
        Part::Execute => execute(turn),
    }
}

/// Every node answers and every probe was read: the checks begin.
fn connected(turn: &mut Turn<'_>) -> bool {
    let state = &turn.state;
    let all = state.sight.unread.is_empty() && state.nodes.values().all(|node| node.link.is_up());
    if !all || state.opening.is_none() {
        return false;
    }
    let approved =
        state.plan_hash.is_some() && state.stages.iter().any(|stage| stage.began.is_some());
    debug_assert!(
        !approved,
        "a run that executes never goes back to connecting"
    );
    turn.tell(Event::ReadinessBegan);
    ask_checks(turn);
    true
}

/// Sends the script checks out and judges those over facts.
pub(super) fn ask_checks(turn: &mut Turn<'_>) {
    let waiting = turn
        .state
        .checks
        .iter()
        .filter(|(_, state)| **state == CheckState::Waiting);
    let keys: Vec<_> = waiting.map(|(key, _)| key.clone()).collect();
    for (id, node) in keys {
        let Some(check) = turn.state.brief.procedure.check(&id) else {
            continue;
        };
        match (&check.kind, node) {
            (CheckKind::Script { .. }, Some(node)) => turn.ask(Effect::Check { node, check: id }),
            (CheckKind::Facts { passes }, node) => {
                let (verdict, found) = checks::judge_facts(turn.state, passes, node.as_ref());
                let output = Default::default();
                turn.tell(Event::CheckJudged {
                    check: id,
                    node,
                    verdict,
                    found,
                    output,
                });
            }
            (CheckKind::Script { .. }, None) | (CheckKind::Attest, _) => {}
        }
    }
}

fn ready(turn: &mut Turn<'_>) -> bool {
    if turn.state.checks_waiting > 0 || !turn.state.plan_refused.is_empty() {
        return false;
    }
    match turn.goal() {
        Goal::Check => {
            let exit = if checks::blocks(turn.state) {
                Exit::Blocked
            } else {
                Exit::Finished
            };
            end(turn, exit, "the checks were run");
            false
        }
        Goal::Plan => {
            let made = freeze(turn);
            let exit = if made { Exit::Finished } else { Exit::Blocked };
            end(turn, exit, "the plan was made");
            false
        }
        Goal::Walk if turn.state.checks_open == 0 => freeze(turn),
        Goal::Walk => false,
    }
}

/// Makes the plan, has it audited, and freezes it; or says everything that is in the way.
fn freeze(turn: &mut Turn<'_>) -> bool {
    let made = {
        let state = &turn.state;
        let ground = Ground {
            brief: &state.brief,
            facts: &state.facts,
            view: state.view(),
        };
        planner::plan(&ground).and_then(|plan| {
            let wrong = audit::audit(&plan, &state.brief, &state.facts, &state.view());
            if wrong.is_empty() {
                Ok(plan)
            } else {
                Err(wrong)
            }
        })
    };
    match made {
        Ok(plan) => {
            let (hash, stages, actions) = (plan.hash(), plan.stages.len(), plan.action_count());
            if turn.state.plan_hash.as_ref() != Some(&hash) || turn.state.part != Part::Review {
                turn.tell(Event::PlanFrozen {
                    hash,
                    stages,
                    actions,
                    plan: Some(Arc::new(plan)),
                });
            }
            turn.rules();
            true
        }
        Err(reasons) => {
            if turn.state.plan_refused != reasons {
                turn.tell(Event::PlanRefused { reasons });
            }
            false
        }
    }
}

/// The plan is shown and waits for its approval. If what is known changes meanwhile, it is made anew.
fn review(turn: &mut Turn<'_>) -> bool {
    let Some(hash) = turn.state.plan_hash.clone() else {
        return false;
    };
    let plan = GateId::new("plan");
    match turn.state.gate.as_ref().filter(|gate| gate.gate == plan) {
        None => turn.tell(Event::GateOpening { gate: plan }),
        Some(open) => match &open.asking {
            Some(asking) if asking.bound == turn.state.facts_seq => return false,
            Some(_) => {
                turn.tell(Event::GateClosed {
                    gate: plan,
                    why: "what is known has changed; the plan was made again".into(),
                });
                if !freeze(turn) {
                    return false;
                }
            }
            None => {
                if read_stale(turn) {
                    return false;
                }
                let asking = gate::asking_plan(turn.state, &hash);
                let (phrase, shown, bound) = (asking.phrase, asking.shown, asking.bound);
                turn.tell(Event::GateOpened {
                    gate: plan,
                    phrase,
                    shown,
                    bound,
                });
            }
        },
    }
    true
}

fn execute(turn: &mut Turn<'_>) -> bool {
    if turn.state.resume_review || turn.state.paused.is_some() {
        return false;
    }
    let Some(at) = turn.state.stage() else {
        return finish(turn);
    };
    let stage = Arc::clone(&at.stage);
    if at.pending == 0 {
        return false;
    }
    let (confirmed, cursor) = (at.confirmed.is_some(), turn.state.cursor);
    // Attempts of this stage that are open or failed are settled before others of it begin again.
    let unsettled = turn
        .state
        .active
        .iter()
        .any(|id| failed_or_doubted(turn, id));
    if unsettled && !confirmed {
        return false;
    }
    let reasons = interlock::review(turn.state, &stage);
    if !reasons.is_empty() {
        return hold(turn, cursor, reasons);
    }
    let acting = stage.actions.iter().any(|action| {
        is_pending(turn, &action.id) && must_run(action) && !gate::holds_already(turn.state, action)
    });
    if acting && !confirmed && late(turn, &stage) {
        return false;
    }
    if let (Some(spec), true, false) = (&stage.gate, acting, confirmed) {
        return gate_flow(turn, &stage, &spec.id, &spec.verb);
    }
    if read_stale(turn) {
        return false;
    }
    release(turn, cursor);
    begin_stage(turn, &stage)
}

/// Past the turn-back time a gate waits until a human has given a reason.
fn late(turn: &mut Turn<'_>, stage: &Stage) -> bool {
    match turn.state.late {
        Late::Accepted => false,
        Late::Passed { .. } => stage.gate.is_some(),
        Late::No => match window::passed(turn.state, stage, turn.now) {
            Some(by) if stage.gate.is_some() => {
                turn.tell(Event::TurnBackTimePassed { by });
                true
            }
            Some(_) | None => false,
        },
    }
}

fn failed_or_doubted(turn: &Turn<'_>, id: &ActionId) -> bool {
    turn.state.actions.get(id).is_some_and(|record| {
        matches!(
            record.state,
            ActionState::Failed { .. } | ActionState::InDoubt { .. }
        )
    })
}

fn is_pending(turn: &Turn<'_>, id: &ActionId) -> bool {
    turn.state
        .actions
        .get(id)
        .is_some_and(|record| record.state == ActionState::Pending)
}

fn must_run(action: &Action) -> bool {
    matches!(action.work, Work::Change { .. })
}

fn hold(turn: &mut Turn<'_>, cursor: usize, reasons: Vec<String>) -> bool {
    if let Some(gate) = turn
        .state
        .gate
        .as_ref()
        .filter(|gate| gate.asking.is_some())
    {
        let (gate, why) = (gate.gate.clone(), reasons.join("; "));
        turn.tell(Event::GateClosed { gate, why });
    }
    if turn.state.held != reasons {
        let first = turn.state.held.is_empty();
        turn.tell(Event::Held {
            stage: cursor,
            reasons,
        });
        if first {
            let since = turn.now;
            turn.wake(
                Timer::Patience {
                    stage: cursor,
                    since,
                },
                PATIENCE,
            );
        }
    }
    false
}

fn release(turn: &mut Turn<'_>, cursor: usize) {
    if !turn.state.held.is_empty() {
        turn.tell(Event::Released { stage: cursor });
    }
}

/// Opens the gate, keeps it bound to what is known, closes it when that changes.
fn gate_flow(turn: &mut Turn<'_>, stage: &Stage, gate: &GateId, verb: &str) -> bool {
    release(turn, turn.state.cursor);
    match turn.state.gate.as_ref().filter(|open| open.gate == *gate) {
        None => turn.tell(Event::GateOpening { gate: gate.clone() }),
        Some(open) => match &open.asking {
            Some(asking) if asking.bound == turn.state.facts_seq => return false,
            Some(_) => {
                let why = "what is known has changed; it is read again".to_string();
                turn.tell(Event::GateClosed {
                    gate: gate.clone(),
                    why,
                });
            }
            None => {
                if read_stale(turn) {
                    return false;
                }
                let asking = gate::asking(turn.state, stage, verb);
                let (phrase, shown, bound) = (asking.phrase, asking.shown, asking.bound);
                turn.tell(Event::GateOpened {
                    gate: gate.clone(),
                    phrase,
                    shown,
                    bound,
                });
            }
        },
    }
    true
}

/// Asks nodes whose facts are too old; whether there are any.
fn read_stale(turn: &mut Turn<'_>) -> bool {
    let stale: Vec<NodeId> = interlock::stale(turn.state, turn.now);
    for node in &stale {
        let asked = turn
            .state
            .sight
            .asked
            .get(node)
            .is_some_and(|at| turn.now.since(*at) < ASK_AGAIN);
        if !asked {
            turn.ask(Effect::Probe { node: node.clone() });
        }
    }
    !stale.is_empty()
}

fn begin_stage(turn: &mut Turn<'_>, stage: &Arc<Stage>) -> bool {
    let mut begun = false;
    for action in &stage.actions {
        if !is_pending(turn, &action.id) {
            continue;
        }
        if gate::holds_already(turn.state, action) {
            turn.done(&action.id, Outcome::AlreadySo);
            begun = true;
            continue;
        }
        let reasons = interlock::foresee(turn.state, action);
        if !reasons.is_empty() {
            let cursor = turn.state.cursor;
            hold(turn, cursor, reasons);
            continue;
        }
        begin(turn, stage, action);
        begun = true;
    }
    begun
}

fn begin(turn: &mut Turn<'_>, stage: &Stage, action: &Action) {
    let id = action.id.clone();
    let attempt = turn
        .state
        .actions
        .get(&id)
        .map_or(1, |record| record.attempts + 1);
    match &action.work {
        Work::Change { .. } | Work::Read { .. } => {
            let change = matches!(action.work, Work::Change { .. });
            let job = if change {
                turn.state.job_id(&id, attempt)
            } else {
                String::new()
            };
            turn.tell(Event::ActionStarted {
                action: id.clone(),
                attempt,
                job,
            });
            open_debt(turn, stage, action);
            turn.ask(if change {
                Effect::Start {
                    action: id.clone(),
                    attempt,
                }
            } else {
                Effect::Read {
                    action: id.clone(),
                    attempt,
                }
            });
            turn.wake(
                Timer::Overdue {
                    action: id,
                    attempt,
                },
                stage.timeout,
            );
        }
        Work::Wait { .. } => {
            turn.tell(Event::ActionStarted {
                action: id.clone(),
                attempt,
                job: String::new(),
            });
            let effects = action
                .then_on
                .iter()
                .map(|node| (node.clone(), action.then.clone()))
                .collect();
            turn.ask(Effect::Performed {
                action: id.clone(),
                effects,
                typical: stage.typical,
            });
            turn.wake(
                Timer::Overdue {
                    action: id,
                    attempt,
                },
                stage.timeout,
            );
            look_at_waits(turn);
        }
        Work::Manual { .. } => {
            open_debt(turn, stage, action);
            turn.tell(Event::ActionAsked { action: id });
        }
        Work::Attest { .. } | Work::Decide { .. } => turn.tell(Event::ActionAsked { action: id }),
    }
}

/// The debt is owed from the moment the act may have begun, not from its good end.
fn open_debt(turn: &mut Turn<'_>, stage: &Stage, action: &Action) {
    if let Some(debt) = &stage.opens {
        let key = (debt.clone(), action.node.clone());
        if !turn.state.debts.contains_key(&key) {
            turn.tell(Event::DebtOpened {
                debt: key.0,
                node: key.1,
                by: action.id.clone(),
            });
        }
    }
}

/// Looks whether what is waited for has come.
pub(super) fn look_at_waits(turn: &mut Turn<'_>) {
    let waits = turn.state.stage().is_some_and(|stage| {
        matches!(
            stage.stage.actions.first().map(|action| &action.work),
            Some(Work::Wait { .. })
        )
    });
    if !waits {
        return;
    }
    for id in turn.state.active.clone() {
        let Some(record) = turn.state.actions.get(&id) else {
            continue;
        };
        let ActionState::Running { .. } = record.state else {
            continue;
        };
        let action = record.action();
        let Work::Wait { until } = &action.work else {
            continue;
        };
        let come = match until {
            Some(until) => turn
                .state
                .facts
                .holds(until, action.node.as_ref(), &turn.state.view())
                .is_yes(),
            None => gate::holds_already(turn.state, action),
        };
        if come {
            turn.done(&id, Outcome::Observed);
        }
    }
}

/// Nothing is left: the run is over, unless it owes something.
fn finish(turn: &mut Turn<'_>) -> bool {
    if turn.state.has_alarm() {
        let mut reasons = Vec::new();
        reasons.extend(
            turn.state
                .resurrected
                .keys()
                .map(|(node, fact)| format!("{fact} of {node} came back by itself")),
        );
        reasons.extend(
            turn.state
                .invariants
                .keys()
                .map(|id| format!("rule {id} must hold at the end")),
        );
        let cursor = turn.state.cursor;
        return hold(turn, cursor, reasons);
    }
    let owed: Vec<String> = turn
        .state
        .debts
        .iter()
        .map(|((debt, node), by)| {
            let on = node
                .as_ref()
                .map_or(String::new(), |node| format!(" on {node}"));
            format!("the debt {debt}{on}, opened by {by}, is not paid")
        })
        .collect();
    if !owed.is_empty() {
        let cursor = turn.state.cursor;
        return hold(turn, cursor, owed);
    }
    let outcome = if turn.state.turning_back {
        Ending::TurnedBack
    } else {
        Ending::Upgraded
    };
    turn.tell(Event::Finished { outcome });
    turn.ask(Effect::End(Exit::Finished));
    false
}

/// Ends a session that was only to look.
fn end(turn: &mut Turn<'_>, exit: Exit, why: &str) {
    turn.tell(Event::Left {
        by: None,
        why: why.into(),
    });
    turn.ask(Effect::End(exit));
}

/// A human gave an action's bad end in words.
pub(super) fn not_done(turn: &mut Turn<'_>, id: &ActionId, note: &str) {
    let attempt = turn
        .state
        .actions
        .get(id)
        .map_or(1, |record| record.attempts.max(1));
    turn.failed(
        id.clone(),
        attempt,
        FailureKind::NotDone,
        format!("said not to be done: {note}"),
    );
}
