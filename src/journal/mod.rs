//! Durable truth: one record per lasting event, hash-chained, synced before anything acts on it.
//!
//! The order of a decision is: append, sync, and only then act. What [`Journal::append`] acknowledged is on
//! disk; when it refuses, nothing may be sent to a node. Payloads are single-line JSON made by the caller; this
//! module knows nothing about events.
//!
//! | file | what it is |
//! |---|---|
//! | [`record`] | one record as one line: pure encode and decode |
//! | [`reader`] | reads back; tolerates a torn last record, refuses everything else with the place named |
//! | [`disk`] | the five things a journal asks of a file, so that tests can make each of them fail |
//! | [`writer`] | append and sync; poisoned by the first failure |
//! | [`mod@verify`] | the verdict on a journal, for people |
//! | [`lock`] | one writer for each run, and who it is |
//! | [`statedir`], [`rundir`], [`runid`] | where runs live and what is in the folder of one |
//! | [`transcript`] | what a node printed during one attempt |
//! | [`files`] | private files and folders, atomic replacement, errors that say what to do |
//!
//! Times in here are wall-clock times for people. Nothing is ever decided by them.

pub mod record;

pub mod reader;

pub mod disk;
pub mod writer;

pub mod verify;

pub mod lock;

pub mod rundir;
pub mod runid;
pub mod statedir;

pub mod transcript;

pub mod files;

pub use disk::{Disk, Durability};
pub use files::FileTrouble;
pub use lock::{LockError, LockState, Owner, RunLock};
pub use reader::{JournalFault, Reading, TornTail, read};
pub use record::{ChainHash, Damage, Record};
pub use rundir::{Meta, RunDir};
pub use runid::RunId;
pub use statedir::{Listing, NetworkFs, StateDir, StateError};
pub use transcript::{Sealed, Transcript};
pub use verify::{Verdict, verify};
pub use writer::{Journal, JournalError, Opened, SlowSync};

/// Milliseconds since 1970 by this machine's wall clock; 0 if the clock stands before that.
fn wall_ms() -> u64 {
    std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .ok()
        .and_then(|since| u64::try_from(since.as_millis()).ok())
        .unwrap_or(0)
}
