//! What is quoted arrives byte for byte, whatever the shell: a hundred thousand values through each of those that nodes have.
//!
//! `HOLDPOINT_EFFORT=n` does n times as many.

use std::io::{Read as _, Write as _};
use std::path::PathBuf;
use std::process::{Command, Stdio};

use holdpoint::model::script::{Class, Script};
use holdpoint::sim::rng::Rng;
use holdpoint::transport::job::start_text;
use secrecy::SecretString;

use crate::support::job::spec;
use crate::support::tool;

/// What means something to a shell, to printf, or to somebody who quotes.
const SIGNS: &[&[u8]] = &[
    b"'",
    b"'",
    b"\"",
    b"\\",
    b"$",
    b"`",
    b"$(",
    b"${",
    b")",
    b"}",
    b"!",
    b"!!",
    b"#",
    b" #",
    b"~",
    b"*",
    b"?",
    b"[",
    b"]",
    b"{a,b}",
    b"|",
    b"&",
    b";",
    b"<",
    b"<<",
    b">",
    b"(",
    b" ",
    b"\t",
    b"\n",
    b"\r",
    b"=",
    b"^",
    b"%",
    b"%s",
    b"\\0",
    b"\\c",
    b"\\n",
    b"\\'",
    b"'\\''",
    b"-",
    b"--",
    b"-n",
    b"\x01",
    b"\x1b[31m",
    b"\x7f",
    b"\x80",
    b"\xff",
    b"\xc3",
    b"\xc3\xa9",
    b"\xe2\x80\xae",
    b"\xef\xbb\xbf",
    b"a",
    b"0",
    b"HOME",
    b"$HOME",
    b"end",
    b"EOF",
];

fn many(usual: usize) -> usize {
    let effort = std::env::var("HOLDPOINT_EFFORT").ok();
    usual * effort.and_then(|times| times.parse().ok()).unwrap_or(1)
}

fn value(dice: &mut Rng) -> Vec<u8> {
    let length = dice.draw() % 12;
    let mut bytes = Vec::new();
    for _ in 0..length {
        match dice.draw() % 4 {
            // No NUL: that is refused.
            0 => bytes.push((dice.draw() % 255 + 1) as u8),
            _ => bytes.extend_from_slice(SIGNS[dice.draw() as usize % SIGNS.len()]),
        }
    }
    bytes
}

/// Every shell that is installed here, as `sh` is begun.
fn shells() -> Vec<(&'static str, PathBuf, &'static [&'static str])> {
    let all: [(&str, &[&str]); 3] = [
        ("dash", &["-s"]),
        ("bash", &["--posix", "-s"]),
        ("busybox", &["sh", "-s"]),
    ];
    let found = |(name, words)| tool(name).map(|program| (name, program, words));
    all.into_iter().filter_map(found).collect()
}

/// What the shell prints for this script.
fn printed(program: &PathBuf, words: &[&str], locale: &str, script: Vec<u8>) -> Vec<u8> {
    let mut shell = Command::new(program)
        .args(words)
        .env("LC_ALL", locale)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("it is installed");
    let mut input = shell.stdin.take().expect("it is piped");
    let feeding = std::thread::spawn(move || input.write_all(&script));
    let mut output = Vec::new();
    let mut from = shell.stdout.take().expect("it is piped");
    from.read_to_end(&mut output).expect("it can be read");
    assert!(shell.wait().expect("it is ours").success());
    feeding
        .join()
        .expect("no panic")
        .expect("it read everything");
    output
}

fn assert_alike(shell: &str, values: &[Vec<u8>], output: &[u8]) {
    let mut got = output.split(|byte| *byte == 0);
    for (number, value) in values.iter().enumerate() {
        let got = got.next().unwrap_or_default();
        assert_eq!(
            got,
            value,
            "{shell}: value {number} is {:?}",
            String::from_utf8_lossy(value)
        );
    }
    assert_eq!(got.next(), Some(&b""[..]), "{shell}: nothing more");
}

#[test]
fn a_hundred_thousand_values_arrive_as_they_are_in_every_shell() {
    let mut dice = Rng::keyed(1, &["quoting"]);
    let values: Vec<Vec<u8>> = (0..many(100_000)).map(|_| value(&mut dice)).collect();
    let mut script = Vec::new();
    let mut texts = 0;
    for value in &values {
        // Text goes the way of a parameter, other bytes the way of a whole script.
        match std::str::from_utf8(value) {
            Ok(text) => {
                texts += 1;
                let set = [("v".to_string(), text.to_string())];
                let made = Script::assemble(Class::Read, &set, &[], r#"printf '%s\0' "$v""#);
                script.extend(made.expect("no NUL").text.into_bytes());
            }
            Err(_) => {
                script.extend_from_slice(b"v=");
                script.extend(shlex::bytes::try_quote(value).expect("no NUL").iter());
                script.extend_from_slice(b"\nprintf '%s\\0' \"$v\"\n");
            }
        }
    }
    assert!(texts > values.len() / 3, "only {texts} are text");
    for (name, program, words) in shells() {
        for locale in ["C", "C.UTF-8"] {
            let output = printed(&program, words, locale, script.clone());
            assert_alike(&format!("{name} in {locale}"), &values, &output);
        }
    }
}

/// The third way: secrets of a job, which the node prints into a pipe.
#[test]
fn secrets_of_a_job_arrive_as_they_are_in_every_shell() {
    let mut dice = Rng::keyed(2, &["quoting"]);
    let (mut script, mut values) = (Vec::new(), Vec::new());
    for number in 0..many(40) {
        let one_line = |value: Vec<u8>| String::from_utf8_lossy(&value).replace('\n', " ");
        let secrets: Vec<String> = (0..60).map(|_| one_line(value(&mut dice))).collect();
        let mut job = spec(&format!("r.quoted.{number}"), "true");
        job.secrets = secrets
            .iter()
            .map(|s| SecretString::from(s.clone()))
            .collect();
        let text = start_text(None, &job).expect("it can be sent");
        let from = find(&text, b"\nhp_secrets() {").expect("they are in it");
        let to = from + find(&text[from..], b"; }\n").expect("its end") + 4;
        script.extend_from_slice(&text[from..to]);
        script.extend_from_slice(b"hp_secrets | tr '\\n' '\\0'\n");
        values.extend(secrets.into_iter().map(String::into_bytes));
    }
    for (name, program, words) in shells() {
        let output = printed(&program, words, "C.UTF-8", script.clone());
        assert_alike(name, &values, &output);
    }
}

fn find(text: &[u8], part: &[u8]) -> Option<usize> {
    text.windows(part.len()).position(|window| window == part)
}

#[test]
fn what_no_shell_can_hold_is_refused_by_name() {
    let set = [("motto".to_string(), "a\0b".to_string())];
    let refused = Script::assemble(Class::Read, &set, &[], "true").expect_err("a NUL");
    assert!(refused.to_string().contains("`motto`"), "{refused}");
}
