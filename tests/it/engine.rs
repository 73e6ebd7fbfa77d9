//! The rules of the engine, told as stories on the pure core: no runtime, no clock, no sleep.

mod schedules;

use std::collections::BTreeMap;

use crate::support::pure::PureRun;
use holdpoint::engine::event::{Ending, Event, FailureKind};
use holdpoint::engine::hold::{Hold, HoldKind};
use holdpoint::engine::input::Says;
use holdpoint::engine::state::ActionState;
use holdpoint::engine::summary::Exit;
use holdpoint::model::drill::{Drill, Effect, Fault, JobFault, PlannedFault, When};
use holdpoint::model::ids::{ActionId, FactId, GateId, NodeId};
use holdpoint::model::time::Span;
use holdpoint::model::value::Value;

pub const STANDARD: &str = "securetransport/standard-cluster";

/// A rehearsal on three nodes that has come to the hold `id`.
fn at(id: &str) -> (PureRun, Hold) {
    let mut run = PureRun::new(STANDARD, 3, 7);
    run.open();
    run.walk(|run| run.holds().first().is_some_and(|hold| hold.id == id));
    let hold = run
        .holds()
        .first()
        .cloned()
        .unwrap_or_else(|| panic!("the run never came to {id}"));
    (run, hold)
}

fn first(run: &PureRun) -> Hold {
    run.holds()
        .first()
        .cloned()
        .unwrap_or_else(|| panic!("nothing waits; held: {:?}", run.state.held))
}

fn options(hold: &Hold) -> Vec<&'static str> {
    match &hold.expect {
        holdpoint::engine::hold::Expect::Options(options) => {
            options.iter().map(|option| option.id).collect()
        }
        _ => Vec::new(),
    }
}

#[test]
fn a_rehearsal_walks_from_the_first_connection_to_the_report() {
    let mut run = PureRun::new(STANDARD, 3, 1);
    run.open();
    let met = run.walk(|_| false);
    assert_eq!(run.state.ending, Some(Ending::Upgraded), "{met:#?}");
    assert_eq!(run.exit, Some(Exit::Finished));
    assert!(run.state.debts.is_empty());
    for node in ["server1", "server2", "server3"] {
        let truth = |fact: &str| {
            run.world
                .truth(&NodeId::new(node), &FactId::new(fact))
                .cloned()
        };
        assert_eq!(
            truth("version"),
            Some(Value::text(&run.brief.cluster.target)),
            "{node}"
        );
        assert_eq!(truth("sync"), Some(Value::text("synced")), "{node}");
        assert_eq!(truth("service"), Some(Value::text("running")), "{node}");
    }
    // Everything was done exactly once.
    let mut times: BTreeMap<&ActionId, usize> = BTreeMap::new();
    run.sent
        .iter()
        .for_each(|(action, _)| *times.entry(action).or_default() += 1);
    assert!(times.values().all(|times| *times == 1), "{times:?}");
    // The gates and manual acts came in the vendor's order.
    let order = [
        "gate stop/stop-all",
        "attest backup/backup-made",
        "gate upgrade/update@server1",
        "gate upgrade/update@server2",
        "gate upgrade/update@server3",
        "gate start/start-primary",
        "manual sync/synchronise",
    ];
    let places: Vec<_> = order
        .iter()
        .map(|id| {
            met.iter()
                .position(|met| met == id)
                .unwrap_or_else(|| panic!("{id} in {met:#?}"))
        })
        .collect();
    assert!(places.is_sorted(), "{met:#?}");
}

#[test]
fn a_gate_opens_only_by_its_phrase_and_closes_when_what_it_shows_changes() {
    let (mut run, hold) = at("stop/stop-monitor");
    let gate = GateId::new("stop/stop-monitor");
    for wrong in [
        "",
        "y",
        "yes",
        "STOP 3 NODES OF REHEARSAL",
        "stop 3 nodes",
        "stop 3 nodes of rehearsal now",
    ] {
        let sent = run.sent.len();
        run.says(Says::Confirm {
            gate: gate.clone(),
            typed: wrong.into(),
        });
        assert_eq!(run.sent.len(), sent, "`{wrong}` opened the gate");
        assert!(
            run.state
                .gate
                .as_ref()
                .is_some_and(|gate| gate.said.is_some())
        );
    }
    let phrase = PureRun::good_answer(&hold);
    assert!(
        phrase.contains("3 nodes") && phrase.contains(&run.brief.cluster.name),
        "{phrase}"
    );
    // A node stops by itself: the phrase names two nodes now, and the old one opens nothing.
    let stopped: BTreeMap<_, _> = [
        ("service", "stopped"),
        ("tm", "down"),
        ("protocols", "down"),
        ("monitor", "down"),
        ("role", "none"),
        ("members", "down"),
        ("sync", "pending"),
    ]
    .map(|(fact, value)| (FactId::new(fact), Value::text(value)))
    .into();
    run.inflict(
        "server2",
        Fault::ComesBack {
            changes: stopped,
            after: Span(0),
        },
    );
    run.run_for(Span::seconds(20));
    assert!(run.told("gate-closed") >= 1);
    let sent = run.sent.len();
    run.says(Says::Confirm {
        gate,
        typed: phrase.clone(),
    });
    assert_eq!(run.sent.len(), sent, "the old phrase still opens");
    let now = PureRun::good_answer(&first(&run));
    assert!(now.contains("2 nodes"), "{now}");
}

#[test]
fn a_success_that_nothing_shows_is_a_contradiction_and_holds() {
    let (mut run, hold) = at("upgrade/update@server2");
    run.inflict(
        "server2",
        Fault::Job(JobFault::Ends {
            code: 0,
            effect: Effect::Nothing,
        }),
    );
    run.answer(&hold, &PureRun::good_answer(&hold));
    run.settle();
    let hold = first(&run);
    assert_eq!(
        (hold.kind, hold.id.as_str()),
        (HoldKind::Failure, "upgrade/update@server2")
    );
    assert!(hold.text[0].contains("CONTRADICTION"), "{:?}", hold.text);
    assert_eq!(options(&hold), ["retry", "by-hand", "turn-back", "leave"]);
    assert!(
        !run.sent
            .iter()
            .any(|(action, _)| action.as_str().contains("server3")
                && action.as_str().starts_with("upgrade"))
    );
    // Done by hand without proof is refused; with the proof it is taken.
    let failed = |run: &PureRun| match &run.state.actions["upgrade/update@server2"].state {
        ActionState::Failed { failure, .. } => Some(failure.kind),
        _ => None,
    };
    assert_eq!(failed(&run), Some(FailureKind::Contradiction));
    run.answer(&hold, "by-hand restored and ran update.sh myself");
    run.walk(|_| false);
    assert_eq!(run.state.ending, Some(Ending::Upgraded));
    assert!(
        run.state
            .overrides
            .iter()
            .any(|over| over.reason.contains("update.sh myself"))
    );
}

#[test]
fn a_failure_is_retried_only_behind_the_gate_and_then_looked_at_first() {
    let (mut run, hold) = at("upgrade/update@server1");
    run.inflict(
        "server1",
        Fault::Job(JobFault::Ends {
            code: 3,
            effect: Effect::Nothing,
        }),
    );
    run.answer(&hold, &PureRun::good_answer(&hold));
    run.settle();
    let failure = first(&run);
    assert_eq!(failure.kind, HoldKind::Failure);
    run.answer(&failure, "retry");
    run.settle();
    let gate = first(&run);
    assert_eq!(
        (gate.kind, gate.id.as_str()),
        (HoldKind::Gate, "upgrade/update@server1")
    );
    run.walk(|_| false);
    assert_eq!(run.state.ending, Some(Ending::Upgraded));
    let sent = run
        .sent
        .iter()
        .filter(|(action, _)| action.as_str() == "upgrade/update@server1")
        .count();
    assert_eq!(sent, 2);
}

#[test]
fn a_lost_link_leaves_the_act_in_doubt_and_the_job_is_found_again() {
    let (mut run, hold) = at("upgrade/update@server1");
    run.answer(&hold, &PureRun::good_answer(&hold));
    run.run_for(Span::minutes(2));
    run.inflict(
        "server1",
        Fault::LinkLost {
            lasts: Span::minutes(3),
        },
    );
    run.run_for(Span::minutes(1));
    let state = &run.state.actions["upgrade/update@server1"].state;
    assert!(matches!(state, ActionState::InDoubt { .. }), "{state:?}");
    run.walk(|_| false);
    assert_eq!(run.state.ending, Some(Ending::Upgraded));
    assert_eq!(
        run.world
            .executions(&ActionId::new("upgrade/update@server1")),
        1
    );
}

#[test]
fn a_power_cut_in_the_middle_is_a_doubt_that_only_a_look_or_a_human_settles() {
    let (mut run, hold) = at("upgrade/update@server1");
    run.answer(&hold, &PureRun::good_answer(&hold));
    run.run_for(Span::minutes(2));
    run.inflict(
        "server1",
        Fault::PowerCut {
            lasts: Span::minutes(2),
            effect: Effect::Nothing,
        },
    );
    run.settle();
    let doubt = first(&run);
    assert_eq!(
        (doubt.kind, doubt.id.as_str()),
        (HoldKind::Doubt, "upgrade/update@server1")
    );
    assert!(doubt.text[0].contains("IN DOUBT"), "{:?}", doubt.text);
    let sent = run.sent.len();
    run.run_for(Span::minutes(60));
    assert_eq!(run.sent.len(), sent, "something was sent while in doubt");
    run.answer(&doubt, "retry");
    run.walk(|_| false);
    assert_eq!(run.state.ending, Some(Ending::Upgraded));
    assert!(run.told("rebooted") >= 1);
}

#[test]
fn a_stopped_node_that_runs_again_holds_the_next_step() {
    let (mut run, _) = at("upgrade/update@server2");
    for node in ["server1", "server3"] {
        let back = [("service", "running"), ("tm", "alive")];
        let changes = back
            .map(|(fact, value)| (FactId::new(fact), Value::text(value)))
            .into();
        run.inflict(
            node,
            Fault::ComesBack {
                changes,
                after: Span(0),
            },
        );
    }
    run.run_for(Span::seconds(30));
    assert!(run.told("resurrected") >= 2);
    let holds = run.holds();
    assert!(
        !holds.iter().any(|hold| hold.kind == HoldKind::Gate),
        "a gate is open in spite of the alarm"
    );
    let broken = holds
        .iter()
        .any(|hold| hold.id == "invariant/one-version-running");
    assert!(
        broken,
        "two versions run together and no rule is told broken: {:?}",
        run.state.invariants
    );
    for node in ["server1", "server3"] {
        let id = format!("resurrected/service@{node}");
        let alarm = run
            .holds()
            .into_iter()
            .find(|hold| hold.id == id)
            .expect("the service is told");
        assert!(alarm.text[0].contains("RESURRECTED"), "{:?}", alarm.text);
        run.answer(&alarm, "repeat it must be down");
        run.run_for(Span::seconds(30));
        let gate = run
            .holds()
            .into_iter()
            .find(|hold| hold.kind == HoldKind::Gate);
        let gate = gate.expect("the repeat has a gate");
        run.answer(&gate, &PureRun::good_answer(&gate));
        run.run_for(Span::minutes(10));
    }
    run.walk(|_| false);
    assert_eq!(run.state.ending, Some(Ending::Upgraded));
}

#[test]
fn turning_back_undoes_what_was_done_and_pays_its_debts() {
    let (mut run, hold) = at("backup/backup-made");
    run.answer(&hold, "no the tape drive is broken");
    run.settle();
    let failure = first(&run);
    assert!(
        options(&failure).contains(&"turn-back"),
        "{:?}",
        options(&failure)
    );
    run.answer(&failure, "turn-back no backup, no upgrade");
    run.walk(|_| false);
    assert_eq!(run.state.ending, Some(Ending::TurnedBack));
    assert!(run.state.debts.is_empty());
    for node in ["server1", "server2", "server3"] {
        let truth = |fact: &str| {
            run.world
                .truth(&NodeId::new(node), &FactId::new(fact))
                .cloned()
        };
        assert_eq!(truth("service"), Some(Value::text("running")), "{node}");
        assert_eq!(truth("version"), Some(Value::text("5.4")), "{node}");
    }
}

#[test]
fn a_pause_starts_nothing_and_can_be_taken_back() {
    let (mut run, hold) = at("stop/stop-all");
    run.says(Says::Pause);
    let sent = run.sent.len();
    run.answer(&hold, &PureRun::good_answer(&hold));
    run.run_for(Span::minutes(30));
    assert_eq!(run.sent.len(), sent, "something was sent in the pause");
    let pause = run
        .holds()
        .into_iter()
        .find(|hold| hold.id == "pause")
        .expect("the pause is told");
    run.answer(&pause, "go-on");
    run.walk(|_| false);
    assert_eq!(run.state.ending, Some(Ending::Upgraded));
}

#[test]
fn a_step_without_an_end_is_told_and_never_killed() {
    let (mut run, hold) = at("upgrade/update@server1");
    run.inflict("server1", Fault::Job(JobFault::Hangs));
    run.answer(&hold, &PureRun::good_answer(&hold));
    run.settle();
    let doubt = first(&run);
    assert_eq!(
        (doubt.kind, doubt.id.as_str()),
        (HoldKind::Doubt, "upgrade/update@server1")
    );
    assert!(
        doubt.text[0].contains("longer than its limit"),
        "{:?}",
        doubt.text
    );
    assert!(options(&doubt).contains(&"wait"));
    run.answer(&doubt, "wait");
    run.settle();
    assert_eq!(
        first(&run).kind,
        HoldKind::Doubt,
        "it is told again after the same time"
    );
    run.answer(&first(&run), "leave");
    assert_eq!(run.exit, Some(Exit::InDoubt));
}

#[test]
fn a_block_cannot_be_waived_and_a_warning_only_with_a_reason() {
    let mut run = PureRun::new(STANDARD, 3, 7);
    run.open();
    run.inflict(
        "server2",
        Fault::CheckFails {
            check: "disk".into(),
        },
    );
    run.settle();
    let hold = run
        .holds()
        .into_iter()
        .find(|hold| hold.id == "readiness/disk@server2")
        .expect("the block is told");
    assert_eq!(
        (hold.kind, options(&hold)),
        (HoldKind::Failure, vec!["recheck", "leave"])
    );
    run.says(Says::Waive {
        check: "disk".into(),
        node: Some("server2".into()),
        reason: "I said so".into(),
    });
    assert!(
        run.holds()
            .iter()
            .any(|hold| hold.id == "readiness/disk@server2")
    );
    run.inflict("server2", Fault::Mended);
    run.answer(&hold, "recheck");
    run.walk(|_| false);
    assert_eq!(run.state.ending, Some(Ending::Upgraded));
}

#[test]
fn the_fold_takes_every_entry_once_however_often_it_is_given() {
    let mut run = PureRun::new(STANDARD, 2, 3);
    run.open();
    run.walk(|_| false);
    let plan = run.state.plan.clone();
    let fold = |entries: &[holdpoint::engine::event::Entry]| {
        let mut state = holdpoint::engine::state::RunState::new(run.brief.clone());
        holdpoint::engine::recover::replay(&mut state, entries.iter().cloned(), plan.as_ref());
        format!(
            "{:?} {:?} {:?} {:?}",
            state.seq,
            state.ending,
            state.established,
            state
                .actions
                .values()
                .map(|record| &record.state)
                .collect::<Vec<_>>()
        )
    };
    let once = fold(&run.entries);
    let twice: Vec<_> = run
        .entries
        .iter()
        .flat_map(|entry| [entry.clone(), entry.clone()])
        .collect();
    assert_eq!(fold(&twice), once);
    let again: Vec<_> = run.entries.iter().chain(&run.entries).cloned().collect();
    assert_eq!(fold(&again), once);
    assert!(matches!(
        run.entries.last().map(|entry| &entry.event),
        Some(Event::Finished { .. })
    ));
}

#[test]
fn a_sync_whose_stamp_does_not_move_is_a_contradiction_and_can_be_pressed_again() {
    let (mut run, hold) = at("sync/synchronise");
    let pressed_in_vain = PlannedFault {
        when: When::Action {
            glob: "sync/synchronise".into(),
            attempt: None,
            after: None,
            times: 1,
        },
        node: None,
        what: Fault::Job(JobFault::Ends {
            code: 0,
            effect: Effect::Nothing,
        }),
    };
    let drill = Drill {
        faults: vec![pressed_in_vain],
        ..Drill::default()
    };
    run.world.set_drill(drill).expect("it fits");
    run.answer(&hold, "done pressed it");
    run.walk(|run| first_kind(run) == Some(HoldKind::Failure));
    let held = first(&run);
    assert_eq!(held.id, "sync/synchronise");
    let text = held.text.join("\n");
    assert!(text.contains("CONTRADICTION"), "{text}");
    assert!(text.contains("sync=pending (wanted synced)"), "{text}");
    assert!(options(&held).contains(&"retry"), "{:?}", options(&held));
    assert!(run.state.ending.is_none(), "only a real sync ends it well");
    run.answer(&held, "retry");
    run.walk(|_| false);
    assert_eq!(run.state.ending, Some(Ending::Upgraded));
}

fn first_kind(run: &PureRun) -> Option<HoldKind> {
    run.holds().first().map(|hold| hold.kind)
}
