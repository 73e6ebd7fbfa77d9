//! The question about a host key that changed over a reboot: how it looks, and that only a typing hand answers it.

use holdpoint::engine::brief::Mode;
use holdpoint::engine::hold::{Expect, HoldKind};
use holdpoint::model::drill::{Fault, KeyFault};
use holdpoint::sim::twin;
use ratatui::crossterm::event::KeyCode;

use super::theatre::Theatre;
use crate::support::pure::procedure;

/// The question, opened; and what is typed to let the key hold.
fn asked() -> (Theatre, String) {
    let upgrade = procedure("github-enterprise-server/upgrade-package");
    let cluster = twin(&upgrade, 3).expect("it can be rehearsed");
    let mut theatre = Theatre::new((upgrade, cluster), Mode::Run).open();
    theatre.settle();
    let nodes: Vec<String> = theatre
        .run
        .state
        .nodes
        .keys()
        .map(ToString::to_string)
        .collect();
    for node in nodes {
        theatre.run.inflict(&node, Fault::HostKey(KeyFault::AtBoot));
    }
    theatre.run.walk(|run| {
        let mut holds = run.holds().into_iter();
        holds.any(|hold| hold.kind == HoldKind::HostKey)
    });
    theatre.watch();
    let hold = theatre.run.holds().into_iter().next().expect("it asks");
    let Expect::TypeOr(phrase, _) = hold.expect else {
        panic!("{hold:?}");
    };
    theatre.size(120, 36);
    theatre.press(KeyCode::Char('o'));
    (theatre, phrase)
}

#[test]
fn the_question_looks_as_designed() {
    let (mut theatre, phrase) = asked();
    theatre.type_in(&phrase[..12]);
    theatre.golden("new-key");
}

#[test]
fn a_paste_or_a_habit_lets_nothing_in_and_a_typing_hand_does() {
    let (mut theatre, phrase) = asked();
    theatre.press(KeyCode::Enter);
    theatre.paste(&phrase);
    theatre.press(KeyCode::Enter);
    theatre.burst(&phrase);
    theatre.press(KeyCode::Enter);
    theatre.type_in("yes");
    theatre.press(KeyCode::Enter);
    assert_eq!(theatre.run.told("host-key-answered"), 0);
    assert!(!theatre.app.modals.is_empty(), "it still asks");
    (0..3).for_each(|_| theatre.press(KeyCode::Backspace));
    theatre.type_in(&phrase);
    theatre.press(KeyCode::Enter);
    assert_eq!(theatre.run.told("host-key-answered"), 1);
    assert!(theatre.app.modals.is_empty());
}
