//! Lines of styled text with a scroll bar when they do not fit.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::Line;

use super::put;
use crate::ui::{Look, Role, format};

/// Scrolled lines. Long lines are clipped with the cut sign; wrap them before if all must be read.
#[derive(Debug, Clone, Copy)]
pub struct TextView<'a> {
    look: &'a Look,
    lines: &'a [Line<'a>],
    scroll: usize,
    selected: Option<usize>,
}

impl<'a> TextView<'a> {
    /// From the first line.
    pub fn new(look: &'a Look, lines: &'a [Line<'a>]) -> Self {
        Self {
            look,
            lines,
            scroll: 0,
            selected: None,
        }
    }

    /// First line shown; what is past the last page counts as the last page.
    pub fn scroll(self, scroll: usize) -> Self {
        Self { scroll, ..self }
    }

    /// The selected line; it is scrolled into view.
    pub fn selected(self, selected: usize) -> Self {
        Self {
            selected: Some(selected),
            ..self
        }
    }

    /// Draws the lines.
    pub fn render(&self, area: Rect, buf: &mut Buffer) {
        let area = area.intersection(buf.area);
        if area.is_empty() {
            return;
        }
        let height = usize::from(area.height);
        let overflow = self.lines.len() > height;
        let top = self.top(height);
        let text = if overflow {
            Rect {
                width: area.width - 1,
                ..area
            }
        } else {
            area
        };
        for (y, (at, line)) in
            (area.top()..area.bottom()).zip(self.lines.iter().enumerate().skip(top))
        {
            put_line(buf, text, y, line, self.look);
            if self.selected == Some(at) {
                buf.set_style(
                    Rect::new(text.x, y, text.width, 1),
                    self.look.theme.overlay(Role::Selection),
                );
            }
        }
        if overflow {
            scrollbar(buf, area, top, self.lines.len(), self.look);
        }
    }

    fn top(&self, height: usize) -> usize {
        let last = self.lines.len().saturating_sub(height);
        let top = self.scroll.min(last);
        match self.selected {
            Some(at) => top.min(at).max((at + 1).saturating_sub(height)),
            None => top,
        }
    }
}

/// Draws one styled line in a row of an area, clipped with the cut sign.
pub(super) fn put_line(buf: &mut Buffer, area: Rect, y: u16, line: &Line<'_>, look: &Look) {
    let base = look.style(Role::Base).patch(line.style);
    let mut x = area.x;
    for (at, span) in line.spans.iter().enumerate() {
        let more = line.spans[at + 1..]
            .iter()
            .any(|span| !span.content.is_empty());
        let room = usize::from(area.right().saturating_sub(x));
        let style: Style = base.patch(span.style);
        let full = more && format::width(&span.content) >= room;
        // The next span would be cut away wholly: say so here.
        let text = if full {
            format!("{} ", span.content)
        } else {
            span.content.to_string()
        };
        x += put(buf, area, x, y, &text, style, look.signs);
    }
}

/// A scroll bar in the last column: where the page is and how much there is.
pub(super) fn scrollbar(buf: &mut Buffer, area: Rect, top: usize, total: usize, look: &Look) {
    let area = area.intersection(buf.area);
    let height = usize::from(area.height);
    if area.is_empty() || total <= height {
        return;
    }
    let thumb = (height * height / total).max(1);
    let from = (height - thumb) * top.min(total - height) / (total - height);
    let style = look.style(Role::Scrollbar);
    for (row, y) in (area.top()..area.bottom()).enumerate() {
        let on = (from..from + thumb).contains(&row);
        let sign = if on {
            look.signs.scroll_thumb
        } else {
            look.signs.scroll_track
        };
        put(buf, area, area.right() - 1, y, sign, style, look.signs);
    }
}
