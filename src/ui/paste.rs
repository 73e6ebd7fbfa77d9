//! Tells typing from pasting at a gate: a paste never fills or confirms one.
//!
//! Pure; the caller passes the time of each key in milliseconds of any steady clock. A raw paste (a terminal
//! without bracketed paste) comes 4 to 30 microseconds apart with Enter right behind; a stalled link
//! bunches a few honest keys, hence "more than half of the text".

/// Keys closer than this were not typed by a hand.
const BURST_MS: u64 = 10;

/// Enter counts only this long after the last key of the text.
const CALM_MS: u64 = 300;

/// From so many characters on a burst is refused while it arrives; shorter texts are judged at Enter.
const EARLY: usize = 8;

/// Watches the keys that fill one gate's field.
#[derive(Debug, Clone, Default)]
pub struct TypingGuard {
    /// For each character in the field: did it come in a burst?
    burst: Vec<bool>,
    last_key: Option<u64>,
    /// After a refusal the rest of the same burst is thrown away.
    draining: bool,
}

/// What to do with a typed character.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Typed {
    /// Put it into the field.
    Accepted,
    /// The text was pasted: clear the field and say so.
    Refused,
    /// Part of a refused burst: drop it without a word.
    Dropped,
}

/// What to do with Enter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Enter {
    /// Judge the text.
    Accepted,
    /// Too close behind the last key: ignore it.
    TooSoon,
    /// The text was pasted: clear the field and say so.
    Refused,
}

/// What the gate says after a refusal.
pub const REFUSED: &str = "Pasting is not accepted here. Type the text.";

impl TypingGuard {
    /// Begins with an empty field.
    pub fn new() -> Self {
        Self::default()
    }

    /// A character was typed at this time.
    pub fn key(&mut self, at_ms: u64) -> Typed {
        let gap = self.last_key.map(|last| at_ms.saturating_sub(last));
        self.last_key = Some(at_ms);
        if self.draining && gap.is_some_and(|gap| gap < CALM_MS) {
            return Typed::Dropped;
        }
        self.draining = false;
        self.burst.push(gap.is_some_and(|gap| gap < BURST_MS));
        if self.burst.len() >= EARLY && self.is_burst() {
            self.refuse();
            return Typed::Refused;
        }
        Typed::Accepted
    }

    /// The last character was erased.
    pub fn erase(&mut self, at_ms: u64) {
        self.last_key = Some(at_ms);
        self.burst.pop();
    }

    /// The field was cleared by the operator.
    pub fn clear(&mut self) {
        self.burst.clear();
    }

    /// The terminal reported a paste: always refused.
    pub fn paste(&mut self, at_ms: u64) -> Typed {
        self.last_key = Some(at_ms);
        self.refuse();
        Typed::Refused
    }

    /// Enter was pressed at this time.
    pub fn enter(&mut self, at_ms: u64) -> Enter {
        if self
            .last_key
            .is_some_and(|last| at_ms.saturating_sub(last) < CALM_MS)
        {
            return Enter::TooSoon;
        }
        if self.is_burst() {
            self.refuse();
            return Enter::Refused;
        }
        Enter::Accepted
    }

    fn is_burst(&self) -> bool {
        self.burst.iter().filter(|burst| **burst).count() * 2 > self.burst.len()
    }

    fn refuse(&mut self) {
        self.burst.clear();
        self.draining = true;
    }
}
