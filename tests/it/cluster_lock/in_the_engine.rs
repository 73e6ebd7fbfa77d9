//! What the engine makes of it: taken whole before the first change, given back, lost, taken over.

use std::collections::BTreeSet;

use crate::support::pure::{PureRun, procedure};
use holdpoint::engine::event::{Ending, Event, LockEvent};
use holdpoint::engine::hold::Hold;
use holdpoint::engine::input::Input;
use holdpoint::engine::lock::Aim;
use holdpoint::engine::state::ActionState;
use holdpoint::engine::summary::Exit;
use holdpoint::model::drill::Fault;
use holdpoint::model::ids::NodeId;
use holdpoint::model::lock::LockReport;
use holdpoint::model::procedure::Procedure;
use holdpoint::model::time::Span;
use holdpoint::sim::rng::Rng;

fn levels() -> Procedure {
    let text = include_str!("../../fixtures/levels.toml");
    let read = holdpoint::parse::procedure(text, "levels.toml");
    read.unwrap_or_else(|wrong| panic!("{wrong}")).value
}

fn run(nodes: usize, seed: u64) -> PureRun {
    let mut run = PureRun::of(levels(), nodes, seed);
    run.watch = every_lock_is_had;
    run
}

/// No change is under way unless this run was told that it has the lock of every node, in the end as in between.
fn every_lock_is_had(run: &PureRun) {
    let Some(entry) = run.entries.last() else {
        return;
    };
    assert_eq!(run.world.trespasses(), 0, "{:#?}", run.tail());
    if let Event::ActionStarted { action, job, .. } = &entry.event
        && !job.is_empty()
    {
        let had = run.state.lock.ours.len() == run.state.nodes.len();
        assert!(had, "{action} was sent without the lock: {:#?}", run.tail());
    }
}

fn lock_hold(run: &PureRun) -> Option<Hold> {
    run.holds().into_iter().find(|hold| hold.id == "lock")
}

/// Walks until the lock is what is asked about.
fn to_lock_hold(run: &mut PureRun) -> Hold {
    run.walk(|run| lock_hold(run).is_some());
    lock_hold(run).unwrap_or_else(|| panic!("the lock is not asked about: {:#?}", run.tail()))
}

fn lock_events(run: &PureRun) -> Vec<String> {
    let told = run.entries.iter().filter_map(|entry| match &entry.event {
        Event::Lock(LockEvent::Wanted { .. }) => Some("wanted".to_string()),
        Event::Lock(LockEvent::Taken {
            node, generation, ..
        }) => Some(format!("{node} {generation}")),
        Event::Lock(LockEvent::Refused { node, .. }) => Some(format!("{node} refused")),
        Event::Lock(LockEvent::GivenBack { node }) => Some(format!("{node} back")),
        Event::Lock(LockEvent::Releasing) => Some("releasing".into()),
        Event::Lock(LockEvent::Lost { node, .. }) => Some(format!("{node} lost")),
        Event::Lock(other) => Some(format!("{other:?}")),
        Event::ActionStarted { action, .. } => Some(format!("start {action}")),
        Event::Finished { .. } => Some("finished".into()),
        _ => None,
    });
    told.collect()
}

#[test]
fn it_is_had_on_every_node_before_the_first_change_and_given_back_at_the_end() {
    let mut run = run(3, 1);
    run.open();
    run.walk(|_| false);
    assert_eq!(run.exit, Some(Exit::Finished));
    let expected = [
        "wanted",
        "box1 1",
        "box2 1",
        "box3 1",
        "start raise/lift@box1",
        "start raise/lift@box2",
        "start raise/lift@box3",
        "releasing",
        "box1 back",
        "box2 back",
        "box3 back",
        "finished",
    ];
    assert_eq!(lock_events(&run), expected);
    for node in run.state.nodes.keys() {
        assert_eq!(run.world.lock_of(node), Some(LockReport::Free), "{node}");
    }
}

#[test]
fn where_another_run_has_one_nothing_starts_and_the_others_are_given_back() {
    let mut run = run(3, 1);
    run.open();
    run.walk(|run| run.holds().iter().any(|hold| hold.id == "raise/lift@box1"));
    run.inflict("box2", Fault::Locked);
    let hold = to_lock_hold(&mut run);
    let text = hold.text.join("\n");
    assert!(
        text.contains("box2 is locked by another run: run 4x9r of ben@jump-2, since 2026-"),
        "{text}"
    );
    assert_eq!(
        lock_events(&run),
        ["wanted", "box1 1", "box2 refused", "box1 back"]
    );
    let box1 = NodeId::new("box1");
    assert_eq!(run.world.lock_of(&box1), Some(LockReport::Free));
    // Looking again changes nothing while it is held; then the gate asks anew, because time has passed.
    run.answer(&hold, "look");
    let hold = to_lock_hold(&mut run);
    assert!(run.sent.is_empty());
    run.inflict("box2", Fault::Mended);
    run.answer(&hold, "look");
    run.settle();
    assert_eq!(run.holds()[0].id, "raise/lift@box1");
    run.walk(|_| false);
    assert_eq!(run.state.ending, Some(Ending::Upgraded));
}

#[test]
fn taking_over_wants_the_other_run_by_name_and_a_reason() {
    let mut run = run(2, 1);
    run.open();
    run.inflict("box1", Fault::Locked);
    run.inflict("box2", Fault::Locked);
    let hold = to_lock_hold(&mut run);
    for wrong in [
        "take-over box1 it is dead",
        "take-over 4x9r",
        "take-over 4x9r   ",
    ] {
        run.answer(&hold, wrong);
        run.settle();
        assert_eq!(run.state.lock.aim, Aim::Blocked, "{wrong}");
    }
    run.answer(&hold, "take-over 4x9r ben says that it is dead");
    run.walk(|_| false);
    assert_eq!(run.state.ending, Some(Ending::Upgraded));
    let overridden = &run.state.overrides[0];
    assert_eq!(overridden.what, "cluster lock taken over from run 4x9r");
    assert_eq!(overridden.reason, "ben says that it is dead");
    let taken = lock_events(&run);
    assert!(
        taken.contains(&"box1 2".to_string()) && taken.contains(&"box2 2".to_string()),
        "{taken:?}"
    );
}

#[test]
fn a_run_that_was_taken_over_starts_nothing_more_and_leaves_with_its_own_exit_code() {
    let mut run = run(2, 1);
    run.open();
    run.walk(|run| run.holds().iter().any(|hold| hold.id == "raise/lift@box2"));
    run.inflict("box2", Fault::Locked);
    let hold = to_lock_hold(&mut run);
    assert!(
        hold.text[0].starts_with("box2: another run (4x9r, by ben@jump-2, since 2026-")
            && hold.text[0].ends_with("has taken over; this run may start nothing there."),
        "{hold:?}"
    );
    run.run_for(Span::seconds(1));
    let action = run
        .state
        .actions
        .get("raise/lift@box2")
        .expect("it is planned");
    assert_eq!(
        action.state,
        ActionState::Pending,
        "nothing of it ran, so nothing failed"
    );
    assert_eq!(run.world.executions(&"raise/lift@box2".into()), 0);
    let mut left = PureRun::of(levels(), 2, 1);
    std::mem::swap(&mut left, &mut run);
    left.answer(&hold, "leave");
    assert_eq!(left.exit, Some(Exit::Locked));
    assert_eq!(Exit::Locked.code(), 7);
    // Resumed, it says the same, and goes on only by taking over in its turn.
    left.crash_and_resume();
    let hold = to_lock_hold(&mut left);
    left.answer(&hold, "take-over 4x9r ben has stopped his");
    left.walk(|_| false);
    assert_eq!(left.state.ending, Some(Ending::Upgraded));
    assert_eq!(left.world.executions(&"raise/lift@box2".into()), 1);
}

#[test]
fn a_resumed_run_finds_its_own_lock_in_the_same_generation() {
    let mut run = run(2, 1);
    run.open();
    run.walk(|run| run.holds().iter().any(|hold| hold.id == "raise/lift@box2"));
    run.crash_and_resume_after(Span::minutes(30));
    run.walk(|_| false);
    assert_eq!(run.state.ending, Some(Ending::Upgraded));
    let taken = lock_events(&run);
    let taken: Vec<_> = taken.iter().filter(|told| told.ends_with(" 1")).collect();
    assert_eq!(taken, ["box1 1", "box2 1"]);
}

#[test]
fn a_lock_that_was_lost_while_away_is_noticed_before_anything_starts() {
    let mut run = run(2, 1);
    run.open();
    run.walk(|run| run.holds().iter().any(|hold| hold.id == "raise/lift@box2"));
    run.inflict("box2", Fault::Locked);
    run.crash_and_resume();
    run.walk(|run| lock_hold(run).is_some());
    let started = lock_events(&run);
    assert!(
        !started.contains(&"start raise/lift@box2".to_string()),
        "{started:?}"
    );
}

/// What a node in trouble answers.
fn cannot_keep_a_lock(run: &mut PureRun, node: &str) {
    run.take(&Input::Lock {
        node: NodeId::new(node),
        report: LockReport::Unusable {
            why: "the boot identity cannot be read from /proc".into(),
        },
    });
}

#[test]
fn a_node_that_could_not_say_whether_it_has_our_lock_is_asked_again() {
    let mut run = run(2, 1);
    run.open();
    run.walk(|run| run.holds().iter().any(|hold| hold.id == "raise/lift@box2"));
    run.crash_and_resume();
    cannot_keep_a_lock(&mut run, "box1");
    let hold = to_lock_hold(&mut run);
    assert!(hold.text[0].contains("box1 cannot keep a lock"), "{hold:?}");
    run.answer(&hold, "look");
    run.walk(|_| false);
    assert_eq!(
        run.state.ending,
        Some(Ending::Upgraded),
        "{:#?}",
        run.tail()
    );
    for node in run.state.nodes.keys() {
        assert_eq!(run.world.lock_of(node), Some(LockReport::Free), "{node}");
    }
}

#[test]
fn a_lost_link_while_taking_only_delays() {
    let mut run = run(3, 1);
    run.open();
    run.walk(|run| run.holds().iter().any(|hold| hold.id == "raise/lift@box1"));
    let lasts = Span::minutes(3);
    run.inflict("box2", Fault::LinkLost { lasts });
    run.walk(|_| false);
    assert_eq!(run.state.ending, Some(Ending::Upgraded));
}

#[test]
fn a_node_that_is_away_at_the_end_keeps_no_run_from_ending() {
    let mut run = run(2, 1);
    run.open();
    run.walk(|run| run.holds().iter().any(|hold| hold.id == "raise/lift@box2"));
    // box1 has done its part; it goes away while box2 is lifted.
    let gate = run.holds().remove(0);
    run.answer(&gate, &PureRun::good_answer(&gate));
    run.inflict("box1", Fault::Unreachable { lasts: None });
    run.walk(|_| false);
    assert_eq!(run.state.ending, Some(Ending::Upgraded));
    let told = lock_events(&run);
    assert!(
        told.iter()
            .any(|told| told.contains("Left") && told.contains("box1")),
        "{told:?}"
    );
}

#[test]
fn whenever_another_run_appears_nothing_of_ours_starts_where_it_has_the_lock() {
    let effort = std::env::var("HOLDPOINT_EFFORT").ok();
    let many = 100 * effort.and_then(|effort| effort.parse().ok()).unwrap_or(1);
    let (mut finished, mut blocked) = (0, 0);
    for seed in 1..=many {
        let run = schedule(seed);
        finished += u64::from(run.state.ending.is_some());
        let told = lock_events(&run);
        let met = |told: &String| told.ends_with("refused") || told.ends_with("lost");
        blocked += u64::from(told.iter().any(met));
    }
    assert!(
        finished * 2 > many,
        "only {finished} of {many} came to their end"
    );
    assert!(
        blocked * 3 > many,
        "only {blocked} of {many} met the other run"
    );
}

fn schedule(seed: u64) -> PureRun {
    let mut dice = Rng::keyed(seed, &["cluster lock"]);
    let mut below = move |sides: u64| dice.draw() % sides;
    let nodes = 2 + below(2) as usize;
    let mut run = match below(4) {
        0 => PureRun::of(procedure("securetransport/standard-cluster"), nodes, seed),
        _ => PureRun::of(levels(), nodes, seed),
    };
    run.watch = every_lock_is_had;
    run.open();
    let names: Vec<String> = run.state.nodes.keys().map(ToString::to_string).collect();
    let mut theirs = BTreeSet::new();
    for _ in 0..150 {
        if run.state.ending.is_some() {
            return run;
        }
        if run.exit.is_some() {
            run.crash_and_resume();
        }
        let node = &names[below(nodes as u64) as usize];
        match below(40) {
            0..3 => {
                run.inflict(node, Fault::Locked);
                theirs.insert(node.clone());
            }
            3..8 if !theirs.is_empty() => {
                run.inflict(node, Fault::Mended);
                theirs.remove(node);
            }
            8..10 => {
                let lasts = Span(1_000 + below(90_000));
                run.inflict(node, Fault::LinkLost { lasts });
            }
            10..12 => run.crash_and_resume_after(Span(below(600_000))),
            12 => cannot_keep_a_lock(&mut run, node),
            _ => {}
        }
        for _ in 0..below(60) {
            if run.exit.is_some() || !run.holds().is_empty() || !run.step() {
                break;
            }
        }
        let holds = run.holds();
        let Some(hold) = holds.first() else {
            run.run_for(Span(below(30_000)));
            continue;
        };
        let line = match (hold.id.as_str(), below(4)) {
            ("lock", 0) => "leave".to_string(),
            ("lock", 1 | 2) => match &hold.text.iter().find(|line| line.contains("4x9r")) {
                Some(_) => "take-over 4x9r it is dead".into(),
                None => "look".into(),
            },
            _ => PureRun::good_answer(hold),
        };
        run.answer(hold, &line);
    }
    run
}
