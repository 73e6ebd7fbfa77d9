//! What humans and files gave to get in: passwords and opened keys, shared by all nodes, never printed.
//!
//! A password that nobody has proved yet is lent to one node at a time. When that node refuses it, it is forgotten and
//! asked for again: a mistyped password reaches one account once, not fifty.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use russh::keys::PrivateKey;
use secrecy::SecretString;
use sha2::{Digest as _, Sha256};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

use super::wanted::{Key, PasswordOf, Purpose, Wanted};

/// A question is not asked more often than this before somebody has to say that it shall be tried again.
const MOST_REFUSALS: u32 = 3;
/// So often a connection may end during the trial of a password before that counts as a refusal.
const MOST_UNTOLD: u32 = 2;

/// Shared by all nodes of a cluster; clones are the same vault.
#[derive(Clone)]
pub struct Vault {
    state: watch::Sender<State>,
    opened: Arc<Mutex<BTreeMap<PathBuf, Opened>>>,
    human: Arc<Semaphore>,
}

/// A key file that was opened: opening costs a tenth of a second on purpose, for each node anew.
struct Opened {
    hash: Vec<u8>,
    key: Arc<PrivateKey>,
}

#[derive(Default)]
struct State {
    passwords: BTreeMap<Key, Entry>,
    refusals: BTreeMap<Key, (String, u32)>,
    /// Nodes that refused a password which is good elsewhere.
    apart: BTreeSet<Key>,
    /// Where a node's password comes from, if the cluster file says so.
    sources: BTreeMap<(Purpose, String), String>,
    /// Nodes that were entered with something that a human typed.
    by_hand: BTreeSet<String>,
}

struct Entry {
    secret: SecretString,
    standing: Standing,
    untold: u32,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Standing {
    Untried,
    Lent,
    Proved,
}

impl Default for Vault {
    fn default() -> Self {
        Self {
            state: watch::Sender::new(State::default()),
            opened: Arc::default(),
            human: Arc::new(Semaphore::new(1)),
        }
    }
}

impl fmt::Debug for Vault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Vault").finish_non_exhaustive()
    }
}

/// Something in the vault has changed.
pub struct Changes(watch::Receiver<State>);

impl fmt::Debug for Changes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Changes").finish_non_exhaustive()
    }
}

impl Changes {
    /// Waits for a change after the last one seen.
    pub async fn next(&mut self) {
        // The vault lives as long as whoever waits here holds it.
        let _ = self.0.changed().await;
    }

    /// Whether there was one since this was asked last.
    pub(crate) fn came(&mut self) -> bool {
        let came = self.0.has_changed().unwrap_or(false);
        self.0.mark_unchanged();
        came
    }
}

impl Vault {
    /// Wakes at everything that is given from now on.
    pub fn changes(&self) -> Changes {
        Changes(self.state.subscribe())
    }

    /// Says that the password of `node` comes from `source` (`the environment variable X`). `secret`: what stood there.
    pub fn know(
        &self,
        node: &str,
        purpose: Purpose,
        user: &str,
        source: &str,
        secret: SecretString,
    ) {
        let of = PasswordOf {
            purpose,
            user: user.into(),
            source: source.into(),
        };
        self.state.send_modify(|state| {
            let place = (purpose, node.to_owned());
            state.sources.insert(place, source.to_owned());
            state.passwords.insert((of, None), Entry::new(secret));
        });
    }

    /// Takes what a human answered. It counts for every node that asks the same.
    pub fn give(&self, wanted: &Wanted, secret: SecretString) {
        self.state.send_modify(|state| {
            state.passwords.insert(wanted.key(), Entry::new(secret));
        });
    }

    /// Whether the question was answered and the answer not refused since.
    pub fn is_given(&self, wanted: &Wanted) -> bool {
        self.state.borrow().passwords.contains_key(&wanted.key())
    }

    /// The passwords that may be shown to `node`, to be kept out of sight.
    pub(crate) fn passwords(&self, node: &str) -> Vec<SecretString> {
        let state = self.state.borrow();
        let may = |(of, only): &Key| {
            let source = state.sources.get(&(of.purpose, node.to_owned()));
            let is_of_node = of.source.is_empty() || source == Some(&of.source);
            is_of_node && only.as_deref().is_none_or(|only| only == node)
        };
        let known = state.passwords.iter().filter(|(key, _)| may(key));
        known.map(|(_, entry)| entry.secret.clone()).collect()
    }

    /// A human said that it shall be tried again: the count of refusals begins anew.
    pub fn forgive(&self) {
        self.state.send_modify(|state| {
            for (_, count) in state.refusals.values_mut() {
                *count = 0;
            }
        });
    }

    /// Whether a human had to type something to enter this node.
    pub fn is_by_hand(&self, node: &str) -> bool {
        self.state.borrow().by_hand.contains(node)
    }

    pub(super) fn entered_by_hand(&self, node: &str) {
        self.state.send_modify(|state| {
            state.by_hand.insert(node.to_owned());
        });
    }

    /// The turn to talk to the human from within an open connection, if nobody else has it.
    pub(super) fn try_turn(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.human).try_acquire_owned().ok()
    }

    /// Waits for that turn.
    pub async fn turn(&self) -> OwnedSemaphorePermit {
        let turn = Arc::clone(&self.human).acquire_owned().await;
        turn.expect("the semaphore is never closed")
    }

    /// The key of an encrypted file, opened once for all nodes: `open` is called if the text is new.
    pub(super) fn opened<E>(
        &self,
        path: &Path,
        text: &str,
        open: impl FnOnce() -> Result<Arc<PrivateKey>, E>,
    ) -> Result<Arc<PrivateKey>, E> {
        let hash = Sha256::digest(text).to_vec();
        // Held meanwhile: whoever else wants the same key waits for it instead of opening it too.
        let mut opened = self.opened.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = opened.get(path).filter(|known| known.hash == hash) {
            return Ok(Arc::clone(&known.key));
        }
        let key = open()?;
        let known = Opened {
            hash,
            key: Arc::clone(&key),
        };
        opened.insert(path.to_path_buf(), known);
        Ok(key)
    }

    /// The key, if somebody has opened the file with this text.
    pub(super) fn already_open(&self, path: &Path, text: &str) -> Option<Arc<PrivateKey>> {
        let opened: MutexGuard<'_, _> = self.opened.lock().unwrap_or_else(PoisonError::into_inner);
        let known = opened.get(path)?;
        let same = known.hash == Sha256::digest(text).as_slice();
        same.then(|| Arc::clone(&known.key))
    }

    /// The password that this node's user has by the cluster file.
    pub(super) fn of(&self, node: &str, purpose: Purpose, user: &str) -> PasswordOf {
        let place = (purpose, node.to_owned());
        let source = self.state.borrow().sources.get(&place).cloned();
        PasswordOf {
            purpose,
            user: user.into(),
            source: source.unwrap_or_default(),
        }
    }

    /// Whether a password is there or under trial.
    pub(super) fn has(&self, of: &PasswordOf, node: &str) -> bool {
        let state = self.state.borrow();
        let own = (of.clone(), Some(node.to_owned()));
        let shared = state.passwords.contains_key(&(of.clone(), None));
        state.passwords.contains_key(&own) || (shared && !state.apart.contains(&own))
    }

    /// Lends the password to `node`, after waiting for the end of another node's trial; or says what to ask.
    pub(super) async fn borrow(&self, of: &PasswordOf, node: &str) -> Result<Loan, Wanted> {
        let mut changes = self.state.subscribe();
        loop {
            let mut found = None;
            self.state.send_if_modified(|state| {
                let (lent, changed) = state.lend(of, node);
                found = lent;
                changed
            });
            match found {
                Some(Ok((key, secret))) => {
                    return Ok(Loan {
                        vault: self.clone(),
                        key,
                        node: node.to_owned(),
                        secret,
                        told: false,
                    });
                }
                Some(Err(wanted)) => return Err(wanted),
                // The vault itself holds the sender.
                None => drop(changes.changed().await),
            }
        }
    }

    /// Whether this question has been answered wrongly so often that somebody must say that it goes on.
    /// `most` is NumberOfPasswordPrompts, where somebody says it.
    pub(super) fn is_exhausted(&self, wanted: &Wanted, most: Option<u32>) -> bool {
        let most = most.unwrap_or(MOST_REFUSALS);
        let state = self.state.borrow();
        let refusals = state.refusals.get(&wanted.key());
        refusals.is_some_and(|(_, count)| *count >= most)
    }
}

impl Entry {
    fn new(secret: SecretString) -> Self {
        Self {
            secret,
            standing: Standing::Untried,
            untold: 0,
        }
    }
}

impl State {
    /// A loan, a question, or nothing yet; and whether that changed anything.
    #[expect(clippy::type_complexity, reason = "used once, read on the spot")]
    fn lend(
        &mut self,
        of: &PasswordOf,
        node: &str,
    ) -> (Option<Result<(Key, SecretString), Wanted>>, bool) {
        let own = (of.clone(), Some(node.to_owned()));
        if let Some(entry) = self.passwords.get(&own) {
            return (Some(Ok((own, entry.secret.clone()))), false);
        }
        if self.apart.contains(&own) {
            return (Some(Err(self.wanted(own))), false);
        }
        let shared = (of.clone(), None);
        let Some(entry) = self.passwords.get_mut(&shared) else {
            return (Some(Err(self.wanted(shared))), false);
        };
        let secret = entry.secret.clone();
        match entry.standing {
            Standing::Proved => (Some(Ok((shared, secret))), false),
            Standing::Lent => (None, false),
            Standing::Untried => {
                entry.standing = Standing::Lent;
                (Some(Ok((shared, secret))), true)
            }
        }
    }

    fn wanted(&self, (of, only): Key) -> Wanted {
        let key = (of, only);
        let refused_by = self.refusals.get(&key).map(|(node, _)| node.clone());
        Wanted {
            refused_by,
            of: key.0,
            only: key.1,
        }
    }

    fn accept(&mut self, key: &Key, node: &str) {
        if let Some(entry) = self.passwords.get_mut(key) {
            entry.standing = Standing::Proved;
            entry.untold = 0;
        }
        self.refusals.remove(key);
        if key.0.purpose == Purpose::Login {
            self.by_hand.insert(node.to_owned());
        }
    }

    fn refuse(&mut self, key: &Key, node: &str) -> Wanted {
        let proved = |entry: &Entry| entry.standing == Standing::Proved;
        let refused = match &key.1 {
            None if self.passwords.get(key).is_some_and(proved) => {
                let own = (key.0.clone(), Some(node.to_owned()));
                self.apart.insert(own.clone());
                own
            }
            Some(_) | None => {
                self.passwords.remove(key);
                key.clone()
            }
        };
        let count = self
            .refusals
            .get(&refused)
            .map_or(0, |(_, count)| *count)
            .saturating_add(1);
        self.refusals
            .insert(refused.clone(), (node.to_owned(), count));
        self.wanted(refused)
    }

    fn take_back(&mut self, key: &Key, node: &str) {
        let Some(entry) = self.passwords.get_mut(key) else {
            return;
        };
        if entry.standing == Standing::Lent {
            entry.standing = Standing::Untried;
        }
        entry.untold += 1;
        if entry.untold >= MOST_UNTOLD && entry.standing == Standing::Untried {
            self.refuse(key, node);
        }
    }
}

/// A password in the hands of one node.
pub(super) struct Loan {
    vault: Vault,
    key: Key,
    node: String,
    secret: SecretString,
    told: bool,
}

impl Loan {
    pub(super) fn secret(&self) -> &SecretString {
        &self.secret
    }

    /// The node took it: it is good for the others too.
    pub(super) fn accepted(mut self) {
        self.told = true;
        let (key, node) = (self.key.clone(), self.node.clone());
        self.vault
            .state
            .send_modify(|state| state.accept(&key, &node));
    }

    /// The node refused it: gives back what to ask now.
    pub(super) fn refused(mut self) -> Wanted {
        self.told = true;
        let (key, node) = (self.key.clone(), self.node.clone());
        let mut wanted = None;
        self.vault
            .state
            .send_modify(|state| wanted = Some(state.refuse(&key, &node)));
        wanted.expect("the change was made")
    }

    /// It was lent and never shown to the node.
    pub(super) fn unused(mut self) {
        self.told = true;
        let key = self.key.clone();
        self.vault.state.send_modify(|state| {
            if let Some(entry) = state.passwords.get_mut(&key)
                && entry.standing == Standing::Lent
            {
                entry.standing = Standing::Untried;
            }
        });
    }
}

impl Drop for Loan {
    /// The connection ended before the node said yes or no.
    fn drop(&mut self) {
        if !self.told {
            let (key, node) = (self.key.clone(), self.node.clone());
            self.vault
                .state
                .send_modify(|state| state.take_back(&key, &node));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use secrecy::ExposeSecret as _;
    use tokio::time::timeout;

    use super::*;

    fn of(user: &str) -> PasswordOf {
        PasswordOf {
            purpose: Purpose::Login,
            user: user.into(),
            source: String::new(),
        }
    }

    async fn lent(vault: &Vault, node: &str) -> Loan {
        vault.borrow(&of("ana"), node).await.expect("a loan")
    }

    async fn asked(vault: &Vault, node: &str) -> Wanted {
        vault
            .borrow(&of("ana"), node)
            .await
            .err()
            .expect("a question")
    }

    #[tokio::test(start_paused = true)]
    async fn a_wrong_password_is_tried_on_one_node_only() {
        let vault = Vault::default();
        let wanted = asked(&vault, "st1").await;
        vault.give(&wanted, SecretString::from("wrong"));
        let first = lent(&vault, "st1").await;
        let secret_of = of("ana");
        let second = vault.borrow(&secret_of, "st2");
        tokio::pin!(second);
        let waits = timeout(Duration::from_secs(60), &mut second).await;
        assert!(waits.is_err(), "the second node waits for the first");
        first.refused();
        let again = second.await.err().expect("the second asks");
        assert_eq!(again.refused_by.as_deref(), Some("st1"));
        assert_eq!(again, asked(&vault, "st1").await, "one question for both");
    }

    #[tokio::test(start_paused = true)]
    async fn a_proved_password_is_everybodys_and_one_refusal_concerns_one_node() {
        let vault = Vault::default();
        vault.give(&asked(&vault, "st1").await, SecretString::from("good"));
        lent(&vault, "st1").await.accepted();
        let (a, b) = (lent(&vault, "st2").await, lent(&vault, "st3").await);
        a.accepted();
        let only = b.refused();
        assert_eq!(only.only.as_deref(), Some("st3"));
        assert_eq!(
            lent(&vault, "st2").await.secret().expose_secret(),
            "good",
            "st2 keeps the one that it took"
        );
        vault.give(&only, SecretString::from("other"));
        let own = lent(&vault, "st3").await;
        assert_eq!(own.secret().expose_secret(), "other");
        own.accepted();
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_that_ends_during_the_trial_counts_as_a_refusal_the_second_time() {
        let vault = Vault::default();
        vault.give(&asked(&vault, "st1").await, SecretString::from("p"));
        drop(lent(&vault, "st1").await);
        drop(lent(&vault, "st2").await);
        let wanted = asked(&vault, "st3").await;
        assert_eq!(wanted.refused_by.as_deref(), Some("st2"));
    }

    #[test]
    fn questions_say_for_whom_and_why_again() {
        let wanted = |only: Option<&str>, by: Option<&str>, source: &str| Wanted {
            of: PasswordOf {
                source: source.into(),
                ..of("ana")
            },
            only: only.map(str::to_owned),
            refused_by: by.map(str::to_owned),
        };
        let said = |w: Wanted| w.to_string();
        assert_eq!(said(wanted(None, None, "")), "login password of ana");
        assert!(said(wanted(None, Some("st1"), "$X")).contains("from $X was refused by st1"));
        assert!(said(wanted(Some("st2"), Some("st2"), "")).contains("on st2"));
    }
}
