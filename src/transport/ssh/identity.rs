//! Private key files: reading, opening, and saying what is wrong with one.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use russh::keys::{PrivateKey, PublicKey, decode_secret_key, load_public_key};
use secrecy::{ExposeSecret, SecretString};

use super::ask::Credentials;
use super::failure::ConnectFailure;

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
}

impl Identity {
    /// Reads `path`; `None` when there is no such file, as OpenSSH passes over its absent default keys.
    ///
    /// Where only the public half is there (under that name, or beside it with `.pub`) the key is in an agent or nowhere.
    pub(super) fn load(
        path: &Path,
        credentials: &Credentials,
    ) -> Result<Option<Self>, ConnectFailure> {
        let text = match read_private(path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let public = load_public_key(beside(path)).ok();
                return Ok(public.map(|public| Self::elsewhere(path, public)));
            }
            Err(error) => {
                return match load_public_key(path) {
                    Ok(public) => Ok(Some(Self::elsewhere(path, public))),
                    Err(_) => Err(unreadable(path, error.to_string())),
                };
            }
        };
        if let Ok(public) = PublicKey::from_openssh(text.expose_secret().trim()) {
            return Ok(Some(Self::elsewhere(path, public)));
        }
        let given = credentials.passphrase(path);
        let is_skipped = given.is_some_and(|given| given.expose_secret().is_empty());
        let secret = open(path, text.expose_secret(), credentials, given)?;
        let public = match &secret {
            Secret::Open(key) => Some(key.public_key().clone()),
            Secret::Locked { .. } | Secret::Elsewhere => public_half(path, text.expose_secret()),
        };
        Ok(Some(Self {
            path: path.to_path_buf(),
            public,
            is_skipped: is_skipped && matches!(secret, Secret::Locked { .. }),
            secret,
        }))
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

fn unreadable(path: &Path, why: String) -> ConnectFailure {
    ConnectFailure::KeyUnreadable {
        path: path.to_path_buf(),
        why,
    }
}

fn read_private(path: &Path) -> io::Result<SecretString> {
    let data = fs::metadata(path)?;
    if data.mode() & 0o077 != 0 {
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
) -> Result<Secret, ConnectFailure> {
    if !is_encrypted(text) {
        let key = decode_secret_key(text, None);
        let key = key.map_err(|error| unreadable(path, error.to_string()))?;
        return Ok(Secret::Open(Arc::new(key)));
    }
    if text.contains("-----BEGIN EC PRIVATE KEY-----") {
        return Err(unreadable(
            path,
            "encrypted keys of this old form are not read; rewrite it with ssh-keygen -p -f".into(),
        ));
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
