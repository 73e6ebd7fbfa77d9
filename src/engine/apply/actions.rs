//! What became of actions.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::*;
use crate::engine::event::{Doubt, Entry, Event, Outcome};
use crate::engine::plan::Action;
use crate::engine::state::{ActionRecord, ActionState, Question, RunState, Wheel};
use crate::model::ids::{ActionId, FactId, NodeId};
use crate::model::value::Value;

impl RunState {
    pub(in crate::engine) fn apply_action(&mut self, entry: &Entry) {
        let at = entry.at;
        match &entry.event {
            Event::ActionAsked { action } => {
                self.begin(action, entry, |_| ActionState::Asked { since: at })
            }
            Event::ActionStarted {
                action, attempt, ..
            } => {
                let attempt = *attempt;
                let boot = self.boot_of(action);
                self.begin(action, entry, |record| {
                    record.boot = boot;
                    record.asking = None;
                    record.answered.clear();
                    record.wheel = Wheel::default();
                    record.attempts = record.attempts.max(attempt);
                    record.overdue = false;
                    ActionState::Running {
                        attempt,
                        since: at,
                        accepted: false,
                    }
                });
            }
            Event::ActionAccepted { action, attempt } => {
                let state = ActionState::Running {
                    attempt: *attempt,
                    since: self.since(action),
                    accepted: true,
                };
                self.set_action(action, state);
            }
            Event::ActionClaimed {
                action,
                attempt,
                claim,
            } => {
                let state = ActionState::Verifying {
                    attempt: *attempt,
                    since: at,
                    claim: Some(claim.clone()),
                };
                self.set_action(action, state);
                self.must_prove(action);
            }
            Event::ByHandSaid { action, note, .. } => {
                let attempt = self.actions.get(action).map_or(0, |record| record.attempts);
                if let Some(record) = self.actions.get_mut(action) {
                    record.by_hand = Some(note.clone());
                }
                self.set_action(
                    action,
                    ActionState::Verifying {
                        attempt,
                        since: at,
                        claim: None,
                    },
                );
                self.must_prove(action);
            }
            Event::ActionInDoubt {
                action,
                attempt,
                doubt,
            } => {
                let state = ActionState::InDoubt {
                    attempt: *attempt,
                    since: self.since(action),
                    doubt: doubt.clone(),
                };
                self.set_action(action, state);
                if matches!(doubt, Doubt::Vanished { .. }) {
                    self.must_prove(action);
                }
            }
            Event::ActionOverdue { action, .. } => {
                if let Some(record) = self.actions.get_mut(action) {
                    record.overdue = true;
                }
            }
            Event::CancelAsked { action, .. } => {
                if let Some(record) = self.actions.get_mut(action) {
                    record.overdue = false;
                }
            }

            Event::Prompted {
                action,
                printed,
                prompt,
                text,
                ..
            } => {
                if let Some(record) = self.actions.get_mut(action) {
                    let (at, prompt, text) = (*printed, prompt.clone(), text.clone());
                    record.asking = Some(Question { at, prompt, text });
                }
            }
            Event::PromptAnswered {
                action,
                printed,
                prompt,
                said,
                ..
            } => {
                if let Some(record) = self.actions.get_mut(action) {
                    record.asking = None;
                    record
                        .answered
                        .insert(*printed, (prompt.clone(), said.clone()));
                }
            }

            Event::ActionDone { action, outcome } => self.on_done(action, outcome, entry),
            Event::ActionFailed {
                action,
                attempt,
                failure,
            } => {
                if let Some(failed) = self
                    .actions
                    .get(action)
                    .map(|record| record.action().clone())
                {
                    self.forget_changed(&failed);
                }
                let state = ActionState::Failed {
                    attempt: *attempt,
                    since: at,
                    failure: failure.clone(),
                };
                self.set_action(action, state);
            }
            Event::ActionReopened { action } => self.reopen(action),
            other => unreachable_event(other),
        }
    }

    pub(in crate::engine) fn begin(
        &mut self,
        action: &ActionId,
        entry: &Entry,
        state: impl FnOnce(&mut ActionRecord) -> ActionState,
    ) {
        let before = self.known_before(action);
        let Some(record) = self.actions.get_mut(action) else {
            return;
        };
        if record.before.is_empty() {
            record.before = before;
        }

        let was_pending = record.state == ActionState::Pending;
        record.began.get_or_insert(entry.at);
        record.state = state(record);
        self.active.insert(action.clone());
        if let Some(stage) = self.stages.get_mut(self.cursor) {
            stage.began.get_or_insert(entry.at);
            if was_pending {
                stage.pending = stage.pending.saturating_sub(1);
            }
        }
    }

    fn boot_of(&self, action: &ActionId) -> Option<String> {
        let node = self.actions.get(action)?.action().node.as_ref()?;
        self.nodes.get(node)?.incarnation.clone()
    }

    pub(in crate::engine) fn known_before(&self, action: &ActionId) -> BTreeMap<FactId, Value> {
        let known = || {
            let action = self.actions.get(action)?.action();
            let facts = self.facts.node(action.then_on.first()?)?;
            let value = |fact: &FactId| Some((fact.clone(), facts.get(fact)?.clone()));
            Some(action.then.keys().filter_map(value).collect())
        };
        known().unwrap_or_default()
    }

    pub(in crate::engine) fn reopen(&mut self, action: &ActionId) {
        let Some(record) = self.actions.get_mut(action) else {
            return;
        };
        record.by_hand = None;
        record.overdue = false;
        if record.state != ActionState::Pending {
            record.state = ActionState::Pending;
            self.active.remove(action);
            self.troubled.remove(action);
            if let Some(stage) = self.stages.get_mut(self.cursor) {
                stage.pending += 1;
                stage.confirmed = None;
            }
        }
    }

    pub(in crate::engine) fn set_action(&mut self, action: &ActionId, state: ActionState) {
        if let Some(record) = self.actions.get_mut(action) {
            record.state = state;
            self.active.insert(action.clone());
        }
    }

    pub(in crate::engine) fn since(&self, action: &ActionId) -> crate::model::time::Stamp {
        match self.actions.get(action).map(|record| &record.state) {
            Some(
                ActionState::Running { since, .. }
                | ActionState::InDoubt { since, .. }
                | ActionState::Verifying { since, .. },
            ) => *since,
            _ => self.at,
        }
    }

    pub(in crate::engine) fn on_done(&mut self, id: &ActionId, outcome: &Outcome, entry: &Entry) {
        let Some(record) = self.actions.get_mut(id) else {
            return;
        };
        let was_pending = record.state == ActionState::Pending;
        record.state = ActionState::Done {
            outcome: outcome.clone(),
        };
        record.ended = Some(entry.at);
        record.began.get_or_insert(entry.at);
        let action = record.action().clone();
        let stage = Arc::clone(&record.stage);
        self.active.remove(id);
        self.sight.awaited_left.remove(id);
        self.actions_done += 1;
        self.forget_overtaken(&action);
        self.forget_changed(&action);
        for node in &action.then_on {
            for (fact, value) in &action.then {
                self.established
                    .insert((node.clone(), fact.clone()), (value.clone(), id.clone()));
            }
        }
        if let Outcome::Chose { option } = outcome {
            let step = stage.step.as_str().rsplit('/').next().unwrap_or_default();
            self.choices.insert(step.to_string(), option.clone());
        }
        let Some(at) = self.stages.get_mut(self.cursor) else {
            return;
        };
        at.began.get_or_insert(entry.at);
        if was_pending {
            at.pending = at.pending.saturating_sub(1);
        }
        at.left = at.left.saturating_sub(1);
        if at.left == 0 {
            at.ended = Some(entry.at);
            self.cursor += 1;
            self.gate = None;
            self.held.clear();
            self.held_long = false;
        }
    }

    /// Keeps the register of what waits for a human.
    pub(in crate::engine) fn note_trouble(&mut self, event: &Event) {
        let (Event::ActionAsked { action }
        | Event::ActionStarted { action, .. }
        | Event::ActionAccepted { action, .. }
        | Event::ActionClaimed { action, .. }
        | Event::ActionInDoubt { action, .. }
        | Event::ActionOverdue { action, .. }
        | Event::Prompted { action, .. }
        | Event::PromptAnswered { action, .. }
        | Event::WheelTaken { action, .. }
        | Event::WheelReturned { action, .. }
        | Event::CancelAsked { action, .. }
        | Event::ActionDone { action, .. }
        | Event::ActionFailed { action, .. }
        | Event::ActionReopened { action }
        | Event::ByHandSaid { action, .. }) = event
        else {
            return;
        };
        let troubled = self
            .actions
            .get(action)
            .is_some_and(|record| match &record.state {
                ActionState::Asked { .. } | ActionState::Failed { .. } => true,
                ActionState::InDoubt { doubt, .. } => {
                    matches!(doubt, Doubt::Vanished { .. })
                        || record.overdue
                        || record.wheel.is_held()
                }
                ActionState::Running { .. } => {
                    record.overdue || record.asking.is_some() || record.wheel.is_held()
                }
                ActionState::Verifying { .. } => record.overdue,
                ActionState::Pending | ActionState::Done { .. } | ActionState::NotRun { .. } => {
                    false
                }
            });
        if troubled {
            self.troubled.insert(action.clone());
        } else {
            self.troubled.remove(action);
        }
    }

    /// What changed on a node while an action of ours was at work there was not done behind our back, even if the
    /// action does not declare it: it is no longer claimed to be as an earlier action left it.
    pub(in crate::engine) fn forget_changed(&mut self, action: &Action) {
        for node in &action.then_on {
            let Some(facts) = self.facts.node(node) else {
                continue;
            };
            let changed = |(key, (value, _)): &(&(NodeId, FactId), &(Value, ActionId))| {
                !self.resurrected.contains_key(key)
                    && facts.last(&key.1).map(|fact| &fact.value) != Some(value)
            };
            let from = (node.clone(), FactId::new(""));
            let of_node = self
                .established
                .range(from..)
                .take_while(|(key, _)| key.0 == *node);
            let gone: Vec<_> = of_node
                .filter(changed)
                .map(|(key, _)| key.clone())
                .collect();
            for key in gone {
                self.established.remove(&key);
            }
        }
    }

    /// Who makes anything different from what an earlier action had made it has overtaken that action on this node: a
    /// node that was started is no longer held to all that its stop had brought about.
    fn forget_overtaken(&mut self, action: &Action) {
        for node in &action.then_on {
            let from = (node.clone(), FactId::new(""));
            let of_node = || {
                self.established
                    .range(from.clone()..)
                    .take_while(|(key, _)| key.0 == *node)
            };
            let differs = |fact: &FactId, value: &Value| {
                action.then.get(fact).is_some_and(|then| then != value)
            };
            let overtaken: BTreeSet<&ActionId> = of_node()
                .filter(|(key, (value, _))| differs(&key.1, value))
                .map(|(_, (_, by))| by)
                .collect();
            let gone: Vec<_> = of_node()
                .filter(|(key, (_, by))| {
                    overtaken.contains(by) && !self.resurrected.contains_key(*key)
                })
                .map(|(key, _)| key.clone())
                .collect();
            for key in gone {
                self.established.remove(&key);
            }
        }
    }
}
