//! Private key files: reading, opening, and saying what is wrong with one.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use russh::keys::{PrivateKey, PublicKey, decode_secret_key, load_public_key};
use secrecy::{ExposeSecret, SecretString};

use super::endpoint::Credentials;
use super::failure::ConnectFailure;

/// A key file larger than this (bytes) is not one.
const SIZE_LIMIT: u64 = 256 << 10;

/// One private key file, opened or not.
pub(super) struct Identity {
    pub(super) path: PathBuf,
    /// The public half, if it can be known without a passphrase.
    pub(super) public: Option<PublicKey>,
    pub(super) secret: Secret,
}

pub(super) enum Secret {
    Open(Arc<PrivateKey>),
    /// Encrypted, and there is no passphrase, or a wrong one (`refused`).
    Locked {
        refused: bool,
    },
}

impl Identity {
    /// Reads `path`; `None` when there is no such file, as OpenSSH passes over its absent default keys.
    pub(super) fn load(
        path: &Path,
        credentials: &Credentials,
    ) -> Result<Option<Self>, ConnectFailure> {
        let text = match read_private(path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(unreadable(path, error.to_string())),
        };
        let secret = open(path, text.expose_secret(), credentials.passphrase(path))?;
        let public = match &secret {
            Secret::Open(key) => Some(key.public_key().clone()),
            Secret::Locked { .. } => public_half(path, text.expose_secret()),
        };
        Ok(Some(Self {
            path: path.to_path_buf(),
            public,
            secret,
        }))
    }

    /// The question for the passphrase, if the key is still locked.
    pub(super) fn opened(&self) -> Result<(), ConnectFailure> {
        match self.secret {
            Secret::Open(_) => Ok(()),
            Secret::Locked { refused } => Err(ConnectFailure::PassphraseWanted {
                path: self.path.clone(),
                refused,
            }),
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
    passphrase: Option<&SecretString>,
) -> Result<Secret, ConnectFailure> {
    let encrypted = is_encrypted(text);
    if encrypted && text.contains("-----BEGIN EC PRIVATE KEY-----") {
        return Err(unreadable(
            path,
            "encrypted keys of this old form are not read; rewrite it with ssh-keygen -p -f".into(),
        ));
    }
    if encrypted && passphrase.is_none() {
        return Ok(Secret::Locked { refused: false });
    }
    let given = passphrase
        .filter(|_| encrypted)
        .map(ExposeSecret::expose_secret);
    match decode_secret_key(text, given) {
        Ok(key) => Ok(Secret::Open(Arc::new(key))),
        Err(_) if encrypted => Ok(Secret::Locked { refused: true }),
        Err(error) => Err(unreadable(path, error.to_string())),
    }
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
    let mut beside = path.as_os_str().to_owned();
    beside.push(".pub");
    load_public_key(Path::new(&beside)).ok()
}
