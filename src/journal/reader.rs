//! Reads a journal back.
//!
//! A crash can only hurt the end of the file, so a bad or short *last* record is a torn tail: it is reported, and
//! nothing after the last good record is believed. The loss is harmless, because nothing left for a node
//! before its record was synced. Anything bad earlier is no accident of ours: it is refused, with the place.
//!
//! A complete last line with another sequence number or a newer format is refused too; no torn write makes those.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::record::{ChainHash, Damage, Record, decode};

/// A journal that may be relied on.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Reading {
    /// Every good record, in order, numbered from 1 without a gap.
    pub records: Vec<Record>,
    /// What follows the last good record, if anything does.
    pub torn_tail: Option<TornTail>,
    /// Bytes of the file that hold good records.
    pub good_len: u64,
    /// The chain after the last good record.
    pub head: ChainHash,
}

/// The unusable end of a journal.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TornTail {
    /// The number that the record would have had.
    pub record: u64,
    /// Where it starts, in bytes from the start of the file.
    pub offset: u64,
    /// What is wrong with it.
    pub damage: Damage,
    /// What is there, unchanged.
    pub bytes: Vec<u8>,
}

/// Why a journal cannot be relied on.
#[derive(Debug, thiserror::Error)]
pub enum JournalFault {
    /// The file could not be read at all.
    #[error("read the journal {}", path.display())]
    Unreadable {
        /// The journal.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A record that is not the last is bad, or the last one is bad in a way that no crash explains.
    #[error(
        "rely on the journal {}: record {record} at byte {offset} is bad \
         (look at it with `holdpoint verify`; this run can be reported, but not resumed)",
        path.display()
    )]
    Damaged {
        /// The journal.
        path: PathBuf,
        /// The number of the bad record, counted from 1.
        record: u64,
        /// Where it starts, in bytes from the start of the file.
        offset: u64,
        /// What is wrong with it.
        #[source]
        damage: Damage,
    },
}

/// Reads the journal at `path`.
///
/// # Errors
/// [`JournalFault`] when the file cannot be read, or is damaged anywhere but in its last record.
pub fn read(path: &Path) -> Result<Reading, JournalFault> {
    let bytes = load(path)?;
    let (reading, fault) = scan(&bytes);
    match fault {
        None => Ok(reading),
        Some(Broken { offset, damage }) => Err(JournalFault::Damaged {
            path: path.to_owned(),
            record: reading.records.len() as u64 + 1,
            offset,
            damage,
        }),
    }
}

/// Reads what stands before the first damage, for `verify` and `report`. Never resume from this.
///
/// # Errors
/// [`JournalFault::Unreadable`] when the file cannot be read at all.
pub fn salvage(path: &Path) -> Result<(Reading, Option<Broken>), JournalFault> {
    load(path).map(|bytes| scan(&bytes))
}

fn load(path: &Path) -> Result<Vec<u8>, JournalFault> {
    fs::read(path).map_err(|source| JournalFault::Unreadable {
        path: path.to_owned(),
        source,
    })
}

/// Damage that is no torn tail. The bad record is the one after the last good record.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Broken {
    /// Where the bad record starts, in bytes from the start of the file.
    pub offset: u64,
    /// What is wrong with it.
    pub damage: Damage,
}

/// Reads records from `bytes` until their end or the first damage.
#[must_use]
pub fn scan(bytes: &[u8]) -> (Reading, Option<Broken>) {
    let mut reading = Reading {
        records: Vec::new(),
        torn_tail: None,
        good_len: 0,
        head: ChainHash::START,
    };
    let mut rest = bytes;
    while !rest.is_empty() {
        let next = reading.records.len() as u64 + 1;
        let line = Line::first_of(rest);
        match line.decode(reading.head, next) {
            Ok(record) => {
                reading.head = record.hash;
                reading.good_len += line.taken as u64;
                reading.records.push(record);
                rest = &rest[line.taken..];
            }
            Err(damage) if line.taken == rest.len() && can_be_torn(&damage) => {
                reading.torn_tail = Some(TornTail {
                    record: next,
                    offset: reading.good_len,
                    damage,
                    bytes: rest.to_vec(),
                });
                break;
            }
            Err(damage) => {
                let offset = reading.good_len;
                return (reading, Some(Broken { offset, damage }));
            }
        }
    }
    (reading, None)
}

/// The first line of what is left.
struct Line<'a> {
    text: &'a [u8],
    ended: bool,
    /// Bytes including the line break, if there is one.
    taken: usize,
}

impl<'a> Line<'a> {
    fn first_of(rest: &'a [u8]) -> Self {
        match rest.iter().position(|&byte| byte == b'\n') {
            Some(end) => Self {
                text: &rest[..end],
                ended: true,
                taken: end + 1,
            },
            None => Self {
                text: rest,
                ended: false,
                taken: rest.len(),
            },
        }
    }

    /// A line without its line break was never acknowledged, even when all else of it is there.
    fn decode(&self, head: ChainHash, next: u64) -> Result<Record, Damage> {
        match decode(self.text, head, next) {
            decoded if self.ended => decoded,
            Err(damage @ (Damage::NewerFormat { .. } | Damage::Joined)) => Err(damage),
            Ok(_) | Err(_) => Err(Damage::Unfinished {
                got: self.text.len(),
            }),
        }
    }
}

fn can_be_torn(damage: &Damage) -> bool {
    match damage {
        Damage::Unfinished { .. }
        | Damage::Field { .. }
        | Damage::Length { .. }
        | Damage::Checksum => true,
        Damage::NewerFormat { .. } | Damage::Sequence { .. } | Damage::Joined => false,
    }
}
