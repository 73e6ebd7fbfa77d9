//! Lines about the cluster lock.

use super::Detail;
use crate::engine::event::LockEvent;

pub(super) fn of_lock(told: &LockEvent, detail: Detail) -> String {
    match told {
        LockEvent::Wanted {
            over: Some(run),
            reason,
            by,
        } => {
            let by = by.as_ref().map_or(String::new(), |by| detail.by(by));
            let reason = reason.as_deref().unwrap_or_default();
            format!("cluster lock: to be taken over from run {run}{by}: {reason}")
        }
        LockEvent::Wanted { .. } => "cluster lock: to be taken on every node".into(),
        LockEvent::Taken {
            node,
            generation,
            from: Some(from),
        } => format!("{node} lock: taken over from {from}; generation {generation}"),
        LockEvent::Taken {
            node, generation, ..
        } => format!("{node} lock: taken, generation {generation}"),
        LockEvent::Refused { node, by } => {
            format!("{node} lock: another run has it: {by}; what was taken is given back")
        }
        LockEvent::Unusable { node, why } => format!("{node} lock: cannot be kept: {why}"),
        LockEvent::Lost { node, by: Some(by) } => {
            format!("{node} lock: LOST: another run has taken over: {by}")
        }
        LockEvent::Lost { node, by: None } => format!("{node} lock: LOST: no run has it"),
        LockEvent::Releasing => "cluster lock: to be given back on every node".into(),
        LockEvent::GivenBack { node } => format!("{node} lock: given back"),
        LockEvent::Left { node, why } => {
            format!("{node} lock: left lying there: {why}; the next run must take it over")
        }
    }
}
