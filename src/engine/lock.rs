//! What a run knows of the cluster lock: the lock of every node, taken together before the first change.

use std::collections::BTreeMap;

use super::brief::{Goal, Mode};
use super::state::RunState;
use crate::model::ids::NodeId;
use crate::model::lock::{Fence, Holder};
use crate::model::time::Stamp;

/// The locks of all nodes. Follows from the journaled events alone.
#[derive(Clone, Debug, Default)]
pub struct ClusterLock {
    pub aim: Aim,
    /// The nodes whose lock this run has, with the generation that each gave it.
    pub ours: BTreeMap<NodeId, u64>,
    /// The nodes whose lock this run wanted or had, and has not: who has it, if anybody.
    pub others: BTreeMap<NodeId, Option<Holder>>,
    /// A node that cannot keep a lock, and why.
    pub unusable: Option<(NodeId, String)>,
    /// The run that a human said may be taken over from.
    pub over: Option<String>,
    /// When the last lock of the cluster was taken.
    pub since: Option<Stamp>,
}

/// What is under way with the lock.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Aim {
    /// Nothing: it was never wanted, or was given back.
    #[default]
    None,
    /// Taking it, node by node in the order of their names.
    Take,
    /// It cannot be had whole: giving back what was taken.
    GiveBack,
    /// It could not be had; a human decides.
    Blocked,
    /// This run has it on every node.
    Held,
    /// A node says that this run does not have it any more; a human decides.
    Lost,
    /// The run is at its end: giving it back.
    Release,
}

impl ClusterLock {
    /// Whether the way on is up to somebody else: a node that has not answered, or a human.
    pub fn stands_in_the_way(&self) -> bool {
        match self.aim {
            Aim::Take | Aim::GiveBack | Aim::Blocked | Aim::Lost => true,
            Aim::None | Aim::Held | Aim::Release => false,
        }
    }

    /// The other runs that stand in the way, each once.
    pub fn holders(&self) -> Vec<&Holder> {
        let mut holders: Vec<&Holder> = Vec::new();
        for holder in self.others.values().flatten() {
            if !holders.iter().any(|known| known.run == holder.run) {
                holders.push(holder);
            }
        }
        holders
    }
}

impl RunState {
    /// Whether this run takes the lock at all: only one that can change something does.
    pub fn wants_lock(&self) -> bool {
        self.brief.goal == Goal::Walk && self.brief.mode != Mode::DryRun
    }

    /// What a start on `node` shows it.
    pub fn fence(&self, node: &NodeId) -> Option<Fence> {
        let run = self.opening.as_ref()?.run.to_string();
        let generation = *self.lock.ours.get(node)?;
        Some(Fence { run, generation })
    }

    /// Whether a node has said that this run does not have its lock any more.
    pub fn lost_lock_of(&self, node: &NodeId) -> bool {
        self.lock.aim != Aim::Held && self.lock.others.contains_key(node)
    }
}
