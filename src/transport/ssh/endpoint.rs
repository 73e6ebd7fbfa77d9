//! Where and as whom to connect: plain data, resolved before the first connection.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use secrecy::SecretString;

use super::known_hosts::KnownHostsFiles;

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
}

/// A host key recorded earlier in the run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PinnedKey {
    /// Algorithm name of the key, as `ssh-ed25519`.
    pub algorithm: String,
    /// SHA-256 fingerprint as OpenSSH prints it.
    pub fingerprint: String,
}

/// How to become another user on the node. Only `sudo` without a password for now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Become {
    /// The method's name in the cluster file.
    pub method: String,
    /// The user to become.
    pub user: String,
    /// Whether a password is said to be needed.
    pub password: bool,
}

impl Become {
    /// `sudo -n` to `user`.
    pub fn sudo(user: &str) -> Self {
        Self {
            method: "sudo".into(),
            user: user.into(),
            password: false,
        }
    }

    /// The words to put before a command, or why this cannot be done.
    pub(crate) fn prefix(&self) -> Result<String, String> {
        if self.method != "sudo" {
            return Err(format!(
                "the method {:?} is not known; use sudo",
                self.method
            ));
        }
        if self.password {
            return Err("sudo with a password is not supported yet; allow it without one (NOPASSWD) for this user".into());
        }
        if !is_plain_user(&self.user) {
            return Err(format!("{:?} is not a user name", self.user));
        }
        Ok(format!("sudo -n -u {} ", self.user))
    }
}

/// Names that need no quoting in a shell and cannot be taken for an option.
fn is_plain_user(user: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_.-".contains(c);
    !user.is_empty() && !user.starts_with('-') && user.chars().all(plain)
}

/// The secrets that a login may need. Never printed: `Debug` shows the paths only.
#[derive(Debug, Clone, Default)]
pub struct Credentials {
    passphrases: BTreeMap<PathBuf, SecretString>,
}

impl Credentials {
    /// Adds the passphrase of the key file at `path`, as named in the endpoint.
    pub fn add_passphrase(&mut self, path: &Path, passphrase: SecretString) {
        self.passphrases.insert(path.to_path_buf(), passphrase);
    }

    pub(crate) fn passphrase(&self, path: &Path) -> Option<&SecretString> {
        self.passphrases.get(path)
    }
}
