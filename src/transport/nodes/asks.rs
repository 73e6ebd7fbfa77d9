//! Runs one node's checks, one after another, and its read-only steps.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::sync::mpsc::UnboundedReceiver;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::sleep;

use super::printed;
use super::probes::OUTPUT;
use super::setup::NodeSetup;
use super::tell::{Teller, words};
use crate::model::ids::CheckId;
use crate::model::reply::{Claim, JobReport};
use crate::model::telemetry::Stream;
use crate::model::value::Value;
use crate::transport::ssh::{Limits, ReadFailure, ReadOutput, Session};
use crate::transport::{Arrival, Order};

/// Most bytes of a read-only step's output.
const READ_OUTPUT: usize = 4 << 20;
/// Checks that come within this time are asked together.
const BREATH: Duration = Duration::from_millis(2);
/// Before a question that the server would not take is asked again.
const ASK_AGAIN: Duration = Duration::from_secs(5);

/// What may be asked besides probes.
#[derive(Debug)]
pub(super) enum Ask {
    Check(CheckId),
    Read(Box<Order>),
}

/// The task that runs one node's checks and reads.
pub(super) struct Asks {
    pub(super) setup: Arc<NodeSetup>,
    pub(super) asks: UnboundedReceiver<Ask>,
    pub(super) session: watch::Receiver<Option<Session>>,
    pub(super) teller: Teller,
}

impl Asks {
    /// Lives until the transport is dropped.
    pub(super) async fn run(mut self) {
        // A long step must not keep a check waiting.
        let mut reads = JoinSet::new();
        let mut checks = Vec::new();
        while let Some(ask) = self.asks.recv().await {
            let mut next = Some(ask);
            // What is asked in one breath may be answered by one look.
            let breath = sleep(BREATH);
            tokio::pin!(breath);
            while let Some(ask) = next.take() {
                match ask {
                    Ask::Check(check) => checks.push(check),
                    Ask::Read(order) => {
                        let session = self.session.borrow().clone();
                        reads.spawn(read(session, *order, self.teller.clone()));
                        while reads.try_join_next().is_some() {}
                    }
                }
                next = tokio::select! {
                    next = self.asks.recv(), if !checks.is_empty() => next,
                    () = &mut breath => None,
                };
            }
            while let Some(first) = checks.first() {
                let script = self.script(first);
                let (together, others): (Vec<_>, Vec<_>) = std::mem::take(&mut checks)
                    .into_iter()
                    .partition(|check| self.script(check) == script);
                // Large: most of the time nobody asks, and every node has one of these tasks.
                Box::pin(self.check(&together)).await;
                checks = others;
            }
        }
    }

    fn script(&self, check: &CheckId) -> Option<(&str, u64)> {
        let spec = self.setup.checks.get(check)?;
        Some((&spec.script, spec.timeout.0))
    }

    /// Asks once for all of them: they have the same script.
    async fn check(&self, together: &[CheckId]) {
        let said = self.ask(&together[0]).await;
        for check in together {
            let arrival = Arrival::Check {
                node: self.setup.node.clone(),
                check: check.clone(),
                output: said.as_ref().map_err(Clone::clone).and_then(|said| {
                    let spec = self.setup.checks.get(check);
                    let part = spec.filter(|spec| spec.is_part).map(|_| check);
                    let mut output = printed::check(said, part)?;
                    tell_apart(&mut output);
                    Ok(output)
                }),
            };
            self.teller.tell(arrival).await;
        }
    }

    async fn ask(&self, check: &CheckId) -> Result<ReadOutput, String> {
        let node = &self.setup.node;
        let spec = self.setup.checks.get(check);
        let spec = spec.ok_or_else(|| format!("{node} has no check {check}"))?;
        let session = self.session.borrow().clone();
        let session = session.ok_or_else(|| no_connection(node))?;
        let limits = Limits {
            time: Duration::from_millis(spec.timeout.0),
            bytes: OUTPUT,
        };
        let output = session.read(spec.script.as_bytes(), limits).await;
        output.map_err(|failure| words(&failure))
    }
}

/// A check that tells the node's time (`node_epoch`, in seconds) gets to know how far it is from ours: `apart`, in seconds.
/// What the way there and back takes counts, too.
fn tell_apart(output: &mut BTreeMap<String, Value>) {
    let ours = SystemTime::now().duration_since(UNIX_EPOCH);
    let ours = ours
        .ok()
        .and_then(|since| i64::try_from(since.as_secs()).ok());
    if let (Some(Value::Number(theirs)), Some(ours)) = (output.get("node_epoch"), ours) {
        let apart = Value::Number(ours.saturating_sub(*theirs).saturating_abs());
        output.insert("apart".into(), apart);
    }
}

fn no_connection(node: &crate::model::ids::NodeId) -> String {
    format!("no connection to {node}")
}

/// One read-only step. Asked again as long as the connection lives: it changes nothing, so it may be run again.
async fn read(session: Option<Session>, order: Order, teller: Teller) {
    let Some(session) = session else {
        let why = no_connection(&order.node);
        return teller.job(&order, JobReport::OutOfSight { why }).await;
    };
    let limits = Limits {
        time: Duration::from_millis(order.timeout.0),
        bytes: READ_OUTPUT,
    };
    loop {
        teller.job(&order, JobReport::Accepted).await;
        let text = order.script().map_or("", |script| script.text.as_str());
        let failure = match session.read(text.as_bytes(), limits).await {
            Ok(output) => return told(&output, &order, &teller).await,
            Err(failure) => failure,
        };
        let why = words(&failure);
        match failure {
            ReadFailure::NotSendable => {
                return teller.job(&order, JobReport::NotStarted { why }).await;
            }
            ReadFailure::LinkLost { .. }
            | ReadFailure::TimedOut { .. }
            | ReadFailure::ChannelRefused { .. }
            | ReadFailure::NoAnswer { .. } => {
                teller.job(&order, JobReport::OutOfSight { why }).await;
            }
        }
        if session.is_closed() {
            return;
        }
        sleep(ASK_AGAIN).await;
    }
}

async fn told(output: &ReadOutput, order: &Order, teller: &Teller) {
    for (stream, bytes) in [(Stream::Out, &output.stdout), (Stream::Err, &output.stderr)] {
        teller.lines(order, stream, printed::lines(bytes)).await;
    }
    if output.truncated {
        let said = "... (more was printed than is kept)".to_owned();
        teller.lines(order, Stream::Err, vec![said]).await;
    }
    let code = i32::from(output.status);
    let claim = Claim::Exited { code };
    teller.job(order, JobReport::Ended { claim }).await;
}
