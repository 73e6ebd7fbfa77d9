//! What is read from a node: probes at their own pace, checks, read-only steps. All of it may be asked twice.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc::UnboundedReceiver;
use tokio::time::Instant;

use super::{Node, ProbeSetup};
use crate::model::ids::{ActionId, CheckId, FactId, NodeId};
use crate::model::procedure::FactKind;
use crate::model::reply::{CheckOutput, Claim, JobReport};
use crate::model::telemetry::{Stream, Telemetry};
use crate::model::text::Cleaner;
use crate::model::time::{Span, Stamp};
use crate::model::value::Value;
use crate::transport::ssh::{Limits, ReadFailure, Session};
use crate::transport::{Arrival, Order as Work};

/// Most output of a probe or a check that is kept.
const ANSWER: usize = 64 << 10;

/// Most output of a read-only step that is kept.
const OUTPUT: usize = 1 << 20;

/// What the watcher is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// Run every probe once, now.
    Probe,
    /// Run them again and again from now on.
    Watch,
}

/// Runs a node's probes, one after another: on request, and at their own pace while the node is watched.
pub async fn watch(node: Arc<Node>, mut orders: UnboundedReceiver<Order>) {
    let probes = &node.setup.probes;
    let mut due: Vec<Option<Instant>> = vec![None; probes.len()];
    loop {
        let next = due.iter().flatten().min().copied();
        let ordered = tokio::select! {
            order = orders.recv() => match order {
                Some(order) => Some(order),
                None => return,
            },
            () = until(next) => None,
        };
        let now = Instant::now();
        for (at, probe) in probes.iter().enumerate() {
            let asked = ordered == Some(Order::Probe);
            if ordered == Some(Order::Watch) {
                due[at].get_or_insert(now + span(probe.every));
            }
            if asked || due[at].is_some_and(|due| due <= now) {
                look(&node, probe).await;
                if due[at].is_some() {
                    due[at] = Some(Instant::now() + span(probe.every));
                }
            }
        }
    }
}

async fn until(moment: Option<Instant>) {
    match moment {
        Some(moment) => tokio::time::sleep_until(moment).await,
        None => std::future::pending().await,
    }
}

/// Runs one probe, if the node is connected. Without a connection the link's own report is the answer.
async fn look(node: &Node, probe: &ProbeSetup) {
    let Some(session) = node.session_now() else {
        return;
    };
    let limits = Limits {
        time: span(probe.timeout),
        bytes: ANSWER,
    };
    let reading = match session.read(probe.script.as_bytes(), limits).await {
        Ok(output) => Ok(facts(probe, &output.stdout)),
        Err(ReadFailure::LinkLost { .. }) => return,
        Err(why) => Err(why.to_string()),
    };
    let (node_id, probe) = (node.setup.node.clone(), probe.id.clone());
    node.tell(Arrival::Reading {
        node: node_id,
        probe,
        reading,
    });
}

/// What a probe printed about the facts that it gives; lines that say something else are passed over.
fn facts(probe: &ProbeSetup, stdout: &[u8]) -> BTreeMap<FactId, Option<Value>> {
    let printed = pairs(stdout);
    let value = |(fact, kind): &(FactId, FactKind)| {
        let text = printed.get(fact.as_str()).filter(|text| !text.is_empty());
        (fact.clone(), text.and_then(|text| of_kind(kind, text)))
    };
    probe.gives.iter().map(value).collect()
}

fn of_kind(kind: &FactKind, text: &str) -> Option<Value> {
    match kind {
        FactKind::Values(_) | FactKind::Version | FactKind::Text => Some(Value::text(text)),
        FactKind::Bool => text.parse().ok().map(Value::Bool),
        FactKind::Number => text.parse().ok().map(Value::Number),
    }
}

/// The `key=value` lines of an output; the last one of a key wins.
fn pairs(stdout: &[u8]) -> BTreeMap<String, String> {
    let mut cleaner = Cleaner::new();
    let mut lines = cleaner.feed(stdout);
    lines.extend(cleaner.finish());
    let pair = |line: &String| {
        let (name, value) = line.split_once('=')?;
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
        (!name.is_empty() && name.chars().all(plain))
            .then(|| (name.to_string(), value.trim_end().to_string()))
    };
    lines.iter().filter_map(pair).collect()
}

/// Runs one check's script and reports what it printed.
pub async fn check(node: Arc<Node>, check: CheckId) {
    let Some(setup) = node.setup.checks.get(&check) else {
        return;
    };
    let output: CheckOutput = match node.session_now() {
        None => Err("the node is not connected".into()),
        Some(session) => {
            let limits = Limits {
                time: span(setup.timeout),
                bytes: ANSWER,
            };
            let answer = session.read(setup.script.as_bytes(), limits).await;
            let guessed = |printed: BTreeMap<String, String>| {
                printed
                    .into_iter()
                    .map(|(name, text)| (name, Value::guess(&text)))
                    .collect()
            };
            answer
                .map(|output| guessed(pairs(&output.stdout)))
                .map_err(|why| why.to_string())
        }
    };
    let node_id = node.setup.node.clone();
    node.tell(Arrival::Check {
        node: node_id,
        check,
        output,
    });
}

/// Runs a read-only step. It may be asked again after a lost link: it changes nothing.
pub async fn read(node: Arc<Node>, order: Work) {
    let (action, attempt) = (order.action.clone(), order.attempt);
    let Some(session) = node.session_now() else {
        let why = "the node is not connected".into();
        return node.tell_job(&action, attempt, JobReport::OutOfSight { why });
    };
    node.tell_job(&action, attempt, JobReport::Accepted);
    let report = match run(&session, &order).await {
        Ok((lines, status)) => {
            let mut says = Voice {
                node: &node,
                action: &action,
                attempt,
            };
            lines
                .into_iter()
                .for_each(|(stream, text)| says.line(stream, text));
            JobReport::Ended {
                claim: Claim::Exited {
                    code: i32::from(status),
                },
            }
        }
        Err(ReadFailure::LinkLost { why }) => JobReport::OutOfSight { why },
        Err(why) => {
            Voice {
                node: &node,
                action: &action,
                attempt,
            }
            .line(Stream::Err, why.to_string());
            // What timeout(1) would have said.
            JobReport::Ended {
                claim: Claim::Exited { code: 124 },
            }
        }
    };
    node.tell_job(&action, attempt, report);
}

async fn run(session: &Session, order: &Work) -> Result<(Vec<(Stream, String)>, u8), ReadFailure> {
    let limits = Limits {
        time: span(order.timeout),
        bytes: OUTPUT,
    };
    let output = session.read(order.script.text.as_bytes(), limits).await?;
    let mut lines = Vec::new();
    for (stream, bytes) in [(Stream::Out, &output.stdout), (Stream::Err, &output.stderr)] {
        let mut cleaner = Cleaner::new();
        lines.extend(cleaner.feed(bytes).into_iter().map(|line| (stream, line)));
        lines.extend(cleaner.finish().map(|line| (stream, line)));
    }
    if output.truncated {
        lines.push((Stream::Err, format!("(cut after {OUTPUT} bytes)")));
    }
    Ok((lines, output.status))
}

/// Tells an action's output, line by line.
pub struct Voice<'a> {
    pub node: &'a Node,
    pub action: &'a ActionId,
    pub attempt: u32,
}

impl Voice<'_> {
    /// One line, free of control sequences. The driver stamps it.
    pub fn line(&mut self, stream: Stream, text: String) {
        let node: NodeId = self.node.setup.node.clone();
        let (action, attempt, at) = (self.action.clone(), self.attempt, Stamp::default());
        self.node.tell(Arrival::Telemetry(Telemetry::Output {
            action,
            attempt,
            node,
            stream,
            text,
            at,
        }));
    }
}

fn span(span: Span) -> Duration {
    Duration::from_millis(span.0)
}
