//! One record is one line:
//!
//! ```text
//! 1 <seq> <wall> <len> <hash> <payload>\n
//! ```
//!
//! - `1`: the major format. A reader refuses a higher one.
//! - `seq`: 1, 2, 3, ... without a gap.
//! - `wall`: milliseconds since 1970, for people.
//! - `len`: bytes of the payload.
//! - `hash`: 32 lower-case hex digits, the first 16 bytes of SHA-256 over the previous record's hash (16 raw
//!   bytes, all zero before the first record), then the line up to and including the blank before `hash`, then the payload.
//! - `payload`: JSON on one line.
//!
//! Numbers are decimal without leading zeros; fields are separated by exactly one blank. So each record has one
//! spelling only, and no changed bit goes unnoticed. The chain shows accidents and careless edits. It cannot
//! show that somebody rewrote the file from some record to its end with new hashes, or cut off its end: for
//! that, keep the head hash somewhere else (the report prints it).

use std::fmt;

use sha2::{Digest, Sha256};

/// The major format that this program writes, and the highest that it reads.
pub const FORMAT: u64 = 1;

/// Largest payload in bytes. Events are small; the limit bounds what a damaged file can make us do.
pub const MAX_PAYLOAD: usize = 4 * 1024 * 1024;

/// The running hash that ties each record to all before it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct ChainHash([u8; 16]);

impl ChainHash {
    /// What the first record is chained to.
    pub const START: Self = Self([0; 16]);

    fn after(self, header: &[u8], payload: &[u8]) -> Self {
        let digest = Sha256::new()
            .chain_update(self.0)
            .chain_update(header)
            .chain_update(payload)
            .finalize();
        let mut first = [0; 16];
        first.copy_from_slice(&digest[..16]);
        Self(first)
    }

    /// Reads 32 lower-case hex digits. Capitals are refused: each record has one spelling.
    fn parse(text: &[u8]) -> Option<Self> {
        let mut bytes = [0; 16];
        if text.len() != 32 {
            return None;
        }
        for (byte, pair) in bytes.iter_mut().zip(text.chunks_exact(2)) {
            *byte = hex_digit(pair[0])? << 4 | hex_digit(pair[1])?;
        }
        Some(Self(bytes))
    }
}

fn hex_digit(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    }
}

impl fmt::Display for ChainHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for ChainHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ChainHash({self})")
    }
}

/// One lasting event as it stands in the journal.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Record {
    /// 1 for the first record, without a gap.
    pub seq: u64,
    /// Milliseconds since 1970 by the writer's wall clock, for people only.
    pub wall_ms: u64,
    /// The chain up to and including this record.
    pub hash: ChainHash,
    /// JSON on one line.
    pub payload: Vec<u8>,
}

/// Why a payload cannot become a record. Nothing was written.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum BadPayload {
    /// Records are lines.
    #[error("the payload holds a line break; write its JSON on one line")]
    LineBreak,
    /// Larger than [`MAX_PAYLOAD`].
    #[error("the payload has {len} bytes; at most {MAX_PAYLOAD} are allowed")]
    TooLong {
        /// Bytes of the payload.
        len: usize,
    },
}

/// What is wrong with a line that should be a record.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Damage {
    /// The file ends within the record.
    #[error("the file ends inside the record, after {got} bytes of it")]
    Unfinished {
        /// Bytes that are there.
        got: usize,
    },
    /// A header field is not what a writer writes.
    #[error("its {field} cannot be read")]
    Field {
        /// The field in words.
        field: &'static str,
    },
    /// Written by a later program.
    #[error("it has format {found}, newer than {FORMAT}; use the program version that wrote it")]
    NewerFormat {
        /// The major format found.
        found: u64,
    },
    /// A record is missing, doubled or out of order.
    #[error(
        "its sequence number is {found} where {expected} must follow: records were lost, doubled or moved"
    )]
    Sequence {
        /// The next number without a gap.
        expected: u64,
        /// The number found.
        found: u64,
    },
    /// The payload is longer or shorter than the header says.
    #[error("its payload has {found} bytes, but its header says {declared}")]
    Length {
        /// Bytes by the header.
        declared: u64,
        /// Bytes there are.
        found: usize,
    },
    /// The content, or its place in the chain, is not what was written.
    #[error("its checksum does not match: this record was altered, or the chain before it was")]
    Checksum,
    /// The line break after it is gone, so that the next record continues its line.
    #[error("the line break after it is gone and another record follows on the same line")]
    Joined,
}

/// Appends one record to `out` and returns the new head of the chain.
///
/// # Errors
/// [`BadPayload`]; `out` is then unchanged.
pub fn encode(
    previous: ChainHash,
    seq: u64,
    wall_ms: u64,
    payload: &[u8],
    out: &mut Vec<u8>,
) -> Result<ChainHash, BadPayload> {
    if payload.contains(&b'\n') {
        return Err(BadPayload::LineBreak);
    }
    if payload.len() > MAX_PAYLOAD {
        return Err(BadPayload::TooLong { len: payload.len() });
    }
    let header = format!("{FORMAT} {seq} {wall_ms} {} ", payload.len());
    let hash = previous.after(header.as_bytes(), payload);
    out.extend_from_slice(header.as_bytes());
    out.extend_from_slice(hash.to_string().as_bytes());
    out.push(b' ');
    out.extend_from_slice(payload);
    out.push(b'\n');
    Ok(hash)
}

/// Reads one line, without its line break, as the record `expected` that follows `previous`.
///
/// # Errors
/// The first [`Damage`] found, in the order of the fields.
pub fn decode(line: &[u8], previous: ChainHash, expected: u64) -> Result<Record, Damage> {
    let header = Header::parse(line)?;
    if header.seq != expected {
        return Err(Damage::Sequence {
            expected,
            found: header.seq,
        });
    }
    let payload = &line[header.payload_at..];
    if payload.len() as u64 != header.len {
        return Err(if header.hides_the_next(line) {
            Damage::Joined
        } else {
            Damage::Length {
                declared: header.len,
                found: payload.len(),
            }
        });
    }
    if previous.after(&line[..header.hash_at], payload) != header.hash {
        return Err(Damage::Checksum);
    }
    Ok(Record {
        seq: header.seq,
        wall_ms: header.wall_ms,
        hash: header.hash,
        payload: payload.to_vec(),
    })
}

struct Header {
    seq: u64,
    wall_ms: u64,
    len: u64,
    hash: ChainHash,
    hash_at: usize,
    payload_at: usize,
}

impl Header {
    fn parse(line: &[u8]) -> Result<Self, Damage> {
        let mut fields = Fields { line, at: 0 };
        let format = fields.number("format")?;
        if format > FORMAT {
            return Err(Damage::NewerFormat { found: format });
        }
        if format < FORMAT {
            return Err(Damage::Field { field: "format" });
        }
        let seq = fields.number("sequence number")?;
        let wall_ms = fields.number("time")?;
        let len = fields.number("length")?;
        let hash_at = fields.at;
        let field = "checksum";
        let hash = ChainHash::parse(fields.next(field)?).ok_or(Damage::Field { field })?;
        Ok(Self {
            seq,
            wall_ms,
            len,
            hash,
            hash_at,
            payload_at: fields.at,
        })
    }

    /// Whether a record with the next number starts on this line, one byte after where the payload ought to end.
    /// A torn write leaves too little, never this: it is a lost line break, and cutting here would lose records.
    fn hides_the_next(&self, line: &[u8]) -> bool {
        let next_at = usize::try_from(self.len)
            .ok()
            .and_then(|len| self.payload_at.checked_add(len)?.checked_add(1));
        next_at
            .and_then(|at| line.get(at..))
            .and_then(|rest| Self::parse(rest).ok())
            .is_some_and(|next| Some(next.seq) == self.seq.checked_add(1))
    }
}

/// Walks over the fields of a header.
struct Fields<'a> {
    line: &'a [u8],
    at: usize,
}

impl<'a> Fields<'a> {
    fn next(&mut self, field: &'static str) -> Result<&'a [u8], Damage> {
        let rest = &self.line[self.at..];
        let end = rest
            .iter()
            .position(|&byte| byte == b' ')
            .ok_or(Damage::Field { field })?;
        self.at += end + 1;
        Ok(&rest[..end])
    }

    fn number(&mut self, field: &'static str) -> Result<u64, Damage> {
        let digits = self.next(field)?;
        let canonical = digits.iter().all(u8::is_ascii_digit)
            && (digits.len() == 1 || digits.first() != Some(&b'0'));
        std::str::from_utf8(digits)
            .ok()
            .filter(|_| canonical)
            .and_then(|text| text.parse().ok())
            .ok_or(Damage::Field { field })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_has_exactly_this_form() {
        let mut out = Vec::new();
        let hash = encode(
            ChainHash::START,
            1,
            1_700_000_000_000,
            br#"{"a":1}"#,
            &mut out,
        )
        .unwrap();
        // { head -c16 /dev/zero; printf '1 1 1700000000000 7 {"a":1}'; } | sha256sum | cut -c1-32
        assert_eq!(
            String::from_utf8(out.clone()).unwrap(),
            format!("1 1 1700000000000 7 {hash} {{\"a\":1}}\n")
        );
        assert_eq!(hash.to_string(), "6ffe87c00224bcb5f782bba4fde2ba2c");
        let record = decode(&out[..out.len() - 1], ChainHash::START, 1).unwrap();
        assert_eq!(record.payload, br#"{"a":1}"#);
        assert_eq!(record.hash, hash);
    }

    #[test]
    fn a_payload_that_would_break_the_line_is_refused_before_anything_is_written() {
        let mut out = Vec::new();
        assert_eq!(
            encode(ChainHash::START, 1, 0, b"{\n}", &mut out),
            Err(BadPayload::LineBreak)
        );
        let long = vec![b'x'; MAX_PAYLOAD + 1];
        assert_eq!(
            encode(ChainHash::START, 1, 0, &long, &mut out),
            Err(BadPayload::TooLong { len: long.len() })
        );
        assert!(out.is_empty());
    }

    #[test]
    fn a_number_has_one_spelling() {
        for line in [
            "01 1 0 0 ",
            "+1 1 0 0 ",
            "1  1 0 0 ",
            "1 1 00 0 ",
            " 1 1 0 0 ",
        ] {
            let line = format!("{line}{} ", ChainHash::START);
            assert!(
                matches!(
                    decode(line.as_bytes(), ChainHash::START, 1),
                    Err(Damage::Field { .. })
                ),
                "{line}"
            );
        }
    }
}
