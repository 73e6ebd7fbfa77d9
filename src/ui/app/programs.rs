//! What running programs printed, byte for byte, kept as far back as a screen needs it; and the screen that it makes.
//!
//! Nothing of it is ever written to the terminal: a terminal emulator reads it, and only its cells are drawn.

use std::collections::{BTreeMap, VecDeque};
use std::num::NonZeroU16;

use crate::model::ids::ActionId;
use crate::model::telemetry::Telemetry;

/// So much of what a program printed last is kept (bytes): many screens full.
const KEPT: usize = 64 << 10;
/// Of so many programs; those of the longest settled actions go first.
const MOST: usize = 64;

/// The size of a job's terminal: the node makes it so.
pub(crate) const ROWS: u16 = 40;
pub(crate) const COLUMNS: u16 = 120;

/// The outputs of the programs that ask.
#[derive(Debug, Default)]
pub struct Programs {
    tails: BTreeMap<ActionId, Tail>,
    /// The order in which they were heard of first.
    order: VecDeque<ActionId>,
}

#[derive(Debug)]
struct Tail {
    attempt: u32,
    bytes: VecDeque<u8>,
    /// Where `bytes` ends in the program's output.
    end: u64,
    /// Something in between was not told.
    gap: bool,
}

/// The screen of one program.
pub struct Emulator {
    parser: vt100::Parser,
    /// The program has a terminal; without one its lines end without a carriage return.
    terminal: bool,
    after_return: bool,
    /// Something in between was not told: what stands there may be wrong until it is drawn anew.
    pub(crate) gap: bool,
}

impl Programs {
    /// Takes in what a program printed; what is new of it, if anything, and whether something before it is missing.
    pub(super) fn hear(&mut self, printed: &Telemetry) -> Option<(ActionId, u32, Vec<u8>, bool)> {
        let Telemetry::Printed {
            action,
            attempt,
            offset,
            bytes,
            ..
        } = printed
        else {
            return None;
        };
        let known = self.tails.get(action);
        if known.is_none_or(|tail| tail.attempt < *attempt) {
            self.begin(action, *attempt);
        }
        let tail = self.tails.get_mut(action)?;
        if tail.attempt != *attempt {
            return None;
        }
        let overlap = usize::try_from(tail.end.saturating_sub(*offset)).unwrap_or(usize::MAX);
        let new = bytes.get(overlap..).filter(|new| !new.is_empty())?;
        let gap = *offset > tail.end;
        tail.gap |= gap;
        tail.end = offset + bytes.len() as u64;
        tail.bytes.extend(new);
        let surplus = tail.bytes.len().saturating_sub(KEPT);
        tail.bytes.drain(..surplus);
        Some((action.clone(), *attempt, new.to_vec(), gap))
    }

    fn begin(&mut self, action: &ActionId, attempt: u32) {
        self.order.retain(|known| known != action);
        self.order.push_back(action.clone());
        if self.order.len() > MOST
            && let Some(oldest) = self.order.pop_front()
        {
            self.tails.remove(&oldest);
        }
        let tail = Tail {
            attempt,
            bytes: VecDeque::new(),
            end: 0,
            gap: false,
        };
        self.tails.insert(action.clone(), tail);
    }

    /// The screen of an attempt's program as it is now.
    pub(super) fn screen(&self, action: &ActionId, attempt: u32, terminal: bool) -> Emulator {
        let mut screen = Emulator::new(terminal);
        if let Some(tail) = self
            .tails
            .get(action)
            .filter(|tail| tail.attempt == attempt)
        {
            let (one, two) = tail.bytes.as_slices();
            screen.feed(one);
            screen.feed(two);
            screen.gap = tail.gap;
        }
        screen
    }
}

impl Emulator {
    /// An empty screen.
    pub fn new(terminal: bool) -> Emulator {
        let rows = NonZeroU16::new(ROWS).unwrap_or(NonZeroU16::MIN);
        let columns = NonZeroU16::new(COLUMNS).unwrap_or(NonZeroU16::MIN);
        Emulator {
            parser: vt100::Parser::new(rows, columns, 0),
            terminal,
            after_return: false,
            gap: false,
        }
    }

    /// Takes in what was printed next.
    pub fn feed(&mut self, bytes: &[u8]) {
        if self.terminal {
            return self.parser.process(bytes);
        }
        let mut lines = Vec::with_capacity(bytes.len() + 16);
        for byte in bytes {
            if *byte == b'\n' && !self.after_return {
                lines.push(b'\r');
            }
            self.after_return = *byte == b'\r';
            lines.push(*byte);
        }
        self.parser.process(&lines);
    }

    /// What it shows.
    pub fn screen(&self) -> &vt100::Screen {
        self.parser.screen()
    }

    /// Whether the program has a terminal of its own.
    pub(crate) fn is_terminal(&self) -> bool {
        self.terminal
    }

    /// The text of the row with the cursor.
    pub(crate) fn line_at_cursor(&self) -> String {
        let screen = self.parser.screen();
        let (row, _) = screen.cursor_position();
        let mut rows = screen.rows(0, COLUMNS);
        rows.nth(usize::from(row)).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::ids::NodeId;
    use crate::model::time::Stamp;

    fn printed(attempt: u32, offset: u64, bytes: &[u8]) -> Telemetry {
        Telemetry::Printed {
            action: ActionId::new("a/b@c"),
            attempt,
            node: NodeId::new("c"),
            offset,
            bytes: bytes.into(),
            at: Stamp(0),
        }
    }

    #[test]
    fn a_screen_is_made_of_what_was_printed_once_and_told_twice() {
        let mut programs = Programs::default();
        programs.hear(&printed(1, 0, b"one\ntw"));
        let new = programs.hear(&printed(1, 4, b"two\n")).expect("news");
        assert_eq!((new.2.as_slice(), new.3), (&b"o\n"[..], false));
        assert_eq!(programs.hear(&printed(1, 0, b"one\n")), None);
        let action = ActionId::new("a/b@c");
        let screen = programs.screen(&action, 1, false);
        assert_eq!(screen.screen().contents(), "one\ntwo");
        assert!(programs.hear(&printed(1, 100, b"later")).expect("news").3);
        assert!(programs.screen(&action, 1, false).gap);
        programs.hear(&printed(2, 0, b"again"));
        assert_eq!(
            programs.hear(&printed(1, 200, b"late")),
            None,
            "of another attempt"
        );
        assert_eq!(
            programs.screen(&action, 2, true).screen().contents(),
            "again"
        );
    }

    #[test]
    fn many_and_much_are_bounded() {
        let mut programs = Programs::default();
        let much = vec![b'x'; KEPT];
        programs.hear(&printed(1, 0, &much));
        programs.hear(&printed(1, KEPT as u64, &much));
        assert_eq!(programs.tails[&ActionId::new("a/b@c")].bytes.len(), KEPT);
        for at in 0..MOST * 2 {
            programs.begin(&ActionId::new(format!("a/b@{at}")), 1);
        }
        assert_eq!((programs.tails.len(), programs.order.len()), (MOST, MOST));
    }
}
