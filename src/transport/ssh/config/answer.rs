//! What holds for one host, option by option, in the words of `ssh -G`.

use std::collections::BTreeMap;

use super::super::known_hosts::Place;
use super::machine::Origin;

/// One value of an option and where it comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Value {
    /// Its words: one, but for lists of known_hosts files.
    pub words: Vec<String>,
    /// Who said so.
    pub origin: Origin,
}

impl Value {
    /// As `ssh -G` prints it.
    pub fn text(&self) -> String {
        self.words.join(" ")
    }

    /// The line that said so, where it is known.
    pub fn place(&self) -> Option<&Place> {
        self.origin.place()
    }
}

/// Every option that has a value.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Answer {
    /// By the option's name in lower case; several values where the option can be given several times.
    pub values: BTreeMap<String, Vec<Value>>,
    /// Options that ssh(1) would not know but for IgnoreUnknown.
    pub unknown: BTreeMap<String, Place>,
    /// Whether `ssh -G` gave it.
    pub by_ssh: bool,
}

impl Answer {
    /// The first value of an option.
    pub fn value(&self, option: &str) -> Option<&Value> {
        self.values.get(option)?.first()
    }

    /// The first value of an option as text.
    pub fn text(&self, option: &str) -> Option<String> {
        self.value(option).map(Value::text)
    }

    /// Whether somebody said so, and it is not what holds anyway.
    pub fn is_set(&self, option: &str) -> bool {
        self.value(option)
            .is_some_and(|value| value.origin != Origin::Default)
    }

    /// Every value as a line of `ssh -G`, sorted by option.
    pub fn lines(&self) -> Vec<String> {
        let line = |(option, values): (&String, &Vec<Value>)| -> Vec<String> {
            let line = |value: &Value| format!("{option} {}", value.text());
            values.iter().map(line).collect()
        };
        self.values.iter().flat_map(line).collect()
    }

    pub(super) fn set(&mut self, option: &str, words: Vec<String>, origin: Origin) {
        let values = self.values.entry(option.to_owned()).or_default();
        values.push(Value { words, origin });
    }
}
