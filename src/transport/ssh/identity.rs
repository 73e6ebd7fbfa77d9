//! Private key files: reading, opening, and saying what is wrong with one.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use russh::keys::{PrivateKey, PublicKey, decode_secret_key, load_public_key};
use rustix::process::getuid;
use secrecy::{ExposeSecret, SecretString};

use super::ask::Credentials;

/// A key file larger than this (bytes) is not one.
const SIZE_LIMIT: u64 = 256 << 10;

/// One private key file, opened or not. One that is locked and hides its public half too cannot be offered.
pub(super) struct Identity {
    pub(super) path: PathBuf,
    /// The public half, if it can be known without a passphrase.
    pub(super) public: Option<PublicKey>,
    pub(super) secret: Secret,
    /// A human was asked for its passphrase and gave none: it is not offered.
    pub(super) is_skipped: bool,
}

pub(super) enum Secret {
    Open(Arc<PrivateKey>),
    /// Encrypted, and there is no passphrase, or a wrong one (`refused`).
    Locked {
        refused: bool,
    },
    /// Only the public half is here: an agent may hold the key.
    Elsewhere,
    /// The file is there and of no use; the text says why, and what to do. An agent may hold the key.
    Unusable(String),
}

impl Identity {
    /// Reads `path`; `None` when there is no such file, as OpenSSH passes over its absent default keys.
    ///
    /// Where only the public half is there (under that name, or beside it with `.pub`) the key is in an agent or nowhere. So it
    /// is where the file is of no use: that is no reason not to try the other keys.
    pub(super) fn load(path: &Path, credentials: &Credentials) -> Option<Self> {
        let text = match read_private(path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let public = load_public_key(beside(path)).ok();
                return public.map(|public| Self::elsewhere(path, public));
            }
            Err(error) => {
                return Some(match load_public_key(path) {
                    Ok(public) => Self::elsewhere(path, public),
                    Err(_) => Self::unusable(path, error.to_string()),
                });
            }
        };
        if let Ok(public) = PublicKey::from_openssh(text.expose_secret().trim()) {
            return Some(Self::elsewhere(path, public));
        }
        let given = credentials.passphrase(path);
        let is_skipped = given.is_some_and(|given| given.expose_secret().is_empty());
        let secret = match open(path, text.expose_secret(), credentials, given) {
            Ok(secret) => secret,
            Err(why) => return Some(Self::unusable(path, why)),
        };
        let public = match &secret {
            Secret::Open(key) => Some(key.public_key().clone()),
            Secret::Locked { .. } | Secret::Elsewhere | Secret::Unusable(_) => {
                public_half(path, text.expose_secret())
            }
        };
        Some(Self {
            path: path.to_path_buf(),
            public,
            is_skipped: is_skipped && matches!(secret, Secret::Locked { .. }),
            secret,
        })
    }

    /// Whether we can sign with it, perhaps after a passphrase.
    pub(super) fn signs(&self) -> bool {
        match &self.secret {
            Secret::Open(_) | Secret::Locked { .. } => !self.is_skipped,
            Secret::Elsewhere | Secret::Unusable(_) => false,
        }
    }

    fn unusable(path: &Path, why: String) -> Self {
        Self {
            path: path.to_path_buf(),
            public: load_public_key(beside(path)).ok(),
            is_skipped: false,
            secret: Secret::Unusable(why),
        }
    }

    fn elsewhere(path: &Path, public: PublicKey) -> Self {
        Self {
            path: path.to_path_buf(),
            public: Some(public),
            is_skipped: false,
            secret: Secret::Elsewhere,
        }
    }
}

fn read_private(path: &Path) -> io::Result<SecretString> {
    let data = fs::metadata(path)?;
    if data.is_dir() {
        return Err(io::Error::other("it is a folder"));
    }
    // As ssh(1) has it: whose file it is not, its owner has decided who may read it.
    if data.uid() == getuid().as_raw() && data.mode() & 0o077 != 0 {
        let mode = data.mode() & 0o777;
        return Err(io::Error::other(format!(
            "its permissions {mode:04o} let others read it; chmod 600 it"
        )));
    }
    if data.len() > SIZE_LIMIT {
        return Err(io::Error::other("it is too large for a key"));
    }
    fs::read_to_string(path).map(SecretString::from)
}

fn open(
    path: &Path,
    text: &str,
    credentials: &Credentials,
    given: Option<&SecretString>,
) -> Result<Secret, String> {
    if !is_encrypted(text) {
        let key = decode_secret_key(text, None);
        let key = key.map_err(|error| format!("it is no private key that can be read: {error}"))?;
        return Ok(Secret::Open(Arc::new(key)));
    }
    if text.contains("-----BEGIN EC PRIVATE KEY-----") {
        let why = "encrypted keys of this old form are not read; rewrite it with ssh-keygen -p -f";
        return Err(why.into());
    }
    let vault = credentials.vault();
    let Some(given) = given.map(ExposeSecret::expose_secret) else {
        let known = vault.already_open(path, text);
        return Ok(known.map_or(Secret::Locked { refused: false }, Secret::Open));
    };
    let opened = vault.opened(path, text, || {
        decode_secret_key(text, Some(given)).map(Arc::new)
    });
    Ok(opened.map_or(Secret::Locked { refused: true }, Secret::Open))
}

/// Looked up in the text: without a passphrase the library reports some encrypted forms as broken.
fn is_encrypted(text: &str) -> bool {
    text.contains("-----BEGIN ENCRYPTED PRIVATE KEY-----")
        || text.contains("Proc-Type: 4,ENCRYPTED")
        || PrivateKey::from_openssh(text).is_ok_and(|key| key.is_encrypted())
}

/// From the file itself where its form shows it, else from the `.pub` file beside it.
fn public_half(path: &Path, text: &str) -> Option<PublicKey> {
    if let Ok(key) = PrivateKey::from_openssh(text) {
        return Some(key.public_key().clone());
    }
    load_public_key(beside(path)).ok()
}

fn beside(path: &Path) -> PathBuf {
    let mut beside = path.as_os_str().to_owned();
    beside.push(".pub");
    beside.into()
}
