//! The cluster lock: taken on every node in the order of their names before the first change, all or nothing, and given
//! back at the end. What is asked of a node is asked until it answers, over as many links as that takes.

use super::*;
use crate::engine::effect::Effect;
use crate::engine::event::{Event, LockEvent};
use crate::engine::input::Timer;
use crate::engine::lock::Aim;
use crate::model::ids::NodeId;
use crate::model::lock::{Holder, LockAsk, LockReport};

/// How long a run that is at its end waits for nodes that do not answer, before it leaves their locks lying there.
const PARTING: Span = Span::seconds(60);

impl Turn<'_> {
    /// Whether changes may be started. If the lock was never wanted, it is now.
    pub(in crate::engine) fn has_lock(&mut self) -> bool {
        if !self.state.wants_lock() {
            return true;
        }
        match self.state.lock.aim {
            Aim::Held => self.state.sight.lock_unsure.is_empty(),
            Aim::None => {
                self.want_lock(None, None, None);
                false
            }
            Aim::Take | Aim::GiveBack | Aim::Blocked | Aim::Lost | Aim::Release => false,
        }
    }

    /// Sets out to take the lock: the intent first, then the first node that it is not had of.
    pub(in crate::engine) fn want_lock(
        &mut self,
        over: Option<String>,
        reason: Option<String>,
        by: Option<Person>,
    ) {
        self.tell_lock(LockEvent::Wanted { over, reason, by });
        self.take_next_lock();
    }

    fn take_next_lock(&mut self) {
        let state = &self.state;
        if state.lock.aim != Aim::Take {
            return;
        }
        let ours = &state.lock.ours;
        let next = state.nodes.keys().find(|node| !ours.contains_key(*node));
        if let Some(node) = next.cloned() {
            self.ask_lock(node, LockAsk::Take);
        }
    }

    /// What a node says about its lock.
    pub(in crate::engine) fn lock(&mut self, node: &NodeId, report: &LockReport) {
        if !self.state.nodes.contains_key(node) {
            return;
        }
        let node = node.clone();
        match self.state.lock.aim {
            Aim::Take => self.lock_taken(node, report),
            Aim::GiveBack | Aim::Release => self.lock_given(node, report),
            Aim::Held | Aim::Lost => self.lock_seen(node, report),
            Aim::None | Aim::Blocked => {}
        }
    }

    fn lock_taken(&mut self, node: NodeId, report: &LockReport) {
        let known = self.state.lock.ours.get(&node);
        match report {
            LockReport::Ours { generation } if known == Some(generation) => {
                self.state.sight.lock_unsure.remove(&node);
            }
            LockReport::Ours { generation } => {
                let from = self.state.lock.others.get(&node).cloned().flatten();
                self.tell_lock(LockEvent::Taken {
                    node,
                    generation: *generation,
                    from,
                });
                self.take_next_lock();
            }
            // Another run has come between.
            LockReport::Held { by } if known.is_some() => self.lock_lost(node, Some(by.clone())),
            LockReport::Held { by } if self.state.lock.over.as_ref() == Some(&by.run) => {
                let generation = by.generation;
                self.state
                    .lock
                    .others
                    .insert(node.clone(), Some(by.clone()));
                self.ask_lock(node, LockAsk::TakeOver { generation });
            }
            LockReport::Held { by } => {
                let by = by.clone();
                self.tell_lock(LockEvent::Refused { node, by });
                self.give_locks_back();
            }
            LockReport::Unusable { why } => {
                let why = why.clone();
                self.tell_lock(LockEvent::Unusable { node, why });
                self.give_locks_back();
            }
            LockReport::Free if known.is_some() => self.lock_lost(node, None),
            LockReport::Free => {}
        }
    }

    fn lock_given(&mut self, node: NodeId, report: &LockReport) {
        if !self.state.lock.ours.contains_key(&node) {
            return;
        }
        match report {
            LockReport::Free | LockReport::Held { .. } => {
                self.tell_lock(LockEvent::GivenBack { node });
            }
            LockReport::Unusable { why } => {
                let why = why.clone();
                self.tell_lock(LockEvent::Left { node, why });
            }
            // An answer to what was asked before.
            LockReport::Ours { .. } => {}
        }
    }

    fn lock_seen(&mut self, node: NodeId, report: &LockReport) {
        let lock = &self.state.lock;
        let known = lock.ours.get(&node).copied();
        match report {
            LockReport::Ours { generation } if known == Some(*generation) => {
                self.state.sight.lock_unsure.remove(&node);
            }
            LockReport::Held { by } if lock.others.get(&node) != Some(&Some(by.clone())) => {
                self.lock_lost(node, Some(by.clone()));
            }
            LockReport::Free | LockReport::Ours { .. } if known.is_some() => {
                self.lock_lost(node, None);
            }
            LockReport::Unusable { why } if lock.unusable.is_none() => {
                let why = why.clone();
                self.tell_lock(LockEvent::Unusable { node, why });
            }
            LockReport::Held { .. }
            | LockReport::Free
            | LockReport::Ours { .. }
            | LockReport::Unusable { .. } => {}
        }
    }

    fn lock_lost(&mut self, node: NodeId, by: Option<Holder>) {
        self.tell_lock(LockEvent::Lost { node, by });
    }

    /// Asks every node that this run has the lock of to take it back.
    fn give_locks_back(&mut self) {
        for (node, generation) in self.state.lock.ours.clone() {
            let generation = Some(generation);
            self.ask_lock(node, LockAsk::Release { generation });
        }
    }

    /// Whether the lock is given back; if not, that is begun. What does not answer in time is left and told.
    pub(in crate::engine) fn gave_lock_back(&mut self) -> bool {
        match self.state.lock.aim {
            Aim::None => return true,
            Aim::Release => return false,
            Aim::Take | Aim::GiveBack | Aim::Blocked | Aim::Held | Aim::Lost => {}
        }
        self.tell_lock(LockEvent::Releasing);
        self.give_locks_back();
        self.wake(Timer::Parting, PARTING);
        self.state.lock.aim == Aim::None
    }

    /// The run is at its end and some node has not answered.
    pub(in crate::engine) fn part(&mut self) {
        if self.state.lock.aim != Aim::Release {
            return;
        }
        let left: Vec<NodeId> = self.state.lock.ours.keys().cloned().collect();
        for node in left {
            let why = "the node did not answer in time".to_string();
            self.tell_lock(LockEvent::Left { node, why });
        }
    }

    /// After a resume: whatever was asked of the locks is asked again, and what this run had is looked at.
    pub(in crate::engine) fn ask_locks_again(&mut self) {
        match self.state.lock.aim {
            Aim::None | Aim::Blocked => {}
            Aim::Take => {
                self.look_at_locks();
                self.take_next_lock();
            }
            Aim::GiveBack => self.give_locks_back(),
            Aim::Release => {
                self.give_locks_back();
                self.wake(Timer::Parting, PARTING);
            }
            Aim::Held | Aim::Lost => self.look_at_locks(),
        }
    }

    fn look_at_locks(&mut self) {
        let ours: Vec<NodeId> = self.state.lock.ours.keys().cloned().collect();
        ours.into_iter()
            .for_each(|node| self.ask_lock(node, LockAsk::Look));
    }

    fn ask_lock(&mut self, node: NodeId, ask: LockAsk) {
        self.ask(Effect::Lock { node, ask });
    }

    fn tell_lock(&mut self, told: LockEvent) {
        self.tell(Event::Lock(told));
    }
}
