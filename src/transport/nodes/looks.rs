//! Eyes on real nodes. Nothing in here can start a job.

use std::collections::BTreeMap;
use std::sync::Arc;

use secrecy::SecretString;
use tokio::sync::mpsc::{self, UnboundedSender, unbounded_channel};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::asks::{Ask, Asks};
use super::keys::{KeyRing, Keys, Secrets};
use super::link::{Link, LinkAsk};
use super::mask::Masks;
use super::probes::{ProbeAsk, Probes};
use super::setup::NodeSetup;
use super::tell::{Teller, stamped};
use crate::model::ids::NodeId;
use crate::model::time::{Span, Stamp};
use crate::transport::ssh::{Credentials, Route, Session};
use crate::transport::{Arrival, Due, Look, Looks};

/// Most handshakes at once: a hundred nodes must not look like an attack to what stands between us and them.
const HANDSHAKES: usize = 24;

/// Looks at real nodes over SSH. It has no way to start a job, so a dry run may hold it (rule 9).
///
/// Made outside a runtime if need be; requests must be made inside one. Dropping it ends its tasks and connections.
#[derive(Debug)]
pub struct SshLooks {
    nodes: BTreeMap<NodeId, Node>,
    teller: Teller,
    arrivals: mpsc::Receiver<Arrival>,
    keys: Keys,
    masks: Masks,
    clock: Anchor,
    /// Ended when this is dropped.
    tasks: JoinSet<()>,
}

#[derive(Debug)]
struct Node {
    link: UnboundedSender<LinkAsk>,
    probes: UnboundedSender<ProbeAsk>,
    asks: UnboundedSender<Ask>,
    session: watch::Receiver<Option<Session>>,
    /// Begins with the first request.
    asleep: Option<Box<Tasks>>,
}

struct Tasks {
    link: Link,
    probes: Probes,
    asks: Asks,
}

impl std::fmt::Debug for Tasks {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tasks").finish_non_exhaustive()
    }
}

/// A moment of the run and the clock's reading then: what passes by between two requests gets its moment from it.
#[derive(Debug)]
struct Anchor {
    at: Stamp,
    reading: Option<Instant>,
}

impl SshLooks {
    /// Eyes on these nodes; nothing is connected yet. `credentials` open their keys, `secrets` are what scripts may name;
    /// what is given later is added to both.
    pub fn new(nodes: Vec<NodeSetup>, credentials: Credentials, secrets: Secrets) -> SshLooks {
        let (teller, arrivals) = Teller::new();
        let mut ways = nodes.iter().map(|setup| &setup.endpoint.route);
        let jump_keys = ways.find_map(Route::jump_keys).cloned();
        let keys = watch::Sender::new(KeyRing {
            credentials,
            secrets,
            jump_keys: jump_keys.unwrap_or_default(),
            ..KeyRing::default()
        });
        let handshakes = Arc::new(Semaphore::new(HANDSHAKES));
        let node = |setup: NodeSetup| {
            let name = setup.node.clone();
            let node = Node::new(setup, &keys, &handshakes, &teller);
            (name, node)
        };
        SshLooks {
            nodes: nodes.into_iter().map(node).collect(),
            arrivals,
            clock: Anchor {
                at: Stamp::default(),
                reading: None,
            },
            tasks: JoinSet::new(),
            masks: Masks::new(&keys),
            keys,
            teller,
        }
    }

    /// Takes the secret that a node asked for, such as the passphrase of a key. Every node that wants the same gets it too.
    pub fn secret(&mut self, node: &NodeId, secret: SecretString) {
        self.ask_link(node, LinkAsk::Secret(secret));
    }

    /// What the operator has typed where it must not be seen: no node shows it from now on.
    pub(super) fn hide(&mut self, typed: &str) {
        self.masks.hide(typed);
    }

    /// Where the node's session is found while there is one.
    pub(super) fn session(&mut self, node: &NodeId) -> Option<watch::Receiver<Option<Session>>> {
        self.awake(node).map(|node| node.session.clone())
    }

    pub(super) fn keys(&self) -> Keys {
        self.keys.clone()
    }

    pub(super) fn teller(&self) -> Teller {
        self.teller.clone()
    }

    pub(super) fn note(&mut self, now: Stamp) {
        self.clock = Anchor {
            at: now,
            reading: Some(Instant::now()),
        };
    }

    /// The node, with its tasks at work. A node that the cluster does not have is nobody to ask.
    fn awake(&mut self, node: &NodeId) -> Option<&Node> {
        let node = self.nodes.get_mut(node)?;
        if let Some(tasks) = node.asleep.take() {
            self.tasks.spawn(tasks.link.run());
            self.tasks.spawn(tasks.probes.run());
            self.tasks.spawn(tasks.asks.run());
        }
        Some(node)
    }

    // The tasks live as long as this does, so that somebody always takes what is sent to them.

    fn ask_link(&mut self, node: &NodeId, ask: LinkAsk) {
        if let Some(node) = self.awake(node) {
            let _ = node.link.send(ask);
        }
    }

    fn ask_probes(&mut self, node: &NodeId, ask: ProbeAsk) {
        if let Some(node) = self.awake(node) {
            let _ = node.probes.send(ask);
        }
    }

    fn ask(&mut self, node: &NodeId, ask: Ask) {
        if let Some(node) = self.awake(node) {
            let _ = node.asks.send(ask);
        }
    }
}

impl Node {
    fn new(setup: NodeSetup, keys: &Keys, handshakes: &Arc<Semaphore>, teller: &Teller) -> Node {
        let setup = Arc::new(setup);
        let (link, link_asks) = unbounded_channel();
        let (probes, probe_asks) = unbounded_channel();
        let (asks, other_asks) = unbounded_channel();
        let (sender, session) = watch::channel(None);
        let tasks = Tasks {
            link: Link {
                node: setup.node.clone(),
                endpoint: setup.endpoint.clone(),
                asks: link_asks,
                session: sender,
                keys: keys.clone(),
                added: keys.subscribe(),
                changes: keys.borrow().credentials.vault().changes(),
                seed: setup.seed,
                handshakes: Arc::clone(handshakes),
                teller: teller.clone(),
                was_up: false,
                early: None,
            },
            probes: Probes {
                due: vec![None; setup.probes.len()],
                setup: Arc::clone(&setup),
                asks: probe_asks,
                session: session.clone(),
                teller: teller.clone(),
                watched: false,
            },
            asks: Asks {
                setup,
                asks: other_asks,
                session: session.clone(),
                teller: teller.clone(),
            },
        };
        Node {
            link,
            probes,
            asks,
            session,
            asleep: Some(Box::new(tasks)),
        }
    }
}

impl Looks for SshLooks {
    fn look(&mut self, look: Look, now: Stamp) {
        self.note(now);
        match look {
            Look::Connect { node } => self.ask_link(&node, LinkAsk::Connect),
            Look::Reconnect { node } => self.ask_link(&node, LinkAsk::Reconnect),
            Look::Disconnect { node } => {
                self.ask_probes(&node, ProbeAsk::Rest);
                self.ask_link(&node, LinkAsk::Disconnect);
            }
            Look::HostKey {
                node,
                fingerprint,
                accept,
            } => {
                let ask = LinkAsk::HostKey {
                    fingerprint,
                    accept,
                };
                self.ask_link(&node, ask);
            }
            Look::Probe { node } => self.ask_probes(&node, ProbeAsk::Now),
            Look::Watch { node } => self.ask_probes(&node, ProbeAsk::Watch),
            Look::Check { node, check } => self.ask(&node, Ask::Check(check)),
            Look::Read { order } => {
                let node = order.node.clone();
                self.ask(&node, Ask::Read(Box::new(order)));
            }
        }
    }

    fn due(&self) -> Due {
        Due::Whenever
    }

    async fn arrival(&mut self, now: Stamp) -> Arrival {
        self.note(now);
        let arrival = self.arrivals.recv().await;
        let mut arrival = arrival.expect("the teller that is held here keeps the channel open");
        self.teller.taken(&arrival);
        self.masks.apply(&mut arrival);
        stamped(arrival, self.clock.now())
    }
}

impl Anchor {
    fn now(&self) -> Stamp {
        let gone = self.reading.map_or(0, |reading| {
            u64::try_from(reading.elapsed().as_millis()).unwrap_or(u64::MAX)
        });
        self.at + Span(gone)
    }
}
