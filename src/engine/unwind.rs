//! What to undo, in reverse, computed from what the events say happened.

use super::state::RunState;

/// How turning back would go, in words, if there is a way.
pub fn offer(state: &RunState) -> Option<String> {
    let _ = state;
    None
}
