//! What passes by: shown and written to transcripts, never consulted by `decide`, droppable by design.

use std::sync::Arc;

use super::ids::{ActionId, NodeId, ProbeId};
use super::lines::Lines;
use super::time::Stamp;

/// One passing thing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Telemetry {
    /// Lines that an action's script printed, in their order; already free of control sequences.
    Output {
        action: ActionId,
        attempt: u32,
        node: NodeId,
        stream: Stream,
        lines: Lines,
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
    /// So much was dropped because a reader was slow: each line of an output counts, and each other thing.
    Dropped { count: u64 },
}

impl Telemetry {
    /// What it weighs for whoever keeps it until it is read: 1, and more for outputs. An output weighs one for each line
    /// or one for each KiB, whichever is more.
    pub fn weight(&self) -> usize {
        match self {
            Telemetry::Output { lines, .. } => lines.count().max(lines.as_str().len() >> 10).max(1),
            Telemetry::Printed { bytes, .. } => (bytes.len() >> 10).max(1),
            Telemetry::Seen { .. }
            | Telemetry::Heartbeat { .. }
            | Telemetry::Linking { .. }
            | Telemetry::Tick { .. }
            | Telemetry::Dropped { .. } => 1,
        }
    }
}

/// Which of a script's outputs a line came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stream {
    Out,
    Err,
}
