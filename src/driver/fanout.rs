//! Who watches a run. Entries are never dropped and never wait for a slow reader; telemetry is dropped, and counted, when a
//! reader falls behind.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender, TryRecvError};
use std::time::Duration;

use crate::engine::event::Entry;
use crate::engine::update::Update;
use crate::model::telemetry::Telemetry;

/// So much telemetry one reader may leave unread before the next is dropped, as [`Telemetry::weight`] has it: lines of output,
/// or KiB of long ones.
pub const PATIENCE: usize = 16_384;

/// One thing for an observer.
#[derive(Clone, Debug)]
pub enum Notice {
    Update(Update),
    /// Everything that had come was worked off, among it `heard` messages of operators; the loop waits now.
    Settled {
        heard: u64,
    },
    /// A message of an operator could not be followed.
    Refused(String),
    /// Something that a person should know and that changes nothing: a slow disk, an output not kept.
    Warning(String),
}

/// All observers of a run.
#[derive(Default)]
pub struct Fanout {
    observers: Vec<Observer>,
    ticks: bool,
}

struct Observer {
    sender: Sender<Notice>,
    unread: Arc<AtomicUsize>,
    dropped: u64,
    gone: bool,
}

/// One observer's end: receives everything in order.
pub struct Feed {
    receiver: Receiver<Notice>,
    unread: Arc<AtomicUsize>,
}

impl Fanout {
    /// Nobody watches yet.
    pub fn new() -> Fanout {
        Fanout::default()
    }

    /// Somebody watches from now on.
    pub fn watch(&mut self) -> Feed {
        let (sender, receiver) = mpsc::channel();
        let unread = Arc::new(AtomicUsize::new(0));
        self.observers.push(Observer {
            sender,
            unread: Arc::clone(&unread),
            dropped: 0,
            gone: false,
        });
        Feed { receiver, unread }
    }

    /// Somebody watches who also wants to be told a few times a second that time goes on.
    pub fn watch_ticking(&mut self) -> Feed {
        self.ticks = true;
        self.watch()
    }

    pub(super) fn wants_ticks(&self) -> bool {
        self.ticks
    }

    pub(super) fn entry(&mut self, entry: &Arc<Entry>) {
        self.tell(&Notice::Update(Update::Entry(Arc::clone(entry))));
    }

    pub(super) fn tell(&mut self, notice: &Notice) {
        for observer in &mut self.observers {
            observer.send(notice.clone());
        }
        self.observers.retain(|observer| !observer.gone);
    }

    pub(super) fn telemetry(&mut self, telemetry: &Telemetry) {
        for observer in &mut self.observers {
            observer.pass(telemetry);
        }
        self.observers.retain(|observer| !observer.gone);
    }
}

impl Observer {
    fn send(&mut self, notice: Notice) {
        self.gone |= self.sender.send(notice).is_err();
    }

    fn pass(&mut self, telemetry: &Telemetry) {
        if self.unread.load(Ordering::Relaxed) >= PATIENCE {
            self.dropped += match telemetry {
                Telemetry::Output { lines, .. } => lines.count() as u64,
                Telemetry::Printed { .. }
                | Telemetry::Seen { .. }
                | Telemetry::Heartbeat { .. }
                | Telemetry::Linking { .. }
                | Telemetry::Tick { .. }
                | Telemetry::Dropped { .. } => 1,
            };
            return;
        }
        if self.dropped > 0 {
            let count = std::mem::take(&mut self.dropped);
            self.pass_one(Telemetry::Dropped { count });
        }
        self.pass_one(telemetry.clone());
    }

    fn pass_one(&mut self, telemetry: Telemetry) {
        self.unread.fetch_add(telemetry.weight(), Ordering::Relaxed);
        self.send(Notice::Update(Update::Telemetry(telemetry)));
    }
}

impl Feed {
    /// The next notice; `None` when the run's loop is over. Waits.
    pub fn next(&self) -> Option<Notice> {
        self.receiver
            .recv()
            .ok()
            .inspect(|notice| self.read(notice))
    }

    /// The next notice if it comes within `patience`.
    ///
    /// # Errors
    /// [`RecvTimeoutError`]: nothing came, or the loop is over.
    pub fn next_within(&self, patience: Duration) -> Result<Notice, RecvTimeoutError> {
        self.receiver
            .recv_timeout(patience)
            .inspect(|notice| self.read(notice))
    }

    /// The next notice if there is one.
    ///
    /// # Errors
    /// [`TryRecvError`]: there is none, or the loop is over.
    pub fn try_next(&self) -> Result<Notice, TryRecvError> {
        self.receiver.try_recv().inspect(|notice| self.read(notice))
    }

    fn read(&self, notice: &Notice) {
        if let Notice::Update(Update::Telemetry(telemetry)) = notice {
            self.unread.fetch_sub(telemetry.weight(), Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::lines::Lines;
    use crate::model::telemetry::Stream;
    use crate::model::time::Stamp;

    fn output(lines: &str) -> Telemetry {
        Telemetry::Output {
            action: "print/print@n1".into(),
            attempt: 1,
            node: "n1".into(),
            stream: Stream::Out,
            lines: Lines::new(lines),
            at: Stamp(0),
        }
    }

    #[test]
    fn lines_that_are_told_together_count_one_by_one_and_long_ones_by_their_size() {
        for (lines, batches) in [
            ("x\n".repeat(512), PATIENCE / 512),
            ("x".repeat(4096), PATIENCE / 4),
        ] {
            let output = output(&lines);
            let mut fanout = Fanout::new();
            let feed = fanout.watch();
            (0..batches + 3).for_each(|_| fanout.telemetry(&output));
            (0..batches).for_each(|_| assert!(feed.try_next().is_ok()));
            assert_eq!(
                feed.try_next().err(),
                Some(TryRecvError::Empty),
                "the others were dropped"
            );
            fanout.telemetry(&output);
            let lost = 3 * lines.lines().count() as u64;
            assert!(matches!(
                feed.try_next(),
                Ok(Notice::Update(Update::Telemetry(Telemetry::Dropped { count }))) if count == lost
            ));
        }
    }

    #[test]
    fn a_slow_reader_loses_telemetry_and_is_told_how_much() {
        let mut fanout = Fanout::new();
        let feed = fanout.watch();
        let tick = Telemetry::Tick { at: Stamp(0) };
        (0..PATIENCE + 7).for_each(|_| fanout.telemetry(&tick));
        fanout.tell(&Notice::Settled { heard: 1 });
        (0..PATIENCE).for_each(|_| assert!(feed.try_next().is_ok()));
        assert!(matches!(feed.try_next(), Ok(Notice::Settled { heard: 1 })));
        fanout.telemetry(&tick);
        let told = feed.try_next();
        assert!(matches!(
            told,
            Ok(Notice::Update(Update::Telemetry(Telemetry::Dropped {
                count: 7
            })))
        ));
    }
}
