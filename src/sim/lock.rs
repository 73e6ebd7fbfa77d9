//! The pretend nodes' locks, and the other run that a drill lets come between.

use super::jobs::Work;
use super::world::{Event, Reply, SimWorld};
use crate::model::ids::NodeId;
use crate::model::lock::{Holder, LockAsk, LockReport};
use crate::model::time::{Span, Stamp};

/// A pretend node's lock.
#[derive(Clone, Debug, Default)]
pub(super) struct SimLock {
    pub(super) generation: u64,
    pub(super) holder: Held,
    /// Asked while the node could not be reached.
    pub(super) unanswered: Option<LockAsk>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Held {
    #[default]
    Free,
    /// By the run that rehearses.
    Ours,
    /// By the other one.
    Theirs,
}

impl SimWorld {
    /// Asks a node's lock; answered as soon as the node can be reached.
    pub fn lock(&mut self, node: &NodeId, ask: LockAsk, now: Stamp) {
        self.arrive(now);
        let Some(node) = self.place(node) else {
            return;
        };
        self.nodes[node].lock.unanswered = Some(ask);
        self.answer_lock(node);
    }

    /// Does what was asked of the lock, if the node can be reached.
    pub(super) fn answer_lock(&mut self, node: usize) {
        let it = &mut self.nodes[node];
        if !it.is_up() {
            return;
        }
        let Some(ask) = it.lock.unanswered.take() else {
            return;
        };
        it.lock.take_in(ask);
        self.tell_lock(node);
    }

    fn tell_lock(&mut self, node: usize) {
        let it = &self.nodes[node];
        let reply = Reply::Lock {
            node: it.name.clone(),
            report: it.lock.report(),
        };
        // The node has answered, whatever becomes of the link now.
        self.after(Span(0), Event::Unlinked(Box::new(reply)));
    }

    /// How a node's lock really stands, for scorecards and tests.
    pub fn lock_of(&self, node: &NodeId) -> Option<LockReport> {
        Some(self.nodes[self.place(node)?].lock.report())
    }

    /// Whether a start with this fence goes on; if not, how the lock stands is told.
    pub(super) fn passes(&mut self, node: usize, work: &Work) -> bool {
        let (lock, fence) = (&self.nodes[node].lock, work.fence);
        let ours = |generation| lock.holder == Held::Ours && lock.generation == generation;
        let passes = fence.is_none_or(ours);
        if lock.holder == Held::Theirs && passes && !work.then.is_empty() {
            self.trespasses += 1;
        }
        if !passes {
            self.tell_lock(node);
        }
        passes
    }

    /// Starts of this run on a node whose lock another run had, for tests: there must be none.
    pub fn trespasses(&self) -> u32 {
        self.trespasses
    }

    /// The other run takes the lock, or takes it over.
    pub(super) fn foreign_lock(&mut self, node: usize) {
        let lock = &mut self.nodes[node].lock;
        if lock.holder != Held::Theirs {
            lock.generation += 1;
            lock.holder = Held::Theirs;
        }
    }

    /// The other run gives the lock back.
    pub(super) fn foreign_unlock(&mut self, node: usize) {
        let lock = &mut self.nodes[node].lock;
        if lock.holder == Held::Theirs {
            lock.generation += 1;
            lock.holder = Held::Free;
        }
    }
}

impl SimLock {
    fn take_in(&mut self, ask: LockAsk) {
        let holder = match (ask, self.holder) {
            (LockAsk::Take | LockAsk::TakeOver { .. }, Held::Free) => Held::Ours,
            (LockAsk::TakeOver { generation }, Held::Theirs) if generation == self.generation => {
                Held::Ours
            }
            (LockAsk::Release { generation }, Held::Ours)
                if generation.is_none_or(|generation| generation == self.generation) =>
            {
                Held::Free
            }
            _ => return,
        };
        self.generation += 1;
        self.holder = holder;
    }

    fn report(&self) -> LockReport {
        match self.holder {
            Held::Free => LockReport::Free,
            Held::Ours => LockReport::Ours {
                generation: self.generation,
            },
            Held::Theirs => LockReport::Held {
                by: Holder {
                    run: "4x9r".into(),
                    generation: self.generation,
                    by: "ben@jump-2".into(),
                    since: "2026-11-21T21:40:00Z".into(),
                    jobs: 0,
                },
            },
        }
    }
}
