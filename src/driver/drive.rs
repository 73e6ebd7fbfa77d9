//! The loop.

mod wait;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc::UnboundedReceiver;
use tokio::time::{Interval, MissedTickBehavior};

use super::clock::Clock;
use super::exec::{self, Request, Unplanned};
use super::fanout::{Fanout, Notice};
use super::hands::Hands;
use super::operator::FromOperator;
use super::record::{RecordError, Recorder};
use super::signals::{Signal, Signals};
use crate::engine::brief::Person;
use crate::engine::effect::Effect;
use crate::engine::event::{Entry, Event};
use crate::engine::hold;
use crate::engine::input::{Input, Says, Timer};
use crate::engine::state::RunState;
use crate::engine::summary::Exit;
use crate::model::telemetry::Telemetry;
use crate::model::time::Stamp;
use crate::transport::{Arrival, Change};

use wait::{GRACE, answers_soon};

/// Inputs that are turned together before one append, if they are ready together.
const BATCH: usize = 64;

/// How often the screens are told that time goes on.
const TICK: Duration = Duration::from_millis(250);

/// One session of one run. Owns the transport, the record and the authoritative state.
pub struct Driver<T> {
    state: RunState,
    hands: T,
    recorder: Box<dyn Recorder>,
    clock: Clock,
    fanout: Fanout,
    operators: UnboundedReceiver<FromOperator>,
    signals: Signals,
    ticks: Interval,
    timers: BTreeSet<(Stamp, Timer)>,
    /// The newest moment that was used; time never goes back.
    last: Stamp,
    entries: Vec<Arc<Entry>>,
    effects: Vec<Effect>,
    /// Messages of operators that were worked off.
    heard: u64,
    /// Something happened since the observers were told that we wait.
    stirred: bool,
    /// A hold point is open: stepped time stands still.
    asks: bool,
    /// Until then stepped time does not stand still: something was asked of a node.
    grace: Stamp,
    over: Option<How>,
}

/// How a session ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    /// The engine ended it.
    Over(Exit),
    /// The system wanted us to end. Running jobs go on.
    Signalled(Signal),
    /// Nobody was there any more to answer.
    Detached,
}

/// Why a session could not go on. Nothing was sent after the cause.
#[derive(Debug, thiserror::Error)]
pub enum DriveError {
    #[error(transparent)]
    Record(#[from] RecordError),
    #[error(transparent)]
    Unplanned(#[from] Unplanned),
    #[error(
        "go on: nothing is under way and nothing is asked; the run can be resumed. This is a fault of holdpoint, please report it"
    )]
    Stalled,
}

/// A session that is over.
#[derive(Debug)]
pub struct Session {
    pub state: RunState,
    pub how: Result<How, DriveError>,
}

enum Happening {
    Operator(FromOperator),
    OperatorsGone,
    Arrival(Arrival),
    Timer(Timer),
    Signal(Signal),
    Tick,
}

impl<T: Hands> Driver<T> {
    /// A session that begins at `state`: new, or replayed.
    pub fn new(
        state: RunState,
        hands: T,
        recorder: Box<dyn Recorder>,
        clock: Clock,
        operators: UnboundedReceiver<FromOperator>,
        fanout: Fanout,
        signals: Signals,
    ) -> Driver<T> {
        let mut ticks = tokio::time::interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
        Driver {
            last: state.at,
            state,
            hands,
            recorder,
            clock,
            fanout,
            operators,
            signals,
            ticks,
            timers: BTreeSet::new(),
            entries: Vec::new(),
            effects: Vec::new(),
            heard: 0,
            stirred: true,
            asks: false,
            grace: Stamp::default(),
            over: None,
        }
    }

    /// Walks until the session is over. `first` opens the run, or resumes it.
    pub async fn run(mut self, first: Input) -> Session {
        let how = self.walk(&first).await;
        Session {
            state: self.state,
            how,
        }
    }

    async fn walk(&mut self, first: &Input) -> Result<How, DriveError> {
        self.turn(first);
        loop {
            let all_taken = self.take_ready().await;
            self.commit()?;
            if let Some(how) = self.over {
                return Ok(how);
            }
            if all_taken && let Some(happening) = self.wait().await? {
                self.take(happening);
            }
        }
    }

    /// Turns what is ready now; whether that was all of it.
    async fn take_ready(&mut self) -> bool {
        for _ in 0..BATCH {
            if self.over.is_some() {
                return true;
            }
            let Some(happening) = self.ready().await else {
                return true;
            };
            self.take(happening);
        }
        false
    }

    fn take(&mut self, happening: Happening) {
        match happening {
            Happening::Operator(message) => {
                self.vouch();
                self.heard += 1;
                self.stirred = true;
                self.take_message(message);
            }
            Happening::OperatorsGone => {
                self.leave(How::Detached, "nobody was there any more".into());
            }
            Happening::Arrival(arrival) => self.take_arrival(arrival),
            Happening::Timer(timer) => self.turn(&Input::Timer(timer)),
            Happening::Signal(signal) => {
                let why = format!("ended by {}; running jobs go on", signal.name());
                self.leave(How::Signalled(signal), why);
            }
            Happening::Tick => {
                self.vouch();
                let at = self.now();
                self.fanout.telemetry(&Telemetry::Tick { at });
            }
        }
    }

    /// Where time is virtual, whoever knows what comes next also knows that nothing has come since: every linked node was
    /// seen at this moment. Real nodes are seen by their probes alone.
    fn vouch(&mut self) {
        if self.clock.speed().is_some() {
            let at = self.now();
            self.turn(&Input::Heartbeat);
            self.fanout.telemetry(&Telemetry::Heartbeat { at });
        }
    }

    fn take_message(&mut self, message: FromOperator) {
        match message {
            FromOperator::Says { by, says } => self.said(by, says),
            FromOperator::Secret { node, by, secret } => {
                self.hands.secret(&node, secret);
                self.said(by, Says::SecretGiven { node });
            }
            FromOperator::Fault { by, text } => {
                let now = self.now();
                match self.hands.disturb(&text, now) {
                    Ok(text) => self.said(by, Says::Fault { text }),
                    Err(why) => self.fanout.tell(&Notice::Refused(why)),
                }
            }
            FromOperator::Speed(speed) => self.clock.set_speed(speed),
            FromOperator::Detach { why } => self.leave(How::Detached, why),
        }
    }

    fn said(&mut self, by: Person, says: Says) {
        self.turn(&Input::Operator { by, says });
    }

    fn take_arrival(&mut self, arrival: Arrival) {
        match arrival {
            Arrival::Link { node, report } => self.turn(&Input::Link { node, report }),
            Arrival::Reading {
                node,
                probe,
                reading,
            } => {
                let seen = reading.is_ok().then(|| (node.clone(), probe.clone()));
                self.turn(&Input::Reading {
                    node,
                    probe,
                    reading,
                });
                if let Some((node, probe)) = seen {
                    let at = self.last;
                    self.fanout.telemetry(&Telemetry::Seen { node, probe, at });
                }
            }
            Arrival::Check {
                node,
                check,
                output,
            } => self.turn(&Input::Check {
                node,
                check,
                output,
            }),
            Arrival::Job {
                action,
                attempt,
                node,
                report,
            } => self.turn(&Input::Job {
                action,
                attempt,
                node,
                report,
            }),
            Arrival::Lock { node, report } => self.turn(&Input::Lock { node, report }),
            Arrival::Telemetry(telemetry) => self.take_telemetry(&telemetry),
        }
    }

    fn take_telemetry(&mut self, telemetry: &Telemetry) {
        match telemetry {
            Telemetry::Output {
                action,
                attempt,
                lines,
                node: _,
                stream: _,
                at: _,
            } => {
                if let Some(trouble) = self.recorder.output(action, *attempt, lines) {
                    self.fanout.tell(&Notice::Warning(trouble));
                }
            }
            Telemetry::Heartbeat { .. } => self.turn(&Input::Heartbeat),
            // Never kept: the transcript has the same as lines.
            Telemetry::Printed { .. }
            | Telemetry::Seen { .. }
            | Telemetry::Linking { .. }
            | Telemetry::Tick { .. }
            | Telemetry::Dropped { .. } => {}
        }
        self.fanout.telemetry(telemetry);
    }

    fn turn(&mut self, input: &Input) {
        let now = self.now();
        let decision = crate::engine::turn(&mut self.state, input, now);
        self.entries
            .extend(decision.events.into_iter().map(Arc::new));
        self.effects.extend(decision.effects);
    }

    /// Ends the session from outside the engine: nothing more is decided, and the journal says why. What was decided
    /// before still leaves, so that the journal never speaks of a start that was not sent.
    fn leave(&mut self, how: How, why: String) {
        if self.state.left.is_none() && self.state.ending.is_none() {
            let event = Event::Left { by: None, why };
            let entry = self.entry_after(self.state.seq, event);
            self.state.apply(&entry);
            self.entries.push(Arc::new(entry));
        }
        self.over = Some(how);
    }

    fn entry_after(&self, seq: u64, event: Event) -> Entry {
        Entry {
            seq: seq + 1,
            at: self.last.max(self.state.at),
            event,
        }
    }

    /// The one way out: entries to the disk, then to the observers, then effects to the nodes.
    fn commit(&mut self) -> Result<(), DriveError> {
        let entries = std::mem::take(&mut self.entries);
        if !entries.is_empty() {
            if let Err(error) = self.recorder.append(&entries) {
                let before = entries.first().map_or(1, |entry| entry.seq) - 1;
                let why = format!("failed to {error}");
                let last = self.entry_after(before, Event::Left { by: None, why });
                self.recorder.last_word(&last);
                return Err(error.into());
            }
            self.stirred = true;
            entries.iter().for_each(|entry| self.fanout.entry(entry));
            self.asks = !hold::holds(&self.state).is_empty();
            let busy = || {
                self.state
                    .active
                    .iter()
                    .filter_map(|id| self.state.actions.get(id))
                    .any(hold::is_under_way)
            };
            self.clock.linger(self.asks && !busy());
            if let Some(warning) = self.recorder.warning() {
                self.fanout.tell(&Notice::Warning(warning));
            }
        }
        for effect in std::mem::take(&mut self.effects) {
            self.act(effect)?;
        }
        Ok(())
    }

    fn act(&mut self, effect: Effect) -> Result<(), Unplanned> {
        let now = self.now();
        match exec::request(&self.state, effect)? {
            Request::Look(look) => {
                if answers_soon(&look) {
                    self.grace = now + GRACE;
                }
                self.hands.look(look, now);
            }
            Request::Change(change) => {
                if let Change::Attach { .. } | Change::Lock { .. } = &*change {
                    self.grace = now + GRACE;
                }
                self.hands.change(*change, now);
            }
            Request::Timer { timer, at } => {
                self.timers.insert((at, timer));
            }
            Request::End(exit) => self.over = Some(How::Over(exit)),
        }
        Ok(())
    }

    /// Tells who watches that we wait now, once after each time that something happened.
    fn tell_settled(&mut self) {
        if self.stirred {
            self.stirred = false;
            let heard = self.heard;
            self.fanout.tell(&Notice::Settled { heard });
        }
    }

    fn now(&mut self) -> Stamp {
        self.last = self.last.max(self.clock.now());
        self.last
    }
}
