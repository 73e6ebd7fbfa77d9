//! The pretend cluster: the same seed tells the same story, a job runs once, silence costs nothing.

use std::collections::BTreeMap;
use std::sync::Arc;

use holdpoint::model::drill::Fault;
use holdpoint::model::ids::{CheckId, NodeId};
use holdpoint::model::telemetry::Telemetry;
use holdpoint::model::time::{Span, Stamp};
use holdpoint::model::value::Value;
use holdpoint::sim::world::Known;
use holdpoint::sim::{Reply, SimWorld, Work, twin};
use proptest::prelude::*;

use crate::support::small::{Stage, lines, procedure, stop, work};

#[test]
fn a_step_makes_its_postcondition_so_and_tells_it_in_order() {
    let mut stage = Stage::watched(3);
    stage.start(&stop("server2"));
    let told = stage.rest();
    assert_eq!(
        lines(&told),
        [
            "accepted",
            "line one",
            "line two",
            "line three",
            "ended 0",
            "state service=stopped version=5.4"
        ]
    );
    assert_eq!(stage.truth("server2", "service"), "stopped");
    assert_eq!(stage.truth("server1", "service"), "running");
    let lasted = told.last().expect("told").0.since(told[0].0);
    assert!(
        (Span::seconds(53)..Span::seconds(67)).contains(&lasted),
        "a minute, a tenth more or less, not {lasted}"
    );
}

#[test]
fn the_same_seed_tells_the_same_story_and_another_one_does_not() {
    let story = |seed| {
        let mut stage = Stage::new(3, seed);
        let names: Vec<_> = stage.world.nodes().cloned().collect();
        for node in &names {
            stage.world.connect(node, stage.now);
        }
        let mut told = stage.rest();
        for node in &names {
            stage.world.watch(node, stage.now);
            stage.start(&stop(node.as_str()));
        }
        told.extend(stage.rest());
        told
    };
    assert_eq!(story(1), story(1));
    assert_ne!(story(1), story(2));
}

#[test]
fn a_job_is_started_once_however_often_it_is_asked_for() {
    let mut stage = Stage::watched(2);
    let job = stop("server1");
    for _ in 0..3 {
        stage.start(&job);
    }
    let first = lines(&stage.rest());
    stage.start(&job);
    stage.world.acknowledge(&job, stage.now);
    stage.start(&job);
    stage.world.attach(job.clone(), stage.now);
    let again = lines(&stage.rest());
    assert_eq!(stage.world.executions(&job.action), 1);
    assert_eq!(first.iter().filter(|line| *line == "line one").count(), 1);
    assert_eq!(first.iter().filter(|line| *line == "ended 0").count(), 1);
    assert_eq!(
        again,
        ["accepted", "ended 0"],
        "an answer, and no second run"
    );
}

#[test]
fn a_job_that_was_never_sent_is_denied_not_started() {
    let mut stage = Stage::watched(2);
    stage.world.attach(stop("server1"), stage.now);
    assert_eq!(lines(&stage.rest()), ["not-started"]);
    assert_eq!(stage.truth("server1", "service"), "running");
}

/// The link to the first node is gone for some seconds.
fn break_link(stage: &mut Stage) {
    let lasts = Span::seconds(5);
    let broken = stage
        .world
        .inflict(&"server1".into(), Fault::LinkLost { lasts }, stage.now);
    broken.expect("it can be broken");
}

#[test]
fn a_job_that_was_denied_never_starts_and_the_next_attempt_does() {
    let mut stage = Stage::watched(2);
    let job = stop("server1");
    // Sent into a broken link: when it is back the node says that the job never came, and keeps to it.
    break_link(&mut stage);
    stage.start(&job);
    stage.rest();
    stage.start(&job);
    assert_eq!(lines(&stage.rest()), ["not-started"]);
    assert_eq!(stage.world.executions(&job.action), 0);
    assert_eq!(stage.truth("server1", "service"), "running");
    let again = Work {
        attempt: 2,
        job: format!("{}.again", job.job),
        ..job
    };
    stage.start(&again);
    stage.rest();
    assert_eq!(stage.truth("server1", "service"), "stopped");
}

#[test]
fn a_read_only_step_is_no_job_and_is_asked_for_again() {
    let mut stage = Stage::watched(2);
    let read = stop("server1");
    break_link(&mut stage);
    stage.world.read(read.clone(), stage.now);
    stage.rest();
    assert_eq!(stage.world.executions(&read.action), 0);
    stage.world.read(read.clone(), stage.now);
    stage.rest();
    assert_eq!(stage.world.executions(&read.action), 1);
}

#[test]
fn a_cancelled_job_ends_soon_and_has_no_effect() {
    let mut stage = Stage::watched(2);
    let job = stop("server1");
    stage.start(&job);
    stage.until(stage.now + Span::seconds(20));
    stage.world.cancel(&job, stage.now);
    assert_eq!(lines(&stage.rest()), ["ended: it was cancelled"]);
    assert_eq!(stage.truth("server1", "service"), "running");
}

#[test]
fn a_quiet_cluster_is_silent_and_a_change_is_seen_at_the_next_pace() {
    let mut stage = Stage::watched(3);
    assert_eq!(stage.world.due(), None, "nothing changes, nothing is due");
    let synced = BTreeMap::from([("sync".into(), Value::text("pending"))]);
    let effects = BTreeMap::from([(NodeId::new("server3"), synced)]);
    stage
        .world
        .perform(&"sync/lose".into(), effects, Span(0), stage.now);
    assert_eq!(
        stage.truth("server3", "sync"),
        "pending",
        "a manual act is done at once"
    );
    let told = stage.rest();
    assert_eq!(lines(&told), ["cluster primary=false sync=pending"]);
    let at = told.last().expect("told").0;
    assert_eq!(at.0 % 5000, 0, "every 5 s, not at {at:?}");
}

#[test]
fn an_explicit_look_tells_every_probe_changed_or_not() {
    let mut stage = Stage::watched(2);
    stage.world.probe(&"server1".into(), stage.now);
    let mut told = lines(&stage.rest());
    told.sort();
    assert_eq!(
        told,
        [
            "cluster primary=true sync=synced",
            "state service=running version=5.4"
        ]
    );
    stage
        .world
        .check(&"server1".into(), &CheckId::new("disk"), stage.now);
    let told = lines(&stage.rest());
    assert!(told[0].contains("61000000"), "{told:?}");
}

#[test]
fn linked_nodes_are_vouched_for_when_time_moves_and_never_make_it_move() {
    let mut stage = Stage::watched(2);
    stage.start(&stop("server1"));
    let told = stage.rest();
    let said = lines(&told).len();
    let beats = told.len() - said;
    // Accepted, three lines and the end stand well apart; the reading follows the end at once.
    assert_eq!(
        (said, beats),
        (6, 4),
        "one beat before each that comes late"
    );
    assert!(matches!(told[1].1, Reply::Telemetry(Telemetry::Heartbeat { at }) if at == told[1].0));
    assert_eq!(stage.world.due(), None);
}

#[test]
fn two_attempts_to_connect_make_one_link() {
    let mut stage = Stage::new(2, 1);
    let node = NodeId::new("server1");
    stage.world.connect(&node, stage.now);
    stage.world.reconnect(&node, stage.now);
    assert_eq!(lines(&stage.rest()), ["up server1 boot 1"]);
    stage.world.disconnect(&node, stage.now);
    stage.world.reconnect(&node, stage.now);
    assert_eq!(lines(&stage.rest()), [""; 0], "nobody wants it any more");
}

#[test]
fn a_request_with_a_clock_that_is_slow_does_not_turn_time_back() {
    let mut stage = Stage::watched(2);
    stage.start(&stop("server1"));
    stage.rest();
    stage.world.probe(&"server1".into(), Stamp(0));
    assert!(stage.world.due() > Some(stage.now));
    stage.rest();
}

#[test]
fn changes_between_two_looks_are_told_in_one() {
    let mut stage = Stage::watched(2);
    let before = stage.world.steps();
    for word in ["pending", "synced", "pending"] {
        let then = BTreeMap::from([("sync".into(), Value::text(word))]);
        let effects = BTreeMap::from([(NodeId::new("server1"), then)]);
        let (action, at_once) = ("sync/again".into(), Span(0));
        stage.world.perform(&action, effects, at_once, stage.now);
    }
    assert_eq!(lines(&stage.rest()), ["cluster primary=true sync=pending"]);
    assert_eq!(stage.world.steps() - before, 1, "one look");
}

#[test]
fn a_resumed_rehearsal_goes_on_from_what_was_known() {
    let mut first = Stage::watched(2);
    first.start(&stop("server1"));
    first.until(first.now + Span::seconds(10));

    let mut stage = Stage::new(2, 7);
    let known = Known {
        facts: BTreeMap::from([("service".into(), Value::text("running"))]),
        incarnation: Some("server1 boot 3".into()),
        lock: None,
    };
    let known = BTreeMap::from([(NodeId::new("server1"), known)]);
    stage.now = first.now;
    stage.world.adopt(&known, vec![stop("server1")], stage.now);
    stage.world.connect(&"server1".into(), stage.now);
    stage.until(stage.now + Span::seconds(1));
    stage.world.attach(stop("server1"), stage.now);
    let told = lines(&stage.rest());
    assert_eq!(
        told,
        ["accepted", "line one", "line two", "line three", "ended 0"]
    );
    assert_eq!(stage.truth("server1", "service"), "stopped");
    assert_eq!(stage.world.executions(&"stop/stop-all@server1".into()), 1);
}

#[test]
fn a_thousand_nodes_cost_what_happens_on_them() {
    let steps = |nodes: usize| {
        let mut stage = Stage::watched(nodes);
        let names: Vec<_> = stage.world.nodes().cloned().collect();
        let before = stage.world.steps();
        for node in &names {
            stage.start(&stop(node.as_str()));
        }
        stage.rest();
        stage.world.steps() - before
    };
    let (ten, thousand) = (steps(10), steps(1000));
    assert_eq!(
        thousand,
        ten * 100,
        "work grows with the jobs and with nothing else"
    );
    assert!(thousand <= 15_000, "{thousand}");
}

#[test]
fn a_twin_has_the_nodes_that_the_roles_want() {
    let procedure = procedure();
    let names = |nodes| {
        let cluster = twin(&procedure, nodes).expect("enough nodes");
        let names = cluster.nodes.iter().map(|node| node.name.to_string());
        (cluster.target.clone(), names.collect::<Vec<_>>())
    };
    assert_eq!(names(3).1, ["server1", "server2", "server3"]);
    assert_eq!(names(10).1[8..], ["server09", "server10"]);
    assert_eq!(names(3).0, "5.5", "the first direct hop");
    let why = twin(&procedure, 1).expect_err("too few").to_string();
    assert!(
        why.contains("at least 2 nodes (2 server)") && why.contains("--nodes 2"),
        "{why}"
    );
}

#[test]
fn the_start_version_can_be_chosen() {
    let procedure = Arc::new(procedure());
    let cluster = twin(&procedure, 2).expect("enough nodes");
    let world = SimWorld::new(procedure, &cluster, Some("5.3.6".into()), 1);
    let version = world.truth(&"server2".into(), &"version".into());
    assert_eq!(version, Some(&Value::text("5.3.6")));
}

/// Something that can be asked of the world, for any node and at any moment.
#[derive(Clone, Debug)]
enum Ask {
    Connect,
    Reconnect,
    Disconnect,
    HostKey,
    Probe,
    Watch,
    Check,
    Start(u8),
    Attach(u8),
    Cancel(u8),
    Acknowledge(u8),
    Perform,
    Fault(&'static str),
    Wait(u64),
}

fn ask() -> impl Strategy<Value = Ask> {
    let fault = prop::sample::select(vec![
        "link-lost 20s",
        "unreachable",
        "unreachable 30s",
        "power-cut half 40s",
        "host-key unknown",
        "host-key changed",
        "host-key at-boot",
        "hang",
        "slow 3",
        "fail 2",
        "fail-half",
        "lie",
        "false-alarm",
        "comes-back after 5s",
        "primary-moves",
        "probe-silent for 9s",
        "unknown version",
        "check-fails disk",
        "mend",
    ]);
    prop_oneof![
        2 => Just(Ask::Connect),
        1 => Just(Ask::Reconnect),
        1 => Just(Ask::Disconnect),
        1 => Just(Ask::HostKey),
        2 => Just(Ask::Probe),
        2 => Just(Ask::Watch),
        1 => Just(Ask::Check),
        4 => (0..3_u8).prop_map(Ask::Start),
        2 => (0..3_u8).prop_map(Ask::Attach),
        1 => (0..3_u8).prop_map(Ask::Cancel),
        1 => (0..3_u8).prop_map(Ask::Acknowledge),
        1 => Just(Ask::Perform),
        4 => fault.prop_map(Ask::Fault),
        5 => (0..90_000_u64).prop_map(Ask::Wait),
    ]
}

fn job(node: &str, number: u8) -> Work {
    let mut job = work(
        "upgrade/update",
        node,
        &[("version", "5.5"), ("service", "partial")],
    );
    job.job.push_str(&number.to_string());
    job
}

fn put(stage: &mut Stage, node: &NodeId, ask: &Ask) {
    let (world, now, name) = (&mut stage.world, stage.now, node.as_str());
    match ask {
        Ask::Connect => world.connect(node, now),
        Ask::Reconnect => world.reconnect(node, now),
        Ask::Disconnect => world.disconnect(node, now),
        Ask::HostKey => {
            let key = format!("SHA256:simulated-{name}-2");
            world.host_key(node, &key, true, now);
        }
        Ask::Probe => world.probe(node, now),
        Ask::Watch => world.watch(node, now),
        Ask::Check => world.check(node, &"disk".into(), now),
        Ask::Start(n) => world.start(job(name, *n), now),
        Ask::Attach(n) => world.attach(job(name, *n), now),
        Ask::Cancel(n) => world.cancel(&job(name, *n), now),
        Ask::Acknowledge(n) => world.acknowledge(&job(name, *n), now),
        Ask::Perform => {
            let then = BTreeMap::from([("sync".into(), Value::text("pending"))]);
            let effects = BTreeMap::from([(node.clone(), then)]);
            world.perform(&"sync/lose".into(), effects, Span::seconds(4), now);
        }
        Ask::Fault(text) => {
            let fault = text.parse().expect("a good fault");
            world.inflict(node, fault, now).expect("it fits");
        }
        Ask::Wait(_) => {}
    }
}

/// Nothing but its link, and that a job is out of sight, may be heard of a node that is not linked.
fn listen(up: &mut BTreeMap<NodeId, bool>, told: &[(Stamp, Reply)]) {
    use holdpoint::model::reply::{JobReport, LinkReport};
    for (at, reply) in told {
        let node = match reply {
            Reply::Link { node, report } => {
                up.insert(node.clone(), matches!(report, LinkReport::Up { .. }));
                continue;
            }
            Reply::Job {
                report: JobReport::OutOfSight { .. },
                ..
            } => continue,
            Reply::Reading { node, .. }
            | Reply::Check { node, .. }
            | Reply::Job { node, .. }
            | Reply::Lock { node, .. }
            | Reply::Telemetry(Telemetry::Output { node, .. }) => node,
            Reply::Telemetry(_) => continue,
        };
        assert!(
            up.get(node) == Some(&true),
            "{node} is not linked at {at:?}: {reply:?}"
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_is_asked_the_world_stays_a_world(
        seed in any::<u64>(),
        asks in prop::collection::vec((0..3_usize, ask()), 1..60),
    ) {
        let mut stage = Stage::new(3, seed);
        let names: Vec<NodeId> = stage.world.nodes().cloned().collect();
        let mut up = BTreeMap::new();
        let mut runs: BTreeMap<(usize, u8), bool> = BTreeMap::new();
        for (node, ask) in &asks {
            put(&mut stage, &names[*node], ask);
            if let Ask::Start(number) = ask {
                runs.insert((*node, *number), true);
            }
            if let Ask::Disconnect = ask {
                up.insert(names[*node].clone(), false);
            }
            if let Ask::Wait(span) = ask {
                let end = stage.now + Span(*span);
                listen(&mut up, &stage.until(end));
            }
        }
        listen(&mut up, &stage.rest());
        for (place, node) in names.iter().enumerate() {
            let asked = runs.keys().filter(|(at, _)| *at == place).count() as u32;
            let action = job(node.as_str(), 0).action;
            prop_assert!(stage.world.executions(&action) <= asked, "no job id runs twice");
        }
    }
}
