//! What comes back from the nodes. A reply never says more than was seen: no end seen is no end, not a failure.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::ids::{FactId, NodeId};
use super::value::Value;

/// What became of a connection, or of an attempt at one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "link", rename_all = "kebab-case")]
pub enum LinkReport {
    /// Logged in. `incarnation` tells one boot of the node from the next; `host_key` is what the server showed.
    Up {
        incarnation: String,
        host_key: Option<HostKey>,
        user: String,
    },
    /// No connection now; another attempt follows by itself.
    Down { why: String },
    /// A host on the way has let us in and shown this key. It says nothing about the node behind it.
    JumpKey {
        /// Which host, and which way leads there: `[bastion]:2222 through gate`.
        jump: String,
        key: HostKey,
    },
    /// The server's key is not known. Nothing but the key exchange was done; a human decides.
    UnknownHostKey {
        key: HostKey,
        /// The host on the way whose key it is, as `ana@bastion`; without it the key is the node's own.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        jump: Option<String>,
    },
    /// The server shows another key than the one that this run knows. Nothing but the key exchange was done; whether a human
    /// may decide depends on what the run has done to the node.
    ChangedHostKey { change: Box<KeyChange> },
    /// A secret is wanted before another attempt makes sense: `passphrase of /home/ana/.ssh/id_ed25519`.
    WantsSecret { secret: String },
    /// Refused, and trying again by itself would not help.
    Refused { refusal: Refusal, why: String },
}

/// Why a connection was refused for good.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Refusal {
    /// That of the node itself.
    HostKey,
    /// That of a host on the way.
    JumpKey,
    Login,
    /// The other user that scripts should run as cannot be had.
    Become,
    /// The name cannot be resolved, a key file cannot be read, and the like.
    Setup,
}

/// A server's public key, as ssh(1) would show it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostKey {
    pub algorithm: String,
    /// `SHA256:...`
    pub fingerprint: String,
}

impl HostKey {
    /// The command that prints its fingerprint on the node itself.
    pub fn command(&self) -> String {
        let kind = match self.algorithm.as_str() {
            "ssh-rsa" => "rsa",
            ecdsa if ecdsa.starts_with("ecdsa-") => "ecdsa",
            _ => "ed25519",
        };
        format!("ssh-keygen -lf /etc/ssh/ssh_host_{kind}_key.pub")
    }
}

/// A host key in place of the one that was known.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyChange {
    /// The name under which the host stands in known_hosts.
    pub name: String,
    /// What this run has seen before.
    pub known: HostKey,
    /// What the server shows now.
    pub shown: HostKey,
    /// Where the known key stands, as `/home/ana/.ssh/known_hosts:12`; without it only this run has seen it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<String>,
    /// Who vouches for the new key: a known_hosts line that holds it, or that of the authority of its certificate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vouched: Option<String>,
    /// What the operator has to do in known_hosts files that holdpoint never writes, once the new key is found to be right.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub mend: Vec<String>,
    /// The refusal in words, where no human may decide.
    pub why: String,
}

impl KeyChange {
    /// What a human types to let the new key hold: its end and the node, so that no habit types it.
    pub fn phrase(&self, node: &NodeId) -> String {
        let print = &self.shown.fingerprint;
        let end = print.len().saturating_sub(PHRASE_END);
        let end = print.get(end..).unwrap_or(print);
        format!("new key {end} of {node}")
    }
}

/// Characters of a fingerprint that are typed.
const PHRASE_END: usize = 8;

/// What became of a job, or of the question after it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "job", rename_all = "kebab-case")]
pub enum JobReport {
    /// The node has taken it: it runs there, whatever becomes of us.
    Accepted,
    /// It waits for an answer: for an expected question, by its name, or for one that nobody expected. `at` is the number
    /// of bytes that it had printed when it asked; `text` is what it printed last.
    Asks {
        prompt: Option<String>,
        text: String,
        at: u64,
    },
    /// The connection broke while these keys of the operator were sent: whether they were typed is asked as soon as possible.
    KeysInDoubt { act: u64, why: String },
    /// The node has told which keys it typed: those of the acts up to `typed`; of those after it up to `unsure` nobody knows;
    /// the others never arrived and never will.
    KeysKnown { typed: u64, unsure: u64 },
    /// The node's own record of its end.
    Ended { claim: Claim },
    /// The node proves that nothing of it ran.
    NotStarted { why: String },
    /// The node cannot be asked now. The question is asked again when the link is back.
    OutOfSight { why: String },
    /// The node was asked: it was started, and its end was not recorded (killed, power cut, reboot).
    Vanished { why: String },
}

/// What a script, or a human, says about its end. A claim is not yet a fact.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "claim", rename_all = "kebab-case")]
pub enum Claim {
    Exited {
        code: i32,
    },
    Killed {
        signal: i32,
    },
    Cancelled,
    /// The node went down and came back as another boot, as the step has it.
    Rebooted,
    /// A human's word.
    Said {
        done: bool,
        note: String,
    },
}

impl Claim {
    /// Whether it claims success.
    pub fn is_success(&self) -> bool {
        match self {
            Claim::Exited { code } => *code == 0,
            Claim::Rebooted => true,
            Claim::Said { done, .. } => *done,
            Claim::Killed { .. } | Claim::Cancelled => false,
        }
    }
}

impl std::fmt::Display for Claim {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Claim::Exited { code: 0 } => f.write_str("ended with exit code 0"),
            Claim::Exited { code } => write!(f, "ended with exit code {code}"),
            Claim::Killed { signal } => write!(f, "was killed by signal {signal}"),
            Claim::Cancelled => f.write_str("was cancelled"),
            Claim::Rebooted => f.write_str("rebooted the node"),
            Claim::Said { done: true, note } => write!(f, "said to be done: {note}"),
            Claim::Said { done: false, note } => write!(f, "said not to be done: {note}"),
        }
    }
}

/// What a probe printed: each fact that it gives, with its value or `None` where it said nothing usable. Or why there is
/// no answer at all.
pub type Reading = Result<BTreeMap<FactId, Option<Value>>, String>;

/// What a check's script printed, or why there is no answer.
pub type CheckOutput = Result<BTreeMap<String, Value>, String>;
