//! The values that facts and check outputs take.

use std::fmt;

use serde::{Deserialize, Serialize};

/// One observed value. A version is text: each product orders its own (see [`super::version`]).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Value {
    Bool(bool),
    Number(i64),
    Text(String),
}

impl Value {
    /// Text, from anything that reads as it.
    pub fn text(text: impl Into<String>) -> Value {
        Value::Text(text.into())
    }

    /// Reads what a script printed, without a declared kind: `true`, `false`, a whole number, else text.
    pub fn guess(text: &str) -> Value {
        match text {
            "true" => Value::Bool(true),
            "false" => Value::Bool(false),
            _ => text
                .parse()
                .map_or_else(|_| Value::text(text), Value::Number),
        }
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Bool(value) => f.pad(if *value { "true" } else { "false" }),
            Value::Number(value) => f.pad(&value.to_string()),
            Value::Text(value) => f.pad(value),
        }
    }
}
