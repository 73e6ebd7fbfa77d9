//! One way to tell what happens, and words that are safe to show.

use std::error::Error;
use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};

use crate::model::ids::NodeId;
use crate::model::lines::Lines;
use crate::model::reply::JobReport;
use crate::model::telemetry::{Stream, Telemetry};
use crate::model::text::Cleaner;
use crate::model::time::Stamp;
use crate::transport::job::PIECE;
use crate::transport::{Arrival, Order};

/// Most things that wait to be taken. Whoever has more to tell waits.
pub(super) const BACKLOG: usize = 1024;
/// Most output among them (KiB).
const OUTPUT_BACKLOG: usize = 4 << 10;
/// Most output under way from all nodes in pieces that are larger than usual (KiB).
const LARGE_PIECES: usize = 32 << 10;
/// Most lines of output that are told together.
const BATCH_LINES: usize = 512;
/// Most bytes of them, unless it is one line.
const BATCH_BYTES: usize = 64 << 10;

/// Where the tasks of all nodes put what they have to tell.
#[derive(Clone, Debug)]
pub(super) struct Teller {
    arrivals: mpsc::Sender<Arrival>,
    /// Room for outputs: a permit for each KiB, taken before it is told and given back when it is taken.
    room: Arc<Semaphore>,
    /// A permit for each KiB of output that is fetched in large pieces.
    large: Arc<Semaphore>,
}

impl Teller {
    pub(super) fn new() -> (Teller, mpsc::Receiver<Arrival>) {
        let (arrivals, taken) = mpsc::channel(BACKLOG);
        let room = Arc::new(Semaphore::new(OUTPUT_BACKLOG));
        let teller = Teller {
            arrivals,
            room,
            large: Arc::new(Semaphore::new(LARGE_PIECES)),
        };
        (teller, taken)
    }

    /// Waits for room. When nobody takes anything any more, the transport is gone and its tasks end with it.
    pub(super) async fn tell(&self, arrival: Arrival) {
        let _ = self.arrivals.send(arrival).await;
    }

    /// Does `then` at the moment when there is room, and tells.
    pub(super) async fn tell_with(&self, then: impl FnOnce(), arrival: Arrival) {
        let room = self.arrivals.reserve().await;
        then();
        if let Ok(room) = room {
            room.send(arrival);
        }
    }

    pub(super) async fn job(&self, order: &Order, report: JobReport) {
        self.tell(Arrival::Job {
            action: order.action.clone(),
            attempt: order.attempt,
            node: order.node.clone(),
            report,
        })
        .await;
    }

    /// Lines of a script's output; the moment is put in when they are taken.
    pub(super) async fn lines(&self, order: &Order, stream: Stream, lines: Vec<String>) {
        let mut text = lines.join("\n");
        if !lines.is_empty() {
            text.push('\n');
        }
        self.text(order, stream, &text).await;
    }

    /// The same from a text of lines that each end in a newline.
    pub(super) async fn text(&self, order: &Order, stream: Stream, text: &str) {
        for lines in Lines::batches(text, BATCH_LINES, BATCH_BYTES) {
            self.output(Telemetry::Output {
                action: order.action.clone(),
                attempt: order.attempt,
                node: order.node.clone(),
                stream,
                lines,
                at: Stamp::default(),
            })
            .await;
        }
    }

    /// What a program that asks printed, for whoever looks at its screen.
    pub(super) async fn printed(&self, order: &Order, offset: u64, bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        self.output(Telemetry::Printed {
            action: order.action.clone(),
            attempt: order.attempt,
            node: order.node.clone(),
            offset,
            bytes: bytes.into(),
            at: Stamp::default(),
        })
        .await;
    }

    /// How much output of a job may be fetched at once, if so much is wanted, and what to hold until it was told.
    pub(super) fn piece(&self, wanted: usize) -> (usize, Option<OwnedSemaphorePermit>) {
        let mut bytes = wanted;
        while bytes > PIECE {
            let kib = u32::try_from(bytes >> 10).unwrap_or(u32::MAX);
            let large = Arc::clone(&self.large);
            if let Ok(permit) = large.try_acquire_many_owned(kib) {
                return (bytes, Some(permit));
            }
            bytes /= 2;
        }
        (PIECE, None)
    }

    /// Waits for room among the outputs first.
    async fn output(&self, telemetry: Telemetry) {
        if let Ok(room) = self.room.acquire_many(room_of(&telemetry)).await {
            room.forget();
        }
        self.tell(Arrival::Telemetry(telemetry)).await;
    }

    /// Gives the room of an output back, when it was taken.
    pub(super) fn taken(&self, arrival: &Arrival) {
        if let Arrival::Telemetry(output @ (Telemetry::Output { .. } | Telemetry::Printed { .. })) =
            arrival
        {
            self.room.add_permits(room_of(output) as usize);
        }
    }

    pub(super) async fn linking(&self, node: &NodeId, what: String) {
        let (node, at) = (node.clone(), Stamp::default());
        self.tell(Arrival::Telemetry(Telemetry::Linking { node, what, at }))
            .await;
    }
}

/// The room that an output takes up (KiB). One that is larger than all the room there is waits until it is alone.
fn room_of(telemetry: &Telemetry) -> u32 {
    let bytes = match telemetry {
        Telemetry::Output { lines, .. } => lines.as_str().len(),
        Telemetry::Printed { bytes, .. } => bytes.len(),
        Telemetry::Seen { .. }
        | Telemetry::Heartbeat { .. }
        | Telemetry::Linking { .. }
        | Telemetry::Tick { .. }
        | Telemetry::Dropped { .. } => 0,
    };
    u32::try_from(bytes.div_ceil(1 << 10).clamp(1, OUTPUT_BACKLOG)).unwrap_or(1)
}

/// Puts the moment into what passes by.
pub(super) fn stamped(arrival: Arrival, now: Stamp) -> Arrival {
    let mut arrival = arrival;
    if let Arrival::Telemetry(
        Telemetry::Output { at, .. }
        | Telemetry::Printed { at, .. }
        | Telemetry::Seen { at, .. }
        | Telemetry::Heartbeat { at }
        | Telemetry::Linking { at, .. }
        | Telemetry::Tick { at },
    ) = &mut arrival
    {
        *at = now;
    }
    arrival
}

/// An error with its causes, on one line.
pub(super) fn words(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(&format!(": {error}"));
        cause = error.source();
    }
    one_line(&text)
}

/// Text of a node or server as one line without control characters.
pub(super) fn one_line(text: &str) -> String {
    let mut cleaner = Cleaner::new();
    let mut lines = cleaner.feed(text.as_bytes());
    lines.extend(cleaner.finish());
    let lines: Vec<&str> = lines.iter().map(|line| line.trim()).collect();
    lines.join(" ").trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_a_node_cannot_move_the_cursor() {
        assert_eq!(
            one_line("bad\x1b[2J \x1b]52;c;x\x07key\n  next\n"),
            "bad key next"
        );
    }
}
