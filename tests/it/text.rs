//! What a node prints is data: whatever it sends, only printable text comes out.

use holdpoint::model::text::{Cleaner, LINE_CAP, clean, clean_line, is_clean_line};
use proptest::prelude::*;

/// What came in, and the lines that must come out.
const CORPUS: &[(&str, &[&str])] = &[
    ("plain\n", &["plain"]),
    ("no end", &["no end"]),
    ("two\nlines\n", &["two", "lines"]),
    ("dos\r\nlines\r\n", &["dos", "lines"]),
    ("\n\n", &["", ""]),
    // Colour, cursor, modes.
    ("\x1b[1;31mred\x1b[0m\n", &["red"]),
    ("\x1b[?25l\x1b[?1049hhidden\x1b[?2004h\n", &["hidden"]),
    ("\x1b[38;2;1;2;3mx\x1b[39:1m\n", &["x"]),
    ("a\x1b[2;1Hb\n", &["a", "b"]),
    ("\x1b[2J\x1b[Hclean\n", &["clean"]),
    ("a\x1b[3Cb\n", &["a   b"]),
    ("\x1b[6nq\x1b[cr\x1b[5n\n", &["qr"]),
    (
        "\x1b[9999999999999999999999999999999999999999999999999999mx\n",
        &["x"],
    ),
    ("\x1b[1\x1b[2mx\n", &["x"]),
    ("\x1b[12\x18x\n", &["x"]),
    ("\x1b[é\n", &["é"]),
    // Titles, links, clipboard, with both ends.
    ("\x1b]0;owned\x07a\n", &["a"]),
    ("\x1b]2;owned\x1b\\a\n", &["a"]),
    ("\x1b]52;c;aGVsbG8=\x07a\n", &["a"]),
    (
        "\x1b]8;;http://example.net\x1b\\link\x1b]8;;\x1b\\\n",
        &["link"],
    ),
    ("\u{9d}52;c;aGVsbG8=\u{9c}a\n", &["a"]),
    ("\x1b]0;never ended\nnext\n", &["", "next"]),
    ("\x1b]0;t\x1b[31mred\n", &["red"]),
    // DCS, APC, PM, SOS.
    ("\x1bP$q\"p\x1b\\a\n", &["a"]),
    ("\x1b_Gf=100;AAAA\x1b\\a\n", &["a"]),
    ("\x1b^private\x1b\\a\n", &["a"]),
    ("\x1bXstart of string\x1b\\a\n", &["a"]),
    ("\u{90}q#0\u{9c}a\u{9f}b\u{9c}c\u{9e}d\u{9c}e\n", &["ace"]),
    // Two-character sequences and character sets.
    ("\x1b(0lqk\x1b(B\x1bc\x1b7\x1b8x\n", &["lqkx"]),
    ("up\x1bMdown\n", &["up", "down"]),
    ("next\u{85}line\n", &["next", "line"]),
    ("\u{9b}31mred\n", &["red"]),
    ("\x1b", &[]),
    ("\x1b[", &[]),
    // Controls.
    ("a\x07b\x00c\x7fd\x0ee\n", &["abcde"]),
    ("a\tb\n", &["a       b"]),
    ("12345678\tb\n", &["12345678        b"]),
    // A line that redraws itself.
    ("10%\r20%\r100%\n", &["100%"]),
    ("10%\x1b[1G20%\x1b[G30%\n", &["30%"]),
    ("long line\r\x1b[Kok\n", &["ok"]),
    ("gone\x1b[2K\rok\n", &["ok"]),
    ("done\r", &["done"]),
    ("wait |\x08/\x08-\x08\\\n", &["wait \\"]),
    ("abc\x08\x08\x08\n", &["abc"]),
    ("N\x08NA\x08A\n", &["NA"]),
    // Invisible text is shown.
    ("a\u{202e}b\n", &["a⟨U+202E⟩b"]),
    ("\u{2066}x\u{2069}\n", &["⟨U+2066⟩x⟨U+2069⟩"]),
    ("ro\u{200b}ot\n", &["ro⟨U+200B⟩ot"]),
    ("\u{feff}bom\n", &["⟨U+FEFF⟩bom"]),
    ("\u{e0041}tag\n", &["⟨U+E0041⟩tag"]),
    ("x\u{fe0f}\n", &["x⟨U+FE0F⟩"]),
    ("a\u{2028}b\n", &["a⟨U+2028⟩b"]),
    ("e\u{301}\u{302}\n", &["e\u{301}\u{302}"]),
    (
        "e\u{301}\u{302}\u{303}\u{304}\n",
        &["e\u{301}\u{302}⟨U+0303⟩⟨U+0304⟩"],
    ),
    ("\u{301}x\n", &["⟨U+0301⟩x"]),
    ("a\u{34f}b\n", &["a⟨U+034F⟩b"]),
    // A backspace does not make room for more of them.
    (
        "e\u{301}\u{302}2\x08\u{303}\n",
        &["e\u{301}\u{302}⟨U+0303⟩"],
    ),
    // Honest text of the world.
    ("Größe 日本語 ✓\n", &["Größe 日本語 ✓"]),
];

/// Feeds bytes in pieces of a size and returns all lines.
fn lines(bytes: &[u8], piece: usize) -> Vec<String> {
    let mut cleaner = Cleaner::new();
    let mut out: Vec<_> = bytes
        .chunks(piece)
        .flat_map(|chunk| cleaner.feed(chunk))
        .collect();
    out.extend(cleaner.finish());
    out
}

#[test]
fn every_sequence_comes_out_as_text_however_it_is_cut() {
    for (dirty, wanted) in CORPUS {
        for piece in 1..=dirty.len() {
            assert_eq!(
                lines(dirty.as_bytes(), piece),
                *wanted,
                "{dirty:?} in pieces of {piece}"
            );
        }
    }
}

/// Notes everything that a terminal would do besides showing text.
#[derive(Default)]
struct Deeds(Vec<String>);

impl vt100::Callbacks for Deeds {
    fn set_window_title(&mut self, _: &mut vt100::Screen, title: &[u8]) {
        self.0.push(format!("title {title:?}"));
    }
    fn set_window_icon_name(&mut self, _: &mut vt100::Screen, name: &[u8]) {
        self.0.push(format!("icon {name:?}"));
    }
    fn copy_to_clipboard(&mut self, _: &mut vt100::Screen, _: &[u8], data: &[u8]) {
        self.0.push(format!("clipboard {data:?}"));
    }
    fn audible_bell(&mut self, _: &mut vt100::Screen) {
        self.0.push("bell".to_owned());
    }
    fn unhandled_osc(&mut self, _: &mut vt100::Screen, params: &[&[u8]]) {
        self.0.push(format!("osc {params:?}"));
    }
}

fn size(cells: u16) -> std::num::NonZero<u16> {
    std::num::NonZero::new(cells).unwrap()
}

/// Shows text in a terminal emulator: what stands there, and what else happened.
fn emulate(text: &str) -> (String, Vec<String>) {
    let mut parser = vt100::Parser::new_with_callbacks(size(24), size(200), 0, Deeds::default());
    parser.process(text.replace('\n', "\r\n").as_bytes());
    let shown = parser.screen().contents();
    (shown, std::mem::take(&mut parser.callbacks_mut().0))
}

#[test]
fn a_terminal_shows_exactly_the_cleaned_text_and_does_nothing_else() {
    let (_, deeds) = emulate("\x1b]0;owned\x07\x1b]52;c;aGVsbG8=\x07\x07");
    assert_eq!(
        deeds.len(),
        4,
        "the emulator notices what is not cleaned: {deeds:?}"
    );
    for (dirty, wanted) in CORPUS {
        let cleaned = lines(dirty.as_bytes(), dirty.len()).join("\n");
        let (shown, deeds) = emulate(&cleaned);
        assert_eq!(deeds, [""; 0], "{dirty:?}");
        assert_eq!(shown.trim_end(), wanted.join("\n").trim_end(), "{dirty:?}");
    }
}

#[test]
fn bytes_that_are_no_text_are_marked_and_start_nothing() {
    assert_eq!(lines(b"a\xffb\n", 1), ["a\u{fffd}b"]);
    assert_eq!(
        lines(b"\x9d52;c;aGk=\x9c!\n", 3),
        ["\u{fffd}52;c;aGk=\u{fffd}!"]
    );
    assert_eq!(lines(b"cut \xe6\x97", 4), ["cut \u{fffd}"]);
}

#[test]
fn an_endless_line_or_sequence_is_bounded_and_the_cut_is_told() {
    let mut cleaner = Cleaner::new();
    for _ in 0..1000 {
        assert!(cleaner.feed(&[b'x'; 1000]).is_empty());
        assert!(
            cleaner
                .unfinished()
                .is_some_and(|line| line.len() <= LINE_CAP)
        );
    }
    let line = cleaner.finish().unwrap();
    assert!(
        line.ends_with("x ⟨cut: 995904 more bytes⟩"),
        "{}",
        &line[LINE_CAP..]
    );
    // A sequence that never ends hides at most its cap.
    let hidden = lines(&[b"\x1b]0;".as_slice(), &[b'y'; 5000]].concat(), 100);
    assert!(hidden[0].len() > 800, "{}", hidden[0].len());
}

#[test]
fn progress_can_be_seen_before_the_line_ends() {
    let mut cleaner = Cleaner::new();
    assert_eq!(cleaner.feed(b"one\n10%\r38"), ["one"]);
    assert_eq!(cleaner.unfinished(), Some("38"));
    assert!(cleaner.feed(b"%").is_empty());
    assert_eq!(cleaner.unfinished(), Some("38%"));
    assert_eq!(cleaner.finish().as_deref(), Some("38%"));
    assert_eq!(cleaner.finish(), None);
}

#[test]
fn names_stay_on_one_line() {
    assert_eq!(clean_line("st1\nroot@evil"), "st1⟨U+000A⟩root@evil");
    assert_eq!(clean_line("Password: \n"), "Password: ");
    assert_eq!(clean("a\x1b[1m\nb\n"), "a\nb");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn nothing_but_printable_text_comes_out_and_cuts_do_not_matter(
        bytes in proptest::collection::vec(
            prop_oneof![Just(0x1bu8), Just(b'['), Just(b']'), Just(b'\\'), Just(7), Just(b'\r'), Just(b'\n'), Just(0xc2), Just(0x9b), any::<u8>()],
            0..200,
        ),
        piece in 1usize..40,
    ) {
        let whole = lines(&bytes, bytes.len().max(1));
        prop_assert_eq!(&lines(&bytes, piece), &whole);
        for line in &whole {
            prop_assert!(!line.chars().any(char::is_control), "{:?}", line);
            prop_assert!(emulate(line).1.is_empty());
        }
    }
}

#[test]
fn what_was_cleaned_is_clean_even_where_it_was_cut() {
    let long = "x".repeat(2 * LINE_CAP) + "\n";
    let cut = &Cleaner::new().feed(long.as_bytes())[0];
    assert!(is_clean_line(cut), "cut again it would count itself");
    assert!(is_clean_line("Größe 日本語 ✓") && is_clean_line(""));
    for dirty in ["a\tb", "a\u{202e}b", "e\u{301}", "a\u{9b}2Jb", "a\n"] {
        assert!(!is_clean_line(dirty), "{dirty:?}");
    }
}
