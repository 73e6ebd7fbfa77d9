//! The hold over a cluster lock that another run has.

use super::*;
use crate::engine::lock::Aim;
use crate::model::lock::Holder;

/// The hold's id.
pub(super) const ID: &str = "lock";

pub(super) fn lock_hold(state: &RunState, holds: &mut Vec<Hold>) {
    let lock = &state.lock;
    let lost = match lock.aim {
        Aim::Blocked => false,
        Aim::Lost => true,
        Aim::None | Aim::Take | Aim::GiveBack | Aim::Held | Aim::Release => return,
    };
    let mut text = Vec::new();
    for (node, holder) in &lock.others {
        text.push(match (holder, lost) {
            (Some(holder), true) => format!(
                "{node}: another run ({}, by {}, since {}) has taken over; this run may start nothing there.",
                holder.run, holder.by, holder.since
            ),
            (Some(holder), false) => format!("{node} is locked by another run: {holder}."),
            (None, _) => format!(
                "{node}: this run's lock is gone, and no other run has it; this run may start nothing there."
            ),
        });
        text.extend(holder.as_ref().and_then(still_running));
    }
    if let Some((node, why)) = &lock.unusable {
        text.push(format!("{node} cannot keep a lock: {why}."));
    }
    text.push(if lost {
        "What this run has started goes on and is followed; nothing more is started.".into()
    } else {
        "Nothing was started, and this run keeps no lock meanwhile. Times are by the node's clock."
            .into()
    });
    let mut options = vec![option(
        "look",
        "ask the nodes again, and take the lock where nobody has it",
    )];
    if let Some(holder) = lock.holders().first() {
        options.push(noted(
            "take-over",
            "RUN REASON",
            format!(
                "type its run id ({}) and why: from then on that run can start nothing on these nodes. Only if it is dead, or its operator agrees",
                holder.run
            ),
        ));
    }
    options.push(leave());
    let text = explained(text, &options);
    holds.push(Hold {
        kind: HoldKind::Failure,
        id: ID.into(),
        text,
        expect: Expect::Options(options),
    });
}

fn still_running(holder: &Holder) -> Option<String> {
    match holder.jobs {
        0 => None,
        1 => Some("One of its jobs still runs there, and would go on.".into()),
        many => Some(format!(
            "{many} of its jobs still run there, and would go on."
        )),
    }
}
