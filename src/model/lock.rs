//! The cluster lock: which run may start changes on a node.

use serde::{Deserialize, Serialize};

/// Who has a node's lock. All of it is the node's word, made safe to show.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    /// The run's id.
    pub run: String,
    /// Which of the locks that this node has given out; it only grows.
    pub generation: u64,
    /// The operator and their machine, `ana@jump-1`.
    pub by: String,
    /// By the node's clock, RFC 3339, UTC.
    pub since: String,
    /// How many jobs of that run still run on the node.
    #[serde(default)]
    pub jobs: u32,
}

impl std::fmt::Display for Holder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "run {} of {}, since {}", self.run, self.by, self.since)
    }
}

/// What a start shows the node: nothing starts unless this run has the lock in this very generation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fence {
    /// The run's id.
    pub run: String,
    /// The generation that the node gave it.
    pub generation: u64,
}

/// What is asked of a node's lock. Asked twice, it is done once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LockAsk {
    /// Who has it? Changes nothing.
    Look,
    /// Take it if nobody has it.
    Take,
    /// Take it from whoever has it in this generation.
    TakeOver { generation: u64 },
    /// Give it back, if this run has it: in this generation, or in any.
    Release { generation: Option<u64> },
}

/// How a node's lock stands after it was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LockReport {
    /// This run has it.
    Ours { generation: u64 },
    /// Another run has it.
    Held { by: Holder },
    /// Nobody has it.
    Free,
    /// The node cannot keep a lock, and why.
    Unusable { why: String },
}
