//! Offers keys in a login, by the agent and by files, and reads what came of it.

use std::fmt::Display;

use russh::Signer;
use russh::client::AuthResult;
use russh::keys::agent::AgentIdentity;
use russh::keys::agent::client::AgentClient;
use russh::keys::{HashAlg, PublicKey, PublicKeyOrCertificate};
use tokio::net::UnixStream;
use tokio::time::timeout;

use super::auth::{Answer, Login};
use super::failure::{ConnectFailure, Stage};
use super::identity::Identity;
use super::known_hosts::fingerprint;
use super::offers::{By, Offer};
use super::owed::{InTurn, Turn};
use super::signing::{AGENT_LIMIT, AgentSigner, FileSigner, NotSigned};

impl Login<'_> {
    /// Offers one key, and signs with it when the server takes it.
    pub(super) async fn offer(&mut self, offer: Offer) -> Result<Answer, ConnectFailure> {
        let Offer { what, by } = offer;
        match by {
            By::File(identity) => self.offer_file(what, &identity).await,
            By::Agent(key) => self.offer_agent(what, &key).await,
        }
    }

    async fn offer_file(
        &mut self,
        what: PublicKeyOrCertificate,
        identity: &Identity,
    ) -> Result<Answer, ConnectFailure> {
        self.note(&what, identity.path.display());
        let offered = self.offer_with(what, FileSigner(identity)).await?;
        self.read_signed(offered, "the file's key")
    }

    async fn offer_agent(
        &mut self,
        what: PublicKeyOrCertificate,
        key: &AgentIdentity,
    ) -> Result<Answer, ConnectFailure> {
        let Some(socket) = &self.endpoint.agent else {
            return Ok(Answer::NotOffered("agent: no socket".into()));
        };
        self.note(&what, "agent");
        let finding = async {
            let agent = AgentClient::connect_uds(socket).await;
            let mut agent = agent.map_err(|error| NotSigned::Failed(error.to_string()))?;
            self.bind(&mut agent).await;
            Ok(agent)
        };
        let found = timeout(AGENT_LIMIT, finding).await;
        let offered = match found.unwrap_or(Err(NotSigned::Hung)) {
            Ok(agent) => self.offer_with(what, AgentSigner { agent, key }).await?,
            Err(not_found) => Err(not_found),
        };
        self.read_signed(offered, "agent")
    }

    /// Offers a key, and signs with it when the server takes it. Fails when the server leaves us without an answer.
    async fn offer_with<S: Signer<Error = NotSigned> + Send>(
        &mut self,
        what: PublicKeyOrCertificate,
        signer: S,
    ) -> Result<Result<AuthResult, NotSigned>, ConnectFailure> {
        let user = self.endpoint.user.clone();
        let (turn, limit) = (Turn::of_server(Stage::Offer), self.limit());
        let mut signer = InTurn {
            signer,
            turn: &turn,
        };
        let offering = async {
            let hash = self.rsa_hash(&what.public_key()).await?;
            let handle = &mut *self.handle;
            match what {
                PublicKeyOrCertificate::PublicKey { key, .. } => {
                    handle
                        .authenticate_publickey_with(user, key, hash, &mut signer)
                        .await
                }
                PublicKeyOrCertificate::Certificate(certificate) => {
                    handle
                        .authenticate_certificate_with(user, certificate, hash, &mut signer)
                        .await
                }
            }
        };
        turn.keep(limit, offering).await
    }

    fn read_signed(
        &mut self,
        offered: Result<AuthResult, NotSigned>,
        who: &str,
    ) -> Result<Answer, ConnectFailure> {
        match offered {
            Ok(result) => self.read_answer(Ok(result)),
            Err(NotSigned::Gone) => self.read_answer(Err(russh::Error::SendError)),
            Err(NotSigned::Hung) => Err(self.lost("the agent did not sign within a minute")),
            Err(NotSigned::Failed(why)) => Ok(Answer::NotOffered(format!("{who}: {why}"))),
            Err(NotSigned::Locked { path, refused }) => {
                let why = format!("{} is locked", path.display());
                self.locked.get_or_insert((path, refused));
                Ok(Answer::NotOffered(why))
            }
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
    async fn rsa_hash(&mut self, key: &PublicKey) -> Result<Option<HashAlg>, NotSigned> {
        if !key.algorithm().is_rsa() {
            return Ok(None);
        }
        let best = self.handle.best_supported_rsa_hash().await;
        let best = best.map_err(|_| NotSigned::Gone)?;
        let best = best.flatten().unwrap_or(HashAlg::Sha512);
        let accepted = self.endpoint.tuning.algorithms.user_keys.as_ref();
        let only_shorter = accepted
            .is_some_and(|names| !names.iter().any(|name| name.starts_with("rsa-sha2-512")));
        Ok(Some(if only_shorter { HashAlg::Sha256 } else { best }))
    }

    fn note(&mut self, what: &PublicKeyOrCertificate, origin: impl Display) {
        let key = what.public_key();
        let kind = match what {
            PublicKeyOrCertificate::PublicKey { .. } => String::new(),
            PublicKeyOrCertificate::Certificate(certificate) => {
                format!("certificate {:?} for ", certificate.key_id())
            }
        };
        let (algorithm, print) = (key.algorithm(), fingerprint(&key));
        self.tried
            .push(format!("{origin} ({kind}{algorithm} {print})"));
    }
}
