//! What is asked of a node beside the following of a job: repeated until the node has answered.

use tokio::sync::watch;
use tokio::time::sleep;

use super::job::GRACE;
use super::tell::{Teller, words};
use crate::model::telemetry::Stream;
use crate::transport::Order;
use crate::transport::backoff::delay;
use crate::transport::job::{self, AnswerLine, JobFailure, JobId, Refusal};
use crate::transport::ssh::Session;

/// An answer on its way to a job's program.
#[derive(Debug)]
pub(super) struct Given {
    /// What the program had printed (bytes) when it asked.
    pub(super) at: u64,
    /// The last act at the program's wheel by then.
    pub(super) turn: Option<u64>,
    /// The line, or why there is none.
    pub(super) line: Result<AnswerLine, String>,
}

/// Asks the job to stop. The answer does not matter: the job's end is told by whoever follows it.
pub(super) async fn ask_to_stop(mut session: watch::Receiver<Option<Session>>, id: JobId) {
    for attempt in 0.. {
        let Some(found) = next(&mut session).await else {
            return;
        };
        match job::cancel(&found, &id, GRACE).await {
            Ok(_) | Err(JobFailure::NotSent(_) | JobFailure::Refused { .. }) => return,
            Err(JobFailure::NoAnswer(_)) => sleep(delay(attempt, 0)).await,
        }
    }
}

/// Gives an answer. The node writes it once, however often it is asked to.
pub(super) async fn give(
    mut session: watch::Receiver<Option<Session>>,
    id: JobId,
    given: Given,
    order: Order,
    teller: Teller,
) {
    // A line and no more: the program waits as before, and whoever follows it goes on seeing that.
    let untold = |why: String| teller.lines(&order, Stream::Err, vec![why]);
    let line = match given.line {
        Ok(line) => line,
        Err(why) => return untold(why).await,
    };
    let mut told = false;
    for attempt in 0.. {
        let Some(found) = next(&mut session).await else {
            return;
        };
        let failure = match job::answer_in_turn(&found, &id, given.at, given.turn, &line).await {
            Ok(_) => return,
            Err(failure) => failure,
        };
        let why = format!("the answer did not reach the program: {}", words(&failure));
        match failure {
            // Whoever follows the job tells its end, and what it asks now.
            JobFailure::Refused {
                refusal: Refusal::Ended | Refusal::MovedOn,
                ..
            } => return,
            // Whoever follows the job tells of the lost link.
            JobFailure::NoAnswer(_) => {}
            JobFailure::Refused {
                refusal: Refusal::Write | Refusal::Base,
                ..
            } => {
                if !told {
                    untold(why).await;
                }
                told = true;
            }
            JobFailure::NotSent(_) | JobFailure::Refused { .. } => return untold(why).await,
        }
        sleep(delay(attempt, 0)).await;
    }
}

/// A session, as soon as there is one; `None` when there never will be.
pub(super) async fn next(session: &mut watch::Receiver<Option<Session>>) -> Option<Session> {
    let found = session.wait_for(Option::is_some).await;
    found.ok()?.clone()
}
