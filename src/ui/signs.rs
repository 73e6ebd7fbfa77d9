//! Signs and frames: one set for terminals that show Unicode, one complete twin in ASCII.
//!
//! Decided once at start ([`Signs::choose`]). Every sign is one column wide, has no emoji form and is in
//! common fonts; every state has a word beside its sign, so that no sign is ever the only mark.

use ratatui::symbols::border;

/// Everything that is drawn and is not text. Signs are one column wide, except the two of `one_way`
/// and `arrow`, `middle_cut` in ASCII.
#[derive(Debug, PartialEq, Eq)]
pub struct Signs {
    pub waits: &'static str,
    pub works: &'static str,
    pub gate: &'static str,
    pub done: &'static str,
    pub warning: &'static str,
    pub failed: &'static str,
    pub skipped: &'static str,
    pub not_run: &'static str,
    pub unknown: &'static str,
    pub rehearsal: &'static str,
    /// Change marks: what a step does to a node.
    pub read_only: &'static str,
    pub reversible: &'static str,
    pub rollback: &'static str,
    pub one_way: &'static str,
    /// The selected row.
    pub pointer: &'static str,
    pub folded: &'static str,
    pub unfolded: &'static str,
    /// From one version to another.
    pub arrow: &'static str,
    /// Between phases.
    pub then: &'static str,
    /// Between facts on one line.
    pub dot: &'static str,
    /// Stands at the edge where text goes on.
    pub cut: &'static str,
    /// Stands in the middle of a shortened name.
    pub middle_cut: &'static str,
    pub bar_full: &'static str,
    pub bar_empty: &'static str,
    pub bar_marker: &'static str,
    pub scroll_thumb: &'static str,
    pub scroll_track: &'static str,
    /// Plain panel.
    pub round: border::Set<'static>,
    /// Something that asks for attention.
    pub heavy: border::Set<'static>,
    /// A gate.
    pub double: border::Set<'static>,
    /// A rehearsal.
    pub hatched: border::Set<'static>,
    ascii: bool,
}

/// Four signs of ASCII: they turn everywhere and screen readers stay quiet.
const SPINNER: [&str; 4] = ["-", "\\", "|", "/"];

/// How long one spinner sign stays, in milliseconds.
const SPINNER_MS: u64 = 250;

impl Signs {
    /// Picks the set: ASCII when asked for or when the locale is not UTF-8.
    pub fn choose(ascii: bool, variable: impl Fn(&str) -> Option<String>) -> &'static Self {
        if ascii || !locale_is_utf8(variable) {
            &ASCII
        } else {
            &UNICODE
        }
    }

    /// True for the ASCII twin.
    pub fn is_ascii(&self) -> bool {
        self.ascii
    }

    /// The spinner's sign at a time in milliseconds; it turns once a second.
    pub fn spinner(&self, now_ms: u64) -> &'static str {
        let step = now_ms / SPINNER_MS % SPINNER.len() as u64;
        SPINNER[usize::try_from(step).expect("below four")]
    }

    /// All signs with their names, for the legend of the help screen.
    pub fn legend(&self) -> [(&'static str, &'static str); 14] {
        [
            (self.waits, "waits"),
            (self.works, "works"),
            (self.gate, "gate: waits for you"),
            (self.done, "done"),
            (self.warning, "warning"),
            (self.failed, "failed"),
            (self.skipped, "skipped"),
            (self.not_run, "not run"),
            (self.unknown, "unknown"),
            (self.rehearsal, "rehearsal"),
            (self.read_only, "read only"),
            (self.reversible, "reversible"),
            (self.rollback, "needs roll back"),
            (self.one_way, "one-way"),
        ]
    }
}

/// Whether the locale prints UTF-8. As in locale(7), the first set and non-empty one of LC_ALL, LC_CTYPE and
/// LANG counts; none means the C locale, hence not.
pub fn locale_is_utf8(variable: impl Fn(&str) -> Option<String>) -> bool {
    let locale = ["LC_ALL", "LC_CTYPE", "LANG"]
        .into_iter()
        .filter_map(variable)
        .find(|value| !value.is_empty());
    locale.is_some_and(|name| {
        let name = name.to_ascii_lowercase();
        name.contains("utf-8") || name.contains("utf8")
    })
}

/// The set for UTF-8 terminals.
pub static UNICODE: Signs = Signs {
    waits: "◌",
    works: "►",
    gate: "⚑",
    done: "✓",
    warning: "!",
    failed: "✗",
    skipped: "⊘",
    not_run: "∅",
    unknown: "?",
    rehearsal: "✦",
    read_only: "=",
    reversible: "~",
    rollback: "!",
    one_way: "!!",
    pointer: "►",
    folded: "▸",
    unfolded: "▾",
    arrow: "→",
    then: "›",
    dot: "·",
    cut: ">",
    middle_cut: "..",
    bar_full: "█",
    bar_empty: "░",
    bar_marker: "┃",
    scroll_thumb: "┃",
    scroll_track: "│",
    round: border::ROUNDED,
    heavy: border::THICK,
    double: border::DOUBLE,
    hatched: same_everywhere("▒"),
    ascii: false,
};

/// The complete twin in ASCII.
pub static ASCII: Signs = Signs {
    waits: ".",
    works: ">",
    gate: "#",
    done: "+",
    warning: "!",
    failed: "X",
    skipped: "-",
    not_run: "o",
    unknown: "?",
    rehearsal: "*",
    read_only: "=",
    reversible: "~",
    rollback: "!",
    one_way: "!!",
    pointer: ">",
    folded: "+",
    unfolded: "-",
    arrow: "->",
    then: ">",
    dot: "-",
    cut: ">",
    middle_cut: "..",
    bar_full: "#",
    bar_empty: ".",
    bar_marker: "|",
    scroll_thumb: "#",
    scroll_track: "|",
    round: ascii_frame("+", "-", "|"),
    heavy: ascii_frame("#", "=", "#"),
    double: ascii_frame("*", "=", "*"),
    hatched: same_everywhere("%"),
    ascii: true,
};

const fn same_everywhere(sign: &'static str) -> border::Set<'static> {
    ascii_frame(sign, sign, sign)
}

const fn ascii_frame(
    corner: &'static str,
    across: &'static str,
    down: &'static str,
) -> border::Set<'static> {
    border::Set {
        top_left: corner,
        top_right: corner,
        bottom_left: corner,
        bottom_right: corner,
        vertical_left: down,
        vertical_right: down,
        horizontal_top: across,
        horizontal_bottom: across,
    }
}
