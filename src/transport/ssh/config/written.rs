//! Values as they are written, brought into the form that `ssh -G` prints; what is not well formed is an error.

use super::jump;
use super::line::Line;
use super::machine::Machine;
use super::options::Form;
use super::tokens::variables_are_set;
use super::values::{number, port, seconds};

/// As many known_hosts files as ssh(1) takes (`SSH_MAX_HOSTS_FILES`).
const HOST_FILES: usize = 32;

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
        Form::Time if word == "none" => Ok(None),
        Form::Time => match seconds(&word) {
            Some(seconds) => Ok(Some(seconds.to_string())),
            None => Err(format!("{word:?} is no time, such as 90 or 1m30s")),
        },
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
        | Form::Command
        | Form::Jump
        | Form::Other
        | Form::Dead => Ok(Some(word)),
    }
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
