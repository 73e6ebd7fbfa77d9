//! What a node printed during one attempt.
//!
//! Lines come sanitised from the caller; what still is a control character is replaced, so that showing the file in a
//! terminal does nothing. Lines are not synced one by one: the node's own log is the original, and a resume asks for
//! it again. The journal records the length and the hash when the attempt is over.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::files::{self, FileTrouble};

/// Bytes kept of one attempt unless the caller says otherwise.
pub const CAP: u64 = 8 * 1024 * 1024;

/// The output of one attempt, open for appending, mode 0600.
pub struct Transcript {
    file: File,
    path: PathBuf,
    cap: u64,
    len: u64,
    hash: Sha256,
    dropped: u64,
    cut: bool,
}

/// A transcript at one moment, for the journal.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Sealed {
    /// Bytes in the file.
    pub len: u64,
    /// SHA-256 of the file, 64 hex digits.
    pub sha256: String,
    /// Lines that came after the cap and were not kept, counted since the transcript was last opened.
    pub dropped: u64,
}

impl Transcript {
    /// Begins a transcript with the usual [`CAP`]; a file of that name must not exist.
    ///
    /// # Errors
    /// [`FileTrouble`] with the file.
    pub fn create(path: &Path) -> Result<Self, FileTrouble> {
        Self::create_capped(path, CAP)
    }

    /// Begins a transcript that keeps at most `cap` bytes of lines, and one line more that says so.
    ///
    /// # Errors
    /// [`FileTrouble`] with the file.
    pub fn create_capped(path: &Path, cap: u64) -> Result<Self, FileTrouble> {
        let file =
            files::create_new(path).map_err(FileTrouble::at("create the transcript", path))?;
        Ok(Self {
            file,
            path: path.to_owned(),
            cap,
            len: 0,
            hash: Sha256::new(),
            dropped: 0,
            cut: false,
        })
    }

    /// Goes on with a transcript after an interruption, with the usual [`CAP`].
    ///
    /// # Errors
    /// [`FileTrouble`] with the file.
    pub fn open(path: &Path) -> Result<Self, FileTrouble> {
        let resumed = || -> io::Result<Self> {
            let mut options = OpenOptions::new();
            options.read(true).append(true);
            let mut file = files::open_ours(options, path)?;
            let mut bytes = Vec::new();
            file.read_to_end(&mut bytes)?;
            Ok(Self {
                file,
                path: path.to_owned(),
                cap: CAP,
                len: bytes.len() as u64,
                hash: Sha256::new().chain_update(&bytes),
                dropped: 0,
                cut: ends_with_cut(&bytes),
            })
        };
        resumed().map_err(FileTrouble::at("go on with the transcript", path))
    }

    /// Adds one line. The first line that does not fit is replaced by one that says where the transcript was cut.
    ///
    /// # Errors
    /// [`FileTrouble`] with the file. The output is then incomplete; the journal and the run are not affected.
    pub fn line(&mut self, text: &str) -> Result<(), FileTrouble> {
        let mut line = String::with_capacity(text.len() + 1);
        if text.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
            line.push_str(text);
        } else {
            line.extend(text.chars().map(harmless));
        }
        line.push('\n');
        if !self.cut && self.len + line.len() as u64 <= self.cap {
            return self.put(&line);
        }
        self.dropped += 1;
        if self.cut {
            return Ok(());
        }
        self.cut = true;
        self.put(&cut_line(self.len, self.cap))
    }

    /// Bytes in the file.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Whether nothing was printed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Length and hash as of now, after a sync: what the journal says about the file is then on the disk.
    ///
    /// # Errors
    /// [`FileTrouble`] when the sync fails.
    pub fn seal(&self) -> Result<Sealed, FileTrouble> {
        self.file
            .sync_data()
            .map_err(FileTrouble::at("sync the transcript", &self.path))?;
        let digest = self.hash.clone().finalize();
        Ok(Sealed {
            len: self.len,
            sha256: digest.iter().map(|byte| format!("{byte:02x}")).collect(),
            dropped: self.dropped,
        })
    }

    /// A failed write may have left a part of the line; it is cut off, so that length and hash stay true.
    fn put(&mut self, line: &str) -> Result<(), FileTrouble> {
        if let Err(error) = self.file.write_all(line.as_bytes()) {
            let _ = self.file.set_len(self.len);
            return Err(FileTrouble::at("write the transcript", &self.path)(error));
        }
        self.len += line.len() as u64;
        self.hash.update(line);
        Ok(())
    }
}

fn harmless(c: char) -> char {
    if c.is_control() && c != '\t' {
        char::REPLACEMENT_CHARACTER
    } else {
        c
    }
}

fn cut_line(len: u64, cap: u64) -> String {
    format!(
        "[holdpoint: cut here after {len} bytes, the limit is {cap}; the lines that follow were not kept]\n"
    )
}

/// Whether the last line is the one that says where the transcript was cut, at the very place it speaks of.
fn ends_with_cut(bytes: &[u8]) -> bool {
    let lines = bytes.strip_suffix(b"\n").unwrap_or(bytes);
    let start = lines
        .iter()
        .rposition(|&byte| byte == b'\n')
        .map_or(0, |end| end + 1);
    bytes[start..] == *cut_line(start as u64, CAP).as_bytes()
}
