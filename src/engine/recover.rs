//! After a replay: what is in doubt, what changed, and what must be settled before anything runs.

use super::state::RunState;

/// What an operator must know before the run goes on.
pub fn findings(state: &RunState) -> Vec<String> {
    let _ = state;
    Vec::new()
}
