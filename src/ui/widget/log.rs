//! The log: starts at the end, says whether it follows, holds when scrolled, searches inside.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::put;
use super::text_view::scrollbar;
use crate::ui::{Look, Role, format};

/// Where a line came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stream {
    Out,
    Err,
    /// A command that we sent.
    Cmd,
    /// Something observed by a probe.
    Obs,
    /// Something the operator wrote.
    Note,
}

/// One line, already cleaned of control sequences (`model::text`). `time` is written as the operator wants it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogLine<'a> {
    pub time: std::borrow::Cow<'a, str>,
    pub stream: Stream,
    pub text: &'a str,
}

/// Lines with absolute numbers: when old lines are dropped, `first` rises and the numbers stay.
pub trait LogSource {
    /// Number of the oldest line that is still there.
    fn first(&self) -> u64;
    /// Number behind the newest line.
    fn end(&self) -> u64;
    /// The line of that number, if it is there.
    fn line(&self, number: u64) -> Option<LogLine<'_>>;
}

impl LogSource for [LogLine<'_>] {
    fn first(&self) -> u64 {
        0
    }
    fn end(&self) -> u64 {
        self.len() as u64
    }
    fn line(&self, number: u64) -> Option<LogLine<'_>> {
        self.get(usize::try_from(number).ok()?).cloned()
    }
}

/// What is searched. A leading `!` finds lines without the text; capitals make it exact.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Search {
    text: String,
    invert: bool,
    exact: bool,
}

impl Search {
    /// Reads what the operator typed; `None` when it is empty.
    pub fn parse(typed: &str) -> Option<Self> {
        let invert = typed.starts_with('!');
        let text = typed.strip_prefix('!').unwrap_or(typed);
        let exact = text.chars().any(char::is_uppercase);
        (!text.is_empty()).then(|| Self {
            text: text.to_owned(),
            invert,
            exact,
        })
    }

    /// Whether a line is found.
    pub fn finds(&self, line: &str) -> bool {
        self.places(line).is_empty() == self.invert
    }

    /// Byte ranges of the text in a line, whole characters always.
    fn places(&self, line: &str) -> Vec<std::ops::Range<usize>> {
        let mut out = Vec::new();
        let mut at = 0;
        while at < line.len() {
            match self.match_len(&line[at..]) {
                Some(len) if len > 0 => {
                    out.push(at..at + len);
                    at += len;
                }
                Some(_) | None => at += line[at..].chars().next().map_or(1, char::len_utf8),
            }
        }
        out
    }

    /// Length in bytes of a match at the start of `rest`.
    fn match_len(&self, rest: &str) -> Option<usize> {
        let mut wanted = self.text.chars();
        let mut len = 0;
        for have in rest.chars() {
            let Some(want) = wanted.next() else {
                return Some(len);
            };
            if !self.same(have, want) {
                return None;
            }
            len += have.len_utf8();
        }
        wanted.next().is_none().then_some(len)
    }

    fn same(&self, have: char, want: char) -> bool {
        have == want || (!self.exact && have.to_lowercase().eq(want.to_lowercase()))
    }
}

/// How the operator looks at a log. New lines change none of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LogState {
    /// Number of the top line when held; `None` follows the end.
    pub held: Option<u64>,
    /// Columns scrolled to the right.
    pub left: usize,
    pub wrap: bool,
    pub search: Option<Search>,
    /// The line that the last search step stands on.
    pub found: Option<u64>,
}

impl LogState {
    /// True while new lines scroll the log.
    pub fn follows(&self) -> bool {
        self.held.is_none()
    }

    /// Follows the end again.
    pub fn follow(&mut self) {
        self.held = None;
    }

    /// Switches between following and holding at the present page.
    pub fn toggle_follow(&mut self, source: &(impl LogSource + ?Sized), rows: u64) {
        self.held = if self.follows() {
            Some(last_top(source, rows))
        } else {
            None
        };
    }

    /// Holds with this line at the top.
    pub fn hold_at(&mut self, number: u64) {
        self.held = Some(number);
    }

    /// Scrolls by lines, up when negative. Reaching the end follows again.
    pub fn scroll(&mut self, source: &(impl LogSource + ?Sized), rows: u64, lines: i64) {
        let last = last_top(source, rows);
        let top = self
            .held
            .unwrap_or(last)
            .saturating_add_signed(lines)
            .max(source.first());
        self.held = (top < last).then_some(top);
    }

    /// Goes to the next found line in a direction and holds there; false when there is none.
    pub fn step(&mut self, source: &(impl LogSource + ?Sized), rows: u64, backwards: bool) -> bool {
        let Some(search) = &self.search else {
            return false;
        };
        let from = self.found.unwrap_or(if backwards {
            source.end()
        } else {
            source.first().saturating_sub(1)
        });
        let finds = |number: &u64| {
            source
                .line(*number)
                .is_some_and(|line| search.finds(line.text))
        };
        let next = if backwards {
            (source.first()..from.min(source.end())).rev().find(finds)
        } else {
            let start = if self.found.is_some() {
                from + 1
            } else {
                source.first()
            };
            (start.max(source.first())..source.end()).find(finds)
        };
        let Some(number) = next else { return false };
        self.found = Some(number);
        self.held = Some(number.saturating_sub(rows / 2).max(source.first()));
        true
    }
}

/// Number of the top line when the end is shown and lines are not wrapped.
fn last_top(source: &(impl LogSource + ?Sized), rows: u64) -> u64 {
    source.end().saturating_sub(rows).max(source.first())
}

/// Draws a log.
#[derive(Clone, Copy)]
pub struct LogPane<'a, S: LogSource + ?Sized> {
    look: &'a Look,
    source: &'a S,
    state: &'a LogState,
}

impl<'a, S: LogSource + ?Sized> LogPane<'a, S> {
    /// A view of the source as the state says.
    pub fn new(look: &'a Look, source: &'a S, state: &'a LogState) -> Self {
        Self {
            look,
            source,
            state,
        }
    }

    /// What the frame says about the view: `follow on · wrap off · 1,284 lines`.
    pub fn remark(&self) -> String {
        let on = |yes: bool| if yes { "on" } else { "off" };
        let dot = self.look.signs.dot;
        let lines = self.source.end();
        format!(
            "follow {} {dot} wrap {} {dot} {}",
            on(self.state.follows()),
            on(self.state.wrap),
            format::plural(lines, "line", "lines")
        )
    }

    /// Draws the lines that fit.
    pub fn render(&self, area: Rect, buf: &mut Buffer) {
        let area = area.intersection(buf.area);
        if area.is_empty() {
            return;
        }
        let total = usize::try_from(self.source.end() - self.source.first()).unwrap_or(usize::MAX);
        let bar = total > usize::from(area.height);
        let text = Rect {
            width: area.width - u16::from(bar),
            ..area
        };
        let top = self.top(text);
        let mut y = text.y;
        let mut number = top;
        while y < text.bottom() && number < self.source.end() {
            y += self.line(buf, text, y, number);
            number += 1;
        }
        if bar {
            let above = usize::try_from(top - self.source.first()).unwrap_or(usize::MAX);
            scrollbar(buf, area, above, total, self.look);
        }
    }

    fn top(&self, text: Rect) -> u64 {
        let rows = u64::from(text.height);
        match self.state.held {
            Some(held) => held.clamp(self.source.first(), last_top(self.source, rows)),
            None if self.state.wrap => self.last_top_wrapped(text),
            None => last_top(self.source, rows),
        }
    }

    /// Walks up from the end until the page is full.
    fn last_top_wrapped(&self, text: Rect) -> u64 {
        let mut rows = 0;
        let mut number = self.source.end();
        while number > self.source.first() {
            let tall = self
                .source
                .line(number - 1)
                .map_or(1, |line| self.pieces(&line, text).len());
            rows += tall;
            if rows > usize::from(text.height) && number < self.source.end() {
                break;
            }
            number -= 1;
        }
        number
    }

    fn line(&self, buf: &mut Buffer, text: Rect, y: u16, number: u64) -> u16 {
        let Some(line) = self.source.line(number) else {
            return 1;
        };
        let (prefix, role) = prefix(&line);
        let signs = self.look.signs;
        let time = put(
            buf,
            text,
            text.x,
            y,
            &line.time,
            self.look.style(Role::LogTime),
            signs,
        );
        put(
            buf,
            text,
            text.x + time + 1,
            y,
            stream_word(line.stream),
            self.look.style(role),
            signs,
        );
        let x = text.x.saturating_add(prefix);
        let body = Rect {
            x: x.min(text.right()),
            width: text.right().saturating_sub(x),
            ..text
        };
        let mut rows: u16 = 0;
        for piece in self.pieces(&line, text) {
            let row = y.saturating_add(rows);
            put(
                buf,
                body,
                body.x,
                row,
                &piece,
                self.look.style(role_of_text(line.stream)),
                signs,
            );
            self.highlight(buf, body, row, &piece, number);
            rows += 1;
        }
        rows.max(1)
    }

    /// The rows that a line takes, scrolled sideways or wrapped.
    fn pieces(&self, line: &LogLine<'_>, text: Rect) -> Vec<String> {
        let room = usize::from(text.width.saturating_sub(prefix(line).0));
        if self.state.wrap {
            return format::wrap(line.text, room);
        }
        let mut skipped = 0;
        let shown = format::graphemes(line.text)
            .into_iter()
            .skip_while(|(_, wide)| {
                skipped += wide;
                skipped <= self.state.left
            });
        vec![shown.map(|(symbol, _)| symbol).collect()]
    }

    fn highlight(&self, buf: &mut Buffer, body: Rect, y: u16, piece: &str, number: u64) {
        let Some(search) = self.state.search.as_ref().filter(|search| !search.invert) else {
            return;
        };
        let role = if self.state.found == Some(number) {
            Role::LogMatchNow
        } else {
            Role::LogMatch
        };
        for place in search.places(piece) {
            let before = u16::try_from(format::width(&piece[..place.start])).unwrap_or(u16::MAX);
            let wide = u16::try_from(format::width(&piece[place])).unwrap_or(u16::MAX);
            let at = Rect::new(body.x.saturating_add(before), y, wide, 1).intersection(body);
            buf.set_style(at, self.look.theme.overlay(role));
        }
    }
}

/// Columns of time and word before the text, and the word's role.
fn prefix(line: &LogLine<'_>) -> (u16, Role) {
    let columns = format::width(&line.time) + 1 + 3 + 2;
    (
        u16::try_from(columns).unwrap_or(u16::MAX),
        role_of_word(line.stream),
    )
}

fn stream_word(stream: Stream) -> &'static str {
    match stream {
        Stream::Out => "out",
        Stream::Err => "err",
        Stream::Cmd => "cmd",
        Stream::Obs => "obs",
        Stream::Note => "you",
    }
}

fn role_of_word(stream: Stream) -> Role {
    match stream {
        Stream::Out => Role::Dim,
        Stream::Err | Stream::Cmd | Stream::Obs | Stream::Note => role_of_text(stream),
    }
}

fn role_of_text(stream: Stream) -> Role {
    match stream {
        Stream::Out => Role::LogOut,
        Stream::Err => Role::LogErr,
        Stream::Cmd => Role::LogCmd,
        Stream::Obs => Role::LogObs,
        Stream::Note => Role::LogNote,
    }
}
