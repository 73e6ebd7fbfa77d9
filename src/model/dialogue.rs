//! What a program asks while it runs, and what it is answered.

use serde::{Deserialize, Serialize};

use super::ids::ParamId;
use super::time::Span;

/// The questions that a step's program is expected to ask.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dialogue {
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub prompts: Vec<Prompt>,
    /// The program wants a terminal: its job gives it one of its own.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub terminal: bool,
    /// Longest time without any output that is not worth mentioning.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub silence: Option<Span>,
}

/// One expected question.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Prompt {
    /// Its name within the step.
    pub id: String,
    /// A regular expression, looked for in what was printed since the last answer when the program rests.
    pub pattern: String,
    pub reply: Reply,
    /// How often it may come in one attempt; once more is unexpected.
    pub times: u32,
    /// What a rehearsal prints for it; a rehearsal does not show one without.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub says: Option<String>,
}

/// What a question is answered. The newline that ends an answer is not part of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reply {
    Text(String),
    /// The value of a secret parameter: never shown, never stored.
    Secret(ParamId),
    /// The operator answers; holds what is explained to them.
    Operator(String),
}

/// An answer on its way to a program.
#[derive(Clone, PartialEq, Eq)]
pub enum Answer {
    Text(String),
    /// The value of a secret parameter.
    Secret(ParamId),
    /// Typed by the operator and not to be seen again.
    Hidden(String),
}

impl std::fmt::Debug for Answer {
    /// Without what is hidden.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Answer::Text(text) => write!(f, "Text({text:?})"),
            Answer::Secret(param) => write!(f, "Secret({param})"),
            Answer::Hidden(_) => f.write_str("Hidden(..)"),
        }
    }
}

/// Whether a question seems to ask for something that must not be shown or stored.
pub fn asks_for_secret(question: &str) -> bool {
    let last = question.trim_end().lines().last().unwrap_or_default();
    let last = last.to_lowercase();
    [
        "password",
        "passphrase",
        "passcode",
        "secret",
        "token",
        " pin",
    ]
    .iter()
    .any(|word| last.contains(word))
}

impl Dialogue {
    /// The expected question of this name.
    pub fn prompt(&self, id: &str) -> Option<&Prompt> {
        self.prompts.iter().find(|prompt| prompt.id == id)
    }
}
