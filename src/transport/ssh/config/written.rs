//! Values as they are written, brought into the form that `ssh -G` prints; what is not well formed is an error.

use super::jump;
use super::line::Line;
use super::machine::Machine;
use super::options::Form;
use super::tokens::variables_are_set;
use super::values::{number, port, scaled, seconds};

/// As many known_hosts files as ssh(1) takes (`SSH_MAX_HOSTS_FILES`).
const HOST_FILES: usize = 32;
/// RekeyLimit is no smaller than this (bytes); 0 leaves it to the cipher.
const LEAST_REKEY: u64 = 16;

/// The value of a line in the form that `ssh -G` prints; nothing if the line leaves the option open.
pub(super) fn of_line(
    form: Form,
    line: &Line,
    words: Vec<String>,
    machine: &Machine,
) -> Result<Option<Vec<String>>, String> {
    let one = |text: String| Ok(Some(vec![text]));
    match form {
        Form::Command | Form::Other => one(line.whole().to_owned()),
        Form::Jump => {
            let printed = jump::as_printed(line.whole());
            one(printed.ok_or("it names no jump host: [user@]host[:port], with commas between")?)
        }
        Form::Paths => paths(words),
        Form::Rekey => rekey(words).map(Some),
        Form::Text
        | Form::Agent
        | Form::Port
        | Form::Number
        | Form::Time
        | Form::Choice(_)
        | Form::Many
        | Form::Names => {
            let word = single(words)?;
            Ok(of_word(form, word, machine)?.map(|text| vec![text]))
        }
        Form::Host | Form::Match | Form::Include | Form::Dead => Ok(None),
    }
}

fn of_word(form: Form, word: String, machine: &Machine) -> Result<Option<String>, String> {
    match form {
        Form::Port => match port(&word) {
            Some(port) => Ok(Some(port.to_string())),
            None => Err(format!("{word:?} is no port from 1 to 65535")),
        },
        Form::Number => match number(&word, i32::MAX as u32) {
            Some(number) => Ok(Some(number.to_string())),
            None => Err(format!("{word:?} is no number")),
        },
        Form::Time => time(&word),
        Form::Choice(choices) => {
            let same = |(name, _): &&(&str, &str)| name.eq_ignore_ascii_case(&word);
            match choices.iter().find(same) {
                Some((_, printed)) => Ok(Some((*printed).to_owned())),
                None => Err(format!("{word:?} is none of {}", listed(choices))),
            }
        }
        Form::Agent => {
            // ssh(1) looks the variables up when it reads the line, in a block that does not apply too.
            variables_are_set(&word, machine)?;
            Ok(Some(word))
        }
        Form::Text
        | Form::Many
        | Form::Names
        | Form::Host
        | Form::Match
        | Form::Include
        | Form::Paths
        | Form::Rekey
        | Form::Command
        | Form::Jump
        | Form::Other
        | Form::Dead => Ok(Some(word)),
    }
}

fn time(word: &str) -> Result<Option<String>, String> {
    if word == "none" {
        return Ok(None);
    }
    match seconds(word) {
        Some(seconds) => Ok(Some(seconds.to_string())),
        None => Err(format!("{word:?} is no time, such as 90 or 1m30s")),
    }
}

/// One word for the bytes, and a second where the line says a time.
fn rekey(words: Vec<String>) -> Result<Vec<String>, String> {
    let (bytes, after) = match words.as_slice() {
        [] => return Err("it says nothing".into()),
        [bytes] => (bytes, None),
        [bytes, after] => (bytes, time(after)?),
        [_, _, more, ..] => return Err(format!("{more:?} is too much")),
    };
    let bytes = match bytes.as_str() {
        "" => return Err("it says nothing".into()),
        "default" => 0,
        word => match scaled(word) {
            Some(bytes) if bytes == 0 || bytes >= LEAST_REKEY => bytes,
            Some(_) => return Err(format!("{word:?} is less than {LEAST_REKEY} bytes")),
            None => return Err(format!("{word:?} is no amount, such as 64K or 1G")),
        },
    };
    Ok(std::iter::once(bytes.to_string()).chain(after).collect())
}

fn single(words: Vec<String>) -> Result<String, String> {
    let mut words = words.into_iter();
    match (words.next(), words.next()) {
        (Some(word), None) if !word.is_empty() => Ok(word),
        (Some(_), Some(more)) => Err(format!("{more:?} is too much")),
        (None | Some(_), None) => Err("it says nothing".into()),
        (None, Some(_)) => Err("it says nothing".into()),
    }
}

fn paths(words: Vec<String>) -> Result<Option<Vec<String>>, String> {
    let is_none = |word: &String| word.eq_ignore_ascii_case("none");
    if words.iter().any(String::is_empty) {
        return Err("an empty path".into());
    }
    if words.len() > 1 && words.iter().any(is_none) {
        return Err("\"none\" stands alone".into());
    }
    if words.len() > HOST_FILES {
        return Err(format!("more than {HOST_FILES} files"));
    }
    Ok(Some(words).filter(|words| !words.is_empty()))
}

fn listed(choices: &[(&str, &str)]) -> String {
    let names: Vec<&str> = choices.iter().map(|(name, _)| *name).collect();
    names.join(", ")
}
