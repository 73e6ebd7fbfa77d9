//! Hosts that the configuration does not tell apart share one question to ssh(1): two hundred nodes need not start it two
//! hundred times.
//!
//! Which hosts are alike is told by our own reading of the files: the same lines hold for them, and only the name differs. It is
//! believed only where it and ssh(1) say the same about the one host that ssh(1) is asked about. What our reading cannot
//! decide, and hosts whose name the configuration replaces or looks up (CanonicalizeHostname), are asked about one by one.

use std::net::Ipv4Addr;

use super::answer::Answer;
use super::machine::{Ask, Origin};
use super::options::is_followed;

/// What is the same for hosts that are alike.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Kind {
    is_address: bool,
    /// What was asked but for the host, and every value with its line.
    said: String,
}

impl Kind {
    /// The kind of the host that `ask` names, `own` being our own reading. Nothing where it may be like no other.
    pub(super) fn of(ask: &Ask, own: &Answer) -> Option<Kind> {
        let name = own.value("hostname")?;
        if name.origin != Origin::Default || name.text() != ask.host {
            return None;
        }
        // The name service tells hosts apart then, and what it says of one is not so of another.
        if own
            .text("canonicalizehostname")
            .is_some_and(|said| said != "false")
        {
            return None;
        }
        let is_address = ask.host.parse::<Ipv4Addr>().is_ok();
        if !is_address && !is_plain_name(&ask.host) {
            return None;
        }
        let values: Vec<_> = own
            .values
            .iter()
            .filter(|(option, _)| !is_name(option))
            .collect();
        let Ask {
            host: _,
            user,
            port,
            jump,
        } = ask;
        Some(Kind {
            is_address,
            said: format!("{user:?} {port:?} {jump:?} {values:?} {:?}", own.unknown),
        })
    }
}

/// What ssh(1) said about one host of a kind.
#[derive(Debug)]
pub(super) struct Representative {
    pub(super) host: String,
    pub(super) answer: Answer,
    /// Whether it holds for the others: our own reading says the same, and nothing but the name speaks of this host.
    shared: bool,
}

impl Representative {
    /// `answer` is that of ssh(1), explained by `own`.
    pub(super) fn new(host: &str, answer: Answer, own: &Answer) -> Representative {
        let followed = |option: &str| is_followed(option) && !is_name(option);
        let mut known = answer
            .values
            .iter()
            .filter(|(option, _)| followed(option))
            .flat_map(|(_, values)| values);
        // A value that our reading does not explain has no line of ours.
        let explained =
            known.all(|value| value.origin != Origin::Ssh && !value.text().contains(host));
        let taken = own
            .values
            .iter()
            .filter(|(option, _)| followed(option))
            .all(|(option, values)| {
                let mut set = values
                    .iter()
                    .filter(|value| value.origin != Origin::Default);
                let said = answer.values.get(option);
                set.all(|value| {
                    said.is_some_and(|said| said.iter().any(|one| one.text() == value.text()))
                })
            });
        let named = answer.text("hostname").as_deref() == Some(host);
        Representative {
            host: host.to_owned(),
            shared: explained && taken && named,
            answer,
        }
    }

    /// The answer for another host of the kind.
    pub(super) fn answer_for(&self, host: &str) -> Option<Answer> {
        if host == self.host {
            return Some(self.answer.clone());
        }
        if !self.shared {
            return None;
        }
        let mut answer = self.answer.clone();
        for (_, values) in answer
            .values
            .iter_mut()
            .filter(|(option, _)| is_name(option))
        {
            for value in values {
                value.words = vec![host.to_owned()];
            }
        }
        Some(answer)
    }
}

/// The options that hold the host's name.
fn is_name(option: &str) -> bool {
    matches!(option, "host" | "hostname")
}

/// A name in its usual form that no resolver takes for an address.
fn is_plain_name(host: &str) -> bool {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '.' | '-');
    let last = host.rsplit('.').next().unwrap_or_default();
    host.chars().all(plain) && last.starts_with(|c: char| c.is_ascii_lowercase())
}
