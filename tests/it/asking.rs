//! Programs that ask, nodes that reboot, files that are put on nodes, and what a plan leaves out: told on the pure core.

use holdpoint::engine::event::{Ending, Event, FailureKind, Said};
use holdpoint::engine::hold::{Hold, HoldKind};
use holdpoint::engine::input::Says;
use holdpoint::engine::plan::Work;
use holdpoint::engine::state::ActionState;
use holdpoint::model::dialogue::Answer;
use holdpoint::model::drill::{Effect, Fault, JobFault};
use holdpoint::model::ids::{ActionId, NodeId};
use holdpoint::model::procedure::Procedure;
use holdpoint::model::time::Span;
use holdpoint::parse::include;

use crate::support::pure::PureRun;

const PROCEDURE: &str = include_str!("../fixtures/appliance.toml");
const PART: &str = include_str!("../fixtures/appliance-part.toml");

fn appliance(change: impl Fn(&str) -> String) -> Procedure {
    let part = |name: &str| match name {
        "./appliance-part.toml" => Ok(PART.to_string()),
        other => Err(format!("no {other}")),
    };
    let whole = include::with_parts(&change(PROCEDURE), "appliance.toml", part);
    let whole = whole.unwrap_or_else(|said| panic!("{said}"));
    holdpoint::parse::procedure(&whole, "appliance.toml")
        .unwrap_or_else(|said| panic!("{said}"))
        .value
}

fn run() -> PureRun {
    let mut run = PureRun::of(appliance(str::to_string), 3, 1);
    run.open();
    run
}

/// Walks on until something of this kind waits.
fn until(run: &mut PureRun, kind: HoldKind) -> Hold {
    run.walk(|run| run.holds().iter().any(|hold| hold.kind == kind));
    let hold = run.holds().into_iter().find(|hold| hold.kind == kind);
    hold.unwrap_or_else(|| panic!("no {kind:?} came; {:?}", run.holds()))
}

fn answer(run: &mut PureRun, hold: &Hold, line: &str) {
    let says = holdpoint::engine::hold::answer(hold, line).expect("it is offered");
    run.says(says);
}

fn install(node: &str) -> ActionId {
    ActionId::new(format!("upgrade/install@{node}"))
}

#[test]
fn expected_questions_are_answered_by_the_procedure_and_the_others_by_a_human() {
    let mut run = run();
    let hold = until(&mut run, HoldKind::Prompt);
    assert_eq!(hold.id, "upgrade/install@node2", "the leader comes last");
    let text = hold.text.join("\n");
    assert!(text.contains("no way back"), "{text}");
    assert!(
        text.contains("> This cannot be undone. Continue?"),
        "{text}"
    );
    let told: Vec<_> = run
        .answers
        .iter()
        .map(|(_, _, answer)| answer.clone())
        .collect();
    assert_eq!(
        told,
        [
            Answer::Secret("licence_key".into()),
            Answer::Text("y".into())
        ]
    );
    answer(&mut run, &hold, "answer yes, go on");
    assert_eq!(
        run.answers.last().map(|(_, _, answer)| answer.clone()),
        Some(Answer::Text("yes, go on".into()))
    );
    let told = serde_json::to_string(&run.entries).expect("entries serialise");
    assert!(told.contains("\"licence_key\""), "the secret is named");
}

#[test]
fn a_question_that_nobody_expects_holds_the_step_and_a_hidden_answer_is_kept_nowhere() {
    let mut run = run();
    until(&mut run, HoldKind::Gate);
    run.walk(|run| {
        run.holds()
            .iter()
            .any(|hold| hold.id == "upgrade/install@node2")
    });
    run.inflict("node2", Fault::Job(JobFault::Asks));
    let hold = until(&mut run, HoldKind::Prompt);
    let text = hold.text.join("\n");
    assert!(text.contains("does not know this question"), "{text}");
    assert!(text.contains("> Overwrite changed files? [y/N]"), "{text}");
    run.says(Says::Choose {
        hold: hold.id.clone(),
        option: "answer-hidden".into(),
        note: "swordfish".into(),
    });
    // It asks for no secret, so that way is not offered; the plain one is.
    assert!(run.answers.is_empty(), "{:?}", run.answers);
    answer(&mut run, &hold, "answer n");
    let said = run.entries.iter().find_map(|entry| match &entry.event {
        Event::PromptAnswered { said, by, .. } => Some((said.clone(), by.is_some())),
        _ => None,
    });
    assert_eq!(said, Some((Said::Text("n".into()), true)));
    let journal = serde_json::to_string(&run.entries).expect("entries serialise");
    assert!(!journal.contains("swordfish"), "{journal}");
}

#[test]
fn after_a_crash_a_question_is_found_again_and_answered_once() {
    let mut run = run();
    let hold = until(&mut run, HoldKind::Prompt);
    let before = run.answers.len();
    run.crash_and_resume();
    run.settle();
    let resume = run.holds().remove(0);
    answer(&mut run, &resume, "go-on");
    let again = until(&mut run, HoldKind::Prompt);
    assert_eq!(again.id, hold.id);
    assert_eq!(
        run.answers.len(),
        before,
        "what was answered is not answered again"
    );
    answer(&mut run, &again, "enter");
    run.walk(|_| false);
    assert_eq!(
        run.state.ending,
        Some(Ending::Upgraded),
        "{:?}",
        run.holds()
    );
    let install = run.world.executions(&install("node2"));
    assert_eq!(install, 1);
}

#[test]
fn a_step_that_reboots_is_done_when_another_boot_answers_steadily() {
    let mut run = run();
    run.walk(|_| false);
    assert_eq!(
        run.state.ending,
        Some(Ending::Upgraded),
        "{:?}",
        run.holds()
    );
    for node in ["node1", "node2", "node3"] {
        let at = |wanted: fn(&Event, &NodeId) -> bool| {
            let node = NodeId::new(node);
            let entry = run
                .entries
                .iter()
                .rev()
                .find(|entry| wanted(&entry.event, &node));
            entry.unwrap_or_else(|| panic!("{node}")).at
        };
        let back =
            at(|event, wanted| matches!(event, Event::Rebooted { node, .. } if node == wanted));
        let done = at(
            |event, wanted| matches!(event, Event::ActionDone { action, .. } if *action == ActionId::new(format!("upgrade/install@{wanted}"))),
        );
        assert!(
            done.since(back) >= Span::seconds(10),
            "{node}: {done} after {back}"
        );
    }
}

#[test]
fn a_node_that_comes_back_as_it_was_is_a_contradiction() {
    let mut run = run();
    run.walk(|run| {
        run.holds()
            .iter()
            .any(|hold| hold.id == "upgrade/install@node2")
    });
    run.inflict(
        "node2",
        Fault::Job(JobFault::Ends {
            code: 0,
            effect: Effect::Nothing,
        }),
    );
    until(&mut run, HoldKind::Failure);
    let state = &run.state.actions[&install("node2")].state;
    let ActionState::Failed { failure, .. } = state else {
        panic!("{state:?}");
    };
    assert_eq!(failure.kind, FailureKind::Contradiction);
    assert!(
        failure.message.contains("rebooted the node"),
        "{}",
        failure.message
    );
}

#[test]
fn a_node_that_never_comes_back_is_told_when_the_limit_has_passed() {
    let mut run = run();
    let hold = until(&mut run, HoldKind::Prompt);
    answer(&mut run, &hold, "enter");
    // It goes down by itself, and then nothing brings it back.
    while run.state.nodes[&NodeId::new("node2")].link.is_up() {
        assert!(run.step(), "it never went down");
    }
    run.inflict("node2", Fault::Unreachable { lasts: None });
    let doubt = until(&mut run, HoldKind::Doubt);
    let text = doubt.text.join("\n");
    assert!(text.contains("longer than its limit of 20m"), "{text}");
    let failed = until_failed(&mut run, &doubt);
    assert!(failed.text.join("\n").contains("given up"), "{failed:?}");
}

fn until_failed(run: &mut PureRun, doubt: &Hold) -> Hold {
    answer(run, doubt, "give-up it is dead");
    let holds = run.holds();
    let hold = holds
        .into_iter()
        .find(|hold| hold.kind == HoldKind::Failure);
    hold.expect("a failure is told")
}

#[test]
fn what_does_not_concern_a_cluster_is_left_out_and_said() {
    let mut run = run();
    until(&mut run, HoldKind::Gate);
    let plan = run.state.plan.clone().expect("it was made");
    let left: Vec<&str> = plan
        .left_out
        .iter()
        .map(|left| left.what.as_str())
        .collect();
    assert_eq!(left, ["phase storage"]);
    assert!(plan.stages.iter().all(|stage| stage.owner != "storage"));
    let upload = plan.stages.iter().flat_map(|stage| &stage.actions).next();
    let Some(Work::Upload(upload)) = upload.map(|action| &action.work) else {
        panic!("{upload:?}");
    };
    assert_eq!(
        (upload.from.as_str(), upload.mode),
        ("appliance.pkg", Some(0o644))
    );

    let old = appliance(|text| text.replace("default = \"new\"", "default = \"old\""));
    let mut run = PureRun::of(old, 3, 1);
    run.open();
    until(&mut run, HoldKind::Gate);
    let plan = run.state.plan.clone().expect("it was made");
    assert!(plan.left_out.is_empty());
    assert_eq!(plan.stages[0].owner, "storage");
}

#[test]
fn a_target_that_the_vendor_warns_of_is_refused_before_anything_runs() {
    let bad = appliance(|text| {
        text.replace(
            "rehearse_target = \"3.15.2\"",
            "rehearse_target = \"3.15.1\"",
        )
    });
    let mut run = PureRun::of(bad, 2, 1);
    run.open();
    let hold = until(&mut run, HoldKind::Failure);
    let text = hold.text.join("\n");
    assert!(text.contains("it forgets its settings"), "{text}");
    assert!(run.sent.is_empty());
}

#[test]
fn a_branch_may_be_taken_because_the_operator_says_what_no_probe_can_see() {
    let mut run = run();
    run.walk(|run| {
        run.holds()
            .iter()
            .any(|hold| hold.id == "upgrade/install@node2")
    });
    run.says(Says::Branch {
        branch: "leader-moved".into(),
        reason: "moved it to node2".into(),
    });
    let asked = until(&mut run, HoldKind::Attest);
    assert_eq!(asked.id, "leader-moved/look");
}

#[test]
fn a_branch_taken_at_a_failure_is_walked_and_then_the_failure_is_settled() {
    let mut run = run();
    run.walk(|run| {
        let holds = run.holds();
        holds.iter().any(|hold| hold.id == "upgrade/install@node2")
    });
    run.inflict(
        "node2",
        Fault::Job(JobFault::Ends {
            code: 3,
            effect: Effect::Nothing,
        }),
    );
    let failed = until(&mut run, HoldKind::Failure);
    run.says(Says::Branch {
        branch: "leader-moved".into(),
        reason: "looked at it".into(),
    });
    let asked = run.holds();
    assert_eq!(asked.len(), 1, "only what the branch asks: {asked:?}");
    assert_eq!(asked[0].id, "leader-moved/look");
    answer(&mut run, &asked[0], "yes node1 does");
    run.settle();
    let again = until(&mut run, HoldKind::Failure);
    assert_eq!(again.id, failed.id, "what failed is still to be settled");
    answer(&mut run, &again, "retry");
    run.walk(|_| false);
    assert_eq!(run.state.ending, Some(Ending::Upgraded));
}

#[test]
fn a_mistake_in_a_part_is_shown_in_the_part() {
    let broken = PART.replace("severity = \"warn\"", "severity = \"wram\"");
    let whole = include::with_parts(PROCEDURE, "appliance.toml", |_| Ok(broken.clone()));
    let said = holdpoint::parse::procedure(&whole.expect("it is found"), "appliance.toml");
    let said = said.expect_err("it is wrong").to_string();
    assert!(said.contains("appliance-part.toml:16:12"), "{said}");
    assert!(said.contains("known here: block, info, warn"), "{said}");
    let missing = include::with_parts(PROCEDURE, "appliance.toml", |_| Err("gone".into()));
    let said = missing.expect_err("it is not there").to_string();
    assert!(
        said.contains("appliance.toml:8:") && said.contains("gone"),
        "{said}"
    );
}
