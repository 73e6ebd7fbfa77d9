//! Short names for runs, fit to be read out on a telephone.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// No `0 1 i l o u`: nothing that looks like something else, and no rude words.
const ALPHABET: &[u8; 30] = b"23456789abcdefghjkmnpqrstvwxyz";

/// The name of one run, like `7k2m`: 4 to 6 characters. It is also the name of the run's folder and part of the job ids on
/// the nodes.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RunId(String);

/// A text that is no run id.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error(
    "{0:?} is no run id: those have 4 to 6 letters and digits, like 7k2m; `holdpoint runs` lists them"
)]
pub struct NoRunId(String);

impl RunId {
    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The `attempt`th candidate for a given entropy. They get longer as attempts go on, so that a full folder
    /// of short names does not stop a run.
    pub(super) fn candidate(entropy: u64, attempt: u32) -> Self {
        const PER_LENGTH: u32 = 16;
        let length = 4 + (attempt / PER_LENGTH).min(2) as usize;
        let digest = Sha256::new()
            .chain_update(entropy.to_le_bytes())
            .chain_update(attempt.to_le_bytes())
            .finalize();
        let letter = |byte: &u8| char::from(ALPHABET[usize::from(*byte) % ALPHABET.len()]);
        Self(digest.iter().take(length).map(letter).collect())
    }
}

/// Entropy for a new id where nothing better is at hand: the clock and the process.
#[must_use]
pub fn entropy() -> u64 {
    let nanos = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .map_or(0, |since| since.as_nanos());
    let digest = Sha256::new()
        .chain_update(nanos.to_le_bytes())
        .chain_update(std::process::id().to_le_bytes())
        .finalize();
    let mut first = [0; 8];
    first.copy_from_slice(&digest[..8]);
    u64::from_le_bytes(first)
}

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for RunId {
    type Err = NoRunId;

    fn from_str(text: &str) -> Result<Self, NoRunId> {
        let fits =
            (4..=6).contains(&text.len()) && text.bytes().all(|byte| ALPHABET.contains(&byte));
        if fits {
            Ok(Self(text.to_owned()))
        } else {
            Err(NoRunId(text.to_owned()))
        }
    }
}

impl TryFrom<String> for RunId {
    type Error = NoRunId;

    fn try_from(text: String) -> Result<Self, NoRunId> {
        text.parse()
    }
}

impl From<RunId> for String {
    fn from(id: RunId) -> Self {
        id.0
    }
}
