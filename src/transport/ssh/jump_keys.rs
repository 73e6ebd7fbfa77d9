//! Which key each host on the way must show: the first one that a run has seen, before a resume or since.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::endpoint::{PinnedKey, moment};
use super::tuning::Algorithms;
use super::watcher::SeenKey;

/// The keys of all hosts on the way, by [`Jump::place`](super::Jump::place). Whoever goes through one of them shares them.
#[derive(Debug, Clone, Default)]
pub struct JumpKeys {
    first: Arc<Mutex<BTreeMap<String, FirstKey>>>,
}

/// The key that a host on the way showed first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FirstKey {
    /// What it must show from then on.
    pub key: PinnedKey,
    /// Where and when it was seen, in words that read on from "was seen first": `on the way to st1, 2026-11-21T22:00:05Z`.
    pub seen: String,
}

impl JumpKeys {
    /// Takes over what an earlier session of the run has seen.
    pub fn remember(&self, place: &str, first: FirstKey) {
        self.first().entry(place.to_owned()).or_insert(first);
    }

    /// What the host must show, if it was ever seen.
    pub fn get(&self, place: &str) -> Option<FirstKey> {
        self.first().get(place).cloned()
    }

    /// Under which name the key is kept that a login to the host at `place` is shown: that of the host, but where its first key
    /// is of a type for which this login never asks (HostKeyAlgorithms). A host has a key of each type, and each has a record.
    pub(super) fn record(&self, place: &str, algorithms: &Algorithms) -> String {
        match self.get(place) {
            Some(first) if !algorithms.may_ask_for(&first.key.algorithm) => {
                format!("{place} by {}", algorithms.host_key_types().join(","))
            }
            Some(_) | None => place.to_owned(),
        }
    }

    /// Whether the host may show this key: the first one is kept, another one is not it.
    pub(super) fn admits(&self, place: &str, key: &SeenKey, towards: &str) -> bool {
        let mut first = self.first();
        let kept = first.entry(place.to_owned()).or_insert_with(|| FirstKey {
            key: PinnedKey {
                algorithm: key.algorithm.clone(),
                fingerprint: key.fingerprint.clone(),
                let_in: false,
                seen: None,
            },
            seen: format!("on the way to {towards}, {}", moment()),
        });
        kept.key.fingerprint == key.fingerprint
    }

    /// The host is a node as well, and a human let `key` hold there in place of the key with the fingerprint `instead_of`.
    pub(crate) fn let_in(&self, place: &str, instead_of: &str, key: &PinnedKey) {
        if let Some(first) = self.first().get_mut(place)
            && first.key.fingerprint == instead_of
        {
            first.key = key.clone();
        }
    }

    fn first(&self) -> MutexGuard<'_, BTreeMap<String, FirstKey>> {
        self.first.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
