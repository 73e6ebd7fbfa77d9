//! What comes next: what is ready, or what is waited for.

use super::{DriveError, Driver, Happening};
use crate::driver::hands::Hands;
use crate::model::time::Span;
use crate::transport::{Due, Look};

/// How long stepped time goes on at a hold point after something was asked of a node, so that the answer can come.
pub(super) const GRACE: Span = Span::seconds(30);

impl<T: Hands> Driver<T> {
    /// What is there without waiting. Stepped time works off what is due before it listens to anybody, so that the same
    /// answers give the same run.
    pub(super) async fn ready(&mut self) -> Option<Happening> {
        if !self.clock.is_stepped()
            && let Ok(message) = self.operators.try_recv()
        {
            return Some(Happening::Operator(message));
        }
        let now = self.now();
        match self.hands.due() {
            Due::At(at) if at <= now => {
                return Some(Happening::Arrival(self.hands.arrival(now).await));
            }
            Due::Whenever => tokio::select! {
                biased;
                arrival = self.hands.arrival(now) => return Some(Happening::Arrival(arrival)),
                () = std::future::ready(()) => {}
            },
            Due::At(_) | Due::Never => {}
        }
        let (at, _) = self.timers.first()?;
        if *at > now {
            return None;
        }
        self.timers
            .pop_first()
            .map(|(_, timer)| Happening::Timer(timer))
    }

    /// Waits for the next happening; `None` when the moment has come that something is due at.
    pub(super) async fn wait(&mut self) -> Result<Option<Happening>, DriveError> {
        let due = self.hands.due();
        let known = match due {
            Due::At(at) => Some(at),
            Due::Whenever | Due::Never => None,
        };
        let timer = self.timers.first().map(|(at, _)| *at);
        let moment = known.into_iter().chain(timer).min();
        let within_grace = moment.is_some_and(|moment| moment <= self.grace);
        let stands = self.clock.is_stepped() && self.asks && !within_grace;
        if stands || !self.clock.is_stepped() {
            self.tell_settled();
        }
        if self.clock.is_stepped() && !self.asks && moment.is_none() && due == Due::Never {
            let message = self.operators.try_recv();
            return message
                .map(|message| Some(Happening::Operator(message)))
                .map_err(|_| DriveError::Stalled);
        }
        let now = self.now();
        let ticking = self.fanout.wants_ticks();
        let happening = tokio::select! {
            biased;
            signal = self.signals.next() => Happening::Signal(signal),
            message = self.operators.recv() => {
                message.map_or(Happening::OperatorsGone, Happening::Operator)
            }
            arrival = self.hands.arrival(now), if due == Due::Whenever => {
                Happening::Arrival(arrival)
            }
            () = self.clock.until(moment), if !stands => {
                let moment = moment.unwrap_or(now).max(self.last);
                self.clock.stand_at(moment);
                return Ok(None);
            }
            _ = self.ticks.tick(), if ticking => Happening::Tick,
        };
        Ok(Some(happening))
    }
}

/// Whether a request is a question that a node answers in seconds.
pub(super) fn answers_soon(look: &Look) -> bool {
    match look {
        Look::Connect { .. }
        | Look::Reconnect { .. }
        | Look::HostKey { .. }
        | Look::Probe { .. }
        | Look::Check { .. } => true,
        Look::Disconnect { .. } | Look::Watch { .. } | Look::Read { .. } => false,
    }
}
