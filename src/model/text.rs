//! Makes text that a node printed safe to show: data in, printable lines out.
//!
//! What a node prints is data (a rule of the design): it never reaches the terminal, the journal's
//! reader or a report as control sequences. [`Cleaner`] eats bytes as they arrive, however they are cut
//! into packets, and gives whole lines without any control character. Invisible text becomes visible
//! (`⟨U+202E⟩`), a progress line that redraws itself collapses to its last state, and nothing
//! readable is dropped silently: a line that is too long says how much was cut.
//!
//! Sequences follow ECMA-48 (CSI, OSC, DCS, APC, PM, SOS, C1 in UTF-8). A raw byte 0x80-0x9f is not
//! UTF-8; it becomes U+FFFD and starts nothing.

/// Longest line in bytes that is kept; the rest is counted and the cut is said at the end of the line.
pub const LINE_CAP: usize = 4096;

/// Longest control string (title, clipboard, picture) that is swallowed. What follows is shown as text,
/// so that an unterminated sequence cannot hide output.
const SEQUENCE_CAP: usize = 4096;

/// Distance of tab stops in columns, as terminals have it.
const TAB_STOP: usize = 8;

/// Most combining marks that may follow one character; more would draw over other lines.
const MARKS_CAP: u8 = 2;

/// Cleans one stream of remote output. Keep one per stream: sequences and characters may be split
/// across calls.
#[derive(Debug, Default)]
pub struct Cleaner {
    /// Bytes of a character that the last call cut in two (at most three).
    cut_character: Vec<u8>,
    state: State,
    line: Line,
}

#[derive(Debug, Default, Clone, PartialEq, Eq)]
enum State {
    #[default]
    Text,
    /// After ESC, perhaps with intermediate characters.
    Escape,
    /// Inside CSI; holds its parameters, capped.
    Csi(String),
    /// Inside OSC, DCS, APC, PM or SOS; `after_escape` waits for the `\` of a string terminator.
    ControlString {
        swallowed: usize,
        after_escape: bool,
    },
}

impl Cleaner {
    /// Starts at the beginning of a line, outside any sequence.
    pub fn new() -> Self {
        Self::default()
    }

    /// Eats bytes and returns the lines that they finished, without line ends.
    pub fn feed(&mut self, bytes: &[u8]) -> Vec<String> {
        let mut lines = String::new();
        self.feed_into(bytes, &mut lines);
        lines.split_terminator('\n').map(str::to_owned).collect()
    }

    /// Eats bytes and adds the lines that they finished to `lines`, each with a newline at its end.
    pub fn feed_into(&mut self, bytes: &[u8], lines: &mut String) {
        let mut joined = std::mem::take(&mut self.cut_character);
        let mut rest = if joined.is_empty() {
            bytes
        } else {
            joined.extend_from_slice(bytes);
            joined.as_slice()
        };
        while !rest.is_empty() {
            match std::str::from_utf8(rest) {
                Ok(text) => {
                    self.characters(text, lines);
                    break;
                }
                Err(error) => {
                    let (good, bad) = rest.split_at(error.valid_up_to());
                    let text = std::str::from_utf8(good).expect("valid up to here by the decoder");
                    self.characters(text, lines);
                    let Some(wrong) = error.error_len() else {
                        self.cut_character = bad.to_vec();
                        break;
                    };
                    self.character('\u{fffd}', lines);
                    rest = &bad[wrong..];
                }
            }
        }
    }

    /// The line that is being written, for showing progress before its end arrives.
    pub fn unfinished(&self) -> Option<&str> {
        (!self.line.text.is_empty()).then_some(self.line.text.as_str())
    }

    /// Ends the stream: returns the last line if it had no line end. The cleaner is as new afterwards.
    pub fn finish(&mut self) -> Option<String> {
        let cut = !std::mem::take(&mut self.cut_character).is_empty();
        if cut {
            self.line.push('\u{fffd}');
        }
        self.state = State::Text;
        let line = self.line.end();
        (!line.is_empty()).then_some(line)
    }

    fn characters(&mut self, text: &str, lines: &mut String) {
        let mut rest = text;
        while let Some(c) = rest.chars().next() {
            // Nearly everything that is printed: no need to look at each character by itself.
            let is_plain = |byte: &u8| matches!(byte, b' '..=b'~');
            let taken = match self.state {
                State::Text => rest.bytes().take_while(is_plain).count(),
                State::Escape | State::Csi(_) | State::ControlString { .. } => 0,
            };
            let (plain, more) = rest.split_at(if taken > 0 { taken } else { c.len_utf8() });
            if taken > 0 {
                self.line.push_plain(plain);
            } else {
                self.character(c, lines);
            }
            rest = more;
        }
    }

    fn character(&mut self, c: char, lines: &mut String) {
        // A line end closes every sequence: better a stray payload on the screen than a hidden line.
        if c == '\n' {
            self.state = State::Text;
            self.line.end_into(lines);
            return;
        }
        match std::mem::take(&mut self.state) {
            State::Text => self.in_text(c, lines),
            State::Escape => self.in_escape(c, lines),
            State::Csi(parameters) => self.in_csi(parameters, c, lines),
            State::ControlString {
                swallowed,
                after_escape,
            } => {
                self.in_control_string(swallowed, after_escape, c, lines);
            }
        }
    }

    fn in_text(&mut self, c: char, lines: &mut String) {
        match c {
            '\u{1b}' => self.state = State::Escape,
            '\u{9b}' => self.state = State::Csi(String::new()),
            '\u{90}' | '\u{98}' | '\u{9d}' | '\u{9e}' | '\u{9f}' => self.state = control_string(),
            '\r' => self.line.restart = true,
            '\u{8}' => self.line.back += 1,
            '\t' => self.line.tab(),
            // Vertical tab, form feed, IND, NEL, RI: the cursor leaves this line.
            '\u{b}' | '\u{c}' | '\u{84}' | '\u{85}' | '\u{8d}' => self.leave_line(lines),
            c if c.is_control() => {}
            c => self.line.push(c),
        }
    }

    fn in_escape(&mut self, c: char, lines: &mut String) {
        match c {
            '[' => self.state = State::Csi(String::new()),
            ']' | 'P' | '_' | '^' | 'X' => self.state = control_string(),
            ' '..='/' => self.state = State::Escape,
            'D' | 'E' | 'M' => self.leave_line(lines),
            '0'..='~' => {}
            // Not a sequence after all: the character counts for itself.
            c => self.in_text(c, lines),
        }
    }

    fn in_csi(&mut self, mut parameters: String, c: char, lines: &mut String) {
        match c {
            ' '..='?' => {
                if parameters.len() < 32 {
                    parameters.push(c);
                }
                self.state = State::Csi(parameters);
            }
            '@'..='~' => self.csi(&parameters, c, lines),
            // Cancel and substitute end the sequence; other controls act inside it.
            '\u{18}' | '\u{1a}' => {}
            '\u{1b}' => self.state = State::Escape,
            c if c.is_ascii_control() => self.state = State::Csi(parameters),
            c => self.in_text(c, lines),
        }
    }

    /// The few sequences that decide what a reader sees; all others only vanish.
    fn csi(&mut self, parameters: &str, end: char, lines: &mut String) {
        match (end, parameters) {
            ('G' | '`', "" | "0" | "1") => self.line.restart = true,
            ('K', "2") => self.line.clear(),
            ('C', n) => {
                let columns = n.parse::<usize>().unwrap_or(1).clamp(1, 80);
                (0..columns).for_each(|_| self.line.push(' '));
            }
            ('A' | 'B' | 'E' | 'F' | 'H' | 'J' | 'd' | 'f', _) => self.leave_line(lines),
            _ => {}
        }
    }

    fn in_control_string(
        &mut self,
        swallowed: usize,
        after_escape: bool,
        c: char,
        lines: &mut String,
    ) {
        match c {
            '\u{7}' | '\u{9c}' | '\u{18}' | '\u{1a}' => {}
            '\\' if after_escape => {}
            // Any other character after ESC starts a new sequence, as terminals do it.
            c if after_escape => self.in_escape(c, lines),
            _ if swallowed >= SEQUENCE_CAP => {}
            c => {
                self.state = State::ControlString {
                    swallowed: swallowed + 1,
                    after_escape: c == '\u{1b}',
                };
            }
        }
    }

    /// The cursor moves to another line: what stands here is a line of its own.
    fn leave_line(&mut self, lines: &mut String) {
        if self.line.text.is_empty() {
            self.line.clear();
        } else {
            self.line.end_into(lines);
        }
    }
}

fn control_string() -> State {
    State::ControlString {
        swallowed: 0,
        after_escape: false,
    }
}

/// The line being written, with the cursor movements that programs use to redraw it.
#[derive(Debug, Default)]
struct Line {
    text: String,
    /// A carriage return came: the next character begins the line anew.
    restart: bool,
    /// So many backspaces came: the next character replaces from there.
    back: usize,
    /// Combining marks on the last character.
    marks: u8,
    /// Bytes that did not fit.
    dropped: usize,
}

impl Line {
    fn push(&mut self, c: char) {
        self.settle();
        let mut four = [0; 4];
        // One of them (U+034F) is drawn as nothing at all.
        if is_combining(c) && !is_invisible(c) {
            self.marks = self.marks.saturating_add(1);
            // At the start of a line it would join the frame's border.
            if self.marks > MARKS_CAP || self.text.is_empty() {
                return self.append(&visible(c));
            }
            return self.append(c.encode_utf8(&mut four));
        }
        self.marks = 0;
        if is_invisible(c) {
            self.append(&visible(c));
        } else {
            self.append(c.encode_utf8(&mut four));
        }
    }

    /// Printable ASCII.
    fn push_plain(&mut self, text: &str) {
        self.settle();
        self.marks = 0;
        let room = match self.dropped {
            0 => LINE_CAP.saturating_sub(self.text.len()).min(text.len()),
            _ => 0,
        };
        self.text.push_str(&text[..room]);
        self.dropped = self.dropped.saturating_add(text.len() - room);
    }

    fn tab(&mut self) {
        self.settle();
        let columns = self.text.chars().filter(|c| !is_combining(*c)).count();
        for _ in 0..TAB_STOP - columns % TAB_STOP {
            self.push(' ');
        }
    }

    /// Carries out a carriage return or backspaces that a further character makes visible.
    fn settle(&mut self) {
        if std::mem::take(&mut self.restart) {
            self.clear();
        }
        let back = std::mem::take(&mut self.back).min(self.text.len());
        for _ in 0..back {
            self.text.pop();
        }
        if back > 0 {
            // Those of the character that is the last one now.
            let marks = self.text.chars().rev().take_while(|c| is_combining(*c));
            self.marks = u8::try_from(marks.count()).unwrap_or(u8::MAX);
        }
    }

    fn append(&mut self, piece: &str) {
        if self.dropped > 0 || self.text.len() + piece.len() > LINE_CAP {
            self.dropped = self.dropped.saturating_add(piece.len());
        } else {
            self.text.push_str(piece);
        }
    }

    /// As new; the room for its text stays.
    fn clear(&mut self) {
        let mut text = std::mem::take(&mut self.text);
        text.clear();
        *self = Self {
            text,
            ..Self::default()
        };
    }

    fn end(&mut self) -> String {
        let mut line = String::new();
        self.end_into(&mut line);
        line.pop();
        line
    }

    /// Adds the line with a newline at its end, and begins the next one.
    fn end_into(&mut self, lines: &mut String) {
        lines.push_str(&self.text);
        if self.dropped > 0 {
            lines.push_str(&format!(" ⟨cut: {} more bytes⟩", self.dropped));
        }
        lines.push('\n');
        self.clear();
    }
}

/// Cleans a whole text (a banner, a file); its line ends stay.
pub fn clean(text: &str) -> String {
    let mut cleaner = Cleaner::new();
    let mut lines = cleaner.feed(text.as_bytes());
    lines.extend(cleaner.finish());
    lines.join("\n")
}

/// Cleans text that must stay on one line (a name, a path, a prompt): line ends become visible too.
pub fn clean_line(text: &str) -> String {
    let one = text
        .trim_end_matches(['\r', '\n'])
        .replace('\n', &visible('\n'));
    clean(&one)
}

/// Whether a line can be shown as it is: it has no control character, nothing invisible, and nothing that combines.
pub fn is_clean_line(line: &str) -> bool {
    let plain = |byte| matches!(byte, b' '..=b'~');
    let clean = |c: char| !(c.is_control() || is_invisible(c) || is_combining(c));
    line.bytes().all(plain) || line.chars().all(clean)
}

/// How an invisible character is shown: `⟨U+202E⟩`.
pub fn visible(c: char) -> String {
    format!("⟨U+{:04X}⟩", u32::from(c))
}

/// Characters that take no room or change the order of others: bidi controls, zero-width, fillers,
/// variation selectors, tags, separators (Unicode 16, default-ignorable and bidi-control properties).
pub fn is_invisible(c: char) -> bool {
    matches!(u32::from(c),
        0x00AD | 0x034F | 0x061C | 0x115F..=0x1160 | 0x17B4..=0x17B5 | 0x180B..=0x180F
        | 0x200B..=0x200F | 0x2028..=0x202E | 0x2060..=0x206F | 0x3164 | 0xFE00..=0xFE0F | 0xFEFF
        | 0xFFA0 | 0xFFF0..=0xFFFB | 0x1BCA0..=0x1BCA3 | 0x1D173..=0x1D17A | 0xE0000..=0xE0FFF)
}

/// Marks that are drawn onto the character before them (the blocks that terminals stack).
fn is_combining(c: char) -> bool {
    matches!(u32::from(c),
        0x0300..=0x036F | 0x0483..=0x0489 | 0x0591..=0x05BD | 0x05BF | 0x05C1..=0x05C2 | 0x05C4..=0x05C5
        | 0x05C7 | 0x0610..=0x061A | 0x064B..=0x065F | 0x0670 | 0x06D6..=0x06DC | 0x06DF..=0x06E4
        | 0x0711 | 0x0730..=0x074A | 0x093C | 0x0941..=0x0948 | 0x094D | 0x0E31 | 0x0E34..=0x0E3A
        | 0x0E47..=0x0E4E | 0x0EB1 | 0x0EB4..=0x0EBC | 0x0EC8..=0x0ECE | 0x1AB0..=0x1ACE
        | 0x1DC0..=0x1DFF | 0x20D0..=0x20F0 | 0x302A..=0x302D | 0x3099..=0x309A | 0xA66F..=0xA672
        | 0xFE20..=0xFE2F)
}
