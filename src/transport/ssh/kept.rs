//! Shells that have answered a question and wait a moment for the next one.
//!
//! Each question in a channel of its own costs a node a process of its server, a login shell and a shell; in a shell that is
//! there already it costs a fork. Questions come in bursts: the boot identity and the probes after a login, then the checks.
//! Only questions that change nothing go this way: if the shell is gone by then, they are asked again in one of their own.
//!
//! What a script leaves running might still print when the next question is answered. So no shell is kept after a script that
//! could put something in the background, and one that speaks without having been asked is let go.

use std::time::Duration;

use russh::client::Msg;
use russh::{Channel, ChannelMsg, ChannelReadHalf, ChannelWriteHalf};
use tokio::sync::{OwnedSemaphorePermit, oneshot};
use tokio::time::{Instant, sleep, timeout, timeout_at};

use super::connection::Session;
use super::door::{Door, Mail};
use super::exec::{Limits, Raw, ReadFailure, Talk};
use super::frame::{Frame, Nonce};

/// A shell that nobody wants is not kept longer than this.
const PATIENCE: Duration = Duration::from_secs(2);
/// A stuck connection cannot be told that a channel is over.
const GOODBYE: Duration = Duration::from_secs(1);
/// Each question leaves the name of a function behind: after so many of them a new shell is taken.
const MOST_QUESTIONS: usize = 100;
/// So many shells of a connection wait at the same time.
pub(super) const MOST_KEPT: usize = 2;

/// A script in its frame, ready to be sent.
#[derive(Clone)]
pub(super) struct Framed {
    pub(super) nonce: Nonce,
    pub(super) text: Vec<u8>,
    pub(super) frame: Frame,
    /// Whether it leaves nothing behind that could speak into the next answer.
    pub(super) is_clean: bool,
}

impl Framed {
    fn is_answered(&self, raw: &Raw) -> bool {
        self.frame.is_whole(&raw.stdout, &raw.stderr, &self.nonce)
    }
}

/// One question, and where its answer goes.
struct Question {
    session: Session,
    framed: Framed,
    limits: Limits,
    answer: oneshot::Sender<Result<Raw, ReadFailure>>,
}

/// The way to a shell that waits. Dropping it lets the shell go.
pub(super) struct Kept {
    question: oneshot::Sender<Question>,
}

impl Session {
    /// Asks in a shell that waits, else in a new one that waits afterwards, else in one for this question alone.
    pub(super) async fn ask(&self, framed: Framed, limits: Limits) -> Result<Raw, ReadFailure> {
        let command = self.way().bare().filter(|_| !self.is_narrow());
        let Some(command) = command.filter(|_| framed.is_clean) else {
            return self.run(framed.text, limits).await;
        };
        if let Some(kept) = self.take_kept() {
            let (question, answered) = self.question(&framed, limits);
            if kept.question.send(question).is_ok() {
                match answered.await {
                    Ok(Ok(raw)) if framed.is_answered(&raw) => return Ok(raw),
                    Ok(Err(late @ ReadFailure::TimedOut { .. })) => return Err(late),
                    // The shell was gone.
                    Ok(_) | Err(_) => {}
                }
            }
        }
        let deadline = Instant::now() + limits.time;
        let limit = limits.time;
        let late = |_| ReadFailure::TimedOut { limit };
        let (permit, channel) = timeout_at(deadline, self.open()).await.map_err(late)??;
        let (question, answered) = self.question(&framed, limits);
        let mail = Door::staying(Some(command), framed.text.clone());
        tokio::spawn(attend(channel, permit, question, mail));
        let raw = answered.await.unwrap_or_else(|_| {
            let why = "the channel's task ended".to_owned();
            Err(ReadFailure::LinkLost { why })
        })?;
        if raw.never_began() {
            return self.run(framed.text, limits).await;
        }
        Ok(raw)
    }

    fn question(
        &self,
        framed: &Framed,
        limits: Limits,
    ) -> (Question, oneshot::Receiver<Result<Raw, ReadFailure>>) {
        let (answer, answered) = oneshot::channel();
        let question = Question {
            session: self.clone(),
            framed: framed.clone(),
            limits,
            answer,
        };
        (question, answered)
    }
}

/// One shell's life: question after question, until nobody asks for a moment.
async fn attend(
    channel: Channel<Msg>,
    permit: OwnedSemaphorePermit,
    first: Question,
    mut mail: (Door, Mail),
) {
    let (mut read, write) = channel.split();
    let mut question = first;
    for _ in 0..MOST_QUESTIONS {
        let closed = question.session.closed();
        let Some(next) = answer(question, &mut read, &write, &mut mail).await else {
            break;
        };
        let next = tokio::select! {
            biased;
            () = something_came(&mut read) => None,
            next = next => next.ok(),
            _ = closed => None,
            () = sleep(PATIENCE) => None,
        };
        let Some(next) = next else {
            break;
        };
        mail = Door::staying(None, next.framed.text.clone());
        question = next;
    }
    let _ = timeout(GOODBYE, write.close()).await;
    drop(permit);
}

/// Asks, and gives the answer to whoever wants it. When the shell can take another question: where that comes from.
async fn answer(
    question: Question,
    read: &mut ChannelReadHalf,
    write: &ChannelWriteHalf<Msg>,
    mail: &mut (Door, Mail),
) -> Option<oneshot::Receiver<Question>> {
    let Question {
        session,
        framed,
        limits,
        mut answer,
    } = question;
    let talk = Talk {
        deadline: Instant::now() + limits.time,
        session,
        limits,
    };
    let result = tokio::select! {
        result = talk.converse(read, write, mail, |raw| framed.is_answered(raw)) => result,
        () = answer.closed() => return None,
    };
    let is_ready = result.as_ref().is_ok_and(|raw| framed.is_answered(raw));
    let next = is_ready.then(|| {
        let (question, next) = oneshot::channel();
        talk.session.keep(Kept { question });
        next
    });
    // Whoever waits in a shell must not keep the connection alive: what was asked for goes with `talk`.
    let _ = answer.send(result);
    next
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

/// Whether a script, as it is written, puts nothing in the background.
pub(super) fn is_clean(script: &[u8]) -> bool {
    let and = |at: usize| script.get(at) == Some(&b'&');
    let joins = |at: usize| {
        let before = at.checked_sub(1).map(|before| script[before]);
        let after = script.get(at + 1);
        // `&&`, `2>&1`, `<&3`, and bash's `&>`.
        matches!(before, Some(b'&' | b'>' | b'<')) || matches!(after, Some(b'&' | b'>'))
    };
    let leaves = [&b"nohup"[..], b"setsid", b"coproc", b"daemon"];
    (0..script.len()).all(|at| !and(at) || joins(at))
        && !leaves
            .iter()
            .any(|word| super::frame::find(script, word).is_some())
}

#[cfg(test)]
mod tests {
    use super::is_clean;

    #[test]
    fn a_script_that_may_leave_something_running_is_seen() {
        for clean in [
            "",
            "echo a=1",
            "a && b",
            "ls 2>&1",
            "exec 3<&0",
            "f &>/dev/null",
            "a\n&&\nb",
        ] {
            assert!(is_clean(clean.as_bytes()), "{clean}");
        }
        for unclean in [
            "f &",
            "f & g",
            "&",
            "( f; g ) &\nwait",
            "nohup f",
            "setsid f",
            "echo 'a&b'",
        ] {
            assert!(!is_clean(unclean.as_bytes()), "{unclean}");
        }
    }
}
