//! One pretend node: its link, its facts, its jobs, and what is wrong with it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::jobs::{SimJob, Work};
use super::lock::SimLock;
use crate::model::drill::{JobFault, KeyFault};
use crate::model::ids::{CheckId, FactId, NodeId, RoleId};
use crate::model::time::Stamp;
use crate::model::value::Value;

/// A job's id, shared between the node's table and the queue.
pub(super) type JobId = Arc<str>;

#[derive(Debug)]
pub(super) struct SimNode {
    pub(super) name: NodeId,
    pub(super) host: String,
    pub(super) roles: BTreeSet<RoleId>,
    pub(super) user: String,
    pub(super) incarnation: String,
    /// How often it was booted again.
    pub(super) boots: u32,
    pub(super) link: Link,
    /// Whether somebody wants to be connected.
    pub(super) wanted: bool,
    /// Tells a connection attempt from the one before, so that a late answer is recognised.
    pub(super) dial: u64,
    /// Why it cannot be reached, if so.
    pub(super) cut_off: Option<String>,
    /// Tells one loss of reach from the next.
    pub(super) cuts: u64,
    pub(super) watched: bool,
    /// One for each probe of the procedure.
    pub(super) probes: Vec<Sight>,
    pub(super) facts: BTreeMap<FactId, Value>,
    /// What the last effect overwrote: what comes back if the effect does not last.
    pub(super) before: BTreeMap<FactId, Option<Value>>,
    pub(super) jobs: BTreeMap<JobId, SimJob>,
    /// Jobs that it was asked after before they were started: now they never are.
    pub(super) denied: BTreeSet<JobId>,
    /// Asked while the node could not be reached.
    pub(super) unanswered: Vec<Work>,
    pub(super) lock: SimLock,
    pub(super) wrong: Wrong,
}

/// How the link to a node stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Link {
    /// Nobody asked, or it was given up.
    Idle,
    Connecting,
    Up,
    /// Lost or not had; taken up again when the node can be reached.
    Down,
    /// Held until a human decides about the key, or for good.
    Refused,
}

/// What was told about one probe.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sight {
    /// Whether what it would say now was not told yet on this link.
    pub(super) stale: bool,
    /// Whether a look at its pace stands in the queue.
    pub(super) coming: Option<Stamp>,
}

/// What is wrong with a node at present.
#[derive(Debug, Default)]
pub(super) struct Wrong {
    pub(super) key: Option<KeyFault>,
    /// Whether its next boot makes new keys.
    pub(super) key_at_boot: bool,
    /// How many keys it had before this one.
    pub(super) keys: u32,
    /// For the jobs that start next, one each.
    pub(super) armed: Vec<JobFault>,
    /// Probes that give no answer, by their place in the procedure.
    pub(super) silent: BTreeSet<usize>,
    /// Facts about which nothing usable is said.
    pub(super) unknown: BTreeSet<FactId>,
    pub(super) checks: BTreeSet<CheckId>,
}

impl SimNode {
    pub(super) fn is_up(&self) -> bool {
        self.link == Link::Up
    }
}
