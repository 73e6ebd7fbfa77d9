//! The question about a cluster lock that another run has: how it looks, and what its answer wants.

use holdpoint::engine::brief::Mode;
use holdpoint::model::drill::Fault;
use ratatui::crossterm::event::KeyCode;

use super::scenes::RELAY;
use super::theatre::Theatre;

/// Walks on until the lock is what is asked about, and opens the question.
fn asked(mut theatre: Theatre) -> Theatre {
    theatre
        .run
        .walk(|run| run.holds().iter().any(|hold| hold.id == "lock"));
    theatre.watch();
    theatre.size(120, 36);
    theatre.press(KeyCode::Char('o'));
    theatre
}

/// Another run has the locks of two nodes before this one has changed anything.
fn held() -> Theatre {
    let mut theatre = RELAY.plan();
    for node in ["r1", "r2"] {
        theatre.run.inflict(node, Fault::Locked);
    }
    asked(theatre)
}

/// Another run takes the node over on which this one works.
fn lost() -> Theatre {
    let mut theatre = RELAY.execute(Mode::Run);
    theatre.run.inflict("r2", Fault::Locked);
    asked(theatre)
}

#[test]
fn the_question_looks_as_designed() {
    let mut theatre = held();
    theatre.golden("lock");
    theatre.press(KeyCode::Char('2'));
    theatre.type_in("4x9r ben agrees, his");
    theatre.golden("lock-take-over");
    lost().golden("lock-lost");
}

#[test]
fn a_take_over_wants_the_run_and_a_reason_and_says_what_was_wrong() {
    let mut theatre = held();
    theatre.press(KeyCode::Char('2'));
    theatre.type_in("his machine is dead");
    theatre.press(KeyCode::Enter);
    let text = theatre.text(120, 36);
    assert!(text.contains("is not the run that has the lock"), "{text}");
    assert!(theatre.run.state.lock.ours.is_empty(), "nothing was taken");
}
