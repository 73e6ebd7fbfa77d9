//! What passes by: shown and written to transcripts, never consulted by `decide`, droppable by design.

use std::sync::Arc;

use super::ids::{ActionId, NodeId, ProbeId};
use super::time::Stamp;

/// One passing thing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Telemetry {
    /// A line that an action's script printed; already free of control sequences.
    Output {
        action: ActionId,
        attempt: u32,
        node: NodeId,
        stream: Stream,
        text: String,
        at: Stamp,
    },
    /// What a program that asks printed, byte for byte, from this place in its output on: for whoever looks at its screen. Never
    /// kept, and shown only through a terminal emulator.
    Printed {
        action: ActionId,
        attempt: u32,
        node: NodeId,
        offset: u64,
        bytes: Arc<[u8]>,
        at: Stamp,
    },
    /// A probe looked; nothing changed, but what is known is this fresh again.
    Seen {
        node: NodeId,
        probe: ProbeId,
        at: Stamp,
    },
    /// The simulator vouches for every node whose link is up.
    Heartbeat { at: Stamp },
    /// Where a connection attempt stands.
    Linking {
        node: NodeId,
        what: String,
        at: Stamp,
    },
    /// Time went on; the screens read no clock.
    Tick { at: Stamp },
    /// So many telemetry items were dropped because a reader was slow.
    Dropped { count: u64 },
}

/// Which of a script's outputs a line came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stream {
    Out,
    Err,
}
