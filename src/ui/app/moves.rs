//! Moving in lists.

use crate::ui::keymap::Command;

/// Lines that a page moves.
pub(super) const PAGE: isize = 10;

/// A place in a list of so many, moved by so many.
pub(super) fn moved(at: usize, step: isize, count: usize) -> usize {
    at.saturating_add_signed(step).min(count.saturating_sub(1))
}

/// Moves a selection; whether the command was one that moves.
pub(crate) fn step(at: &mut usize, command: Command, count: usize) -> bool {
    let by = match command {
        Command::Up => -1,
        Command::Down => 1,
        Command::PageUp => -PAGE,
        Command::PageDown => PAGE,
        Command::HalfUp => -PAGE / 2,
        Command::HalfDown => PAGE / 2,
        Command::First => isize::MIN,
        Command::Last => isize::MAX,
        _ => return false,
    };
    *at = moved(*at, by, count);
    true
}
