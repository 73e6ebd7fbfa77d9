//! Bars: how far something is, and how much of the window is gone.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::{put, share};
use crate::ui::{Look, Role};

/// How far something is. It shows what was told, never a guess.
#[derive(Debug, Clone, Copy)]
pub struct ProgressBar<'a> {
    look: &'a Look,
    part: u64,
    whole: u64,
    role: Role,
}

impl<'a> ProgressBar<'a> {
    /// So much of so much; a whole of zero is an empty bar.
    pub fn new(look: &'a Look, part: u64, whole: u64, role: Role) -> Self {
        Self {
            look,
            part,
            whole,
            role,
        }
    }

    /// Draws one row.
    pub fn render(&self, area: Rect, buf: &mut Buffer) {
        let area = area.intersection(buf.area);
        let full = share(self.part, self.whole, area.width);
        let signs = self.look.signs;
        for (column, x) in (area.left()..area.right()).enumerate() {
            let (sign, role) = if column < usize::from(full) {
                (signs.bar_full, self.role)
            } else {
                (signs.bar_empty, Role::Border)
            };
            put(buf, area, x, area.y, sign, self.look.style(role), signs);
        }
    }
}

/// The maintenance window: how much of it is gone, with a marker at the time to turn back. All times in
/// milliseconds of one clock.
#[derive(Debug, Clone, Copy)]
pub struct TimeBar<'a> {
    pub look: &'a Look,
    pub start: i64,
    pub end: i64,
    pub now: i64,
    pub turn_back: Option<i64>,
    /// `WindowOk`, `WindowTight` or `WindowOver`; whoever judges the window says which.
    pub role: Role,
}

impl TimeBar<'_> {
    /// Draws one row.
    pub fn render(&self, area: Rect, buf: &mut Buffer) {
        let area = area.intersection(buf.area);
        if area.is_empty() {
            return;
        }
        ProgressBar::new(
            self.look,
            self.since_start(self.now),
            self.since_start(self.end),
            self.role,
        )
        .render(area, buf);
        let Some(turn_back) = self
            .turn_back
            .filter(|at| (self.start..self.end).contains(at))
        else {
            return;
        };
        let column = share(
            self.since_start(turn_back),
            self.since_start(self.end),
            area.width,
        );
        let x = area.x + column.min(area.width - 1);
        let signs = self.look.signs;
        put(
            buf,
            area,
            x,
            area.y,
            signs.bar_marker,
            self.look.style(Role::WindowMarker),
            signs,
        );
    }

    fn since_start(&self, at: i64) -> u64 {
        u64::try_from(at.saturating_sub(self.start)).unwrap_or(0)
    }
}
