//! One stage: its gate, its beginning, its waits.

use std::sync::Arc;

use super::*;
use crate::engine::decide::Turn;
use crate::engine::effect::Effect;
use crate::engine::event::{Event, Outcome};
use crate::engine::gate;
use crate::engine::input::Timer;
use crate::engine::interlock;
use crate::engine::plan::{Action, Stage, Work};
use crate::engine::state::{ActionState, Late};
use crate::engine::window;
use crate::model::ids::{ActionId, GateId};

/// Past the turn-back time a gate waits until a human has given a reason.
pub(super) fn late(turn: &mut Turn<'_>, stage: &Stage) -> bool {
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

pub(super) fn failed_or_doubted(turn: &Turn<'_>, id: &ActionId) -> bool {
    turn.state.actions.get(id).is_some_and(|record| {
        let open = matches!(
            record.state,
            ActionState::Failed { .. } | ActionState::InDoubt { .. }
        );
        open && !turn.state.waits_behind_detour(record)
    })
}

pub(super) fn is_pending(turn: &Turn<'_>, id: &ActionId) -> bool {
    turn.state
        .actions
        .get(id)
        .is_some_and(|record| record.state == ActionState::Pending)
}

pub(super) fn must_run(action: &Action) -> bool {
    action.work.changes()
}

pub(super) fn hold(turn: &mut Turn<'_>, cursor: usize, reasons: Vec<String>) -> bool {
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

pub(super) fn release(turn: &mut Turn<'_>, cursor: usize) {
    if !turn.state.held.is_empty() {
        turn.tell(Event::Released { stage: cursor });
    }
}

/// Opens the gate, keeps it bound to what is known, closes it when that changes.
pub(super) fn gate_flow(turn: &mut Turn<'_>, stage: &Stage, gate: &GateId, verb: &str) -> bool {
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

pub(super) fn begin_stage(turn: &mut Turn<'_>, stage: &Arc<Stage>) -> bool {
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

pub(super) fn begin(turn: &mut Turn<'_>, stage: &Stage, action: &Action) {
    let id = action.id.clone();
    let attempt = turn
        .state
        .actions
        .get(&id)
        .map_or(1, |record| record.attempts + 1);
    match &action.work {
        Work::Change { .. } | Work::Upload(_) | Work::Read { .. } => {
            let change = action.work.changes();
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
        Work::Manual { .. } | Work::Attest { .. } => {
            open_debt(turn, stage, action);
            turn.tell(Event::ActionAsked { action: id });
        }
        Work::Decide { .. } => turn.tell(Event::ActionAsked { action: id }),
    }
}

/// The debt is owed from the moment the act may have begun, not from its good end.
pub(super) fn open_debt(turn: &mut Turn<'_>, stage: &Stage, action: &Action) {
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
pub(in crate::engine) fn look_at_waits(turn: &mut Turn<'_>) {
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
