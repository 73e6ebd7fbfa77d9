//! Ways on that holds offer: retry, undo, by hand, turn back, branches.

use super::*;
use crate::engine::brief::Person;
use crate::engine::decide::Turn;
use crate::engine::effect::Effect;
use crate::engine::event::{Cause, Event, FailureKind, Outcome, Said};
use crate::engine::hold::{self};
use crate::engine::input::Timer;
use crate::engine::plan::Work;
use crate::engine::state::{ActionState, RunState};
use crate::engine::unwind;
use crate::model::condition::Truth;
use crate::model::dialogue::Answer;
use crate::model::ids::{ActionId, BranchId, FactId, NodeId};
use crate::model::time::Span;

pub(super) fn act(turn: &mut Turn<'_>, by: &Person, id: &str, option: &str, note: &str) {
    match option {
        "turn-back" => return turn_back(turn, by, note),
        "paid" => return pay(turn, note),
        // Said and done: the choice itself lets the gate open.
        "late" => return,
        _ => {}
    }
    if let Some(node) = id.strip_prefix("connect/") {
        return turn.ask(Effect::Reconnect {
            node: NodeId::new(node),
        });
    }
    // A changed host key: look again.
    if let Some(node) = turn.state.nodes.keys().find(|node| node.as_str() == id) {
        let node = node.clone();
        return turn.ask(Effect::Reconnect { node });
    }
    if let Some(rest) = id.strip_prefix("resurrected/")
        && let Some((fact, node)) = rest.split_once('@')
    {
        return resurrected(
            turn,
            by,
            &NodeId::new(node),
            &FactId::new(fact),
            option,
            note,
        );
    }
    match (id, option) {
        ("resume", "go-on") => return turn.tell(Event::ResumeAccepted { by: by.clone() }),
        ("lock", _) => return super::lock::lock(turn, by, option, note),
        ("plan", "look") => return look_and_plan(turn),
        _ => {}
    }
    let action = ActionId::new(id);
    if turn.state.actions.contains_key(&action) && turn.state.active.contains(&action) {
        return on_action(turn, by, &action, option, note);
    }
    look(turn, turn.state.nodes.keys().cloned().collect());
}

pub(super) fn resurrected(
    turn: &mut Turn<'_>,
    by: &Person,
    node: &NodeId,
    fact: &FactId,
    option: &str,
    note: &str,
) {
    let Some(alarm) = turn
        .state
        .resurrected
        .get(&(node.clone(), fact.clone()))
        .cloned()
    else {
        return;
    };
    match option {
        "accept" => turn.tell(Event::Subsided {
            node: node.clone(),
            fact: fact.clone(),
            accepted: true,
        }),
        "repeat" => match unwind::repeat_one(turn.state, &alarm.by) {
            Some(stages) => {
                let cause = Cause::Repeat { action: alarm.by };
                turn.tell(Event::DetourTaken {
                    cause,
                    by: by.clone(),
                    reason: note.into(),
                    stages,
                });
            }
            None => refuse(turn, alarm.by.as_str(), "it cannot be done again"),
        },
        _ => look(turn, vec![node.clone()]),
    }
}

pub(super) fn on_action(turn: &mut Turn<'_>, by: &Person, id: &ActionId, option: &str, note: &str) {
    let Some(record) = turn.state.actions.get(id) else {
        return;
    };
    let (attempt, timeout) = (record.attempts, record.stage.timeout);
    let action = record.action().clone();
    match option {
        "retry" => turn.tell(Event::ActionReopened { action: id.clone() }),
        "undo" => match unwind::undo_one(turn.state, id) {
            Some(stages) => {
                let cause = Cause::Undo { action: id.clone() };
                turn.tell(Event::DetourTaken {
                    cause,
                    by: by.clone(),
                    reason: note.into(),
                    stages,
                });
            }
            None => refuse(turn, id.as_str(), "no undo is declared for it"),
        },
        "by-hand" => {
            turn.tell(Event::ByHandSaid {
                action: id.clone(),
                note: note.into(),
                by: by.clone(),
            });
            let effects = action
                .then_on
                .iter()
                .map(|node| (node.clone(), action.then.clone()))
                .collect();
            turn.ask(Effect::Performed {
                action: id.clone(),
                effects,
                typical: Span(0),
            });
            turn.prove(id);
        }
        "wait" => turn.wake(
            Timer::Overdue {
                action: id.clone(),
                attempt,
            },
            timeout,
        ),
        "cancel" => {
            turn.tell(Event::CancelAsked {
                action: id.clone(),
                attempt,
                by: by.clone(),
            });
            turn.ask(Effect::Cancel {
                action: id.clone(),
                attempt,
            });
            turn.wake(
                Timer::Overdue {
                    action: id.clone(),
                    attempt,
                },
                timeout,
            );
        }
        "answer" | "answer-hidden" | "enter" => answer(turn, by, id, option, note),
        "hand-back" => {
            let back = turn.hand_back(id, by);
            super::refused(turn, id, back);
        }
        "give-up" => turn.failed(
            id.clone(),
            attempt,
            FailureKind::TimedOut,
            format!("given up: {note}"),
        ),
        "choose" => decide(turn, id, &action.work, note),
        _ => {
            turn.state.must_prove(id);
            if action.work.changes() && record_in_doubt(turn.state, id) {
                turn.ask(Effect::Attach {
                    action: id.clone(),
                    attempt,
                });
            }
            look(turn, action.then_on);
        }
    }
}

/// What the operator answers a program that asks.
fn answer(turn: &mut Turn<'_>, by: &Person, id: &ActionId, option: &str, typed: &str) {
    let (said, answer) = match option {
        "answer" => (Said::Text(typed.into()), Answer::Text(typed.into())),
        "answer-hidden" => (Said::Hidden, Answer::Hidden(typed.into())),
        _ => (Said::Text(String::new()), Answer::Text(String::new())),
    };
    turn.answer_prompt(id.clone(), said, answer, Some(by.clone()));
}

pub(super) fn record_in_doubt(state: &RunState, id: &ActionId) -> bool {
    state
        .actions
        .get(id)
        .is_some_and(|record| matches!(record.state, ActionState::InDoubt { .. }))
}

pub(super) fn decide(turn: &mut Turn<'_>, id: &ActionId, work: &Work, choice: &str) {
    let Work::Decide { options, .. } = work else {
        return;
    };
    match options.iter().find(|option| option.id == choice.trim()) {
        Some(option) => turn.done(
            id,
            Outcome::Chose {
                option: option.id.clone(),
            },
        ),
        None => {
            let offered: Vec<&str> = options.iter().map(|option| option.id.as_str()).collect();
            refuse(
                turn,
                id.as_str(),
                format!("`{choice}` is not one of {}", offered.join(", ")),
            );
        }
    }
}

/// Whether anything is still under way that must come to its end before the way changes.
pub(super) fn busy(state: &RunState) -> Option<ActionId> {
    let under_way = |id: &&ActionId| state.actions.get(*id).is_some_and(hold::is_under_way);
    state.active.iter().find(under_way).cloned()
}

pub(super) fn turn_back(turn: &mut Turn<'_>, by: &Person, reason: &str) {
    if let Some(action) = busy(turn.state) {
        return refuse(
            turn,
            "turn-back",
            format!("{action} is still under way; wait for its end first"),
        );
    }
    match unwind::back(turn.state) {
        Ok(stages) => turn.tell(Event::DetourTaken {
            cause: Cause::TurnBack,
            by: by.clone(),
            reason: reason.into(),
            stages,
        }),
        Err(why) => refuse(turn, "turn-back", why.join("; ")),
    }
}

pub(super) fn take_branch(turn: &mut Turn<'_>, by: &Person, id: &BranchId, reason: &str) {
    let Some(branch) = turn
        .state
        .brief
        .procedure
        .branches
        .iter()
        .find(|branch| branch.id == *id)
        .cloned()
    else {
        return refuse(turn, id.as_str(), "there is no such branch");
    };
    if turn.state.plan.is_none() || turn.state.part < crate::engine::state::Part::Execute {
        return refuse(
            turn,
            id.as_str(),
            "a branch can be taken only while the plan is carried out",
        );
    }
    if reason.trim().is_empty() {
        return refuse(
            turn,
            id.as_str(),
            "a branch wants a reason: :branch ID REASON",
        );
    }
    if let Some(action) = busy(turn.state) {
        return refuse(
            turn,
            id.as_str(),
            format!("{action} is still under way; wait for its end first"),
        );
    }
    // What the operator says has happened may be invisible to every probe.
    if let (Some(when), None) = (&branch.when, &branch.said)
        && let Truth::No = turn.state.facts.holds(when, None, &turn.state.view())
    {
        return refuse(
            turn,
            id.as_str(),
            format!("its condition does not hold: {when}"),
        );
    }
    // The way back that was named, even where turning back would take another.
    let (cause, stages) = if branch.way_back {
        (Cause::TurnBack, unwind::back_by(turn.state, &branch))
    } else {
        let stages = unwind::branch_stages(turn.state, &branch);
        let stages = stages.map(|stages| stages.into_iter().map(std::sync::Arc::new).collect());
        (Cause::Branch { branch: id.clone() }, stages)
    };
    match stages {
        Ok(stages) => turn.tell(Event::DetourTaken {
            cause,
            by: by.clone(),
            reason: reason.into(),
            stages,
        }),
        Err(why) => refuse(turn, id.as_str(), why.join("; ")),
    }
}

pub(super) fn pay(turn: &mut Turn<'_>, reason: &str) {
    let owed: Vec<_> = turn.state.debts.keys().cloned().collect();
    for (debt, node) in owed {
        turn.tell(Event::DebtPaid {
            debt,
            node,
            how: format!("outside: {reason}"),
        });
    }
}
