//! Hosts on the way to the nodes, by the keys that they showed.

use crate::model::ids::NodeId;
use crate::model::reply::{HostKey, KeyChange};
use crate::model::time::Stamp;

use super::RunState;

/// The key that a host on the way must show for the rest of the run. All nodes behind it share one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JumpKey {
    pub key: HostKey,
    /// The node that was to be reached when it was seen first.
    pub node: NodeId,
    pub at: Stamp,
    /// Whether the host is a node as well, and a human let this key hold in place of the first one.
    pub let_in: bool,
}

impl RunState {
    /// The first key that a host on the way shows stays the one that this run knows.
    pub(in crate::engine) fn keep_jump_key(
        &mut self,
        jump: &str,
        key: &HostKey,
        node: &NodeId,
        at: Stamp,
    ) {
        self.jump_keys
            .entry(jump.to_owned())
            .or_insert_with(|| JumpKey {
                key: key.clone(),
                node: node.clone(),
                at,
                let_in: false,
            });
    }

    /// A node that others are reached through was given another key: it is the same host on their way.
    pub(in crate::engine) fn let_jump_key_hold(&mut self, change: &KeyChange) {
        if let Some(jump) = self.jump_keys.get_mut(&change.name)
            && jump.key.fingerprint == change.known.fingerprint
        {
            jump.key = change.shown.clone();
            jump.let_in = true;
        }
    }
}
