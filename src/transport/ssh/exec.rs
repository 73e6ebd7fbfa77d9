//! Runs `sh -s` on the node and brings back what it said: the only way in which anything is executed.
//!
//! Each channel has a task of its own that always drains it: one channel that is not read blocks the whole
//! connection, life signs included. Dropping the future that waits for the answer ends that task.

use std::time::Duration;

use russh::client::Msg;
use russh::{Channel, ChannelMsg, ChannelReadHalf, ChannelWriteHalf};
use tokio::sync::{OwnedSemaphorePermit, mpsc, oneshot};
use tokio::time::{Instant, sleep, sleep_until, timeout, timeout_at};

use super::become_user::Way;
use super::collect::Collected;
use super::connection::{CHANNELS, Session};
use super::door::{Door, Mail, Stand};

/// Opening a channel takes one round trip; longer means a stuck server.
const OPEN_LIMIT: Duration = Duration::from_secs(15);
/// A process that is gone may leave a child that holds its output open: so much silence ends the wait.
const SILENCE_AFTER_EXIT: Duration = Duration::from_secs(2);
/// After a lost connection only what has already arrived is read.
const REST_AFTER_LOSS: Duration = Duration::from_secs(1);
/// A server that allows one session may still count the one that has just ended.
const NARROW_TRIES: u32 = 20;
const NARROW_PAUSE: Duration = Duration::from_millis(100);
/// So often a channel may be closed under us before the server has granted the command: nothing has run then.
const UNGRANTED_TRIES: u32 = 10;

/// Bounds of one read.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// From the request to the last byte, waiting for a free channel included.
    pub time: Duration,
    /// Most bytes kept of each of the two streams; the rest is read and thrown away.
    pub bytes: usize,
}

/// Why a script's answer is not there. The script may or may not have run: only good for scripts that change nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReadFailure {
    /// The connection ended before the answer was complete.
    #[error(
        "the connection was lost before the answer was complete ({why}); connect again and ask again"
    )]
    LinkLost {
        /// Why it ended.
        why: String,
    },
    /// The time was up. What was started may still run on the node.
    #[error("no complete answer within {} s; the node may be overloaded or the script waits for something", .limit.as_secs())]
    TimedOut {
        /// The limit.
        limit: Duration,
    },
    /// The server opens no channel.
    #[error(
        "the server refused to run a command ({why}); see MaxSessions and ForceCommand in its configuration"
    )]
    ChannelRefused {
        /// What it said.
        why: String,
    },
    /// The remote shell ended without our frame around its answer.
    #[error("the remote shell gave no answer ({ending}); it said {said:?}")]
    NoAnswer {
        /// How it ended.
        ending: String,
        /// The end of its error output.
        said: String,
    },
    /// The script cannot be sent.
    #[error("the script holds a NUL byte, which no shell can read; remove it")]
    NotSendable,
}

/// What goes to the standard input of `sh -s`.
pub(crate) struct Input {
    /// The script.
    pub(crate) text: Vec<u8>,
    pub(crate) then: Then,
}

/// What follows the script.
pub(crate) enum Then {
    /// The end of the input.
    End,
    /// Data, then the end.
    Data(After),
    /// Nothing for now: the shell waits for another question.
    More,
}

impl Input {
    /// A script and nothing else.
    pub(crate) fn text(text: Vec<u8>) -> Self {
        Self {
            text,
            then: Then::End,
        }
    }
}

/// Data for a script that reads its standard input. A shell may read ahead, and what it has read is lost to its commands:
/// so nothing is sent before the script says that it is ready.
pub(crate) struct After {
    /// What the script prints when it is ready.
    pub(crate) ready: Vec<u8>,
    /// The pieces; their end is the end of the input.
    pub(crate) pieces: mpsc::Receiver<Vec<u8>>,
}

/// How a remote process ended, as the server reports it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Ending {
    Status(u32),
    Signal(String),
    /// The channel closed without a word on it: no claim can rest on that.
    Unknown,
}

/// Everything that one `sh -s` gave.
#[derive(Debug)]
pub(crate) struct Raw {
    pub(crate) stdout: Collected,
    pub(crate) stderr: Collected,
    pub(crate) ending: Ending,
    /// The reason, if the connection went away meanwhile.
    pub(crate) lost: Option<String>,
    /// How far we came on the way to the shell.
    pub(super) stand: Stand,
    /// Who waits for the server's word that the command runs.
    granted: Option<oneshot::Sender<()>>,
}

impl Raw {
    /// The failure to report when the answer is not framed as it should be.
    pub(crate) fn no_answer(&self) -> ReadFailure {
        if let (Some(why), Ending::Unknown) = (&self.lost, &self.ending) {
            return ReadFailure::LinkLost { why: why.clone() };
        }
        let ending = match &self.ending {
            _ if self.stand == Stand::Refused => {
                "the password for the other user was refused".into()
            }
            Ending::Status(code) => format!("it exited with {code}"),
            Ending::Signal(name) => format!("it was ended by signal {name:?}"),
            Ending::Unknown => "the channel was closed without an exit status".into(),
        };
        let said = String::from_utf8_lossy(self.stderr.last())
            .trim()
            .to_owned();
        ReadFailure::NoAnswer { ending, said }
    }
}

impl Session {
    /// Runs the one command with `input` on its standard input; both streams are kept up to `limits.bytes`.
    pub(crate) async fn run(&self, text: Vec<u8>, limits: Limits) -> Result<Raw, ReadFailure> {
        self.run_with(Input::text(text), limits).await
    }

    /// As [`Session::run`], with data after the script.
    pub(crate) async fn run_with(&self, input: Input, limits: Limits) -> Result<Raw, ReadFailure> {
        let raw = self.run_by(self.way(), input, limits).await?;
        if raw.stand == Stand::Refused {
            // Whoever asks next must not offer the same password again: the next login asks for another.
            self.give_up_way();
        }
        Ok(raw)
    }

    /// As [`Session::run`], as the user that `way` leads to.
    pub(super) async fn run_by(
        &self,
        way: &Way,
        input: Input,
        limits: Limits,
    ) -> Result<Raw, ReadFailure> {
        let limit = limits.time;
        let deadline = Instant::now() + limit;
        let late = |_| ReadFailure::TimedOut { limit };
        let (permit, channel) = timeout_at(deadline, self.open()).await.map_err(late)??;
        let (answer, answered) = oneshot::channel();
        let door = Door::new(way.passage(), input);
        let talk = Talk {
            session: self.clone(),
            deadline,
            limits,
        };
        tokio::spawn(talk.attend(channel, permit, door, answer));
        answered.await.unwrap_or_else(|_| {
            let why = "the channel's task ended".to_owned();
            Err(ReadFailure::LinkLost { why })
        })
    }

    pub(super) async fn open(&self) -> Result<(OwnedSemaphorePermit, Channel<Msg>), ReadFailure> {
        let mut tries = 0;
        loop {
            let narrow = self.is_narrow();
            let share = if narrow { CHANNELS } else { 1 };
            if self.link.channels.available_permits() < share as usize {
                self.let_kept_go();
            }
            let permit = self.link.channels.clone().acquire_many_owned(share).await;
            let permit = permit.expect("the semaphore is never closed");
            match self.open_one().await {
                Ok(channel) => return Ok((permit, channel)),
                Err(refused @ ReadFailure::ChannelRefused { .. }) if tries == NARROW_TRIES => {
                    return Err(refused);
                }
                Err(ReadFailure::ChannelRefused { .. }) => {
                    drop(permit);
                    self.set_narrow();
                    tries += 1;
                    if narrow {
                        sleep(NARROW_PAUSE).await;
                    }
                }
                Err(other) => return Err(other),
            }
        }
    }

    async fn open_one(&self) -> Result<Channel<Msg>, ReadFailure> {
        let opening = timeout(OPEN_LIMIT, self.link.handle.channel_open_session());
        let opened = tokio::select! {
            opened = opening => opened,
            why = self.closed() => return Err(ReadFailure::LinkLost { why }),
        };
        match opened {
            Ok(Ok(channel)) => Ok(channel),
            Ok(Err(russh::Error::ChannelOpenFailure(reason))) => Err(ReadFailure::ChannelRefused {
                why: format!("{reason:?}"),
            }),
            Ok(Err(error)) => Err(ReadFailure::LinkLost {
                why: self.lost().unwrap_or_else(|| error.to_string()),
            }),
            Err(_) => Err(ReadFailure::TimedOut { limit: OPEN_LIMIT }),
        }
    }
}

/// One channel's life, from the request to the last byte.
pub(super) struct Talk {
    pub(super) session: Session,
    pub(super) deadline: Instant,
    pub(super) limits: Limits,
}

impl Talk {
    /// Talks until there is an answer or nobody wants it any more, then closes the channel.
    ///
    /// Dropbear closes a channel that has no command yet when another one's command ends at that moment. Nothing has run
    /// then, so another channel is asked.
    async fn attend(
        self,
        channel: Channel<Msg>,
        permit: OwnedSemaphorePermit,
        mut door: (Door, Mail),
        mut answer: oneshot::Sender<Result<Raw, ReadFailure>>,
    ) {
        let (mut permit, mut channel) = (permit, channel);
        let mut tries = 0;
        let result = loop {
            let (mut read, write) = channel.split();
            let result = tokio::select! {
                result = self.converse(&mut read, &write, &mut door, |_| false) => Some(result),
                () = answer.closed() => None,
            };
            // Nothing is read after our own close: the library would wait for ever.
            let _ = timeout(Duration::from_secs(1), write.close()).await;
            drop(permit);
            match &result {
                Some(Ok(raw)) if raw.never_began() && tries < UNGRANTED_TRIES => tries += 1,
                _ => break result,
            }
            let limit = self.limits.time;
            let another = timeout_at(self.deadline, self.session.open()).await;
            (permit, channel) = match another {
                Ok(Ok(opened)) => opened,
                Ok(Err(failure)) => break Some(Err(failure)),
                Err(_) => break Some(Err(ReadFailure::TimedOut { limit })),
            };
        };
        if let Some(result) = result {
            let _ = answer.send(result);
        }
    }

    /// Writes and reads to the end of the channel, or until there `is_enough`.
    pub(super) async fn converse(
        &self,
        read: &mut ChannelReadHalf,
        write: &ChannelWriteHalf<Msg>,
        (door, mail): &mut (Door, Mail),
        is_enough: impl Fn(&Raw) -> bool,
    ) -> Result<Raw, ReadFailure> {
        let (mut raw, granted) = Raw::before_grant(self.limits);
        raw.stand = door.stand();
        if !mail.asks() {
            raw.granted = None;
        }
        let writing = mail.send(write, granted);
        let closed = self.session.closed();
        tokio::pin!(writing, closed);
        let (mut sent, mut deadline) = (false, self.deadline);
        loop {
            tokio::select! {
                // A writer that waits for room is not woken when the session dies, so it never stands alone.
                () = &mut writing, if !sent => sent = true,
                message = read.wait() => match message {
                    Some(message) => {
                        raw.take(message)?;
                        door.look(raw.stdout.first(), raw.stderr.first());
                        raw.stand = door.stand();
                        if is_enough(&raw) {
                            return Ok(raw);
                        }
                    }
                    None => return Ok(raw.with_loss(&self.session)),
                },
                why = &mut closed, if raw.lost.is_none() => {
                    raw.lost = Some(why);
                    sent = true;
                    deadline = deadline.min(Instant::now() + REST_AFTER_LOSS);
                }
                () = sleep_until(deadline.min(raw.patience())) => return self.give_up(raw),
            }
        }
    }

    fn give_up(&self, raw: Raw) -> Result<Raw, ReadFailure> {
        if raw.lost.is_some() || raw.ending != Ending::Unknown {
            return Ok(raw);
        }
        let limit = self.limits.time;
        Err(ReadFailure::TimedOut { limit })
    }
}

impl Raw {
    /// Nothing came yet, the server's word that the command runs neither; and who hears that word.
    pub(super) fn before_grant(limits: Limits) -> (Self, oneshot::Receiver<()>) {
        let (grant, granted) = oneshot::channel();
        let raw = Self {
            stdout: Collected::keeping(limits.bytes),
            stderr: Collected::keeping(limits.bytes),
            ending: Ending::Unknown,
            lost: None,
            stand: Stand::Through { tried: false },
            granted: Some(grant),
        };
        (raw, granted)
    }

    /// The channel was closed under us before the server had granted the command.
    pub(super) fn never_began(&self) -> bool {
        self.granted.is_some() && self.lost.is_none()
    }

    pub(super) fn take(&mut self, message: ChannelMsg) -> Result<(), ReadFailure> {
        // Any word of the command shows that it runs, whatever the server forgot to say.
        let runs = matches!(
            message,
            ChannelMsg::Success
                | ChannelMsg::Data { .. }
                | ChannelMsg::ExtendedData { .. }
                | ChannelMsg::ExitStatus { .. }
                | ChannelMsg::ExitSignal { .. }
        );
        if let Some(granted) = self.granted.take_if(|_| runs) {
            // Nobody waits any more when the request could not be sent.
            let _ = granted.send(());
        }
        match message {
            ChannelMsg::Data { data } => self.stdout.add(&data),
            ChannelMsg::ExtendedData { data, ext: 1 } => self.stderr.add(&data),
            ChannelMsg::ExitStatus { exit_status } => self.ending = Ending::Status(exit_status),
            ChannelMsg::ExitSignal { signal_name, .. } => {
                self.ending = Ending::Signal(format!("{signal_name:?}"));
            }
            ChannelMsg::Failure => {
                return Err(ReadFailure::ChannelRefused {
                    why: "the request to run a command was denied".into(),
                });
            }
            // The library's list is open; nothing else carries an answer.
            _ => {}
        }
        Ok(())
    }

    /// The channel of a lost connection ends like any other; the reason stands with the session.
    pub(super) fn with_loss(mut self, session: &Session) -> Self {
        self.lost = self.lost.or_else(|| session.lost());
        self
    }

    /// When to stop waiting for more after the process is known to be gone. Renewed by each message.
    fn patience(&self) -> Instant {
        match self.ending {
            Ending::Unknown => Instant::now() + Duration::from_secs(3600),
            Ending::Status(_) | Ending::Signal(_) => Instant::now() + SILENCE_AFTER_EXIT,
        }
    }
}
