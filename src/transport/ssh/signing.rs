//! Signs a login, and only after the server has said that it takes the key.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use russh::Signer;
use russh::keys::agent::AgentIdentity;
use russh::keys::agent::client::AgentClient;
use russh::keys::ssh_encoding::Encode as _;
use russh::keys::ssh_key::Signature;
use russh::keys::ssh_key::private::KeypairData;
use russh::keys::{HashAlg, PrivateKey, signature};
use tokio::net::UnixStream;
use tokio::time::timeout;

use super::identity::{Identity, Secret};

/// An agent may wait for a touch on a security key, or to be unlocked; a hung one must not hang the login.
pub(super) const AGENT_LIMIT: Duration = Duration::from_secs(60);

/// Why there is no signature.
#[derive(Debug)]
pub(super) enum NotSigned {
    /// The server takes this key, and its file is locked.
    Locked {
        path: PathBuf,
        refused: bool,
    },
    Failed(String),
    /// The agent says nothing.
    Hung,
    /// The connection is gone.
    Gone,
}

impl From<russh::SendError> for NotSigned {
    fn from(_: russh::SendError) -> Self {
        Self::Gone
    }
}

/// One key file in the place of an agent.
///
/// The library asks for a signature when the server has said yes to the public half: so a passphrase is asked for only if
/// it is of use, as ssh(1) does it.
pub(super) struct FileSigner<'a>(pub(super) &'a Identity);

impl Signer for FileSigner<'_> {
    type Error = NotSigned;

    async fn auth_sign(
        &mut self,
        _: &AgentIdentity,
        hash: Option<HashAlg>,
        mut data: Vec<u8>,
    ) -> Result<Vec<u8>, NotSigned> {
        match &self.0.secret {
            Secret::Open(key) => {
                let signed = signed(key, hash, &data);
                let signed = signed.map_err(|error| NotSigned::Failed(error.to_string()))?;
                let added = signed.as_slice().encode(&mut data);
                added.map_err(|error| NotSigned::Failed(error.to_string()))?;
                Ok(data)
            }
            Secret::Elsewhere => Err(NotSigned::Failed("only its public half is here".into())),
            Secret::Unusable(why) => Err(NotSigned::Failed(why.clone())),
            Secret::Locked { refused } => Err(NotSigned::Locked {
                path: self.0.path.clone(),
                refused: *refused,
            }),
        }
    }
}

/// The agent, with one of its keys, whatever is offered: for a certificate from a file it signs with the plain key.
pub(super) struct AgentSigner<'a> {
    pub(super) agent: AgentClient<UnixStream>,
    pub(super) key: &'a AgentIdentity,
}

impl Signer for AgentSigner<'_> {
    type Error = NotSigned;

    async fn auth_sign(
        &mut self,
        _: &AgentIdentity,
        hash: Option<HashAlg>,
        data: Vec<u8>,
    ) -> Result<Vec<u8>, NotSigned> {
        let signing = self.agent.sign_request(self.key, hash, data);
        let signed = timeout(AGENT_LIMIT, signing).await;
        let signed = signed.map_err(|_| NotSigned::Hung)?;
        signed.map_err(|error| NotSigned::Failed(error.to_string()))
    }
}

/// The signature as it stands on the wire: its algorithm, then its bytes (RFC 4253, 6.6).
fn signed(
    key: &Arc<PrivateKey>,
    hash: Option<HashAlg>,
    data: &[u8],
) -> Result<Vec<u8>, russh::keys::ssh_key::Error> {
    let signature: Signature = match key.key_data() {
        KeypairData::Rsa(rsa) => signature::Signer::try_sign(&(rsa, hash), data)?,
        other => signature::Signer::try_sign(other, data)?,
    };
    let mut bytes = Vec::new();
    signature.encode(&mut bytes)?;
    Ok(bytes)
}
