//! Questions that a server asks while we log in, and the secrets that answer them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use secrecy::SecretString;
use tokio::sync::mpsc::UnboundedSender;
use tokio::sync::{OwnedSemaphorePermit, oneshot};

use super::failure::ConnectFailure;
use super::vault::Vault;

/// A question of a server with the connection open: it goes on when `answer` is used.
#[derive(Debug)]
pub struct LiveQuestion {
    /// What is asked, with the node's name; already cleaned.
    pub text: String,
    /// Takes the answer.
    pub answer: oneshot::Sender<SecretString>,
}

/// The secrets that a login may need, and who can be asked for more. Never printed: `Debug` shows the paths only.
#[derive(Debug, Clone, Default)]
pub struct Credentials {
    passphrases: BTreeMap<PathBuf, SecretString>,
    vault: Vault,
    human: Option<UnboundedSender<LiveQuestion>>,
    turn: Option<Arc<OwnedSemaphorePermit>>,
}

impl Credentials {
    /// Adds the passphrase of the key file at `path`, as named in the endpoint. An empty one means: go on without this key.
    pub fn add_passphrase(&mut self, path: &Path, passphrase: SecretString) {
        self.passphrases.insert(path.to_path_buf(), passphrase);
    }

    pub(crate) fn passphrase(&self, path: &Path) -> Option<&SecretString> {
        self.passphrases.get(path)
    }

    /// All passphrases, to be kept out of sight.
    pub(crate) fn passphrases(&self) -> impl Iterator<Item = &SecretString> {
        self.passphrases.values()
    }

    /// Passwords and opened keys, the same for all clones.
    pub fn vault(&self) -> &Vault {
        &self.vault
    }

    /// The same secrets, with a human behind `questions`: what is not known is asked, not refused. `turn`: the right to ask
    /// from within a connection, if it was waited for.
    pub fn asking(
        &self,
        questions: UnboundedSender<LiveQuestion>,
        turn: Option<Arc<OwnedSemaphorePermit>>,
    ) -> Self {
        Self {
            human: Some(questions),
            turn,
            ..self.clone()
        }
    }

    /// Whether there is somebody to ask.
    pub(super) fn can_ask(&self) -> bool {
        self.human.is_some()
    }

    /// Takes the turn to ask from within this connection.
    pub(super) fn take_turn(&self) -> Result<Turn<'_>, ConnectFailure> {
        let Some(human) = &self.human else {
            return Ok(Turn {
                human: None,
                _turn: None,
            });
        };
        let turn = match &self.turn {
            Some(turn) => Arc::clone(turn),
            None => Arc::new(self.vault.try_turn().ok_or(ConnectFailure::NotOurTurn)?),
        };
        Ok(Turn {
            human: Some(human),
            _turn: Some(turn),
        })
    }
}

/// The right to ask the human, until it is dropped.
pub(super) struct Turn<'a> {
    human: Option<&'a UnboundedSender<LiveQuestion>>,
    _turn: Option<Arc<OwnedSemaphorePermit>>,
}

impl Turn<'_> {
    /// The human's answer; `None` when there is nobody.
    pub(super) async fn ask(&self, text: String) -> Option<SecretString> {
        let (answer, answered) = oneshot::channel();
        self.human?.send(LiveQuestion { text, answer }).ok()?;
        answered.await.ok()
    }
}
