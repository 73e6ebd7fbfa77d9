//! The one dialog: gate, failure, question, help and palette are all this box with other content.

mod gate;
mod holds;
mod lists;
mod texts;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::Line;

use super::kit::span;
use crate::ui::app::App;
use crate::ui::app::field::Field;
use crate::ui::app::modal::{Kind, Modal};
use crate::ui::keymap::Context;
use crate::ui::widget::{FrameKind, Popup};
use crate::ui::{Look, Role, format};

pub(crate) use lists::{LeaveChoice, leave_choices, palette_entries};

/// What a dialog shows.
pub(super) struct Dialog {
    title: String,
    frame: FrameKind,
    role: Role,
    width: u16,
    lines: Vec<Line<'static>>,
    /// Lines at the bottom that never scroll away.
    fixed: Vec<Line<'static>>,
    bottom: String,
    /// The line that must be seen.
    focus: Option<usize>,
}

impl Dialog {
    fn new(title: impl Into<String>) -> Dialog {
        Dialog {
            title: title.into(),
            frame: FrameKind::Round,
            role: Role::BorderFocus,
            width: WIDTH,
            lines: Vec::new(),
            fixed: Vec::new(),
            bottom: String::new(),
            focus: None,
        }
    }
}

/// Columns of a dialog with its frame, where there is room.
const WIDTH: u16 = 94;

/// Rows of a dialog at most: what it is about stays in sight around it.
const TALLEST: u16 = 30;

/// Columns for text in a dialog on this screen.
fn columns(screen: Rect) -> usize {
    let width = if screen.width < WIDTH + 4 {
        screen.width
    } else {
        WIDTH
    };
    usize::from(width.saturating_sub(5)).max(1)
}

/// Draws the dialog on top, if there is one.
pub(super) fn draw(app: &App, area: Rect, buf: &mut Buffer) {
    if let Some(modal) = app.modals.last()
        && !matches!(modal.kind, Kind::Terminal { .. })
    {
        let dialog = content(app, modal, area);
        render(&app.look, &dialog, modal.scroll, area, buf);
    }
}

fn render(look: &Look, dialog: &Dialog, scroll: usize, area: Rect, buf: &mut Buffer) {
    let popup = Popup::new(look, &dialog.title)
        .frame(dialog.frame, dialog.role)
        .width(dialog.width)
        .lines(&dialog.lines)
        .fixed(&dialog.fixed)
        .bottom(&dialog.bottom);
    // The line that says what waits and the keys stay in sight.
    let room = Rect {
        height: area.height.saturating_sub(1).min(TALLEST),
        y: area.y + area.height.saturating_sub(1 + TALLEST) / 2,
        ..area
    };
    let height = usize::from(popup.place(room).height).saturating_sub(2 + dialog.fixed.len());
    let scroll = match dialog.focus {
        Some(at) => scroll.max((at + 2).saturating_sub(height)).min(at),
        None => scroll,
    };
    popup.scroll(scroll).render(room, buf);
}

/// How many lines a list on top has, or how far its text can be scrolled.
pub(crate) fn list_len(app: &App) -> usize {
    let Some(modal) = app.modals.last() else {
        return 0;
    };
    match &modal.kind {
        Kind::Palette { of } => palette_entries(app, *of, modal.field.text()).len(),
        Kind::Leave => leave_choices(app).len(),
        Kind::Terminal { .. } => 0,
        Kind::WhatIf => app.run.brief.procedure.branches.len(),
        Kind::Options { hold } => holds::options(app, hold).len(),
        Kind::Gate { .. }
        | Kind::Choice { .. }
        | Kind::HostKey { .. }
        | Kind::NewKey { .. }
        | Kind::Secret { .. }
        | Kind::Note
        | Kind::Search
        | Kind::Fault
        | Kind::Branch { .. }
        | Kind::TakeWheel { .. }
        | Kind::Help { .. }
        | Kind::Reader { .. } => content(app, modal, app.size).lines.len(),
    }
}

fn content(app: &App, modal: &Modal, area: Rect) -> Dialog {
    let columns = columns(area);
    match &modal.kind {
        Kind::Gate { id } => gate::content(app, modal, id, columns),
        Kind::Options { hold } => holds::list(app, modal, hold, columns),
        Kind::Choice { hold, option } => holds::choice(app, modal, hold, option, columns),
        Kind::HostKey { hold } => holds::host_key(app, modal, hold, columns),
        Kind::NewKey { hold } => holds::new_key(app, modal, hold, columns),
        Kind::Secret { hold } => holds::secret(app, modal, hold, columns),
        Kind::Note => texts::note(app, modal, columns),
        Kind::Search => texts::search(app, modal, columns),
        Kind::Fault => texts::fault(app, modal, columns),
        Kind::WhatIf => lists::what_if(app, modal, columns),
        Kind::Branch { branch } => lists::branch(app, modal, branch, columns),
        Kind::Help { of } => texts::help(&app.look, *of, columns),
        Kind::Palette { of } => lists::palette(app, modal, *of, columns),
        Kind::Leave => lists::leave(app, modal, columns),
        // It fills the screen, and is drawn below all dialogs.
        Kind::Terminal { .. } => Dialog::new(""),
        Kind::TakeWheel { .. } => texts::take_wheel(app, modal, columns),
        Kind::Reader { title, lines } => texts::reader(&app.look, title, lines, columns),
    }
}

/// The help of a context, over a screen that has no run.
pub(super) fn draw_help(look: &Look, of: Context, scroll: usize, area: Rect, buf: &mut Buffer) {
    render(
        look,
        &texts::help(look, of, columns(area)),
        scroll,
        area,
        buf,
    );
}

/// A field with its cursor, and a word behind it.
fn field_line(
    look: &Look,
    label: &str,
    field: &Field,
    role: Role,
    columns: usize,
    word: (Role, &str),
) -> Line<'static> {
    field_of(
        look,
        label,
        field.text(),
        field.cursor(),
        role,
        columns,
        word,
    )
}

fn field_of(
    look: &Look,
    label: &str,
    text: &str,
    cursor: usize,
    role: Role,
    columns: usize,
    word: (Role, &str),
) -> Line<'static> {
    let room = columns
        .saturating_sub(format::width(label) + format::width(word.1) + 6)
        .max(4);
    // The end of a long text is what is being typed.
    let chars: Vec<char> = text.chars().collect();
    let from = cursor.saturating_sub(room.saturating_sub(1));
    let before: String = chars[from..cursor.min(chars.len())].iter().collect();
    let at: String = chars.get(cursor).map_or(" ".to_string(), |c| c.to_string());
    let after: String = chars.iter().skip(cursor + 1).collect();
    let after = format::pad(
        &after,
        room.saturating_sub(format::width(&before) + format::width(&at)),
        look.signs,
    );
    let cursor_style = look
        .theme
        .overlay(role)
        .add_modifier(ratatui::style::Modifier::REVERSED);
    Line::from(vec![
        span(look, Role::Dim, format!("{label} ")),
        span(look, Role::Border, "["),
        span(look, role, before),
        ratatui::text::Span::styled(at, cursor_style),
        span(look, role, after),
        span(look, Role::Border, "] "),
        span(look, word.0, word.1.to_string()),
    ])
}

/// What was wrong with the last answer, below a field.
fn said_line(look: &Look, modal: &Modal, otherwise: &str) -> Line<'static> {
    match &modal.said {
        Some(said) => Line::from(span(look, Role::GateMismatch, said.clone())),
        None => Line::from(span(look, Role::Dim, otherwise.to_string())),
    }
}
