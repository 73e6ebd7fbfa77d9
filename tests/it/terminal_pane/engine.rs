//! The rules of the wheel on the pure core: who types, what is told, what is never sent twice.

use holdpoint::engine::event::{Ending, Event};
use holdpoint::engine::hold::{Hold, HoldKind};
use holdpoint::engine::input::{Input, Says, Timer};
use holdpoint::model::drill::Fault;
use holdpoint::model::ids::{ActionId, NodeId};
use holdpoint::model::reply::JobReport;
use holdpoint::model::time::Span;
use holdpoint::model::wheel::{Does, Keys};
use holdpoint::parse::include;
use holdpoint::sim::rng::Rng;

use crate::support::pure::PureRun;

const PROCEDURE: &str = include_str!("../../fixtures/appliance.toml");
const PART: &str = include_str!("../../fixtures/appliance-part.toml");

fn run(seed: u64) -> PureRun {
    let whole = include::with_parts(PROCEDURE, "appliance.toml", |_| Ok(PART.to_string()));
    let whole = whole.unwrap_or_else(|said| panic!("{said}"));
    let procedure = holdpoint::parse::procedure(&whole, "appliance.toml");
    let procedure = procedure.unwrap_or_else(|said| panic!("{said}")).value;
    let mut run = PureRun::of(procedure, 3, seed);
    run.open();
    run
}

fn install() -> ActionId {
    ActionId::new("upgrade/install@node2")
}

/// Walks on until the installer of the first node asks what the operator must answer.
fn until_asked(run: &mut PureRun) -> Hold {
    run.walk(|run| run.holds().iter().any(|hold| hold.kind == HoldKind::Prompt));
    run.holds().remove(0)
}

fn take(run: &mut PureRun) {
    run.says(Says::TakeWheel { action: install() });
}

fn keys(run: &mut PureRun, text: &str) {
    let count = u32::try_from(text.chars().count()).expect("few");
    run.says(Says::Keys {
        action: install(),
        attempt: 1,
        keys: Keys::new(text.into(), count),
    });
}

fn hand_back(run: &mut PureRun) {
    run.says(Says::HandBack { action: install() });
}

/// Why the last thing that was said was refused.
fn refusal(run: &PureRun) -> String {
    match run.entries.last().map(|entry| &entry.event) {
        Some(Event::GateRefused { why, .. }) => why.clone(),
        other => panic!("not refused: {other:?}"),
    }
}

fn wheel(run: &PureRun) -> &holdpoint::engine::state::Wheel {
    &run.state.actions[&install()].wheel
}

fn asks(at: u64, prompt: Option<&str>) -> Input {
    Input::Job {
        action: install(),
        attempt: 1,
        node: NodeId::new("node2"),
        report: JobReport::Asks {
            prompt: prompt.map(str::to_string),
            text: "Proceed with installation? [y/N]".into(),
            at,
        },
    }
}

#[test]
fn whoever_has_the_wheel_types_and_nobody_else() {
    let mut run = run(1);
    until_asked(&mut run);
    take(&mut run);
    let holds = run.holds();
    assert_eq!(holds.len(), 1, "{holds:?}");
    assert!(
        holds[0].text[0].contains("ana@jump-1 has the wheel"),
        "{holds:?}"
    );
    let (told, answers) = (run.entries.len(), run.answers.len());
    run.take(&asks(9_000, Some("proceed")));
    run.take(&Input::Timer(Timer::Overdue {
        action: install(),
        attempt: 1,
    }));
    assert_eq!(
        run.entries.len(),
        told,
        "no question, no limit: {:?}",
        run.tail()
    );
    keys(&mut run, "swordfish");
    keys(&mut run, "\r");
    hand_back(&mut run);
    assert_eq!(
        run.answers.len(),
        answers,
        "nothing was answered by anybody else"
    );
    let acts: Vec<_> = run.acts.iter().map(|(_, _, act)| act.number).collect();
    assert_eq!(acts, [1, 2, 3, 4]);
    let journal = serde_json::to_string(&run.entries).expect("entries serialise");
    assert!(
        !journal.contains("swordfish"),
        "what was typed is told nowhere"
    );
    let told: Vec<_> = run.entries[told..]
        .iter()
        .map(|entry| &entry.event)
        .collect();
    assert!(
        matches!(
            told[..],
            [
                Event::KeysGiven { keys: 9, .. },
                Event::KeysGiven { keys: 1, .. },
                Event::WheelReturned {
                    keys: 10,
                    by: Some(_),
                    ..
                },
            ]
        ),
        "{told:?}"
    );
    // The limit runs again, from its beginning.
    run.take(&Input::Timer(Timer::Overdue {
        action: install(),
        attempt: 1,
    }));
    assert!(run.state.actions[&install()].overdue);
}

#[test]
fn the_step_goes_on_after_the_wheel_was_handed_back() {
    let mut run = run(2);
    until_asked(&mut run);
    take(&mut run);
    keys(&mut run, "yes\r");
    run.run_for(Span::seconds(20));
    hand_back(&mut run);
    run.walk(|_| false);
    assert_eq!(
        run.state.ending,
        Some(Ending::Upgraded),
        "{:?}",
        run.holds()
    );
    assert_eq!(run.world.executions(&install()), 1);
}

#[test]
fn what_stands_unanswered_at_the_hand_back_is_a_humans_to_answer() {
    let mut run = run(3);
    let before = until_asked(&mut run);
    take(&mut run);
    assert!(run.state.actions[&install()].asking.is_none());
    hand_back(&mut run);
    let again = until_asked(&mut run);
    assert_eq!(again.id, before.id);
    let text = again.text.join("\n");
    assert!(
        text.contains("> This cannot be undone. Continue?"),
        "{text}"
    );
    run.answer(&again, "answer yes");
    run.walk(|_| false);
    assert_eq!(run.state.ending, Some(Ending::Upgraded));
}

#[test]
fn after_a_crash_the_wheel_is_back_by_itself_and_the_question_is_there_again() {
    let mut run = run(4);
    until_asked(&mut run);
    take(&mut run);
    keys(&mut run, "ye");
    let answers = run.answers.len();
    run.crash_and_resume();
    assert!(!wheel(&run).is_held());
    let returned = run.entries.iter().find_map(|entry| match &entry.event {
        Event::WheelReturned { by, why, keys, .. } => Some((by.clone(), why.clone(), *keys)),
        _ => None,
    });
    assert_eq!(returned, Some((None, Some("holdpoint was away".into()), 2)));
    run.settle();
    let resume = run.holds().remove(0);
    assert_eq!(resume.id, "resume", "{resume:?}");
    let text = resume.text.join("\n");
    assert!(
        text.contains("handed back by itself: holdpoint was away"),
        "{text}"
    );
    keys(&mut run, "late");
    assert!(refusal(&run).contains("you do not have the wheel"));
    take(&mut run);
    assert!(refusal(&run).contains("say go-on first"));
    run.answer(&resume, "go-on");
    until_asked(&mut run);
    assert_eq!(
        run.answers.len(),
        answers,
        "nothing of before is answered again"
    );
    let settled = run.entries.iter().any(|entry| {
        matches!(
            entry.event,
            Event::KeysSettled {
                typed: 2,
                lost: 0,
                unknown: 0,
                ..
            }
        )
    });
    assert!(
        settled,
        "it is told that the keys arrived: {:?}",
        run.tail()
    );
    let back = run.acts.last().expect("the node is told");
    assert_eq!((back.2.number, &back.2.does), (3, &Does::HandBack));
}

#[test]
fn keys_on_a_broken_link_are_in_doubt_and_never_sent_again() {
    let mut run = run(5);
    until_asked(&mut run);
    take(&mut run);
    let link = run
        .world
        .truth(&NodeId::new("node2"), &"version".into())
        .cloned();
    run.inflict(
        "node2",
        Fault::LinkLost {
            lasts: Span::seconds(30),
        },
    );
    keys(&mut run, "yes\r");
    let typed = |run: &PureRun| {
        let typed = run
            .acts
            .iter()
            .filter(|(_, _, act)| matches!(act.does, Does::Type(_)));
        typed.count()
    };
    let sent = typed(&run);
    while run.state.nodes[&NodeId::new("node2")].link.is_up() {
        assert!(run.step(), "the link is lost");
    }
    keys(&mut run, "n");
    assert!(
        refusal(&run).contains("nothing was typed"),
        "{}",
        refusal(&run)
    );
    run.run_for(Span::seconds(120));
    assert!(wheel(&run).is_held(), "it is still theirs");
    assert_eq!(
        wheel(&run).doubt,
        None,
        "the node was asked: {:?}",
        run.tail()
    );
    assert_eq!(typed(&run), sent, "nothing is sent again by itself");
    if sent > 0 {
        let doubted = run
            .entries
            .iter()
            .any(|e| matches!(e.event, Event::KeysInDoubt { keys: 4, .. }));
        let lost = run.entries.iter().any(|e| {
            matches!(
                e.event,
                Event::KeysSettled {
                    lost: 4,
                    typed: 0,
                    ..
                }
            )
        });
        assert!(doubted && lost, "{:?}", run.tail());
    }
    assert_eq!(
        run.world
            .truth(&NodeId::new("node2"), &"version".into())
            .cloned(),
        link
    );
    keys(&mut run, "yes\r");
    hand_back(&mut run);
    run.walk(|_| false);
    assert_eq!(run.state.ending, Some(Ending::Upgraded));
}

#[test]
fn what_cannot_be_steered_is_refused_in_words() {
    let mut run = run(6);
    take(&mut run);
    assert_eq!(refusal(&run), "the plan has no such action");
    let hold = until_asked(&mut run);
    let ended = ActionId::new("package/upload@node2");
    let ended = run.state.actions.keys().find(|id| **id == ended).cloned();
    let ended = ended.unwrap_or_else(|| {
        let done = run.state.actions.iter().find(|(_, it)| it.ended.is_some());
        done.map(|(id, _)| id.clone())
            .expect("something was done before")
    });
    run.says(Says::TakeWheel { action: ended });
    assert_eq!(refusal(&run), "its program has ended");
    run.says(Says::TakeWheel {
        action: ActionId::new("upgrade/install@node1"),
    });
    assert_eq!(refusal(&run), "it has not begun");
    hand_back(&mut run);
    assert_eq!(refusal(&run), "nobody has its wheel");
    take(&mut run);
    take(&mut run);
    assert_eq!(refusal(&run), "ana@jump-1 has its wheel already");
    run.says(Says::Keys {
        action: install(),
        attempt: 2,
        keys: Keys::new(b"y".to_vec(), 1),
    });
    assert!(
        refusal(&run).contains("you do not have the wheel"),
        "of another attempt"
    );
    let (told, sent) = (run.entries.len(), run.acts.len());
    run.take(&Input::Job {
        action: install(),
        attempt: 7,
        node: NodeId::new("node2"),
        report: JobReport::KeysInDoubt {
            act: 1,
            why: "late".into(),
        },
    });
    assert_eq!((run.entries.len(), run.acts.len()), (told, sent));
    hand_back(&mut run);
    let again = until_asked(&mut run);
    assert_eq!(again.id, hold.id);
}

/// Whatever is done at the wheel and to the link, in whatever order, and however often holdpoint dies: nothing is typed or
/// answered twice, nothing is answered while a human types, and the step still comes to its end.
#[test]
fn no_schedule_types_twice_or_answers_behind_a_humans_back() {
    for seed in 0..60 {
        let mut dice = Rng::keyed(seed, &["wheel"]);
        let mut run = run(seed);
        run.watch = |run| {
            let typed: Vec<_> = run
                .acts
                .iter()
                .filter(|(_, _, act)| matches!(act.does, Does::Type(_)))
                .collect();
            let mut numbers: Vec<_> = typed
                .iter()
                .map(|(id, attempt, act)| (id, attempt, act.number))
                .collect();
            numbers.dedup();
            assert_eq!(numbers.len(), typed.len(), "keys were sent twice");
        };
        until_asked(&mut run);
        for _ in 0..25 {
            let held = run.state.actions[&install()].wheel.is_held();
            let answers = run.answers.len();
            match dice.draw() % 7 {
                0 => take(&mut run),
                1 => keys(&mut run, "a"),
                2 => keys(&mut run, "yes\r"),
                3 => hand_back(&mut run),
                4 => {
                    run.inflict(
                        "node2",
                        Fault::LinkLost {
                            lasts: Span::seconds(7),
                        },
                    );
                }
                5 if dice.draw().is_multiple_of(3) => run.crash_and_resume(),
                _ => run.run_for(Span::seconds(dice.draw() % 20)),
            }
            if held && wheel(&run).is_held() {
                assert_eq!(
                    run.answers.len(),
                    answers,
                    "seed {seed}: answered meanwhile"
                );
            }
        }
        run.walk(|_| false);
        assert_eq!(run.state.ending, Some(Ending::Upgraded), "seed {seed}");
        assert_eq!(run.world.executions(&install()), 1, "seed {seed}");
    }
}
