//! The one place that decides: one input in, what is now true and what is to be done out.
//!
//! [`turn`] lets the input tell its events, then lets everything follow that follows (`walk`), folding each event into
//! the state as it is told. It reads no clock, file or network; the same state and input give the same decision.

use crate::engine::brief::{Goal, Person};
use crate::engine::effect::Effect;
use crate::engine::event::{Entry, Event};
use crate::engine::input::{Input, Timer};
use crate::engine::state::RunState;
use crate::engine::{answers, walk};
use crate::model::ids::NodeId;
use crate::model::time::{Span, Stamp};

mod jobs;
mod links;
mod lock;
mod prompts;
mod readiness;
mod readings;
mod reboots;
mod timers;
mod wheel;

/// How long between two looks at a postcondition that is not observed yet.
const LOOK_AGAIN: Span = Span::seconds(3);

/// What one input came to: what is now true, and what the shell is asked to do once that is on disk.
#[derive(Clone, Debug, Default)]
pub struct Decision {
    pub events: Vec<Entry>,
    pub effects: Vec<Effect>,
}

/// Takes one input in and everything that follows from it. The events are folded into `state` already; the caller
/// journals them before any effect leaves, and stops if it cannot.
pub fn turn(state: &mut RunState, input: &Input, now: Stamp) -> Decision {
    let mut turn = Turn {
        state,
        now,
        decision: Decision::default(),
    };
    turn.take(input);
    walk::advance(&mut turn);
    turn.decision
}

/// One turn under way.
pub(super) struct Turn<'a> {
    pub state: &'a mut RunState,
    pub now: Stamp,
    decision: Decision,
}

impl Turn<'_> {
    /// Tells an event: it is folded into the state at once.
    pub fn tell(&mut self, event: Event) {
        let entry = Entry {
            seq: self.state.seq + 1,
            at: self.now.max(self.state.at),
            event,
        };
        self.state.apply(&entry);
        self.decision.events.push(entry);
    }

    /// Asks the shell for something.
    pub fn ask(&mut self, effect: Effect) {
        if let Effect::Probe { node } = &effect {
            self.state.sight.asked.insert(node.clone(), self.now);
        }
        self.decision.effects.push(effect);
    }

    /// Asks for a timer.
    pub fn wake(&mut self, timer: Timer, after: Span) {
        self.ask(Effect::Timer {
            timer,
            at: self.now + after,
        });
    }

    fn take(&mut self, input: &Input) {
        if self.state.ending.is_some() {
            return;
        }
        match input {
            Input::Open(opening) => {
                self.tell(Event::Opened(opening.clone()));
                self.connect_all();
            }
            Input::Resume {
                by,
                reason,
                wall,
                torn,
            } => {
                let (by, reason, torn) = (by.clone(), reason.clone(), torn.clone());
                self.tell(Event::Resumed {
                    by,
                    reason,
                    wall: *wall,
                    torn,
                });
                self.all_wheels_come_back("holdpoint was away");
                self.connect_all();
                self.wake_again();
                self.ask_locks_again();
            }
            Input::Operator { by, says } => answers::take(self, by, says),
            Input::Link { node, report } => self.link(node, report),
            Input::Reading {
                node,
                probe,
                reading,
            } => self.reading(node, probe, reading),
            Input::Check {
                node,
                check,
                output,
            } => self.check(node, check, output),
            Input::Job {
                action,
                attempt,
                report,
                ..
            } => self.job(action, *attempt, report),
            Input::Lock { node, report } => self.lock(node, report),
            Input::Timer(timer) => self.timer(timer),
            Input::Heartbeat => self.state.sight.heartbeat = Some(self.now),
        }
    }

    fn connect_all(&mut self) {
        let nodes: Vec<NodeId> = self.state.nodes.keys().cloned().collect();
        nodes
            .into_iter()
            .for_each(|node| self.ask(Effect::Connect { node }));
    }

    /// Whether this session is only to look.
    pub fn goal(&self) -> Goal {
        self.state.brief.goal
    }
}
