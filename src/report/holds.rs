//! Hold points in the line protocol. Its form is a promise: scripts, tests and screen readers depend on it.

use super::lines::one_line;
use crate::engine::hold::{Expect, Hold};
use crate::engine::state::RunState;
use crate::model::time::Stamp;
use serde_json::{Value, json};

/// A hold as text: `HOLD <kind> <id>`, what must be read, and what may be answered.
pub fn text(hold: &Hold) -> String {
    let mut text = format!("HOLD {} {}\n", hold.kind.name(), hold.id);
    for line in hold.text.iter().flat_map(|line| line.lines()) {
        text.push_str("  ");
        text.push_str(&one_line(line));
        text.push('\n');
    }
    text + &expect(hold)
}

/// The line that says what may be answered, with its line break.
pub fn expect(hold: &Hold) -> String {
    format!("  expect: {}\n", hold.expect.line(hold.kind))
}

/// An answer that is none, and again what may be answered.
pub fn refused(hold: &Hold, why: &str) -> String {
    format!("REFUSED {why}\n{}", expect(hold))
}

/// A hold that went away by itself.
pub fn released(id: &str) -> String {
    format!("RELEASED {id}\n")
}

/// The same as one JSON object.
pub fn to_json(state: &RunState, hold: &Hold) -> Value {
    json!({
        "seq": state.seq,
        "at": state.at,
        "event": "hold",
        "kind": hold.kind,
        "id": hold.id,
        "text": hold.text.join("\n"),
        "expect": expect_json(&hold.expect),
    })
}

/// An answer that is none, as JSON.
pub fn refused_json(state: &RunState, hold: &Hold, why: &str) -> Value {
    json!({
        "seq": state.seq,
        "at": state.at,
        "event": "answer-refused",
        "id": hold.id,
        "why": why,
        "expect": expect_json(&hold.expect),
    })
}

/// A hold that went away by itself, as JSON.
pub fn released_json(seq: u64, at: Stamp, id: &str) -> Value {
    json!({ "seq": seq, "at": at, "event": "hold-released", "id": id })
}

fn expect_json(expect: &Expect) -> Value {
    match expect {
        Expect::Type(phrase) => json!({ "type": phrase }),
        Expect::Fingerprint(fingerprint) => {
            json!({ "fingerprint": fingerprint, "options": ["yes", "no"] })
        }
        Expect::Secret => json!({ "secret": true }),
        Expect::TypeOr(phrase, options) => {
            let words: Vec<&str> = options.iter().map(|option| option.id).collect();
            json!({ "type": phrase, "options": words })
        }
        Expect::Options(options) => {
            let words: Vec<&str> = options.iter().map(|option| option.id).collect();
            let wants: serde_json::Map<String, Value> = options
                .iter()
                .filter_map(|option| Some((option.id.to_string(), json!(option.note?))))
                .collect();
            let mut told = json!({ "options": words });
            if !wants.is_empty() {
                told["note"] = json!(true);
                told["notes"] = Value::Object(wants);
            }
            told
        }
    }
}
