//! Box-drawing and block characters as shapes, so that lines join whatever the font does.

/// Weight of one arm of a box character.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Arm {
    No,
    Light,
    Heavy,
    Double,
}

/// Arms up, right, down, left, and whether the corner is round.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Arms {
    pub(super) up: Arm,
    pub(super) right: Arm,
    pub(super) down: Arm,
    pub(super) left: Arm,
    pub(super) round: bool,
}

/// The shape of a character, if it is one of the lines that the sign sets use.
pub(super) fn arms(symbol: &str) -> Option<Arms> {
    use Arm::{Double as D, Heavy as H, Light as L, No as O};
    let (up, right, down, left) = match symbol {
        "─" => (O, L, O, L),
        "│" => (L, O, L, O),
        "┌" | "╭" => (O, L, L, O),
        "┐" | "╮" => (O, O, L, L),
        "└" | "╰" => (L, L, O, O),
        "┘" | "╯" => (L, O, O, L),
        "├" => (L, L, L, O),
        "┤" => (L, O, L, L),
        "┬" => (O, L, L, L),
        "┴" => (L, L, O, L),
        "┼" => (L, L, L, L),
        "━" => (O, H, O, H),
        "┃" => (H, O, H, O),
        "┏" => (O, H, H, O),
        "┓" => (O, O, H, H),
        "┗" => (H, H, O, O),
        "┛" => (H, O, O, H),
        "═" => (O, D, O, D),
        "║" => (D, O, D, O),
        "╔" => (O, D, D, O),
        "╗" => (O, O, D, D),
        "╚" => (D, D, O, O),
        "╝" => (D, O, O, D),
        _ => return None,
    };
    Some(Arms {
        up,
        right,
        down,
        left,
        round: matches!(symbol, "╭" | "╮" | "╰" | "╯"),
    })
}

/// How opaque a full-cell block is, in hundredths.
pub(super) fn shade(symbol: &str) -> Option<u8> {
    match symbol {
        "█" => Some(100),
        "▓" => Some(75),
        "▒" => Some(50),
        "░" => Some(25),
        _ => None,
    }
}
