//! The file on the operator's machine: measured once, read in pieces, and noticed when it changes meanwhile.

use std::collections::BTreeMap;
use std::fs::{File, Metadata};
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use sha2::{Digest as _, Sha256};
use tokio::sync::{Mutex, mpsc};

/// Bytes that are read at once.
const PIECE: usize = 256 << 10;
/// Pieces that are read ahead.
const AHEAD: usize = 4;

/// The files that are uploaded, shared by all nodes: each is read once for its checksum.
#[derive(Clone, Debug, Default)]
pub(in crate::transport::nodes) struct LocalFiles {
    known: Arc<Mutex<BTreeMap<PathBuf, Arc<LocalFile>>>>,
}

/// One file as it was when its checksum was taken.
#[derive(Debug)]
pub(super) struct LocalFile {
    path: PathBuf,
    pub(super) size: u64,
    /// In hex.
    pub(super) sha256: String,
    identity: Identity,
}

/// What changes when a file is written or replaced.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Identity {
    device: u64,
    inode: u64,
    size: u64,
    modified: (i64, i64),
}

impl Identity {
    fn of(data: &Metadata) -> Identity {
        Identity {
            device: data.dev(),
            inode: data.ino(),
            size: data.len(),
            modified: (data.mtime(), data.mtime_nsec()),
        }
    }
}

impl LocalFiles {
    /// The file at `path` with its checksum. Nodes that ask at the same time wait for the one that reads it.
    pub(super) async fn get(&self, path: &Path) -> Result<Arc<LocalFile>, String> {
        let mut known = self.known.lock().await;
        let before = known.get(path).cloned();
        let owned = path.to_path_buf();
        let file = off_the_loop(move || measure(owned, before)).await;
        let file = file.map_err(|error| format!("{}: {error}", path.display()))?;
        known.insert(path.to_path_buf(), Arc::clone(&file));
        Ok(file)
    }
}

impl LocalFile {
    /// SHA-256 of its first `bytes`.
    pub(super) async fn digest_of_first(self: &Arc<Self>, bytes: u64) -> Result<String, String> {
        let file = Arc::clone(self);
        let digest = off_the_loop(move || {
            let opened = file.open(0)?;
            let digest = digest(opened.take(bytes))?;
            Ok(digest)
        });
        digest.await.map_err(|error| self.words(&error))
    }

    /// Its bytes from `from` to `until`, piece by piece. The last thing is an error if the file is not what was measured.
    pub(super) fn pieces(
        self: &Arc<Self>,
        from: u64,
        until: u64,
    ) -> mpsc::Receiver<Result<Vec<u8>, String>> {
        let (pieces, taken) = mpsc::channel(AHEAD);
        let file = Arc::clone(self);
        tokio::task::spawn_blocking(move || {
            if let Err(error) = file.read_out(from, until, &pieces) {
                let _ = pieces.blocking_send(Err(file.words(&error)));
            }
        });
        taken
    }

    fn read_out(
        &self,
        from: u64,
        until: u64,
        pieces: &mpsc::Sender<Result<Vec<u8>, String>>,
    ) -> io::Result<()> {
        let mut file = self.open(from)?;
        let mut left = until - from;
        while left > 0 {
            let most = PIECE.min(usize::try_from(left).unwrap_or(PIECE));
            let mut piece = vec![0; most];
            file.read_exact(&mut piece)?;
            left -= most as u64;
            if pieces.blocking_send(Ok(piece)).is_err() {
                return Ok(());
            }
        }
        self.check(&file.metadata()?)
    }

    fn open(&self, from: u64) -> io::Result<File> {
        let mut file = File::open(&self.path)?;
        self.check(&file.metadata()?)?;
        file.seek(SeekFrom::Start(from))?;
        Ok(file)
    }

    fn check(&self, data: &Metadata) -> io::Result<()> {
        if Identity::of(data) == self.identity {
            return Ok(());
        }
        Err(io::Error::other(
            "it changed while it was uploaded; let it be finished, then try again",
        ))
    }

    fn words(&self, error: &io::Error) -> String {
        format!("{}: {error}", self.path.display())
    }
}

fn measure(path: PathBuf, known: Option<Arc<LocalFile>>) -> io::Result<Arc<LocalFile>> {
    let file = File::open(&path)?;
    let data = file.metadata()?;
    if !data.is_file() {
        return Err(io::Error::other("it is no regular file"));
    }
    let identity = Identity::of(&data);
    if let Some(known) = known
        && known.identity == identity
    {
        return Ok(known);
    }
    let sha256 = digest(&file)?;
    let measured = LocalFile {
        path,
        size: identity.size,
        sha256,
        identity,
    };
    measured.check(&file.metadata()?)?;
    Ok(Arc::new(measured))
}

fn digest(mut from: impl io::Read) -> io::Result<String> {
    let mut hash = Sha256::new();
    let mut piece = vec![0; PIECE];
    loop {
        match from.read(&mut piece)? {
            0 => return Ok(hex(hash)),
            read => hash.update(&piece[..read]),
        }
    }
}

/// The checksum in hex.
pub(super) fn hex(hash: Sha256) -> String {
    hash.finalize().iter().map(|b| format!("{b:02x}")).collect()
}

/// Reading a big file must not hold up the others.
async fn off_the_loop<T: Send + 'static>(
    read: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    let done = tokio::task::spawn_blocking(read).await;
    done.unwrap_or_else(|error| Err(io::Error::other(error)))
}
