//! What comes from outside as text, damaged in every way: files that say whom to trust and where to connect, and what nodes
//! answer. Nothing panics, nothing hangs, and nothing damaged is taken for something whole.
//!
//! `HOLDPOINT_EFFORT=n` does n times as much.

mod known_hosts;
mod replies;
mod ssh_config;

use proptest::prelude::*;
use proptest::test_runner::Config;

/// So many cases of a property, times HOLDPOINT_EFFORT.
fn cases(usual: u32) -> Config {
    let effort = std::env::var("HOLDPOINT_EFFORT").ok();
    let effort = effort.and_then(|times| times.parse().ok()).unwrap_or(1);
    Config {
        failure_persistence: None,
        ..Config::with_cases(usual.saturating_mul(effort))
    }
}

/// One way to damage bytes.
#[derive(Debug, Clone)]
enum Damage {
    Cut(prop::sample::Index),
    Flip(prop::sample::Index, u8),
    Insert(prop::sample::Index, Vec<u8>),
    Remove(prop::sample::Index, usize),
    /// A piece again, somewhere else.
    Copy(prop::sample::Index, prop::sample::Index, usize),
}

fn damage() -> impl Strategy<Value = Damage> {
    let index = any::<prop::sample::Index>;
    prop_oneof![
        1 => index().prop_map(Damage::Cut),
        4 => (index(), any::<u8>()).prop_map(|(at, byte)| Damage::Flip(at, byte)),
        3 => (index(), interesting()).prop_map(|(at, bytes)| Damage::Insert(at, bytes)),
        2 => (index(), 1..40_usize).prop_map(|(at, many)| Damage::Remove(at, many)),
        2 => (index(), index(), 1..80_usize).prop_map(|(from, to, many)| Damage::Copy(from, to, many)),
    ]
}

/// Bytes that mean something to one of the readers, or nothing to any.
fn interesting() -> impl Strategy<Value = Vec<u8>> {
    let words: Vec<&[u8]> = vec![
        b"\n",
        b"\r\n",
        b" ",
        b"\t",
        b"*",
        b"?",
        b"!",
        b",",
        b"|1|",
        b"|",
        b"#",
        b"@",
        b"@revoked ",
        b"@cert-authority ",
        b"=",
        b"\"",
        b"'",
        b"\\",
        b"%",
        b"%%",
        b"${",
        b"}",
        b"~",
        b"\0",
        b"\xff\xfe",
        b"[",
        b"]:",
        b"Host ",
        b"Match ",
        b"Include ",
        b"Match all\n",
        b"begin\n",
        b"end\n",
        b"state=",
        b"error=",
        b"-1",
        b"99999999999999999999",
    ];
    prop_oneof![
        3 => prop::sample::select(words).prop_map(<[u8]>::to_vec),
        1 => prop::collection::vec(any::<u8>(), 1..20),
    ]
}

fn damaged(mut bytes: Vec<u8>, wounds: &[Damage]) -> Vec<u8> {
    for wound in wounds {
        let len = bytes.len();
        let at = |index: &prop::sample::Index| index.index(len + 1);
        match wound {
            Damage::Cut(index) => bytes.truncate(at(index)),
            Damage::Flip(index, byte) => {
                if let Some(found) = bytes.get_mut(at(index)) {
                    *found = *byte;
                }
            }
            Damage::Insert(index, more) => {
                let at = at(index);
                bytes.splice(at..at, more.iter().copied());
            }
            Damage::Remove(index, many) => {
                let at = at(index);
                bytes.drain(at..(at + many).min(len));
            }
            Damage::Copy(from, to, many) => {
                let (from, to) = (at(from), at(to));
                let piece = bytes[from..(from + many).min(len)].to_vec();
                bytes.splice(to..to, piece);
            }
        }
    }
    bytes
}
