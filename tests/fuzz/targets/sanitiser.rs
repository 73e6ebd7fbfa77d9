//! Any bytes as what a node prints: only printable text comes out, of bounded length, the same wherever it was cut.
#![no_main]

use holdpoint::model::text::{Cleaner, LINE_CAP, clean_line, is_invisible};
use libfuzzer_sys::fuzz_target;

/// Room for the words that say what was cut off.
const WORDS: usize = 200;

fn lines(pieces: &[&[u8]]) -> Vec<String> {
    let mut cleaner = Cleaner::new();
    let mut lines: Vec<String> = pieces
        .iter()
        .flat_map(|piece| cleaner.feed(piece))
        .collect();
    lines.extend(cleaner.finish());
    lines
}

fuzz_target!(|input: &[u8]| {
    let Some((&cut, text)) = input.split_first() else {
        return;
    };
    let whole = lines(&[text]);
    for line in &whole {
        assert!(
            !line.chars().any(|c| c.is_control() || is_invisible(c)),
            "{line:?}"
        );
        assert!(line.len() <= LINE_CAP + WORDS, "{} bytes", line.len());
        // Longer ones would be cut once more.
        if line.len() <= LINE_CAP {
            assert_eq!(&clean_line(line), line, "what is clean stays as it is");
        }
    }
    let (before, after) = text.split_at(usize::from(cut) % (text.len() + 1));
    assert_eq!(lines(&[before, after]), whole);
    let bytes: Vec<&[u8]> = text.chunks(1).collect();
    assert_eq!(lines(&bytes), whole, "byte by byte");
});
