//! What becomes of the cluster lock.

use serde::{Deserialize, Serialize};

use crate::engine::brief::Person;
use crate::model::ids::NodeId;
use crate::model::lock::Holder;

/// What becomes of the cluster lock.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "lock", rename_all = "kebab-case")]
pub enum LockEvent {
    /// Intent: it is about to be taken on every node, in the order of their names.
    Wanted {
        /// The run that it may be taken over from, the reason for that, and whose it is.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        over: Option<String>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        by: Option<Person>,
    },
    Taken {
        node: NodeId,
        generation: u64,
        /// The run that had it until now.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        from: Option<Holder>,
    },
    /// Another run has it: what was taken is given back.
    Refused {
        node: NodeId,
        by: Holder,
    },
    /// The node cannot keep a lock.
    Unusable {
        node: NodeId,
        why: String,
    },
    /// This run had it, and does not have it any more.
    Lost {
        node: NodeId,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        by: Option<Holder>,
    },
    /// Intent: the run is at its end, and every node is about to be given its lock back.
    Releasing,
    GivenBack {
        node: NodeId,
    },
    /// It could not be given back and lies on the node.
    Left {
        node: NodeId,
        why: String,
    },
}
