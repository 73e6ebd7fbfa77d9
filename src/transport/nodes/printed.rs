//! Reads what probes and checks print: `key=value` lines; anything else is noise.

use std::collections::BTreeMap;

use super::tell::one_line;
use crate::model::ids::{CheckId, FactId};
use crate::model::procedure::FactKind;
use crate::model::reply::{CheckOutput, Reading};
use crate::model::text::Cleaner;
use crate::model::value::Value;
use crate::transport::ssh::ReadOutput;

/// Longest error line that is passed on (characters).
const SAID: usize = 300;

/// Every fact that the probe gives, with its value or nothing. A probe that failed and told nothing gives no answer.
pub(super) fn reading(output: &ReadOutput, gives: &[(FactId, FactKind)]) -> Reading {
    let printed = pairs(&output.stdout);
    let told = |(fact, kind): &(FactId, FactKind)| {
        let value = printed
            .get(fact.as_str())
            .and_then(|text| typed(kind, text));
        (fact.clone(), value)
    };
    let facts: BTreeMap<FactId, Option<Value>> = gives.iter().map(told).collect();
    if output.status != 0 && facts.values().all(Option::is_none) {
        return Err(failed(output));
    }
    Ok(facts)
}

/// Everything that a check printed; where its script looks for several checks, what belongs to the one called `part`. A check
/// that failed and printed nothing gives no answer.
pub(super) fn check(output: &ReadOutput, part: Option<&CheckId>) -> CheckOutput {
    let printed = match part {
        None => pairs(&output.stdout),
        Some(part) => in_pairs(of_part(lines(&output.stdout), part.as_str())),
    };
    if output.status != 0 && printed.is_empty() {
        return Err(failed(output));
    }
    let typed = |(key, text): (String, String)| (key, Value::guess(&text));
    Ok(printed.into_iter().map(typed).collect())
}

/// The lines of an output, free of control sequences.
pub(super) fn lines(bytes: &[u8]) -> Vec<String> {
    let mut cleaner = Cleaner::new();
    let mut lines = cleaner.feed(bytes);
    lines.extend(cleaner.finish());
    lines
}

/// What stands under a line `@ ID ..` with this id, up to the next such line.
fn of_part(lines: Vec<String>, part: &str) -> Vec<String> {
    let mut is_mine = false;
    let mine = lines.into_iter().filter(|line| {
        if let Some(ids) = line.strip_prefix("@ ") {
            is_mine = ids.split(' ').any(|id| id == part);
            return false;
        }
        is_mine
    });
    mine.collect()
}

fn pairs(stdout: &[u8]) -> BTreeMap<String, String> {
    in_pairs(lines(stdout))
}

fn in_pairs(lines: Vec<String>) -> BTreeMap<String, String> {
    let pair = |line: String| {
        let (key, value) = line.split_once('=')?;
        is_key(key).then(|| (key.to_owned(), value.trim().to_owned()))
    };
    lines.into_iter().filter_map(pair).collect()
}

fn is_key(key: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    key.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') && key.chars().all(plain)
}

/// A printed word as the declared kind has it: a version such as `5.5` or `11` stays text.
fn typed(kind: &FactKind, text: &str) -> Option<Value> {
    match kind {
        FactKind::Values(_) | FactKind::Version | FactKind::Text => {
            (!text.is_empty()).then(|| Value::text(text))
        }
        FactKind::Bool => text.parse().ok().map(Value::Bool),
        FactKind::Number => text.parse().ok().map(Value::Number),
    }
}

fn failed(output: &ReadOutput) -> String {
    let said = String::from_utf8_lossy(&output.stderr);
    let said: String = one_line(&said).chars().take(SAID).collect();
    let status = output.status;
    if said.is_empty() {
        format!("it ended with exit code {status} and said nothing")
    } else {
        format!("it ended with exit code {status}: {said}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn output(status: u8, stdout: &str, stderr: &str) -> ReadOutput {
        ReadOutput {
            stdout: stdout.into(),
            stderr: stderr.into(),
            status,
            truncated: false,
        }
    }

    fn gives() -> Vec<(FactId, FactKind)> {
        vec![
            ("version".into(), FactKind::Version),
            ("primary".into(), FactKind::Bool),
            ("sessions".into(), FactKind::Number),
        ]
    }

    #[test]
    fn facts_are_read_by_their_kinds_and_noise_is_passed_over() {
        let said =
            "Welcome to st1!\nversion=11\nprimary=yes\nsessions=7\nnot a fact = 1\nother=x\n";
        let facts = reading(&output(0, said, ""), &gives()).unwrap();
        assert_eq!(facts["version"], Some(Value::text("11")));
        assert_eq!(facts["primary"], None, "`yes` is no bool");
        assert_eq!(facts["sessions"], Some(Value::Number(7)));
        assert_eq!(facts.len(), 3);
    }

    #[test]
    fn a_probe_that_fails_without_a_word_gives_no_answer() {
        let why = reading(&output(1, "", "cannot look\x1b[2J at /opt\n"), &gives()).unwrap_err();
        assert_eq!(why, "it ended with exit code 1: cannot look at /opt");
        let facts = reading(&output(1, "version=5.5\n", "display failed\n"), &gives()).unwrap();
        assert_eq!(facts["version"], Some(Value::text("5.5")));
        assert_eq!(facts["primary"], None);
    }

    #[test]
    fn a_check_gives_numbers_bools_and_words() {
        let said = output(0, "free_kb=12\nwritable=yes\nok=true\n", "");
        let values = check(&said, None).unwrap();
        assert_eq!(values["free_kb"], Value::Number(12));
        assert_eq!(values["writable"], Value::text("yes"));
        assert_eq!(values["ok"], Value::Bool(true));
        assert!(check(&output(2, "", ""), None).is_err());
    }

    #[test]
    fn checks_that_look_together_get_each_its_own() {
        let said = output(0, "x=0\n@ a b\nx=1\n@ c\nx=2\ny=3\n", "");
        let of = |id: &str| check(&said, Some(&CheckId::new(id))).unwrap();
        assert_eq!(of("a"), of("b"));
        assert_eq!(of("a")["x"], Value::Number(1));
        assert_eq!((of("c").len(), &of("c")["x"]), (2, &Value::Number(2)));
        assert!(of("d").is_empty());
        let cut = output(2, "@ a\nx=1\n", "sh: oops\n");
        assert!(check(&cut, Some(&CheckId::new("a"))).is_ok());
        assert!(check(&cut, Some(&CheckId::new("b"))).is_err());
    }
}
