//! The folder of one run.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::files::{self, FileTrouble};
use super::lock::{LockError, Owner, RunLock};
use super::runid::RunId;
use super::transcript::Transcript;

/// What `holdpoint runs` says about a run without reading its journal. Written once, when the run is made.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Meta {
    /// The run.
    pub run: RunId,
    /// `rehearse`, `dry-run` or `run`.
    pub mode: String,
    /// Id of the procedure.
    pub procedure: String,
    /// Name of the cluster.
    pub cluster: String,
    /// Version that the cluster is to have in the end.
    pub target: String,
    /// When the run was made.
    pub created: jiff::Timestamp,
    /// Who made it, like `ana@jump-1`.
    pub operator: String,
    /// Version of holdpoint that made it.
    pub program: String,
    /// Anything else worth keeping, such as the seed of a rehearsal. No secrets.
    #[serde(flatten)]
    pub more: serde_json::Map<String, serde_json::Value>,
}

/// The folder of one run: mode 0700, its files 0600.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RunDir {
    id: RunId,
    path: PathBuf,
}

impl RunDir {
    pub(super) fn at(id: RunId, path: PathBuf) -> Self {
        Self { id, path }
    }

    /// The run.
    #[must_use]
    pub fn id(&self) -> &RunId {
        &self.id
    }

    /// The folder.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The journal.
    #[must_use]
    pub fn journal(&self) -> PathBuf {
        self.path.join("journal")
    }

    /// The lock file.
    #[must_use]
    pub fn lock_file(&self) -> PathBuf {
        self.path.join("lock")
    }

    /// The procedure as it was when the run was made.
    #[must_use]
    pub fn procedure(&self) -> PathBuf {
        self.path.join("procedure.toml")
    }

    /// The cluster file as it was when the run was made.
    #[must_use]
    pub fn cluster(&self) -> PathBuf {
        self.path.join("cluster.toml")
    }

    /// The frozen plan, for the program.
    #[must_use]
    pub fn plan_json(&self) -> PathBuf {
        self.path.join("plan.json")
    }

    /// The frozen plan, for people.
    #[must_use]
    pub fn plan_text(&self) -> PathBuf {
        self.path.join("plan.txt")
    }

    /// [`Meta`] as JSON.
    #[must_use]
    pub fn meta_file(&self) -> PathBuf {
        self.path.join("meta.json")
    }

    /// The folder of the transcripts.
    #[must_use]
    pub fn transcripts(&self) -> PathBuf {
        self.path.join("transcripts")
    }

    /// The report; `kind` is `md`, `html` or `json`.
    #[must_use]
    pub fn report(&self, kind: &str) -> PathBuf {
        self.path.join("report").with_extension(kind)
    }

    /// Takes the run's lock for this process.
    ///
    /// # Errors
    /// As [`RunLock::take`].
    pub fn lock(&self) -> Result<RunLock, LockError> {
        RunLock::take(&self.lock_file(), &Owner::current())
    }

    /// Reads what the run says about itself.
    ///
    /// # Errors
    /// [`FileTrouble`] when the file is missing, unreadable or no such JSON.
    pub fn meta(&self) -> Result<Meta, FileTrouble> {
        let path = self.meta_file();
        std::fs::read(&path)
            .and_then(|bytes| Ok(serde_json::from_slice(&bytes)?))
            .map_err(FileTrouble::at("read", &path))
    }

    /// Writes one of the frozen files; it must not exist yet. Mode 0600, complete or not there.
    ///
    /// # Errors
    /// [`FileTrouble`] with the file.
    pub fn freeze(&self, path: &Path, bytes: &[u8]) -> Result<(), FileTrouble> {
        files::freeze(path, bytes)
    }

    /// Writes or replaces a file that may change, such as a report.
    ///
    /// # Errors
    /// [`FileTrouble`] with the file; the old content is then still there.
    pub fn replace(&self, path: &Path, bytes: &[u8]) -> Result<(), FileTrouble> {
        files::replace(path, bytes)
    }

    /// Where the output of one attempt is kept. Different actions never share a name.
    #[must_use]
    pub fn transcript_path(&self, action: &str, attempt: u32) -> PathBuf {
        self.transcripts()
            .join(format!("{}.{attempt}.log", file_name(action)))
    }

    /// Begins the transcript of one attempt.
    ///
    /// # Errors
    /// [`FileTrouble`] when it exists or cannot be made.
    pub fn new_transcript(&self, action: &str, attempt: u32) -> Result<Transcript, FileTrouble> {
        Transcript::create(&self.transcript_path(action, attempt))
    }

    /// Goes on with the transcript of an attempt that a resume attached to again.
    ///
    /// # Errors
    /// [`FileTrouble`] when it cannot be opened or read.
    pub fn continued_transcript(
        &self,
        action: &str,
        attempt: u32,
    ) -> Result<Transcript, FileTrouble> {
        Transcript::open(&self.transcript_path(action, attempt))
    }
}

/// An action's id as a file name: `upgrade/update@st2` becomes `upgrade~update@st2`. Reversible as long as it is
/// short, so no two ids meet in one file; a long one ends in a hash instead.
fn file_name(id: &str) -> String {
    use std::fmt::Write as _;
    const LONGEST: usize = 180;
    let mut name = String::new();
    for byte in id.bytes() {
        match byte {
            b'/' => name.push('~'),
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'@' => {
                name.push(char::from(byte));
            }
            other => write!(name, "%{other:02x}").expect("writing to a string cannot fail"),
        }
    }
    if name.len() > LONGEST {
        let hash = <sha2::Sha256 as sha2::Digest>::digest(id);
        name.truncate(LONGEST);
        name.push('+');
        for byte in &hash[..8] {
            write!(name, "{byte:02x}").expect("writing to a string cannot fail");
        }
    }
    name
}

#[cfg(test)]
mod tests {
    use super::file_name;

    #[test]
    fn an_id_becomes_a_plain_file_name_that_no_other_id_has() {
        assert_eq!(file_name("upgrade/update@st2"), "upgrade~update@st2");
        assert_eq!(file_name("../x"), "%2e%2e~x");
        assert_ne!(file_name("a/b"), file_name("a~b"));
        let long = |end: &str| file_name(&format!("{}{end}", "x".repeat(300)));
        assert_ne!(long("1"), long("2"));
        assert!(long("1").len() < 255 - ".4294967295.log".len());
    }
}
