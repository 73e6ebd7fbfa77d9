//! The one dialog type: gate, failure, question, help, palette are all this box with other content.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::Line;

use super::{FrameKind, Panel, TextView};
use crate::ui::{Look, Role};

/// A box over the screen with scrolled text and, below it, lines that never scroll away (the wanted text of a
/// gate and its field).
#[derive(Debug, Clone, Copy)]
pub struct Popup<'a> {
    look: &'a Look,
    panel: Panel<'a>,
    lines: &'a [Line<'a>],
    fixed: &'a [Line<'a>],
    scroll: usize,
    width: u16,
}

impl<'a> Popup<'a> {
    /// A round box with a title, as wide as a gate.
    pub fn new(look: &'a Look, title: &'a str) -> Self {
        let panel = Panel::new(look, title).focus(true);
        Self {
            look,
            panel,
            lines: &[],
            fixed: &[],
            scroll: 0,
            width: 86,
        }
    }

    /// Text that scrolls when there is no room.
    pub fn lines(self, lines: &'a [Line<'a>]) -> Self {
        Self { lines, ..self }
    }

    /// Lines at the bottom that are always shown.
    pub fn fixed(self, fixed: &'a [Line<'a>]) -> Self {
        Self { fixed, ..self }
    }

    /// First line shown of the scrolled text.
    pub fn scroll(self, scroll: usize) -> Self {
        Self { scroll, ..self }
    }

    /// Wanted width with the frame; narrow screens use their full width.
    pub fn width(self, width: u16) -> Self {
        Self { width, ..self }
    }

    /// Kind of frame and its meaning.
    pub fn frame(self, kind: FrameKind, role: Role) -> Self {
        Self {
            panel: self.panel.kind(kind).role(role),
            ..self
        }
    }

    /// Text in the lower edge of the frame.
    pub fn bottom(self, bottom: &'a str) -> Self {
        Self {
            panel: self.panel.bottom(bottom),
            ..self
        }
    }

    /// Where the box will stand: centred, as high as its text, full width where the screen is narrow.
    pub fn place(&self, screen: Rect) -> Rect {
        let width = if screen.width < self.width.saturating_add(4) {
            screen.width
        } else {
            self.width
        };
        let wanted = self.lines.len() + self.fixed.len() + 2;
        let height = u16::try_from(wanted).unwrap_or(u16::MAX).min(screen.height);
        Rect::new(
            screen.x + (screen.width - width) / 2,
            screen.y + (screen.height - height) / 2,
            width,
            height,
        )
    }

    /// Draws the box and returns the places of the scrolled and of the fixed lines.
    pub fn render(&self, screen: Rect, buf: &mut Buffer) -> (Rect, Rect) {
        let inner = self
            .panel
            .render(self.place(screen.intersection(buf.area)), buf);
        let room = Rect {
            x: inner.x.saturating_add(1),
            width: inner.width.saturating_sub(2),
            ..inner
        };
        let below = u16::try_from(self.fixed.len())
            .unwrap_or(u16::MAX)
            .min(room.height);
        let above = Rect {
            height: room.height - below,
            ..room
        };
        let fixed = Rect {
            y: room.y + above.height,
            height: below,
            ..room
        };
        TextView::new(self.look, self.lines)
            .scroll(self.scroll)
            .render(above, buf);
        // When even the fixed lines do not fit, the last ones (the field) stay.
        let from = self.fixed.len() - usize::from(below);
        TextView::new(self.look, &self.fixed[from..]).render(fixed, buf);
        (above, fixed)
    }
}
