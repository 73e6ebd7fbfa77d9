//! A built-in procedure's whole text, read as plain TOML: its scripts as they would be sent, without the program's own parser.

use std::collections::BTreeMap;

use holdpoint::model::script::{Class, Script, variable_name};
use toml::{Table, Value};

/// One procedure file.
pub struct ProcedureFile {
    pub table: Table,
}

impl ProcedureFile {
    /// A procedure of the catalogue with its parts, every script put together from its pieces.
    pub fn built_in(id: &str) -> ProcedureFile {
        let text = holdpoint::catalog::text(id).unwrap_or_else(|| panic!("{id} is built in"));
        let mut table: Table = text.parse().expect("valid TOML");
        let pieces = match table.remove("scripts") {
            Some(Value::Table(pieces)) => pieces,
            _ => Table::new(),
        };
        let mut whole = Value::Table(table);
        put_together(&mut whole, &pieces);
        let Value::Table(table) = whole else {
            unreachable!("a table stays one")
        };
        ProcedureFile { table }
    }

    /// Entries of a list such as `probe`, `check`, `phase`, `branch`.
    pub fn list(&self, key: &str) -> Vec<&Table> {
        let entries = self.table[key].as_array().expect("a list");
        entries
            .iter()
            .map(|entry| entry.as_table().expect("a table"))
            .collect()
    }

    /// The body of a probe's or check's script.
    pub fn body(&self, list: &str, id: &str) -> String {
        let entries = self.list(list);
        let entry = entries.iter().find(|entry| text(entry, "id") == id);
        text(entry.unwrap_or_else(|| panic!("no {list} {id}")), "script").to_string()
    }

    /// The body of a step's script, by its whole id: `stop/stop-all`, also of branches.
    pub fn step(&self, id: &str) -> String {
        let (phase, step) = id.split_once('/').expect("phase/step");
        let phases = self.list("phase").into_iter().chain(self.list("branch"));
        let steps = phases
            .filter(|entry| text(entry, "id") == phase)
            .flat_map(|entry| entry["step"].as_array().expect("steps"));
        let found = steps
            .filter_map(Value::as_table)
            .find(|entry| text(entry, "id") == step);
        text(found.unwrap_or_else(|| panic!("no step {id}")), "script").to_string()
    }

    /// Every script of the file, with where it stands.
    pub fn scripts(&self) -> Vec<(String, String)> {
        let mut found = Vec::new();
        collect("", &Value::Table(self.table.clone()), &mut found);
        found
    }

    /// The parameters' defaults, as scripts see them; durations as whole seconds.
    pub fn defaults(&self) -> BTreeMap<String, String> {
        let params = self.table["params"].as_table().expect("params");
        let default = |(name, param): (&String, &Value)| {
            let value = param.get("default")?;
            let shown = match (param["kind"].as_str(), value) {
                (Some("duration"), Value::String(span)) => {
                    span.strip_suffix('s').expect("seconds").to_string()
                }
                (_, Value::String(word)) => word.clone(),
                (_, other) => other.to_string(),
            };
            Some((name.clone(), shown))
        };
        params.iter().filter_map(default).collect()
    }
}

/// A script with its variables above it, byte for byte as it would be sent.
pub fn assemble(variables: &BTreeMap<String, String>, body: &str) -> String {
    let named: Vec<(String, String)> = variables
        .iter()
        .map(|(name, value)| (variable_name(name), value.clone()))
        .collect();
    Script::assemble(Class::Read, &named, &[], body)
        .expect("no NUL bytes")
        .text
}

/// Replaces every `{ use = [..], text = ".." }` by what it stands for.
fn put_together(value: &mut Value, pieces: &Table) {
    let used = value.get("use").and_then(Value::as_array).cloned();
    match (used, &mut *value) {
        (Some(used), Value::Table(script)) => {
            let piece = |name: &Value| {
                let name = name.as_str().expect("a name");
                text(pieces, name).trim_matches('\n').to_string()
            };
            let mut parts: Vec<String> = used.iter().map(piece).collect();
            parts.extend(
                script
                    .get("text")
                    .map(|own| own.as_str().expect("a text").into()),
            );
            *value = Value::String(parts.join("\n"));
        }
        (None, Value::Table(table)) => {
            for (_, value) in table.iter_mut() {
                put_together(value, pieces);
            }
        }
        (None, Value::Array(entries)) => {
            entries
                .iter_mut()
                .for_each(|entry| put_together(entry, pieces));
        }
        _ => {}
    }
}

/// A text of a table.
pub fn text<'a>(table: &'a Table, key: &str) -> &'a str {
    table[key]
        .as_str()
        .unwrap_or_else(|| panic!("{key} is a text"))
}

fn collect(place: &str, value: &Value, found: &mut Vec<(String, String)>) {
    match value {
        Value::Table(table) => {
            let here = table.get("id").and_then(Value::as_str);
            let place = here.map_or_else(|| place.to_string(), |id| format!("{place}/{id}"));
            for (key, value) in table {
                match value.as_str() {
                    Some(script) if key == "script" => found.push((place.clone(), script.into())),
                    _ => collect(&place, value, found),
                }
            }
        }
        Value::Array(entries) => entries
            .iter()
            .for_each(|entry| collect(place, entry, found)),
        _ => {}
    }
}
