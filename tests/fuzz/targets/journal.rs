//! Any bytes as a journal: the records that are told are a prefix whose chain holds, and writing them again gives these bytes.
#![no_main]

use holdpoint::journal::ChainHash;
use holdpoint::journal::reader::scan;
use holdpoint::journal::record::encode;
use libfuzzer_sys::fuzz_target;

/// A whole journal, so that the fuzzer does not have to find a SHA-256 first: the input says where it is damaged.
fn journal(records: usize) -> Vec<u8> {
    let (mut bytes, mut head) = (Vec::new(), ChainHash::START);
    for n in 1..=records {
        let payload = format!(r#"{{"event":"{}","n":{n}}}"#, "J*".repeat(n));
        head = encode(
            head,
            n as u64,
            1_700_000_000_000 + n as u64,
            payload.as_bytes(),
            &mut bytes,
        )
        .expect("a record");
    }
    bytes
}

fn assert_a_prefix(bytes: &[u8]) {
    let (reading, _) = scan(bytes);
    let (mut again, mut head) = (Vec::new(), ChainHash::START);
    for record in &reading.records {
        head = encode(
            head,
            record.seq,
            record.wall_ms,
            &record.payload,
            &mut again,
        )
        .expect("it was one");
    }
    assert!(
        bytes.starts_with(&again),
        "a record was told that is not there"
    );
    assert_eq!(head, reading.head);
}

fuzz_target!(|text: &[u8]| {
    assert_a_prefix(text);
    let whole = journal(5);
    // Three bytes a wound: where (two), and what.
    let mut hurt = whole.clone();
    for wound in text.chunks_exact(3).take(20) {
        let at = usize::from(wound[0]) * 256 + usize::from(wound[1]);
        let at = at % (hurt.len() + 1);
        match wound[2] % 4 {
            0 => hurt.truncate(at),
            1 => hurt.insert(at, wound[2]),
            2 if at < hurt.len() => drop(hurt.remove(at)),
            _ if at < hurt.len() => hurt[at] ^= wound[2] | 1,
            _ => {}
        }
    }
    assert_a_prefix(&hurt);
    let (reading, _) = scan(&hurt);
    let (all, _) = scan(&whole);
    assert_eq!(reading.records[..], all.records[..reading.records.len()]);
    // Anything behind it adds nothing, but may make it refused.
    let (behind, _) = scan(&[&whole[..], text].concat());
    assert_eq!(behind.records[..5], all.records[..]);
});
