//! Appends records. What [`Journal::append`] acknowledged is on the disk.
//!
//! The first failed write or sync poisons the journal: every later append is refused with the first cause. A sync
//! is never tried again, because after a failed one the system may have dropped the data and still report
//! success. What the failed append left in the file is cut off again.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::disk::{self, Disk, Durability, FileDisk};
use super::files::{self, FileTrouble};
use super::reader::{self, JournalFault, Reading, TornTail};
use super::record::{BadPayload, ChainHash, encode};
use super::wall_ms;

/// A sync that takes longer than this is worth telling the operator.
pub const SLOW_SYNC: Duration = Duration::from_millis(250);

/// Why an append, or opening for appending, was refused.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// A payload cannot be a record. Nothing was written and the journal is still good.
    #[error("append record {record} to the journal {}", path.display())]
    Payload {
        /// The journal.
        path: PathBuf,
        /// The number it would have had.
        record: u64,
        /// What is wrong with it.
        source: BadPayload,
    },
    /// The write or the sync failed. The journal is poisoned.
    #[error(
        "{doing} record {record} in the journal {}; nothing more can be started in this run ({})",
        path.display(), files::advice(source)
    )]
    Stopped {
        /// `write` or `sync`.
        doing: &'static str,
        /// The journal.
        path: PathBuf,
        /// The first record of the failed append.
        record: u64,
        /// What the system said.
        source: io::Error,
    },
    /// An earlier append failed.
    #[error("append to the journal {}, which stopped earlier: failed to {first}", path.display())]
    Poisoned {
        /// The journal.
        path: PathBuf,
        /// The first failure with its cause.
        first: String,
    },
    /// The journal that was to be continued cannot be relied on.
    #[error("continue the run")]
    Fault(#[from] JournalFault),
    /// A file beside the journal, or opening it.
    #[error("prepare the journal")]
    Files(#[from] FileTrouble),
}

/// A sync that took longer than [`SLOW_SYNC`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SlowSync {
    /// The last record that it covered.
    pub record: u64,
    /// How long it took.
    pub took: Duration,
}

/// A journal open for appending. Hold the run's lock while you have one: two writers break the chain.
pub struct Journal {
    disk: Box<dyn Disk>,
    path: PathBuf,
    durability: Durability,
    /// End of the last acknowledged record.
    end: End,
    dir_synced: bool,
    poison: Option<Poison>,
    slow: Option<SlowSync>,
}

#[derive(Clone, Copy)]
struct End {
    seq: u64,
    len: u64,
    head: ChainHash,
}

struct Poison {
    first: String,
    /// The disk was full, and the file holds the acknowledged records and nothing else.
    room_for_a_last_word: bool,
}

/// A journal that was continued.
#[derive(Debug)]
pub struct Opened {
    /// Ready to append after the last good record.
    pub journal: Journal,
    /// What it holds. The torn tail, if any, is no longer in the file.
    pub reading: Reading,
    /// Where the bytes of the torn tail were put; say so in the next record.
    pub torn_aside: Option<PathBuf>,
}

impl Journal {
    /// Creates the journal of a new run, mode 0600; a file of that name must not exist.
    ///
    /// # Errors
    /// [`JournalError::Files`] when the file or its reserve for a full disk cannot be made.
    pub fn create(path: &Path, durability: Durability) -> Result<Self, JournalError> {
        prepare(path, durability)?;
        let file = files::create_new(path).map_err(FileTrouble::at("create the journal", path))?;
        let disk = Box::new(FileDisk::new(file, path));
        Ok(Self::on_disk(disk, path, durability))
    }

    /// Continues the journal of an interrupted run. A torn tail is copied aside and cut off first.
    ///
    /// # Errors
    /// [`JournalError::Fault`] when it is damaged anywhere else, [`JournalError::Files`] when it cannot be opened.
    pub fn open(path: &Path, durability: Durability) -> Result<Opened, JournalError> {
        let reading = reader::read(path)?;
        prepare(path, durability)?;
        let file = files::open_append(path).map_err(FileTrouble::at("open the journal", path))?;
        let torn_aside = reading
            .torn_tail
            .as_ref()
            .map(|tail| set_aside(path, &file, tail))
            .transpose()?;
        let mut journal = Self::on_disk(Box::new(FileDisk::new(file, path)), path, durability);
        journal.end = End {
            seq: reading.records.len() as u64,
            len: reading.good_len,
            head: reading.head,
        };
        Ok(Opened {
            journal,
            reading,
            torn_aside,
        })
    }

    /// An empty journal on a disk of the caller's choice; `path` is only for messages.
    #[must_use]
    pub fn on_disk(disk: Box<dyn Disk>, path: &Path, durability: Durability) -> Self {
        Self {
            disk,
            path: path.to_owned(),
            durability,
            end: End {
                seq: 0,
                len: 0,
                head: ChainHash::START,
            },
            dir_synced: false,
            poison: None,
            slow: None,
        }
    }

    /// Appends the records of one decision in one write, and returns when they are on the disk.
    ///
    /// After an error none of them counts, and nothing that depends on them may be done.
    ///
    /// # Errors
    /// [`JournalError::Payload`] leaves the journal good; every other error is final.
    pub fn append(&mut self, payloads: &[impl AsRef<[u8]>]) -> Result<(), JournalError> {
        if let Some(poison) = &self.poison {
            return Err(self.refusal(&poison.first));
        }
        if payloads.is_empty() {
            return Ok(());
        }
        let (bytes, end) = self.encoded(payloads)?;
        self.put(&bytes, end)
    }

    /// Notes why the run stopped, in the space kept for it. Works once, and only after a full disk.
    ///
    /// # Errors
    /// [`JournalError::Poisoned`] when the journal did not stop because of a full disk, or the last word was said;
    /// otherwise as [`append`](Self::append).
    pub fn last_word(&mut self, payload: &[u8]) -> Result<(), JournalError> {
        let poison = match self.poison.take() {
            Some(poison) if poison.room_for_a_last_word => poison,
            Some(poison) => {
                let refusal = self.refusal(&poison.first);
                self.poison = Some(poison);
                return Err(refusal);
            }
            None => return self.append(&[payload]),
        };
        let said = self
            .encoded(&[payload])
            .and_then(|(bytes, end)| self.put(&bytes, end));
        self.poison = Some(Poison {
            room_for_a_last_word: false,
            ..poison
        });
        said
    }

    /// The number of the last acknowledged record; 0 before the first.
    #[must_use]
    pub fn last_seq(&self) -> u64 {
        self.end.seq
    }

    /// The chain after the last acknowledged record; for the report.
    #[must_use]
    pub fn head(&self) -> ChainHash {
        self.end.head
    }

    /// Why nothing can be appended any more, if so: "failed to ..." with its cause.
    #[must_use]
    pub fn stopped_by(&self) -> Option<&str> {
        self.poison.as_ref().map(|poison| poison.first.as_str())
    }

    /// The slowest sync above [`SLOW_SYNC`] since this was last asked.
    pub fn take_slow_sync(&mut self) -> Option<SlowSync> {
        self.slow.take()
    }

    fn refusal(&self, first: &str) -> JournalError {
        JournalError::Poisoned {
            path: self.path.clone(),
            first: first.to_owned(),
        }
    }

    fn encoded(&self, payloads: &[impl AsRef<[u8]>]) -> Result<(Vec<u8>, End), JournalError> {
        let mut bytes = Vec::new();
        let mut end = self.end;
        let wall = wall_ms();
        for payload in payloads {
            end.seq += 1;
            end.head = encode(end.head, end.seq, wall, payload.as_ref(), &mut bytes).map_err(
                |source| JournalError::Payload {
                    path: self.path.clone(),
                    record: end.seq,
                    source,
                },
            )?;
        }
        end.len += bytes.len() as u64;
        Ok((bytes, end))
    }

    fn put(&mut self, bytes: &[u8], end: End) -> Result<(), JournalError> {
        if let Err(source) = write_all(self.disk.as_mut(), bytes) {
            return Err(self.stop("write", source));
        }
        if self.durability == Durability::Synced
            && let Err(source) = self.sync(end.seq)
        {
            return Err(self.stop("sync", source));
        }
        self.end = end;
        Ok(())
    }

    fn sync(&mut self, record: u64) -> io::Result<()> {
        let took = self.disk.sync_data()?;
        if took > SLOW_SYNC && self.slow.is_none_or(|slow| slow.took < took) {
            self.slow = Some(SlowSync { record, took });
        }
        if !self.dir_synced {
            self.disk.sync_dir()?;
            self.dir_synced = true;
        }
        Ok(())
    }

    /// Poisons the journal and cuts off what the failed append may have left.
    fn stop(&mut self, doing: &'static str, source: io::Error) -> JournalError {
        let full = files::is_full(&source);
        let cut = self.disk.truncate(self.end.len);
        // A reserve that is already gone, or stays, changes nothing: the last word then fails by itself.
        let freed = full && self.disk.free_ballast().is_ok();
        let error = JournalError::Stopped {
            doing,
            path: self.path.clone(),
            record: self.end.seq + 1,
            source,
        };
        let cause = std::error::Error::source(&error).map(ToString::to_string);
        self.poison = Some(Poison {
            first: format!("{error}: {}", cause.unwrap_or_default()),
            room_for_a_last_word: doing == "write" && freed && cut.is_ok(),
        });
        error
    }
}

impl fmt::Debug for Journal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Journal")
            .field("path", &self.path)
            .field("durability", &self.durability)
            .field("last_seq", &self.end.seq)
            .field("stopped_by", &self.stopped_by())
            .finish_non_exhaustive()
    }
}

/// Writes everything, in one call unless the system takes less. Going on after a short write is how the reason
/// for it is learned: a full disk takes a part first and complains at the next call.
fn write_all(disk: &mut dyn Disk, bytes: &[u8]) -> io::Result<()> {
    const INTERRUPTIONS: u32 = 1000;
    let mut rest = bytes;
    let mut interrupted = 0;
    while !rest.is_empty() {
        match disk.write(rest) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(count) => rest = &rest[count.min(rest.len())..],
            Err(error)
                if error.kind() == io::ErrorKind::Interrupted && interrupted < INTERRUPTIONS =>
            {
                interrupted += 1;
            }
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

fn prepare(path: &Path, durability: Durability) -> Result<(), FileTrouble> {
    match durability {
        Durability::Synced => disk::reserve(path),
        Durability::Unsynced => Ok(()),
    }
}

/// Copies a torn tail to the first free `journal.torn-<n>`, then cuts it off.
fn set_aside(
    path: &Path,
    journal: &std::fs::File,
    tail: &TornTail,
) -> Result<PathBuf, FileTrouble> {
    const MOST: u32 = 1000;
    let candidates = (1..=MOST).map(|n| path.with_extension(format!("torn-{n}")));
    let aside = candidates
        .into_iter()
        .find(|candidate| candidate.symlink_metadata().is_err())
        .unwrap_or_else(|| path.with_extension("torn-last"));
    files::freeze(&aside, &tail.bytes)?;
    journal
        .set_len(tail.offset)
        .and_then(|()| journal.sync_all())
        .map_err(FileTrouble::at("cut the torn end off the journal", path))?;
    Ok(aside)
}
