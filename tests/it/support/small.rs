//! A small procedure and a pretend cluster on a stage: enough to see what the simulator does.

use std::collections::BTreeMap;
use std::sync::Arc;

use holdpoint::model::condition::Condition;
use holdpoint::model::ids::{FactId, NodeId, ProbeId, RoleId};
use holdpoint::model::procedure::{
    Access, Check, CheckKind, FactKind, FactSpec, Probe, Procedure, Rehearsed, Role, Severity,
};
use holdpoint::model::reply::{Claim, JobReport, LinkReport};
use holdpoint::model::time::{Span, Stamp};
use holdpoint::model::value::Value;
use holdpoint::model::version::{PathRule, VersionRules};
use holdpoint::sim::{Reply, SimWorld, Work, twin};

/// Two probes, four facts, one check, one role.
pub fn procedure() -> Procedure {
    let fact = |kind, rehearse| FactSpec {
        about: String::new(),
        kind,
        rehearse: Some(rehearse),
        follows: false,
    };
    let words = |words: &[&str]| FactKind::Values(words.iter().map(|w| (*w).into()).collect());
    let same = |text: &str| Rehearsed::Same(Value::text(text));
    let facts = [
        (
            "service",
            fact(words(&["running", "partial", "stopped"]), same("running")),
        ),
        ("version", fact(FactKind::Version, same("5.4"))),
        ("sync", fact(words(&["pending", "synced"]), same("synced"))),
        (
            "primary",
            fact(
                FactKind::Bool,
                Rehearsed::FirstOther {
                    first: Value::Bool(true),
                    other: Value::Bool(false),
                },
            ),
        ),
    ];
    Procedure {
        id: "small/cluster".into(),
        title: "A small cluster".into(),
        product: "Small".into(),
        source: String::new(),
        about: String::new(),
        params: BTreeMap::new(),
        roles: BTreeMap::from([(
            RoleId::new("server"),
            Role {
                about: String::new(),
                min: 2,
                max: None,
            },
        )]),
        facts: facts
            .into_iter()
            .map(|(id, spec)| (FactId::new(id), spec))
            .collect(),
        probes: vec![
            probe("state", &["service", "version"], 3),
            probe("cluster", &["primary", "sync"], 5),
        ],
        checks: vec![disk()],
        versions: VersionRules {
            fact: Some(FactId::new("version")),
            minimum: Some("5.4".into()),
            rules: vec![PathRule {
                from: "5.4".into(),
                to: "5.5".into(),
                via: Vec::new(),
                why: String::new(),
            }],
            ..VersionRules::default()
        },
        invariants: Vec::new(),
        lookups: BTreeMap::new(),
        phases: Vec::new(),
        branches: Vec::new(),
        notes: Vec::new(),
        access: Access::default(),
        included: Vec::new(),
    }
}

fn probe(id: &str, gives: &[&str], every: u64) -> Probe {
    Probe {
        id: ProbeId::new(id),
        gives: gives.iter().map(|fact| FactId::new(*fact)).collect(),
        every: Span::seconds(every),
        timeout: Span::seconds(10),
        on: None,
        script: String::new(),
    }
}

fn disk() -> Check {
    Check {
        id: "disk".into(),
        title: "Room to unpack".into(),
        section: "capacity".into(),
        severity: Severity::Block,
        kind: CheckKind::Script {
            script: String::new(),
            passes: Condition::parse("check.tmp_free_kb >= 40000000").expect("a good condition"),
            timeout: Span::seconds(20),
            rehearse: BTreeMap::from([("tmp_free_kb".into(), Value::Number(61_000_000))]),
        },
        on: None,
        why: String::new(),
        advice: String::new(),
    }
}

/// A world, and the moment at which it stands.
pub struct Stage {
    pub world: SimWorld,
    pub now: Stamp,
}

impl Stage {
    /// A cluster of so many nodes, nothing asked yet.
    pub fn new(nodes: usize, seed: u64) -> Stage {
        let procedure = Arc::new(procedure());
        let cluster = twin(&procedure, nodes).expect("enough nodes");
        Stage {
            world: SimWorld::new(procedure, &cluster, None, seed),
            now: Stamp::default(),
        }
    }

    /// The same with every node connected and watched, and everything told that there was to tell.
    pub fn watched(nodes: usize) -> Stage {
        let mut stage = Stage::new(nodes, 7);
        let names: Vec<_> = stage.world.nodes().cloned().collect();
        for node in &names {
            stage.world.connect(node, stage.now);
        }
        stage.rest();
        for node in &names {
            stage.world.watch(node, stage.now);
        }
        stage.rest();
        stage
    }

    /// Goes on until nothing is to come, and gives back all that was told. Bounded.
    pub fn rest(&mut self) -> Vec<(Stamp, Reply)> {
        self.until(Stamp(u64::MAX))
    }

    /// The same, at most until `end`.
    pub fn until(&mut self, end: Stamp) -> Vec<(Stamp, Reply)> {
        let mut told = Vec::new();
        while let Some(due) = self.world.due().filter(|due| *due <= end) {
            assert!(
                due >= self.now,
                "time went backwards: {due:?} after {:?}",
                self.now
            );
            assert!(told.len() < 100_000, "it never comes to rest");
            self.now = due;
            let reply = self.world.step(due).expect("something was due");
            told.push((due, reply));
        }
        if end.0 < u64::MAX {
            self.now = self.now.max(end);
        }
        told
    }

    /// What is really so, as text; `?` if nothing is.
    pub fn truth(&self, node: &str, fact: &str) -> String {
        let value = self.world.truth(&node.into(), &fact.into());
        value.map_or("?".into(), ToString::to_string)
    }

    pub fn start(&mut self, work: &Work) {
        self.world.start(work.clone(), self.now);
    }
}

/// A stop on a node: a minute, three lines, `service=stopped`.
pub fn stop(node: &str) -> Work {
    work("stop/stop-all", node, &[("service", "stopped")])
}

/// A job of a minute with three lines.
pub fn work(step: &str, node: &str, then: &[(&str, &str)]) -> Work {
    Work {
        asks: Vec::new(),
        reboots: false,
        fence: None,
        action: format!("{step}@{node}").as_str().into(),
        attempt: 1,
        node: NodeId::new(node),
        job: format!("run.{step}.{node}.1"),
        then: then
            .iter()
            .map(|(fact, value)| (FactId::new(*fact), Value::text(*value)))
            .collect(),
        also_on: Vec::new(),
        typical: Span::seconds(60),
        output: ["one", "two", "three"].map(String::from).to_vec(),
    }
}

/// What was told, as lines: `link up`, `accepted`, `line one`, `ended 0`, `state service=stopped version=5.4`.
pub fn lines(told: &[(Stamp, Reply)]) -> Vec<String> {
    told.iter().filter_map(|(_, reply)| line(reply)).collect()
}

fn line(reply: &Reply) -> Option<String> {
    use holdpoint::model::telemetry::Telemetry;
    match reply {
        Reply::Link { report, .. } => Some(match report {
            LinkReport::Up { incarnation, .. } => format!("up {incarnation}"),
            LinkReport::Down { .. } => "down".into(),
            LinkReport::JumpKey { .. } => "jump-key".into(),
            LinkReport::UnknownHostKey { .. } => "unknown-host-key".into(),
            LinkReport::ChangedHostKey { .. } => "changed-host-key".into(),
            LinkReport::WantsSecret { .. } => "wants-secret".into(),
            LinkReport::Refused { .. } => "refused".into(),
        }),
        Reply::Reading { probe, reading, .. } => Some(match reading {
            Ok(facts) => {
                let say =
                    |value: &Option<Value>| value.as_ref().map_or("?".into(), Value::to_string);
                let facts = facts
                    .iter()
                    .map(|(fact, value)| format!("{fact}={}", say(value)));
                format!("{probe} {}", facts.collect::<Vec<_>>().join(" "))
            }
            Err(why) => format!("{probe}: {why}"),
        }),
        Reply::Check { check, output, .. } => Some(format!("check {check} {output:?}")),
        Reply::Job { report, .. } => Some(match report {
            JobReport::Accepted => "accepted".into(),
            JobReport::Asks { prompt, text, at } => format!("asks {prompt:?} {text:?} at {at}"),
            JobReport::Ended {
                claim: Claim::Exited { code },
            } => format!("ended {code}"),
            JobReport::Ended { claim } => format!("ended: it {claim}"),
            JobReport::KeysInDoubt { act, .. } => format!("keys {act} in doubt"),
            JobReport::KeysKnown { typed, .. } => format!("keys known to {typed}"),
            JobReport::NotStarted { .. } => "not-started".into(),
            JobReport::OutOfSight { .. } => "out-of-sight".into(),
            JobReport::Vanished { .. } => "vanished".into(),
        }),
        Reply::Telemetry(Telemetry::Output { lines, .. }) => {
            let lines: Vec<String> = lines.iter().map(|line| format!("line {line}")).collect();
            Some(lines.join("\n"))
        }
        Reply::Lock { report, .. } => Some(format!("lock {report:?}")),
        Reply::Telemetry(_) => None,
    }
}
