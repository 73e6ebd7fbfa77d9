//! One node's lock: asked over as many sessions as it takes until the node has answered.

use tokio::sync::mpsc::UnboundedReceiver;
use tokio::sync::watch;
use tokio::time::sleep;

use super::tell::{Teller, one_line, words};
use crate::model::ids::NodeId;
use crate::model::lock::{Holder, LockAsk, LockReport};
use crate::transport::backoff::delay;
use crate::transport::job::{self, Claimant, JobFailure};
use crate::transport::ssh::Session;
use crate::transport::{Arrival, Order};

/// The task that asks one node's lock.
pub(super) struct Locker {
    pub(super) node: NodeId,
    pub(super) asks: UnboundedReceiver<(Claimant, LockAsk)>,
    pub(super) session: watch::Receiver<Option<Session>>,
    pub(super) teller: Teller,
}

impl Locker {
    /// Lives until the transport is dropped.
    pub(super) async fn run(mut self) {
        while let Some((claimant, ask)) = self.asks.recv().await {
            let Some(report) = self.answer(&claimant, ask).await else {
                return;
            };
            tell(&self.teller, &self.node, report).await;
        }
    }

    /// The node's answer; `None` when there will never be one.
    async fn answer(&mut self, claimant: &Claimant, ask: LockAsk) -> Option<LockReport> {
        for attempt in 0.. {
            let session = self.session.wait_for(Option::is_some).await;
            let Some(session) = session.ok()?.clone() else {
                continue;
            };
            match job::lock(&session, claimant, ask).await {
                Ok(report) => return Some(report),
                Err(JobFailure::NoAnswer(_)) => sleep(delay(attempt, 0)).await,
                Err(failure @ (JobFailure::NotSent(_) | JobFailure::Refused { .. })) => {
                    let why = words(&failure);
                    return Some(LockReport::Unusable { why });
                }
            }
        }
        None
    }
}

/// Why nothing was started on a node whose lock this run does not have.
pub(super) const FENCED: &str =
    "this run does not have the node's lock any more; nothing was started";

/// Whether this run may begin something on the node. If not, how the lock stands is told first, so that what is not begun
/// is not taken for a failure.
pub(super) async fn pass(
    session: &Session,
    order: &Order,
    teller: &Teller,
) -> Result<bool, JobFailure> {
    let Some(fence) = &order.fence else {
        return Ok(true);
    };
    let claimant = Claimant {
        run: fence.run.clone(),
        by: String::new(),
    };
    let report = job::lock(session, &claimant, LockAsk::Look).await?;
    let ours = |by: &Holder| by.run == fence.run && by.generation == fence.generation;
    match report {
        LockReport::Held { by } if ours(&by) => Ok(true),
        other => {
            tell(teller, &order.node, other).await;
            Ok(false)
        }
    }
}

/// Tells how a node's lock stands, in words that are safe to show.
pub(super) async fn tell(teller: &Teller, node: &NodeId, report: LockReport) {
    let report = match report {
        LockReport::Held { by } => LockReport::Held {
            by: Holder {
                run: one_line(&by.run),
                by: one_line(&by.by),
                since: one_line(&by.since),
                ..by
            },
        },
        other @ (LockReport::Ours { .. } | LockReport::Free | LockReport::Unusable { .. }) => other,
    };
    let node = node.clone();
    teller.tell(Arrival::Lock { node, report }).await;
}
