//! `Match` lines. What cannot be decided without running something is refused, not guessed.

use super::line::delimited;
use super::pattern::{host_matches, list_matches};

/// What a `Match` line may ask about.
pub(super) struct Subject<'a> {
    /// The host name as it is known by now.
    pub(super) host: &'a str,
    /// The name that was asked for.
    pub(super) asked: &'a str,
    /// Who will log in, as it is known by now.
    pub(super) user: &'a str,
    /// Who we are here.
    pub(super) local_user: &'a str,
    /// Whether this is the second reading, after the host name was settled.
    pub(super) is_final: bool,
}

/// The answer to a `Match` line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Matched {
    pub(super) holds: bool,
    /// `final` was asked for: the files are to be read once more.
    pub(super) wants_final: bool,
}

/// Judges the criteria of a `Match` line; an error in words when it is not well formed or cannot be decided.
pub(super) fn judge(criteria: &str, subject: &Subject<'_>) -> Result<Matched, String> {
    let mut left = Some(criteria.to_owned());
    let mut matched = Matched {
        holds: true,
        wants_final: false,
    };
    let mut count = 0;
    while let Some(word) = delimited(&mut left).filter(|word| !word.is_empty()) {
        if word.starts_with('#') {
            left = None;
            break;
        }
        let (negated, name) = match word.strip_prefix('!') {
            Some(name) => (true, name.to_ascii_lowercase()),
            None => (false, word.to_ascii_lowercase()),
        };
        if name == "all" {
            return all(&mut left, count, negated, matched);
        }
        count += 1;
        let found = match name.as_str() {
            "canonical" => subject.is_final,
            "final" => {
                matched.wants_final = true;
                subject.is_final
            }
            _ => {
                let list = delimited(&mut left).filter(|list| !list.is_empty());
                let list = list
                    .filter(|list| !list.starts_with('#'))
                    .ok_or_else(|| format!("Match {word} says nothing"))?;
                with_argument(&name, &list, subject, matched.holds)?
            }
        };
        matched.holds &= found != negated;
    }
    if count == 0 {
        return Err("Match says nothing".into());
    }
    nothing_more(left)?;
    Ok(matched)
}

fn with_argument(
    name: &str,
    list: &str,
    subject: &Subject<'_>,
    still_holds: bool,
) -> Result<bool, String> {
    Ok(match name {
        "host" => host_matches(subject.host, list),
        "originalhost" => host_matches(subject.asked, list),
        "user" => list_matches(subject.user, list),
        "localuser" => list_matches(subject.local_user, list),
        // ssh(1) does not run it either when something before it failed.
        "exec" if !still_holds => false,
        "exec" => {
            return Err("Match exec runs a command, which only the ssh program does; install it, or write the host down without exec".into());
        }
        "localnetwork" | "tagged" | "sessiontype" | "command" | "version" => {
            return Err(format!(
                "Match {name} cannot be decided without the ssh program; install it, or write the host down without it"
            ));
        }
        _ => return Err(format!("Match does not know {name:?}")),
    })
}

/// `all` stands alone, or after one other word.
fn all(
    left: &mut Option<String>,
    count: usize,
    negated: bool,
    mut matched: Matched,
) -> Result<Matched, String> {
    let next = delimited(left);
    let alone = next
        .as_deref()
        .is_none_or(|next| next.is_empty() || next.starts_with('#'));
    if count > 1 || !alone {
        return Err("Match all cannot be combined with other criteria".into());
    }
    if next.is_some_and(|next| next.starts_with('#')) {
        *left = None;
    }
    nothing_more(left.take())?;
    matched.holds &= !negated;
    Ok(matched)
}

fn nothing_more(left: Option<String>) -> Result<(), String> {
    match left.as_deref() {
        None | Some("") => Ok(()),
        Some(more) => Err(format!("{more:?} is too much")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(criteria: &str) -> Result<bool, String> {
        let subject = Subject {
            host: "st1.lab",
            asked: "st1",
            user: "root",
            local_user: "ana",
            is_final: false,
        };
        judge(criteria, &subject).map(|matched| matched.holds)
    }

    #[test]
    fn criteria_are_judged() {
        for (criteria, wanted) in [
            ("all", true),
            ("!all", false),
            ("host *.lab", true),
            ("host=ST1.lab user root", true),
            ("!host *.lab", false),
            ("originalhost st1 !user ana,bob", true),
            ("localuser ana # comment", true),
            ("final", false),
            ("!final host *", true),
            ("final all", false),
            ("user bob exec true", false),
        ] {
            assert_eq!(judged(criteria), Ok(wanted), "{criteria}");
        }
        for criteria in [
            "exec true",
            "host",
            "tagged x",
            "user root host x all",
            "all host x",
            "# x",
            "what ever",
        ] {
            assert!(judged(criteria).is_err(), "{criteria}");
        }
    }
}
