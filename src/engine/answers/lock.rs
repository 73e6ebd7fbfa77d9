//! What an operator says about a cluster lock that another run has.

use super::*;
use crate::engine::brief::Person;

/// `look`, or `take-over RUN REASON`.
pub(super) fn lock(turn: &mut Turn<'_>, by: &Person, option: &str, note: &str) {
    if option != "take-over" {
        return turn.want_lock(None, None, None);
    }
    let (run, reason) = note
        .trim()
        .split_once(char::is_whitespace)
        .unwrap_or((note.trim(), ""));
    let reason = reason.trim();
    let known = turn.state.lock.holders();
    let names: Vec<&str> = known.iter().map(|holder| holder.run.as_str()).collect();
    if !names.contains(&run) {
        let names = names.join(", ");
        return refuse(
            turn,
            "lock",
            format!("`{run}` is not the run that has the lock; that is {names}"),
        );
    }
    if reason.is_empty() {
        return refuse(
            turn,
            "lock",
            "taking over wants a reason: take-over RUN REASON",
        );
    }
    let (run, reason) = (run.to_string(), reason.to_string());
    turn.want_lock(Some(run), Some(reason), Some(by.clone()));
}
