//! A buffer as SVG on a grid of cells.

use std::fmt::Write as _;

use ratatui::buffer::{Buffer, Cell, CellWidth as _};
use ratatui::style::{Color, Modifier};

use super::boxes::{Arm, Arms, arms, shade};
use super::columns;
use crate::ui::theme::{Role, Theme, depth};

/// Size of a cell and of the type in it, in pixels. Even numbers keep lines sharp.
const CELL_W: u32 = 10;
const CELL_H: u32 = 20;
const FONT: u32 = 16;
const BASELINE: u32 = 15;
const MARGIN: u32 = 12;

/// Draws a screen with the theme's colours; colours that only a terminal knows become those of xterm.
pub fn svg(buf: &Buffer, theme: &Theme) -> String {
    let canvas = Canvas::new(theme);
    let width = u32::from(buf.area.width) * CELL_W + 2 * MARGIN;
    let height = u32::from(buf.area.height) * CELL_H + 2 * MARGIN;
    let mut out = String::new();
    let _ = writeln!(
        out,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {width} {height}\">"
    );
    let _ = writeln!(
        out,
        "<rect width=\"{width}\" height=\"{height}\" rx=\"8\" fill=\"{}\"/>",
        hex(canvas.bg)
    );
    let _ = writeln!(
        out,
        "<g font-family=\"'DejaVu Sans Mono','Noto Sans Mono',Menlo,Consolas,monospace\" font-size=\"{FONT}\" xml:space=\"preserve\">"
    );
    for y in buf.area.top()..buf.area.bottom() {
        canvas.row(&mut out, buf, y);
    }
    out.push_str("</g>\n</svg>\n");
    out
}

/// The colours that "default" stands for.
struct Canvas {
    fg: [u8; 3],
    bg: [u8; 3],
}

/// A stretch of cells of one look, drawn at once.
struct Run {
    x: u32,
    cells: u32,
    text: String,
    ink: Ink,
}

#[derive(Clone, Copy, PartialEq, Eq)]
struct Ink {
    fg: [u8; 3],
    bg: [u8; 3],
    marks: Modifier,
}

impl Canvas {
    fn new(theme: &Theme) -> Self {
        let base = theme.style(Role::Base);
        let light = theme.mode() == crate::ui::theme::Mode::Light;
        let (fg, bg) = if light {
            ([0x20; 3], [0xff; 3])
        } else {
            ([0xd0; 3], [0x10; 3])
        };
        Self {
            fg: base.fg.and_then(fixed).unwrap_or(fg),
            bg: base.bg.and_then(fixed).unwrap_or(bg),
        }
    }

    fn row(&self, out: &mut String, buf: &Buffer, y: u16) {
        let top = u32::from(y - buf.area.top()) * CELL_H + MARGIN;
        let runs = self.runs(buf, y);
        for run in runs.iter().filter(|run| run.ink.bg != self.bg) {
            rect(
                out,
                run.x,
                top,
                run.cells * CELL_W,
                CELL_H,
                &hex(run.ink.bg),
                None,
            );
        }
        for run in &runs {
            draw_run(out, run, top);
        }
    }

    /// Neighbours of one look are joined while they are plain ASCII; everything else stands alone, so that a
    /// font with other widths cannot shift what follows.
    fn runs(&self, buf: &Buffer, y: u16) -> Vec<Run> {
        let mut runs: Vec<Run> = Vec::new();
        for (x, cell) in columns(buf, y) {
            let ink = self.ink(cell);
            let symbol = cell.symbol();
            let cells = u32::from(symbol.cell_width().max(1));
            match runs.last_mut() {
                Some(run) if run.ink == ink && run.text.is_ascii() && symbol.is_ascii() => {
                    run.text.push_str(symbol);
                    run.cells += cells;
                }
                Some(_) | None => {
                    let x = u32::from(x - buf.area.left()) * CELL_W + MARGIN;
                    runs.push(Run {
                        x,
                        cells,
                        text: symbol.to_owned(),
                        ink,
                    });
                }
            }
        }
        runs
    }

    fn ink(&self, cell: &Cell) -> Ink {
        let (mut fg, mut bg) = (
            fixed(cell.fg).unwrap_or(self.fg),
            fixed(cell.bg).unwrap_or(self.bg),
        );
        if cell.modifier.contains(Modifier::REVERSED) {
            std::mem::swap(&mut fg, &mut bg);
        }
        if cell.modifier.contains(Modifier::DIM) {
            fg = std::array::from_fn(|i| u8::midpoint(fg[i], bg[i]));
        }
        Ink {
            fg,
            bg,
            marks: cell.modifier,
        }
    }
}

fn draw_run(out: &mut String, run: &Run, top: u32) {
    let fg = hex(run.ink.fg);
    if let Some(arms) = arms(&run.text) {
        return draw_arms(out, arms, run.x, top, &fg);
    }
    if let Some(percent) = shade(&run.text) {
        return rect(
            out,
            run.x,
            top,
            CELL_W,
            CELL_H,
            &fg,
            (percent < 100).then_some(percent),
        );
    }
    if run.ink.marks.contains(Modifier::UNDERLINED) {
        rect(
            out,
            run.x,
            top + BASELINE + 2,
            run.cells * CELL_W,
            1,
            &fg,
            None,
        );
    }
    let blank = run.text.len() - run.text.trim_start().len();
    let text = run.text.trim();
    if text.is_empty() {
        return;
    }
    let x = run.x + u32::try_from(blank).unwrap_or(0) * CELL_W;
    let cells = if text.is_ascii() {
        u32::try_from(text.len()).unwrap_or(run.cells)
    } else {
        run.cells
    };
    let bold = if run.ink.marks.contains(Modifier::BOLD) {
        " font-weight=\"bold\""
    } else {
        ""
    };
    let italic = if run.ink.marks.contains(Modifier::ITALIC) {
        " font-style=\"italic\""
    } else {
        ""
    };
    let _ = writeln!(
        out,
        "<text x=\"{x}\" y=\"{}\" textLength=\"{}\" lengthAdjust=\"spacingAndGlyphs\" fill=\"{fg}\"{bold}{italic}>{}</text>",
        top + BASELINE,
        cells * CELL_W,
        escape(text),
    );
}

/// Lines from the middle of the cell to its edges, so that neighbours meet.
fn draw_arms(out: &mut String, arms: Arms, x: u32, top: u32, color: &str) {
    let (cx, cy) = (x + CELL_W / 2, top + CELL_H / 2);
    if arms.round {
        let edge_y = if arms.down == Arm::No {
            top
        } else {
            top + CELL_H
        };
        let edge_x = if arms.right == Arm::No { x } else { x + CELL_W };
        let _ = writeln!(
            out,
            "<path d=\"M{cx} {edge_y}Q{cx} {cy} {edge_x} {cy}\" fill=\"none\" stroke=\"{color}\" stroke-width=\"1.5\"/>"
        );
        return;
    }
    let double = [arms.up, arms.right, arms.down, arms.left].contains(&Arm::Double);
    if double {
        return draw_double(out, arms, x, top, color);
    }
    for (arm, to_x, to_y) in [
        (arms.up, cx, top),
        (arms.right, x + CELL_W, cy),
        (arms.down, cx, top + CELL_H),
        (arms.left, x, cy),
    ] {
        let weight = match arm {
            Arm::No => continue,
            Arm::Light => "1.5",
            Arm::Heavy | Arm::Double => "3",
        };
        let _ = writeln!(
            out,
            "<path d=\"M{cx} {cy}L{to_x} {to_y}\" stroke=\"{color}\" stroke-width=\"{weight}\" stroke-linecap=\"square\"/>"
        );
    }
}

/// Two parallel lines; at a corner the outer pair and the inner pair each join.
fn draw_double(out: &mut String, arms: Arms, x: u32, top: u32, color: &str) {
    let (cx, cy) = (x + CELL_W / 2, top + CELL_H / 2);
    let mut d = String::new();
    let across = arms.left != Arm::No && arms.right != Arm::No;
    let upright = arms.up != Arm::No && arms.down != Arm::No;
    if across {
        let _ = write!(
            d,
            "M{x} {}H{}M{x} {}H{}",
            cy - 2,
            x + CELL_W,
            cy + 2,
            x + CELL_W
        );
    } else if upright {
        let _ = write!(
            d,
            "M{} {top}V{}M{} {top}V{}",
            cx - 2,
            top + CELL_H,
            cx + 2,
            top + CELL_H
        );
    } else {
        let right = arms.right != Arm::No;
        let down = arms.down != Arm::No;
        let edge_x = if right { x + CELL_W } else { x };
        let edge_y = if down { top + CELL_H } else { top };
        for outer in [true, false] {
            let px = if right == outer { cx - 2 } else { cx + 2 };
            let py = if down == outer { cy - 2 } else { cy + 2 };
            let _ = write!(d, "M{edge_x} {py}H{px}V{edge_y}");
        }
    }
    let _ = writeln!(
        out,
        "<path d=\"{d}\" fill=\"none\" stroke=\"{color}\" stroke-width=\"1.5\"/>"
    );
}

fn rect(
    out: &mut String,
    x: u32,
    y: u32,
    width: u32,
    height: u32,
    fill: &str,
    percent: Option<u8>,
) {
    let opacity = percent
        .map(|percent| format!(" fill-opacity=\"0.{percent:02}\""))
        .unwrap_or_default();
    let _ = writeln!(
        out,
        "<rect x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\" fill=\"{fill}\"{opacity}/>"
    );
}

fn hex([r, g, b]: [u8; 3]) -> String {
    format!("#{r:02x}{g:02x}{b:02x}")
}

/// Escapes text for XML and leaves out what XML 1.0 forbids.
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}

/// A colour as red, green, blue; the sixteen named ones as xterm has them; `None` for default.
fn fixed(color: Color) -> Option<[u8; 3]> {
    let named = match color {
        Color::Black => [0x00, 0x00, 0x00],
        Color::Red => [0xcd, 0x00, 0x00],
        Color::Green => [0x00, 0xcd, 0x00],
        Color::Yellow => [0xcd, 0xcd, 0x00],
        Color::Blue => [0x5c, 0x5c, 0xff],
        Color::Magenta => [0xcd, 0x00, 0xcd],
        Color::Cyan => [0x00, 0xcd, 0xcd],
        Color::Gray => [0xe5, 0xe5, 0xe5],
        Color::DarkGray => [0x7f, 0x7f, 0x7f],
        Color::LightRed => [0xff, 0x00, 0x00],
        Color::LightGreen => [0x00, 0xff, 0x00],
        Color::LightYellow => [0xff, 0xff, 0x00],
        Color::LightBlue => [0x5c, 0x5c, 0xff],
        Color::LightMagenta => [0xff, 0x00, 0xff],
        Color::LightCyan => [0x00, 0xff, 0xff],
        Color::White => [0xff, 0xff, 0xff],
        Color::Reset => return None,
        Color::Rgb(..) | Color::Indexed(_) => return depth::rgb(color),
    };
    Some(named)
}
