//! The key table.

use holdpoint::ui::keymap::{self, Command, Context, Moment};
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers};

fn press(code: KeyCode) -> KeyEvent {
    KeyEvent::new(code, KeyModifiers::NONE)
}

#[test]
fn no_key_means_two_things_in_one_place() {
    for context in Context::ALL {
        let mut seen = Vec::new();
        for row in keymap::rows(context) {
            for stroke in row.strokes {
                assert!(!seen.contains(stroke), "{context:?}: {stroke:?} twice");
                seen.push(*stroke);
            }
        }
    }
}

#[test]
fn help_leave_and_the_way_back_work_everywhere() {
    for context in Context::ALL {
        let found = |key| keymap::lookup(context, key);
        assert_eq!(
            found(press(KeyCode::F(1))),
            Some(Command::Help),
            "{context:?}"
        );
        assert_eq!(
            found(press(KeyCode::Esc)),
            Some(Command::Back),
            "{context:?}"
        );
        let ctrl_c = KeyEvent::new(KeyCode::Char('c'), KeyModifiers::CONTROL);
        assert_eq!(found(ctrl_c), Some(Command::Leave), "{context:?}");
    }
}

#[test]
fn letters_typed_at_a_gate_are_text() {
    for context in [Context::Gate, Context::Field] {
        for c in ('!'..='~').chain([' ']) {
            assert_eq!(
                keymap::lookup(context, press(KeyCode::Char(c))),
                None,
                "{c}"
            );
            let shifted = KeyEvent::new(KeyCode::Char(c), KeyModifiers::SHIFT);
            assert_eq!(keymap::lookup(context, shifted), None, "{c}");
        }
    }
    assert_eq!(
        keymap::lookup(Context::Gate, press(KeyCode::Enter)),
        Some(Command::Open)
    );
}

#[test]
fn only_presses_count_and_held_keys_only_move() {
    let kind = |code, kind| KeyEvent {
        kind,
        ..press(code)
    };
    let execute = |key| keymap::lookup(Context::Execute, key);
    assert_eq!(execute(press(KeyCode::Char('p'))), Some(Command::Pause));
    assert_eq!(
        execute(kind(KeyCode::Char('p'), KeyEventKind::Repeat)),
        None
    );
    assert_eq!(
        execute(kind(KeyCode::Char('j'), KeyEventKind::Repeat)),
        Some(Command::Down)
    );
    assert_eq!(
        execute(kind(KeyCode::Char('j'), KeyEventKind::Release)),
        None
    );
    assert_eq!(
        execute(KeyEvent::new(KeyCode::Char('G'), KeyModifiers::SHIFT)),
        Some(Command::Last)
    );
    assert_eq!(
        execute(KeyEvent::new(KeyCode::Char('p'), KeyModifiers::ALT)),
        None
    );
}

#[test]
fn the_footer_shows_at_most_seven_keys_that_work_now() {
    let busy = Moment {
        rehearsal: true,
        working: true,
        waiting: true,
        program: true,
        panes: 3,
    };
    for context in Context::ALL {
        for moment in [Moment::default(), busy] {
            let hints = keymap::footer(context, moment);
            assert!(hints.len() <= keymap::FOOTER_KEYS, "{context:?}: {hints:?}");
            assert!(hints.iter().any(|hint| hint.label == "help"), "{context:?}");
        }
    }
    let labels = |moment| -> Vec<_> {
        keymap::footer(Context::Execute, moment)
            .iter()
            .map(|hint| hint.label)
            .collect()
    };
    assert!(!labels(Moment::default()).contains(&"open what waits"));
    assert_eq!(labels(busy)[0], "open what waits");
    let palette = keymap::palette(Context::Execute, Moment::default());
    let faults = palette
        .iter()
        .find(|entry| entry.command == Command::Faults)
        .unwrap();
    assert_eq!(faults.off, Some("only in a rehearsal"));
}
