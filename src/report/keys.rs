//! The host keys that a run held to: those of the nodes, and of the hosts on the way to them.

use serde::Serialize;

use super::story::{NodeStory, Story, moment};
use crate::engine::state::{JumpKey, RunState};
use crate::model::reply::HostKey;

/// A host on the way to nodes, and the key that the run held it to.
#[derive(Clone, Debug, Serialize)]
pub struct JumpStory {
    /// Its address, and the way to it where that is not straight.
    pub jump: String,
    pub host_key: String,
    /// When it was seen first, and the node that was to be reached then.
    pub seen_ms: u64,
    pub towards: String,
}

pub(super) fn jumps(state: &RunState) -> Vec<JumpStory> {
    let story = |(jump, seen): (&String, &JumpKey)| JumpStory {
        jump: jump.clone(),
        host_key: key_words(&seen.key),
        seen_ms: seen.at.0,
        towards: seen.node.to_string(),
    };
    state.jump_keys.iter().map(story).collect()
}

pub(super) fn key_words(key: &HostKey) -> String {
    format!("{} {}", key.algorithm, key.fingerprint)
}

impl Story {
    /// Whose host keys the run held to, each with its key: the nodes, then the hosts on the way.
    pub(super) fn host_keys(&self) -> Vec<[String; 2]> {
        let of_node = |node: &NodeStory| Some([node.node.clone(), node.host_key.clone()?]);
        let of_jump = |jump: &JumpStory| {
            let (seen, towards) = (moment(jump.seen_ms), &jump.towards);
            let whose = format!(
                "jump host {} (seen first {seen}, on the way to {towards})",
                jump.jump
            );
            [whose, jump.host_key.clone()]
        };
        let nodes = self.nodes.iter().filter_map(of_node);
        nodes.chain(self.jumps.iter().map(of_jump)).collect()
    }
}
