//! The verdict on a journal, for people.

use std::fmt;
use std::path::{Path, PathBuf};

use super::reader::{Broken, JournalFault, Reading, salvage};
use super::record::Record;

/// What `holdpoint verify` found. `Display` gives it as text, a sentence a line.
#[derive(Debug)]
pub struct Verdict {
    path: PathBuf,
    reading: Reading,
    broken: Option<Broken>,
}

/// Reads the whole journal and judges it. Changes nothing.
///
/// # Errors
/// [`JournalFault::Unreadable`] when there is nothing to judge.
pub fn verify(path: &Path) -> Result<Verdict, JournalFault> {
    let (reading, broken) = salvage(path)?;
    Ok(Verdict {
        path: path.to_owned(),
        reading,
        broken,
    })
}

impl Verdict {
    /// Whether every byte of the file belongs to a good record.
    #[must_use]
    pub fn is_intact(&self) -> bool {
        self.broken.is_none() && self.reading.torn_tail.is_none()
    }

    /// Whether the run can be resumed from it: intact, or with a torn end that a crash explains.
    #[must_use]
    pub fn is_usable(&self) -> bool {
        self.broken.is_none()
    }

    /// What stands before the first damage.
    #[must_use]
    pub fn reading(&self) -> &Reading {
        &self.reading
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "Journal {}", self.path.display())?;
        match (self.reading.records.first(), self.reading.records.last()) {
            (Some(first), Some(last)) => writeln!(
                f,
                "{} records are good, from {} to {}.",
                last.seq,
                when(first),
                when(last)
            )?,
            (None, _) | (_, None) => writeln!(f, "It holds no good record.")?,
        }
        writeln!(f, "Hash of the chain up to there: {}", self.reading.head)?;
        self.conclusion(f)
    }
}

impl Verdict {
    fn conclusion(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(Broken { offset, damage }) = &self.broken {
            let record = self.reading.records.len() + 1;
            writeln!(
                f,
                "BROKEN: record {record} at byte {offset} is bad: {damage}."
            )?;
            writeln!(
                f,
                "Nothing from there on can be relied on. The run can be reported, but not resumed."
            )
        } else if let Some(tail) = &self.reading.torn_tail {
            writeln!(
                f,
                "TORN END: record {} at byte {} is bad: {}.",
                tail.record, tail.offset, tail.damage
            )?;
            writeln!(
                f,
                "Nothing was sent to a node because of it if a crash tore it. A resume keeps its {} bytes aside.",
                tail.bytes.len()
            )
        } else {
            writeln!(f, "INTACT: no record is missing, altered or out of order.")?;
            writeln!(
                f,
                "To know that nothing was cut off its end, compare the hash with the one in the report."
            )
        }
    }
}

fn when(record: &Record) -> String {
    i64::try_from(record.wall_ms)
        .ok()
        .and_then(|ms| jiff::Timestamp::from_millisecond(ms).ok())
        .map_or_else(|| "an impossible time".to_owned(), |time| time.to_string())
}
