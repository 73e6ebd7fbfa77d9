//! Readiness, plan and review.

use std::sync::Arc;

use super::*;
use crate::engine::event::{Entry, Event};
use crate::engine::state::{CheckKey, CheckState, Override, Part, RunState};
use crate::model::procedure::CheckKind;

impl RunState {
    pub(in crate::engine) fn apply_preparation(&mut self, entry: &Entry) {
        match &entry.event {
            Event::ReadinessBegan => self.on_readiness(),
            Event::CheckJudged {
                check,
                node,
                verdict,
                found,
                output,
            } => {
                let judged = CheckState::Judged {
                    verdict: *verdict,
                    found: found.clone(),
                    output: output.clone(),
                };
                self.set_check((check.clone(), node.clone()), judged);
            }
            Event::CheckAgain { check, node } => {
                let attest = self
                    .brief
                    .procedure
                    .check(check)
                    .is_some_and(|c| matches!(c.kind, CheckKind::Attest));
                let state = if attest {
                    CheckState::Asked
                } else {
                    CheckState::Waiting
                };
                if let (Some(outputs), Some(node)) = (self.outputs.get_mut(check), node) {
                    outputs.remove(node);
                }
                self.set_check((check.clone(), node.clone()), state);
                self.plan_refused.clear();
            }
            Event::Attested {
                check,
                so,
                note,
                by,
            } => {
                let attested = CheckState::Attested {
                    so: *so,
                    note: note.clone(),
                    by: by.clone(),
                };
                self.set_check((check.clone(), None), attested);
            }
            Event::Waived {
                check,
                node,
                reason,
                by,
            } => {
                let key = (check.clone(), node.clone());
                let found = match self.checks.get(&key) {
                    Some(CheckState::Judged { found, .. }) => found.clone(),
                    _ => String::new(),
                };
                self.set_check(
                    key,
                    CheckState::Waived {
                        found,
                        reason: reason.clone(),
                        by: by.clone(),
                    },
                );
                let at_node = node
                    .as_ref()
                    .map_or(String::new(), |node| format!(" on {node}"));
                self.overrides.push(Override {
                    what: format!("check {check}{at_node} waived"),
                    reason: reason.clone(),
                    by: by.clone(),
                    at: entry.at,
                });
            }
            Event::PlanFrozen { hash, plan, .. } => {
                self.plan_hash = Some(hash.clone());
                self.plan_refused.clear();
                if let Some(plan) = plan {
                    self.plan = Some(Arc::clone(plan));
                    self.stages.clear();
                    self.actions.clear();
                    let stages: Vec<_> = plan.stages.iter().cloned().map(Arc::new).collect();
                    self.put_stages(0, &stages);
                }
                self.part = Part::Review;
            }
            Event::PlanRefused { reasons } => self.plan_refused = reasons.clone(),
            Event::PlanApproved { by, .. } => {
                self.approved = Some((by.clone(), entry.at));
                self.part = Part::Execute;
                self.gate = None;
            }
            other => unreachable_event(other),
        }
    }

    pub(in crate::engine) fn on_readiness(&mut self) {
        self.part = Part::Readiness;
        for key in crate::engine::checks::keys(&self.brief) {
            let attest = self
                .brief
                .procedure
                .check(&key.0)
                .is_some_and(|c| matches!(c.kind, CheckKind::Attest));
            let fresh = if attest {
                CheckState::Asked
            } else {
                CheckState::Waiting
            };
            if !self.checks.contains_key(&key) {
                self.set_check(key, fresh);
            }
        }
    }

    /// Sets a check's state and keeps the counts that save looking through all of them.
    pub(in crate::engine) fn set_check(&mut self, key: CheckKey, fresh: CheckState) {
        let brief = Arc::clone(&self.brief);
        let Some(check) = brief.procedure.check(&key.0) else {
            return;
        };
        let weight = |state: &CheckState| {
            (
                usize::from(*state == CheckState::Waiting),
                usize::from(!crate::engine::checks::settled(check, state)),
            )
        };
        let (waits, open) = weight(&fresh);
        let (waited, was_open) = self.checks.get(&key).map_or((0, 0), weight);
        let waiting = self.waiting_of.entry(key.0.clone()).or_default();
        *waiting = *waiting + waits - waited;
        self.checks_waiting = self.checks_waiting + waits - waited;
        self.checks_open = self.checks_open + open - was_open;
        self.checks.insert(key, fresh);
    }
}
