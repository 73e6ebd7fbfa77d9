//! Runs one node's probes, one after another: when asked, and while watched at their own pace.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc::UnboundedReceiver;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

use super::printed;
use super::setup::{NodeSetup, ProbeSetup};
use super::tell::{Teller, words};
use crate::model::reply::Reading;
use crate::transport::Arrival;
use crate::transport::ssh::{Limits, ReadFailure, Session};

/// What may be asked of the eyes on a node.
#[derive(Debug)]
pub(super) enum ProbeAsk {
    /// Every probe, now, once.
    Now,
    /// Every probe, each at its own pace.
    Watch,
    /// No more of it.
    Rest,
}

/// Most bytes of a probe's or check's output.
pub(super) const OUTPUT: usize = 256 << 10;

/// The task that runs one node's probes.
pub(super) struct Probes {
    pub(super) setup: Arc<NodeSetup>,
    pub(super) asks: UnboundedReceiver<ProbeAsk>,
    pub(super) session: watch::Receiver<Option<Session>>,
    pub(super) teller: Teller,
    pub(super) watched: bool,
    /// When each probe looks next; nothing while there is no connection or nobody watches.
    pub(super) due: Vec<Option<Due>>,
}

/// One look that is to come.
#[derive(Clone, Copy, Debug)]
pub(super) struct Due {
    at: Instant,
    /// Somebody asked for it, and relies on a look that begins after that.
    asked: bool,
}

impl Probes {
    /// Lives until the transport is dropped.
    pub(super) async fn run(mut self) {
        loop {
            let next = self.next();
            let at = next.map_or_else(Instant::now, |(_, due)| due.at);
            tokio::select! {
                biased;
                ask = self.asks.recv() => match ask {
                    None => return,
                    Some(ask) => self.take(&ask),
                },
                changed = self.session.changed() => match changed {
                    Err(_) => return,
                    Ok(()) => self.begin_again(),
                },
                () = sleep_until(at), if next.is_some() => {
                    if let Some((probe, due)) = next && self.look(probe, due).await.is_none() {
                        return;
                    }
                }
            }
        }
    }

    /// The probe that looks next; what was asked for comes before what is only watched.
    fn next(&self) -> Option<(usize, Due)> {
        let now = Instant::now();
        let dues = self.due.iter().enumerate();
        dues.filter_map(|(probe, due)| due.map(|due| (probe, due)))
            .min_by_key(|(_, due)| (!(due.asked && due.at <= now), due.at))
    }

    fn take(&mut self, ask: &ProbeAsk) {
        let now = Instant::now();
        match ask {
            ProbeAsk::Now => self.all_due(now, true),
            ProbeAsk::Watch => {
                self.watched = true;
                let up = self.is_up();
                for (probe, due) in self.setup.probes.iter().zip(&mut self.due) {
                    let at = now + pace(probe);
                    *due = due.or(up.then_some(Due { at, asked: false }));
                }
            }
            ProbeAsk::Rest => {
                self.watched = false;
                self.due.fill(None);
            }
        }
    }

    /// A new connection: what is watched is looked at at once, and what was asked for stays asked. None: nobody can be
    /// asked.
    fn begin_again(&mut self) {
        if !self.is_up() {
            return self.due.fill(None);
        }
        let now = Due {
            at: Instant::now(),
            asked: false,
        };
        let fresh = self.watched.then_some(now);
        for due in &mut self.due {
            *due = due.filter(|due| due.asked).or(fresh);
        }
    }

    fn all_due(&mut self, at: Instant, asked: bool) {
        if self.is_up() {
            self.due.fill(Some(Due { at, asked }));
        }
    }

    fn is_up(&self) -> bool {
        self.session.borrow().is_some()
    }

    /// One look. A look that was only due and during which somebody asks is not told: the asker relies on one that begins
    /// afterwards, which follows.
    async fn look(&mut self, probe: usize, due: Due) -> Option<()> {
        let began = Instant::now();
        let setup = Arc::clone(&self.setup);
        let spec = &setup.probes[probe];
        let next = Due {
            at: began + pace(spec),
            asked: false,
        };
        self.due[probe] = self.watched.then_some(next);
        let Some(session) = self.session.borrow().clone() else {
            self.due.fill(None);
            return Some(());
        };
        let mut overtaken = false;
        // Large: most of the time nobody looks, and every node has one of these tasks.
        let mut looking = Box::pin(look(&session, spec));
        let reading = loop {
            tokio::select! {
                reading = &mut looking => break reading,
                ask = self.asks.recv() => {
                    let ask = ask?;
                    overtaken |= matches!(ask, ProbeAsk::Now) && !due.asked;
                    self.take(&ask);
                }
            }
        };
        if let Some(reading) = reading.filter(|_| !overtaken) {
            let (node, probe) = (setup.node.clone(), spec.id.clone());
            let arrival = Arrival::Reading {
                node,
                probe,
                reading,
            };
            self.teller.tell(arrival).await;
        }
        Some(())
    }
}

/// What the probe says; nothing when the connection went away, which is told by the link.
async fn look(session: &Session, probe: &ProbeSetup) -> Option<Reading> {
    let limits = Limits {
        time: Duration::from_millis(probe.timeout.0),
        bytes: OUTPUT,
    };
    match session.read(probe.script.as_bytes(), limits).await {
        Ok(output) => Some(printed::reading(&output, &probe.gives)),
        Err(ReadFailure::LinkLost { .. }) => None,
        Err(
            failure @ (ReadFailure::TimedOut { .. }
            | ReadFailure::ChannelRefused { .. }
            | ReadFailure::NoAnswer { .. }
            | ReadFailure::NotSendable),
        ) => Some(Err(words(&failure))),
    }
}

/// A pace of nothing would leave no room for anything else.
fn pace(probe: &ProbeSetup) -> Duration {
    Duration::from_millis(probe.every.0.max(100))
}
