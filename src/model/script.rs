//! Scripts: plain POSIX `sh`, with parameters and facts as variables assigned above the text.

use serde::{Deserialize, Serialize};

/// What a script may do. Only a plan can hold a [`Class::Change`]; probes and checks are [`Class::Read`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Class {
    Read,
    Change,
}

/// A script ready to be sent. What a review shows is [`Script::text`], byte for byte what is sent.
///
/// Secrets are named only: their values arrive on the script's standard input, one line each, in the order of
/// [`Script::secrets`], so that they never stand in a text, an argument or an environment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Script {
    pub class: Class,
    pub text: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub secrets: Vec<String>,
}

impl Script {
    /// Puts `variables` above `body`. This is the only place that builds shell text from values.
    ///
    /// Fails on a NUL byte, which no shell variable can hold.
    pub fn assemble(
        class: Class,
        variables: &[(String, String)],
        secrets: &[String],
        body: &str,
    ) -> Result<Script, NulByte> {
        let mut text = String::new();
        for (name, value) in variables {
            text.push_str(name);
            text.push('=');
            text.push_str(&quote(value).map_err(|_| NulByte { name: name.clone() })?);
            text.push('\n');
        }
        text.push_str(body.trim_matches('\n'));
        text.push('\n');
        Ok(Script {
            class,
            text,
            secrets: secrets.to_vec(),
        })
    }
}

/// A value that no shell variable can hold.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the value of `{name}` holds a NUL byte, which no shell variable can hold")]
pub struct NulByte {
    pub name: String,
}

/// Quotes one word for POSIX `sh` so that it arrives byte for byte.
pub fn quote(word: &str) -> Result<String, shlex::QuoteError> {
    shlex::Quoter::new()
        .allow_nul(false)
        .quote(word)
        .map(|quoted| quoted.into_owned())
}

/// Turns a name into one that `sh` takes as a variable: `admin-port` becomes `admin_port`.
pub fn variable_name(name: &str) -> String {
    name.chars()
        .map(|c| if c.is_ascii_alphanumeric() { c } else { '_' })
        .collect()
}
