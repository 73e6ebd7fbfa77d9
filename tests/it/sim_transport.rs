//! The pretend cluster behind the transport's contract, and the dry run that cannot act.

use std::collections::BTreeMap;

use holdpoint::model::ids::{FactId, NodeId};
use holdpoint::model::reply::JobReport;
use holdpoint::model::script::{Class, Script};
use holdpoint::model::telemetry::Telemetry;
use holdpoint::model::time::{Span, Stamp};
use holdpoint::model::value::Value;
use holdpoint::transport::dryrun::{DryRun, NOT_SENT};
use holdpoint::transport::sim::SimTransport;
use holdpoint::transport::{Acts, Arrival, Change, Due, Errand, Look, Looks, Order};

use crate::support::small::{Stage, stop};

/// Takes arrivals until nothing is under way. Bounded.
fn rest(hands: &mut impl Looks, now: &mut Stamp) -> Vec<Arrival> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .expect("a runtime");
    let mut arrived = Vec::new();
    while let Due::At(at) = hands.due() {
        assert!(arrived.len() < 10_000, "it never comes to rest");
        *now = at.max(*now);
        arrived.push(runtime.block_on(hands.arrival(*now)));
    }
    arrived
}

fn order(node: &str) -> Order {
    let work = stop(node);
    Order {
        action: work.action,
        attempt: work.attempt,
        node: work.node,
        job: work.job,
        errand: Errand::Script(
            Script::assemble(Class::Change, &[], &[], "stop_all").expect("no NUL"),
        ),
        dialogue: None,
        fence: None,
        reboots: false,
        timeout: Span::minutes(10),
        then: work.then,
        also_on: work.also_on,
        typical: work.typical,
        output: work.output,
    }
}

fn service(arrival: &Arrival) -> Option<String> {
    match arrival {
        Arrival::Reading {
            reading: Ok(facts), ..
        } => facts.get("service").map(|value| format!("{value:?}")),
        _ => None,
    }
}

fn printed(arrivals: &[Arrival]) -> Vec<&str> {
    let lines = |arrival| match arrival {
        &Arrival::Telemetry(Telemetry::Output { ref lines, .. }) => Some(lines.iter()),
        _ => None,
    };
    arrivals.iter().filter_map(lines).flatten().collect()
}

fn watched<T: Acts>(mut hands: T, now: &mut Stamp) -> T {
    for node in ["server1", "server2"] {
        hands.look(Look::Connect { node: node.into() }, *now);
    }
    rest(&mut hands, now);
    for node in ["server1", "server2"] {
        hands.look(Look::Watch { node: node.into() }, *now);
    }
    rest(&mut hands, now);
    hands
}

#[test]
fn a_job_goes_through_the_contract() {
    let mut now = Stamp::default();
    let mut hands = watched(SimTransport::new(Stage::new(2, 1).world), &mut now);
    assert_eq!(hands.due(), Due::Never);
    hands.change(
        Change::Start {
            order: order("server1"),
        },
        now,
    );
    let arrived = rest(&mut hands, &mut now);
    assert_eq!(printed(&arrived), ["one", "two", "three"]);
    let ended = arrived.iter().any(|a| matches!(a, Arrival::Job { report: JobReport::Ended { claim }, .. } if claim.is_success()));
    assert!(ended);
    assert_eq!(arrived.iter().filter_map(service).count(), 1);
}

#[test]
fn a_read_only_step_changes_nothing_whatever_its_order_says() {
    let mut now = Stamp::default();
    let mut hands = SimTransport::new(Stage::watched(2).world);
    now.0 = 60_000;
    hands.look(
        Look::Read {
            order: order("server1"),
        },
        now,
    );
    rest(&mut hands, &mut now);
    let truth = hands.world().truth(&"server1".into(), &"service".into());
    assert_eq!(truth, Some(&Value::text("running")));
}

#[test]
fn a_typed_fault_says_what_it_does_or_why_it_does_not_fit() {
    let mut hands = SimTransport::new(Stage::watched(2).world);
    let said = hands.inflict("lie server1", Stamp(60_000));
    assert_eq!(
        said.as_deref(),
        Ok("server1: The job ends with exit code 0 and has no effect.")
    );
    assert!(hands.inflict("lie nobody", Stamp(60_000)).is_err());
}

#[test]
fn a_dry_run_walks_on_and_changes_nothing() {
    let mut now = Stamp::default();
    let mut dry = DryRun::new(SimTransport::new(Stage::new(2, 1).world), BTreeMap::new());
    for node in ["server1", "server2"] {
        dry.look(Look::Connect { node: node.into() }, now);
    }
    rest(&mut dry, &mut now);
    dry.look(
        Look::Probe {
            node: "server1".into(),
        },
        now,
    );
    rest(&mut dry, &mut now);

    dry.change(
        Change::Start {
            order: order("server1"),
        },
        now,
    );
    dry.change(
        Change::Start {
            order: order("server1"),
        },
        now,
    );
    let arrived = rest(&mut dry, &mut now);
    assert_eq!(
        printed(&arrived),
        [NOT_SENT],
        "said once, however often it is asked for"
    );
    let told: Vec<_> = arrived.iter().filter_map(service).collect();
    assert_eq!(
        told,
        ["Some(Text(\"stopped\"))"],
        "the walk sees its postcondition"
    );

    dry.look(
        Look::Probe {
            node: "server1".into(),
        },
        now,
    );
    let told: Vec<_> = rest(&mut dry, &mut now)
        .iter()
        .filter_map(service)
        .collect();
    assert_eq!(told, ["Some(Text(\"stopped\"))"], "and goes on seeing it");

    let (node, fact) = (NodeId::new("server1"), FactId::new("service"));
    let world = dry.looks().world();
    assert_eq!(
        world.truth(&node, &fact),
        Some(&Value::text("running")),
        "nothing was sent"
    );
    assert_eq!(world.executions(&order("server1").action), 0);
    assert_eq!(dry.overlay()[&node][&fact], Value::text("stopped"));
}

#[test]
fn a_dry_run_says_that_nothing_was_sent_when_it_is_asked_after_a_job() {
    let mut now = Stamp::default();
    let mut dry = DryRun::new(SimTransport::new(Stage::new(2, 1).world), BTreeMap::new());
    dry.change(
        Change::Start {
            order: order("server1"),
        },
        now,
    );
    dry.change(
        Change::Attach {
            order: order("server2"),
        },
        now,
    );
    let arrived = rest(&mut dry, &mut now);
    assert_eq!(arrived.len(), 2);
    for arrival in arrived {
        let denied = matches!(
            arrival,
            Arrival::Job {
                report: JobReport::NotStarted { .. },
                ..
            }
        );
        assert!(denied, "{arrival:?}");
    }
}
