//! Small things that many screens draw with.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use crate::engine::state::ActionState;
use crate::model::ids::NodeId;
use crate::ui::widget::{FrameKind, Panel, put};
use crate::ui::{Look, Role, format};

/// Text in a role.
pub(crate) fn span(look: &Look, role: Role, text: impl Into<String>) -> Span<'static> {
    Span::styled(text.into(), look.theme.overlay(role))
}

/// A line of texts in roles.
pub(crate) fn line(look: &Look, parts: &[(Role, &str)]) -> Line<'static> {
    Line::from(
        parts
            .iter()
            .map(|(role, text)| span(look, *role, *text))
            .collect::<Vec<_>>(),
    )
}

/// A text broken into lines of so many columns, all in one role.
pub(crate) fn wrapped(look: &Look, role: Role, text: &str, columns: usize) -> Vec<Line<'static>> {
    format::wrap(text, columns)
        .into_iter()
        .map(|piece| Line::from(span(look, role, piece)))
        .collect()
}

/// A label, then a text that hangs beside it.
pub(crate) fn labelled(
    look: &Look,
    label: &str,
    role: Role,
    text: &str,
    columns: usize,
) -> Vec<Line<'static>> {
    const INDENT: usize = 10;
    let room = columns.saturating_sub(INDENT).max(8);
    format::wrap(text, room)
        .into_iter()
        .enumerate()
        .map(|(at, piece)| {
            let head = if at == 0 { label } else { "" };
            Line::from(vec![
                span(look, Role::Dim, format!("{head:<INDENT$}")),
                span(look, role, piece),
            ])
        })
        .collect()
}

/// Writes pieces one behind the other in one row; returns the column behind the last.
pub(crate) fn put_parts(
    look: &Look,
    area: Rect,
    buf: &mut Buffer,
    x: u16,
    y: u16,
    parts: &[(Role, String)],
) -> u16 {
    let mut x = x;
    for (role, text) in parts {
        x += put(buf, area, x, y, text, look.style(*role), look.signs);
    }
    x
}

/// Columns that pieces take.
pub(crate) fn parts_width(parts: &[(Role, String)]) -> u16 {
    let wide: usize = parts.iter().map(|(_, text)| format::width(text)).sum();
    u16::try_from(wide).unwrap_or(u16::MAX)
}

/// A plain panel of a screen.
pub(crate) fn panel<'a>(look: &'a Look, title: &'a str, remark: &'a str, focus: bool) -> Panel<'a> {
    Panel::new(look, title)
        .remark(remark)
        .focus(focus)
        .kind(FrameKind::Round)
}

/// Sign and role of an action's state.
pub(crate) fn action_mark(look: &Look, state: &ActionState) -> (&'static str, Role) {
    let signs = look.signs;
    match state {
        ActionState::Pending => (signs.waits, Role::StepPending),
        ActionState::Asked { .. } => (signs.gate, Role::StepWaiting),
        ActionState::Running { .. } | ActionState::Verifying { .. } => {
            (signs.works, Role::StepRunning)
        }
        ActionState::InDoubt { .. } => (signs.unknown, Role::StepWarned),
        ActionState::Failed { .. } => (signs.failed, Role::StepFailed),
        ActionState::Done { .. } => (signs.done, Role::StepDone),
        ActionState::NotRun { .. } => (signs.not_run, Role::StepNotRun),
    }
}

/// Nodes by name: all, a few, or a count.
pub(crate) fn node_list(nodes: &[&NodeId], all: usize) -> String {
    match nodes {
        [] => "cluster".into(),
        [one] => one.to_string(),
        many if many.len() == all && all > 2 => format!("all {all}"),
        many if many.len() <= 3 => many
            .iter()
            .map(|node| node.as_str())
            .collect::<Vec<_>>()
            .join(", "),
        many => format!("{} nodes", many.len()),
    }
}

/// Splits off the left part of an area.
pub(crate) fn split_left(area: Rect, width: u16) -> (Rect, Rect) {
    let width = width.min(area.width);
    (
        Rect { width, ..area },
        Rect {
            x: area.x + width,
            width: area.width - width,
            ..area
        },
    )
}

/// Splits off the upper part of an area.
pub(crate) fn split_top(area: Rect, height: u16) -> (Rect, Rect) {
    let height = height.min(area.height);
    (
        Rect { height, ..area },
        Rect {
            y: area.y + height,
            height: area.height - height,
            ..area
        },
    )
}

/// The room inside a frame with a blank column at each side.
pub(crate) fn inset(inner: Rect) -> Rect {
    Rect {
        x: inner.x.saturating_add(1).min(inner.right()),
        width: inner.width.saturating_sub(2),
        ..inner
    }
}

/// Columns for text that is broken into lines: one is kept for a scroll bar.
pub(crate) fn text_columns(room: Rect) -> usize {
    usize::from(room.width.saturating_sub(1)).max(1)
}
