//! A shell that has answered the first question of a connection and waits a moment for the second one.
//!
//! Each question costs a node a channel, a login shell and a shell. Two come at once after each login: which boot it is, and
//! what the probes see. The second one finds the shell of the first still open. Only questions that change nothing go this
//! way: if the shell is gone by then, they are asked again in one of their own.

use std::time::Duration;

use russh::client::Msg;
use russh::{Channel, ChannelMsg, ChannelReadHalf, ChannelWriteHalf};
use tokio::sync::{OwnedSemaphorePermit, oneshot};
use tokio::time::{Instant, sleep, sleep_until, timeout, timeout_at};

use super::become_user::Way;
use super::connection::Session;
use super::door::Door;
use super::exec::{Limits, Raw, ReadFailure, Talk};
use super::frame::{Nonce, is_whole};

/// A shell that nobody wants is not kept longer than this.
const PATIENCE: Duration = Duration::from_secs(2);
/// A stuck connection cannot be told that a channel is over.
const GOODBYE: Duration = Duration::from_secs(1);

/// The second question, and where its answer goes.
struct Question {
    session: Session,
    text: Vec<u8>,
    limits: Limits,
    answer: oneshot::Sender<Result<Raw, ReadFailure>>,
}

/// The way to a shell that waits. Dropping it lets the shell go.
pub(super) struct Spare {
    question: oneshot::Sender<Question>,
}

impl Session {
    /// Whether a shell may be left open: it is ours, and the server gives us more than one channel.
    pub(super) fn may_leave_shell(&self) -> bool {
        matches!(self.way(), Way::Ourselves) && !self.is_narrow()
    }

    /// Runs the framed `text` and leaves its shell open for the next question.
    pub(super) async fn run_and_leave_shell(
        &self,
        text: Vec<u8>,
        nonce: Nonce,
        limits: Limits,
    ) -> Result<Raw, ReadFailure> {
        let limit = limits.time;
        let deadline = Instant::now() + limit;
        let late = |_| ReadFailure::TimedOut { limit };
        let (permit, channel) = timeout_at(deadline, self.open()).await.map_err(late)??;
        let (answer, answered) = oneshot::channel();
        let talk = Talk {
            session: self.clone(),
            deadline,
            limits,
        };
        tokio::spawn(attend(talk, channel, permit, (text, nonce), answer));
        answered.await.unwrap_or_else(|_| Err(ended()))
    }

    /// Asks the shell that waits, if there is one.
    pub(super) async fn ask_spare(
        &self,
        text: &[u8],
        limits: Limits,
    ) -> Option<Result<Raw, ReadFailure>> {
        let spare = self.take_spare()?;
        let (answer, answered) = oneshot::channel();
        let question = Question {
            session: self.clone(),
            text: text.to_vec(),
            limits,
            answer,
        };
        spare.question.send(question).ok()?;
        Some(answered.await.unwrap_or_else(|_| Err(ended())))
    }
}

fn ended() -> ReadFailure {
    let why = "the channel's task ended".to_owned();
    ReadFailure::LinkLost { why }
}

/// One shell's life: the first question, a moment's wait, perhaps a second question.
async fn attend(
    talk: Talk,
    channel: Channel<Msg>,
    permit: OwnedSemaphorePermit,
    (text, nonce): (Vec<u8>, Nonce),
    mut answer: oneshot::Sender<Result<Raw, ReadFailure>>,
) {
    let (mut read, write) = channel.split();
    let first = tokio::select! {
        first = first(&talk, &mut read, &write, text, &nonce) => first,
        () = answer.closed() => return goodbye(&write, permit).await,
    };
    let (spare, question) = oneshot::channel();
    if first
        .as_ref()
        .is_ok_and(|raw| is_whole(&raw.stdout, &raw.stderr, &nonce))
    {
        talk.session.leave_spare(Spare { question: spare });
    }
    let _ = answer.send(first);
    // Whoever waits in a shell must not keep the connection alive.
    let closed = talk.session.closed();
    drop(talk);
    let question = tokio::select! {
        question = question => question.ok(),
        () = something_came(&mut read) => None,
        _ = closed => None,
        () = sleep(PATIENCE) => None,
    };
    if let Some(question) = question {
        second(question, read, &write).await;
    }
    goodbye(&write, permit).await;
}

async fn goodbye(write: &ChannelWriteHalf<Msg>, permit: OwnedSemaphorePermit) {
    let _ = timeout(GOODBYE, write.close()).await;
    drop(permit);
}

/// Asks and listens until the answer is whole; its input stays open.
async fn first(
    talk: &Talk,
    read: &mut ChannelReadHalf,
    write: &ChannelWriteHalf<Msg>,
    text: Vec<u8>,
    nonce: &Nonce,
) -> Result<Raw, ReadFailure> {
    let (mut raw, _granted) = Raw::before_grant(talk.limits);
    let command = Way::Ourselves.passage().command;
    let writing = async {
        // Errors here show as a missing answer, which is what is judged.
        let _ = write.exec(true, command).await;
        let _ = write.data_bytes(text).await;
    };
    let closed = talk.session.closed();
    tokio::pin!(writing, closed);
    let mut sent = false;
    loop {
        tokio::select! {
            () = &mut writing, if !sent => sent = true,
            message = read.wait() => match message {
                Some(message) => {
                    raw.take(message)?;
                    if is_whole(&raw.stdout, &raw.stderr, nonce) {
                        return Ok(raw);
                    }
                }
                None => return Ok(raw.with_loss(&talk.session)),
            },
            why = &mut closed => return Err(ReadFailure::LinkLost { why }),
            () = sleep_until(talk.deadline) => {
                let limit = talk.limits.time;
                return Err(ReadFailure::TimedOut { limit });
            }
        }
    }
}

/// Ends when the shell says something that nobody has asked, or is over.
async fn something_came(read: &mut ChannelReadHalf) {
    loop {
        match read.wait().await {
            Some(ChannelMsg::Success | ChannelMsg::WindowAdjusted { .. }) => {}
            Some(_) | None => return,
        }
    }
}

async fn second(question: Question, read: ChannelReadHalf, write: &ChannelWriteHalf<Msg>) {
    let Question {
        session,
        text,
        limits,
        mut answer,
    } = question;
    let deadline = Instant::now() + limits.time;
    let talk = Talk {
        session,
        deadline,
        limits,
    };
    let mut behind = Door::behind(text);
    let result = tokio::select! {
        result = talk.converse(read, write, &mut behind) => result,
        () = answer.closed() => return,
    };
    let _ = answer.send(result);
}
