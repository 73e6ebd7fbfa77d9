//! The hold over a program that a human types into, and where that is allowed.

use super::*;
use crate::engine::event::Doubt;
use crate::engine::plan::Work;
use crate::engine::state::{ActionRecord, RunState};
use crate::model::ids::ActionId;

pub(super) fn wheel_hold(id: &ActionId, record: &ActionRecord) -> Option<Hold> {
    let holder = record.wheel.holder.as_ref()?;
    let on = record.action().node.as_ref();
    let on = on.map_or(String::new(), |node| format!(" on {node}"));
    let mut text = vec![
        format!("{} has the wheel of {}{on}.", holder.by, record.stage.title),
        "Every key goes to its program. The procedure answers nothing, and no limit runs.".into(),
    ];
    if matches!(record.state, ActionState::InDoubt { .. }) {
        text.push("Its node cannot be reached now; nothing is typed until it is.".into());
    }
    let options = vec![
        option("hand-back", "the procedure goes on by itself"),
        leave(),
    ];
    Some(Hold {
        kind: HoldKind::Prompt,
        id: id.to_string(),
        text: explained(text, &options),
        expect: Expect::Options(options),
    })
}

/// Why the wheel of this action cannot be taken now; nothing when it can.
pub fn wheel_refused(state: &RunState, id: &ActionId) -> Option<String> {
    let Some(record) = state.actions.get(id) else {
        return Some("the plan has no such action".into());
    };
    if state.resume_review {
        return Some("the run was resumed: say go-on first".into());
    }
    if let Some(holder) = &record.wheel.holder {
        return Some(format!("{} has its wheel already", holder.by));
    }
    let why = match &record.state {
        ActionState::Running { accepted: true, .. } => return reads_nothing(record),
        ActionState::Running { .. } => "its node has not said yet that it runs",
        ActionState::InDoubt {
            doubt: Doubt::Vanished { .. },
            ..
        } => "its program is gone from the node, and how it ended is in doubt",
        ActionState::InDoubt { .. } => "its node cannot be reached now",
        ActionState::Pending => "it has not begun",
        ActionState::Asked { .. } => "this step is yours: no program of ours runs",
        ActionState::Verifying { .. } | ActionState::Failed { .. } | ActionState::Done { .. } => {
            "its program has ended"
        }
        ActionState::NotRun { .. } => "it is not carried out",
    };
    Some(why.into())
}

fn reads_nothing(record: &ActionRecord) -> Option<String> {
    let work = &record.action().work;
    let asks = work.dialogue().is_some() || record.asking.is_some();
    let reads = asks && matches!(work, Work::Change { .. });
    (!reads).then(|| {
        "its program reads nothing: the step declares neither `prompts` nor `terminal`".into()
    })
}
