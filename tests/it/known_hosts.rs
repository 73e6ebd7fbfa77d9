//! The judgement of a host key, line by line, as OpenSSH reads the file. Pure: no server, no files.

use std::path::Path;

use holdpoint::transport::ssh::{KnownHosts, Place, Verdict, fingerprint, known_name};
use russh::keys::PublicKey;

const A: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOwVVhNMlFjdmRWcd2Lk3cCIpI6lr6CWEkwrPrnbrvMw";
const B: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHNL/PwAnFyCiS6FvkWmcVlLYa8B5JJlNXWPJ2NkCrlU";
const C: &str = "ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBMz4WQkur+KHy5GCtWWrPkmfqPYosUf3pSYGUVm8NmJOQi5pI4fbVEtTX3w6SiRO0RM1JYRJXGfcoilldEetwZA=";
/// ssh-keygen -H of st1.example.net and of [st1.example.net]:2222.
const HASHED: &str = "|1|qRSjTvqoLLJqn2Cm9tVO99exG70=|LxOWlcW1hg00QmuG/6DNzMQEYxE=";
const HASHED_2222: &str = "|1|Fwa0A6wWkC+5XnwLfOMktt8CC0o=|Tw+2woeUe3IzO0CJ2t6PbyPM9uo=";

/// What a story expects of key A.
#[derive(Debug, PartialEq)]
enum Says {
    Revoked(usize),
    Known,
    Changed(usize),
    Unknown,
    /// Unknown, with a certificate authority on this line.
    Vouched(usize),
}

fn judge(host: &str, port: u16, text: &str) -> Says {
    let text = text
        .replace("$A", A)
        .replace("$B", B)
        .replace("$C", C)
        .replace("$HASHED2", HASHED_2222)
        .replace("$HASHED", HASHED);
    let mut known = KnownHosts::default();
    known.add(Path::new("kh"), text.as_bytes());
    let key = PublicKey::from_openssh(A).unwrap();
    match known.verdict(&known_name(host, port), &key) {
        Verdict::Revoked(place) => Says::Revoked(place.line),
        Verdict::Known => Says::Known,
        Verdict::Changed { place, .. } => Says::Changed(place.line),
        Verdict::Unknown { authority: None } => Says::Unknown,
        Verdict::Unknown {
            authority: Some(place),
        } => Says::Vouched(place.line),
    }
}

#[test]
fn lines_are_judged_as_openssh_judges_them() {
    use Says::{Changed, Known, Revoked, Unknown, Vouched};
    let table: &[(&str, &str, Says)] = &[
        ("nothing", "", Unknown),
        (
            "comments and blanks",
            "# x\n\n   \n\t\n#st1.example.net $A",
            Unknown,
        ),
        ("the key", "st1.example.net $A", Known),
        (
            "with a comment",
            "st1.example.net $A operator@desk of 2024",
            Known,
        ),
        ("another key", "st1.example.net $B", Changed(1)),
        ("another type", "st1.example.net $C", Changed(1)),
        ("another host", "st2.example.net $B", Unknown),
        (
            "two of a type, the second fits",
            "st1.example.net $B\nst1.example.net $A",
            Known,
        ),
        (
            "the first that differs is named",
            "\nst1.example.net $B\nst1.example.net $C",
            Changed(2),
        ),
        ("tabs", "st1.example.net\t$A", Known),
        (
            "tabs and leading blanks, wrong key",
            " \t st1.example.net \t $B",
            Changed(1),
        ),
        ("carriage return", "st1.example.net $A\r\n", Known),
        ("capitals in the file", "ST1.Example.NET $A", Known),
        ("star", "*.example.net $A", Known),
        ("star, wrong key", "*.example.net $B", Changed(1)),
        ("star in the middle", "st*.net $A", Known),
        ("star for nothing", "st1*.example.net $A", Known),
        ("star alone", "* $B", Changed(1)),
        ("question mark", "st?.example.net $A", Known),
        (
            "question mark needs a letter",
            "st1?.example.net $A",
            Unknown,
        ),
        ("two stars", "*ex*net $A", Known),
        ("no partial match", "st1.example $A", Unknown),
        ("list", "gw,st1.example.net,10.0.0.1 $A", Known),
        (
            "negation drops the line",
            "*.example.net,!st1.example.net $A",
            Unknown,
        ),
        (
            "negation first",
            "!st1.example.net,*.example.net $B",
            Unknown,
        ),
        (
            "negation of another",
            "*.example.net,!st2.example.net $A",
            Known,
        ),
        (
            "negation alone matches nothing",
            "!st2.example.net $A",
            Unknown,
        ),
        (
            "negation drops one line only",
            "!st1*,* $B\nst1.example.net $A",
            Known,
        ),
        ("hashed", "$HASHED $A", Known),
        ("hashed, wrong key", "$HASHED $B", Changed(1)),
        ("hashed for a port", "$HASHED2 $A", Unknown),
        ("hash that is none", "|1|???|??? $A", Unknown),
        ("hash of another kind", "|2|abc|def $A", Unknown),
        ("revoked", "@revoked st1.example.net $A", Revoked(1)),
        (
            "revoked wins over known",
            "st1.example.net $A\n@revoked * $A",
            Revoked(2),
        ),
        (
            "another revoked key",
            "@revoked * $B\nst1.example.net $A",
            Known,
        ),
        ("only another revoked key", "@revoked * $B", Unknown),
        (
            "revoked for another host",
            "@revoked st2* $A\nst1.example.net $A",
            Known,
        ),
        ("authority", "@cert-authority *.example.net $B", Vouched(1)),
        (
            "authority does not make a key known",
            "@cert-authority * $A",
            Vouched(1),
        ),
        (
            "plain beside authority",
            "@cert-authority * $B\nst1.example.net $C",
            Changed(2),
        ),
        ("unknown marker", "@trusted st1.example.net $A", Unknown),
        ("two markers", "@revoked @cert-authority * $A", Unknown),
        (
            "marker in capitals",
            "@REVOKED * $A\nst1.example.net $A",
            Known,
        ),
        (
            "bad base64 is skipped",
            "st1.example.net ssh-ed25519 ????\nst1.example.net $A",
            Known,
        ),
        (
            "short key is skipped",
            "st1.example.net ssh-ed25519 AAAA\nst1.example.net $B",
            Changed(2),
        ),
        (
            "no key",
            "st1.example.net\nst1.example.net ssh-ed25519",
            Unknown,
        ),
        (
            "wrong type word is skipped",
            "st1.example.net ssh-rsa AAAAC3NzaC1lZDI1NTE5AAAAIA",
            Unknown,
        ),
        (
            "old format is skipped",
            "st1.example.net 1024 35 1234567",
            Unknown,
        ),
        (
            "port form is another name",
            "[st1.example.net]:2222 $B",
            Unknown,
        ),
    ];
    for (what, text, expected) in table {
        assert_eq!(&judge("st1.example.net", 22, text), expected, "{what}");
        let upper = judge("ST1.EXAMPLE.NET", 22, text);
        assert_eq!(&upper, expected, "{what}, asked in capitals");
    }
}

#[test]
fn a_port_other_than_22_is_part_of_the_name() {
    use Says::{Changed, Known, Unknown};
    for (text, expected) in [
        ("[st1.example.net]:2222 $A", Known),
        ("[st1.example.net]:2222 $B", Changed(1)),
        ("[st1.example.net]:2223 $A", Unknown),
        // Known for the host alone is known for its ports, as ssh(1) has it; another key there proves nothing.
        ("st1.example.net $A", Known),
        ("st1.example.net $B", Unknown),
        ("@revoked st1.example.net $A", Says::Revoked(1)),
        ("[*.example.net]:2222 $A", Known),
        ("* $A", Known),
        ("*.net $A", Known),
        ("$HASHED2 $A", Known),
        ("$HASHED $A", Known),
    ] {
        assert_eq!(judge("st1.example.net", 2222, text), expected, "{text}");
    }
}

#[test]
fn bytes_that_are_no_text_and_endless_lines_are_skipped() {
    let mut text = b"st1 \xff\xfe\n".to_vec();
    text.extend(format!("{} {B}\n", "st1,".repeat(300_000)).into_bytes());
    text.extend(format!("st1 {B}\nst1 {A}").into_bytes());
    let mut known = KnownHosts::default();
    known.add(Path::new("kh"), &text);
    let key = PublicKey::from_openssh(C).unwrap();
    let verdict = known.verdict("st1", &key);
    let first = PublicKey::from_openssh(B).unwrap();
    assert_eq!(
        verdict,
        Verdict::Changed {
            place: Place {
                file: "kh".into(),
                line: 3
            },
            stored: fingerprint(&first)
        }
    );
}

#[test]
fn a_comment_in_another_encoding_takes_nothing_away_from_its_line() {
    let key = PublicKey::from_openssh(A).unwrap();
    let judged = |lines: &[(&str, &[u8])]| {
        let mut text = Vec::new();
        for (line, comment) in lines {
            text.extend([line.as_bytes(), b" ", comment, b"\n"].concat());
        }
        let mut known = KnownHosts::default();
        known.add(Path::new("kh"), &text);
        known.verdict("st1", &key)
    };
    let (plain, revoked) = (format!("st1 {A}"), format!("@revoked * {A}"));
    let latin: &[u8] = b"of M\xfcller";
    assert_eq!(judged(&[(&plain, latin)]), Verdict::Known);
    // What is forbidden stays forbidden.
    let place = Place {
        file: "kh".into(),
        line: 2,
    };
    let verdict = judged(&[(&plain, b""), (&revoked, latin)]);
    assert_eq!(verdict, Verdict::Revoked(place));
    // So it is beside a name that is no text, and on a line that names every host of a large site.
    let names = [b"@revoked M\xfcller,st1 ", A.as_bytes(), b"\n"].concat();
    let many = format!("@revoked {}st1 {A}\n", "st2.example.net,".repeat(2000));
    for line in [names, many.into_bytes()] {
        let mut known = KnownHosts::default();
        known.add(Path::new("kh"), &line);
        let verdict = known.verdict("st1", &key);
        assert!(matches!(verdict, Verdict::Revoked(_)), "{verdict:?}");
    }
}

#[test]
fn a_pattern_made_to_be_slow_is_not() {
    let pattern = "*a".repeat(2000) + "b";
    let host = "a".repeat(4000);
    let mut known = KnownHosts::default();
    known.add(Path::new("kh"), format!("{pattern} {A}").as_bytes());
    let key = PublicKey::from_openssh(A).unwrap();
    assert_eq!(
        known.verdict(&host, &key),
        Verdict::Unknown { authority: None }
    );
}
