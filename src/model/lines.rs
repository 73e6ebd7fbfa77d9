//! Lines of text that are passed on together.

use std::fmt;
use std::sync::Arc;

/// Whole lines, in order, shared by all who look at them. Whoever makes them has cleaned them ([`super::text::Cleaner`]).
#[derive(Clone, PartialEq, Eq)]
pub struct Lines {
    /// Each line with a newline at its end.
    text: Arc<str>,
    count: usize,
}

impl Lines {
    /// From a text; a last line without a newline gets one.
    pub fn new(text: &str) -> Lines {
        let text: Arc<str> = if text.is_empty() || text.ends_with('\n') {
            text.into()
        } else {
            format!("{text}\n").into()
        };
        let count = newlines(text.as_bytes());
        Lines { text, count }
    }

    /// One line, which may be empty.
    pub fn one(line: &str) -> Lines {
        Lines::new(&format!("{line}\n"))
    }

    /// How many they are.
    pub fn count(&self) -> usize {
        self.count
    }

    /// All of them, each with a newline at its end.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// One after the other, without their newlines.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &str> {
        self.text.split_terminator('\n')
    }

    /// Cuts a text into batches of whole lines: each of at most `count` lines and `bytes` bytes, or one line that is longer.
    pub fn batches(text: &str, count: usize, bytes: usize) -> impl Iterator<Item = Lines> {
        let mut rest = text;
        std::iter::from_fn(move || {
            let (first, more) = rest.split_at(first_batch(rest, count, bytes));
            rest = more;
            (!first.is_empty()).then(|| Lines::new(first))
        })
    }
}

/// Counted in pieces whose count fits into a byte: many times quicker than one by one.
fn newlines(text: &[u8]) -> usize {
    let count = |piece: &[u8]| -> u8 { piece.iter().map(|byte| u8::from(*byte == b'\n')).sum() };
    text.chunks(192)
        .map(|piece| usize::from(count(piece)))
        .sum()
}

/// Bytes of the first batch of a text.
fn first_batch(text: &str, count: usize, bytes: usize) -> usize {
    let ends = text.match_indices('\n').map(|(at, _)| at + 1);
    let mut whole = 0;
    for end in ends.chain([text.len()]).take(count.max(1)) {
        if whole > 0 && end > bytes {
            break;
        }
        whole = end;
    }
    whole
}

impl fmt::Debug for Lines {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(text: &str, count: usize, bytes: usize) -> Vec<String> {
        let batches = Lines::batches(text, count, bytes);
        batches.map(|lines| lines.as_str().to_owned()).collect()
    }

    #[test]
    fn empty_lines_count_and_a_missing_newline_is_added() {
        let lines = Lines::new("a\n\nb");
        assert_eq!(lines.iter().collect::<Vec<_>>(), ["a", "", "b"]);
        assert_eq!((lines.count(), lines.as_str()), (3, "a\n\nb\n"));
        assert_eq!(Lines::one("").iter().collect::<Vec<_>>(), [""]);
        assert_eq!(Lines::new("").count(), 0);
        assert_eq!(Lines::new(&"\n".repeat(1_000)).count(), 1_000);
    }

    #[test]
    fn batches_hold_whole_lines_and_all_of_them() {
        assert_eq!(told("a\nb\nc\n", 2, 100), ["a\nb\n", "c\n"]);
        assert_eq!(told("aaa\nb\nc\nd", 9, 5), ["aaa\n", "b\nc\nd\n"]);
        assert_eq!(
            told("longer than that\nb\n", 9, 4),
            ["longer than that\n", "b\n"]
        );
        assert_eq!(told("\n\n\n", 1, 1), ["\n", "\n", "\n"]);
        assert!(told("", 2, 5).is_empty());
    }
}
