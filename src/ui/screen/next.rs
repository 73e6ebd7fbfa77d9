//! The sentence that says what happens now and what comes next.

use crate::engine::hold;
use crate::engine::lock::Aim;
use crate::engine::state::{ActionState, Part};
use crate::ui::app::App;
use crate::ui::format;

/// What happens by itself, or that nothing does.
pub(super) fn sentence(app: &App) -> String {
    if app.over && app.run.ending.is_none() {
        return "The run has stopped. Nothing more comes.  q leaves.".into();
    }
    if !app.holds.is_empty() {
        return "Nothing more is started before this is answered.".into();
    }
    if app.run.ending.is_some() {
        return "The run has ended. Nothing more happens.  q leaves.".into();
    }
    match app.run.part {
        Part::Opening | Part::Connect => connecting(app),
        Part::Readiness => checking(app),
        Part::Review => {
            "Nothing runs before the plan is approved, and nothing changes before a gate is.".into()
        }
        Part::Execute => executing(app),
        Part::Ended => String::new(),
    }
}

fn connecting(app: &App) -> String {
    let up = app
        .run
        .nodes
        .values()
        .filter(|node| node.link.is_up())
        .count();
    format!(
        "{up} of {} connected and being looked at. Nothing is changed.",
        format::plural(app.run.nodes.len() as u64, "node", "nodes")
    )
}

fn checking(app: &App) -> String {
    if app.run.checks_waiting > 0 {
        return format!(
            "{} still running. Nothing is changed.",
            format::plural(app.run.checks_waiting as u64, "check", "checks")
        );
    }
    "All checks have answered. Nothing is changed.".into()
}

fn executing(app: &App) -> String {
    let working: Vec<&str> = app
        .run
        .active
        .iter()
        .filter_map(|id| app.run.actions.get(id))
        .filter(|record| hold::is_under_way(record))
        .filter_map(|record| record.action().node.as_ref())
        .map(|node| node.as_str())
        .collect();
    let doubt = app
        .run
        .active
        .iter()
        .filter_map(|id| app.run.actions.get(id))
        .any(|record| matches!(record.state, ActionState::InDoubt { .. }));
    let lock = locking(app);
    let now = match working.as_slice() {
        [] if app.run.paused.is_some() => "Paused. Nothing runs.".to_string(),
        [] if lock.is_some() => lock.unwrap_or_default(),
        [] if app.run.gate.is_some() => preparing(app),
        [] if !app.run.held.is_empty() => {
            format!("Held: {}.", app.run.held[0].trim_end_matches('.'))
        }
        [] => "Looking at the nodes.".to_string(),
        [one] if doubt => format!("{one} is IN DOUBT: asked again as soon as it can be seen."),
        [one] => format!("{one} is working."),
        many if many.len() <= 4 => format!("{} are working.", many.join(", ")),
        many => format!("{} nodes are working.", many.len()),
    };
    let paused = if app.run.paused.is_some() && !working.is_empty() {
        " Paused after this."
    } else {
        ""
    };
    format!("{now}{paused} {}", next_stop(app))
}

/// A gate asks when every node was read: what it waits for is named.
fn preparing(app: &App) -> String {
    let lost = app.run.nodes.iter().filter(|(_, node)| !node.link.is_up());
    let lost: Vec<&str> = lost.map(|(name, _)| name.as_str()).collect();
    match lost.as_slice() {
        [] => "A gate is being prepared: every node is read again.".to_string(),
        [one] => format!("A gate waits for {one}, which is out of sight; it is tried again."),
        many => format!(
            "A gate waits for {} nodes out of sight, {} first; they are tried again.",
            many.len(),
            many[0]
        ),
    }
}

/// What is under way with the cluster lock.
fn locking(app: &App) -> Option<String> {
    let lock = &app.run.lock;
    match lock.aim {
        Aim::Take => {
            let mut nodes = app.run.nodes.keys();
            let node = nodes.find(|node| !lock.ours.contains_key(*node))?;
            Some(format!("Taking the cluster lock; {node} is asked."))
        }
        Aim::GiveBack => {
            Some("The cluster lock cannot be had; what was taken is given back.".into())
        }
        Aim::Release => Some("Giving the cluster lock back.".into()),
        Aim::None | Aim::Blocked | Aim::Held | Aim::Lost => None,
    }
}

/// Where a step is done, if that is one node.
fn on_one(stage: &crate::engine::plan::Stage) -> String {
    match stage.actions.as_slice() {
        [action] => action
            .node
            .as_ref()
            .map_or(String::new(), |node| format!(" on {node}")),
        _ => String::new(),
    }
}

/// Where the run stops by itself next.
pub(super) fn next_stop(app: &App) -> String {
    let ahead = app.run.stages.iter().enumerate().skip(app.run.cursor);
    let stop = ahead
        .filter(|(_, stage)| stage.left > 0)
        .find_map(|(_, stage)| {
            let asks = stage.stage.actions.iter().any(|action| {
                use crate::engine::plan::Work;
                match action.work {
                    Work::Manual { .. } | Work::Attest { .. } | Work::Decide { .. } => true,
                    Work::Change { .. }
                    | Work::Upload(_)
                    | Work::Read { .. }
                    | Work::Wait { .. } => false,
                }
            });
            let gated =
                stage.stage.gate.is_some() && stage.confirmed.is_none() && stage.began.is_none();
            match (gated, asks && stage.began.is_none()) {
                (true, _) => Some(format!(
                    "Next stop: gate before \"{}\"{}.",
                    stage.stage.title,
                    on_one(&stage.stage)
                )),
                (false, true) => Some(format!("Next stop: you, \"{}\".", stage.stage.title)),
                (false, false) => None,
            }
        });
    stop.unwrap_or_else(|| "No gate is left.".into())
}
