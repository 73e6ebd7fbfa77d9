//! What a failed attempt to connect means: again by ourselves, or a human's word first.

use std::path::PathBuf;
use std::time::Duration;

use russh::keys::PublicKey;

use super::tell::{one_line, words};
use crate::model::reply::{HostKey, KeyChange, LinkReport, Refusal};
use crate::transport::backoff::{delay, delay_after_refusal};
use crate::transport::ssh::{ConnectFailure, ReadFailure, ReplacedKey, Wanted, fingerprint};

/// How one attempt failed.
pub(super) enum Failed {
    Connect(ConnectFailure),
    /// Logged in, and the node did not say which boot it is in.
    Identity(ReadFailure),
}

/// What to do after a failed attempt.
pub(super) enum Next {
    /// Try again by ourselves after this time.
    Again(Duration, String),
    /// Wait for a human's word.
    Ask(LinkReport, Question),
    /// Wait for the turn to ask from within a connection, then try again.
    Turn,
}

/// What would make another attempt worth while, besides being told to.
pub(super) enum Question {
    HostKey(Box<UnknownKey>),
    /// Another key than the one that this run has seen.
    NewKey(Box<ReplacedKey>),
    /// Of the key file at this path.
    Passphrase(PathBuf),
    /// Shared by every node that asks the same.
    Password(Box<Wanted>),
    /// A secret parameter of this name.
    Param(String),
    None,
}

/// A host key that nobody has vouched for.
pub(super) struct UnknownKey {
    /// As it is written to known_hosts.
    pub(super) name: String,
    pub(super) fingerprint: String,
    pub(super) key: PublicKey,
    /// The host on the way whose key it is, if it is not the node's own.
    pub(super) jump: Option<String>,
}

/// What to do after failed attempt number `attempt` (from 0). `was_up`: there was a connection before.
pub(super) fn next(failed: Failed, attempt: u32, seed: u64, was_up: bool) -> Next {
    match failed {
        Failed::Connect(failure) => {
            let why = words(&failure);
            connecting(failure, why, attempt, seed, was_up)
        }
        Failed::Identity(failure) => {
            let why = format!("it did not say which boot it is in: {}", words(&failure));
            match failure {
                // What sshd says instead of running anything.
                ReadFailure::NoAnswer { said, .. } if said.contains("Password change required") => {
                    let why = format!(
                        "the login is taken, and its password has to be changed first: log in once with ssh, in a terminal, and change it ({})",
                        one_line(&said)
                    );
                    stop(Refusal::Login, why)
                }
                ReadFailure::LinkLost { .. } | ReadFailure::TimedOut { .. } => {
                    Next::Again(delay(attempt, seed), why)
                }
                // A node that goes down or comes up lets one in and ends one's shell.
                ReadFailure::ChannelRefused { .. } | ReadFailure::NoAnswer { .. } if was_up => {
                    Next::Again(delay(attempt, seed), why)
                }
                ReadFailure::ChannelRefused { .. }
                | ReadFailure::NoAnswer { .. }
                | ReadFailure::NotSendable => stop(Refusal::Setup, why),
            }
        }
    }
}

/// A refusal that trying again by ourselves would not change.
pub(super) fn refused(refusal: Refusal, why: String) -> LinkReport {
    LinkReport::Refused { refusal, why }
}

/// `why` is the whole of it in words; of a failure on the way `failure` is the innermost.
fn connecting(failure: ConnectFailure, why: String, attempt: u32, seed: u64, was_up: bool) -> Next {
    let (soon, late) = (delay(attempt, seed), delay_after_refusal(attempt, seed));
    match failure {
        ConnectFailure::Unreachable { .. }
        | ConnectFailure::TimedOut { .. }
        | ConnectFailure::Lost { .. } => Next::Again(soon, why),
        ConnectFailure::ClosedBeforeGreeting { .. } => Next::Again(late, why),
        ConnectFailure::ProxyCommand {
            hopeless: false, ..
        } => Next::Again(soon, why),
        ConnectFailure::Jump { jump, failure, .. } => {
            of_jump(&jump, connecting(*failure, why, attempt, seed, was_up))
        }
        // A node that is booting may not be in the name service yet, or may let nobody in yet.
        ConnectFailure::Unresolvable { .. } | ConnectFailure::Handshake { .. } if was_up => {
            Next::Again(soon, why)
        }
        ConnectFailure::LoginRefused { .. } | ConnectFailure::BecomeRefused { .. } if was_up => {
            Next::Again(late, why)
        }
        ConnectFailure::HostKeyUnknown {
            name,
            algorithm,
            fingerprint,
            key,
            authority: _,
        } => unknown_key(name, algorithm, fingerprint, *key),
        ConnectFailure::PinnedKeyDiffers {
            replaced,
            barred: false,
        } => new_key(replaced, why),
        ConnectFailure::PassphraseWanted { path, refused } => passphrase(path, refused),
        ConnectFailure::PasswordWanted(wanted) => {
            let secret = one_line(&wanted.to_string());
            let report = LinkReport::WantsSecret { secret };
            Next::Ask(report, Question::Password(wanted))
        }
        ConnectFailure::NotOurTurn => Next::Turn,
        ConnectFailure::HostKeyNotOnFile { .. }
        | ConnectFailure::HostKeyChanged { .. }
        | ConnectFailure::HostCertificate { .. }
        | ConnectFailure::HostKeyRevoked { .. }
        | ConnectFailure::PinnedKeyDiffers { barred: true, .. }
        | ConnectFailure::HostKeyWeak { .. } => stop(Refusal::HostKey, why),
        ConnectFailure::LoginRefused { .. } => stop(Refusal::Login, why),
        ConnectFailure::BecomeRefused { .. } => stop(Refusal::Become, why),
        ConnectFailure::Unresolvable { .. }
        | ConnectFailure::Handshake { .. }
        | ConnectFailure::JumpForbids { .. }
        | ConnectFailure::ProxyCommand { .. }
        | ConnectFailure::KnownHostsUnreadable(_) => stop(Refusal::Setup, why),
    }
}

/// Says in the question about a host key that it is not the node's own.
fn of_jump(jump: &str, next: Next) -> Next {
    match next {
        // Of several hosts in a row the one nearest to the key is named already.
        Next::Ask(LinkReport::UnknownHostKey { key, jump: of }, Question::HostKey(mut unknown)) => {
            let jump = of.or_else(|| Some(one_line(jump)));
            unknown.jump.clone_from(&jump);
            let report = LinkReport::UnknownHostKey { key, jump };
            Next::Ask(report, Question::HostKey(unknown))
        }
        // We never take a host on the way down: its key has no reason to change.
        Next::Ask(LinkReport::ChangedHostKey { change }, _) => stop(Refusal::JumpKey, change.why),
        Next::Ask(
            LinkReport::Refused {
                refusal: Refusal::HostKey,
                why,
            },
            question,
        ) => Next::Ask(refused(Refusal::JumpKey, why), question),
        other @ (Next::Ask(..) | Next::Again(..) | Next::Turn) => other,
    }
}

fn unknown_key(name: String, algorithm: String, fingerprint: String, key: PublicKey) -> Next {
    let report = LinkReport::UnknownHostKey {
        key: HostKey {
            algorithm,
            fingerprint: fingerprint.clone(),
        },
        jump: None,
    };
    let unknown = UnknownKey {
        name,
        fingerprint,
        key,
        jump: None,
    };
    Next::Ask(report, Question::HostKey(Box::new(unknown)))
}

fn new_key(replaced: Box<ReplacedKey>, why: String) -> Next {
    let ReplacedKey {
        name,
        pinned,
        key,
        others,
        vouched,
    } = &*replaced;
    let known = others
        .iter()
        .find(|other| other.fingerprint == pinned.fingerprint);
    let change = KeyChange {
        name: name.clone(),
        known: HostKey {
            algorithm: pinned.algorithm.clone(),
            fingerprint: pinned.fingerprint.clone(),
        },
        shown: HostKey {
            algorithm: key.algorithm().to_string(),
            fingerprint: fingerprint(key),
        },
        place: known.map(|known| one_line(&known.place.to_string())),
        vouched: vouched.as_ref().map(|place| one_line(&place.to_string())),
        mend: mend(&replaced),
        why,
    };
    let report = LinkReport::ChangedHostKey {
        change: Box::new(change),
    };
    Next::Ask(report, Question::NewKey(replaced))
}

/// What corrects the operator's own files. They are never written by us: ssh(1) would not either.
fn mend(replaced: &ReplacedKey) -> Vec<String> {
    if replaced.is_only_ours() {
        return Vec::new();
    }
    let name = &replaced.name;
    let (alone, shared): (Vec<_>, Vec<_>) = replaced.others.iter().partition(|other| other.alone);
    let mut files: Vec<_> = alone.iter().map(|other| &other.place.file).collect();
    files.dedup();
    let mut steps: Vec<String> = files
        .iter()
        .map(|file| {
            format!(
                "ssh-keygen -R {} -f {}",
                quoted(name),
                quoted(&file.display().to_string())
            )
        })
        .collect();
    steps.extend(shared.iter().map(|other| {
        format!(
            "correct {} by hand, it holds for other hosts too",
            other.place
        )
    }));
    let first = replaced
        .others
        .first()
        .filter(|_| replaced.vouched.is_none());
    if let (Some(first), Ok(key)) = (first, replaced.key.to_openssh()) {
        let file = first.place.file.display();
        steps.push(format!("then add to {file} the line: {name} {key}"));
    }
    steps.iter().map(|step| one_line(step)).collect()
}

fn passphrase(path: PathBuf, refused: bool) -> Next {
    let again = if refused {
        " (the one given does not open it; an empty one leaves this key out)"
    } else {
        ""
    };
    let secret = format!("passphrase of {}{again}", path.display());
    Next::Ask(
        LinkReport::WantsSecret { secret },
        Question::Passphrase(path),
    )
}

/// For the operator's shell.
fn quoted(word: &str) -> String {
    format!("'{}'", word.replace('\'', "'\\''"))
}

fn stop(refusal: Refusal, why: String) -> Next {
    Next::Ask(refused(refusal, why), Question::None)
}
