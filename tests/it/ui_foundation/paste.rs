//! Typing and pasting at a gate.

use holdpoint::ui::paste::{Enter, Typed, TypingGuard};

const PHRASE: &str = "upgrade core-3";

#[test]
fn a_typed_phrase_is_accepted_once_it_is_calm() {
    let mut guard = TypingGuard::new();
    for (at, _) in PHRASE.chars().enumerate() {
        assert_eq!(guard.key(at as u64 * 120), Typed::Accepted);
    }
    let last = (PHRASE.len() as u64 - 1) * 120;
    assert_eq!(guard.enter(last + 299), Enter::TooSoon);
    assert_eq!(guard.enter(last + 300), Enter::Accepted);
}

#[test]
fn a_raw_paste_never_fills_a_gate_whatever_follows() {
    // Every length, with Enter at once and Enter much later.
    for length in 3..60u64 {
        let mut guard = TypingGuard::new();
        let kept = (0..length)
            .filter(|at| guard.key(1000 + at / 50) == Typed::Accepted)
            .count();
        assert!(kept < 8, "{length}");
        assert_eq!(guard.enter(1002), Enter::TooSoon, "{length}");
        let later = guard.enter(9000);
        assert!(length >= 8 || later == Enter::Refused, "{length}");
    }
}

#[test]
fn a_stalled_link_that_bunches_a_few_keys_is_forgiven() {
    let mut guard = TypingGuard::new();
    let mut at = 0;
    for key in 0..PHRASE.len() {
        at += if (5..9).contains(&key) { 1 } else { 150 };
        assert_eq!(guard.key(at), Typed::Accepted, "key {key}");
    }
    assert_eq!(guard.enter(at + 400), Enter::Accepted);
}

#[test]
fn after_a_refused_paste_the_phrase_can_be_typed() {
    let mut guard = TypingGuard::new();
    assert_eq!(guard.paste(0), Typed::Refused);
    assert_eq!(guard.key(1), Typed::Dropped, "the rest of the paste");
    assert_eq!(guard.key(900), Typed::Accepted);
    assert_eq!(guard.enter(1300), Enter::Accepted);
}
