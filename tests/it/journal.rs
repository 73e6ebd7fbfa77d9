//! The journal tells the exact prefix of what was acknowledged, or refuses; it never invents or skips a record.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use holdpoint::journal::reader::{Broken, scan};
use holdpoint::journal::record::encode;
use holdpoint::journal::{
    ChainHash, Damage, Durability, Journal, JournalFault, Reading, Record, read, verify,
};
use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

/// A journal in memory, with the place where each record starts.
struct Sample {
    bytes: Vec<u8>,
    starts: Vec<usize>,
    records: Vec<Record>,
}

fn sample(count: u64) -> Sample {
    let (mut bytes, mut starts, mut head) = (Vec::new(), Vec::new(), ChainHash::START);
    for seq in 1..=count {
        starts.push(bytes.len());
        // J and * are one bit away from a line break.
        let payload = format!(
            r#"{{"event":"Job*{}","n":{seq}}}"#,
            "J".repeat(seq as usize % 7)
        );
        head = encode(
            head,
            seq,
            1_700_000_000_000 + seq,
            payload.as_bytes(),
            &mut bytes,
        )
        .unwrap();
    }
    let (reading, broken) = scan(&bytes);
    assert_eq!((reading.records.len() as u64, broken), (count, None));
    Sample {
        bytes,
        starts,
        records: reading.records,
    }
}

impl Sample {
    /// The bytes of record `index`, counted from 0, with its line break.
    fn line(&self, index: usize) -> &[u8] {
        let end = self
            .starts
            .get(index + 1)
            .copied()
            .unwrap_or(self.bytes.len());
        &self.bytes[self.starts[index]..end]
    }

    /// A file made of the given records in the given order.
    fn arranged(&self, order: &[usize]) -> Vec<u8> {
        order
            .iter()
            .flat_map(|&index| self.line(index))
            .copied()
            .collect()
    }

    /// What was read is what was written, from the first record on.
    fn assert_prefix(&self, reading: &Reading) {
        assert_eq!(reading.records, self.records[..reading.records.len()]);
    }

    /// The file is refused at record `index`, counted from 0.
    fn assert_refused_at(&self, bytes: &[u8], index: usize) -> Damage {
        let (reading, broken) = scan(bytes);
        self.assert_prefix(&reading);
        let Broken { offset, damage } = broken.expect("it must be refused");
        assert_eq!(reading.records.len(), index);
        assert_eq!(offset as usize, self.starts[index]);
        damage
    }
}

#[test]
fn a_file_cut_anywhere_in_its_last_record_is_continued_without_it_and_loses_no_byte() {
    let sample = sample(5);
    let last = sample.starts[4];
    let folder = tempfile::tempdir().unwrap();
    for cut in last..=sample.bytes.len() {
        let path = folder.path().join(format!("journal-{cut}"));
        write_private(&path, &sample.bytes[..cut]);
        let mut opened = Journal::open(&path, Durability::Unsynced).unwrap();
        let whole = cut == sample.bytes.len();
        let kept = if whole { 5 } else { 4 };
        assert_eq!(opened.reading.records, sample.records[..kept]);
        match &opened.torn_aside {
            Some(aside) => assert_eq!(fs::read(aside).unwrap(), sample.bytes[last..cut]),
            None => assert!(
                whole || cut == last,
                "a tail of {} bytes was dropped",
                cut - last
            ),
        }
        opened.journal.append(&[br#"{"resumed":true}"#]).unwrap();
        let again = read(&path).unwrap();
        assert_eq!(again.torn_tail, None);
        assert_eq!(again.records.len(), kept + 1);
        assert_eq!(again.records[..kept], sample.records[..kept]);
    }
}

#[test]
fn a_file_cut_at_any_byte_of_any_record_tells_what_was_before_it() {
    let sample = sample(50);
    let end = sample.bytes.len();
    for cut in 0..=end {
        let (reading, broken) = scan(&sample.bytes[..cut]);
        assert_eq!(broken, None, "cut at {cut}");
        sample.assert_prefix(&reading);
        let ends = sample.starts[1..].iter().chain([&end]);
        let whole = ends.filter(|end| **end <= cut).count();
        assert_eq!(reading.records.len(), whole, "cut at {cut}");
        assert_eq!(reading.torn_tail.is_some(), reading.good_len < cut as u64);
    }
}

#[test]
fn a_second_torn_tail_does_not_overwrite_the_first() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal");
    let sample = sample(2);
    for tail in ["first tail", "second tail"] {
        let mut bytes = sample.bytes.clone();
        bytes.extend_from_slice(tail.as_bytes());
        write_private(&path, &bytes);
        Journal::open(&path, Durability::Synced).unwrap();
    }
    let text = |name: &str| fs::read_to_string(folder.path().join(name)).unwrap();
    assert_eq!(text("journal.torn-1"), "first tail");
    assert_eq!(text("journal.torn-2"), "second tail");
    assert_eq!(fs::read(&path).unwrap(), sample.bytes);
}

#[test]
fn every_flipped_bit_is_noticed_at_its_record() {
    let sample = sample(50);
    for at in 0..sample.bytes.len() {
        let index = sample.starts.partition_point(|&start| start <= at) - 1;
        for bit in 0..8 {
            let mut bytes = sample.bytes.clone();
            bytes[at] ^= 1 << bit;
            let (reading, broken) = scan(&bytes);
            sample.assert_prefix(&reading);
            assert_eq!(reading.records.len(), index, "byte {at} bit {bit}");
            match broken {
                Some(broken) => assert_eq!(broken.offset as usize, sample.starts[index]),
                None => {
                    assert_eq!(index, 49, "byte {at} bit {bit} was taken for a torn tail");
                    assert_eq!(
                        reading.torn_tail.unwrap().offset as usize,
                        sample.starts[49]
                    );
                }
            }
        }
    }
}

#[test]
fn a_lost_line_break_before_the_last_record_is_no_torn_tail() {
    let sample = sample(6);
    let mut bytes = sample.bytes.clone();
    bytes[sample.starts[5] - 1] = b' ';
    assert_eq!(sample.assert_refused_at(&bytes, 4), Damage::Joined);
    bytes.pop();
    assert_eq!(sample.assert_refused_at(&bytes, 4), Damage::Joined);
}

#[test]
fn a_dropped_doubled_or_swapped_record_is_refused_where_the_order_breaks() {
    let sample = sample(8);
    let all: Vec<usize> = (0..8).collect();
    for i in 0..8 {
        let mut doubled = all.clone();
        doubled.insert(i, i);
        let doubled = sample.arranged(&doubled);
        let (reading, broken) = scan(&doubled);
        sample.assert_prefix(&reading);
        assert_eq!(reading.records.len(), i + 1);
        let found = i as u64 + 1;
        let expected = found + 1;
        assert_eq!(broken.unwrap().damage, Damage::Sequence { expected, found });

        for j in i + 1..8 {
            let mut swapped = all.clone();
            swapped.swap(i, j);
            sample.assert_refused_at(&sample.arranged(&swapped), i);
        }
        if i < 7 {
            let mut dropped = all.clone();
            dropped.remove(i);
            let damage = sample.assert_refused_at(&sample.arranged(&dropped), i);
            let (expected, found) = (i as u64 + 1, i as u64 + 2);
            assert_eq!(damage, Damage::Sequence { expected, found });
        }
    }
}

#[test]
fn a_record_replaced_with_one_of_another_chain_is_refused() {
    let sample = sample(8);
    let mut forged = sample.arranged(&[0, 1, 2]);
    let at_time = sample.records[3].wall_ms;
    encode(ChainHash::START, 4, at_time, b"{}", &mut forged).unwrap();
    forged.extend_from_slice(&sample.arranged(&[4, 5, 6, 7]));
    assert_eq!(sample.assert_refused_at(&forged, 3), Damage::Checksum);

    // A record re-made with a good checksum of its own breaks the chain at the next one.
    let mut forged = sample.arranged(&[0, 1, 2]);
    encode(sample.records[2].hash, 4, at_time, b"{}", &mut forged).unwrap();
    forged.extend_from_slice(&sample.arranged(&[4, 5, 6, 7]));
    let (reading, broken) = scan(&forged);
    assert_eq!(reading.records.len(), 4);
    assert_eq!(broken.unwrap().damage, Damage::Checksum);
}

#[test]
fn a_newer_format_is_refused_even_at_the_end() {
    let sample = sample(3);
    for tail in ["2 4 0 2 something quite different\n", "2 4 0 2 unfinished"] {
        let mut bytes = sample.bytes.clone();
        bytes.extend_from_slice(tail.as_bytes());
        let (_, broken) = scan(&bytes);
        assert_eq!(broken.unwrap().damage, Damage::NewerFormat { found: 2 });
    }
}

#[test]
fn random_damage_never_invents_or_skips_a_record() {
    let sample = sample(12);
    let effort: u32 = std::env::var("HOLDPOINT_EFFORT").map_or(1, |n| n.parse().unwrap());
    let config = Config {
        cases: 20_000 * effort,
        failure_persistence: None,
        ..Config::default()
    };
    let rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let edits = prop::collection::vec(
        (
            0..4u8,
            any::<prop::sample::Index>(),
            1..200usize,
            any::<u8>(),
        ),
        1..4,
    );
    TestRunner::new_with_rng(config, rng)
        .run(&edits, |edits| {
            let mut bytes = sample.bytes.clone();
            for (kind, at, len, byte) in edits {
                let at = at.index(bytes.len() + 1);
                damage(&mut bytes, kind, at, len, byte);
            }
            let (reading, _) = scan(&bytes);
            prop_assert_eq!(
                &reading.records[..],
                &sample.records[..reading.records.len()]
            );
            Ok(())
        })
        .unwrap();
}

/// Overwrites, removes, inserts or repeats `len` bytes from `at`.
fn damage(bytes: &mut Vec<u8>, kind: u8, at: usize, len: usize, byte: u8) {
    let end = bytes.len().min(at + len);
    match kind {
        0 => bytes[at..end].fill(byte),
        1 => drop(bytes.drain(at..end)),
        2 => drop(bytes.splice(at..at, vec![byte; len])),
        _ => {
            let copy = bytes[at..end].to_vec();
            drop(bytes.splice(at..at, copy));
        }
    }
}

#[test]
fn a_refusal_names_file_record_byte_cause_and_what_to_do() {
    let sample = sample(9);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal");
    fs::write(&path, sample.arranged(&[0, 1, 2, 4, 5, 6, 7, 8])).unwrap();
    let fault = read(&path).unwrap_err();
    assert!(matches!(fault, JournalFault::Damaged { record: 4, .. }));
    let text = chain(&fault);
    for part in [
        &*path.to_string_lossy(),
        "record 4",
        &format!("byte {}", sample.starts[3]),
        "sequence number is 5 where 4 must follow",
        "holdpoint verify",
    ] {
        assert!(text.contains(part), "{part:?} is missing in {text:?}");
    }
    let verdict = verify(&path).unwrap();
    assert!(!verdict.is_usable());
    assert_eq!(verdict.reading().records.len(), 3);
    let before = fs::read(&path).unwrap();
    assert!(Journal::open(&path, Durability::Synced).is_err());
    assert_eq!(
        fs::read(&path).unwrap(),
        before,
        "a refused journal is left as it is"
    );
}

#[test]
fn the_verdict_reads_as_sentences() {
    let sample = sample(2);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal");
    let said = |bytes: &[u8]| {
        fs::write(&path, bytes).unwrap();
        verify(&path).unwrap().to_string()
    };
    let intact = said(&sample.bytes);
    assert!(
        intact.contains("2 records are good, from 2023-11-14T22:13:20.001Z to"),
        "{intact}"
    );
    assert!(intact.contains(&sample.records[1].hash.to_string()));
    assert!(intact.contains("INTACT"));
    assert!(said(&sample.bytes[..sample.bytes.len() - 3]).contains("TORN END: record 2 at byte"));
    assert!(said(sample.line(1)).contains("BROKEN: record 1 at byte 0"));
    assert!(said(b"").contains("no good record"));
}

/// Writes a file of ours, whatever the mask of whoever runs the tests.
pub(crate) fn write_private(path: &Path, bytes: &[u8]) {
    fs::write(path, bytes).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
}

/// An error with its causes, as the command line prints it.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        text = format!("{text}: {cause}");
        next = cause.source();
    }
    text
}
