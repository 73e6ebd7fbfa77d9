//! Effects to requests. Scripts come from the plan as it was frozen; the engine only names actions.

use crate::engine::effect::Effect;
use crate::engine::input::Timer;
use crate::engine::plan::Work;
use crate::engine::state::RunState;
use crate::engine::summary::Exit;
use crate::model::ids::ActionId;
use crate::model::time::Stamp;
use crate::transport::{Change, Claimant, Errand, Look, Order};

/// What one effect asks of whom.
#[derive(Debug)]
pub(super) enum Request {
    Look(Look),
    Change(Box<Change>),
    Timer { timer: Timer, at: Stamp },
    End(Exit),
}

/// An effect that the plan does not know how to follow. A fault of holdpoint's own.
#[derive(Debug, thiserror::Error)]
#[error("send {action}: {why}; nothing was sent. This is a fault of holdpoint, please report it")]
pub struct Unplanned {
    action: ActionId,
    why: &'static str,
}

pub(super) fn request(state: &RunState, effect: Effect) -> Result<Request, Unplanned> {
    let change = |change| Request::Change(Box::new(change));
    Ok(match effect {
        Effect::Connect { node } => Request::Look(Look::Connect { node }),
        Effect::Reconnect { node } => Request::Look(Look::Reconnect { node }),
        Effect::HostKey {
            node,
            fingerprint,
            accept,
        } => Request::Look(Look::HostKey {
            node,
            fingerprint,
            accept,
        }),
        Effect::Probe { node } => Request::Look(Look::Probe { node }),
        Effect::Watch { node } => Request::Look(Look::Watch { node }),
        Effect::Check { node, check } => Request::Look(Look::Check { node, check }),
        Effect::Read { action, attempt } => {
            let order = order(state, &action, attempt, Sort::Read)?;
            Request::Look(Look::Read { order })
        }
        Effect::Start { action, attempt } => change(Change::Start {
            order: order(state, &action, attempt, Sort::Change)?,
        }),
        Effect::Attach { action, attempt } => change(Change::Attach {
            order: order(state, &action, attempt, Sort::Change)?,
        }),
        Effect::Answer {
            action,
            attempt,
            at,
            answer,
        } => change(Change::Answer {
            order: order(state, &action, attempt, Sort::Change)?,
            at,
            answer,
        }),
        Effect::Wheel {
            action,
            attempt,
            act,
        } => change(Change::Wheel {
            order: order(state, &action, attempt, Sort::Change)?,
            act,
        }),
        Effect::Cancel { action, attempt } => change(Change::Cancel {
            order: order(state, &action, attempt, Sort::Change)?,
        }),
        Effect::Acknowledge { action, attempt } => change(Change::Acknowledge {
            order: order(state, &action, attempt, Sort::Change)?,
        }),
        Effect::Lock { node, ask } => change(Change::Lock {
            node,
            claimant: claimant(state),
            ask,
        }),
        Effect::Performed {
            action,
            effects,
            typical,
        } => change(Change::Performed {
            action,
            effects,
            typical,
        }),
        Effect::Timer { timer, at } => Request::Timer { timer, at },
        Effect::End(exit) => Request::End(exit),
    })
}

/// In whose name the lock is taken: the one who opened the run, whoever resumes it.
fn claimant(state: &RunState) -> Claimant {
    let opening = state.opening.as_ref();
    Claimant {
        run: opening.map_or(String::new(), |opening| opening.run.to_string()),
        by: opening.map_or(String::new(), |opening| opening.by.to_string()),
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Sort {
    Read,
    Change,
}

fn order(state: &RunState, id: &ActionId, attempt: u32, sort: Sort) -> Result<Order, Unplanned> {
    let unplanned = |why| Unplanned {
        action: id.clone(),
        why,
    };
    let record = state
        .actions
        .get(id)
        .ok_or_else(|| unplanned("the plan has no such action"))?;
    let (action, stage) = (record.action(), &record.stage);
    let (errand, output) = match (&action.work, sort) {
        (Work::Change { script, output, .. }, Sort::Change)
        | (Work::Read { script, output }, Sort::Read) => {
            (Errand::Script(script.clone()), output.clone())
        }
        (Work::Upload(upload), Sort::Change) => {
            (Errand::Upload(Box::new(upload.clone())), Vec::new())
        }
        (
            Work::Change { .. }
            | Work::Upload(_)
            | Work::Read { .. }
            | Work::Manual { .. }
            | Work::Attest { .. }
            | Work::Wait { .. }
            | Work::Decide { .. },
            Sort::Read | Sort::Change,
        ) => return Err(unplanned("it has no script of that kind")),
    };
    let node = action.node.clone();
    let node = node.ok_or_else(|| unplanned("it names no node"))?;
    Ok(Order {
        fence: state.fence(&node).map(Box::new),
        node,
        job: state.job_id(id, attempt),
        action: id.clone(),
        attempt,
        errand,
        dialogue: action.work.dialogue().cloned().map(Box::new),
        reboots: action.work.reboots(),
        timeout: stage.timeout,
        then: action.then.clone(),
        also_on: action.others(),
        typical: stage.typical,
        output,
    })
}
