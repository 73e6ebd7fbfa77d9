//! What became of the cluster lock.

use crate::engine::event::{Entry, LockEvent};
use crate::engine::lock::Aim;
use crate::engine::state::{Override, RunState};

impl RunState {
    pub(in crate::engine) fn apply_lock(&mut self, event: &LockEvent, entry: &Entry) {
        let lock = &mut self.lock;
        match event {
            LockEvent::Wanted { over, reason, by } => {
                lock.aim = Aim::Take;
                // Whether it still has what it once gave us is to be asked: with all of them ours nobody would be.
                if let Some((node, _)) = lock.unusable.take() {
                    lock.ours.remove(&node);
                }
                lock.over = over.clone();
                if let (Some(run), Some(reason), Some(by)) = (over, reason, by) {
                    self.overrides.push(Override {
                        what: format!("cluster lock taken over from run {run}"),
                        reason: reason.clone(),
                        by: by.clone(),
                        at: entry.at,
                    });
                }
            }
            LockEvent::Taken {
                node, generation, ..
            } => {
                lock.ours.insert(node.clone(), *generation);
                lock.others.remove(node);
                if lock.aim == Aim::Take && lock.ours.len() == self.nodes.len() {
                    lock.aim = Aim::Held;
                    lock.since = Some(entry.at);
                    lock.others.clear();
                    lock.over = None;
                }
            }
            LockEvent::Refused { node, by } => {
                lock.others.clear();
                lock.others.insert(node.clone(), Some(by.clone()));
                self.give_lock_back();
            }
            LockEvent::Unusable { node, why } => {
                lock.unusable = Some((node.clone(), why.clone()));
                if lock.aim == Aim::Take {
                    lock.others.clear();
                    self.give_lock_back();
                } else {
                    lock.aim = Aim::Lost;
                }
            }
            LockEvent::GivenBack { node } | LockEvent::Left { node, .. } => {
                lock.ours.remove(node);
                if lock.ours.is_empty() {
                    self.lock_given_back();
                }
            }
            LockEvent::Lost { node, by } => {
                lock.ours.remove(node);
                lock.others.insert(node.clone(), by.clone());
                lock.aim = Aim::Lost;
            }
            LockEvent::Releasing => {
                lock.aim = Aim::Release;
                if lock.ours.is_empty() {
                    self.lock_given_back();
                }
            }
        }
    }

    /// All or nothing. A gate that was opened before asks again when the lock is there: who knows when that is.
    fn give_lock_back(&mut self) {
        self.lock.aim = Aim::GiveBack;
        if self.lock.ours.is_empty() {
            self.lock_given_back();
        }
        let unbegun = |stage: &&mut crate::engine::state::StageState| stage.began.is_none();
        if let Some(stage) = self.stages.get_mut(self.cursor).filter(unbegun) {
            stage.confirmed = None;
        }
    }

    fn lock_given_back(&mut self) {
        self.lock.aim = match self.lock.aim {
            Aim::GiveBack => Aim::Blocked,
            Aim::Release => Aim::None,
            other => other,
        };
        self.lock.since = None;
    }

    /// A session ended: what the nodes were asked then may or may not have been done.
    pub(in crate::engine) fn lock_unsure(&mut self) {
        self.sight.lock_unsure = self.lock.ours.keys().cloned().collect();
    }
}
