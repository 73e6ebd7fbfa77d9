//! What happens next, in order.

use std::collections::BTreeMap;

use crate::model::time::Stamp;

/// Things to come, ordered by their moment and, at the same moment, by when they were put in.
#[derive(Debug)]
pub(super) struct Queue<T> {
    coming: BTreeMap<(Stamp, u64), T>,
    sequence: u64,
}

impl<T> Queue<T> {
    pub(super) fn new() -> Queue<T> {
        Queue {
            coming: BTreeMap::new(),
            sequence: 0,
        }
    }

    pub(super) fn push(&mut self, at: Stamp, item: T) {
        self.sequence += 1;
        self.coming.insert((at, self.sequence), item);
    }

    pub(super) fn next_at(&self) -> Option<Stamp> {
        self.coming.first_key_value().map(|((at, _), _)| *at)
    }

    pub(super) fn pop(&mut self) -> Option<T> {
        self.coming.pop_first().map(|(_, item)| item)
    }
}
