//! holdpoint dies after a record of its journal, in every built-in procedure, and is resumed: the end is the same as without
//! it, and no attempt was started twice. What dies within a record, or before it is synced, has not written it: the journal's
//! own stories tell that.
//!
//! Every thirteenth record is taken, others in each procedure; `HOLDPOINT_EFFORT=13` takes all.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;
use holdpoint::model::ids::FactId;

const EVERY: usize = 13;

fn step() -> usize {
    let effort = std::env::var("HOLDPOINT_EFFORT").ok();
    let effort: usize = effort.and_then(|times| times.parse().ok()).unwrap_or(1);
    (EVERY / effort.max(1)).max(1)
}

fn begun(procedure: &Procedure) -> PureRun {
    let least: usize = procedure.roles.values().map(|role| role.min).sum();
    let most = procedure.roles.values().map(|role| role.max);
    let most = most.sum::<Option<usize>>().unwrap_or(usize::MAX);
    let cluster = twin(procedure, least.max(2).min(most)).expect("so many fit");
    let mut run = PureRun::on(procedure.clone(), cluster, 1);
    run.open();
    run
}

/// What is really so on every node.
fn truth(run: &PureRun) -> BTreeMap<(NodeId, FactId), String> {
    let facts = run.brief.procedure.facts.keys();
    facts
        .flat_map(|fact| {
            run.state
                .nodes
                .keys()
                .map(move |node| (node.clone(), fact.clone()))
        })
        .filter_map(|(node, fact)| {
            let value = run.world.truth(&node, &fact)?.to_string();
            // Stamps tell when something was done, and a crash takes time.
            let stamp = value.len() > 4 && value.chars().all(|c| c.is_ascii_digit());
            (!stamp).then_some(((node, fact), value))
        })
        .collect()
}

fn crash_after(procedure: &Procedure, at: usize, undisturbed: &PureRun) {
    let mut run = begun(procedure);
    run.walk(|run| run.entries.len() >= at);
    while run.entries.len() < at && run.holds().is_empty() && run.step() {}
    if run.state.ending.is_some() {
        return;
    }
    let told = format!(
        "{} died after record {at}: {:?}",
        procedure.id,
        run.entries[at - 1].event
    );
    run.crash_and_resume();
    run.walk(|_| false);
    assert_eq!(run.state.ending, undisturbed.state.ending, "{told}");
    assert!(run.state.debts.is_empty(), "{told}");
    assert_eq!(truth(&run), truth(undisturbed), "{told}");
    let mut sent = run.sent.clone();
    sent.sort();
    let all = sent.len();
    sent.dedup();
    assert_eq!(sent.len(), all, "an attempt was sent twice; {told}");
}

#[test]
fn a_crash_after_any_record_of_any_procedure_ends_in_the_same_place() {
    let crashes = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for (number, id) in catalog::ids().into_iter().enumerate() {
            let crashes = &crashes;
            scope.spawn(move || {
                let procedure = procedure(id);
                let mut undisturbed = begun(&procedure);
                undisturbed.walk(|_| false);
                assert_eq!(undisturbed.state.ending, Some(Ending::Upgraded), "{id}");
                let step = step();
                for at in (1 + number % step..undisturbed.entries.len()).step_by(step) {
                    crash_after(&procedure, at, &undisturbed);
                    crashes.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
    });
    let crashes = crashes.into_inner();
    println!("{crashes} crashes");
    assert!(crashes > 100, "{crashes}");
}
