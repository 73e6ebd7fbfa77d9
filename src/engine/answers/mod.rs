//! What an operator says, taken in. Every answer goes to a hold point that is open and offers it; everything else is
//! refused with the reason, and nothing happens.

use crate::engine::brief::Person;
use crate::engine::decide::Turn;
use crate::engine::effect::Effect;
use crate::engine::event::{Event, Outcome};
use crate::engine::gate;
use crate::engine::hold;
use crate::engine::input::Says;
use crate::engine::plan::Work;
use crate::engine::state::ActionState;
use crate::engine::summary;
use crate::engine::walk;
use crate::model::ids::{ActionId, GateId, NodeId};
use crate::model::reply::Claim;
use crate::model::time::Span;

mod lock;
mod ready;
mod ways;

use ready::{attest, host_key, look_and_plan, recheck, waive};
use ways::{act, take_branch};

/// Takes in what `by` says.
pub(super) fn take(turn: &mut Turn<'_>, by: &Person, says: &Says) {
    match says {
        Says::Confirm { gate, typed } => confirm(turn, by, gate, typed),
        Says::HostKey { node, typed } => host_key(turn, by, node, typed),
        Says::SecretGiven { node } => {
            turn.tell(Event::SecretGiven {
                node: node.clone(),
                by: by.clone(),
            });
            turn.ask(Effect::Reconnect { node: node.clone() });
        }
        Says::Attest { check, so, note } => attest(turn, by, check, *so, note),
        Says::Waive {
            check,
            node,
            reason,
        } => waive(turn, by, check, node.as_ref(), reason),
        Says::Recheck { check, node } => recheck(turn, check.as_ref(), node.as_ref()),
        Says::Done {
            action,
            done: so,
            note,
        } => done(turn, action, *so, note),
        Says::Choose { hold, option, note } => choose(turn, by, hold, option, note),
        Says::TakeWheel { action } => {
            let taken = turn.take_wheel(action, by);
            refused(turn, action, taken);
        }
        Says::Keys {
            action,
            attempt,
            keys,
        } => {
            let given = turn.give_keys(action, *attempt, keys);
            refused(turn, action, given);
        }
        Says::HandBack { action } => {
            let back = turn.hand_back(action, by);
            refused(turn, action, back);
        }
        Says::Pause => {
            if turn.state.paused.is_none() {
                turn.tell(Event::Paused { by: by.clone() });
            }
        }
        Says::GoOn => {
            if turn.state.paused.is_some() {
                turn.tell(Event::WentOn { by: by.clone() });
            }
        }
        Says::Note { text } => turn.tell(Event::Noted {
            text: text.clone(),
            by: by.clone(),
        }),
        Says::Branch { branch, reason } => take_branch(turn, by, branch, reason),
        Says::Leave => leave(turn, Some(by), "left by the operator"),
        Says::Fault { text } => turn.tell(Event::Fault { text: text.clone() }),
    }
}

/// Ends the session; what runs on the nodes goes on.
fn leave(turn: &mut Turn<'_>, by: Option<&Person>, why: &str) {
    let exit = summary::exit_now(turn.state);
    turn.all_wheels_come_back("the session ended");
    turn.tell(Event::Left {
        by: by.cloned(),
        why: why.into(),
    });
    turn.ask(Effect::End(exit));
}

fn refuse(turn: &mut Turn<'_>, what: &str, why: impl Into<String>) {
    turn.tell(Event::GateRefused {
        gate: GateId::new(what),
        why: why.into(),
    });
}

fn refused(turn: &mut Turn<'_>, action: &ActionId, done: Result<(), String>) {
    if let Err(why) = done {
        refuse(turn, action.as_str(), why);
    }
}

fn confirm(turn: &mut Turn<'_>, by: &Person, gate: &GateId, typed: &str) {
    if let Some(node) = gate::outdated(turn.state, gate, turn.now) {
        let why = format!("what is known about {node} is too old; it is read again");
        return turn.tell(Event::GateClosed {
            gate: gate.clone(),
            why,
        });
    }
    match gate::judge(turn.state, gate, typed) {
        Err(why) => refuse(turn, gate.as_str(), why),
        Ok(_) if gate.as_str() == "plan" => {
            let hash = turn.state.plan_hash.clone().unwrap_or_default();
            turn.tell(Event::PlanApproved {
                hash,
                by: by.clone(),
            });
            turn.rules();
        }
        Ok(confirmed) => {
            let plan = turn.state.plan_hash.clone().unwrap_or_default();
            turn.tell(confirmed.event(plan, by.clone()));
        }
    }
}

fn done(turn: &mut Turn<'_>, id: &ActionId, so: bool, note: &str) {
    let Some(record) = turn
        .state
        .actions
        .get(id)
        .filter(|record| matches!(record.state, ActionState::Asked { .. }))
    else {
        return refuse(turn, id.as_str(), "nothing is asked here");
    };
    let action = record.action().clone();
    match &action.work {
        Work::Attest { .. } if so => turn.done(id, Outcome::Attested { note: note.into() }),
        Work::Manual { .. } if so => {
            let attempt = record.attempts;
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
            let claim = Claim::Said {
                done: true,
                note: note.into(),
            };
            if action.then.is_empty() {
                return turn.done(id, Outcome::Attested { note: note.into() });
            }
            turn.tell(Event::ActionClaimed {
                action: id.clone(),
                attempt,
                claim,
            });
            turn.prove(id);
        }
        Work::Manual { .. } | Work::Attest { .. } => walk::not_done(turn, id, note),
        Work::Change { .. }
        | Work::Upload(_)
        | Work::Read { .. }
        | Work::Wait { .. }
        | Work::Decide { .. } => {
            refuse(turn, id.as_str(), "this is not done by hand");
        }
    }
}

/// One of the ways on that an open hold offers.
fn choose(turn: &mut Turn<'_>, by: &Person, id: &str, option: &str, note: &str) {
    let holds = hold::holds(turn.state);
    let Some(open) = holds.iter().find(|hold| hold.id == id) else {
        return refuse(turn, id, "no such hold point is open");
    };
    let options = open.expect.options();
    if options.is_empty() {
        return refuse(
            turn,
            id,
            format!("expected {}", open.expect.line(open.kind)),
        );
    }
    let Some(offered) = options.iter().find(|offered| offered.id == option) else {
        return refuse(
            turn,
            id,
            format!(
                "`{option}` is not offered here; expected {}",
                open.expect.line(open.kind)
            ),
        );
    };
    if let (Some(wanted), true) = (offered.note, note.trim().is_empty()) {
        return refuse(
            turn,
            id,
            format!(
                "{option} wants a {}: {}",
                wanted.to_lowercase(),
                offered.usage()
            ),
        );
    }
    let (hold, option, note) = (id.to_string(), option.to_string(), note.to_string());
    // Secrets never rest: what is hidden is not told.
    let told = match option.as_str() {
        "answer-hidden" => "(not shown)".to_string(),
        _ => note.clone(),
    };
    turn.tell(Event::Chosen {
        hold,
        option: option.clone(),
        note: told,
        by: by.clone(),
    });
    if option == "leave" {
        return leave(turn, Some(by), &format!("left waiting at {id}"));
    }
    act(turn, by, id, &option, &note);
}

fn look(turn: &mut Turn<'_>, nodes: Vec<NodeId>) {
    nodes
        .into_iter()
        .for_each(|node| turn.ask(Effect::Probe { node }));
}
