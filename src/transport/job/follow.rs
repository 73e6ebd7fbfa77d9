//! Follows a job's output by byte offset, over as many connections as it takes.

use std::time::{Duration, Instant};

use super::answer::{JobAnswer, Standing};
use super::protocol::{Ask, JobFailure, report};
use super::spec::JobId;
use crate::transport::ssh::Session;

/// Most bytes in the first piece, and over a slow line in each.
pub const PIECE: usize = 256 << 10;
/// Most bytes in a piece of a job that prints a lot over a fast line: each question costs the node some processes.
const LARGE_PIECE: usize = 4 << 20;
/// A piece after a full one is as large as what arrives in this time.
const SOON: Duration = Duration::from_secs(1);

/// Where the reading of one job stands. Survives its connections: give it another session and it goes on.
#[derive(Debug, Clone)]
pub struct Follower {
    id: JobId,
    offset: u64,
    wait: Duration,
    /// What the next question asks for, unless whoever follows has less room.
    wanted: usize,
    most: usize,
    last: Option<JobAnswer>,
}

/// One piece of news.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Followed {
    /// Where `log` begins.
    pub offset: u64,
    /// The next bytes of output, maybe none.
    pub log: Vec<u8>,
    /// The answer without its output.
    pub answer: JobAnswer,
    /// Whether this is the end: the job does not go on and all of its output has been read.
    pub last: bool,
}

impl Follower {
    /// Reads `id` from byte `offset` on; each question waits on the node for up to `wait` for news.
    pub fn new(id: JobId, offset: u64, wait: Duration) -> Self {
        Self {
            id,
            offset,
            wait,
            wanted: PIECE,
            most: LARGE_PIECE,
            last: None,
        }
    }

    /// From now on each question waits on the node for up to `wait` for news.
    pub fn hold_back(&mut self, wait: Duration) {
        self.wait = wait;
    }

    /// Bytes of output that the next question asks for.
    pub fn wanted(&self) -> usize {
        self.wanted
    }

    /// From now on each question asks for at most so many bytes of output.
    pub fn at_most(&mut self, most: usize) {
        self.most = most;
    }

    /// Whether the node had more output than was read when it answered last.
    pub fn is_behind(&self) -> bool {
        let known = self.last.as_ref().map_or(0, |answer| answer.size);
        self.offset < known
    }

    /// The next byte to be read: all before it were given out.
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// Waits for news. On a failure nothing is lost: call again, with another session if this one is gone.
    pub async fn next(&mut self, session: &Session) -> Result<Followed, JobFailure> {
        let most = self.wanted.min(self.most);
        let ask = Ask {
            offset: self.offset,
            most,
            wait: self.wait,
            known: self.last.as_ref().map(|answer| answer.state),
        };
        let asked = Instant::now();
        let answered = report(session, &self.id, ask).await;
        let mut answer = answered.inspect_err(|_| self.wanted = PIECE)?;
        let offset = self.offset;
        let log = std::mem::take(&mut answer.log);
        self.offset += log.len() as u64;
        self.wanted = if log.len() >= most {
            let rest = answer.size.saturating_sub(self.offset);
            let rest = usize::try_from(rest).unwrap_or(usize::MAX);
            soon(log.len(), asked.elapsed()).min(rest).max(PIECE)
        } else {
            PIECE
        };
        self.last = Some(answer.clone());
        let read = self.offset >= answer.size || answer.acked;
        let last = read && answer.state.standing() != Standing::Going;
        Ok(Followed {
            offset,
            log,
            answer,
            last,
        })
    }
}

/// What arrives in [`SOON`] where so much has arrived in that time (bytes); never more than [`LARGE_PIECE`].
fn soon(arrived: usize, took: Duration) -> usize {
    let arrived = u128::try_from(arrived).unwrap_or_default();
    let more = arrived * SOON.as_micros() / took.as_micros().max(1);
    usize::try_from(more).map_or(LARGE_PIECE, |more| more.min(LARGE_PIECE))
}

/// Follows to the end: `connect` gives a session whenever one is needed (and does the backing off), `sink` gets each
/// piece in order, exactly once. Ends with the final answer, with a refusal of the node, or when `connect` gives up.
pub async fn follow<E: From<JobFailure>>(
    follower: &mut Follower,
    mut connect: impl AsyncFnMut() -> Result<Session, E>,
    mut sink: impl FnMut(&Followed),
) -> Result<JobAnswer, E> {
    let mut session = connect().await?;
    loop {
        match follower.next(&session).await {
            Ok(news) => {
                sink(&news);
                if news.last {
                    return Ok(news.answer);
                }
            }
            Err(JobFailure::NoAnswer(_)) => session = connect().await?,
            Err(other @ (JobFailure::NotSent(_) | JobFailure::Refused { .. })) => {
                return Err(other.into());
            }
        }
    }
}
