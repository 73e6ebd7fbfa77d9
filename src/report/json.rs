//! One JSON object for each event, for other programs.

use serde_json::{Map, Value};

use super::lines::Detail;
use crate::engine::event::Entry;

/// What differs from one session to the next and is left out of what a rehearsal prints.
const UNREPEATABLE: [&str; 5] = ["run", "wall", "by", "job", "program"];
/// Hashes of whole files change with every comment in them; the hash of the plan says what matters.
const HASHES: [&str; 2] = ["procedure_hash", "cluster_hash"];

/// `{"seq":..,"at":..,"event":"..",..}`; `at` is in milliseconds since the run was opened.
pub fn event(entry: &Entry, detail: Detail) -> Value {
    let mut value =
        serde_json::to_value(entry).expect("an entry is plain data and always serialises");
    if let (Detail::Repeatable, Value::Object(members)) = (detail, &mut value) {
        strip(members);
    }
    value
}

/// An object on one line, with what every reader looks for first in front: `seq`, `at`, `event`.
pub fn one_line(mut object: Value) -> String {
    let mut text = String::from("{");
    let mut put = |name: &str, value: &Value| {
        let comma = if text.len() > 1 { "," } else { "" };
        text.push_str(&format!("{comma}{}:{value}", Value::from(name)));
    };
    if let Value::Object(members) = &mut object {
        for name in ["seq", "at", "event"] {
            if let Some(value) = members.remove(name) {
                put(name, &value);
            }
        }
        members.iter().for_each(|(name, value)| put(name, value));
    }
    text + "}"
}

fn strip(members: &mut Map<String, Value>) {
    let is_debt = members
        .get("event")
        .is_some_and(|event| event == "debt-opened" || event == "resurrected");
    for name in UNREPEATABLE.into_iter().chain(HASHES) {
        // Here `by` is the action that did it.
        if !(is_debt && name == "by") {
            members.remove(name);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_begins_with_its_place_and_name() {
        let object = serde_json::json!({ "event": "noted", "at": 7, "by": "\"x\"", "seq": 3 });
        let text = r#"{"seq":3,"at":7,"event":"noted","by":"\"x\""}"#;
        assert_eq!(one_line(object.clone()), text);
        assert_eq!(serde_json::from_str::<Value>(text).unwrap(), object);
    }
}
