//! Rows and columns: widths shared out, every cell clipped by columns on the screen, never by bytes.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::text_view::scrollbar;
use super::{fill, put};
use crate::ui::{Look, Role, format};

/// A column: its header and how much room it wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Column<'a> {
    pub header: &'a str,
    /// Columns that it always gets.
    pub min: u16,
    /// Part of the room that is left over; 0 never grows.
    pub grow: u16,
    /// Highest first, columns are left out when there is no room; 0 always stays.
    pub drop: u8,
    pub right: bool,
}

impl<'a> Column<'a> {
    /// A left-aligned column of fixed width that always stays.
    pub const fn new(header: &'a str, min: u16) -> Self {
        Self {
            header,
            min,
            grow: 0,
            drop: 0,
            right: false,
        }
    }

    /// Takes a share of the room that is left over.
    pub const fn grow(self, grow: u16) -> Self {
        Self { grow, ..self }
    }

    /// May be left out on narrow screens; higher goes earlier.
    pub const fn drop(self, drop: u8) -> Self {
        Self { drop, ..self }
    }

    /// Numbers stand at the right.
    pub const fn right(self) -> Self {
        Self {
            right: true,
            ..self
        }
    }
}

/// A cell: text and its meaning.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cell {
    pub text: String,
    pub role: Role,
}

impl Cell {
    /// Text in a role.
    pub fn new(text: impl Into<String>, role: Role) -> Self {
        Self {
            text: text.into(),
            role,
        }
    }
}

impl<T: Into<String>> From<T> for Cell {
    /// Plain text.
    fn from(text: T) -> Self {
        Self::new(text, Role::Base)
    }
}

/// One row; missing cells are empty.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TableRow {
    pub cells: Vec<Cell>,
}

/// A table with a header, an optional selected row (with the pointer sign) and a scroll bar.
#[derive(Debug, Clone, Copy)]
pub struct Table<'a> {
    look: &'a Look,
    columns: &'a [Column<'a>],
    rows: &'a [TableRow],
    selected: Option<usize>,
    scroll: usize,
}

impl<'a> Table<'a> {
    /// A table without selection.
    pub fn new(look: &'a Look, columns: &'a [Column<'a>], rows: &'a [TableRow]) -> Self {
        Self {
            look,
            columns,
            rows,
            selected: None,
            scroll: 0,
        }
    }

    /// Selects a row and keeps it in view. A pointer column is added at the left.
    pub fn selected(self, selected: Option<usize>) -> Self {
        Self { selected, ..self }
    }

    /// First row shown.
    pub fn scroll(self, scroll: usize) -> Self {
        Self { scroll, ..self }
    }

    /// Draws header and rows.
    pub fn render(&self, area: Rect, buf: &mut Buffer) {
        let area = area.intersection(buf.area);
        if area.is_empty() {
            return;
        }
        fill(buf, area, self.look.style(Role::Base));
        let height = usize::from(area.height - 1);
        let overflow = self.rows.len() > height && height > 0;
        let body = Rect {
            y: area.y + 1,
            height: area.height - 1,
            ..area
        };
        let text = Rect {
            width: area.width - u16::from(overflow),
            ..area
        };
        let places = places(self.columns, text, self.pointer_width());
        for (column, place) in self.columns.iter().zip(&places) {
            let cell = Cell::new(column.header, Role::Header);
            self.cell(buf, text, area.y, column, *place, &cell);
        }
        let top = self.top(height);
        for (y, (at, row)) in
            (body.top()..body.bottom()).zip(self.rows.iter().enumerate().skip(top))
        {
            self.row(buf, text, y, &places, at, row);
        }
        if overflow {
            scrollbar(buf, body, top, self.rows.len(), self.look);
        }
    }

    fn row(
        &self,
        buf: &mut Buffer,
        text: Rect,
        y: u16,
        places: &[Option<(u16, u16)>],
        at: usize,
        row: &TableRow,
    ) {
        for ((column, place), cell) in self.columns.iter().zip(places).zip(&row.cells) {
            self.cell(buf, text, y, column, *place, cell);
        }
        if self.selected == Some(at) {
            buf.set_style(
                Rect::new(text.x, y, text.width, 1),
                self.look.theme.overlay(Role::Selection),
            );
            put(
                buf,
                text,
                text.x,
                y,
                self.look.signs.pointer,
                self.look.theme.overlay(Role::Selection),
                self.look.signs,
            );
        }
    }

    fn cell(
        &self,
        buf: &mut Buffer,
        text: Rect,
        y: u16,
        column: &Column<'_>,
        place: Option<(u16, u16)>,
        cell: &Cell,
    ) {
        let Some((x, width)) = place else { return };
        let room = usize::from(width);
        let signs = self.look.signs;
        let shown = if column.right {
            format::pad_left(&cell.text, room, signs)
        } else {
            format::pad(&cell.text, room, signs)
        };
        put(buf, text, x, y, &shown, self.look.style(cell.role), signs);
    }

    fn pointer_width(&self) -> u16 {
        if self.selected.is_some() { 2 } else { 0 }
    }

    fn top(&self, height: usize) -> usize {
        let top = self.scroll.min(self.rows.len().saturating_sub(height));
        match self.selected {
            Some(at) => top.min(at).max((at + 1).saturating_sub(height)),
            None => top,
        }
    }
}

/// Where each column stands (x, width), `None` for those left out. One blank stands between columns.
fn places(columns: &[Column<'_>], area: Rect, indent: u16) -> Vec<Option<(u16, u16)>> {
    let room = area.width.saturating_sub(indent);
    let mut shown: Vec<bool> = vec![true; columns.len()];
    while needed(columns, &shown) > room {
        let candidate = (0..columns.len())
            .filter(|at| shown[*at] && columns[*at].drop > 0)
            .max_by_key(|at| columns[*at].drop);
        let Some(at) = candidate else { break };
        shown[at] = false;
    }
    let spare = room.saturating_sub(needed(columns, &shown));
    let parts: u16 = columns
        .iter()
        .zip(&shown)
        .filter(|(_, on)| **on)
        .map(|(column, _)| column.grow)
        .sum();
    let mut x = area.x + indent.min(area.width);
    columns
        .iter()
        .zip(shown)
        .map(|(column, on)| {
            let more = spare
                .checked_div(parts)
                .unwrap_or(0)
                .saturating_mul(column.grow);
            let width = column
                .min
                .saturating_add(more)
                .min(area.right().saturating_sub(x));
            let place = (on && width > 0).then_some((x, width));
            if on {
                x = x.saturating_add(width).saturating_add(1).min(area.right());
            }
            place
        })
        .collect()
}

fn needed(columns: &[Column<'_>], shown: &[bool]) -> u16 {
    let widths: u16 = columns
        .iter()
        .zip(shown)
        .filter(|(_, on)| **on)
        .map(|(column, _)| column.min)
        .sum();
    let gaps = shown.iter().filter(|on| **on).count().saturating_sub(1);
    widths.saturating_add(u16::try_from(gaps).unwrap_or(u16::MAX))
}
