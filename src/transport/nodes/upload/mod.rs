//! Puts one file on one node: only what is missing, never half under its name, and compared by SHA-256 on both ends.
//!
//! What arrives stands beside the target under a name that holds the checksum. After a lost link the node is asked how
//! much of it is right, and the rest is sent. Only a whole and equal file gets its mode and, by a rename, its name.

mod carrier;
mod local;
mod remote;
mod sending;

use std::sync::Arc;

use tokio::sync::mpsc::UnboundedReceiver;
use tokio::sync::{Semaphore, watch};
use tokio::time::sleep;

use self::carrier::{Carrier, Outcome};
pub(super) use self::local::LocalFiles;
#[doc(hidden)]
pub use self::remote::read_upload_reply;
use super::job::JobAsk;
use super::tell::Teller;
use crate::model::procedure::UploadSpec;
use crate::model::reply::{Claim, JobReport};
use crate::model::telemetry::Stream;
use crate::transport::Order;
use crate::transport::backoff::delay;
use crate::transport::ssh::Session;

/// Files on their way at once, over all nodes.
pub(super) const AT_ONCE: usize = 16;

/// The task of one upload.
pub(super) struct Upload {
    carrier: Carrier,
    asks: UnboundedReceiver<JobAsk>,
    session: watch::Receiver<Option<Session>>,
}

/// Nobody is there any more to do it for.
struct Over;

/// What ends the wait for a session.
enum Found {
    Session(Session),
    Cancelled,
}

impl Upload {
    pub(super) fn new(
        order: Order,
        spec: UploadSpec,
        asks: UnboundedReceiver<JobAsk>,
        session: watch::Receiver<Option<Session>>,
        teller: Teller,
        (files, turns): (LocalFiles, Arc<Semaphore>),
    ) -> Upload {
        Upload {
            carrier: Carrier {
                order,
                spec,
                teller,
                files,
                turns,
            },
            asks,
            session,
        }
    }

    /// Lives until the transport is dropped. Unlike a job, an upload ends with us; what has arrived stays for the next try.
    pub(super) async fn run(mut self) {
        while let Some(ask) = self.asks.recv().await {
            let gone = match ask {
                JobAsk::Start(_) => self.carry().await,
                JobAsk::Attach => self.look_after().await,
                JobAsk::Cancel => {
                    self.cancelled().await;
                    Ok(())
                }
                // It asks nothing and leaves nothing behind.
                JobAsk::Answer(_) | JobAsk::Wheel(_) | JobAsk::Acknowledge => Ok(()),
            };
            if let Err(Over) = gone {
                return;
            }
        }
    }

    /// Carries the file, over as many sessions as it takes.
    async fn carry(&mut self) -> Result<(), Over> {
        for attempt in 0.. {
            let session = match self.next_session(attempt > 0).await? {
                Found::Session(session) => session,
                Found::Cancelled => return Ok(()),
            };
            let Some(outcome) = self.attempt(&session).await? else {
                self.carrier.clear_away(&session).await;
                self.cancelled().await;
                return Ok(());
            };
            match outcome {
                Outcome::There(said) => return self.ended(0, Stream::Out, said).await,
                Outcome::Failed(why) => return self.ended(1, Stream::Err, why).await,
                Outcome::NotBegun(why) => {
                    self.tell(JobReport::NotStarted { why }).await;
                    return Ok(());
                }
                Outcome::Lost(why) => {
                    self.tell(JobReport::OutOfSight { why }).await;
                    self.pause(&session, attempt).await?;
                }
            }
        }
        Ok(())
    }

    /// One attempt over one session; `None` if it was cancelled meanwhile.
    async fn attempt(&mut self, session: &Session) -> Result<Option<Outcome>, Over> {
        let carrying = self.carrier.carry(session);
        tokio::pin!(carrying);
        loop {
            tokio::select! {
                outcome = &mut carrying => return Ok(Some(outcome)),
                ask = self.asks.recv() => match ask.ok_or(Over)? {
                    JobAsk::Cancel => return Ok(None),
                    JobAsk::Start(_) | JobAsk::Attach => self.carrier.accepted().await,
                    JobAsk::Answer(_) | JobAsk::Wheel(_) | JobAsk::Acknowledge => {}
                },
            }
        }
    }

    /// Says whether the file is there. Whoever began the upload is gone, and nothing goes on by itself.
    async fn look_after(&mut self) -> Result<(), Over> {
        for attempt in 0.. {
            let session = match self.next_session(attempt > 0).await? {
                Found::Session(session) => session,
                Found::Cancelled => return Ok(()),
            };
            match self.carrier.look_after(&session).await {
                Outcome::There(said) => return self.ended(0, Stream::Out, said).await,
                Outcome::Failed(why) | Outcome::NotBegun(why) => {
                    self.tell(JobReport::NotStarted { why }).await;
                    return Ok(());
                }
                Outcome::Lost(why) => {
                    self.tell(JobReport::OutOfSight { why }).await;
                    self.pause(&session, attempt).await?;
                }
            }
        }
        Ok(())
    }

    /// A session to go on with. That there is none is told once, unless it was `told` before.
    async fn next_session(&mut self, told: bool) -> Result<Found, Over> {
        let mut told = told;
        loop {
            let session = self.session.borrow_and_update().clone();
            if let Some(session) = session {
                return Ok(Found::Session(session));
            }
            if !told {
                let why = format!("no connection to {}", self.carrier.order.node);
                self.tell(JobReport::OutOfSight { why }).await;
            }
            told = true;
            tokio::select! {
                changed = self.session.changed() => changed.map_err(|_| Over)?,
                ask = self.asks.recv() => if let JobAsk::Cancel = ask.ok_or(Over)? {
                    self.cancelled().await;
                    return Ok(Found::Cancelled);
                },
            }
        }
    }

    /// Before the next attempt: until there is another session, or for a while if this one still lives.
    async fn pause(&mut self, session: &Session, attempt: u32) -> Result<(), Over> {
        tokio::select! {
            why = session.closed() => drop(why),
            () = sleep(delay(attempt, 0)) => {}
        }
        if session.is_closed()
            && self
                .session
                .borrow()
                .as_ref()
                .is_some_and(Session::is_closed)
        {
            return self.session.changed().await.map_err(|_| Over);
        }
        Ok(())
    }

    async fn ended(&self, code: i32, stream: Stream, line: String) -> Result<(), Over> {
        let claim = Claim::Exited { code };
        self.carrier.say(stream, line).await;
        self.tell(JobReport::Ended { claim }).await;
        Ok(())
    }

    async fn cancelled(&self) {
        let claim = Claim::Cancelled;
        self.tell(JobReport::Ended { claim }).await;
    }

    async fn tell(&self, report: JobReport) {
        self.carrier.teller.job(&self.carrier.order, report).await;
    }
}
