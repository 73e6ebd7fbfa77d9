//! Time: what is left to do, when the window ends, and the last moment to turn back.

use super::plan::{Origin, Stage};
use super::state::{ActionState, RunState};
use crate::model::procedure::Walk;
use crate::model::time::{Span, Stamp};

/// What the clock says about a run. Sums of declared typical durations, never an extrapolation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Outlook {
    /// Typical time of everything that is left.
    pub work_left: Span,
    /// Typical time of everything in the plan.
    pub work_all: Span,
    /// Typical time of the way back from here.
    pub way_back: Span,
    /// When the window ends, on the run's clock; before it began if it is negative.
    pub window_end: Option<Stamp>,
    /// The last moment at which the next step may start and still be rolled back inside the window.
    pub turn_back_by: Option<Stamp>,
}

/// The outlook as of what is known; the clock itself is the caller's.
pub fn outlook(state: &RunState) -> Outlook {
    let left = state.stages.get(state.cursor..).unwrap_or_default();
    let way_back = way_back(state);
    let window_end = window_end(state);
    Outlook {
        work_left: sum(left
            .iter()
            .filter(|stage| stage.left > 0)
            .map(|stage| &*stage.stage)),
        work_all: sum(state.stages.iter().map(|stage| &*stage.stage)),
        way_back,
        window_end,
        turn_back_by: window_end.map(|end| Stamp(end.0.saturating_sub(way_back.0))),
    }
}

/// The last moment to turn back, if it has passed and a stage of the plan would still change something.
pub fn passed(state: &RunState, stage: &Stage, now: Stamp) -> Option<Stamp> {
    if stage.origin != Origin::Procedure || !stage.changes() || state.turning_back {
        return None;
    }
    state.brief.cluster.window?;
    let by = outlook(state).turn_back_by?;
    (now > by).then_some(by)
}

/// The window's end on the run's clock. A rehearsal's window is as long as the real one and begins with the rehearsal.
fn window_end(state: &RunState) -> Option<Stamp> {
    let window = state.brief.cluster.window?;
    let opening = state.opening.as_ref()?;
    let zero = match opening.mode {
        super::brief::Mode::Rehearse => window.start,
        super::brief::Mode::Run | super::brief::Mode::DryRun => opening.wall,
    };
    Some(Stamp(u64::try_from(window.end - zero).unwrap_or(0)))
}

fn sum<'a>(stages: impl Iterator<Item = &'a Stage>) -> Span {
    let needed = |stage: &&Stage| stage.actions.iter().any(|action| !action.already_so);
    stages
        .filter(needed)
        .fold(Span(0), |sum, stage| sum + stage.typical)
}

fn way_back(state: &RunState) -> Span {
    let done = |stage: &Stage| {
        stage.actions.iter().any(|action| {
            state.actions.get(&action.id).is_some_and(|record| {
                record.attempts > 0
                    && !matches!(
                        record.state,
                        ActionState::Pending | ActionState::NotRun { .. }
                    )
            })
        })
    };
    let passed = state
        .stages
        .iter()
        .any(|stage| stage.stage.point_of_no_return.is_some() && done(&stage.stage));
    let branch = state
        .brief
        .procedure
        .branches
        .iter()
        .find(|branch| branch.way_back);
    match branch.filter(|_| passed) {
        Some(branch) => {
            let once = branch
                .steps
                .iter()
                .fold(Span(0), |sum, step| sum + step.typical);
            match branch.walk {
                Walk::Together => once,
                Walk::NodeByNode => Span(once.0 * state.nodes.len() as u64),
                Walk::Batch(size) => Span(once.0 * state.nodes.len().div_ceil(size.max(1)) as u64),
            }
        }
        None => {
            let undone = |stage: &&super::state::StageState| {
                done(&stage.stage)
                    && stage
                        .stage
                        .actions
                        .iter()
                        .any(|action| action.undo.is_some())
            };
            sum(state
                .stages
                .iter()
                .filter(undone)
                .map(|stage| &*stage.stage))
        }
    }
}
