//! The pane on the screen: what it shows, what its keys do, and that nothing of a program but its cells is drawn.

use std::sync::Arc;

use holdpoint::engine::brief::Mode;
use holdpoint::engine::event::Event;
use holdpoint::engine::hold::HoldKind;
use holdpoint::engine::update::Update;
use holdpoint::model::drill::{Fault, JobFault};
use holdpoint::model::ids::{ActionId, NodeId};
use holdpoint::model::telemetry::Telemetry;
use holdpoint::model::time::Span;
use holdpoint::model::wheel::Does;
use holdpoint::ui::app::programs::Emulator;
use proptest::prelude::*;
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use crate::screens::theatre::{Theatre, relay, theme};

const ACTION: &str = "upgrade/install@r2";

/// The step runs on its node and asks something that nobody expected.
fn asked(mode: Mode) -> Theatre {
    let (mut procedure, cluster) = relay();
    give_it_a_terminal(&mut procedure);
    let mut theatre = Theatre::new((procedure, cluster), mode).open();
    theatre.walk_to(HoldKind::Gate, ACTION);
    theatre.run.inflict("r2", Fault::Job(JobFault::Asks));
    theatre.answer();
    theatre.settle();
    shown(&mut theatre);
    theatre
}

fn give_it_a_terminal(procedure: &mut holdpoint::model::procedure::Procedure) {
    use holdpoint::model::dialogue::Dialogue;
    use holdpoint::model::procedure::Does as Kind;
    for step in procedure
        .phases
        .iter_mut()
        .flat_map(|phase| &mut phase.steps)
    {
        if let (Kind::Change { dialogue, .. }, true) =
            (&mut step.does, step.id.as_str().ends_with("install"))
        {
            *dialogue = Some(Dialogue {
                terminal: true,
                ..Dialogue::default()
            });
        }
    }
}

/// The wizard learns what the pretended program printed.
fn shown(theatre: &mut Theatre) {
    for printed in theatre.run.printed.drain(..) {
        if let Telemetry::Printed { offset, bytes, .. } = &printed {
            PRINTED.set(offset + bytes.len() as u64);
        }
        theatre.app.take(&Update::Telemetry(printed));
    }
}

fn printed(theatre: &mut Theatre, bytes: &[u8]) {
    let bytes: Arc<[u8]> = bytes.into();
    let offset = PRINTED.with(|end| end.replace(end.get() + bytes.len() as u64));
    theatre.app.take(&Update::Telemetry(Telemetry::Printed {
        action: ActionId::new(ACTION),
        attempt: 1,
        node: NodeId::new("r2"),
        offset,
        bytes,
        at: theatre.run.now,
    }));
}

thread_local! {
    /// How much the program of this story has printed.
    static PRINTED: std::cell::Cell<u64> = const { std::cell::Cell::new(0) };
}

fn chord(theatre: &mut Theatre) {
    theatre.press_with(KeyCode::Char('5'), KeyModifiers::CONTROL);
}

/// Opens the pane and takes the wheel, as a careful operator.
fn at_the_wheel(theatre: &mut Theatre) {
    theatre.press(KeyCode::Char('v'));
    theatre.press(KeyCode::Char('t'));
    theatre.type_in("take");
    theatre.press(KeyCode::Enter);
}

fn given(theatre: &Theatre) -> String {
    let bytes = theatre
        .run
        .acts
        .iter()
        .flat_map(|(_, _, act)| match &act.does {
            Does::Type(keys) => keys.bytes().to_vec(),
            Does::Take | Does::HandBack => Vec::new(),
        });
    String::from_utf8(bytes.collect()).expect("text")
}

/// A menu as installers draw them: reversed, with a colour, the cursor at its end.
const MENU: &str = "\x1b[2J\x1b[H\x1b[1mRelay 2.0 installer\x1b[0m\r\n\r\n  Found files that were changed by hand:\r\n\r\n  \x1b[33m/etc/relay/routes.conf\x1b[0m\r\n\r\n  \x1b[7m Keep \x1b[0m   Overwrite   Show \u{5dee}\u{5206}\r\n\r\nArrows choose, Enter goes on: ";

#[test]
fn the_pane_looks_as_designed() {
    let mut theatre = asked(Mode::Rehearse);
    theatre.press(KeyCode::Char('o'));
    theatre.golden("pane-question");
    theatre.press(KeyCode::Char('v'));
    printed(&mut theatre, MENU.as_bytes());
    theatre.golden("pane-watching");
    theatre.press(KeyCode::Char('t'));
    theatre.type_in("tak");
    theatre.golden("pane-take");
    theatre.press(KeyCode::Char('e'));
    theatre.press(KeyCode::Enter);
    theatre.press(KeyCode::Right);
    theatre.golden("pane-wheel");
}

#[test]
fn a_theme_without_colours_says_the_same() {
    let mut theatre = asked(Mode::Run);
    at_the_wheel(&mut theatre);
    printed(&mut theatre, MENU.as_bytes());
    let dark = theatre.text(80, 24);
    theatre.app.look.theme = theme("mono");
    assert_eq!(theatre.text(80, 24), dark);
    let buf = theatre.buffer(80, 24);
    let plain = buf.content.iter().all(|cell| {
        use ratatui::style::Color::Reset;
        (cell.fg, cell.bg) == (Reset, Reset)
    });
    assert!(plain, "no colour at all");
}

#[test]
fn the_wheel_is_taken_by_a_word_and_handed_back_by_a_chord() {
    let mut theatre = asked(Mode::Run);
    theatre.press(KeyCode::Char('v'));
    // While it is watched no key reaches the program, and no single one takes the wheel.
    for key in ['y', 'n', 't'] {
        theatre.press(KeyCode::Char(key));
    }
    theatre.press(KeyCode::Enter);
    theatre.type_in("tape");
    theatre.press(KeyCode::Enter);
    assert!(theatre.text(80, 24).contains("Type the word take"));
    theatre.paste("take");
    assert!(
        theatre
            .text(80, 24)
            .contains("Pasting is not accepted here")
    );
    theatre.press(KeyCode::Enter);
    assert!(theatre.run.acts.is_empty(), "{:?}", theatre.run.acts);
    theatre.type_in("take");
    theatre.press(KeyCode::Enter);
    assert!(theatre.text(80, 24).contains("YOU HAVE THE WHEEL"));
    // From here everything goes to the program, what leaves and what closes elsewhere too.
    theatre.paste("rm -rf /");
    for key in [
        KeyCode::Char('q'),
        KeyCode::Esc,
        KeyCode::Up,
        KeyCode::Char(':'),
        KeyCode::Enter,
    ] {
        theatre.press(key);
    }
    theatre.press_with(KeyCode::Char('c'), KeyModifiers::CONTROL);
    chord(&mut theatre);
    assert_eq!(given(&theatre), "q\x1b\x1b[A:\r\x03");
    assert!(theatre.text(80, 24).contains("watching"));
    theatre.press(KeyCode::Esc);
    assert!(!theatre.text(80, 24).contains("watching"));
    let told = |wanted: fn(&Event) -> bool| theatre.run.entries.iter().any(|it| wanted(&it.event));
    assert!(told(|event| matches!(event, Event::WheelTaken { .. })));
    assert!(told(|event| matches!(
        event,
        Event::WheelReturned { keys: 6, .. }
    )));
}

#[test]
fn keys_that_come_together_are_sent_together() {
    let mut theatre = asked(Mode::Run);
    at_the_wheel(&mut theatre);
    theatre.burst("yes");
    theatre.press(KeyCode::Enter);
    let sent = theatre
        .run
        .acts
        .iter()
        .filter(|(_, _, act)| matches!(act.does, Does::Type(_)));
    assert_eq!(sent.count(), 2, "{:?}", theatre.run.acts);
    assert_eq!(given(&theatre), "yes\r");
}

#[test]
fn when_the_wheel_goes_by_itself_keys_do_nothing_until_that_is_seen() {
    let mut theatre = asked(Mode::Run);
    at_the_wheel(&mut theatre);
    theatre.type_in("y");
    theatre.press(KeyCode::Enter);
    // The installer has its answer, and ends.
    theatre.run_for(Span::minutes(30));
    assert!(
        !theatre.run.state.actions[&ActionId::new(ACTION)]
            .wheel
            .is_held()
    );
    for key in [':', 'q', 't'] {
        theatre.press(KeyCode::Char(key));
    }
    let text = theatre.text(80, 24);
    assert!(text.contains("nothing is typed any more"), "{text}");
    assert_eq!(given(&theatre), "y\r");
    theatre.press(KeyCode::Esc);
    let text = theatre.text(80, 24);
    assert!(text.contains(" ended "), "{text}");
    assert!(
        !text.contains("take the wheel") && !text.contains("takes the wheel"),
        "{text}"
    );
}

#[test]
fn who_had_the_wheel_stands_on_the_report_screen() {
    let mut theatre = asked(Mode::Run);
    at_the_wheel(&mut theatre);
    theatre.type_in("yes");
    theatre.press(KeyCode::Enter);
    theatre.run_for(Span::minutes(30));
    theatre.press(KeyCode::Esc);
    theatre.press(KeyCode::Esc);
    theatre.finish();
    theatre.watch();
    let text = theatre.text(200, 60);
    assert!(
        text.contains("had the wheel of upgrade/install@r2 for ") && text.contains("4 keys given"),
        "{text}"
    );
}

#[test]
fn whoever_has_the_wheel_reads_the_way_out_on_the_smallest_screen() {
    let mut theatre = asked(Mode::Run);
    at_the_wheel(&mut theatre);
    let text = theatre.text(40, 10);
    assert!(text.contains("Ctrl-]"), "{text}");
}

#[test]
fn what_is_typed_before_the_wheel_is_given_is_not_typed_and_it_is_said() {
    let mut theatre = asked(Mode::Run);
    theatre.press(KeyCode::Char('v'));
    theatre.press(KeyCode::Char('t'));
    theatre.type_in("take");
    // A slow disk: the run has not answered yet.
    let key = |code| KeyEvent::new(code, KeyModifiers::NONE);
    let asks = theatre.app.key(key(KeyCode::Enter), 1_000_000);
    assert_eq!(asks.len(), 1, "{asks:?}");
    theatre.app.key(key(KeyCode::Char('y')), 1_001_000);
    let text = theatre.text(80, 24);
    assert!(text.contains("not yours yet: nothing was typed"), "{text}");
    assert!(theatre.app.send_typed(1_002_000).is_empty());
}

#[test]
fn a_lost_link_is_said_in_the_pane() {
    let mut theatre = asked(Mode::Run);
    at_the_wheel(&mut theatre);
    theatre.run.inflict(
        "r2",
        Fault::LinkLost {
            lasts: Span::minutes(5),
        },
    );
    theatre.run_for(Span::seconds(5));
    assert!(
        theatre.text(80, 24).contains("LINK LOST"),
        "{}",
        theatre.text(80, 24)
    );
    theatre.type_in("y");
    assert_eq!(given(&theatre), "", "nothing is typed on a lost link");
    assert!(theatre.text(80, 24).contains("nothing was typed"));
}

#[test]
fn a_program_without_a_terminal_is_given_lines_that_can_be_corrected() {
    let mut theatre = Theatre::new(relay(), Mode::Run).open();
    theatre.walk_to(HoldKind::Gate, ACTION);
    theatre.run.inflict("r2", Fault::Job(JobFault::Asks));
    theatre.answer();
    theatre.settle();
    shown(&mut theatre);
    at_the_wheel(&mut theatre);
    theatre.type_in("yex");
    theatre.press(KeyCode::Backspace);
    theatre.press(KeyCode::Char('s'));
    assert!(
        theatre.text(80, 24).contains("line [yes_]"),
        "{}",
        theatre.text(80, 24)
    );
    assert_eq!(given(&theatre), "");
    theatre.press(KeyCode::Enter);
    assert_eq!(given(&theatre), "yes\n");
    printed(&mut theatre, b"\nKeystore password: ");
    theatre.type_in("canary");
    let text = theatre.text(80, 24);
    assert!(
        text.contains("[******_]") && !text.contains("canary"),
        "{text}"
    );
}

#[test]
fn a_step_that_reads_nothing_has_no_screen_and_it_says_why() {
    let mut theatre = Theatre::new(relay(), Mode::Run).open();
    theatre.walk_to(HoldKind::Gate, ACTION);
    theatre.answer();
    theatre.run_for(Span::seconds(30));
    theatre.press(KeyCode::Char('v'));
    let text = theatre.text(80, 24);
    assert!(
        text.contains("no program that reads anything is running"),
        "{text}"
    );
}

#[test]
fn the_cursor_is_always_in_sight() {
    let mut theatre = asked(Mode::Run);
    at_the_wheel(&mut theatre);
    printed(&mut theatre, b"\x1b[2J\x1b[1;1Hfirst\x1b[40;100Hlast");
    let text = theatre.text(80, 24);
    assert!(text.contains("last") && !text.contains("first"), "{text}");
    printed(&mut theatre, b"\x1b[1;6H");
    let text = theatre.text(80, 24);
    assert!(text.contains("first") && !text.contains("last"), "{text}");
}

#[test]
fn nothing_but_cells_is_drawn() {
    let mut theatre = asked(Mode::Run);
    theatre.press(KeyCode::Char('v'));
    printed(
        &mut theatre,
        "\x1b]0;owned\x07\x1b]52;c;aGFja2Vk\x07\x1bP+q\x1b\\a\u{202e}b\u{200b}c\u{9b}31md e\u{301}\u{301}\u{301}\u{301}\x1b[6n".as_bytes(),
    );
    let text = theatre.text(80, 24);
    assert!(
        !text.contains("owned") && !text.contains("aGFja2Vk"),
        "{text}"
    );
    let harmless =
        |c: char| c == '\n' || !(c.is_control() || holdpoint::model::text::is_invisible(c));
    assert!(text.chars().all(harmless), "{text:?}");
    assert!(!text.contains("\u{301}\u{301}\u{301}"), "marks are few");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_output_breaks_the_pane(
        pieces in prop::collection::vec(piece(), 1..60),
        size in (60..130_u16, 16..50_u16),
    ) {
        let mut screen = Emulator::new(true);
        let mut lines = Emulator::new(false);
        for piece in &pieces {
            screen.feed(piece);
            lines.feed(piece);
        }
        STAGE.with_borrow_mut(|theatre| {
            for piece in &pieces {
                printed(theatre, piece);
            }
            theatre.buffer(size.0, size.1);
        });
    }
}

thread_local! {
    /// One open pane for many outputs: they follow one another.
    static STAGE: std::cell::RefCell<Theatre> = std::cell::RefCell::new({
        let mut theatre = asked(Mode::Run);
        at_the_wheel(&mut theatre);
        theatre
    });
}

/// What programs print: text, wide and combining characters, every kind of sequence with odd numbers, and rubbish.
fn piece() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        "[ -~]{0,150}".prop_map(String::into_bytes),
        "[\u{300}-\u{302}\u{4e00}-\u{4e05}\u{1f600}a]{0,130}".prop_map(String::into_bytes),
        (0..200_u16, 0..200_u16, "[@A-HJKLMPSTXZ`a-hlmnr]")
            .prop_map(|(a, b, end)| format!("\x1b[{a};{b}{end}").into_bytes()),
        (0..3000_u16, "[hl]").prop_map(|(a, end)| format!("\x1b[?{a}{end}").into_bytes()),
        "\x1b[78DEHMc=>()#]".prop_map(String::into_bytes),
        prop::collection::vec(any::<u8>(), 0..100),
        "[\r\n\t\u{8}\u{b}\u{c}]{1,50}".prop_map(String::into_bytes),
    ]
}
