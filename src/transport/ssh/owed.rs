//! What the server owes us in a login while nobody human is asked: an answer to our request, to a key that we offer, to a
//! signature. Each has a limit of its own, so that a server that falls silent with its TCP alive is given up soon, while
//! the touch on a security key, a password and a one-time code have the time that they need. The whole of it has a limit
//! too, which stands still while a human is asked.

use std::future::Future;
use std::time::Duration;

use russh::keys::HashAlg;
use russh::keys::agent::AgentIdentity;
use russh::{SendError, Signer};
use tokio::sync::watch;
use tokio::time::timeout;

use super::failure::{ConnectFailure, Stage};

/// A server that looks keys up in a directory takes its time, and may need the directory's own time limit.
const ANSWER_LIMIT: Duration = Duration::from_secs(20);

/// The whole login of a server that is not said to be slow.
const LOGIN_LIMIT: Duration = Duration::from_secs(120);
/// A server that is as slow as it may be has so many answers to give in an ordinary login.
const MOST_ANSWERS: u32 = 5;

/// How long one answer of a server may take that has so much time for its TCP connection: who allows a slow node more for
/// that (`ConnectTimeout`) allows it more for this.
pub(super) fn limit(connect_timeout: Duration) -> Duration {
    ANSWER_LIMIT.max(connect_timeout)
}

/// How long a whole login may take without a human, an agent included (which may wait for a touch), and a server that waits
/// for somebody's telephone.
pub(super) fn whole_limit(connect_timeout: Duration) -> Duration {
    LOGIN_LIMIT.max(limit(connect_timeout) * MOST_ANSWERS)
}

/// Whose turn it is while a key is offered: the server's, with what it owes, or (nothing) that of whoever signs.
pub(super) struct Turn(watch::Sender<Option<Stage>>);

impl Turn {
    /// The server's turn.
    pub(super) fn of_server(owed: Stage) -> Self {
        Self(watch::Sender::new(Some(owed)))
    }

    /// Waits for the end of `exchange`, and fails when one answer that the server owes takes longer than `limit`.
    pub(super) async fn keep<T>(
        &self,
        limit: Duration,
        exchange: impl Future<Output = T>,
    ) -> Result<T, ConnectFailure> {
        tokio::select! {
            biased;
            done = exchange => Ok(done),
            stage = self.overdue(limit) => Err(ConnectFailure::TimedOut { stage, limit }),
        }
    }

    /// Waits for a human, whose time is not the server's.
    pub(super) async fn of_human<T>(&self, asking: impl Future<Output = T>) -> T {
        let owed = self.0.send_replace(None);
        let done = asking.await;
        self.0.send_replace(owed);
        done
    }

    /// Ends when the server has owed one answer for so long.
    async fn overdue(&self, limit: Duration) -> Stage {
        let mut turn = self.0.subscribe();
        loop {
            let owed = *turn.borrow_and_update();
            // The sender lives as long as we do: a change is all that can come.
            match owed {
                None => drop(turn.changed().await),
                Some(stage) => {
                    if timeout(limit, turn.changed()).await.is_err() {
                        return stage;
                    }
                }
            }
        }
    }
}

/// Signs as `signer` does, and says whose turn it is.
pub(super) struct InTurn<'a, S> {
    pub(super) signer: S,
    pub(super) turn: &'a Turn,
}

impl<S> Signer for InTurn<'_, S>
where
    S: Signer + Send,
    S::Error: From<SendError> + Send,
{
    type Error = S::Error;

    async fn auth_sign(
        &mut self,
        key: &AgentIdentity,
        hash: Option<HashAlg>,
        data: Vec<u8>,
    ) -> Result<Vec<u8>, S::Error> {
        self.turn.0.send_replace(None);
        let signed = self.signer.auth_sign(key, hash, data).await;
        self.turn.0.send_replace(Some(Stage::Proof));
        signed
    }
}
