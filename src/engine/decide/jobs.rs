//! What jobs report, what is claimed and what is proved.

use super::reboots::Reboot;
use super::*;
use crate::engine::effect::Effect;
use crate::engine::event::{Doubt, Event, Failure, FailureKind, Outcome};
use crate::engine::input::Timer;
use crate::engine::plan::Work;
use crate::engine::state::ActionState;
use crate::model::condition::Truth;
use crate::model::ids::ActionId;
use crate::model::procedure::Again;
use crate::model::reply::{Claim, JobReport};

impl Turn<'_> {
    /// A report is taken only if it belongs to the attempt that is open: a late answer cannot hurt.
    pub(in crate::engine) fn job(&mut self, action: &ActionId, attempt: u32, report: &JobReport) {
        let Some(record) = self.state.actions.get(action) else {
            return;
        };
        let id = action.clone();
        let (open, accepted, doubted) = match &record.state {
            ActionState::Running {
                attempt, accepted, ..
            } => (*attempt, *accepted, false),
            ActionState::InDoubt { attempt, .. } => (*attempt, false, true),
            ActionState::Pending
            | ActionState::Asked { .. }
            | ActionState::Verifying { .. }
            | ActionState::Failed { .. }
            | ActionState::Done { .. }
            | ActionState::NotRun { .. } => return,
        };
        if open != attempt {
            return;
        }
        let reads = matches!(record.action().work, Work::Read { .. });
        if let JobReport::Ended { .. } | JobReport::NotStarted { .. } | JobReport::Vanished { .. } =
            report
        {
            self.wheel_comes_back(&id, "its program has ended");
        }
        match report {
            JobReport::Accepted if accepted => {}
            JobReport::Accepted => self.tell(Event::ActionAccepted {
                action: id,
                attempt,
            }),
            JobReport::Asks { prompt, text, at } => {
                self.prompted(id, attempt, prompt.clone(), text.clone(), *at);
            }
            JobReport::KeysInDoubt { act, why } => self.keys_in_doubt(id, attempt, *act, why),
            JobReport::KeysKnown { typed, unsure } => {
                self.keys_known(id, attempt, *typed, *unsure);
            }
            JobReport::Ended { claim } => self.claimed(id, attempt, claim.clone(), reads),
            // Fenced off: it waits for its turn, which comes when this run has the lock again.
            JobReport::NotStarted { .. } if doubted || self.is_fenced(action) => {
                self.tell(Event::ActionReopened { action: id })
            }
            JobReport::NotStarted { why } => {
                self.failed(id, attempt, FailureKind::NotStarted, why.clone())
            }
            JobReport::OutOfSight { .. } if doubted => {}
            JobReport::OutOfSight { why } => self.out_of_sight(id, attempt, why),
            JobReport::Vanished { .. } if self.was_rebooted(action) => {
                self.claimed(id, attempt, Claim::Rebooted, reads);
            }
            JobReport::Vanished { why } => {
                self.tell(Event::ActionInDoubt {
                    action: id.clone(),
                    attempt,
                    doubt: Doubt::Vanished { why: why.clone() },
                });
                self.prove(&id);
            }
        }
    }

    fn is_fenced(&self, action: &ActionId) -> bool {
        let record = self.state.actions.get(action);
        let node = record.and_then(|record| record.action().node.as_ref());
        node.is_some_and(|node| self.state.lost_lock_of(node))
    }

    /// An end was claimed. For a change it is only a claim: the postcondition is looked at now.
    pub(in crate::engine) fn claimed(
        &mut self,
        id: ActionId,
        attempt: u32,
        claim: Claim,
        reads: bool,
    ) {
        let success = claim.is_success();
        let words = claim.to_string();
        self.tell(Event::ActionClaimed {
            action: id.clone(),
            attempt,
            claim,
        });
        if reads {
            self.state.sight.ready.remove(&id);
            return if success {
                self.done(&id, Outcome::Read)
            } else {
                self.failed(id, attempt, FailureKind::Failed, format!("it {words}"))
            };
        }
        self.ask(Effect::Acknowledge {
            action: id.clone(),
            attempt,
        });
        self.prove(&id);
    }

    /// Asks for readings that can prove an action's postcondition.
    pub(in crate::engine) fn prove(&mut self, id: &ActionId) {
        let Some(record) = self.state.actions.get(id) else {
            return;
        };
        let attempt = record.attempts;
        let nodes = if record.action().then.is_empty() {
            Vec::new()
        } else {
            record.action().then_on.clone()
        };
        nodes
            .into_iter()
            .for_each(|node| self.ask(Effect::Probe { node }));
        self.wake(
            Timer::Verify {
                action: id.clone(),
                attempt,
            },
            LOOK_AGAIN,
        );
    }

    /// Judges an action whose readings have come.
    pub(in crate::engine) fn judge(&mut self, id: &ActionId) {
        let Some(record) = self.state.actions.get(id) else {
            return;
        };
        let (attempt, since, claim) = match &record.state {
            ActionState::Verifying {
                attempt,
                since,
                claim,
            } => (*attempt, *since, claim.clone()),
            ActionState::InDoubt {
                doubt: Doubt::Vanished { .. },
                ..
            } => {
                if self.postcondition(id).is_yes() && record.stage.again != Again::Never {
                    self.done(id, Outcome::ObservedAfterDoubt);
                }
                return;
            }
            _ => return,
        };
        let by_hand = record.by_hand.clone();
        let mut since = since;
        if record.action().work.reboots() && by_hand.is_none() {
            match self.reboot_of(id, since, claim.as_ref()) {
                Reboot::Awaited => return,
                Reboot::Done { back } => since = since.max(back),
                Reboot::Missing(why) => {
                    return self.failed(id.clone(), attempt, FailureKind::Contradiction, why);
                }
                Reboot::NotMeant => {}
            }
        }
        let Some(record) = self.state.actions.get(id) else {
            return;
        };
        let settled = self.now.since(since) >= record.stage.settle;
        let observed = self.postcondition(id);
        let id = id.clone();
        match (observed, claim, by_hand) {
            (Truth::Yes, _, Some(note)) => self.done(&id, Outcome::ByHand { note }),
            (Truth::Yes, Some(claim), None) if claim.is_success() => {
                self.done(&id, Outcome::Observed)
            }
            (Truth::Yes, Some(claim), None) => {
                let message = format!("it {claim}, but what it was to bring about is observed");
                self.failed(id, attempt, FailureKind::Contradiction, message);
            }
            (_, Some(claim), None) if !claim.is_success() => {
                self.failed(id, attempt, FailureKind::Failed, format!("it {claim}"));
            }
            (Truth::No, claim, by_hand) if settled => {
                let said = match (claim, by_hand) {
                    (Some(claim), _) => format!("it {claim}"),
                    (None, Some(note)) => format!("said to be done by hand ({note})"),
                    (None, None) => "it is said to be done".into(),
                };
                let message = format!("{said}, but what it was to bring about is not observed");
                self.failed(id, attempt, FailureKind::Contradiction, message);
            }
            (Truth::Yes | Truth::No | Truth::Unknown(_), _, _) => {}
        }
    }

    pub(in crate::engine) fn postcondition(&self, id: &ActionId) -> Truth {
        let Some(record) = self.state.actions.get(id) else {
            return Truth::Unknown("no such action".into());
        };
        let action = record.action();
        if action.then.is_empty() {
            return Truth::No;
        }
        let mut unknown = None;
        for node in &action.then_on {
            match self
                .state
                .facts
                .node(node)
                .map(|facts| facts.matches(&action.then))
            {
                Some(Truth::Yes) => {}
                Some(Truth::No) => return Truth::No,
                Some(Truth::Unknown(why)) => unknown = Some(why),
                None => unknown = Some(format!("{node} is not known")),
            }
        }
        unknown.map_or(Truth::Yes, Truth::Unknown)
    }

    /// An action came to its good end: what it owed is booked.
    pub(in crate::engine) fn done(&mut self, id: &ActionId, outcome: Outcome) {
        let Some(record) = self.state.actions.get(id) else {
            return;
        };
        let (closes, node, then_on) = (
            record.stage.closes.clone(),
            record.action().node.clone(),
            record.action().then_on.clone(),
        );
        self.tell(Event::ActionDone {
            action: id.clone(),
            outcome,
        });
        if let Some(debt) = closes {
            let paid: Vec<_> = self
                .state
                .debts
                .keys()
                .filter(|(open, on)| {
                    *open == debt && (node.is_none() || on.is_none() || *on == node)
                })
                .cloned()
                .collect();
            for (debt, node) in paid {
                self.tell(Event::DebtPaid {
                    debt,
                    node,
                    how: format!("by {id}"),
                });
            }
        }
        for node in then_on {
            self.compare_established(&node, None);
        }
    }

    /// An action came to a bad end.
    pub(in crate::engine) fn failed(
        &mut self,
        action: ActionId,
        attempt: u32,
        kind: FailureKind,
        message: String,
    ) {
        self.tell(Event::ActionFailed {
            action,
            attempt,
            failure: Failure { kind, message },
        });
    }
}
