//! What is said is true when it is read, and every key that is offered does something.

use holdpoint::engine::brief::Mode;
use holdpoint::engine::hold::HoldKind;
use holdpoint::model::cluster::Given;
use holdpoint::model::drill::{Effect, Fault, JobFault};
use holdpoint::model::ids::ParamId;
use holdpoint::model::time::Span;
use holdpoint::model::value::Value;
use holdpoint::sim::twin;
use holdpoint::ui::keymap::{self, Command, Context};
use ratatui::buffer::Buffer;
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use ratatui::layout::Rect;

use super::scenes::{self, RELAY};
use super::theatre::Theatre;
use crate::support::pure::procedure;

#[test]
fn a_remark_makes_room_for_what_begins_to_wait() {
    let mut theatre = RELAY.execute(Mode::Run);
    theatre.press_with(KeyCode::Char('z'), KeyModifiers::CONTROL);
    let text = theatre.text(80, 24);
    assert!(text.contains("Not now: a step is running."), "{text}");
    let failing = JobFault::Ends {
        code: 3,
        effect: Effect::Nothing,
    };
    theatre.run.inflict("r2", Fault::Job(failing));
    theatre.run_for(Span::minutes(60));
    let text = theatre.text(80, 24);
    assert!(text.contains("o opens it"), "{text}");
    assert!(!text.contains("Not now"), "{text}");
}

#[test]
fn whoever_pauses_reads_that_while_something_else_waits() {
    let mut theatre = Theatre::new(super::theatre::relay(), Mode::Run).open();
    theatre.walk_to(HoldKind::Gate, "upgrade/drain@r2");
    theatre.press(KeyCode::Char('p'));
    let text = theatre.text(80, 24);
    assert!(text.contains("Paused after this step."), "{text}");
}

/// The list points at what fails before anybody has touched a key.
#[test]
fn the_first_step_in_the_list_of_checks_goes_from_where_it_points() {
    let pointed = |theatre: &mut Theatre| {
        let text = theatre.text(120, 36);
        let at = text
            .lines()
            .position(|line| line.contains("\u{2502} \u{25ba} "));
        at.unwrap_or_else(|| panic!("it points nowhere:\n{text}"))
    };
    let mut theatre = RELAY.readiness();
    theatre.size(120, 36);
    let first = pointed(&mut theatre);
    theatre.press(KeyCode::Down);
    assert_eq!(pointed(&mut theatre), first + 1);
}

/// A group tells one role for all in it, so the primary is never one of sixty.
#[test]
fn the_one_primary_of_many_nodes_stands_alone() {
    let upgrade = procedure("securetransport/standard-cluster");
    let cluster = twin(&upgrade, 40).expect("it can be rehearsed");
    let mut theatre = Theatre::new((upgrade, cluster), Mode::Run).open();
    theatre.walk_to(HoldKind::Gate, "stop/stop-monitor");
    let text = theatre.text(120, 36);
    let rows: Vec<&str> = text
        .lines()
        .filter(|row| row.contains(" primary "))
        .collect();
    assert!(
        rows.len() == 1 && rows[0].contains("server01"),
        "{rows:?} in\n{text}"
    );
    assert!(text.contains(" 39 nodes "), "{text}");
}

#[test]
fn the_gate_of_an_upload_says_which_file_goes_where() {
    let upgrade = procedure("github-enterprise-server/upgrade-package");
    let mut cluster = twin(&upgrade, 3).expect("it can be rehearsed");
    for (param, value) in [
        ("package_from", "upload"),
        ("package", "/srv/ghe/upgrade.pkg"),
    ] {
        let given = Given::Value(Value::text(value));
        cluster.params.insert(ParamId::new(param), given);
    }
    let mut theatre = Theatre::new((upgrade, cluster), Mode::Run).open();
    theatre.run.walk(|run| {
        let holds = run.holds();
        holds
            .iter()
            .any(|hold| hold.kind == HoldKind::Gate && hold.id.contains("upload"))
    });
    theatre.watch();
    theatre.press(KeyCode::Char('o'));
    let text = theatre.text(120, 60);
    for word in [
        "a file",
        "from      /srv/ghe/upgrade.pkg",
        "to   ",
        "SHA-256",
    ] {
        assert!(text.contains(word), "`{word}` is not there:\n{text}");
    }
}

#[test]
fn a_gate_that_cannot_be_prepared_names_the_node_that_it_waits_for() {
    let mut theatre = Theatre::new(super::theatre::relay(), Mode::Run).open();
    theatre.walk_to(HoldKind::Gate, "upgrade/drain@r2");
    let lasts = Span::minutes(2);
    theatre.run.inflict("r1", Fault::LinkLost { lasts });
    theatre.run_for(Span::seconds(5));
    let text = theatre.text(120, 36);
    assert!(
        text.contains("A gate waits for r1, which is out of sight"),
        "{text}"
    );
}

#[test]
fn a_way_on_is_described_with_the_keys_that_do_it_and_that_go_back() {
    let mut theatre = RELAY.failure(Mode::Run);
    let options = theatre.run.holds()[0].expect.options().to_vec();
    let at = options.iter().position(|option| option.note.is_none());
    let at = u8::try_from(at.expect("leaving wants no note")).expect("a short list");
    theatre.press(KeyCode::Char(char::from(b'1' + at)));
    let text = theatre.text(80, 24);
    let keys = text.lines().last().unwrap_or_default();
    assert!(
        keys.contains("Enter do it") && keys.contains("Esc back"),
        "{text}"
    );
    assert!(!keys.contains("1-9"), "{text}");
}

#[test]
fn the_first_screen_offers_no_key_that_does_nothing() {
    let area = Rect::new(0, 0, 120, 36);
    let drawn = |screen: &holdpoint::ui::WelcomeScreen| {
        let mut buf = Buffer::empty(area);
        screen.draw(area, &mut buf);
        buf
    };
    for row in keymap::rows(Context::Welcome) {
        // Closes the help; there is nothing above this screen.
        if row.command == Command::Back {
            continue;
        }
        for stroke in row.strokes {
            let mut screen = scenes::welcome("dusk");
            for _ in 0..2 {
                screen.key(KeyEvent::new(KeyCode::Down, KeyModifiers::NONE));
            }
            let before = drawn(&screen);
            let held = match stroke.ctrl {
                true => KeyModifiers::CONTROL,
                false => KeyModifiers::NONE,
            };
            let choice = screen.key(KeyEvent::new(stroke.code, held));
            assert!(
                choice.is_some() || drawn(&screen) != before,
                "{stroke:?} does nothing"
            );
        }
    }
}
