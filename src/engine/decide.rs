//! The one place that decides.

use super::effect::Effect;
use super::event::Entry;
use super::input::Input;
use super::state::RunState;
use crate::model::time::Stamp;

/// What one input came to: what is now true, and what the shell is asked to do once that is on disk.
#[derive(Clone, Debug, Default)]
pub struct Decision {
    pub events: Vec<Entry>,
    pub effects: Vec<Effect>,
}

/// Takes one input in and everything that follows from it. The events are folded into `state` already; the caller
/// journals them before any effect leaves, and stops if it cannot.
pub fn turn(state: &mut RunState, input: &Input, now: Stamp) -> Decision {
    let _ = (state, input, now);
    Decision::default()
}
