//! known_hosts, held against a reading that is as plain as sshd(8) describes the file.

use std::path::Path;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use holdpoint::transport::ssh::{KnownHosts, Verdict, known_name};
use proptest::prelude::*;
use russh::keys::PublicKey;
use sha1::Sha1;

use super::{cases, damage, damaged};

const A: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOwVVhNMlFjdmRWcd2Lk3cCIpI6lr6CWEkwrPrnbrvMw";
const B: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHNL/PwAnFyCiS6FvkWmcVlLYa8B5JJlNXWPJ2NkCrlU";
const C: &str = "ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBMz4WQkur+KHy5GCtWWrPkmfqPYosUf3pSYGUVm8NmJOQi5pI4fbVEtTX3w6SiRO0RM1JYRJXGfcoilldEetwZA=";
const HASHED: &str = "|1|qRSjTvqoLLJqn2Cm9tVO99exG70=|LxOWlcW1hg00QmuG/6DNzMQEYxE=";

/// What a reading says of key A, without places.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Says {
    Revoked,
    Known,
    Changed,
    Vouched,
    Unknown,
}

fn ours(name: &str, text: &[u8]) -> Says {
    let mut known = KnownHosts::default();
    known.add(Path::new("kh"), text);
    said(&known, name)
}

fn said(known: &KnownHosts, name: &str) -> Says {
    let key = PublicKey::from_openssh(A).expect("a key");
    match known.verdict(name, &key) {
        Verdict::Revoked(_) => Says::Revoked,
        Verdict::Known => Says::Known,
        Verdict::Changed { .. } => Says::Changed,
        Verdict::Unknown { authority: Some(_) } => Says::Vouched,
        Verdict::Unknown { authority: None } => Says::Unknown,
    }
}

/// One line that says something: marker, names, and whether its key is A.
struct Plain {
    marker: String,
    names: String,
    is_a: bool,
}

fn read(line: &[u8]) -> Option<Plain> {
    let line = Some(line).filter(|line| line.len() <= 1 << 20)?;
    // What is no text may stand in a comment; a key or a marker that holds some is none.
    let line = String::from_utf8_lossy(line);
    let words: Vec<&str> = line
        .split([' ', '\t', '\r'])
        .filter(|word| !word.is_empty())
        .collect();
    let marked = words.first()?.starts_with('@');
    let (marker, words) = match marked {
        true => (words[0], &words[1..]),
        false => ("", &words[..]),
    };
    let [names, kind, blob, ..] = words else {
        return None;
    };
    let good = (marked || !names.starts_with('#'))
        && ["", "@revoked", "@cert-authority"].contains(&marker);
    let key = PublicKey::from_openssh(&format!("{kind} {blob}"))
        .ok()
        .filter(|_| good)?;
    // The very bytes of A's blob, not only what a library makes of them.
    let bytes = BASE64_STANDARD.decode(blob.trim_end()).ok();
    let wanted = A
        .split(' ')
        .nth(1)
        .and_then(|blob| BASE64_STANDARD.decode(blob).ok());
    let is_a = bytes == wanted && *kind == "ssh-ed25519";
    assert_eq!(
        is_a,
        key.key_data() == PublicKey::from_openssh(A).expect("a key").key_data()
    );
    Some(Plain {
        marker: marker.to_owned(),
        names: (*names).to_owned(),
        is_a,
    })
}

fn covers(names: &str, name: &str) -> bool {
    if let Some(rest) = names.strip_prefix("|1|") {
        let Some((salt, hash)) = rest.split_once('|') else {
            return false;
        };
        let (Ok(salt), Ok(hash)) = (BASE64_STANDARD.decode(salt), BASE64_STANDARD.decode(hash))
        else {
            return false;
        };
        let mut mac = Hmac::<Sha1>::new_from_slice(&salt).expect("any length");
        mac.update(name.as_bytes());
        return mac.finalize().into_bytes().as_slice() == hash;
    }
    if names.starts_with('|') {
        return false;
    }
    let names = names.to_lowercase();
    let fits = |pattern: &&str| glob(pattern.as_bytes(), name.as_bytes());
    let denied = names.split(',').filter_map(|one| one.strip_prefix('!'));
    let mut named = names.split(',').filter(|one| !one.starts_with('!'));
    !denied.into_iter().any(|one| fits(&one)) && named.any(|one| fits(&one))
}

fn glob(pattern: &[u8], text: &[u8]) -> bool {
    let mut reached = vec![false; text.len() + 1];
    reached[0] = true;
    for letter in pattern {
        let mut next = vec![false; text.len() + 1];
        for at in 0..=text.len() {
            next[at] = match letter {
                b'*' => reached[at] || (at > 0 && next[at - 1]),
                b'?' => at > 0 && reached[at - 1],
                other => at > 0 && reached[at - 1] && text[at - 1] == *other,
            };
        }
        reached = next;
    }
    reached[text.len()]
}

/// sshd(8) in the plainest words.
fn reference(name: &str, text: &[u8]) -> Says {
    let lines: Vec<Plain> = text.split(|byte| *byte == b'\n').filter_map(read).collect();
    let host = name
        .strip_prefix('[')
        .and_then(|rest| rest.rsplit_once("]:"))
        .map_or(name, |both| both.0);
    let any = |marker: &str, names: &[&str], is_a: Option<bool>| {
        lines.iter().any(|line| {
            line.marker == marker
                && is_a.is_none_or(|wanted| wanted == line.is_a)
                && names.iter().any(|name| covers(&line.names, name))
        })
    };
    if any("@revoked", &[name, host], Some(true)) {
        Says::Revoked
    } else if any("", &[name], Some(true)) {
        Says::Known
    } else if any("", &[name], Some(false)) {
        Says::Changed
    } else if any("", &[host], Some(true)) {
        Says::Known
    } else if any("@cert-authority", &[name, host], None) {
        Says::Vouched
    } else {
        Says::Unknown
    }
}

fn line() -> impl Strategy<Value = String> {
    let marker = prop::sample::select(vec![
        "",
        "",
        "",
        "",
        "@revoked ",
        "@cert-authority ",
        "@new ",
    ]);
    let names = prop::sample::select(vec![
        "st1",
        "ST1",
        "st?",
        "*",
        "st*,!st1",
        "[st1]:2222",
        "[*]:2222",
        "other",
        "st2,st1",
        HASHED,
        "st1.example.net",
        "*.example.net,!st9*",
        "#st1",
        "!st1",
        "|1|x|y",
    ]);
    let key = prop::sample::select(vec![
        A,
        A,
        B,
        C,
        "ssh-ed25519 AAAA",
        "ssh-rsa",
        "1024 35 12345",
    ]);
    let end = prop::sample::select(vec!["", " a comment", "\r", "\t \t"]);
    (marker, names, key, end)
        .prop_map(|(marker, names, key, end)| format!("{marker}{names} {key}{end}\n"))
}

fn file() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(line(), 0..8).prop_map(|lines| lines.concat().into_bytes())
}

fn name() -> impl Strategy<Value = String> {
    let host = prop::sample::select(vec!["st1", "st2", "st1.example.net", "elsewhere"]);
    (host, prop::sample::select(vec![22, 2222])).prop_map(|(host, port)| known_name(host, port))
}

proptest! {
    #![proptest_config(cases(3000))]

    /// Whatever the damage: the same verdict as the plain reading, so no key is taken that it would not take; and each line
    /// counts by itself, so a damaged one makes no other count as less or more.
    #[test]
    fn a_damaged_file_says_what_the_plain_reading_of_it_says(
        name in name(), file in file(), wounds in prop::collection::vec(damage(), 0..6),
    ) {
        let text = damaged(file, &wounds);
        let says = ours(&name, &text);
        prop_assert_eq!(says, reference(&name, &text), "{:?}", String::from_utf8_lossy(&text));
        let mut apart = KnownHosts::default();
        for line in text.split(|byte| *byte == b'\n') {
            apart.add(Path::new("line"), line);
        }
        prop_assert_eq!(said(&apart, &name), says);
    }

    #[test]
    fn no_bytes_are_too_strange(name in "\\PC{0,20}", text in prop::collection::vec(any::<u8>(), 0..2000)) {
        prop_assert_eq!(ours(&name, &text), Says::Unknown);
    }
}

/// A pattern that makes a backtracking matcher think for years is judged at once.
#[test]
fn a_hostile_pattern_takes_no_more_than_the_product_of_the_lengths() {
    let pattern = "*a".repeat(7000);
    let text = format!("{pattern}b {A}\n").repeat(20);
    assert_eq!(ours(&"a".repeat(250), text.as_bytes()), Says::Unknown);
}
