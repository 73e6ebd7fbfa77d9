//! What keys do to a run, and what they must never do.

use holdpoint::engine::brief::Mode;
use holdpoint::engine::hold::HoldKind;
use holdpoint::engine::input::Says;
use holdpoint::model::drill::{Fault, KeyFault};
use holdpoint::ui::app::Ask;
use holdpoint::ui::{Intent, Leave, WelcomeChoice};
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use super::scenes::{self, RELAY};
use super::theatre::{Theatre, relay};

fn sent(theatre: &Theatre, action: &str) -> usize {
    theatre
        .run
        .sent
        .iter()
        .filter(|(id, _)| id.as_str() == action)
        .count()
}

#[test]
fn a_gate_opens_by_its_typed_phrase_and_by_nothing_else() {
    let mut theatre = RELAY.gate(Mode::Run);
    theatre.press(KeyCode::Enter);
    assert_eq!(sent(&theatre, "upgrade/install@r2"), 0, "half a phrase");
    assert!(theatre.text(80, 24).contains("that is not the phrase"));
    theatre.type_in("upgrade r2 of relay-lab at 1.4");
    assert!(theatre.text(80, 24).contains("complete: Enter"));
    theatre.press(KeyCode::Enter);
    assert_eq!(sent(&theatre, "upgrade/install@r2"), 1);
    assert!(
        theatre.app.modals.is_empty(),
        "the dialog closes with the gate"
    );
}

#[test]
fn no_single_key_opens_a_gate() {
    for c in (' '..='~')
        .map(KeyCode::Char)
        .chain([KeyCode::Enter, KeyCode::Tab, KeyCode::F(2)])
    {
        let mut theatre = Theatre::new(relay(), Mode::Run).open();
        theatre.walk_to(HoldKind::Gate, "upgrade/drain@r2");
        let before = theatre.run.sent.len();
        theatre.press(c);
        theatre.press(KeyCode::Enter);
        theatre.press(KeyCode::Enter);
        assert_eq!(theatre.run.sent.len(), before, "{c:?}");
    }
}

#[test]
fn a_paste_never_fills_a_gate() {
    let mut theatre = RELAY.gate(Mode::Run);
    theatre.paste("upgrade r2 of relay-lab at 1.4");
    assert!(
        theatre
            .text(80, 24)
            .contains("Pasting is not accepted here")
    );
    theatre.press(KeyCode::Enter);
    theatre.burst("upgrade r2 of relay-lab at 1.4");
    theatre.press(KeyCode::Enter);
    theatre.press(KeyCode::Enter);
    assert_eq!(sent(&theatre, "upgrade/install@r2"), 0);
}

#[test]
fn a_gate_whose_facts_change_is_emptied_and_asks_anew() {
    let mut theatre = RELAY.gate(Mode::Run);
    theatre.type_in(" relay-lab at 1.4");
    let changes = [("sessions".into(), holdpoint::model::value::Value::Number(3))].into();
    theatre.run.inflict(
        "r1",
        Fault::ComesBack {
            changes,
            after: holdpoint::model::time::Span(0),
        },
    );
    theatre.run_for(holdpoint::model::time::Span::seconds(60));
    let text = theatre.text(80, 24);
    assert!(
        text.contains("GATE") && !text.contains("complete: Enter"),
        "{text}"
    );
    assert!(text.contains("changed"), "{text}");
}

#[test]
fn a_new_hold_point_rings_once_and_opens_no_dialog() {
    let mut theatre = Theatre::new(relay(), Mode::Run).open();
    theatre.walk_to(HoldKind::Gate, "upgrade/drain@r2");
    let bells = |theatre: &Theatre| {
        theatre
            .asked
            .iter()
            .filter(|ask| matches!(ask, Ask::Bell))
            .count()
    };
    let rang = bells(&theatre);
    assert!(rang > 0 && theatre.app.modals.is_empty());
    theatre.run_for(holdpoint::model::time::Span::seconds(30));
    assert_eq!(bells(&theatre), rang);
    theatre.press(KeyCode::Char('o'));
    assert!(
        theatre
            .asked
            .iter()
            .any(|ask| matches!(ask, Ask::DropTypedAhead)),
        "typed-ahead keys are thrown away"
    );
}

#[test]
fn nothing_starts_from_the_list_of_a_failure() {
    let mut theatre = RELAY.failure(Mode::Run);
    let before = theatre.run.entries.len();
    theatre.press(KeyCode::Char('1'));
    assert_eq!(theatre.run.entries.len(), before);
    theatre.press(KeyCode::Enter);
    assert_eq!(theatre.run.entries.len(), before, "a note is wanted first");
    theatre.type_in("installed with the vendor's own tool");
    theatre.press(KeyCode::Enter);
    assert!(
        theatre.run.told("by-hand-said") == 1,
        "{}",
        theatre.text(120, 36)
    );
}

#[test]
fn a_block_cannot_be_waived_and_says_so() {
    let mut theatre = RELAY.readiness();
    theatre.press(KeyCode::Char('x'));
    assert!(theatre.text(80, 24).contains("A block cannot be waived"));
    assert_eq!(theatre.run.told("waived"), 0);
}

#[test]
fn an_attested_check_takes_a_word_and_a_note() {
    let mut theatre = Theatre::new(relay(), Mode::Run).open();
    theatre.walk_to(HoldKind::Attest, "readiness/release-notes");
    theatre.press(KeyCode::Char('o'));
    theatre.press(KeyCode::Char('1'));
    theatre.press(KeyCode::Enter);
    assert_eq!(theatre.run.told("attested"), 0, "a note is wanted");
    theatre.type_in("read on Monday");
    theatre.press(KeyCode::Enter);
    assert_eq!(theatre.run.told("attested"), 1);
}

#[test]
fn an_unknown_host_key_is_answered_with_its_fingerprint() {
    let mut theatre = RELAY.connect();
    theatre.run.inflict("r1", Fault::HostKey(KeyFault::Unknown));
    let hold = theatre
        .run
        .holds()
        .into_iter()
        .find(|hold| hold.kind == HoldKind::HostKey)
        .expect("a key is asked for");
    let holdpoint::engine::hold::Expect::Fingerprint(print) = hold.expect else {
        panic!("{hold:?}")
    };
    theatre.press(KeyCode::Char('o'));
    theatre.paste(&print);
    theatre.press(KeyCode::Enter);
    assert_eq!(theatre.run.told("host-key-answered"), 1);
}

#[test]
fn leaving_asks_and_its_first_choice_is_to_stay() {
    let mut theatre = RELAY.execute(Mode::Run);
    theatre.press(KeyCode::Char('q'));
    assert!(theatre.text(80, 24).contains("holdpoint resume 7k2m"));
    theatre.press(KeyCode::Enter);
    assert!(theatre.app.modals.is_empty() && theatre.app.run.left.is_none());
    theatre.press(KeyCode::Char('q'));
    theatre.press(KeyCode::Char('2'));
    assert!(
        theatre.app.run.paused.is_some() && theatre.app.run.left.is_none(),
        "after this step"
    );
    theatre.run_for(holdpoint::model::time::Span::minutes(30));
    let leaves = |ask: &Ask| matches!(ask, Ask::Intent(Intent::Says(Says::Leave)));
    assert!(
        theatre.asked.iter().any(leaves),
        "{}",
        theatre.text(120, 36)
    );
}

#[test]
fn q_leaves_a_finished_run_at_once() {
    let mut theatre = RELAY.report();
    theatre.press(KeyCode::Char('q'));
    assert!(matches!(
        theatre.asked.last(),
        Some(Ask::Exit(Leave::Finished))
    ));
}

#[test]
fn the_palette_says_why_something_is_off_and_does_what_is_chosen() {
    let mut theatre = RELAY.execute(Mode::Run);
    theatre.press(KeyCode::Char(':'));
    theatre.type_in("hold clock");
    assert!(theatre.text(80, 24).contains("only in a rehearsal"));
    theatre.press(KeyCode::Esc);
    theatre.press(KeyCode::Char(':'));
    theatre.type_in("pause after");
    theatre.press(KeyCode::Enter);
    assert!(theatre.app.run.paused.is_some());
}

#[test]
fn a_rehearsal_is_held_hurried_and_disturbed() {
    let mut theatre = RELAY.execute(Mode::Rehearse);
    theatre.press(KeyCode::Char('+'));
    assert!(theatre.text(80, 24).contains("x300"));
    theatre.press(KeyCode::Char(' '));
    assert!(theatre.text(80, 24).contains("HELD"));
    theatre.press(KeyCode::Char('F'));
    theatre.type_in("hang r2");
    theatre.press(KeyCode::Enter);
    assert!(
        matches!(theatre.asked.last(), Some(Ask::Intent(Intent::Fault(text))) if text == "hang r2")
    );
}

#[test]
fn the_first_screen_resumes_opens_and_rehearses() {
    let press = |screen: &mut holdpoint::ui::WelcomeScreen, code| {
        screen.key(KeyEvent::new(code, KeyModifiers::NONE))
    };
    let mut screen = scenes::welcome("dusk");
    assert_eq!(
        press(&mut screen, KeyCode::Enter),
        Some(WelcomeChoice::Resume { run: "7k2m".into() })
    );
    assert_eq!(press(&mut screen, KeyCode::Char('j')), None);
    assert_eq!(
        press(&mut screen, KeyCode::Char('R')),
        Some(WelcomeChoice::RehearseCluster {
            file: "st-prod.toml".into()
        })
    );
    assert_eq!(press(&mut screen, KeyCode::Char('G')), None);
    let procedure = "securetransport/standard-cluster".into();
    assert_eq!(
        press(&mut screen, KeyCode::Enter),
        Some(WelcomeChoice::Rehearse { procedure })
    );
    assert_eq!(
        press(&mut screen, KeyCode::Char('q')),
        Some(WelcomeChoice::Leave)
    );
}

#[test]
fn the_plan_is_searched_round_and_round() {
    let mut theatre = Theatre::new(relay(), Mode::Run).open();
    theatre.walk_to(HoldKind::Gate, "plan");
    theatre.press(KeyCode::Char('/'));
    theatre.type_in("install");
    theatre.press(KeyCode::Enter);
    let first = theatre.app.views.plan;
    theatre.press(KeyCode::Char('n'));
    assert_ne!(theatre.app.views.plan, first);
    theatre.press(KeyCode::Char('n'));
    assert_eq!(theatre.app.views.plan, first);
    assert!(theatre.text(120, 36).contains("Install the package"));
}
