//! Logs in with keys: agent first, then files; every offer is counted.
//!
//! Keyboard-interactive and password belong after the keys, in [`Login::run`]; they are not built yet.

use std::fmt::Display;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use russh::client::{AuthResult, Handle};
use russh::keys::agent::client::AgentClient;
use russh::keys::{HashAlg, PrivateKeyWithHashAlg, PublicKey};
use russh::{MethodKind, MethodSet};
use tokio::net::UnixStream;
use tokio::time::timeout;

use super::endpoint::{Credentials, Endpoint};
use super::failure::{ConnectFailure, Stage};
use super::identity::{Identity, Secret};
use super::known_hosts::fingerprint;
use super::watcher::{Heard, Watcher};

/// Servers count every offered key and hang up after a few (OpenSSH: six).
const MOST_OFFERS: usize = 4;
/// What a refusal says about the keys beyond that number.
const LEFT_OUT: &str = "and more, which were not tried: name the right one with identity";
/// An agent may wait for a touch on a security key; a hung one must not hang the login.
const AGENT_LIMIT: Duration = Duration::from_secs(60);
/// Limit for listing an agent's keys, which needs no human.
const AGENT_LIST_LIMIT: Duration = Duration::from_secs(5);

/// One key that will be offered.
pub(super) enum Offer {
    /// The agent signs.
    Agent(PublicKey),
    /// We sign with the key of a file.
    File(Identity),
}

/// The offers of one login, in order, and what was left out.
pub(super) struct Offers {
    offers: Vec<Offer>,
    notes: Vec<String>,
}

/// Gathers what can be offered, before any connection; asks for a passphrase only when nothing comes before that key.
pub(super) async fn prepare(
    endpoint: &Endpoint,
    credentials: &Credentials,
) -> Result<Offers, ConnectFailure> {
    let mut notes = Vec::new();
    let in_agent = match &endpoint.agent {
        Some(socket) => agent_keys(socket).await.unwrap_or_else(|why| {
            notes.push(format!("agent {}: {why}", socket.display()));
            Vec::new()
        }),
        None => Vec::new(),
    };
    let mut from_agent: Vec<PublicKey> = Vec::new();
    let mut files = Vec::new();
    for path in &endpoint.identities {
        let Some(identity) = Identity::load(path, credentials)? else {
            notes.push(format!("{} (no such file)", path.display()));
            continue;
        };
        match identity.public.as_ref().filter(|key| holds(&in_agent, key)) {
            Some(key) => from_agent.push(key.clone()),
            None => files.push(identity),
        }
    }
    if !endpoint.identities_only {
        for key in in_agent {
            if !holds(&from_agent, &key) {
                from_agent.push(key);
            }
        }
    }
    let agent = from_agent.into_iter().map(Offer::Agent);
    let offers: Vec<Offer> = agent.chain(files.into_iter().map(Offer::File)).collect();
    if let Some(Offer::File(first)) = offers.first() {
        first.opened()?;
    }
    Ok(Offers { offers, notes })
}

fn holds(keys: &[PublicKey], key: &PublicKey) -> bool {
    // Equality of whole keys would compare their comments too.
    keys.iter().any(|held| held.key_data() == key.key_data())
}

async fn agent_keys(socket: &Path) -> Result<Vec<PublicKey>, String> {
    let listing = async {
        let mut agent = AgentClient::connect_uds(socket).await?;
        agent.request_identities().await
    };
    let identities = timeout(AGENT_LIST_LIMIT, listing)
        .await
        .map_err(|_| "it does not answer".to_owned())?
        .map_err(|error| error.to_string())?;
    let plain = |identity| match identity {
        russh::keys::agent::AgentIdentity::PublicKey { key, .. } => Some(key),
        // User certificates come with the rest of the login methods.
        russh::keys::agent::AgentIdentity::Certificate { .. } => None,
    };
    Ok(identities.into_iter().filter_map(plain).collect())
}

/// One login on an open connection.
pub(super) struct Login<'a> {
    pub(super) endpoint: &'a Endpoint,
    pub(super) handle: &'a mut Handle<Watcher>,
    pub(super) heard: &'a Heard,
    pub(super) tried: Vec<String>,
}

/// What became of one offer.
enum Answer {
    In,
    /// Not this key; the server still takes these methods.
    Remaining(MethodSet),
    /// It could not be offered.
    NotOffered(String),
}

impl Login<'_> {
    /// Asks the server for its methods, then offers the keys until one is taken.
    pub(super) async fn run(mut self, offers: Offers) -> Result<(), ConnectFailure> {
        self.tried = offers.notes;
        let asked = self.handle.authenticate_none(&self.endpoint.user).await;
        let mut remaining = match self.read_answer(asked)? {
            Answer::In => return Ok(()),
            Answer::Remaining(methods) => methods,
            Answer::NotOffered(why) => return Err(self.lost(why)),
        };
        for (made, offer) in offers.offers.into_iter().enumerate() {
            if !remaining.contains(&MethodKind::PublicKey) {
                break;
            }
            if made == MOST_OFFERS {
                self.tried.push(LEFT_OUT.into());
                break;
            }
            match self.offer(offer).await? {
                Answer::In => return Ok(()),
                Answer::Remaining(methods) => remaining = methods,
                Answer::NotOffered(why) => self.tried.push(why),
            }
        }
        Err(self.refused(&remaining))
    }

    async fn offer(&mut self, offer: Offer) -> Result<Answer, ConnectFailure> {
        match offer {
            Offer::Agent(key) => self.offer_agent(key).await,
            Offer::File(identity) => self.offer_file(&identity).await,
        }
    }

    async fn offer_file(&mut self, identity: &Identity) -> Result<Answer, ConnectFailure> {
        let key = match &identity.secret {
            Secret::Open(key) => key.clone(),
            Secret::Locked { .. } => {
                return Err(identity
                    .opened()
                    .err()
                    .unwrap_or_else(|| self.lost("locked key")));
            }
        };
        self.note(key.public_key(), identity.path.display());
        let hash = self.rsa_hash(key.public_key()).await?;
        let key = PrivateKeyWithHashAlg::new(Arc::clone(&key), hash);
        let asked = self
            .handle
            .authenticate_publickey(&self.endpoint.user, key)
            .await;
        self.read_answer(asked)
    }

    async fn offer_agent(&mut self, key: PublicKey) -> Result<Answer, ConnectFailure> {
        let Some(socket) = &self.endpoint.agent else {
            return Ok(Answer::NotOffered("agent: no socket".into()));
        };
        self.note(&key, "agent");
        let hash = self.rsa_hash(&key).await?;
        let signing = async {
            let mut agent = AgentClient::connect_uds(socket)
                .await
                .map_err(|error| error.to_string())?;
            self.bind(&mut agent).await;
            self.handle
                .authenticate_publickey_with(&self.endpoint.user, key, hash, &mut agent)
                .await
                .map_err(|error| error.to_string())
        };
        match timeout(AGENT_LIMIT, signing).await {
            Ok(Ok(result)) => self.read_answer(Ok(result)),
            Ok(Err(why)) => Ok(Answer::NotOffered(format!("agent: {why}"))),
            Err(_) => Err(self.lost("the agent did not sign within a minute")),
        }
    }

    /// Ties the agent's connection to this server, so that keys limited to certain hosts can be used.
    async fn bind(&self, agent: &mut AgentClient<UnixStream>) {
        if let Some(binding) = self.handle.agent_session_binding() {
            // Agents that do not know the extension say no; their keys have no such limits.
            let _ = agent.bind_session(binding, false).await;
        }
    }

    /// SHA-2 for RSA keys, never SHA-1, whatever the server prefers.
    async fn rsa_hash(&mut self, key: &PublicKey) -> Result<Option<HashAlg>, ConnectFailure> {
        if !key.algorithm().is_rsa() {
            return Ok(None);
        }
        let best = self.handle.best_supported_rsa_hash().await;
        let best = best.map_err(|error| self.lost(error))?;
        Ok(Some(best.flatten().unwrap_or(HashAlg::Sha512)))
    }

    fn note(&mut self, key: &PublicKey, origin: impl Display) {
        self.tried.push(format!(
            "{origin} ({} {})",
            key.algorithm(),
            fingerprint(key)
        ));
    }

    /// Tells a refused key from a lost connection: the library gives both the same answer.
    fn read_answer(
        &self,
        asked: Result<AuthResult, russh::Error>,
    ) -> Result<Answer, ConnectFailure> {
        match asked {
            Ok(AuthResult::Success) => Ok(Answer::In),
            Ok(AuthResult::Failure {
                remaining_methods, ..
            }) if !self.handle.is_closed() => Ok(Answer::Remaining(remaining_methods)),
            Ok(AuthResult::Failure {
                remaining_methods, ..
            }) if self.heard.said_at_end().is_some() => Err(self.refused(&remaining_methods)),
            Ok(AuthResult::Failure { .. }) => Err(self.lost("the connection was closed")),
            Err(_) if self.heard.said_at_end().is_some() => Err(self.refused(&MethodSet::empty())),
            Err(error) => Err(self.lost(error)),
        }
    }

    fn lost(&self, why: impl Display) -> ConnectFailure {
        ConnectFailure::Lost {
            stage: Stage::Login,
            why: why.to_string(),
        }
    }

    fn refused(&self, remaining: &MethodSet) -> ConnectFailure {
        let name = |kind: &MethodKind| <&'static str>::from(kind).to_owned();
        ConnectFailure::LoginRefused {
            user: self.endpoint.user.clone(),
            tried: self.tried.clone(),
            remaining: remaining.iter().map(name).collect(),
            server_said: self.heard.said_at_end(),
        }
    }
}
