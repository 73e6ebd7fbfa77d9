//! What timers remind of.

use super::*;
use crate::engine::effect::Effect;
use crate::engine::event::{Doubt, Event, FailureKind};
use crate::engine::input::Timer;
use crate::engine::plan::Work;
use crate::engine::state::ActionState;
use crate::model::ids::ActionId;

impl Turn<'_> {
    /// Timers do not outlive a session: what was under way is given its time again.
    pub(in crate::engine) fn wake_again(&mut self) {
        for id in self.state.active.clone() {
            let Some(record) = self.state.actions.get(&id) else {
                continue;
            };
            let (attempt, timeout, typical) =
                (record.attempts, record.stage.timeout, record.stage.typical);
            match &record.state {
                ActionState::Verifying { .. } => {
                    self.wake(
                        Timer::Verify {
                            action: id.clone(),
                            attempt,
                        },
                        LOOK_AGAIN,
                    );
                    self.wake(
                        Timer::Overdue {
                            action: id,
                            attempt,
                        },
                        timeout,
                    );
                }
                ActionState::Running { .. } | ActionState::InDoubt { .. } => {
                    let action = record.action();
                    let waits = matches!(action.work, Work::Wait { .. });
                    let effects = action
                        .then_on
                        .iter()
                        .map(|node| (node.clone(), action.then.clone()))
                        .collect();
                    if waits {
                        self.ask(Effect::Performed {
                            action: id.clone(),
                            effects,
                            typical,
                        });
                    }
                    self.wake(
                        Timer::Overdue {
                            action: id,
                            attempt,
                        },
                        timeout,
                    );
                }
                ActionState::Pending
                | ActionState::Asked { .. }
                | ActionState::Failed { .. }
                | ActionState::Done { .. }
                | ActionState::NotRun { .. } => {}
            }
        }
    }

    pub(in crate::engine) fn timer(&mut self, timer: &Timer) {
        match timer {
            Timer::Verify { action, attempt } => {
                let Some(record) = self.state.actions.get(action) else {
                    return;
                };
                let looked_at = match &record.state {
                    ActionState::Verifying { .. } => true,
                    ActionState::InDoubt {
                        doubt: Doubt::Vanished { .. },
                        ..
                    } => false,
                    _ => return,
                };
                if record.attempts == *attempt && looked_at {
                    self.state.must_prove(action);
                    self.prove(action);
                }
            }
            Timer::Overdue { action, attempt } => self.overdue(action, *attempt),
            Timer::Parting => self.part(),
            Timer::Patience { stage, .. } => {
                let lasting = self.state.cursor == *stage
                    && !self.state.held.is_empty()
                    && !self.state.held_long;
                if lasting {
                    self.tell(Event::HeldLong { stage: *stage });
                }
            }
        }
    }

    pub(in crate::engine) fn overdue(&mut self, action: &ActionId, attempt: u32) {
        let Some(record) = self.state.actions.get(action) else {
            return;
        };
        let open = match &record.state {
            ActionState::Running { attempt, .. } | ActionState::InDoubt { attempt, .. } => *attempt,
            // Its program ended, and the node is not back.
            ActionState::Verifying { attempt, .. } if record.action().work.reboots() => *attempt,
            _ => return,
        };
        if open != attempt || record.overdue {
            return;
        }
        let timeout = record.stage.timeout;
        // A human takes the time that they need.
        if record.wheel.is_held() {
            let action = action.clone();
            return self.wake(Timer::Overdue { action, attempt }, timeout);
        }
        if matches!(record.action().work, Work::Wait { .. }) {
            let message = format!("what was waited for did not come within {timeout}");
            return self.failed(action.clone(), attempt, FailureKind::TimedOut, message);
        }
        self.tell(Event::ActionOverdue {
            action: action.clone(),
            attempt,
        });
    }
}
