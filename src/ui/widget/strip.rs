//! The phases of the wizard in one row, with where we are.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::put;
use crate::ui::{Look, Role, format};

/// One phase with its state as sign and role.
#[derive(Debug, Clone, Copy)]
pub struct PhaseItem<'a> {
    pub name: &'a str,
    pub sign: &'a str,
    pub role: Role,
}

/// All phases; when there is no room, only the present one with its number.
#[derive(Debug, Clone, Copy)]
pub struct PhaseStrip<'a> {
    look: &'a Look,
    phases: &'a [PhaseItem<'a>],
    current: usize,
}

impl<'a> PhaseStrip<'a> {
    /// `current` counts from 0.
    pub fn new(look: &'a Look, phases: &'a [PhaseItem<'a>], current: usize) -> Self {
        Self {
            look,
            phases,
            current,
        }
    }

    /// Draws one row.
    pub fn render(&self, area: Rect, buf: &mut Buffer) {
        let area = area.intersection(buf.area);
        let separator = format!("  {}  ", self.look.signs.then);
        let texts: usize = self
            .phases
            .iter()
            .map(|phase| format::width(phase.sign) + 1 + format::width(phase.name))
            .sum();
        let needed = texts + format::width(&separator) * self.phases.len().saturating_sub(1) + 1;
        if needed > usize::from(area.width) {
            return self.short(area, buf);
        }
        let mut x = area.x + 1;
        for (at, phase) in self.phases.iter().enumerate() {
            if at > 0 {
                x += put(
                    buf,
                    area,
                    x,
                    area.y,
                    &separator,
                    self.look.style(Role::Dim),
                    self.look.signs,
                );
            }
            x = self.phase(area, buf, x, at, phase);
        }
    }

    fn phase(
        &self,
        area: Rect,
        buf: &mut Buffer,
        mut x: u16,
        at: usize,
        phase: &PhaseItem<'_>,
    ) -> u16 {
        let name_role = if at == self.current {
            Role::Title
        } else {
            Role::Base
        };
        x += put(
            buf,
            area,
            x,
            area.y,
            phase.sign,
            self.look.style(phase.role),
            self.look.signs,
        );
        x += 1;
        x + put(
            buf,
            area,
            x,
            area.y,
            phase.name,
            self.look.style(name_role),
            self.look.signs,
        )
    }

    fn short(&self, area: Rect, buf: &mut Buffer) {
        let Some(phase) = self.phases.get(self.current) else {
            return;
        };
        let x = self.phase(area, buf, area.x.saturating_add(1), self.current, phase);
        let number = format!("  {}/{}", self.current + 1, self.phases.len());
        put(
            buf,
            area,
            x,
            area.y,
            &number,
            self.look.style(Role::Dim),
            self.look.signs,
        );
    }
}
