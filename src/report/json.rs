//! One JSON object for each event, for other programs.

use serde_json::{Map, Value};

use super::lines::Detail;
use crate::engine::event::Entry;

/// What differs from one session to the next and is left out of what a rehearsal prints.
const UNREPEATABLE: [&str; 6] = ["run", "wall", "by", "job", "program", "cluster_hash"];

/// `{"seq":..,"at":..,"event":"..",..}`; `at` is in milliseconds since the run was opened.
pub fn event(entry: &Entry, detail: Detail) -> Value {
    let mut value =
        serde_json::to_value(entry).expect("an entry is plain data and always serialises");
    if let (Detail::Repeatable, Value::Object(members)) = (detail, &mut value) {
        strip(members);
    }
    value
}

fn strip(members: &mut Map<String, Value>) {
    let is_debt = members
        .get("event")
        .is_some_and(|event| event == "debt-opened" || event == "resurrected");
    for name in UNREPEATABLE {
        // Here `by` is the action that did it.
        if !(is_debt && name == "by") {
            members.remove(name);
        }
    }
}
