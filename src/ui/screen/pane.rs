//! The terminal pane: the cells that a program on a node drew, in a frame that says who types.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Modifier;
use ratatui::text::Line;
use unicode_width::UnicodeWidthChar as _;

use super::kit::{put_parts, split_top, wrapped};
use crate::engine::event::Doubt;
use crate::engine::state::ActionState;
use crate::engine::summary::keys_given;
use crate::model::text;
use crate::ui::app::App;
use crate::ui::app::pane::Pane;
use crate::ui::app::programs::{COLUMNS, ROWS};
use crate::ui::widget::{FrameKind, Panel, fill};
use crate::ui::{Look, Role, format};

/// Marks that may stand on one character: more would draw over other rows.
const MARKS: usize = 2;

/// Nobody can type into it any more.
const ENDED: &str = "The program has ended.";

/// Draws the pane over the screen's room.
pub(super) fn draw(app: &App, area: Rect, buf: &mut Buffer) {
    let Some(pane) = &app.pane else {
        return;
    };
    let held = app.has_wheel();
    let record = app.run.actions.get(&pane.action);
    let step = record.map_or("", |record| record.stage.title.as_str());
    let title = format!("{}  {step}", app.pane_place());
    let (remark, bottom, kind, role) = if held {
        let since = app.wheel_since().unwrap_or_default();
        (
            format!("YOU HAVE THE WHEEL  {since}"),
            "Ctrl-] hands it back; every other key goes to the program",
            FrameKind::Double,
            Role::GateFrame,
        )
    } else if pane.locked {
        let words = "Esc goes on; nothing is typed any more";
        (String::new(), words, FrameKind::Heavy, Role::Warn)
    } else if trouble(app, pane).is_some_and(|words| words == ENDED) {
        ("ended".into(), "Esc closes", FrameKind::Round, Role::Border)
    } else {
        let words = "t takes the wheel   Esc closes";
        (
            "watching".into(),
            words,
            FrameKind::Round,
            Role::BorderFocus,
        )
    };
    let room = usize::from(area.width.saturating_sub(8)).saturating_sub(format::width(&remark));
    let title = format::clip(&title, room, app.look.signs);
    let inner = Panel::new(&app.look, &title)
        .remark(&remark)
        .bottom(bottom)
        .kind(kind)
        .role(role)
        .render(area, buf);
    let (cells, below) = split_top(inner, inner.height.saturating_sub(1));
    let corner = corner(pane, cells);
    draw_cells(&app.look, pane, cells, corner, held, buf);
    status(app, pane, below, corner, cells, buf);
}

/// The first row and column that are seen: the cursor always is, unless the operator looks elsewhere.
fn corner(pane: &Pane, room: Rect) -> (u16, u16) {
    let (row, column) = pane.screen.screen().cursor_position();
    let first = |at: u16, room: u16, all: u16, shift: i32| {
        let most = i32::from(all.saturating_sub(room));
        let followed = i32::from(at) + 1 - i32::from(room);
        let moved = followed.clamp(0, most) + shift;
        u16::try_from(moved.clamp(0, most)).unwrap_or(0)
    };
    (
        first(row, room.height, ROWS, pane.shift.0),
        first(column, room.width, COLUMNS, pane.shift.1),
    )
}

fn draw_cells(
    look: &Look,
    pane: &Pane,
    room: Rect,
    corner: (u16, u16),
    held: bool,
    buf: &mut Buffer,
) {
    let room = room.intersection(buf.area);
    fill(buf, room, look.style(Role::Base));
    let screen = pane.screen.screen();
    for y in 0..room.height.min(ROWS) {
        let mut x = 0;
        while x < room.width.min(COLUMNS) {
            let cell = screen.cell(corner.0 + y, corner.1 + x);
            let (symbol, wide) = cell.map_or((" ".into(), 1), |cell| symbol(cell.contents()));
            let fits = x + wide <= room.width;
            let at = &mut buf[(room.x + x, room.y + y)];
            at.set_symbol(if fits { &symbol } else { " " });
            if let Some(cell) = cell {
                at.set_style(style(look, cell));
            }
            x += wide.max(1);
        }
    }
    let (row, column) = screen.cursor_position();
    let seen = row >= corner.0 && column >= corner.1;
    let (y, x) = (
        row.saturating_sub(corner.0),
        column.saturating_sub(corner.1),
    );
    let drawn = !screen.hide_cursor() && (held || pane.screen.is_terminal());
    if seen && drawn && y < room.height && x < room.width {
        let at = &mut buf[(room.x + x, room.y + y)];
        at.set_style(at.style().add_modifier(Modifier::REVERSED));
    }
}

/// What a cell holds, made harmless: one visible character with few marks on it, and how many columns it takes.
fn symbol(contents: &str) -> (String, u16) {
    let mut chars = contents.chars();
    let Some(first) = chars.next() else {
        return (" ".into(), 1);
    };
    let width = first.width().unwrap_or(0);
    if first.is_control() || text::is_invisible(first) || width == 0 {
        return ("\u{fffd}".into(), 1);
    }
    let mark = |c: &char| c.width() == Some(0) && !c.is_control() && !text::is_invisible(*c);
    let symbol = std::iter::once(first).chain(chars.filter(mark).take(MARKS));
    (symbol.collect(), u16::try_from(width).unwrap_or(1))
}

/// How a cell looks in this theme: a program's colours are meanings of ours, so that they can be read on every background.
fn style(look: &Look, cell: &vt100::Cell) -> ratatui::style::Style {
    let role = match cell.fgcolor() {
        vt100::Color::Idx(1 | 9) => Role::Error,
        vt100::Color::Idx(2 | 10) => Role::Ok,
        vt100::Color::Idx(3 | 11) => Role::Warn,
        vt100::Color::Idx(4..=6 | 12..=14) => Role::Info,
        vt100::Color::Idx(8) => Role::Dim,
        vt100::Color::Default | vt100::Color::Idx(_) | vt100::Color::Rgb(..) => Role::Base,
    };
    let mut style = look.style(role);
    let filled = cell.bgcolor() != vt100::Color::Default;
    for (so, modifier) in [
        (cell.bold(), Modifier::BOLD),
        (cell.dim(), Modifier::DIM),
        (cell.italic(), Modifier::ITALIC),
        (cell.underline(), Modifier::UNDERLINED),
        (cell.inverse() != filled, Modifier::REVERSED),
    ] {
        if so {
            style = style.add_modifier(modifier);
        }
    }
    style
}

/// The line below: what is wrong, what is typed, which part is seen.
fn status(app: &App, pane: &Pane, room: Rect, corner: (u16, u16), cells: Rect, buf: &mut Buffer) {
    if room.is_empty() {
        return;
    }
    let mut parts = vec![(Role::Base, " ".to_string())];
    parts.extend(trouble(app, pane).map(|words| (Role::Warn, format!("{words}  "))));
    if app.has_wheel() && !pane.screen.is_terminal() {
        let line = match app.hides_line() {
            true => "*".repeat(pane.line.chars().count()),
            false => pane.line.clone(),
        };
        parts.push((Role::Dim, "line ".into()));
        parts.push((Role::Field, format!("[{line}_]")));
        parts.push((Role::Dim, " Enter sends it  ".into()));
    }
    let keys = app.wheel().map_or(0, |wheel| wheel.keys());
    if keys > 0 {
        parts.push((Role::Dim, format!("{} given  ", keys_given(keys))));
    }
    if cells.height < ROWS || cells.width < COLUMNS {
        let (rows, columns) = (cells.height.min(ROWS), cells.width.min(COLUMNS));
        let part = format!(
            "rows {}-{} of {ROWS}, columns {}-{} of {COLUMNS}",
            corner.0 + 1,
            corner.0 + rows,
            corner.1 + 1,
            corner.1 + columns
        );
        parts.push((Role::Dim, part));
    }
    put_parts(&app.look, room, buf, room.x, room.y, &parts);
}

fn trouble(app: &App, pane: &Pane) -> Option<&'static str> {
    let record = app.run.actions.get(&pane.action)?;
    match &record.state {
        ActionState::InDoubt {
            doubt: Doubt::Vanished { .. },
            ..
        } => return Some("The program is gone; how it ended is in doubt."),
        ActionState::InDoubt { .. } if record.wheel.doubt.is_some() => {
            return Some("LINK LOST: the last keys are IN DOUBT, and not sent again.");
        }
        ActionState::InDoubt { .. } => {
            return Some("LINK LOST: nothing is typed until it is back.");
        }
        ActionState::Running { .. } => {}
        _ => return Some(ENDED),
    }
    if record.wheel.doubt.is_some() {
        return Some("The last keys are IN DOUBT: the node is asked.");
    }
    pane.screen
        .gap
        .then_some("Part of the output was not told: the screen may be wrong.")
}

/// What the word is typed for.
pub(super) fn consent(app: &App, columns: usize) -> Vec<Line<'static>> {
    let place = app.pane_place();
    let mut lines = wrapped(
        &app.look,
        Role::Title,
        &format!("From then on every key goes to the program on {place}, Ctrl-C and Esc too."),
        columns,
    );
    for text in [
        "The procedure answers nothing meanwhile, and no limit runs. Ctrl-] hands the wheel back.",
        "That you have it, from when to when, and how many keys you gave is journalled; which keys is not.",
        "What the program does not show is not shown: there is no echo but its own.",
    ] {
        lines.extend(wrapped(&app.look, Role::Base, text, columns));
    }
    lines
}
