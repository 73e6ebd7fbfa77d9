//! The what-ifs on the simulated twin: when each branch is offered, what it asks for in which order, and that the run comes to
//! its end behind it.

use std::collections::BTreeMap;

use holdpoint::engine::event::Ending;
use holdpoint::engine::hold::Hold;
use holdpoint::engine::input::Says;
use holdpoint::model::cluster::Given;
use holdpoint::model::drill::Fault;
use holdpoint::model::ids::{BranchId, ParamId};
use holdpoint::model::time::Span;
use holdpoint::model::value::Value;
use holdpoint::sim::twin;

use crate::support::pure::{PureRun, procedure};

/// A rehearsal on three servers that has come to the hold of this id.
fn arrived(params: &[(&str, &str)], id: &str) -> PureRun {
    let procedure = procedure("smc/management-servers");
    let mut cluster = twin(&procedure, 3).expect("three fit");
    for (name, value) in params {
        let given = Given::Value(Value::text(*value));
        cluster.params.insert(ParamId::new(*name), given);
    }
    let mut run = PureRun::on(procedure, cluster, 1);
    run.open();
    run.walk(|run| first(run).is_some_and(|hold| hold.id == id));
    assert_eq!(first(&run).map(|hold| hold.id), Some(id.to_string()));
    run
}

fn first(run: &PureRun) -> Option<Hold> {
    run.holds().into_iter().next()
}

/// Something becomes so behind our back.
fn becomes(run: &mut PureRun, node: &str, changes: &[(&str, &str)]) {
    let changes: BTreeMap<_, _> = changes
        .iter()
        .map(|(fact, value)| ((*fact).into(), Value::text(*value)))
        .collect();
    let after = Span::seconds(1);
    run.inflict(node, Fault::ComesBack { changes, after });
    run.run_for(Span::seconds(15));
}

fn broken(run: &PureRun) -> Vec<String> {
    let alarms = run.holds().into_iter().filter_map(|hold| {
        let rule = hold.id.strip_prefix("invariant/")?;
        Some(rule.to_string())
    });
    alarms.collect()
}

/// Whether a branch may be taken now.
fn takes(run: &mut PureRun, branch: &str) -> bool {
    let detours = run.told("detour-taken");
    run.says(Says::Branch {
        branch: BranchId::new(branch),
        reason: "it happened".into(),
    });
    run.told("detour-taken") > detours
}

/// Answers everything patiently to the end; what was met of this branch, as kind and id.
fn to_the_end(run: &mut PureRun, branch: &str) -> Vec<String> {
    let mut met = Vec::new();
    for _ in 0..200 {
        run.settle();
        if run.exit.is_some() {
            return met;
        }
        let hold = first(run).expect("something is asked");
        if hold.id.starts_with("invariant/") {
            // It holds again as soon as what was done is looked at.
            run.run_for(Span::seconds(10));
            if first(run).is_some_and(|still| still.id == hold.id) {
                run.answer(&hold, "look");
            }
            continue;
        }
        let line = if hold.id.starts_with("resurrected/") {
            "accept it has another part now".into()
        } else {
            PureRun::good_answer(&hold)
        };
        if hold.id.starts_with(&format!("{branch}/")) {
            met.push(format!("{} {}", hold.kind.name(), hold.id));
        }
        run.answer(&hold, &line);
    }
    panic!("{:#?}\nit never ends", run.tail());
}

const EXCLUDED: &[(&str, &str)] = &[("standbys", "exclude")];

/// The Active is upgraded; meanwhile the second server became Active.
fn two_actives() -> PureRun {
    let mut run = arrived(EXCLUDED, "active/upgrade@management1");
    becomes(&mut run, "management2", &[("role", "active")]);
    assert_eq!(broken(&run), ["one-active"]);
    let hold = first(&run).expect("the installer is asked for");
    run.answer(&hold, "done installed");
    run.run_for(Span::seconds(30));
    assert_eq!(broken(&run), ["no-old-active", "one-active"]);
    run
}

#[test]
fn no_branch_about_a_second_active_is_offered_without_one() {
    let mut run = arrived(EXCLUDED, "active/client-check");
    for branch in ["old-server-active", "split-brain", "left-running"] {
        assert!(!takes(&mut run, branch), "{branch}");
    }
}

#[test]
fn an_activated_standby_whose_change_is_kept_is_the_active_in_the_end() {
    let mut run = two_actives();
    assert!(takes(&mut run, "activated-keep"));
    let met = to_the_end(&mut run, "activated-keep");
    assert_eq!(
        met,
        [
            "attest activated-keep/change-kept",
            "manual activated-keep/previous-standby@management1",
            "gate activated-keep/stop-previous",
            "manual activated-keep/upgrade-promoted@management2",
            "attest activated-keep/client-check",
            "manual activated-keep/upgrade-others@management3",
            "manual activated-keep/initialise@management1",
            "manual activated-keep/initialise@management3",
        ]
    );
    assert_eq!(
        run.state.ending,
        Some(Ending::Upgraded),
        "{:#?}",
        run.tail()
    );
    assert!(run.state.debts.is_empty());
}

#[test]
fn an_activated_standby_whose_change_is_discarded_goes_back() {
    let mut run = two_actives();
    assert!(takes(&mut run, "activated-discard"));
    let met = to_the_end(&mut run, "activated-discard");
    assert_eq!(
        met,
        [
            "attest activated-discard/change-discarded",
            "manual activated-discard/set-standby@management2",
        ]
    );
    assert_eq!(
        run.state.ending,
        Some(Ending::Upgraded),
        "{:#?}",
        run.tail()
    );
}

#[test]
fn of_two_actives_a_human_chooses_one() {
    let mut run = two_actives();
    assert!(takes(&mut run, "split-brain"));
    let met = to_the_end(&mut run, "split-brain");
    assert_eq!(
        met,
        [
            "attest split-brain/chosen",
            "manual split-brain/set-standby@management2",
            "attest split-brain/force-activation",
            "attest split-brain/initialise-later",
        ]
    );
    assert_eq!(
        run.state.ending,
        Some(Ending::Upgraded),
        "{:#?}",
        run.tail()
    );
}

#[test]
fn standbys_that_were_left_running_are_stopped_or_excluded_now() {
    let mut run = arrived(&[], "active/upgrade@management1");
    let up = [("service", "running"), ("replication", "stb-onhold")];
    becomes(&mut run, "management2", &up);
    assert_eq!(broken(&run), ["standbys-apart"]);
    assert!(takes(&mut run, "left-running"));
    let met = to_the_end(&mut run, "left-running");
    assert_eq!(
        met,
        [
            "attest left-running/explained",
            "gate left-running/stop-now"
        ]
    );
    assert_eq!(
        run.state.ending,
        Some(Ending::Upgraded),
        "{:#?}",
        run.tail()
    );

    let mut run = arrived(EXCLUDED, "active/upgrade@management1");
    becomes(&mut run, "management2", &[("replication", "stb-onhold")]);
    assert_eq!(broken(&run), ["standbys-apart"]);
    assert!(takes(&mut run, "left-running"));
    let met = to_the_end(&mut run, "left-running");
    assert_eq!(
        met,
        [
            "attest left-running/explained",
            "manual left-running/exclude-now@management2",
        ]
    );
    assert_eq!(
        run.state.ending,
        Some(Ending::Upgraded),
        "{:#?}",
        run.tail()
    );
}

#[test]
fn the_named_way_back_is_taken_even_when_only_a_human_knows() {
    // Nothing shows yet that the Active was reverted: the operator says so.
    let mut run = arrived(&[], "active/upgrade@management1");
    let hold = first(&run).expect("the installer is asked for");
    run.answer(&hold, "not-done the disk was full, reverted");
    assert!(takes(&mut run, "active-cancelled"));
    let hold = first(&run).expect("it begins");
    assert_eq!(hold.id, "active-cancelled/reverted");
}

#[test]
fn an_upgraded_active_that_is_given_up_is_restored_from_its_backup() {
    let mut run = arrived(&[], "active/client-check");
    let hold = first(&run).expect("a human checks");
    run.answer(&hold, "no policies are missing");
    run.settle();
    let hold = first(&run).expect("a failure");
    run.answer(&hold, "turn-back policies are missing");
    let met = to_the_end(&mut run, "restore");
    assert_eq!(
        met,
        [
            "gate restore/stop-all",
            "manual restore/active-reinstalled@management1",
            "attest restore/backup-restored",
            "manual restore/declared-none@management1",
            "manual restore/standbys-reinstalled@management2",
            "manual restore/standbys-reinstalled@management3",
            "manual restore/initialise@management2",
            "manual restore/initialise@management3",
        ]
    );
    assert_eq!(
        run.state.ending,
        Some(Ending::TurnedBack),
        "{:#?}",
        run.tail()
    );
    assert!(run.state.debts.is_empty());
}
