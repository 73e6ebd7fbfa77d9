//! One job: started, followed over as many sessions as it takes, its end told once.

use std::time::Duration;

use secrecy::SecretString;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::sleep;

use super::tell::{Teller, words};
use crate::model::reply::{Claim, JobReport};
use crate::model::telemetry::Stream;
use crate::model::text::Cleaner;
use crate::transport::Order;
use crate::transport::backoff::delay;
use crate::transport::job::{
    self, Followed, Follower, JobAnswer, JobExit, JobFailure, JobId, JobSpec, JobState, Refusal,
    Standing,
};
use crate::transport::ssh::Session;

/// How long the node holds an answer back for news. A server that allows one channel at a time lets nothing else
/// through meanwhile.
const POLL: Duration = Duration::from_secs(5);
/// How long a cancelled script may take to end by itself. Part of what the node compares when a start is repeated:
/// never change it.
const GRACE: Duration = Duration::from_secs(30);
/// So often a start is repeated that the node has not begun yet; each waits there for up to five seconds.
const STARTS: u32 = 6;
/// So often an acknowledgement is repeated; what it frees is only space.
const ACKS: u32 = 5;

/// What may be asked of a job's task.
#[derive(Debug)]
pub(super) enum JobAsk {
    /// With the values of the script's secrets, or the name of one that nobody gave.
    Start(Result<Vec<SecretString>, String>),
    Attach,
    Cancel,
    Acknowledge,
}

/// The task of one job.
pub(super) struct Job {
    order: Order,
    asks: UnboundedReceiver<JobAsk>,
    session: watch::Receiver<Option<Session>>,
    teller: Teller,
    /// From the first byte: lines that another process of ours has shown are told again, none is left out.
    offset: u64,
    cleaner: Cleaner,
    /// It was told that it runs, and nothing else since.
    accepted: bool,
}

/// Nobody is there any more to follow it for.
struct Over;

/// What ends the following of a job.
enum Step {
    Ask(JobAsk),
    News(Result<Followed, JobFailure>),
}

impl Job {
    pub(super) fn new(
        order: Order,
        asks: UnboundedReceiver<JobAsk>,
        session: watch::Receiver<Option<Session>>,
        teller: Teller,
    ) -> Job {
        Job {
            order,
            asks,
            session,
            teller,
            offset: 0,
            cleaner: Cleaner::new(),
            accepted: false,
        }
    }

    /// Lives until the transport is dropped; the job itself does not care.
    pub(super) async fn run(mut self) {
        let id = match JobId::new(&self.order.job) {
            Ok(id) => id,
            Err(bad) => return self.never_ran(words(&bad)).await,
        };
        while let Some(ask) = self.asks.recv().await {
            let gone = match ask {
                JobAsk::Start(Ok(secrets)) => self.start(&id, secrets).await,
                JobAsk::Start(Err(name)) => {
                    let why = format!("nobody gave the secret {name}; nothing was sent");
                    self.never_ran(why).await;
                    Ok(())
                }
                JobAsk::Attach => self.follow(&id, false).await,
                JobAsk::Cancel => self.follow(&id, true).await,
                JobAsk::Acknowledge => self.acknowledge(&id).await,
            };
            if let Err(Over) = gone {
                return;
            }
        }
    }

    /// Asks for the start and follows. A request whose answer did not come is not repeated: it is asked what became of it.
    async fn start(&mut self, id: &JobId, secrets: Vec<SecretString>) -> Result<(), Over> {
        let spec = JobSpec {
            id: id.clone(),
            payload: self.order.script.text.clone().into_bytes(),
            secrets,
            grace: GRACE,
        };
        let session = self.session.borrow().clone();
        let Some(session) = session else {
            let why = format!("no connection to {}", self.order.node);
            self.out_of_sight(why).await;
            return self.follow(id, false).await;
        };
        for _ in 0..STARTS {
            match job::start(&session, &spec).await {
                Ok(answer) if answer.state.standing() == Standing::NotBegun => {}
                Ok(_) => break,
                Err(JobFailure::NotSent(bad)) => {
                    self.never_ran(words(&bad)).await;
                    return Ok(());
                }
                Err(
                    refused @ JobFailure::Refused {
                        refusal: Refusal::SpecMismatch,
                        ..
                    },
                ) => {
                    let why = words(&refused);
                    self.told(JobReport::Vanished { why }).await;
                    return Ok(());
                }
                Err(refused @ JobFailure::Refused { .. }) => {
                    self.never_ran(words(&refused)).await;
                    return Ok(());
                }
                Err(failure @ JobFailure::NoAnswer(_)) => {
                    self.out_of_sight(words(&failure)).await;
                    break;
                }
            }
        }
        self.follow(id, false).await
    }

    /// Follows the job to its end and tells it. Never starts it: one that has not begun is kept from ever beginning.
    async fn follow(&mut self, id: &JobId, cancel: bool) -> Result<(), Over> {
        let mut follower = Follower::new(id.clone(), self.offset, POLL);
        let mut cancelling = JoinSet::new();
        if cancel {
            cancelling.spawn(ask_to_stop(self.session.clone(), id.clone()));
        }
        self.accepted = false;
        let mut failures = 0;
        loop {
            let session = self.next_session().await?;
            let step = tokio::select! {
                news = follower.next(&session) => Step::News(news),
                ask = self.asks.recv() => Step::Ask(ask.ok_or(Over)?),
            };
            match step {
                Step::Ask(JobAsk::Start(_) | JobAsk::Attach) => {
                    self.accepted = false;
                    // A new one does not wait for news before it says where the job stands.
                    follower = Follower::new(id.clone(), self.offset, POLL);
                }
                Step::Ask(JobAsk::Cancel) => {
                    cancelling.spawn(ask_to_stop(self.session.clone(), id.clone()));
                }
                // Its end is not told yet, so this is about nothing.
                Step::Ask(JobAsk::Acknowledge) => {}
                Step::News(Ok(news)) => {
                    failures = 0;
                    self.offset = follower.offset();
                    if self.ended(&session, id, news).await {
                        return Ok(());
                    }
                }
                Step::News(Err(failure)) => {
                    self.out_of_sight(words(&failure)).await;
                    self.pause(&session, failures).await?;
                    failures += 1;
                }
            }
        }
    }

    /// Tells the news; whether they were the last.
    async fn ended(&mut self, session: &Session, id: &JobId, news: Followed) -> bool {
        let standing = news.answer.state.standing();
        if matches!(standing, Standing::Going | Standing::Claimed) && !self.accepted {
            self.accepted = true;
            self.teller.job(&self.order, JobReport::Accepted).await;
        }
        let lines = self.cleaner.feed(&news.log);
        self.teller.lines(&self.order, Stream::Out, lines).await;
        if !news.last {
            return false;
        }
        let answer = match standing {
            Standing::NotBegun => match job::cancel(session, id, GRACE).await {
                Ok(answer) => answer,
                Err(failure) => {
                    self.out_of_sight(words(&failure)).await;
                    return false;
                }
            },
            Standing::Going | Standing::Claimed | Standing::NeverRan | Standing::InDoubt => {
                news.answer
            }
        };
        let Some(report) = end(&answer) else {
            return false;
        };
        let last = self.cleaner.finish().into_iter().collect();
        self.teller.lines(&self.order, Stream::Out, last).await;
        self.told(report).await;
        true
    }

    async fn acknowledge(&mut self, id: &JobId) -> Result<(), Over> {
        for attempt in 0..ACKS {
            let session = self.session.wait_for(Option::is_some).await;
            let session = session.map_err(|_| Over)?.clone();
            let Some(session) = session else {
                continue;
            };
            match job::ack(&session, id).await {
                Ok(_) | Err(JobFailure::NotSent(_) | JobFailure::Refused { .. }) => return Ok(()),
                Err(JobFailure::NoAnswer(_)) => sleep(delay(attempt, 0)).await,
            }
        }
        Ok(())
    }

    /// A session to ask on. What is asked of the job while there is none is answered when there is one.
    async fn next_session(&mut self) -> Result<Session, Over> {
        loop {
            let session = self.session.borrow_and_update().clone();
            if let Some(session) = session {
                return Ok(session);
            }
            self.session.changed().await.map_err(|_| Over)?;
        }
    }

    /// Waits before the node is asked again: for another session if this one is gone.
    async fn pause(&mut self, session: &Session, failures: u32) -> Result<(), Over> {
        if session.is_closed() {
            return self.session.changed().await.map_err(|_| Over);
        }
        tokio::select! {
            () = sleep(delay(failures, 0)) => Ok(()),
            changed = self.session.changed() => changed.map_err(|_| Over),
        }
    }

    async fn out_of_sight(&mut self, why: String) {
        self.told(JobReport::OutOfSight { why }).await;
    }

    async fn never_ran(&mut self, why: String) {
        self.told(JobReport::NotStarted { why }).await;
    }

    async fn told(&mut self, report: JobReport) {
        self.accepted = false;
        self.teller.job(&self.order, report).await;
    }
}

/// Asks the node until it has answered. The answer does not matter: the job's end is told by whoever follows it.
async fn ask_to_stop(mut session: watch::Receiver<Option<Session>>, id: JobId) {
    for attempt in 0.. {
        let found = session.wait_for(Option::is_some).await.map(|s| s.clone());
        let Ok(Some(found)) = found else {
            return;
        };
        match job::cancel(&found, &id, GRACE).await {
            Ok(_) | Err(JobFailure::NotSent(_) | JobFailure::Refused { .. }) => return,
            Err(JobFailure::NoAnswer(_)) => sleep(delay(attempt, 0)).await,
        }
    }
}

/// What an answer says about the end; nothing while the job goes on.
fn end(answer: &JobAnswer) -> Option<JobReport> {
    let not_started = |why: &str| JobReport::NotStarted { why: why.into() };
    let vanished = |why: &str| JobReport::Vanished { why: why.into() };
    Some(match answer.state {
        JobState::Done => JobReport::Ended {
            claim: claim(answer.exit.as_ref()?),
        },
        JobState::None | JobState::New | JobState::Starting | JobState::Running => return None,
        JobState::Orphaned => return None,
        JobState::Cancelled => {
            not_started("it had not begun on the node, and now it never will under this name")
        }
        JobState::RebootedBeforeExec => not_started("the node was booted before the script began"),
        JobState::DiedBeforeExec => {
            not_started("what was to run the script was ended before the script began")
        }
        JobState::Rebooted => vanished("the node was booted while the script ran"),
        JobState::Vanished => {
            vanished("the script is gone from the node and its end is not recorded")
        }
        JobState::BadRecord => vanished("the record of its end cannot be read on the node"),
    })
}

fn claim(exit: &JobExit) -> Claim {
    if exit.cancelled && exit.code != 0 {
        return Claim::Cancelled;
    }
    match exit.signal() {
        Some(signal) => Claim::Killed {
            signal: i32::from(signal),
        },
        None => Claim::Exited {
            code: i32::from(exit.code),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_is_read_from_the_record_alone() {
        let exit = |code, cancelled| JobExit {
            code,
            cancelled,
            log_size: 0,
        };
        assert_eq!(claim(&exit(0, false)), Claim::Exited { code: 0 });
        assert_eq!(claim(&exit(75, false)), Claim::Exited { code: 75 });
        assert_eq!(claim(&exit(137, false)), Claim::Killed { signal: 9 });
        assert_eq!(claim(&exit(143, true)), Claim::Cancelled);
        // It ended well before the request reached it.
        assert_eq!(claim(&exit(0, true)), Claim::Exited { code: 0 });
    }
}
