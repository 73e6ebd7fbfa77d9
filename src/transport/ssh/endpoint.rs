//! Where and as whom to connect: plain data, resolved before the first connection.

use std::path::PathBuf;
use std::time::Duration;

use super::become_user::Become;
use super::known_hosts::{KnownHostsFiles, known_name};
use super::route::Route;
use super::tuning::Tuning;

/// One node's SSH address and everything that decides how it is reached.
#[derive(Debug, Clone)]
pub struct Endpoint {
    /// The node's name in the cluster file: for messages only.
    pub node: String,
    /// Host name or address, also the name that is looked up in `known_hosts`.
    pub host: String,
    /// TCP port.
    pub port: u16,
    /// Login name.
    pub user: String,
    /// Private key files, in the order of their offering. One that does not exist is passed over.
    pub identities: Vec<PathBuf>,
    /// Offer only the keys of `identities`, not everything that the agent holds.
    pub identities_only: bool,
    /// Socket of the SSH agent, if one is to be asked.
    pub agent: Option<PathBuf>,
    /// Where host keys are looked up, and where a new one is written.
    pub known_hosts: KnownHostsFiles,
    /// The key that this run has seen before: any other is refused, whatever the files say.
    pub pinned: Option<PinnedKey>,
    /// Limit for the TCP connection; the handshake and the login have limits of their own.
    pub connect_timeout: Duration,
    /// Become another user for everything that is run.
    pub become_user: Option<Become>,
    /// Absolute folder of the jobs on the node, instead of the usual one.
    pub job_dir: Option<String>,
    /// The way there.
    pub route: Route,
    /// The finer points.
    pub tuning: Tuning,
}

impl Endpoint {
    /// The name under which its host key is looked up and written: HostKeyAlias as it is, else host and port.
    pub fn known_name(&self) -> String {
        match &self.tuning.known_as {
            Some(alias) => alias.clone(),
            None => known_name(&self.host, self.port),
        }
    }
}

/// A host key recorded earlier in the run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PinnedKey {
    /// Algorithm name of the key, as `ssh-ed25519`.
    pub algorithm: String,
    /// SHA-256 fingerprint as OpenSSH prints it.
    pub fingerprint: String,
    /// Whether a human let it hold in place of another one in this run: then no known_hosts line speaks against it.
    pub let_in: bool,
    /// When the run saw it first, where that is known, in words that read on from "seen first": `2026-11-21T22:00:05Z`.
    pub seen: Option<String>,
}

/// Now, to the second, for [`PinnedKey::seen`].
pub(crate) fn moment() -> String {
    let now = jiff::Timestamp::now();
    now.round(jiff::Unit::Second).unwrap_or(now).to_string()
}
