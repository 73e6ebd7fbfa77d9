//! One writer for each run, and who it is.
//!
//! The lock is the system's (`flock`) on a file of its own in the run folder. It goes away with its process, also
//! after `kill -9`, and is not kept alive by child processes. The file holds the owner as JSON. An owner who lets go in
//! order empties the file, so text in a lock file that nobody holds means that its owner died.

use std::fmt;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use super::files::{self, FileTrouble};

/// Who holds a run, or held it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Owner {
    /// Login name.
    pub user: String,
    /// Name of the machine that holdpoint runs on.
    pub host: String,
    /// Process id there.
    pub pid: u32,
    /// Identity of that machine's boot; empty where the system has none.
    pub boot_id: String,
    /// When it took the lock, RFC 3339.
    pub started: String,
}

impl Owner {
    /// This process.
    #[must_use]
    pub fn current() -> Self {
        let boot_id = std::fs::read_to_string("/proc/sys/kernel/random/boot_id");
        Self {
            user: user_name(),
            host: rustix::system::uname()
                .nodename()
                .to_string_lossy()
                .into_owned(),
            pid: std::process::id(),
            boot_id: boot_id.map(|id| id.trim().to_owned()).unwrap_or_default(),
            started: jiff::Timestamp::now()
                .round(jiff::Unit::Second)
                .map_or_else(
                    |_| jiff::Timestamp::now().to_string(),
                    |now| now.to_string(),
                ),
        }
    }
}

/// `ana@jump-1 (process 4711, since 2026-11-21T22:00:00Z)`
impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            user,
            host,
            pid,
            boot_id: _,
            started,
        } = self;
        write!(f, "{user}@{host} (process {pid}, since {started})")
    }
}

/// The name of the effective user: the local account file, then the environment, then the number.
fn user_name() -> String {
    let uid = rustix::process::geteuid().as_raw().to_string();
    let accounts = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    let local = accounts.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)? == uid).then(|| name.to_owned())
    });
    let named = || {
        std::env::var("LOGNAME")
            .or_else(|_| std::env::var("USER"))
            .ok()
    };
    local.or_else(named).unwrap_or_else(|| format!("uid-{uid}"))
}

/// Why a run could not be locked.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Somebody works on this run.
    #[error(
        "lock the run in {}: {} is working on it; watch there, or end that process and resume",
        folder.display(),
        owner.as_ref().map_or_else(|| "another process".to_owned(), ToString::to_string)
    )]
    Locked {
        /// The run's folder.
        folder: PathBuf,
        /// Who; `None` if the lock file does not say.
        owner: Option<Box<Owner>>,
    },
    /// The lock file could not be used.
    #[error("lock the run")]
    Files(#[from] FileTrouble),
}

/// The right to write to a run. Dropping it lets go.
#[derive(Debug)]
pub struct RunLock {
    file: File,
    previous: Option<Owner>,
}

/// How long a taker lets another process look at the lock; a look holds it for microseconds.
const LOOKED_AT: Duration = Duration::from_millis(200);

impl RunLock {
    /// Takes the lock file at `path`, making it if there is none, and writes `owner` into it.
    ///
    /// # Errors
    /// [`LockError::Locked`] names the owner; [`LockError::Files`] when the file cannot be opened or written.
    pub fn take(path: &Path, owner: &Owner) -> Result<Self, LockError> {
        let mut options = OpenOptions::new();
        options
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600);
        let file =
            files::open_ours(options, path).map_err(FileTrouble::at("open the lock", path))?;
        if !locked_by_us(&file).map_err(FileTrouble::at("take the lock", path))? {
            return Err(LockError::Locked {
                folder: files::parent(path).to_owned(),
                owner: named_in(&file).map(Box::new),
            });
        }
        let previous = named_in(&file);
        name_owner(&file, owner).map_err(FileTrouble::at("write the lock", path))?;
        Ok(Self { file, previous })
    }

    /// The owner before us, if it never let go: killed, or its machine went down.
    #[must_use]
    pub fn previous_owner(&self) -> Option<&Owner> {
        self.previous.as_ref()
    }
}

impl Drop for RunLock {
    fn drop(&mut self) {
        // If this fails the next owner is told that we died, which is harmless.
        let _ = self.file.set_len(0);
    }
}

/// What a look at a lock shows; it may be different a moment later.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum LockState {
    /// Nobody works on the run.
    Free {
        /// The last owner, if it died without letting go.
        died: Option<Owner>,
    },
    /// Somebody does.
    Held {
        /// Who, if the lock file says.
        by: Option<Owner>,
    },
}

/// Looks at the lock file at `path` without taking it for longer than the look.
///
/// # Errors
/// [`FileTrouble`] when it is there but cannot be read.
pub fn look(path: &Path) -> Result<LockState, FileTrouble> {
    let mut options = OpenOptions::new();
    options.read(true);
    let file = match files::open_ours(options, path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Ok(LockState::Free { died: None });
        }
        Err(error) => return Err(FileTrouble::at("look at the lock", path)(error)),
    };
    match file.try_lock_shared() {
        Ok(()) => Ok(LockState::Free {
            died: named_in(&file),
        }),
        Err(TryLockError::WouldBlock) => Ok(LockState::Held {
            by: named_in(&file),
        }),
        Err(TryLockError::Error(error)) => Err(FileTrouble::at("look at the lock", path)(error)),
    }
}

/// Tries to lock, patiently enough not to be turned away by somebody who only looks.
fn locked_by_us(file: &File) -> io::Result<bool> {
    let patience = Instant::now() + LOOKED_AT;
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(true),
            Err(TryLockError::WouldBlock) if Instant::now() < patience => {
                std::thread::sleep(Duration::from_millis(5));
            }
            Err(TryLockError::WouldBlock) => return Ok(false),
            Err(TryLockError::Error(error)) => return Err(error),
        }
    }
}

fn named_in(file: &File) -> Option<Owner> {
    const LONGEST: u64 = 4096;
    let mut reader = file;
    let mut text = String::new();
    reader.rewind().ok()?;
    reader.take(LONGEST).read_to_string(&mut text).ok()?;
    serde_json::from_str(&text).ok()
}

fn name_owner(file: &File, owner: &Owner) -> io::Result<()> {
    let mut writer = file;
    file.set_len(0)?;
    writer.rewind()?;
    writer.write_all(serde_json::to_string(owner)?.as_bytes())
}
