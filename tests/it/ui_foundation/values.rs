//! Signs and how values are written.

use std::collections::HashSet;

use holdpoint::ui::{Signs, format, signs};

use super::variables;

fn none(_: &str) -> Option<String> {
    None
}

#[test]
fn signs_follow_the_locale_and_have_an_ascii_twin() {
    let utf8 = variables(&[("LANG", "de_CH.UTF-8")]);
    assert!(!Signs::choose(false, &utf8).is_ascii());
    assert!(Signs::choose(true, &utf8).is_ascii());
    assert!(
        Signs::choose(false, none).is_ascii(),
        "no locale is the C locale"
    );
    let overruled = variables(&[("LC_ALL", "C"), ("LANG", "en_US.UTF-8")]);
    assert!(Signs::choose(false, overruled).is_ascii());
    for set in [&signs::UNICODE, &signs::ASCII] {
        for (sign, word) in set.legend() {
            let wide = if word == "one-way" { 2 } else { 1 };
            assert_eq!(format::width(sign), wide, "{word}");
            assert!(!set.is_ascii() || sign.is_ascii(), "{word}");
        }
        let legend = set.legend();
        let states: HashSet<_> = legend[..10].iter().map(|(sign, _)| sign).collect();
        assert_eq!(states.len(), 10, "no two states share a sign");
        assert_eq!(set.spinner(0), set.spinner(1000));
        assert_ne!(set.spinner(0), set.spinner(250));
    }
}

#[test]
fn times_and_counts_read_as_operators_write_them() {
    let s = 1000;
    assert_eq!(format::duration(59 * s), "59s");
    assert_eq!(format::duration(252 * s), "4m12s");
    assert_eq!(format::duration(4920 * s), "1h22m");
    assert_eq!(format::duration(26 * 3600 * s), "1d02h");
    assert_eq!(format::range(900 * s, 1260 * s), "15-21m");
    assert_eq!(format::range(4920 * s, 6300 * s), "1h22m-1h45m");
    assert_eq!(format::range(900 * s, 900 * s), "15m");
    assert_eq!(format::stopwatch(252 * s), "04:12");
    assert_eq!(format::stopwatch(5780 * s), "1:36:20");
    assert_eq!(format::age(900), "now");
    assert_eq!(format::age(150 * s), "2m");
    assert_eq!(format::clock(1_795_232_967_000), "03:49:27Z");
    assert_eq!(format::stamp(0), "1970-01-01T00:00:00Z");
    assert_eq!(format::count(1_284), "1,284");
    assert_eq!(format::count(12), "12");
    assert_eq!(format::plural(1, "node", "nodes"), "1 node");
    assert_eq!(format::plural(0, "node", "nodes"), "0 nodes");
}

#[test]
fn text_is_cut_by_columns_and_never_inside_a_character() {
    let s = &signs::UNICODE;
    assert_eq!(format::clip("six minutes", 7, s), "six mi>");
    assert_eq!(format::clip("日本語", 5, s), "日本>");
    assert_eq!(format::clip("日本語", 4, s), "日>");
    assert_eq!(format::clip("abc", 0, s), "");
    assert_eq!(format::pad("日本語", 5, s), "日本>");
    assert_eq!(format::pad("日本語", 4, s), "日> ");
    assert_eq!(format::pad_left("7", 3, s), "  7");
    assert_eq!(
        format::middle("SHA256:uM4cN0nU7yq2oYwJ", 13, s),
        "SHA256..2oYwJ"
    );
    assert_eq!(format::middle("abc", 2, s), "a>");
    assert_eq!(
        format::wrap("leaves core-2 with neither version", 13),
        ["leaves core-2", "with neither", "version"]
    );
    assert_eq!(format::wrap("abcdefgh", 3), ["abc", "def", "gh"]);
    assert_eq!(format::wrap("a\n\nb", 3), ["a", "", "b"]);
    for columns in 0..30 {
        for text in [
            "SHA256:uM4cN0nU7yq2oYwJ",
            "日本語 éé ⚑ x",
            "a\u{301}\u{302}b",
            "",
        ] {
            assert!(format::width(&format::clip(text, columns, s)) <= columns);
            assert!(format::width(&format::middle(text, columns, s)) <= columns);
            assert_eq!(format::width(&format::pad(text, columns, s)), columns);
            assert!(
                format::wrap(text, columns)
                    .iter()
                    .all(|line| format::width(line) <= columns.max(2))
            );
        }
    }
}
