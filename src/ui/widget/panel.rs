//! A frame with a title; what is in focus shows it.

use ratatui::buffer::Buffer;
use ratatui::layout::{Margin, Rect};
use ratatui::style::Style;
use ratatui::symbols::border;

use super::{fill, put};
use crate::ui::{Look, Role, format};

/// The kind of line around a panel; it tells the occasion without colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FrameKind {
    Round,
    /// Asks for attention: failure, question, report.
    Heavy,
    /// A gate.
    Double,
    /// A rehearsal.
    Hatched,
}

/// A frame with a title at the top left, a remark at the top right, and one at the bottom.
#[derive(Debug, Clone, Copy)]
pub struct Panel<'a> {
    look: &'a Look,
    title: &'a str,
    remark: &'a str,
    bottom: &'a str,
    kind: FrameKind,
    focus: bool,
    role: Option<Role>,
}

impl<'a> Panel<'a> {
    /// A round frame, not in focus.
    pub fn new(look: &'a Look, title: &'a str) -> Self {
        Self {
            look,
            title,
            remark: "",
            bottom: "",
            kind: FrameKind::Round,
            focus: false,
            role: None,
        }
    }

    /// Text at the top right.
    pub fn remark(self, remark: &'a str) -> Self {
        Self { remark, ..self }
    }

    /// Text at the bottom left.
    pub fn bottom(self, bottom: &'a str) -> Self {
        Self { bottom, ..self }
    }

    /// Another kind of frame.
    pub fn kind(self, kind: FrameKind) -> Self {
        Self { kind, ..self }
    }

    /// Whether keys go here.
    pub fn focus(self, focus: bool) -> Self {
        Self { focus, ..self }
    }

    /// A meaning for frame and title instead of the plain ones.
    pub fn role(self, role: Role) -> Self {
        Self {
            role: Some(role),
            ..self
        }
    }

    /// The room inside the frame.
    pub fn inner(area: Rect) -> Rect {
        area.inner(Margin::new(1, 1))
    }

    /// Draws the frame over a cleared area and returns the room inside.
    pub fn render(&self, area: Rect, buf: &mut Buffer) -> Rect {
        let area = area.intersection(buf.area);
        fill(buf, area, self.look.style(Role::Base));
        if area.width < 2 || area.height < 2 {
            return Rect::new(area.x, area.y, 0, 0);
        }
        self.lines(area, buf);
        self.texts(area, buf);
        Self::inner(area)
    }

    fn frame_style(&self) -> Style {
        let role = self.role.unwrap_or(if self.focus {
            Role::BorderFocus
        } else {
            Role::Border
        });
        self.look.style(role)
    }

    fn set(&self) -> border::Set<'static> {
        let signs = self.look.signs;
        match self.kind {
            FrameKind::Round => signs.round,
            FrameKind::Heavy => signs.heavy,
            FrameKind::Double => signs.double,
            FrameKind::Hatched => signs.hatched,
        }
    }

    fn lines(&self, area: Rect, buf: &mut Buffer) {
        let (set, style) = (self.set(), self.frame_style());
        let (right, bottom) = (area.right() - 1, area.bottom() - 1);
        let mut cell = |x, y, symbol: &str| {
            buf[(x, y)].set_symbol(symbol).set_style(style);
        };
        for x in area.left() + 1..right {
            cell(x, area.top(), set.horizontal_top);
            cell(x, bottom, set.horizontal_bottom);
        }
        for y in area.top() + 1..bottom {
            cell(area.left(), y, set.vertical_left);
            cell(right, y, set.vertical_right);
        }
        cell(area.left(), area.top(), set.top_left);
        cell(right, area.top(), set.top_right);
        cell(area.left(), bottom, set.bottom_left);
        cell(right, bottom, set.bottom_right);
    }

    /// The title goes first; a remark that does not fit beside it is left out.
    fn texts(&self, area: Rect, buf: &mut Buffer) {
        let Some(room) = area.width.checked_sub(4).filter(|room| *room > 2) else {
            return;
        };
        let signs = self.look.signs;
        let title_role = self.role.unwrap_or(if self.focus {
            Role::TitleFocus
        } else {
            Role::Title
        });
        let at = Rect::new(area.x + 2, area.y, room, area.height);
        let mut used = 0;
        if !self.title.is_empty() {
            let title = format!(" {} ", self.title);
            used = put(
                buf,
                at,
                at.x,
                area.y,
                &title,
                self.look.style(title_role),
                signs,
            );
        }
        let wide = u16::try_from(format::width(self.remark))
            .unwrap_or(u16::MAX)
            .saturating_add(2);
        if !self.remark.is_empty() && used.saturating_add(wide) < room {
            let remark = format!(" {} ", self.remark);
            put(
                buf,
                at,
                at.right() - wide,
                area.y,
                &remark,
                self.look.style(Role::Dim),
                signs,
            );
        }
        if !self.bottom.is_empty() {
            let bottom = format!(" {} ", self.bottom);
            put(
                buf,
                at,
                at.x,
                area.bottom() - 1,
                &bottom,
                self.look.style(Role::Dim),
                signs,
            );
        }
    }
}
