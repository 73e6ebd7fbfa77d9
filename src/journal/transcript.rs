//! What a node printed during one attempt.
//!
//! Lines come sanitised from the caller; what still is a control character is replaced, so that showing the file in a
//! terminal does nothing. Lines are not synced one by one: the node's own log is the original, and a resume asks for
//! it again. The journal records the length and the hash when the attempt is over.

use std::borrow::Cow;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
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
            let len = file.metadata()?.len();
            let cut = ends_with_cut(&mut file, len)?;
            Ok(Self {
                file,
                path: path.to_owned(),
                cap: CAP,
                len,
                dropped: 0,
                cut,
            })
        };
        resumed().map_err(FileTrouble::at("go on with the transcript", path))
    }

    /// Adds one line. The first line that does not fit is replaced by one that says where the transcript was cut.
    ///
    /// # Errors
    /// [`FileTrouble`] with the file. The output is then incomplete; the journal and the run are not affected.
    pub fn line(&mut self, text: &str) -> Result<(), FileTrouble> {
        let harmless = |c| {
            if c == '\n' {
                char::REPLACEMENT_CHARACTER
            } else {
                c
            }
        };
        let line: String = text.chars().map(harmless).chain(['\n']).collect();
        self.lines(&line)
    }

    /// Adds lines that each end in a newline, as [`Transcript::line`] does one after the other.
    ///
    /// # Errors
    /// As there.
    pub fn lines(&mut self, text: &str) -> Result<(), FileTrouble> {
        let text = harmless(text);
        if self.cut {
            self.dropped += count(&text);
            return Ok(());
        }
        let (kept, dropped) = text.split_at(fitting(&text, self.cap.saturating_sub(self.len)));
        if !kept.is_empty() {
            self.put(kept)?;
        }
        if dropped.is_empty() {
            return Ok(());
        }
        self.dropped += count(dropped);
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
    /// [`FileTrouble`] when the sync fails, or the file cannot be read.
    pub fn seal(&self) -> Result<Sealed, FileTrouble> {
        self.file
            .sync_data()
            .map_err(FileTrouble::at("sync the transcript", &self.path))?;
        let digest = self
            .digest()
            .map_err(FileTrouble::at("read the transcript", &self.path))?;
        Ok(Sealed {
            len: self.len,
            sha256: digest.iter().map(|byte| format!("{byte:02x}")).collect(),
            dropped: self.dropped,
        })
    }

    /// From the file: most transcripts are never sealed, and hashing costs more than writing.
    fn digest(&self) -> io::Result<[u8; 32]> {
        let mut options = OpenOptions::new();
        options.read(true);
        let mut file = files::open_ours(options, &self.path)?;
        let (mut hash, mut piece) = (Sha256::new(), vec![0; 64 << 10]);
        loop {
            match file.read(&mut piece)? {
                0 => return Ok(hash.finalize().into()),
                read => hash.update(&piece[..read]),
            }
        }
    }

    /// A failed write may have left a part of the lines; it is cut off, so that the length stays true.
    fn put(&mut self, lines: &str) -> Result<(), FileTrouble> {
        if let Err(error) = self.file.write_all(lines.as_bytes()) {
            let _ = self.file.set_len(self.len);
            return Err(FileTrouble::at("write the transcript", &self.path)(error));
        }
        self.len += lines.len() as u64;
        Ok(())
    }
}

/// The text without control characters but line ends and tabs.
fn harmless(text: &str) -> Cow<'_, str> {
    // Some bytes at once, without leaving at the first that is not plain: much quicker where all are.
    let plain = |plain, byte: &u8| plain & matches!(byte, b' '..=b'~' | b'\n');
    let mut some = text.as_bytes().chunks(128);
    if some.all(|bytes| bytes.iter().fold(true, plain)) {
        return Cow::Borrowed(text);
    }
    let harmless = |c: char| match c {
        '\n' | '\t' => c,
        c if c.is_control() => char::REPLACEMENT_CHARACTER,
        c => c,
    };
    Cow::Owned(text.chars().map(harmless).collect())
}

/// Bytes of the whole lines at the beginning of a text that fit into `room`.
fn fitting(text: &str, room: u64) -> usize {
    match usize::try_from(room) {
        Ok(room) if room < text.len() => {
            let mut fits = text.as_bytes()[..room].iter();
            let end = fits.rposition(|byte| *byte == b'\n');
            end.map_or(0, |end| end + 1)
        }
        Ok(_) | Err(_) => text.len(),
    }
}

fn count(lines: &str) -> u64 {
    lines.lines().count() as u64
}

fn cut_line(len: u64, cap: u64) -> String {
    format!(
        "[holdpoint: cut here after {len} bytes, the limit is {cap}; the lines that follow were not kept]\n"
    )
}

/// Whether the last line is the one that says where the transcript was cut, at the very place it speaks of.
fn ends_with_cut(file: &mut File, len: u64) -> io::Result<bool> {
    // Longer than that line ever is.
    let from = len.saturating_sub(256);
    file.seek(SeekFrom::Start(from))?;
    let mut end = Vec::new();
    file.read_to_end(&mut end)?;
    let lines = end.strip_suffix(b"\n").unwrap_or(&end);
    let start = lines.iter().rposition(|&byte| byte == b'\n');
    let start = start.map_or(0, |end| end + 1);
    Ok(end[start..] == *cut_line(from + start as u64, CAP).as_bytes())
}
