//! What a journal asks of the file below it.

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::files::{self, FileTrouble};

/// Whether an append waits until the disk has the data.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Durability {
    /// Returns after the sync. The only choice for whatever may touch a node.
    Synced,
    /// Does not sync. For rehearsals, which touch no node.
    Unsynced,
}

/// The things that a journal does to its file. Tests put one here that fails where they want.
pub trait Disk: Send {
    /// Writes at the end; may write less than all, as `write(2)` may.
    ///
    /// # Errors
    /// What the system says.
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize>;

    /// Returns when the data is on the disk, with the time that took.
    ///
    /// # Errors
    /// What the system says. The data may then be lost even if a later call succeeds.
    fn sync_data(&mut self) -> io::Result<Duration>;

    /// Returns when the file's entry in its folder is on the disk.
    ///
    /// # Errors
    /// What the system says.
    fn sync_dir(&mut self) -> io::Result<()>;

    /// Cuts the file to `len` bytes.
    ///
    /// # Errors
    /// What the system says.
    fn truncate(&mut self, len: u64) -> io::Result<()>;

    /// Gives reserved space back to the file system, once the disk is full.
    ///
    /// # Errors
    /// What the system says.
    fn free_ballast(&mut self) -> io::Result<()>;
}

/// Bytes kept in reserve beside a synced journal.
pub const BALLAST: usize = 1024 * 1024;

/// A real file, opened for appending.
pub(super) struct FileDisk {
    file: File,
    folder: PathBuf,
    ballast: PathBuf,
}

impl FileDisk {
    pub(super) fn new(file: File, journal: &Path) -> Self {
        Self {
            file,
            folder: files::parent(journal).to_owned(),
            ballast: ballast_path(journal),
        }
    }
}

impl Disk for FileDisk {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn sync_data(&mut self) -> io::Result<Duration> {
        let start = Instant::now();
        self.file.sync_data().map(|()| start.elapsed())
    }

    fn sync_dir(&mut self) -> io::Result<()> {
        File::open(&self.folder)?.sync_all()
    }

    fn truncate(&mut self, len: u64) -> io::Result<()> {
        self.file.set_len(len)
    }

    fn free_ballast(&mut self) -> io::Result<()> {
        std::fs::remove_file(&self.ballast)
    }
}

fn ballast_path(journal: &Path) -> PathBuf {
    journal.with_extension("ballast")
}

/// Makes sure that the reserve is there. Called before anything is sent, so a disk that is already full stops the
/// run here and not in the middle.
pub(super) fn reserve(journal: &Path) -> Result<(), FileTrouble> {
    let path = ballast_path(journal);
    let whole = |meta: std::fs::Metadata| meta.is_file() && meta.len() == BALLAST as u64;
    if std::fs::symlink_metadata(&path).is_ok_and(whole) {
        return Ok(());
    }
    files::replace(&path, &noise(BALLAST))
}

/// Bytes that a compressing file system cannot shrink to nothing.
fn noise(len: usize) -> Vec<u8> {
    let mut state: u64 = 0x9e37_79b9_7f4a_7c15;
    std::iter::repeat_with(|| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    })
    .take(len.div_ceil(8))
    .flatten()
    .take(len)
    .collect()
}
