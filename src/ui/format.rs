//! How numbers, times and names are written on the screen, the same everywhere.

use jiff::Timestamp;
use ratatui::buffer::CellWidth as _;
use ratatui::style::Style;
use ratatui::text::Span;

use super::signs::Signs;

/// A duration in milliseconds as `0s`, `42s`, `4m12s`, `1h22m`, `2d03h`: two units, cut, never rounded up.
pub fn duration(ms: u64) -> String {
    let s = ms / 1000;
    match s {
        0..60 => format!("{s}s"),
        60..3600 => format!("{}m{:02}s", s / 60, s % 60),
        3600..86_400 => format!("{}h{:02}m", s / 3600, s / 60 % 60),
        _ => format!("{}d{:02}h", s / 86_400, s / 3600 % 24),
    }
}

/// A duration that a person plans with, in whole minutes from one minute on: `45s`, `18m`, `1h22m`.
pub fn duration_coarse(ms: u64) -> String {
    let s = ms / 1000;
    if (60..3600).contains(&s) {
        format!("{}m", s / 60)
    } else {
        duration(ms)
    }
}

/// A usual range: `15-21m`, `1h22m-1h45m`, or one value when both ends read the same.
pub fn range(low_ms: u64, high_ms: u64) -> String {
    let (low, high) = (duration_coarse(low_ms), duration_coarse(high_ms));
    match (low.strip_suffix('m'), high.strip_suffix('m')) {
        _ if low == high => low,
        (Some(from), Some(_)) if !low.contains('h') && !high.contains('h') => {
            format!("{from}-{high}")
        }
        _ => format!("{low}-{high}"),
    }
}

/// Time since something began as a stop watch shows it: `04:12`, `1:36:20`.
pub fn stopwatch(ms: u64) -> String {
    let s = ms / 1000;
    if s < 3600 {
        format!("{:02}:{:02}", s / 60, s % 60)
    } else {
        format!("{}:{:02}:{:02}", s / 3600, s / 60 % 60, s % 60)
    }
}

/// How long ago something was seen: `now` below one second, else the larger unit only: `2s`, `4m`, `3h`, `2d`.
pub fn age(ms: u64) -> String {
    let s = ms / 1000;
    match s {
        0 => "now".to_owned(),
        1..60 => format!("{s}s"),
        60..3600 => format!("{}m", s / 60),
        3600..86_400 => format!("{}h", s / 3600),
        _ => format!("{}d", s / 86_400),
    }
}

/// A time of day in UTC from milliseconds since the Unix epoch: `03:49:27Z`.
pub fn clock(unix_ms: i64) -> String {
    utc(unix_ms, "%H:%M:%SZ")
}

/// A time of day in UTC to the minute: `03:49Z`.
pub fn clock_minute(unix_ms: i64) -> String {
    utc(unix_ms, "%H:%MZ")
}

/// A day and time in UTC, as files use it (RFC 3339): `2026-11-21T03:49:27Z`.
pub fn stamp(unix_ms: i64) -> String {
    utc(unix_ms, "%Y-%m-%dT%H:%M:%SZ")
}

fn utc(unix_ms: i64, pattern: &str) -> String {
    match Timestamp::from_millisecond(unix_ms) {
        Ok(time) => time.strftime(pattern).to_string(),
        Err(_) => "?".to_owned(),
    }
}

/// A whole number with a comma every three digits: `1,284`.
pub fn count(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// A number with its noun: `1 node`, `3 nodes`. Nouns with another plural pass it themselves.
pub fn plural(n: u64, one: &str, many: &str) -> String {
    format!("{} {}", count(n), if n == 1 { one } else { many })
}

/// Columns that a text takes, exactly as it will be drawn.
pub fn width(text: &str) -> usize {
    if text.bytes().all(|byte| (b' '..=b'~').contains(&byte)) {
        return text.len();
    }
    graphemes(text).into_iter().map(|(_, width)| width).sum()
}

/// Cuts a text to so many columns; where something was cut the last column holds the cut sign. Never
/// splits a character and never returns more columns than asked for.
pub fn clip(text: &str, columns: usize, signs: &Signs) -> String {
    if width(text) <= columns {
        return text.to_owned();
    }
    let sign = signs.cut;
    if columns < width(sign) {
        return String::new();
    }
    let mut out = take(text, columns - width(sign));
    out.push_str(sign);
    out
}

/// Clips and fills with spaces to exactly so many columns.
pub fn pad(text: &str, columns: usize, signs: &Signs) -> String {
    let mut out = clip(text, columns, signs);
    let missing = columns.saturating_sub(width(&out));
    out.extend(std::iter::repeat_n(' ', missing));
    out
}

/// As [`pad`], with the text at the right end.
pub fn pad_left(text: &str, columns: usize, signs: &Signs) -> String {
    let out = clip(text, columns, signs);
    let missing = columns.saturating_sub(width(&out));
    " ".repeat(missing) + &out
}

/// Shortens a name from the middle, so that both ends stay readable: `SHA256:Jx2v..q8M`.
pub fn middle(text: &str, columns: usize, signs: &Signs) -> String {
    let sign = signs.middle_cut;
    if width(text) <= columns {
        return text.to_owned();
    }
    let Some(room) = columns.checked_sub(width(sign)).filter(|room| *room > 0) else {
        return clip(text, columns, signs);
    };
    let tail = room / 2;
    format!("{}{sign}{}", take(text, room - tail), take_end(text, tail))
}

/// Breaks a text into lines of at most so many columns, at spaces where there are some. Leading spaces of
/// the first line stay; line ends in the text are kept as breaks.
pub fn wrap(text: &str, columns: usize) -> Vec<String> {
    text.split('\n')
        .flat_map(|line| wrap_line(line, columns.max(1)))
        .collect()
}

fn wrap_line(line: &str, columns: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let mut current = String::new();
    let mut used = 0;
    // The byte after the last space in `current`: the place to break.
    let mut space = None;
    for (symbol, wide) in graphemes(line) {
        if used + wide > columns {
            let rest = break_at(&mut current, space.take(), symbol == " ");
            lines.push(std::mem::replace(&mut current, rest));
            used = width(&current);
            if symbol == " " && current.is_empty() {
                continue;
            }
        }
        current.push_str(symbol);
        used += wide;
        if symbol == " " && !current.trim().is_empty() {
            space = Some(current.len());
        }
    }
    lines.push(current);
    lines
}

/// Splits off what goes to the next line.
fn break_at(current: &mut String, space: Option<usize>, at_space: bool) -> String {
    match space {
        Some(at) if !at_space => {
            let rest = current.split_off(at);
            current.truncate(current.trim_end().len());
            rest
        }
        Some(_) | None => String::new(),
    }
}

fn take(text: &str, columns: usize) -> String {
    let mut used = 0;
    graphemes(text)
        .into_iter()
        .map_while(|(symbol, wide)| {
            used += wide;
            (used <= columns).then_some(symbol)
        })
        .collect()
}

fn take_end(text: &str, columns: usize) -> String {
    let all = graphemes(text);
    let mut used = 0;
    let from = all.iter().rposition(|(_, wide)| {
        used += wide;
        used > columns
    });
    all[from.map_or(0, |at| at + 1)..]
        .iter()
        .map(|(symbol, _)| *symbol)
        .collect()
}

/// The drawn units of a text with their columns, segmented and measured by ratatui itself, so that what
/// is measured here is what is drawn. Control characters are left out, as they are in drawing.
pub fn graphemes(text: &str) -> Vec<(&str, usize)> {
    let mut out = Vec::with_capacity(text.len());
    for piece in text.split(char::is_control) {
        let span = Span::raw(piece);
        let mut at = 0;
        for grapheme in span.styled_graphemes(Style::new()) {
            let end = at + grapheme.symbol.len();
            out.push((&piece[at..end], usize::from(grapheme.symbol.cell_width())));
            at = end;
        }
    }
    out
}
