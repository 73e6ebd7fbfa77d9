//! Words that must be on the screen, whatever the colours say.

use holdpoint::engine::brief::Mode;
use holdpoint::engine::hold::HoldKind;
use holdpoint::engine::recover;
use holdpoint::model::drill::Fault;
use holdpoint::model::ids::FactId;
use holdpoint::model::time::Span;
use holdpoint::model::value::Value;
use ratatui::crossterm::event::KeyCode;

use super::scenes::RELAY;
use super::theatre::{Theatre, relay, theme};

#[track_caller]
fn says(theatre: &mut Theatre, words: &[&str]) {
    for (width, height) in [(80, 24), (120, 36)] {
        let text = theatre.text(width, height);
        for word in words {
            assert!(
                text.contains(word),
                "`{word}` is not on the screen of {width} x {height}:\n{text}"
            );
        }
    }
}

#[test]
fn nothing_known_is_said_in_words() {
    let mut theatre = RELAY.power_cut();
    says(
        &mut theatre,
        &["IN DOUBT", "was stopped", "unknown: one leader"],
    );
}

#[test]
fn a_resumed_run_says_in_words_which_node_cannot_be_reached() {
    let theatre = RELAY.power_cut();
    let said = recover::findings(&theatre.run.state).join("\n");
    assert!(said.contains("r2 cannot be reached now: "), "{said}");
    assert!(!said.contains('{') && !said.contains("Stamp"), "{said}");
}

#[test]
fn a_claim_that_disagrees_is_called_a_contradiction() {
    says(&mut RELAY.lied(), &["CONTRADICTION"]);
}

#[test]
fn what_comes_back_by_itself_is_an_alarm() {
    let mut theatre = Theatre::new(relay(), Mode::Run).open();
    theatre.walk_to(HoldKind::Gate, "upgrade/install@r2");
    let changes = [(FactId::new("service"), Value::text("running"))].into();
    theatre.run.inflict(
        "r2",
        Fault::ComesBack {
            changes,
            after: Span(0),
        },
    );
    theatre.run_for(Span::seconds(30));
    says(&mut theatre, &["RESURRECTED"]);
}

#[test]
fn a_version_that_nobody_observes_is_not_said_to_be_there() {
    let (mut procedure, cluster) = relay();
    let target = format!("{} is on {}", cluster.name, cluster.target);
    let mut seen = Theatre::new((procedure.clone(), cluster.clone()), Mode::Run).open();
    seen.finish();
    says(&mut seen, &[&target, "on the target"]);
    procedure.versions.fact = None;
    let mut unseen = Theatre::new((procedure, cluster), Mode::Run).open();
    unseen.finish();
    says(&mut unseen, &["every step is done"]);
    let text = unseen.text(120, 36);
    assert!(
        !text.contains(&target) && !text.contains("on the target"),
        "{text}"
    );
}

#[test]
fn a_rehearsal_cannot_be_taken_for_a_real_run() {
    let mut rehearsal = RELAY.execute(Mode::Rehearse);
    says(&mut rehearsal, &["REHEARSAL", "\u{2592}"]);
    assert!(rehearsal.app.title().contains("REHEARSAL"));
    let mut real = RELAY.execute(Mode::Run);
    let text = real.text(120, 36);
    assert!(
        text.contains(" LAB ") && !text.contains("REHEARSAL") && !text.contains('\u{2592}'),
        "{text}"
    );
    assert!(
        RELAY
            .gate(Mode::Rehearse)
            .text(80, 24)
            .contains("REHEARSAL  GATE")
    );
}

#[test]
fn a_screen_that_is_too_small_says_so_and_approves_nothing() {
    let mut theatre = RELAY.gate(Mode::Run);
    let rest = " relay-lab at 1.4";
    theatre.type_in(rest);
    theatre.size(50, 12);
    theatre.press(KeyCode::Enter);
    assert!(theatre.text(50, 12).contains("60 x 16"));
    assert_eq!(
        theatre
            .run
            .sent
            .iter()
            .filter(|(action, _)| action.as_str() == "upgrade/install@r2")
            .count(),
        0
    );
}

/// Under `mono` no colour tells anything: every state must differ in what is written.
#[test]
fn states_differ_without_any_colour() {
    let mut seen: Vec<String> = Vec::new();
    for mut theatre in [
        RELAY.execute(Mode::Run),
        RELAY.failed(Mode::Run),
        RELAY.lied(),
        RELAY.power_cut(),
    ] {
        theatre.app.look.theme = theme("mono");
        let text = theatre.text(80, 24);
        let row = text
            .lines()
            .find(|line| line.contains(" r2 ") && line.contains(" relay "))
            .expect("r2 has a row");
        let row = row.to_string();
        assert!(!seen.contains(&row), "two states look alike: {row}");
        seen.push(row);
    }
}

#[test]
fn many_nodes_are_shown_as_groups_and_those_at_work_alone() {
    let (procedure, mut cluster) = relay();
    let first = cluster.nodes[0].clone();
    cluster.nodes = (0..40)
        .map(|at| {
            let mut node = first.clone();
            node.name = Theatre::node(&format!("n{at:02}"));
            node.host = format!("n{at:02}.example.net");
            node
        })
        .collect();
    let mut theatre = Theatre::new((procedure, cluster), Mode::Run).open();
    theatre.walk_to(HoldKind::Gate, "upgrade/drain@n01");
    theatre.answer();
    theatre.run_for(Span::seconds(5));
    says(&mut theatre, &["nodes", " n01 "]);
    let rows = theatre
        .text(120, 36)
        .lines()
        .filter(|line| line.contains(" relay "))
        .count();
    assert!(rows < 8, "{}", theatre.text(120, 36));
}
