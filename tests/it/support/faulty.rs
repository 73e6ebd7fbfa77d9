//! A TCP way to a server that can be disturbed: cut, reset, stalled, half-open, slow.
//!
//! It listens on a loopback address of its own and hands every byte on, until a [`Fault`] strikes: for the next
//! connection counted from its first byte ([`Faulty::strike_next`]), or for what is connected counted from now
//! ([`Faulty::strike`]). [`Faulty::opening`] tells where the unencrypted part of a connection has its joints.
//!
//! ```ignore
//! let way = Faulty::to(&node, "127.0.120.1").await;
//! way.strike(Fault::new(Kind::Reset, Direction::ToNode, 4000));   // 4000 bytes from now
//! ```

mod wire;

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use holdpoint::transport::ssh::Endpoint;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

use self::wire::{Flow, Wire, carry, hold};
use super::endpoint::friend;
use super::sshd::Sshd;

/// Of the bytes: towards the server or back from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    ToNode,
    FromNode,
}

/// What is done to a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Both ends are closed.
    Cut,
    /// Both ends are reset: what was under way is thrown away.
    Reset,
    /// Nothing passes any more, in either direction; both ends stay open. See [`Faulty::release`].
    Stall,
    /// The bytes of this one direction are swallowed.
    HalfOpen,
}

/// A fault and where it strikes: after so many bytes in one direction.
#[derive(Clone, Copy, Debug)]
pub struct Fault {
    pub kind: Kind,
    pub direction: Direction,
    pub after: u64,
}

impl Fault {
    pub fn new(kind: Kind, direction: Direction, after: u64) -> Fault {
        Fault {
            kind,
            direction,
            after,
        }
    }
}

/// How slow a way is: pieces of so many bytes, and a pause after each.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    pub piece: usize,
    pub pause: Duration,
}

/// Where the parts of a connection's unencrypted opening end, in bytes of one direction.
#[derive(Clone, Debug, Default)]
pub struct Opening {
    /// The line with the version.
    pub greeting: u64,
    /// The packets after it, each by its message number; the last one is NEWKEYS (21).
    pub packets: Vec<(u8, u64)>,
}

/// The way to one server.
pub struct Faulty {
    pub address: SocketAddr,
    shared: Arc<Shared>,
    /// Ended when this is dropped, with every connection.
    _tasks: JoinSet<()>,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    struck: watch::Sender<usize>,
}

#[derive(Default)]
struct State {
    next: VecDeque<Fault>,
    /// New connections are taken and lead nowhere.
    dead_end: bool,
    pace: Option<Pace>,
    wires: Vec<Arc<Wire>>,
    accepted: usize,
    most_open: usize,
}

impl Faulty {
    /// A way to `node` on a free port of `ip`.
    pub async fn to(node: &Sshd, ip: &str) -> Faulty {
        let target = format!("{}:{}", node.ip, node.port);
        Faulty::towards(&target, ip).await
    }

    /// A way to whoever listens at `target` (host and port).
    pub async fn towards(target: &str, ip: &str) -> Faulty {
        let listener = TcpListener::bind((ip, 0))
            .await
            .expect("a loopback address");
        let address = listener.local_addr().expect("its own address");
        let shared = Arc::new(Shared::default());
        let mut tasks = JoinSet::new();
        tasks.spawn(accept(listener, target.to_owned(), Arc::clone(&shared)));
        Faulty {
            address,
            shared,
            _tasks: tasks,
        }
    }

    /// How `node` is reached this way, its host key being known.
    pub fn endpoint(&self, node: &Sshd) -> Endpoint {
        let mut endpoint = friend(node);
        endpoint.tuning.known_as = Some("behind-the-way".into());
        let line = format!("behind-the-way {}\n", node.host_key());
        std::fs::write(&endpoint.known_hosts.user[0], line).expect("known_hosts");
        endpoint.host = self.address.ip().to_string();
        endpoint.port = self.address.port();
        endpoint
    }

    /// The next connection that has no fault waiting for it gets this one, counted from its first byte.
    pub fn strike_next(&self, fault: Fault) {
        self.state().next.push_back(fault);
    }

    /// Strikes what is connected, counted from now.
    pub fn strike(&self, fault: Fault) {
        let wires = self.state().wires.clone();
        for wire in wires {
            wire.flow.send_modify(|flow| flow.arm(fault));
        }
    }

    /// Ends what is connected, now.
    pub fn end(&self, kind: Kind) {
        let wires = self.state().wires.clone();
        for wire in wires {
            wire.flow.send_modify(|flow| flow.over = Some(kind));
        }
    }

    /// What is stalled goes on, late.
    pub fn release(&self) {
        let wires = self.state().wires.clone();
        for wire in wires {
            wire.flow.send_modify(|flow| flow.stalled = false);
        }
    }

    /// From now on new connections are taken and lead nowhere, or do again.
    pub fn dead_end(&self, is_one: bool) {
        self.state().dead_end = is_one;
    }

    /// From now on everything passes at this pace.
    pub fn slow_down(&self, pace: Pace) {
        self.state().pace = Some(pace);
    }

    /// Connections that are open now.
    pub fn open(&self) -> usize {
        self.state().wires.len()
    }

    /// The most connections that were ever open at once.
    pub fn most_open(&self) -> usize {
        self.state().most_open
    }

    /// Connections so far.
    pub fn accepted(&self) -> usize {
        self.state().accepted
    }

    /// Faults that came to strike.
    pub fn struck(&self) -> usize {
        *self.shared.struck.borrow()
    }

    /// Waits until so many faults have come to strike.
    pub async fn has_struck(&self, times: usize) {
        let mut struck = self.shared.struck.subscribe();
        // The sender lives as long as we do.
        let _ = struck.wait_for(|struck| *struck >= times).await;
    }

    /// Bytes that have passed on the latest connection that is open.
    pub fn passed(&self, direction: Direction) -> u64 {
        self.latest().flow.borrow().passed[direction as usize]
    }

    /// The joints of the opening of the latest connection that is open.
    pub fn opening(&self, direction: Direction) -> Opening {
        let wire = self.latest();
        let flow = wire.flow.borrow();
        Opening::read(&flow.opening[direction as usize])
    }

    fn latest(&self) -> Arc<Wire> {
        let wire = self.state().wires.last().cloned();
        wire.expect("a connection is open")
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.shared.state()
    }
}

impl Opening {
    fn read(bytes: &[u8]) -> Opening {
        let end = bytes.iter().position(|byte| *byte == b'\n');
        let mut at = end.expect("a greeting has passed") + 1;
        let mut opening = Opening {
            greeting: at as u64,
            packets: Vec::new(),
        };
        while let Some(head) = bytes.get(at..at + 6) {
            let length = u32::from_be_bytes([head[0], head[1], head[2], head[3]]);
            at += 4 + length as usize;
            opening.packets.push((head[5], at as u64));
            if head[5] == NEW_KEYS {
                break;
            }
        }
        opening
    }

    /// Where the packet with this message number begins and ends.
    pub fn packet(&self, number: u8) -> (u64, u64) {
        let at = self.packets.iter().position(|(found, _)| *found == number);
        let at = at.unwrap_or_else(|| panic!("no message {number} in {:?}", self.packets));
        let begin = at
            .checked_sub(1)
            .map_or(self.greeting, |before| self.packets[before].1);
        (begin, self.packets[at].1)
    }
}

/// SSH_MSG_KEXINIT and SSH_MSG_NEWKEYS (RFC 4253).
pub const KEX_INIT: u8 = 20;
pub const NEW_KEYS: u8 = 21;

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn accept(listener: TcpListener, target: String, shared: Arc<Shared>) {
    let mut connections = JoinSet::new();
    while let Ok((client, _)) = listener.accept().await {
        let wire = Arc::new(Wire {
            flow: watch::Sender::new(Flow::default()),
        });
        let dead_end = {
            let mut state = shared.state();
            state.accepted += 1;
            if let Some(fault) = state.next.pop_front() {
                wire.flow.send_modify(|flow| flow.arm(fault));
            }
            state.wires.push(Arc::clone(&wire));
            state.most_open = state.most_open.max(state.wires.len());
            state.dead_end
        };
        let (target, shared) = (target.clone(), Arc::clone(&shared));
        connections.spawn(async move {
            let mut client = client;
            let mut server = match dead_end {
                true => None,
                false => TcpStream::connect(&target).await.ok(),
            };
            match &mut server {
                Some(server) => carry(&mut client, server, &wire, &shared).await,
                None if dead_end => hold(&mut client, &wire).await,
                None => {}
            }
            // It counts as open no longer than the client can see it.
            shared
                .state()
                .wires
                .retain(|open| !Arc::ptr_eq(open, &wire));
        });
        while connections.try_join_next().is_some() {}
    }
}
