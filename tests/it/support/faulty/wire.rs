//! One connection on a [`super::Faulty`] way: hands bytes on until it is disturbed.

use std::time::Duration;

use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::sleep;

use super::{Direction, Fault, Kind, Shared};

/// One connection.
pub(super) struct Wire {
    pub(super) flow: watch::Sender<Flow>,
}

#[derive(Default)]
pub(super) struct Flow {
    pub(super) armed: Option<Fault>,
    pub(super) passed: [u64; 2],
    pub(super) opening: [Vec<u8>; 2],
    pub(super) swallowed: [bool; 2],
    pub(super) stalled: bool,
    pub(super) over: Option<Kind>,
}

/// Enough for greeting and key exchange.
const OPENING: usize = 8 << 10;

impl Flow {
    pub(super) fn arm(&mut self, fault: Fault) {
        let passed = self.passed[fault.direction as usize];
        self.armed = Some(Fault {
            after: passed + fault.after,
            ..fault
        });
    }

    /// How many of `wanted` bytes pass; the fault strikes when it is its turn.
    fn toll(&mut self, direction: Direction, wanted: usize) -> usize {
        let way = direction as usize;
        let due = self.armed.filter(|fault| fault.direction == direction);
        let Some(fault) = due else {
            return wanted;
        };
        let left = fault.after.saturating_sub(self.passed[way]);
        if left > 0 {
            return wanted.min(usize::try_from(left).unwrap_or(usize::MAX));
        }
        self.armed = None;
        match fault.kind {
            Kind::Cut | Kind::Reset => self.over = Some(fault.kind),
            Kind::Stall => self.stalled = true,
            Kind::HalfOpen => self.swallowed[way] = true,
        }
        0
    }

    fn note(&mut self, direction: Direction, bytes: &[u8]) {
        let way = direction as usize;
        self.passed[way] += bytes.len() as u64;
        let room = OPENING.saturating_sub(self.opening[way].len());
        self.opening[way].extend_from_slice(&bytes[..bytes.len().min(room)]);
    }
}

/// Takes whatever comes and says nothing.
pub(super) async fn hold(client: &mut TcpStream, wire: &Wire) {
    let mut over = wire.flow.subscribe();
    let mut buffer = [0; 4096];
    let swallow = async { while let Ok(1..) = client.read(&mut buffer).await {} };
    tokio::select! {
        () = swallow => {}
        _ = over.wait_for(|flow| flow.over.is_some()) => {}
    }
}

pub(super) async fn carry(
    client: &mut TcpStream,
    server: &mut TcpStream,
    wire: &Wire,
    shared: &Shared,
) {
    let _ = client.set_nodelay(true);
    let _ = server.set_nodelay(true);
    let mut over = wire.flow.subscribe();
    {
        let (from_client, to_client) = client.split();
        let (from_server, to_server) = server.split();
        let there = pump(from_client, to_server, Direction::ToNode, wire, shared);
        let back = pump(from_server, to_client, Direction::FromNode, wire, shared);
        let both = async { tokio::join!(there, back) };
        tokio::select! {
            _ = both => {}
            _ = over.wait_for(|flow| flow.over.is_some()) => {}
        }
    }
    if over.borrow().over == Some(Kind::Reset) {
        // Closed with no time to linger, a connection is reset.
        for socket in [&*client, &*server] {
            let _ = SockRef::from(socket).set_linger(Some(Duration::ZERO));
        }
    }
}

async fn pump(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    direction: Direction,
    wire: &Wire,
    shared: &Shared,
) {
    let mut flowing = wire.flow.subscribe();
    let mut buffer = vec![0; 16 << 10];
    loop {
        // A fault after nothing strikes before the first byte.
        strike(wire, shared, direction, 0);
        let read = from.read(&mut buffer).await;
        let Ok(count @ 1..) = read else {
            let _ = flowing.wait_for(|flow| !flow.stalled).await;
            let _ = to.shutdown().await;
            return;
        };
        let mut bytes = &buffer[..count];
        while !bytes.is_empty() {
            let _ = flowing
                .wait_for(|flow| !flow.stalled && flow.over.is_none())
                .await;
            if flowing.borrow().swallowed[direction as usize] {
                break;
            }
            let pace = shared.state().pace;
            let wanted = pace.map_or(bytes.len(), |pace| bytes.len().min(pace.piece));
            let passing = strike(wire, shared, direction, wanted);
            let (now, later) = bytes.split_at(passing);
            if !now.is_empty() {
                if to.write_all(now).await.is_err() {
                    return;
                }
                wire.flow.send_modify(|flow| flow.note(direction, now));
                match pace {
                    Some(pace) if !pace.pause.is_zero() => sleep(pace.pause).await,
                    _ => {}
                }
            }
            bytes = later;
        }
    }
}

/// How many of `wanted` bytes pass.
fn strike(wire: &Wire, shared: &Shared, direction: Direction, wanted: usize) -> usize {
    let mut passing = wanted;
    let struck = wire.flow.send_if_modified(|flow| {
        let armed = flow.armed.is_some();
        passing = flow.toll(direction, wanted);
        armed && flow.armed.is_none()
    });
    if struck {
        shared.struck.send_modify(|struck| *struck += 1);
    }
    passing
}
