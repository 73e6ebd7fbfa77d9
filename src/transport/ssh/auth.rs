//! Logs in: keys first, then what a human types, as far as the server wants it. Several methods in a row where it wants
//! more than one (`AuthenticationMethods`).
//!
//! Every offer is counted: servers hang up after a few, and accounts are locked after a few more.

use std::collections::VecDeque;
use std::fmt::Display;
use std::time::Duration;

use russh::client::{AuthResult, Handle};
use russh::{MethodKind, MethodSet};
use secrecy::ExposeSecret as _;
use tokio::time::timeout;

use super::ask::Credentials;
use super::endpoint::Endpoint;
use super::failure::{ConnectFailure, Stage};
use super::offers::{Offer, Offers};
use super::owed::{self, Turn};
use super::vault::Loan;
use super::wanted::{Purpose, Wanted};
use super::watcher::{Heard, Watcher};

/// A server that asks a directory may be slow; one that wants the password changed never answers (the library drops that).
const PASSWORD_LIMIT: Duration = Duration::from_secs(60);
/// So many methods may be wanted one after another, refusals included, beside the keys that are offered.
const MOST_STEPS: usize = 24;
/// So often keyboard-interactive begins in one connection; ssh(1) does the same (NumberOfPasswordPrompts).
pub(super) const MOST_ROUNDS: u32 = 3;

/// One login on an open connection.
pub(super) struct Login<'a> {
    pub(super) endpoint: &'a Endpoint,
    pub(super) credentials: &'a Credentials,
    pub(super) handle: &'a mut Handle<Watcher>,
    pub(super) heard: &'a Heard,
    /// The limit of the whole login.
    pub(super) whole: &'a Turn,
    pub(super) tried: Vec<String>,
    /// A key that the server takes and whose file is locked: asked for when nothing else gets us in.
    pub(super) locked: Option<(std::path::PathBuf, bool)>,
    /// Keyboard-interactive may begin so many times more.
    pub(super) rounds_left: u32,
    /// The password was taken already in this login: a second question for it means something else.
    pub(super) password_used: bool,
}

/// So often keyboard-interactive may begin.
pub(super) fn rounds(endpoint: &Endpoint) -> u32 {
    endpoint.tuning.methods.attempts.unwrap_or(MOST_ROUNDS)
}

/// What became of one offer.
pub(super) enum Answer {
    In,
    /// The server goes on with these methods; `partial`: what was offered is good, and more is wanted.
    Remaining {
        methods: MethodSet,
        partial: bool,
    },
    /// It could not be offered.
    NotOffered(String),
}

impl<'a> Login<'a> {
    pub(super) fn new(
        endpoint: &'a Endpoint,
        credentials: &'a Credentials,
        handle: &'a mut Handle<Watcher>,
        heard: &'a Heard,
        whole: &'a Turn,
    ) -> Self {
        Self {
            endpoint,
            credentials,
            handle,
            heard,
            whole,
            tried: Vec::new(),
            locked: None,
            rounds_left: rounds(endpoint),
            password_used: false,
        }
    }

    /// Asks the server for its methods, then goes on until it lets us in or nothing is left.
    pub(super) async fn run(mut self, offers: Offers) -> Result<(), ConnectFailure> {
        self.tried = offers.notes;
        let limit = self.limit();
        let asking = self.handle.authenticate_none(&self.endpoint.user);
        let asked = Turn::of_server(Stage::Request).keep(limit, asking).await?;
        let mut remaining = match self.read_answer(asked)? {
            Answer::In => return Ok(()),
            Answer::Remaining { methods, .. } => methods,
            Answer::NotOffered(why) => return Err(self.lost(why)),
        };
        let mut keys: VecDeque<Offer> = offers.offers.into();
        // As many as there are, as ssh(1) has it: it is the server that counts them.
        for _ in 0..MOST_STEPS + keys.len() {
            let answer = match self.next_method(&remaining, !keys.is_empty()) {
                Some(MethodKind::PublicKey) => match keys.pop_front() {
                    Some(offer) => self.offer(offer).await?,
                    None => Answer::NotOffered("no key".into()),
                },
                Some(MethodKind::KeyboardInteractive) => self.converse().await?,
                Some(MethodKind::Password) => self.offer_password().await?,
                Some(MethodKind::None | MethodKind::HostBased | MethodKind::GssapiWithMic)
                | None => break,
            };
            match answer {
                Answer::In => return Ok(()),
                Answer::Remaining { methods, partial } => {
                    remaining = methods;
                    if partial {
                        self.tried
                            .push("which the server took, and wants more".into());
                    }
                }
                Answer::NotOffered(why) => self.tried.push(why),
            }
        }
        Err(self.refused(&remaining))
    }

    /// What to try next. A locked key that the server takes is asked about before any password is.
    fn next_method(&self, remaining: &MethodSet, more_keys: bool) -> Option<MethodKind> {
        let possible = |kind: &MethodKind| match kind {
            MethodKind::PublicKey => more_keys || self.asks_passphrase(),
            MethodKind::KeyboardInteractive => self.rounds_left > 0 && self.has_words(),
            MethodKind::Password => self.has_words(),
            MethodKind::None | MethodKind::HostBased | MethodKind::GssapiWithMic => false,
        };
        let mut order = self.endpoint.tuning.methods.in_order().into_iter();
        let next = order.find(|kind| remaining.contains(kind) && possible(kind))?;
        (next != MethodKind::PublicKey || more_keys).then_some(next)
    }

    fn asks_passphrase(&self) -> bool {
        self.locked.is_some() && !self.endpoint.tuning.methods.batch
    }

    /// Whether there is somebody to ask.
    pub(super) fn can_ask(&self) -> bool {
        self.credentials.can_ask() && !self.endpoint.tuning.methods.batch
    }

    /// Whether there is a password, or somebody who can give one.
    fn has_words(&self) -> bool {
        let vault = self.credentials.vault();
        let of = vault.of(&self.endpoint.node, Purpose::Login, &self.endpoint.user);
        self.can_ask() || vault.has(&of, &self.endpoint.node)
    }

    /// How long the server may take for one answer that no human waits for.
    pub(super) fn limit(&self) -> Duration {
        owed::limit(self.endpoint.connect_timeout)
    }

    /// The password of the vault, or the question for it.
    async fn offer_password(&mut self) -> Result<Answer, ConnectFailure> {
        let loan = self.borrow_password().await?;
        self.tried.push("a password".into());
        let (user, secret) = (self.endpoint.user.clone(), loan.secret().clone());
        let limit = PASSWORD_LIMIT.max(self.limit());
        let offering = self
            .handle
            .authenticate_password(user, secret.expose_secret().to_owned());
        let Ok(offered) = timeout(limit, offering).await else {
            return Err(self.lost(format!(
                "the server did not answer the password within {} s; it may want it changed: log in once with ssh",
                limit.as_secs()
            )));
        };
        let answer = self.read_answer(offered)?;
        self.settle(loan, answer)
    }

    /// Lends the login password, or fails with the question for it.
    pub(super) async fn borrow_password(&self) -> Result<Loan, ConnectFailure> {
        let (node, user) = (&self.endpoint.node, &self.endpoint.user);
        let vault = self.credentials.vault();
        let of = vault.of(node, Purpose::Login, user);
        vault
            .borrow(&of, node)
            .await
            .map_err(|wanted| self.wanted(wanted))
    }

    /// Tells the vault what the server said to its password.
    pub(super) fn settle(&mut self, loan: Loan, answer: Answer) -> Result<Answer, ConnectFailure> {
        match answer {
            Answer::In | Answer::Remaining { partial: true, .. } => {
                loan.accepted();
                self.password_used = true;
                Ok(answer)
            }
            Answer::Remaining { partial: false, .. } => {
                let wanted = loan.refused();
                Err(self.wanted(wanted))
            }
            Answer::NotOffered(_) => {
                loan.unused();
                Ok(answer)
            }
        }
    }

    /// The question, or a refusal where nobody can be asked or enough was answered.
    fn wanted(&self, wanted: Wanted) -> ConnectFailure {
        let most = self.endpoint.tuning.methods.attempts;
        let exhausted = self.credentials.vault().is_exhausted(&wanted, most);
        if self.can_ask() && !exhausted {
            return ConnectFailure::PasswordWanted(Box::new(wanted));
        }
        let mut tried = self.tried.clone();
        if let Some(node) = &wanted.refused_by {
            tried.push(format!("the password, which {node} refused"));
        }
        ConnectFailure::LoginRefused {
            user: self.endpoint.user.clone(),
            tried,
            remaining: Vec::new(),
            server_said: self.heard.said_at_end(),
        }
    }

    /// Tells a refused key from a lost connection: the library gives both the same answer.
    pub(super) fn read_answer(
        &self,
        asked: Result<AuthResult, russh::Error>,
    ) -> Result<Answer, ConnectFailure> {
        match asked {
            Ok(AuthResult::Success) => Ok(Answer::In),
            Ok(AuthResult::Failure {
                remaining_methods,
                partial_success,
            }) => self.read_failure(remaining_methods, partial_success),
            Err(error) => Err(self.gone(&error)),
        }
    }

    pub(super) fn read_failure(
        &self,
        methods: MethodSet,
        partial: bool,
    ) -> Result<Answer, ConnectFailure> {
        if !self.handle.is_closed() {
            return Ok(Answer::Remaining { methods, partial });
        }
        if self.heard.said_at_end().is_some() {
            return Err(self.refused(&methods));
        }
        Err(self.lost("the connection was closed"))
    }

    /// The connection ended, with or without a word.
    pub(super) fn gone(&self, error: &russh::Error) -> ConnectFailure {
        if self.heard.said_at_end().is_some() {
            return self.refused(&MethodSet::empty());
        }
        self.lost(error)
    }

    pub(super) fn lost(&self, why: impl Display) -> ConnectFailure {
        ConnectFailure::Lost {
            stage: Stage::Login,
            why: why.to_string(),
        }
    }

    /// Nothing is left; a locked key that the server takes is a question instead.
    fn refused(&self, remaining: &MethodSet) -> ConnectFailure {
        let hung_up = self.heard.said_at_end();
        if let (Some((path, refused)), None, true) =
            (&self.locked, &hung_up, self.asks_passphrase())
        {
            return ConnectFailure::PassphraseWanted {
                path: path.clone(),
                refused: *refused,
            };
        }
        let name = |kind: &MethodKind| <&'static str>::from(kind).to_owned();
        ConnectFailure::LoginRefused {
            user: self.endpoint.user.clone(),
            tried: self.tried.clone(),
            remaining: remaining.iter().map(name).collect(),
            server_said: hung_up,
        }
    }
}
