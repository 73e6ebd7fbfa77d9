//! Parts of a screen. Each is a value with borrowed data that draws itself into a buffer, changes nothing,
//! and is safe at every size down to nothing.

mod bar;
mod footer;
mod log;
mod panel;
mod popup;
mod strip;
mod table;
mod text_view;

pub use bar::{ProgressBar, TimeBar};
pub use footer::Footer;
pub use log::{LogLine, LogPane, LogSource, LogState, Search, Stream};
pub use panel::{FrameKind, Panel};
pub use popup::Popup;
pub use strip::{PhaseItem, PhaseStrip};
pub use table::{Cell, Column, Table, TableRow};
pub use text_view::TextView;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use super::format;
use super::signs::Signs;

/// Writes text at a place inside an area, clipped with the cut sign; returns the columns it took. Outside of the area
/// nothing happens.
pub fn put(
    buf: &mut Buffer,
    area: Rect,
    x: u16,
    y: u16,
    text: &str,
    style: Style,
    signs: &Signs,
) -> u16 {
    let area = area.intersection(buf.area);
    if y < area.top() || y >= area.bottom() || x < area.left() || x >= area.right() {
        return 0;
    }
    let room = usize::from(area.right() - x);
    let shown = format::clip(text, room, signs);
    let (end, _) = buf.set_stringn(x, y, &shown, room, style);
    end - x
}

/// Fills an area with blanks in a style.
pub fn fill(buf: &mut Buffer, area: Rect, style: Style) {
    let area = area.intersection(buf.area);
    for position in area.positions() {
        buf[position].reset();
    }
    buf.set_style(area, style);
}

/// Part of a whole in columns, rounded to the nearest, never full before the end.
fn share(part: u64, whole: u64, columns: u16) -> u16 {
    if whole == 0 {
        return 0;
    }
    let part = part.min(whole);
    let columns_wide = u128::from(columns);
    let share = (u128::from(part) * columns_wide * 2 + u128::from(whole)) / (u128::from(whole) * 2);
    let share = u16::try_from(share).unwrap_or(columns).min(columns);
    if part < whole {
        share.min(columns.saturating_sub(1))
    } else {
        share
    }
}
