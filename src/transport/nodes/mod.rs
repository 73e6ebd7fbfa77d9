//! Hands on real nodes: one supervised connection a node, and everything that is asked of it.
//!
//! [`SshLooks`] connects, probes, checks and reads. It has no way to start a job. [`SshActs`] adds the detached jobs. Both
//! answer through one channel, in the order in which things became known.

mod job;
mod link;
mod look;
mod setup;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use secrecy::SecretString;
use tokio::sync::{Semaphore, mpsc, watch};

use super::ssh::{Credentials, Session};
use super::{Acts, Arrival, Change, Due, Look, Looks};
use crate::model::ids::{ActionId, NodeId};
use crate::model::reply::{JobReport, LinkReport};
use crate::model::time::Stamp;

pub use setup::{CheckSetup, NodeSetup, ProbeSetup, Secrets, Surroundings, endpoint};

/// Handshakes under way at once. More of them only wait for each other.
const HANDSHAKES: usize = 24;

/// Looks at real nodes over SSH, and can do nothing else.
pub struct SshLooks {
    /// Nodes that nothing was asked of yet. Their tasks begin with the first request, inside the runtime that makes it.
    asleep: Vec<NodeSetup>,
    nodes: BTreeMap<NodeId, Handle>,
    common: Common,
    arrivals: mpsc::UnboundedReceiver<Arrival>,
}

/// Looks at real nodes and changes them by detached jobs.
pub struct SshActs {
    looks: SshLooks,
}

/// What all nodes share.
#[derive(Clone)]
struct Common {
    outbox: mpsc::UnboundedSender<Arrival>,
    credentials: Arc<Mutex<Credentials>>,
    secrets: Arc<Mutex<Secrets>>,
    handshakes: Arc<Semaphore>,
}

/// One node, as its tasks see it.
struct Node {
    setup: NodeSetup,
    common: Common,
    /// The connection that stands now, if one does.
    session: watch::Sender<Option<Session>>,
    /// What a human was asked for.
    wanted: Mutex<Option<Wanted>>,
    jobs: job::Jobs,
}

/// A secret that is missing.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Wanted {
    Passphrase(std::path::PathBuf),
    Param(String),
}

/// One node, as the requests reach it.
struct Handle {
    node: Arc<Node>,
    link: mpsc::UnboundedSender<link::Order>,
    look: mpsc::UnboundedSender<look::Order>,
}

impl SshLooks {
    /// Hands on these nodes; nothing is connected yet.
    pub fn new(setups: Vec<NodeSetup>, credentials: Credentials, secrets: Secrets) -> SshLooks {
        let (outbox, arrivals) = mpsc::unbounded_channel();
        let common = Common {
            outbox,
            credentials: Arc::new(Mutex::new(credentials)),
            secrets: Arc::new(Mutex::new(secrets)),
            handshakes: Arc::new(Semaphore::new(HANDSHAKES)),
        };
        SshLooks {
            asleep: setups,
            nodes: BTreeMap::new(),
            common,
            arrivals,
        }
    }

    fn wake(&mut self) {
        for setup in std::mem::take(&mut self.asleep) {
            self.nodes
                .insert(setup.node.clone(), Handle::new(setup, &self.common));
        }
    }

    /// Takes the secret that a node was said to want. Every node that wants the same one gets it too, so that nothing is
    /// asked twice.
    pub fn secret(&mut self, node: &NodeId, secret: SecretString) {
        let Some(wanted) = self
            .nodes
            .get(node)
            .and_then(|handle| lock(&handle.node.wanted).clone())
        else {
            return;
        };
        match &wanted {
            Wanted::Passphrase(path) => lock(&self.common.credentials).add_passphrase(path, secret),
            Wanted::Param(name) => lock(&self.common.secrets).give(name, secret),
        }
        for (name, handle) in &self.nodes {
            if name != node && lock(&handle.node.wanted).as_ref() == Some(&wanted) {
                handle.link(link::Order::Retry);
            }
        }
    }

    fn node(&self, node: &NodeId) -> Option<&Handle> {
        self.nodes.get(node)
    }
}

impl Handle {
    fn new(setup: NodeSetup, common: &Common) -> Handle {
        let node = Arc::new(Node {
            setup,
            common: common.clone(),
            session: watch::Sender::new(None),
            wanted: Mutex::new(None),
            jobs: job::Jobs::default(),
        });
        let (link, link_orders) = mpsc::unbounded_channel();
        let (look, look_orders) = mpsc::unbounded_channel();
        tokio::spawn(link::supervise(Arc::clone(&node), link_orders));
        tokio::spawn(look::watch(Arc::clone(&node), look_orders));
        Handle { node, link, look }
    }

    fn link(&self, order: link::Order) {
        // The supervisor lives as long as the runtime does; when that ends, nobody waits for an answer any more.
        let _ = self.link.send(order);
    }

    fn look(&self, order: look::Order) {
        let _ = self.look.send(order);
    }
}

impl Node {
    /// Tells what has become known. When nobody listens any more, the session is over.
    fn tell(&self, arrival: Arrival) {
        let _ = self.common.outbox.send(arrival);
    }

    fn tell_link(&self, report: LinkReport) {
        self.tell(Arrival::Link {
            node: self.setup.node.clone(),
            report,
        });
    }

    fn tell_job(&self, action: &ActionId, attempt: u32, report: JobReport) {
        let (action, node) = (action.clone(), self.setup.node.clone());
        self.tell(Arrival::Job {
            action,
            attempt,
            node,
            report,
        });
    }

    /// The connection that stands now.
    fn session_now(&self) -> Option<Session> {
        self.session
            .borrow()
            .clone()
            .filter(|session| !session.is_closed())
    }

    /// The next connection that stands, whenever that is. `None` when the session of holdpoint is over.
    async fn session_then(&self) -> Option<Session> {
        let mut sessions = self.session.subscribe();
        let stands = |session: &Option<Session>| {
            session.as_ref().is_some_and(|session| !session.is_closed())
        };
        sessions.wait_for(stands).await.ok()?.clone()
    }
}

impl Looks for SshLooks {
    fn look(&mut self, look: Look, _now: Stamp) {
        self.wake();
        match look {
            Look::Connect { node } => self.order(&node, link::Order::Connect),
            Look::Reconnect { node } => self.order(&node, link::Order::Retry),
            Look::Disconnect { node } => self.order(&node, link::Order::Disconnect),
            Look::HostKey { node, accept, .. } => {
                self.order(&node, link::Order::HostKey { accept })
            }
            Look::Probe { node } => self.ask(&node, look::Order::Probe),
            Look::Watch { node } => self.ask(&node, look::Order::Watch),
            Look::Check { node, check } => {
                if let Some(handle) = self.node(&node) {
                    tokio::spawn(look::check(Arc::clone(&handle.node), check));
                }
            }
            Look::Read { order } => {
                if let Some(handle) = self.node(&order.node) {
                    tokio::spawn(look::read(Arc::clone(&handle.node), order));
                }
            }
        }
    }

    fn due(&self) -> Due {
        Due::Whenever
    }

    async fn arrival(&mut self, _now: Stamp) -> Arrival {
        match self.arrivals.recv().await {
            Some(arrival) => arrival,
            // We hold a sender ourselves, so the channel never closes.
            None => std::future::pending().await,
        }
    }
}

impl SshLooks {
    fn order(&self, node: &NodeId, order: link::Order) {
        if let Some(handle) = self.node(node) {
            handle.link(order);
        }
    }

    fn ask(&self, node: &NodeId, order: look::Order) {
        if let Some(handle) = self.node(node) {
            handle.look(order);
        }
    }
}

impl SshActs {
    /// The same, able to act.
    pub fn new(looks: SshLooks) -> SshActs {
        SshActs { looks }
    }

    /// As [`SshLooks::secret`].
    pub fn secret(&mut self, node: &NodeId, secret: SecretString) {
        self.looks.secret(node, secret);
    }
}

impl Looks for SshActs {
    fn look(&mut self, look: Look, now: Stamp) {
        self.looks.look(look, now);
    }

    fn due(&self) -> Due {
        self.looks.due()
    }

    async fn arrival(&mut self, now: Stamp) -> Arrival {
        self.looks.arrival(now).await
    }
}

impl Acts for SshActs {
    fn change(&mut self, change: Change, _now: Stamp) {
        let (order, what) = match change {
            Change::Start { order } => (order, job::What::Start),
            Change::Attach { order } => (order, job::What::Attach),
            Change::Cancel { order } => (order, job::What::Cancel),
            Change::Acknowledge { order } => (order, job::What::Acknowledge),
            // Real nodes see for themselves what somebody did to them.
            Change::Performed { .. } => return,
        };
        if let Some(handle) = self.looks.node(&order.node) {
            job::take(&handle.node, order, what);
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
