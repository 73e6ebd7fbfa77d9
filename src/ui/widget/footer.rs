//! The bottom line: the keys that work now.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::put;
use crate::ui::keymap::{Context, Hint, Moment, footer};
use crate::ui::{Look, Role, format};

/// At most seven keys, made from the key table.
#[derive(Debug, Clone)]
pub struct Footer<'a> {
    look: &'a Look,
    hints: Vec<Hint>,
}

/// Columns between two hints.
const GAP: u16 = 3;

impl<'a> Footer<'a> {
    /// The keys of this context at this moment.
    pub fn new(look: &'a Look, context: Context, moment: Moment) -> Self {
        Self {
            look,
            hints: footer(context, moment),
        }
    }

    /// Draws one row. Where there is no room, hints in the middle go first: help and leave stay.
    pub fn render(&self, area: Rect, buf: &mut Buffer) {
        let area = area.intersection(buf.area);
        let mut hints = self.hints.clone();
        let room = usize::from(area.width).saturating_sub(1);
        while hints.len() > 1 && line_width(&hints) > room {
            let last_plain = hints.len().saturating_sub(3);
            hints.remove(last_plain);
        }
        let mut x = area.x.saturating_add(1);
        for hint in &hints {
            x += put(
                buf,
                area,
                x,
                area.y,
                &hint.keys,
                self.look.style(Role::Key),
                self.look.signs,
            );
            x += 1;
            x += put(
                buf,
                area,
                x,
                area.y,
                hint.label,
                self.look.style(Role::KeyText),
                self.look.signs,
            );
            x += GAP;
        }
    }
}

fn line_width(hints: &[Hint]) -> usize {
    let texts: usize = hints
        .iter()
        .map(|hint| format::width(&hint.keys) + 1 + format::width(hint.label))
        .sum();
    texts + usize::from(GAP) * hints.len().saturating_sub(1)
}
