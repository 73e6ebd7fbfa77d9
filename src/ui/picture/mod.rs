//! A drawn screen as text with a legend of styles (for golden files) and as SVG (for people).
//!
//! Both read the same buffer that a terminal would be sent, and give the same bytes on every machine.

mod boxes;
mod svg;

use std::fmt::Write as _;

use ratatui::buffer::{Buffer, Cell, CellWidth as _};
use ratatui::style::{Color, Modifier};

pub use svg::svg;

/// The characters of a buffer, one line a row, without blanks at the ends.
pub fn text(buf: &Buffer) -> String {
    let mut out = String::new();
    for y in buf.area.top()..buf.area.bottom() {
        let row: String = columns(buf, y).map(|(_, cell)| cell.symbol()).collect();
        out.push_str(row.trim_end());
        out.push('\n');
    }
    out
}

/// As [`text`], then one letter for the style of each cell, then what the letters mean. The most common style is `.`.
pub fn text_with_styles(buf: &Buffer) -> String {
    let mut out = text(buf);
    let styles = ranked_styles(buf);
    let letter = |cell: &Cell| {
        styles
            .iter()
            .position(|style| *style == describe(cell))
            .map_or('?', letter_of)
    };
    out.push_str("--- styles\n");
    for y in buf.area.top()..buf.area.bottom() {
        let row: String = columns(buf, y)
            .flat_map(|(_, cell)| {
                let wide = usize::from(cell.symbol().cell_width().max(1));
                std::iter::repeat_n(letter(cell), wide)
            })
            .collect();
        out.push_str(row.trim_end_matches('.'));
        out.push('\n');
    }
    out.push_str("--- legend\n");
    for (at, style) in styles.iter().enumerate() {
        let _ = writeln!(out, "{} {style}", letter_of(at));
    }
    out
}

/// The cells of a row that are drawn: the hidden one behind a wide character is skipped.
fn columns(buf: &Buffer, y: u16) -> impl Iterator<Item = (u16, &Cell)> {
    let mut next = buf.area.left();
    (buf.area.left()..buf.area.right()).filter_map(move |x| {
        if x < next {
            return None;
        }
        let cell = &buf[(x, y)];
        next = x + cell.symbol().cell_width().max(1);
        Some((x, cell))
    })
}

/// Styles by how often they are used, then by name.
fn ranked_styles(buf: &Buffer) -> Vec<String> {
    let mut counts = std::collections::BTreeMap::<String, usize>::new();
    for y in buf.area.top()..buf.area.bottom() {
        for (_, cell) in columns(buf, y) {
            *counts.entry(describe(cell)).or_default() += 1;
        }
    }
    let mut ranked: Vec<_> = counts.into_iter().collect();
    ranked.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    ranked.into_iter().map(|(style, _)| style).collect()
}

fn letter_of(at: usize) -> char {
    const LETTERS: &[u8] = b".abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
    LETTERS.get(at).map_or('?', |byte| char::from(*byte))
}

fn describe(cell: &Cell) -> String {
    let mut out = format!("{} on {}", color_name(cell.fg), color_name(cell.bg));
    for (modifier, name) in MARKS {
        if cell.modifier.contains(modifier) {
            out.push(' ');
            out.push_str(name);
        }
    }
    out
}

const MARKS: [(Modifier, &str); 5] = [
    (Modifier::BOLD, "bold"),
    (Modifier::DIM, "dim"),
    (Modifier::ITALIC, "italic"),
    (Modifier::UNDERLINED, "underlined"),
    (Modifier::REVERSED, "reversed"),
];

fn color_name(color: Color) -> String {
    match color {
        Color::Reset => "default".to_owned(),
        Color::Rgb(r, g, b) => format!("#{r:02x}{g:02x}{b:02x}"),
        other => other.to_string().to_lowercase(),
    }
}
