//! `apply`: how each event changes what a run knows. The only way state changes, so a replay knows what the run knew.

use crate::engine::brief::Person;
use crate::engine::event::{Doubt, Ending, Entry, Event};
use crate::engine::plan::Work;
use crate::engine::state::{
    ActionState, Asking, CheckKey, CheckState, GateState, Late, LinkState, Override, Part, RunState,
};
use crate::model::ids::NodeId;

mod actions;
mod detours;
mod lock;
mod observations;
mod preparation;
mod wheel;

use detours::detour_name;

impl RunState {
    /// Folds one event in. Entries must come in order; one that was folded in already is passed over.
    pub fn apply(&mut self, entry: &Entry) {
        if entry.seq <= self.seq {
            return;
        }
        self.seq = entry.seq;
        self.at = entry.at;
        match &entry.event {
            Event::Opened(opening) => {
                self.opening = Some((**opening).clone());
                self.part = Part::Connect;
            }
            Event::Resumed { by, reason, .. } => {
                if let Some(reason) = reason {
                    self.overrides.push(Override {
                        what: "resumed with edited files".into(),
                        reason: reason.clone(),
                        by: by.clone(),
                        at: entry.at,
                    });
                }
                self.on_resumed();
            }
            Event::Linked { .. }
            | Event::HostKeyAnswered { .. }
            | Event::JumpKeySeen { .. }
            | Event::SecretGiven { .. }
            | Event::Rebooted { .. }
            | Event::FactsChanged { .. }
            | Event::WentDark { .. }
            | Event::CameToLight { .. }
            | Event::InvariantTold { .. }
            | Event::Resurrected { .. }
            | Event::Subsided { .. } => self.apply_observation(entry),
            Event::ReadinessBegan
            | Event::CheckJudged { .. }
            | Event::CheckAgain { .. }
            | Event::Attested { .. }
            | Event::Waived { .. }
            | Event::PlanFrozen { .. }
            | Event::PlanRefused { .. }
            | Event::PlanApproved { .. } => self.apply_preparation(entry),
            Event::Held { reasons, .. } => {
                self.held = reasons.clone();
                self.held_long = false;
            }
            Event::HeldLong { .. } => self.held_long = true,
            Event::Released { .. } => {
                self.held.clear();
                self.held_long = false;
            }
            Event::GateOpening { .. }
            | Event::GateOpened { .. }
            | Event::GateClosed { .. }
            | Event::GateRefused { .. }
            | Event::GateConfirmed { .. } => self.apply_gate(entry),
            Event::Lock(told) => self.apply_lock(told, entry),
            Event::ActionAsked { .. }
            | Event::Prompted { .. }
            | Event::PromptAnswered { .. }
            | Event::ActionStarted { .. }
            | Event::ActionAccepted { .. }
            | Event::ActionClaimed { .. }
            | Event::ActionInDoubt { .. }
            | Event::ActionOverdue { .. }
            | Event::CancelAsked { .. }
            | Event::ActionDone { .. }
            | Event::ActionFailed { .. }
            | Event::ActionReopened { .. }
            | Event::ByHandSaid { .. } => {
                self.apply_action(entry);
                self.note_trouble(&entry.event);
            }
            Event::WheelTaken { .. }
            | Event::KeysGiven { .. }
            | Event::KeysInDoubt { .. }
            | Event::KeysSettled { .. }
            | Event::WheelReturned { .. } => {
                self.apply_wheel(entry);
                self.note_trouble(&entry.event);
            }
            Event::Chosen {
                hold,
                option,
                note,
                by,
            } => self.on_chosen(hold, option, note, by, entry),
            Event::Noted { .. } | Event::Fault { .. } => {}

            Event::DebtOpened { debt, node, by } => {
                self.debts.insert((debt.clone(), node.clone()), by.clone());
                self.name_debts();
            }
            Event::DebtPaid { debt, node, .. } => {
                self.debts.remove(&(debt.clone(), node.clone()));
                self.name_debts();
            }
            Event::DetourTaken {
                cause,
                by,
                reason,
                stages,
            } => {
                self.overrides.push(Override {
                    what: detour_name(cause),
                    reason: reason.clone(),
                    by: by.clone(),
                    at: entry.at,
                });
                self.on_detour(cause, stages);
            }
            Event::ResumeAccepted { .. } => self.resume_review = false,
            Event::TurnBackTimePassed { by } => self.late = Late::Passed { by: *by },
            Event::Paused { by } => self.paused = Some(by.clone()),
            Event::WentOn { .. } => self.paused = None,
            Event::Left { why, .. } => self.left = Some(why.clone()),
            Event::Finished { outcome } => {
                self.ending = Some(*outcome);
                self.part = Part::Ended;
            }
        }
    }

    fn apply_gate(&mut self, entry: &Entry) {
        match &entry.event {
            Event::GateOpening { gate } => {
                let said = self
                    .gate
                    .take()
                    .filter(|old| old.gate == *gate)
                    .and_then(|old| old.said);
                self.gate = Some(GateState {
                    gate: gate.clone(),
                    asking: None,
                    said,
                });
            }
            Event::GateOpened {
                gate,
                phrase,
                shown,
                bound,
            } => {
                let said = self.gate.take().and_then(|old| old.said);
                let asking = Asking {
                    phrase: phrase.clone(),
                    shown: shown.clone(),
                    bound: *bound,
                };
                self.gate = Some(GateState {
                    gate: gate.clone(),
                    asking: Some(asking),
                    said,
                });
            }
            Event::GateClosed { gate, why } => {
                self.gate = Some(GateState {
                    gate: gate.clone(),
                    asking: None,
                    said: Some(why.clone()),
                });
            }
            Event::GateRefused { why, .. } => {
                if let Some(gate) = &mut self.gate {
                    gate.said = Some(why.clone());
                }
            }
            Event::GateConfirmed { by, .. } => {
                self.gate = None;
                if let Some(stage) = self.stages.get_mut(self.cursor) {
                    stage.confirmed = Some(by.clone());
                }
            }
            other => unreachable_event(other),
        }
    }

    fn on_resumed(&mut self) {
        self.left = None;
        self.gate = None;
        self.resume_review = self.part >= Part::Execute;
        self.held.clear();
        self.held_long = false;
        let names: Vec<NodeId> = self.nodes.keys().cloned().collect();
        for node in &names {
            self.set_link(node, LinkState::Connecting);
            self.facts
                .set_dark(node, Some("not looked at since the run was resumed".into()));
            self.must_read(node);
        }
        self.facts_seq = self.seq;
        self.invariants.clear();
        self.sight.ruled = None;
        self.lock_unsure();
        for id in self.active.clone() {
            let Some(record) = self.actions.get_mut(&id) else {
                continue;
            };
            match &record.state {
                // Nobody executes a wait: it is looked at again when the nodes are.
                ActionState::Running { .. }
                    if matches!(record.action().work, Work::Wait { .. }) => {}
                ActionState::Running { attempt, since, .. } => {
                    record.state = ActionState::InDoubt {
                        attempt: *attempt,
                        since: *since,
                        doubt: Doubt::WeWereAway,
                    };
                }
                ActionState::Verifying { .. } => self.must_prove(&id),
                ActionState::InDoubt { .. }
                | ActionState::Asked { .. }
                | ActionState::Failed { .. }
                | ActionState::Pending
                | ActionState::Done { .. }
                | ActionState::NotRun { .. } => {}
            }
        }
        if self.part < Part::Execute {
            let judged = self
                .checks
                .iter()
                .filter(|(_, state)| matches!(state, CheckState::Judged { .. }));
            let keys: Vec<CheckKey> = judged.map(|(key, _)| key.clone()).collect();
            keys.into_iter()
                .for_each(|key| self.set_check(key, CheckState::Waiting));
            self.outputs.clear();
            self.part = self.part.min(Part::Connect);
        }
    }

    fn on_chosen(&mut self, hold: &str, option: &str, note: &str, by: &Person, entry: &Entry) {
        match option {
            "wait" => {
                if let Some(record) = self.actions.get_mut(hold) {
                    record.overdue = false;
                    self.troubled.remove(hold);
                }
            }
            "late" => {
                self.late = Late::Accepted;
                self.overrides.push(Override {
                    what: "went on past the turn-back time".into(),
                    reason: note.into(),
                    by: by.clone(),
                    at: entry.at,
                });
            }
            "accept" | "paid" | "by-hand" => {
                let what = format!("{hold}: {option}");
                self.overrides.push(Override {
                    what,
                    reason: note.into(),
                    by: by.clone(),
                    at: entry.at,
                });
            }
            _ => {}
        }
    }

    fn name_debts(&mut self) {
        let mut names: Vec<String> = self
            .debts
            .keys()
            .map(|(debt, _)| debt.as_str().to_string())
            .collect();
        names.dedup();
        self.debt_names = names;
    }

    /// Whether the run ended well, or led back well.
    pub fn ended_well(&self) -> bool {
        matches!(self.ending, Some(Ending::Upgraded | Ending::TurnedBack))
    }
}

fn unreachable_event(event: &Event) {
    debug_assert!(false, "routed to the wrong place: {event:?}");
}
