//! The clock of a session. Besides the journal, whose times are for people only, nothing else reads one.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::model::time::Stamp;

/// Tells the moment of the run, and waits for one.
#[derive(Clone, Debug)]
pub struct Clock {
    kind: Kind,
    /// The moment of the run at `since`.
    base: Stamp,
    since: Instant,
    /// Only a human is waited for: virtual time goes no faster than theirs.
    lingers: bool,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    /// Real nodes: a second is a second.
    Wall,
    /// A simulated cluster: time is what we say.
    Virtual(Speed),
}

/// How fast virtual time goes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Speed {
    /// So many virtual seconds per second; more than zero.
    Times(f64),
    /// From one moment to the next without waiting. Stands still while something is asked.
    Max,
    /// Not at all.
    Still,
}

impl Clock {
    /// Real time. `opened` is the wall clock at moment zero, in milliseconds since 1970; `at_least` is the moment of the newest
    /// event. A wall clock that was set back does not make the run's time go back.
    pub fn wall(opened: i64, at_least: Stamp) -> Clock {
        let gone = u64::try_from(wall_ms().saturating_sub(opened)).unwrap_or(0);
        Clock {
            kind: Kind::Wall,
            base: Stamp(gone).max(at_least),
            since: Instant::now(),
            lingers: false,
        }
    }

    /// Virtual time that starts at `base`.
    pub fn paced(speed: Speed, base: Stamp) -> Clock {
        Clock {
            kind: Kind::Virtual(speed),
            base,
            since: Instant::now(),
            lingers: false,
        }
    }

    /// The moment of the run now.
    pub fn now(&self) -> Stamp {
        let gone = self.since.elapsed();
        match self.kind {
            Kind::Wall => Stamp(self.base.0.saturating_add(millis(gone))),
            Kind::Virtual(Speed::Times(speed)) => Stamp(
                self.base
                    .0
                    .saturating_add(millis(gone.mul_f64(self.pace(speed)))),
            ),
            Kind::Virtual(Speed::Max | Speed::Still) => self.base,
        }
    }

    /// How fast virtual time goes; nothing for real time.
    pub fn speed(&self) -> Option<Speed> {
        match self.kind {
            Kind::Wall => None,
            Kind::Virtual(speed) => Some(speed),
        }
    }

    /// Whether it jumps from moment to moment.
    pub fn is_stepped(&self) -> bool {
        self.kind == Kind::Virtual(Speed::Max)
    }

    /// Changes the speed of virtual time; real time has one speed.
    pub fn set_speed(&mut self, speed: Speed) {
        if let Kind::Virtual(_) = self.kind {
            let lingers = self.lingers;
            *self = Clock::paced(speed, self.now());
            self.lingers = lingers;
        }
    }

    /// Whether only a human is waited for. Nobody's window is eaten by a rehearsal's haste while they read.
    pub(super) fn linger(&mut self, lingers: bool) {
        if self.lingers != lingers {
            self.base = self.now();
            self.since = Instant::now();
            self.lingers = lingers;
        }
    }

    fn pace(&self, speed: f64) -> f64 {
        if self.lingers { speed.min(1.0) } else { speed }
    }

    /// Virtual time stands at `moment` now, if it was not there yet, or had run past it while we were busy.
    pub(super) fn stand_at(&mut self, moment: Stamp) {
        if let Kind::Virtual(_) = self.kind {
            self.base = moment;
            self.since = Instant::now();
        }
    }

    /// Returns when `moment` has come; never without one, and never while virtual time stands still.
    pub(super) async fn until(&self, moment: Option<Stamp>) {
        let Some(moment) = moment else {
            return std::future::pending().await;
        };
        let left = Duration::from_millis(moment.since(self.now()).0);
        match self.kind {
            Kind::Wall => tokio::time::sleep(left).await,
            Kind::Virtual(Speed::Times(speed)) => {
                tokio::time::sleep(left.div_f64(self.pace(speed))).await
            }
            Kind::Virtual(Speed::Max) => {}
            Kind::Virtual(Speed::Still) if left.is_zero() => {}
            Kind::Virtual(Speed::Still) => std::future::pending().await,
        }
    }
}

impl std::str::FromStr for Speed {
    type Err = String;

    fn from_str(text: &str) -> Result<Speed, String> {
        match text {
            "max" => Ok(Speed::Max),
            "0" | "still" => Ok(Speed::Still),
            number => match number.trim_end_matches('x').parse::<f64>() {
                Ok(times) if (0.01..=100_000.0).contains(&times) => Ok(Speed::Times(times)),
                Ok(_) | Err(_) => Err(format!(
                    "`{text}` is no speed: give virtual seconds per second from 0.01 to 100000, `still` or `max`"
                )),
            },
        }
    }
}

/// Milliseconds since 1970 by this machine's wall clock, for the first event of a session.
pub fn wall_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| {
        i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
    })
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
