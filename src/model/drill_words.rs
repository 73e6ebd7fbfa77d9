//! Faults as they are typed: `lie st2`, `link-lost st1 90s`. A drill file says the same without the node.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use super::drill::{Effect, Fault, FaultError, JobFault, KeyFault, pairs};
use super::ids::{CheckId, FactId, NodeId, ProbeId};
use super::time::Span;
use super::value::Value;

/// One word that a fault is named by, for help and completion.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FaultWord {
    pub word: &'static str,
    /// What may follow the node.
    pub arguments: &'static str,
    pub about: &'static str,
}

/// Every fault that can be typed. [`Fault::parse`] has one arm for each.
pub const WORDS: &[FaultWord] = &[
    row("link-lost", "[SPAN]", "the link drops; the node runs on"),
    row("unreachable", "[SPAN]", "the node cannot be reached"),
    row(
        "power-cut",
        "[before|half|after] [SPAN]",
        "the node loses power before, amid or after the job's effect, and boots again",
    ),
    row(
        "host-key",
        "changed|unknown|at-boot",
        "the node shows another host key",
    ),
    row("hang", "", "the job never ends"),
    row("asks", "", "the job asks something that nobody expects"),
    row("slow", "[TIMES]", "the job takes so many times as long"),
    row("fail", "[CODE]", "the job fails and does nothing"),
    row(
        "fail-half",
        "[CODE]",
        "the job fails and leaves half of its effect",
    ),
    row("lie", "", "the job claims success and does nothing"),
    row(
        "false-alarm",
        "[CODE]",
        "the job claims failure and does everything",
    ),
    row(
        "comes-back",
        "[FACT=VALUE ..] [after SPAN]",
        "something changes behind our back",
    ),
    row(
        "primary-moves",
        "[FACT]",
        "the node becomes what another one was",
    ),
    row(
        "probe-silent",
        "[PROBE] [for SPAN]",
        "a probe, or every one, gives no answer",
    ),
    row("unknown", "FACT [for SPAN]", "a fact cannot be told"),
    row("check-fails", "CHECK", "a check fails"),
    row("locked", "", "another run takes the node's lock"),
    row(
        "mend",
        "",
        "everything that is wrong with the node is put right",
    ),
];

const fn row(word: &'static str, arguments: &'static str, about: &'static str) -> FaultWord {
    FaultWord {
        word,
        arguments,
        about,
    }
}

impl Fault {
    /// Reads what is typed after `:fault` in a rehearsal: `WHAT NODE [arguments]`.
    pub fn parse_typed(text: &str) -> Result<(NodeId, Fault), FaultError> {
        let mut words = text.split_whitespace();
        let what = words.next().unwrap_or_default();
        let known = find(what)?;
        let node = words
            .next()
            .ok_or_else(|| bad(text, known, "NODE "))
            .map(NodeId::new)?;
        let arguments: Vec<_> = words.collect();
        let fault = arms(what, &arguments).ok_or_else(|| bad(text, known, "NODE "))?;
        Ok((node, fault))
    }
}

impl FromStr for Fault {
    type Err = FaultError;

    /// Reads a fault as a drill file says it, without a node: `fail 3`.
    fn from_str(text: &str) -> Result<Fault, FaultError> {
        let mut words = text.split_whitespace();
        let what = words.next().unwrap_or_default();
        let known = find(what)?;
        let arguments: Vec<_> = words.collect();
        arms(what, &arguments).ok_or_else(|| bad(text, known, ""))
    }
}

/// A fault from its word and arguments, or nothing where they do not fit.
fn arms(what: &str, arguments: &[&str]) -> Option<Fault> {
    match what {
        "link-lost" => Some(Fault::LinkLost {
            lasts: optional(arguments)?.unwrap_or(Span::seconds(90)),
        }),
        "unreachable" => Some(Fault::Unreachable {
            lasts: optional(arguments)?,
        }),
        "power-cut" => power_cut(arguments),
        "host-key" => match arguments {
            ["changed"] => Some(Fault::HostKey(KeyFault::Changed)),
            ["unknown"] => Some(Fault::HostKey(KeyFault::Unknown)),
            ["at-boot"] => Some(Fault::HostKey(KeyFault::AtBoot)),
            _ => None,
        },
        "hang" => none(arguments, Fault::Job(JobFault::Hangs)),
        "asks" => none(arguments, Fault::Job(JobFault::Asks)),
        "slow" => {
            let times = optional(arguments)?.unwrap_or(5);
            (times >= 1).then_some(Fault::Job(JobFault::Slow { times }))
        }
        "fail" => ends(arguments, Effect::Nothing),
        "fail-half" => ends(arguments, Effect::Half),
        "false-alarm" => ends(arguments, Effect::Whole),
        "lie" => none(
            arguments,
            Fault::Job(JobFault::Ends {
                code: 0,
                effect: Effect::Nothing,
            }),
        ),
        "comes-back" => comes_back(arguments),
        "primary-moves" => Some(Fault::PrimaryMoves {
            fact: FactId::new(
                optional::<String>(arguments)?
                    .as_deref()
                    .unwrap_or("primary"),
            ),
        }),
        "probe-silent" => {
            let (arguments, lasts) = tail(arguments, "for")?;
            let probe = optional::<String>(arguments)?.map(ProbeId::new);
            Some(Fault::ProbeSilent { probe, lasts })
        }
        "unknown" => match tail(arguments, "for")? {
            ([fact], lasts) => Some(Fault::Unknown {
                fact: FactId::new(fact),
                lasts,
            }),
            _ => None,
        },
        "check-fails" => match arguments {
            [check] => Some(Fault::CheckFails {
                check: CheckId::new(check),
            }),
            _ => None,
        },
        "locked" => none(arguments, Fault::Locked),
        "mend" => none(arguments, Fault::Mended),
        _ => None,
    }
}

fn power_cut(arguments: &[&str]) -> Option<Fault> {
    let (effect, rest) = match arguments {
        ["before", rest @ ..] => (Effect::Nothing, rest),
        ["half", rest @ ..] => (Effect::Half, rest),
        ["after", rest @ ..] => (Effect::Whole, rest),
        rest => (Effect::Nothing, rest),
    };
    Some(Fault::PowerCut {
        lasts: optional(rest)?.unwrap_or(Span::minutes(2)),
        effect,
    })
}

/// A code other than zero: with zero it would be `lie`, or nothing wrong at all.
fn ends(arguments: &[&str], effect: Effect) -> Option<Fault> {
    let code = optional(arguments)?.unwrap_or(1);
    (code != 0).then_some(Fault::Job(JobFault::Ends { code, effect }))
}

fn comes_back(arguments: &[&str]) -> Option<Fault> {
    let (arguments, after) = tail(arguments, "after")?;
    let pair = |text: &&str| {
        let (fact, value) = text.split_once('=')?;
        (!fact.is_empty()).then(|| (FactId::new(fact), Value::guess(value)))
    };
    Some(Fault::ComesBack {
        changes: arguments
            .iter()
            .map(pair)
            .collect::<Option<BTreeMap<_, _>>>()?,
        after: after.unwrap_or(Span::minutes(1)),
    })
}

/// At most one argument. `Some(None)` means that there is none, `None` that it does not fit.
fn optional<T: FromStr>(arguments: &[&str]) -> Option<Option<T>> {
    match arguments {
        [] => Some(None),
        [one] => one.parse().ok().map(Some),
        _ => None,
    }
}

fn none(arguments: &[&str], fault: Fault) -> Option<Fault> {
    arguments.is_empty().then_some(fault)
}

/// Splits `.. for 90s` off.
fn tail<'a, 'b>(arguments: &'a [&'b str], word: &str) -> Option<(&'a [&'b str], Option<Span>)> {
    match arguments {
        [rest @ .., before, span] if *before == word => Some((rest, Some(span.parse().ok()?))),
        rest => Some((rest, None)),
    }
}

fn find(what: &str) -> Result<&'static FaultWord, FaultError> {
    WORDS
        .iter()
        .find(|row| row.word == what)
        .ok_or_else(|| FaultError::NoSuchFault {
            word: what.into(),
            known: WORDS.iter().map(|row| row.word.into()).collect(),
        })
}

fn bad(given: &str, row: &FaultWord, node: &str) -> FaultError {
    let usage = format!("{} {node}{}", row.word, row.arguments);
    FaultError::BadWords {
        given: given.trim().into(),
        usage: usage.trim_end().into(),
    }
}

impl fmt::Display for Fault {
    /// The words that [`Fault::from_str`] reads.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let part = |f: &mut fmt::Formatter<'_>, lasts: &Option<Span>| match lasts {
            Some(span) => write!(f, " for {}", exact(*span)),
            None => Ok(()),
        };
        match self {
            Fault::LinkLost { lasts } => write!(f, "link-lost {}", exact(*lasts)),
            Fault::Unreachable { lasts: None } => f.write_str("unreachable"),
            Fault::Unreachable { lasts: Some(span) } => write!(f, "unreachable {}", exact(*span)),
            Fault::PowerCut { lasts, effect } => {
                let moment = match effect {
                    Effect::Nothing => "before",
                    Effect::Half => "half",
                    Effect::Whole => "after",
                };
                write!(f, "power-cut {moment} {}", exact(*lasts))
            }
            Fault::HostKey(KeyFault::Unknown) => f.write_str("host-key unknown"),
            Fault::HostKey(KeyFault::AtBoot) => f.write_str("host-key at-boot"),
            Fault::HostKey(KeyFault::Changed) => f.write_str("host-key changed"),
            Fault::Job(JobFault::Hangs) => f.write_str("hang"),
            Fault::Job(JobFault::Asks) => f.write_str("asks"),
            Fault::Job(JobFault::Slow { times }) => write!(f, "slow {times}"),
            Fault::Job(JobFault::Ends { code, effect }) => match (code, effect) {
                (0, _) => f.write_str("lie"),
                (code, Effect::Nothing) => write!(f, "fail {code}"),
                (code, Effect::Half) => write!(f, "fail-half {code}"),
                (code, Effect::Whole) => write!(f, "false-alarm {code}"),
            },
            Fault::ComesBack { changes, after } => {
                let changes = pairs(changes);
                let gap = if changes.is_empty() { "" } else { " " };
                write!(f, "comes-back{gap}{changes} after {}", exact(*after))
            }
            Fault::PrimaryMoves { fact } => write!(f, "primary-moves {fact}"),
            Fault::ProbeSilent { probe, lasts } => {
                f.write_str("probe-silent")?;
                if let Some(probe) = probe {
                    write!(f, " {probe}")?;
                }
                part(f, lasts)
            }
            Fault::Unknown { fact, lasts } => {
                write!(f, "unknown {fact}")?;
                part(f, lasts)
            }
            Fault::CheckFails { check } => write!(f, "check-fails {check}"),
            Fault::Locked => f.write_str("locked"),
            Fault::Mended => f.write_str("mend"),
        }
    }
}

/// A span with nothing rounded off, unlike its display.
fn exact(span: Span) -> String {
    if span.0.is_multiple_of(1000) {
        format!("{}s", span.0 / 1000)
    } else {
        format!("{}ms", span.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_reads_and_says_itself_again() {
        let check = |text: &str, again: &str| {
            let fault: Fault = text.parse().unwrap_or_else(|why| panic!("{text}: {why}"));
            assert_eq!(fault.to_string(), again, "{text}");
            assert_eq!(again.parse::<Fault>(), Ok(fault), "{text}");
        };
        check("link-lost", "link-lost 90s");
        check("unreachable", "unreachable");
        check("unreachable 2m", "unreachable 120s");
        check("power-cut", "power-cut before 120s");
        check("power-cut after 1500ms", "power-cut after 1500ms");
        check("host-key changed", "host-key changed");
        check("hang", "hang");
        check("asks", "asks");
        check("slow", "slow 5");
        check("fail 3", "fail 3");
        check("fail-half", "fail-half 1");
        check("false-alarm", "false-alarm 1");
        check("lie", "lie");
        check("comes-back", "comes-back after 60s");
        check(
            "comes-back service=running after 5s",
            "comes-back service=running after 5s",
        );
        check("primary-moves", "primary-moves primary");
        check("probe-silent for 1m", "probe-silent for 60s");
        check("probe-silent state", "probe-silent state");
        check("unknown version for 20s", "unknown version for 20s");
        check("check-fails disk", "check-fails disk");
        check("locked", "locked");
        check("mend", "mend");
        for row in WORDS {
            let needed = match row.word {
                "host-key" => "changed",
                "unknown" | "check-fails" => "x",
                _ => "",
            };
            let text = format!("{} {needed}", row.word);
            assert!(text.parse::<Fault>().is_ok(), "no arm for {}", row.word);
        }
    }

    #[test]
    fn a_wrong_fault_is_told_how_to_be_right() {
        let wrong = |text: &str| Fault::parse_typed(text).unwrap_err().to_string();
        assert!(wrong("explode st1").starts_with("`explode` is no fault; known are link-lost"));
        assert_eq!(wrong("lie"), "`lie` does not fit; write it as `lie NODE`");
        assert_eq!(
            wrong("fail st1 zero"),
            "`fail st1 zero` does not fit; write it as `fail NODE [CODE]`"
        );
        assert!(wrong("fail st1 0").contains("does not fit"));
        assert!(wrong("link-lost st1 soon").contains("link-lost NODE [SPAN]"));
        assert!(wrong("").contains("is no fault"));
    }
}
