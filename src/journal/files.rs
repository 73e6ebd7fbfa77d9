//! Private files and folders, atomic replacement, and errors that say what to do.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;

/// A file operation failed.
#[derive(Debug, thiserror::Error)]
#[error("{doing} {} ({})", path.display(), advice(source))]
pub struct FileTrouble {
    /// What was tried, reading on from "failed to".
    pub doing: &'static str,
    /// Where.
    pub path: PathBuf,
    /// What the system said.
    pub source: io::Error,
}

impl FileTrouble {
    /// For `map_err`: what was tried, and where.
    pub(super) fn at(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self {
            doing,
            path: path.to_owned(),
            source,
        }
    }
}

/// What a person can do about an error of the file system.
#[must_use]
pub fn advice(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            "the disk or the quota is full: free some space there, then resume"
        }
        io::ErrorKind::PermissionDenied => {
            "make it writable for you, or choose another folder with --state-dir"
        }
        io::ErrorKind::ReadOnlyFilesystem => {
            "the file system is read-only: choose another folder with --state-dir"
        }
        io::ErrorKind::NotFound => "it is not there: check the path",
        io::ErrorKind::AlreadyExists => "it is already there, and is never overwritten",
        io::ErrorKind::NotADirectory => {
            "part of the path is not a folder: choose another with --state-dir"
        }
        _ => "check the disk below that path",
    }
}

/// Whether the file system has no room left.
pub(super) fn is_full(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded
    )
}

/// The folder that holds `path`.
pub(super) fn parent(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        Some(_) | None => Path::new("."),
    }
}

/// Creates a file of ours for appending: mode 0600, and refused if anything already has that name.
pub(super) fn create_new(path: &Path) -> io::Result<File> {
    OpenOptions::new()
        .append(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
}

/// Opens a file of ours for appending. Refuses links, other people's files and files with a second name.
pub(super) fn open_append(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.append(true);
    open_ours(options, path)
}

/// Opens a file of ours with `options`, not following a link.
pub(super) fn open_ours(mut options: OpenOptions, path: &Path) -> io::Result<File> {
    let no_follow = i32::try_from(OFlags::NOFOLLOW.bits() | OFlags::NONBLOCK.bits())
        .expect("flags fit in a C int");
    let file = options.custom_flags(no_follow).open(path)?;
    let meta = file.metadata()?;
    let refuse = |why: &str| Err(io::Error::new(io::ErrorKind::InvalidInput, why));
    if !meta.is_file() {
        refuse("it is not a plain file")
    } else if meta.uid() != rustix::process::geteuid().as_raw() {
        refuse("it belongs to another user")
    } else if meta.nlink() > 1 {
        refuse("it has a second name (a hard link)")
    } else if meta.mode() & 0o022 != 0 {
        refuse("others may write to it")
    } else {
        Ok(file)
    }
}

/// Creates a folder and its missing parents, mode 0700.
pub(super) fn create_private_dirs(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)
}

/// Creates one folder, mode 0700; refused if anything already has that name.
pub(super) fn create_private_dir(path: &Path) -> io::Result<()> {
    DirBuilder::new().mode(0o700).create(path)
}

/// Returns when the entries of the folder are on the disk.
///
/// # Errors
/// [`FileTrouble`] with the folder.
pub fn sync_dir(folder: &Path) -> Result<(), FileTrouble> {
    File::open(folder)
        .and_then(|dir| dir.sync_all())
        .map_err(FileTrouble::at("sync the folder", folder))
}

/// Writes a file that must not exist yet: complete and on the disk, or not there at all. Mode 0600.
///
/// # Errors
/// [`FileTrouble`] with the file; nothing is left behind.
pub fn freeze(path: &Path, bytes: &[u8]) -> Result<(), FileTrouble> {
    written(path, bytes)
        .and_then(|file| Ok(file.persist_noclobber(path)?))
        .map_err(FileTrouble::at("write", path))?;
    sync_dir(parent(path))
}

/// Writes or replaces a file: at any moment either the old or the new content is there, whole. Mode 0600.
///
/// # Errors
/// [`FileTrouble`] with the file; the old content is then still there.
pub fn replace(path: &Path, bytes: &[u8]) -> Result<(), FileTrouble> {
    written(path, bytes)
        .and_then(|file| Ok(file.persist(path)?))
        .map_err(FileTrouble::at("write", path))?;
    sync_dir(parent(path))
}

/// A synced file without its final name, beside its place, mode 0600 as `tempfile` makes them.
fn written(path: &Path, bytes: &[u8]) -> io::Result<tempfile::NamedTempFile> {
    let mut file = tempfile::Builder::new()
        .prefix(".new-")
        .tempfile_in(parent(path))?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    Ok(file)
}
