//! While connecting: what several nodes ask alike, what is asked first, and what leaving a mere look means.

use holdpoint::engine::brief::{Goal, Mode};
use holdpoint::engine::input::Input;
use holdpoint::model::reply::{LinkReport, Refusal};
use ratatui::crossterm::event::KeyCode;

use super::theatre::{Theatre, relay};

fn reports(theatre: &mut Theatre, node: &str, report: LinkReport) {
    let node = Theatre::node(node);
    theatre.run.take(&Input::Link { node, report });
    theatre.watch();
}

fn password() -> LinkReport {
    LinkReport::WantsSecret {
        secret: "login password of ana".into(),
    }
}

#[test]
fn a_question_of_several_nodes_opens_on_each_of_them() {
    for steps in [0, 1] {
        let mut theatre = Theatre::new(relay(), Mode::Run).open();
        reports(&mut theatre, "r1", password());
        reports(&mut theatre, "r2", password());
        theatre.press(KeyCode::Home);
        (0..steps).for_each(|_| theatre.press(KeyCode::Down));
        theatre.press(KeyCode::Enter);
        let text = theatre.text(80, 24);
        assert!(
            text.contains("2 nodes want the login password of ana"),
            "{text}"
        );
    }
}

#[test]
fn what_can_be_answered_is_asked_before_what_must_be_mended_elsewhere() {
    let mut theatre = Theatre::new(relay(), Mode::Run).open();
    reports(
        &mut theatre,
        "r1",
        LinkReport::Refused {
            refusal: Refusal::HostKey,
            why: "the host key has changed: /home/ana/.ssh/known_hosts:5 holds another".into(),
        },
    );
    reports(&mut theatre, "r2", password());
    let text = theatre.text(80, 24);
    assert!(text.contains("asks you: login password of ana"), "{text}");
    theatre.press(KeyCode::Char('o'));
    let text = theatre.text(80, 24);
    assert!(text.contains("SECRET  r2"), "{text}");
}

#[test]
fn a_mere_look_promises_no_run_to_come_back_to() {
    let mut theatre = Theatre::meant_for(relay(), Mode::DryRun, Goal::Check).open();
    reports(
        &mut theatre,
        "r1",
        LinkReport::Refused {
            refusal: Refusal::Login,
            why: "nobody lets ana in".into(),
        },
    );
    theatre.press(KeyCode::Char('o'));
    let asked = theatre.text(80, 24);
    theatre.press(KeyCode::Esc);
    theatre.press(KeyCode::Char('q'));
    let left = theatre.text(80, 24);
    for text in [asked, left] {
        assert!(text.contains("nothing was changed"), "{text}");
        assert!(!text.contains("resume"), "{text}");
    }
}
