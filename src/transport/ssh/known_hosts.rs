//! What the `known_hosts` files say about a host key, read as OpenSSH reads them.
//!
//! The matcher is our own: the one in the SSH library takes revoked keys, misses patterns and stops at a bad line.
//! Format and order of judgement: sshd(8), "SSH_KNOWN_HOSTS FILE FORMAT".

use std::borrow::Cow;
use std::fmt;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use russh::keys::PublicKey;
use sha1::Sha1;

use super::config::pattern::list_matches;

mod keep;

pub use keep::{append_known_host, hashed_name, replace_known_host};

/// A file longer than this (bytes) is an error: it is not a `known_hosts` file.
const FILE_LIMIT: u64 = 16 << 20;
/// A line longer than this (bytes) is skipped like any other bad line: one line may name every host of a site.
const LINE_LIMIT: usize = 1 << 20;

/// The files to read, in this order; the last is the only one that is ever written.
#[derive(Debug, Clone, Default)]
pub struct KnownHostsFiles {
    /// The operator's own, usually `~/.ssh/known_hosts` and `known_hosts2`. Never written.
    pub user: Vec<PathBuf>,
    /// Of the machine, usually `/etc/ssh/ssh_known_hosts`. Never written.
    pub global: Vec<PathBuf>,
    /// holdpoint's own: answers to the question about an unknown key are appended here.
    pub own: PathBuf,
}

/// A line of a file: where a verdict comes from. Lines count from 1.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The file, as it was named.
    pub file: PathBuf,
    /// The line.
    pub line: usize,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file.display(), self.line)
    }
}

/// What the files say about one key under one name, strongest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// A matching `@revoked` line holds this very key.
    Revoked(Place),
    /// A matching line holds this very key.
    Known,
    /// Matching lines hold only other keys, of any type; `stored` is the fingerprint of the first.
    Changed {
        /// Where the first other key stands.
        place: Place,
        /// Its SHA-256 fingerprint.
        stored: String,
    },
    /// No plain line matches; `authority` is a matching `@cert-authority` line, if there is one.
    Unknown {
        /// Where a certificate authority vouches for this name.
        authority: Option<Place>,
    },
}

/// A line that holds another key than the one asked about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OtherKey {
    /// Where it stands.
    pub place: Place,
    /// The key's SHA-256 fingerprint.
    pub fingerprint: String,
    /// Whether it stands in holdpoint's own file.
    pub ours: bool,
    /// Whether the line is for this name alone: then ssh-keygen -R takes nothing away from other hosts.
    pub alone: bool,
}

/// A `known_hosts` file that is there and cannot be read: an error, because what it forbids is not known.
#[derive(Debug, thiserror::Error)]
#[error("read {file}, which may say that a host key is revoked; make it readable or name other known_hosts files", file = .file.display())]
pub struct KnownHostsUnreadable {
    /// The file.
    pub file: PathBuf,
    /// Why.
    #[source]
    pub source: io::Error,
}

/// Good lines of the files, in reading order.
#[derive(Debug, Clone, Default)]
pub struct KnownHosts {
    lines: Vec<Line>,
    /// The only file that is ever written by us.
    own: PathBuf,
}

#[derive(Debug, Clone)]
struct Line {
    place: Place,
    marker: Marker,
    names: String,
    key: PublicKey,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Marker {
    Plain,
    Revoked,
    Authority,
}

impl KnownHosts {
    /// Reads from all files the lines that have to do with `name` (see [`known_name`]); a file that does not exist says
    /// nothing, one that exists and cannot be read is an error.
    pub fn about(name: &str, files: &KnownHostsFiles) -> Result<Self, KnownHostsUnreadable> {
        let mut all = Self {
            own: files.own.clone(),
            ..Self::default()
        };
        let own = std::iter::once(&files.own);
        for file in files.user.iter().chain(&files.global).chain(own) {
            match read_limited(file) {
                Ok(bytes) => all.add_about(Some(name), file, &bytes),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(source) => {
                    let file = file.clone();
                    return Err(KnownHostsUnreadable { file, source });
                }
            }
        }
        Ok(all)
    }

    /// Takes the lines of one file's `text`; bad lines are skipped, as OpenSSH skips them.
    pub fn add(&mut self, file: &Path, text: &[u8]) {
        self.add_about(None, file, text);
    }

    /// Of many hosts' lines only few have to do with one of them: the others' keys are not even read.
    fn add_about(&mut self, name: Option<&str>, file: &Path, text: &[u8]) {
        for (index, line) in text.split(|byte| *byte == b'\n').enumerate() {
            let line = split_line(line).filter(|line| {
                let covers = |name| names_match(&line.names, name);
                name.is_none_or(|name| covers(name) || covers(host_of(name)))
            });
            let line = line.and_then(|line| {
                let place = Place {
                    file: file.to_path_buf(),
                    line: index + 1,
                };
                Some(Line {
                    place,
                    marker: line.marker,
                    key: line.key()?,
                    names: line.names.into_owned(),
                })
            });
            self.lines.extend(line);
        }
    }

    /// Judges `key` for `name` (see [`known_name`]).
    ///
    /// What is unknown under `[host]:port` may be known under `host` alone: that is enough, as it is for ssh(1).
    pub fn verdict(&self, name: &str, key: &PublicKey) -> Verdict {
        let same = |line: &&Line| line.key.key_data() == key.key_data();
        if let Some(place) = self.revoked(name, key) {
            return Verdict::Revoked(place);
        }
        if self.matching(name, Marker::Plain).any(|line| same(&line)) {
            return Verdict::Known;
        }
        if let Some(line) = self.matching(name, Marker::Plain).next() {
            return Verdict::Changed {
                place: line.place.clone(),
                stored: fingerprint(&line.key),
            };
        }
        let mut without_port = self.matching(host_of(name), Marker::Plain);
        if without_port.any(|line| same(&line)) {
            return Verdict::Known;
        }
        let authority = self.authorities(name).next();
        Verdict::Unknown {
            authority: authority.map(|line| line.place.clone()),
        }
    }

    /// The line that holds this very key, under the name or under the host alone.
    pub(crate) fn place_of(&self, name: &str, key: &PublicKey) -> Option<Place> {
        let without_port = self.matching(host_of(name), Marker::Plain);
        let mut lines = self.matching(name, Marker::Plain).chain(without_port);
        let line = lines.find(|line| line.key.key_data() == key.key_data());
        line.map(|line| line.place.clone())
    }

    /// The lines that hold other keys for this name.
    pub(crate) fn others(&self, name: &str, key: &PublicKey) -> impl Iterator<Item = OtherKey> {
        let lines = self.matching(name, Marker::Plain);
        let other = lines.filter(|line| line.key.key_data() != key.key_data());
        other.map(move |line| OtherKey {
            place: line.place.clone(),
            fingerprint: fingerprint(&line.key),
            ours: line.place.file == self.own,
            alone: line.names.starts_with('|') || line.names.to_lowercase() == name,
        })
    }

    /// The `@revoked` line for this key, under the name or under the host alone.
    pub(crate) fn revoked(&self, name: &str, key: &PublicKey) -> Option<Place> {
        let names = [name, host_of(name)];
        let mut lines = names
            .into_iter()
            .flat_map(|name| self.matching(name, Marker::Revoked));
        let line = lines.find(|line| line.key.key_data() == key.key_data());
        line.map(|line| line.place.clone())
    }

    /// The `@cert-authority` line that trusts `authority` for this name, or for the host alone.
    pub(crate) fn authority(&self, name: &str, authority: &PublicKey) -> Option<Place> {
        let mut lines = self.authorities(name);
        let line = lines.find(|line| line.key.key_data() == authority.key_data());
        line.map(|line| line.place.clone())
    }

    /// Whether any authority is trusted for this name.
    pub(crate) fn has_authority(&self, name: &str) -> bool {
        self.authorities(name).next().is_some()
    }

    fn authorities(&self, name: &str) -> impl Iterator<Item = &Line> {
        let without_port = self.matching(host_of(name), Marker::Authority);
        self.matching(name, Marker::Authority).chain(without_port)
    }

    /// The keys known for `name`, in reading order, then those of the host alone: their types are offered first.
    pub(crate) fn keys_of(&self, name: &str) -> impl Iterator<Item = &PublicKey> {
        let without_port = self.matching(host_of(name), Marker::Plain);
        let lines = self.matching(name, Marker::Plain).chain(without_port);
        lines.map(|line| &line.key)
    }

    fn matching<'a>(&'a self, name: &str, marker: Marker) -> impl Iterator<Item = &'a Line> {
        self.lines
            .iter()
            .filter(move |line| line.marker == marker && names_match(&line.names, name))
    }
}

/// The name under which a host stands in `known_hosts`: lower case, with the port in brackets unless it is 22.
pub fn known_name(host: &str, port: u16) -> String {
    let host = host.to_lowercase();
    match port {
        22 => host,
        port => format!("[{host}]:{port}"),
    }
}

/// The host in a name of `known_hosts`, without brackets and port.
pub(crate) fn host_of(name: &str) -> &str {
    let inner = name
        .strip_prefix('[')
        .and_then(|rest| rest.rsplit_once("]:"));
    inner.map_or(name, |(host, _)| host)
}

/// The SHA-256 fingerprint as OpenSSH prints it.
pub fn fingerprint(key: &PublicKey) -> String {
    key.fingerprint(russh::keys::HashAlg::Sha256).to_string()
}

fn read_limited(file: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(file)?
        .take(FILE_LIMIT + 1)
        .read_to_end(&mut bytes)?;
    if bytes.len() as u64 > FILE_LIMIT {
        return Err(io::Error::other("it is larger than 16 MiB"));
    }
    Ok(bytes)
}

/// A line in its parts, its key not yet read.
struct Split<'a> {
    marker: Marker,
    names: Cow<'a, str>,
    algorithm: &'a str,
    blob: &'a str,
}

impl Split<'_> {
    /// Nothing where it is no key: then the line is a bad one.
    fn key(&self) -> Option<PublicKey> {
        PublicKey::from_openssh(&format!("{} {}", self.algorithm, self.blob)).ok()
    }
}

/// Only what is read has to be text: a comment in another encoding takes nothing away from the key before it, least of all
/// from one that is revoked.
fn split_line(line: &[u8]) -> Option<Split<'_>> {
    if line.len() > LINE_LIMIT {
        return None;
    }
    let mut words = line
        .split(|byte| b" \t\r".contains(byte))
        .filter(|word| !word.is_empty());
    let first = words.next().filter(|word| !word.starts_with(b"#"))?;
    let (marker, names) = match first {
        b"@revoked" => (Marker::Revoked, words.next()?),
        b"@cert-authority" => (Marker::Authority, words.next()?),
        unknown if unknown.starts_with(b"@") => return None,
        names => (Marker::Plain, names),
    };
    let mut text = || std::str::from_utf8(words.next()?).ok();
    Some(Split {
        marker,
        names: String::from_utf8_lossy(names),
        algorithm: text()?,
        blob: text()?,
    })
}

/// Whether a host field covers `name`; a matching negation drops the whole line.
fn names_match(field: &str, name: &str) -> bool {
    if field.starts_with('|') {
        return hashed_match(field, name).unwrap_or(false);
    }
    list_matches(name, &field.to_lowercase())
}

/// `|1|salt|hash`: HMAC-SHA1 of the name under the salt.
fn hashed_match(field: &str, name: &str) -> Option<bool> {
    let (salt, hash) = field.strip_prefix("|1|")?.split_once('|')?;
    let salt = BASE64_STANDARD.decode(salt).ok()?;
    let hash = BASE64_STANDARD.decode(hash).ok()?;
    let mut mac = Hmac::<Sha1>::new_from_slice(&salt).ok()?;
    mac.update(name.as_bytes());
    Some(mac.verify_slice(&hash).is_ok())
}
