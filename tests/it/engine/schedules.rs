//! Generated schedules: random faults at random moments, random answers, crashes of holdpoint itself. After every step the
//! rules are asked of the world as it really is, not as the run believes it to be.

use super::STANDARD;
use crate::support::pure::PureRun;
use holdpoint::engine::event::{Ending, Event};
use holdpoint::engine::hold::{Expect, Hold, HoldKind};
use holdpoint::engine::state::Part;
use holdpoint::engine::summary::Exit;
use holdpoint::model::drill::{Drill, Effect, Fault, JobFault, PlannedFault, When};
use holdpoint::model::ids::{FactId, NodeId};
use holdpoint::model::time::Span;
use holdpoint::sim::rng::Rng;

/// Dice that fall the same for the same seed.
struct Dice(Rng);

impl Dice {
    fn below(&mut self, sides: u64) -> u64 {
        self.0.draw() % sides
    }
}

fn effort() -> u64 {
    std::env::var("HOLDPOINT_EFFORT")
        .ok()
        .and_then(|effort| effort.parse().ok())
        .unwrap_or(1)
}

/// Nodes on different versions never run together, as the world really is.
fn mixed(run: &PureRun) -> bool {
    let truth = |node: &NodeId, fact: &str| {
        run.world
            .truth(node, &FactId::new(fact))
            .map(ToString::to_string)
    };
    let running: Vec<_> = run
        .state
        .nodes
        .keys()
        .filter(|node| truth(node, "service").as_deref() != Some("stopped"))
        .map(|node| truth(node, "version"))
        .collect();
    running.windows(2).any(|pair| pair[0] != pair[1])
}

/// No attempt runs twice, and nothing is sent that was not told before (the harness itself asserts the latter).
fn sent_once(run: &PureRun) {
    let mut sent = run.sent.clone();
    sent.sort();
    let all = sent.len();
    sent.dedup();
    assert_eq!(sent.len(), all, "an attempt was sent twice: {:?}", run.sent);
}

#[test]
fn a_crash_after_any_event_ends_in_the_same_place() {
    let mut undisturbed = PureRun::new(STANDARD, 2, 5);
    undisturbed.open();
    undisturbed.walk(|_| false);
    let all = undisturbed.entries.len();
    for at in 1..all {
        let mut run = PureRun::new(STANDARD, 2, 5);
        run.open();
        run.walk(|run| run.entries.len() >= at || run.exit.is_some());
        step_until(&mut run, at);
        if run.state.ending.is_some() {
            continue;
        }
        run.crash_and_resume();
        run.walk(|_| false);
        assert_eq!(
            run.state.ending,
            Some(Ending::Upgraded),
            "crash after event {at}: {:?}",
            run.entries[at - 1].event
        );
        sent_once(&run);
        for action in run.state.actions.keys() {
            assert!(
                run.world.executions(action) <= 1,
                "crash after event {at}: {action} ran twice"
            );
        }
    }
}

fn step_until(run: &mut PureRun, at: usize) {
    while run.entries.len() < at && run.holds().is_empty() && run.step() {}
}

#[test]
fn a_crash_in_the_middle_of_every_action_ends_in_the_same_place() {
    let mut undisturbed = PureRun::new(STANDARD, 2, 5);
    undisturbed.open();
    undisturbed.walk(|_| false);
    let starts = undisturbed.told("action-started");
    for nth in 1..=starts {
        for downtime in [Span(0), Span::seconds(5), Span::minutes(90)] {
            let mut run = PureRun::new(STANDARD, 2, 5);
            run.open();
            walk_to_start(&mut run, nth);
            run.crash_and_resume_after(downtime);
            run.walk(|_| false);
            assert_eq!(
                run.state.ending,
                Some(Ending::Upgraded),
                "crash in action {nth} for {downtime}"
            );
            sent_once(&run);
            for action in run.state.actions.keys() {
                assert!(
                    run.world.executions(action) <= 1,
                    "crash in action {nth}: {action} ran twice"
                );
            }
        }
    }
}

/// Walks until the `nth` action was started, and a moment further.
fn walk_to_start(run: &mut PureRun, nth: usize) {
    let started = |run: &PureRun| {
        run.entries
            .iter()
            .filter(|entry| matches!(entry.event, Event::ActionStarted { .. }))
            .count()
            >= nth
    };
    for _ in 0..10_000 {
        while run.holds().is_empty() && !started(run) && run.exit.is_none() && run.step() {}
        if started(run) || run.exit.is_some() {
            run.run_for(Span::seconds(2));
            return;
        }
        let hold = run.holds().first().cloned().expect("something is asked");
        let line = PureRun::good_answer(&hold);
        run.answer(&hold, &line);
    }
}

#[test]
fn every_change_may_fail_lie_or_lose_its_link_and_the_walk_ends_well() {
    let mut undisturbed = PureRun::new(STANDARD, 2, 5);
    undisturbed.open();
    undisturbed.walk(|_| false);
    let changes: Vec<_> = undisturbed
        .sent
        .iter()
        .map(|(action, _)| action.clone())
        .collect();
    assert!(changes.len() > 15, "{changes:?}");
    let job = |code, effect| Fault::Job(JobFault::Ends { code, effect });
    let faults = [
        ("fails", job(3, Effect::Nothing)),
        ("lies", job(0, Effect::Nothing)),
        ("fails although it is done", job(1, Effect::Whole)),
        (
            "loses its link",
            Fault::LinkLost {
                lasts: Span::minutes(2),
            },
        ),
        (
            "loses power before it has an effect",
            Fault::PowerCut {
                lasts: Span::minutes(2),
                effect: Effect::Nothing,
            },
        ),
    ];
    for action in &changes {
        for (what, fault) in &faults {
            let mut run = PureRun::new(STANDARD, 2, 5);
            let when = When::Action {
                glob: action.to_string(),
                attempt: Some(1),
                after: None,
                times: 1,
            };
            let faults = vec![PlannedFault {
                when,
                node: None,
                what: fault.clone(),
            }];
            let drill = Drill {
                title: String::new(),
                about: String::new(),
                faults,
            };
            run.world.set_drill(drill).expect("the drill fits");
            run.watch = |run| assert!(!mixed(run), "two versions run together: {:#?}", run.tail());
            run.open();
            insist(&mut run);
            assert_eq!(
                run.state.ending,
                Some(Ending::Upgraded),
                "{action} {what}: {:#?}",
                run.tail()
            );
            sent_once(&run);
            let (ran, tried) = (
                run.world.executions(action),
                run.state.actions[action].attempts,
            );
            assert!(
                ran <= tried,
                "{action} {what}: ran {ran} times in {tried} attempts"
            );
            if *what == "loses its link" {
                assert_eq!(ran, 1, "{action} {what}: it was sent again");
            }
        }
    }
}

#[test]
fn whatever_goes_wrong_no_rule_is_broken_by_our_own_act() {
    let base: u64 = std::env::var("HOLDPOINT_SEED")
        .ok()
        .and_then(|seed| seed.parse().ok())
        .unwrap_or(1);
    let mut ended = 0;
    let many = 1_000 * effort();
    for seed in base..base + many {
        ended += u64::from(schedule(seed));
    }
    assert!(
        ended * 10 >= many * 6,
        "only {ended} of {many} schedules came to a good end"
    );
}

/// One schedule; whether it came to a good end.
fn schedule(seed: u64) -> bool {
    let mut rng = Dice(Rng::keyed(seed, &["schedule"]));
    let nodes = 2 + rng.below(2) as usize;
    let mut run = PureRun::new(STANDARD, nodes, seed);
    let mut foreign_hand = false;
    run.open();
    for _ in 0..600 {
        if run.exit.is_some() {
            break;
        }
        if rng.below(40) == 0 {
            foreign_hand |= disturb(&mut run, &mut rng, nodes);
        }
        if rng.below(60) == 0 && run.state.part >= Part::Connect {
            run.crash_and_resume_after(Span(rng.below(20 * 60_000)));
        }
        if rng.below(4) == 0 {
            run.run_for(Span(rng.below(120_000)));
        }
        settle_bounded(&mut run, &mut rng);
        if !foreign_hand {
            assert!(
                !mixed(&run),
                "seed {seed}: two versions run together; last events: {:#?}",
                run.tail()
            );
        }
        let Some(hold) = pick(&run, &mut rng) else {
            continue;
        };
        let line = choice(&hold, &mut rng);
        run.answer(&hold, &line);
    }
    sent_once(&run);
    for (id, record) in &run.state.actions {
        assert!(
            run.world.executions(id) <= record.attempts,
            "seed {seed}: {id} ran {} times in {} attempts",
            run.world.executions(id),
            record.attempts
        );
    }
    if run.state.ending == Some(Ending::Upgraded) {
        assert!(
            run.state.debts.is_empty(),
            "seed {seed}: finished with a debt"
        );
        let target = &run.brief.cluster.target;
        for node in run.state.nodes.keys() {
            let version = run
                .world
                .truth(node, &FactId::new("version"))
                .map(ToString::to_string);
            assert_eq!(
                version.as_ref(),
                Some(target),
                "seed {seed}: {node} is not on the target"
            );
        }
    }
    run.exit == Some(Exit::Finished)
}

/// Walks to the end as somebody who has looked and does again what is not done.
fn insist(run: &mut PureRun) {
    for _ in 0..200 {
        run.walk(|run| run.holds().iter().any(|hold| hold.kind == HoldKind::Doubt));
        let doubt = run
            .holds()
            .into_iter()
            .find(|hold| hold.kind == HoldKind::Doubt);
        match doubt.filter(|_| run.exit.is_none()) {
            Some(doubt) => run.answer(&doubt, "retry"),
            None => return,
        }
    }
}

fn settle_bounded(run: &mut PureRun, rng: &mut Dice) {
    let steps = 20 + rng.below(400);
    for _ in 0..steps {
        if run.exit.is_some() || !run.holds().is_empty() || !run.step() {
            return;
        }
    }
}

fn pick(run: &PureRun, rng: &mut Dice) -> Option<Hold> {
    let holds = run.holds();
    if holds.is_empty() {
        return None;
    }
    let at = rng.below(holds.len() as u64) as usize;
    holds.get(at).cloned()
}

/// An answer that a tired operator might give.
fn choice(hold: &Hold, rng: &mut Dice) -> String {
    if rng.below(30) == 0 && hold.kind == HoldKind::Gate {
        return "yes".into();
    }
    match &hold.expect {
        Expect::Options(options) => {
            let offered: Vec<_> = options
                .iter()
                .filter(|option| option.id != "leave")
                .collect();
            let first_twice = rng.below(3) != 0;
            let at = if first_twice {
                0
            } else {
                rng.below(offered.len() as u64) as usize
            };
            let picked = offered[at];
            match picked.note {
                Some(_) => format!("{} because I looked", picked.id),
                None => picked.id.to_string(),
            }
        }
        _ => PureRun::good_answer(hold),
    }
}

/// Something goes wrong; whether it was a hand that is not ours.
fn disturb(run: &mut PureRun, rng: &mut Dice, nodes: usize) -> bool {
    let node = format!("server{}", 1 + rng.below(nodes as u64));
    let effect = [Effect::Nothing, Effect::Half, Effect::Whole][rng.below(3) as usize];
    let lasts = Span(1_000 + rng.below(300_000));
    let fault = match rng.below(9) {
        0 => Fault::LinkLost { lasts },
        1 => Fault::Unreachable { lasts: Some(lasts) },
        2 => Fault::PowerCut { lasts, effect },
        3 => Fault::Job(JobFault::Slow { times: 3 }),
        4 | 5 => Fault::Job(JobFault::Ends { code: 0, effect }),
        6 => Fault::Job(JobFault::Ends { code: 1, effect }),
        7 => Fault::ProbeSilent {
            probe: None,
            lasts: Some(lasts),
        },
        _ => Fault::ComesBack {
            changes: Default::default(),
            after: Span(rng.below(60_000)),
        },
    };
    // A job that ends half done, a power cut and a hand from outside can mix versions without us.
    let foreign = match &fault {
        Fault::ComesBack { .. } | Fault::PowerCut { .. } => true,
        Fault::Job(JobFault::Ends { effect, .. }) => *effect == Effect::Half,
        _ => false,
    };
    run.inflict(&node, fault);
    foreign
}
