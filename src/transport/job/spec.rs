//! What a job is: its name, its payload, its secrets.

use std::fmt;
use std::time::Duration;

use secrecy::{ExposeSecret as _, SecretString};
use sha2::{Digest as _, Sha256};

use crate::model::lock::Fence;

/// Longest name (bytes): it becomes a directory's name.
const NAME_LIMIT: usize = 200;
/// Longest answer (bytes): a terminal takes no longer line, and so much is written to a fifo in one piece.
const ANSWER_LIMIT: usize = 4000;
/// All secrets together (bytes): so much always fits into a pipe at once (POSIX: at least 4096 on Linux).
const SECRETS_LIMIT: usize = 4096;

/// A job's name on the node: `<run>.<step>.<attempt>` in `[a-z0-9._-]`. Never used for anything else again.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct JobId(String);

impl JobId {
    /// Takes `text` if it can be a job's name.
    pub fn new(text: &str) -> Result<Self, BadJob> {
        let good = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "._-".contains(c);
        let plain = text.chars().all(good) && text.starts_with(|c: char| c.is_ascii_alphanumeric());
        if plain && text.len() <= NAME_LIMIT {
            return Ok(Self(text.to_owned()));
        }
        Err(BadJob::Name(text.to_owned()))
    }

    /// The text form.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for JobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A job as it is asked for.
#[derive(Debug, Clone)]
pub struct JobSpec {
    /// Its name.
    pub id: JobId,
    /// The `sh` script that it runs. No NUL; a missing last newline is added on the node.
    pub payload: Vec<u8>,
    /// Given to the payload's standard input, one per line, in this order. Never on the node's disk.
    pub secrets: Vec<SecretString>,
    /// How long a cancelled payload may take to end by itself.
    pub grace: Duration,
    /// It asks while it runs: its standard input stays open, and [`super::answer`] writes to it.
    pub asks: bool,
    /// The same, on a terminal that the job owns (120 columns, 40 lines, no echo).
    pub terminal: bool,
    /// It begins only while this run has the node's lock; without one it begins whoever has it.
    pub fence: Option<Fence>,
}

/// One line for a program that asks. Never printed.
#[derive(Debug, Clone)]
pub struct AnswerLine(SecretString);

impl AnswerLine {
    /// Takes a line without its newline.
    pub fn new(line: SecretString) -> Result<Self, BadJob> {
        let text = line.expose_secret();
        if text.contains(['\n', '\0']) || text.len() > ANSWER_LIMIT {
            return Err(BadJob::Answer);
        }
        Ok(Self(line))
    }

    pub(super) fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

/// A job that cannot be sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadJob {
    /// The name.
    #[error(
        "{0:?} cannot be a job's name: use a-z, 0-9, '.', '_' and '-', beginning with a letter or digit"
    )]
    Name(String),
    /// The payload.
    #[error("the payload holds a NUL byte, which no shell can read; remove it")]
    Payload,
    /// A secret (by position from 1; its text is not shown).
    #[error("secret {0} holds a line break or a NUL byte; it must be one line")]
    Secret(usize),
    /// All secrets together.
    #[error("the secrets are longer than 4096 bytes together; give the payload a file instead")]
    SecretsTooLong,
    /// An answer to a program that asks (its text is not shown).
    #[error("an answer must be one line of at most 4000 bytes without a NUL byte")]
    Answer,
    /// The jobs' folder.
    #[error(
        "job_dir {0:?} is not an absolute path without line breaks; correct it in the cluster file"
    )]
    Base(String),
}

impl JobSpec {
    pub(super) fn check(&self) -> Result<(), BadJob> {
        if self.payload.contains(&0) {
            return Err(BadJob::Payload);
        }
        let mut total = 0;
        for (index, secret) in self.secrets.iter().enumerate() {
            let text = secret.expose_secret();
            if text.contains(['\n', '\0']) {
                return Err(BadJob::Secret(index + 1));
            }
            total += text.len() + 1;
        }
        if total > SECRETS_LIMIT {
            return Err(BadJob::SecretsTooLong);
        }
        Ok(())
    }

    /// How its input is kept open, as the node has it; empty for a job that does not ask.
    pub(super) fn kind(&self) -> &'static str {
        match (self.terminal, self.asks) {
            (true, _) => "terminal",
            (false, true) => "asks",
            (false, false) => "",
        }
    }

    /// The payload's length on the node.
    pub(super) fn payload_bytes(&self) -> usize {
        let newline = !self.payload.ends_with(b"\n");
        self.payload.len() + usize::from(newline)
    }
}

/// What the node compares when a start is repeated: SHA-256 over protocol version, parameters and payload, in hex.
///
/// Secrets are left out (a hash of a short secret can be guessed); only their number counts. So is the fence: a job that
/// has begun stays what it is, whoever has the lock since.
pub fn spec_hash(spec: &JobSpec) -> String {
    let mut hash = Sha256::new();
    hash.update(b"holdpoint job v1\n");
    let grace = spec.grace.as_secs();
    hash.update(format!("grace {grace}\nsecrets {}\n", spec.secrets.len()));
    // Jobs that do not ask keep the hash that they had before there were others.
    if !spec.kind().is_empty() {
        hash.update(format!("input {}\n", spec.kind()));
    }
    hash.update(&spec.payload);
    hash.finalize().iter().map(|b| format!("{b:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(payload: &str, secrets: &[&str]) -> JobSpec {
        JobSpec {
            id: JobId::new("r.s.1").unwrap(),
            payload: payload.into(),
            secrets: secrets.iter().map(|s| SecretString::from(*s)).collect(),
            grace: Duration::from_secs(10),
            asks: false,
            terminal: false,
            fence: None,
        }
    }

    #[test]
    fn names_that_could_leave_the_folder_are_refused() {
        for good in ["r1.update_st2.1", "0", "a-b"] {
            assert_eq!(JobId::new(good).unwrap().as_str(), good);
        }
        let long = "a".repeat(201);
        for bad in [
            "", ".", "..", ".a", "-a", "a/b", "A", "a b", "a\n", "ä", "a@b", &long,
        ] {
            assert!(JobId::new(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn the_hash_sees_the_payload_and_not_the_secrets() {
        let hash = spec_hash(&spec("true", &["a"]));
        assert_eq!(hash.len(), 64);
        assert_eq!(hash, spec_hash(&spec("true", &["b"])));
        assert_ne!(hash, spec_hash(&spec("false", &["a"])));
        assert_ne!(hash, spec_hash(&spec("true", &[])));
    }

    #[test]
    fn a_job_that_asks_is_another_job() {
        let plain = spec("true", &[]);
        let before = "d4e090dc";
        assert_eq!(
            &spec_hash(&plain)[..8],
            before,
            "jobs on nodes would be strangers"
        );
        let mut asks = plain.clone();
        asks.asks = true;
        let mut terminal = asks.clone();
        terminal.terminal = true;
        let hashes = [&plain, &asks, &terminal].map(spec_hash);
        assert!(hashes[0] != hashes[1] && hashes[1] != hashes[2] && hashes[0] != hashes[2]);
    }

    #[test]
    fn an_answer_is_one_line_of_bounded_length() {
        let fits = |text: &str| AnswerLine::new(SecretString::from(text)).is_ok();
        assert!(fits("") && fits("it's $(x)") && fits(&"x".repeat(4000)));
        assert!(!fits("a\nb") && !fits("a\0") && !fits(&"x".repeat(4001)));
    }

    #[test]
    fn what_cannot_be_sent_is_named() {
        assert_eq!(spec("a\0b", &[]).check(), Err(BadJob::Payload));
        assert_eq!(spec("", &["ok", "a\nb"]).check(), Err(BadJob::Secret(2)));
        let long = "x".repeat(5000);
        assert_eq!(spec("", &[&long]).check(), Err(BadJob::SecretsTooLong));
        assert_eq!(spec("", &["it's", "$x `y`"]).check(), Ok(()));
    }
}
