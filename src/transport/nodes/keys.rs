//! What opens doors: passphrases of keys and secret parameters. Nothing of it prints.

use std::collections::{BTreeMap, BTreeSet};

use secrecy::SecretString;
use tokio::sync::watch;

use crate::model::ids::NodeId;
use crate::transport::ssh::{Credentials, JumpKeys};

/// Shared by all nodes: what a human gave once is not asked for again, and whoever waits for it sees it come.
pub(super) type Keys = watch::Sender<KeyRing>;

/// All that is known.
#[derive(Default)]
pub(super) struct KeyRing {
    pub(super) credentials: Credentials,
    pub(super) secrets: Secrets,
    /// Host keys that a human has accepted: name and fingerprint.
    pub(super) accepted: BTreeSet<(String, String)>,
    /// What hosts on the way must show.
    pub(super) jump_keys: JumpKeys,
}

/// Secret parameters: those that are known, and those that a human must give. Nothing of it prints.
#[derive(Default)]
pub struct Secrets {
    of_node: BTreeMap<(NodeId, String), SecretString>,
    wanted: BTreeMap<NodeId, Vec<String>>,
    given: BTreeMap<String, SecretString>,
}

impl Secrets {
    /// A secret that is known already.
    pub fn know(&mut self, node: &NodeId, name: &str, secret: SecretString) {
        self.of_node
            .insert((node.clone(), name.to_string()), secret);
    }

    /// A secret that a human must give before the node is connected.
    pub fn want(&mut self, node: &NodeId, name: &str) {
        self.wanted
            .entry(node.clone())
            .or_default()
            .push(name.to_string());
    }

    /// A human gave it: for every node that wants it.
    pub fn give(&mut self, name: &str, secret: SecretString) {
        self.given.insert(name.to_string(), secret);
    }

    /// A secret of a node.
    pub fn get(&self, node: &NodeId, name: &str) -> Option<&SecretString> {
        self.of_node
            .get(&(node.clone(), name.to_string()))
            .or_else(|| self.given.get(name))
    }

    /// All that is known of a node.
    pub(super) fn of<'a>(&'a self, node: &'a NodeId) -> impl Iterator<Item = &'a SecretString> {
        let own = self.of_node.iter().filter(move |((of, _), _)| of == node);
        own.map(|(_, secret)| secret).chain(self.given.values())
    }

    /// The first secret of a node that is still wanted.
    pub fn missing(&self, node: &NodeId) -> Option<String> {
        self.wanted
            .get(node)?
            .iter()
            .find(|name| !self.given.contains_key(*name))
            .cloned()
    }
}

impl std::fmt::Debug for KeyRing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("KeyRing").finish_non_exhaustive()
    }
}
