//! Why there is no session. Every text says what to do; questions are failures that one answers, then connects again.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use russh::keys::PublicKey;

use super::endpoint::PinnedKey;
use super::known_hosts::{KnownHostsUnreadable, OtherKey, Place, fingerprint};
use super::tuning::NewKeys;
use super::wanted::Wanted;

/// How far a connection had come when its time ran out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Name lookup and TCP.
    Tcp,
    /// Greeting and key exchange.
    Handshake,
    /// Authentication.
    Login,
    /// The answer to our request to log in.
    Request,
    /// The answer to a key that we offer.
    Offer,
    /// The answer to the signature of a key that the server takes.
    Proof,
    /// What a human answers to a question of the server.
    Answer,
    /// The check that the other user can be become.
    Become,
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Tcp => "the TCP connection",
            Self::Handshake => "the SSH handshake",
            Self::Login => "the login",
            Self::Request => "the server's answer to the request to log in",
            Self::Offer => "the server's answer to an offered key",
            Self::Proof => "the server's answer to a signature",
            Self::Answer => "the answer to the server's question",
            Self::Become => "the check of the other user",
        })
    }
}

impl Stage {
    /// What may be behind it that a stage takes too long, and what to do about it.
    fn slow(self) -> &'static str {
        match self {
            Self::Tcp | Self::Handshake => {
                "the node may be overloaded, or something that is not SSH listens there"
            }
            Self::Login | Self::Become => {
                "the node may be overloaded; see whether ssh logs in to it, and how long that takes"
            }
            Self::Answer => {
                "it is asked again; a longer ConnectTimeout leaves more time for it, as long as the server waits"
            }
            Self::Request | Self::Offer | Self::Proof => {
                "the node may be overloaded, or the directory that it looks users up in: if it is only slow, a longer ConnectTimeout waits longer for this too"
            }
        }
    }
}

/// A server's key in place of the one that this run has seen.
#[derive(Debug, Clone)]
pub struct ReplacedKey {
    /// The name as it is written to known_hosts.
    pub name: String,
    /// The key seen before.
    pub pinned: PinnedKey,
    /// The key shown now.
    pub key: PublicKey,
    /// The lines that hold other keys than the new one for this name.
    pub others: Vec<OtherKey>,
    /// The line that holds the new key, or that of the authority of its certificate.
    pub vouched: Option<Place>,
}

impl ReplacedKey {
    /// Whether holdpoint's own file alone knows the host by another key: then it may be corrected by us.
    pub fn is_only_ours(&self) -> bool {
        !self.others.is_empty() && self.others.iter().all(|other| other.ours)
    }
}

impl fmt::Display for ReplacedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "pinned {}", self.pinned.fingerprint)?;
        if let Some(seen) = &self.pinned.seen {
            write!(f, " (seen first {seen}")?;
            let mut others = self.others.iter();
            match others.find(|other| other.fingerprint == self.pinned.fingerprint) {
                Some(line) => write!(f, ", and stands in {})", line.place)?,
                None => f.write_str(")")?,
            }
        }
        let shown = fingerprint(&self.key);
        write!(f, ", the server shows {} {shown}", self.key.algorithm())
    }
}

/// Why a connection did not come to be; the texts read on from "failed to connect to st1: ".
#[derive(Debug, Clone, thiserror::Error)]
pub enum ConnectFailure {
    /// The host name gives no address.
    #[error(
        "the name {host:?} has no address ({why}); check host in the cluster file, or the name service"
    )]
    Unresolvable {
        /// The name.
        host: String,
        /// What the resolver said.
        why: String,
    },
    /// TCP was refused or has no route.
    #[error("{address} does not answer ({why}); check that the node is up and the port is right")]
    Unreachable {
        /// Host and port.
        address: String,
        /// What the system said.
        why: String,
    },
    /// The time for one stage ran out.
    #[error("{stage} took longer than {} s; {}", .limit.as_secs(), .stage.slow())]
    TimedOut {
        /// What was under way.
        stage: Stage,
        /// Its limit.
        limit: Duration,
    },
    /// The server closed before it greeted: refusing, or penalising this source, or not SSH at all.
    #[error("the server closed the connection before its SSH greeting{}; it refuses or penalises this address (MaxStartups, PerSourcePenalties, a filter), or it is not SSH: wait half a minute, then check the port", said_text(.said))]
    ClosedBeforeGreeting {
        /// What it said instead.
        said: Option<String>,
    },
    /// The key exchange failed.
    #[error("the SSH handshake failed: {why}")]
    Handshake {
        /// What the library said.
        why: String,
    },
    /// The connection ended on its way; says nothing about keys.
    #[error("the connection was lost during {stage} ({why}); this says nothing about the keys")]
    Lost {
        /// What was under way.
        stage: Stage,
        /// The end, as far as it is known.
        why: String,
    },
    /// A known_hosts file is there and cannot be read.
    #[error(transparent)]
    KnownHostsUnreadable(Arc<KnownHostsUnreadable>),
    /// A question: nobody has vouched for this key.
    #[error("the host key of {name} is not known: {algorithm} {fingerprint}; compare it with the node's own (ssh-keygen -lf on the node) before accepting it{}", authority_note(.authority))]
    HostKeyUnknown {
        /// The name as it is written to known_hosts.
        name: String,
        /// Algorithm name.
        algorithm: String,
        /// SHA-256 fingerprint.
        fingerprint: String,
        /// The key, for [`super::append_known_host`].
        key: Box<PublicKey>,
        /// A certificate authority that vouches for this name; the server showed no certificate of it.
        authority: Option<Place>,
    },
    /// Nobody has vouched for this key, and the configuration wants no question.
    #[error(
        "the host key of {name} is not known: {algorithm} {fingerprint}, and StrictHostKeyChecking or BatchMode is yes; compare it with the node's own, then add it to a known_hosts file"
    )]
    HostKeyNotOnFile {
        /// The name as it would be written to known_hosts.
        name: String,
        /// Algorithm name.
        algorithm: String,
        /// SHA-256 fingerprint.
        fingerprint: String,
    },
    /// Another key is on file. No way around inside holdpoint.
    #[error(
        "the host key has changed: {place} holds {stored}, the server shows {algorithm} {got}; somebody may be in between. If the node was reinstalled, correct that line by hand"
    )]
    HostKeyChanged {
        /// Where the other key stands.
        place: Place,
        /// Its fingerprint.
        stored: String,
        /// The fingerprint shown.
        got: String,
        /// The algorithm shown.
        algorithm: String,
    },
    /// The key shown is revoked. No way around inside holdpoint.
    #[error(
        "the host key {algorithm} {fingerprint} is revoked by {place}; give the node a new host key"
    )]
    HostKeyRevoked {
        /// The `@revoked` line.
        place: Place,
        /// Algorithm name.
        algorithm: String,
        /// SHA-256 fingerprint.
        fingerprint: String,
    },
    /// Another key than earlier in this run.
    #[error("the host key is not the one seen earlier in this run: {replaced}; find out why before going on{}{}", first_note(.replaced), barred_note(*.barred))]
    PinnedKeyDiffers {
        /// Both keys, and what the files say.
        replaced: Box<ReplacedKey>,
        /// StrictHostKeyChecking or BatchMode is yes, and nothing vouches for the new key: nobody is asked.
        barred: bool,
    },
    /// An RSA host key that is too short to prove anything.
    #[error(
        "the host key is RSA of {bits} bits; at least 2048 are needed: give the node a new host key"
    )]
    HostKeyWeak {
        /// Its length.
        bits: u32,
    },
    /// No key was taken.
    #[error("the server refused the login of {user}: {}{}{}", tried_text(.tried), remaining_text(.remaining), said_text(.server_said))]
    LoginRefused {
        /// Login name.
        user: String,
        /// What was offered, or why it was not, in order.
        tried: Vec<String>,
        /// The methods that the server would still take.
        remaining: Vec<String>,
        /// What the server said when it hung up.
        server_said: Option<String>,
    },
    /// A question: the key file is encrypted.
    #[error("the key {} needs its passphrase{}", .path.display(), if *.refused { "; the one given does not open it" } else { "" })]
    PassphraseWanted {
        /// The key file.
        path: PathBuf,
        /// Whether a passphrase was given and did not fit.
        refused: bool,
    },
    /// A question: the server wants a password that is not known.
    #[error("the {0} is wanted")]
    PasswordWanted(Box<Wanted>),
    /// A question of the server has to wait until another node's is answered.
    #[error("another node's question is answered first")]
    NotOurTurn,
    /// The server's certificate is signed by an authority that we trust, and must not be used all the same.
    #[error(
        "the host certificate {id:?} vouched for by {place} is not valid for {name}: {why}; renew it on the node"
    )]
    HostCertificate {
        /// The certificate's key id.
        id: String,
        /// The `@cert-authority` line.
        place: Place,
        /// The name that we called.
        name: String,
        /// What is wrong with it.
        why: String,
    },
    /// The other user could not be become.
    #[error(
        "become {user:?} was refused: {why}; for sudo, a line such as '{login} ALL=({user}) NOPASSWD: ALL' in sudoers helps, or a password in become (see what `holdpoint init` prints)"
    )]
    BecomeRefused {
        /// The user to become.
        user: String,
        /// The login that tried.
        login: String,
        /// What was said.
        why: String,
    },
    /// A host on the way could not be reached, trusted or logged in to.
    #[error("the jump host {jump}: {failure}{}", held_text(.held))]
    Jump {
        /// The host on the way, with user and port.
        jump: String,
        /// Where its right key was seen first, if the failure is that it shows another one.
        held: Option<String>,
        /// What became of the connection to it.
        failure: Box<ConnectFailure>,
    },
    /// A host on the way does not pass us on.
    #[error(
        "the jump host {jump} does not forward connections to {address}; allow it there (AllowTcpForwarding, PermitOpen), or choose another jump host"
    )]
    JumpForbids {
        /// The host on the way.
        jump: String,
        /// Where we wanted to go.
        address: String,
    },
    /// The command that should carry the connection does not.
    #[error("the ProxyCommand `{command}` does not connect: {why}")]
    ProxyCommand {
        /// The command, tokens expanded.
        command: String,
        /// How it ended and what it said.
        why: String,
        /// Whether it cannot be run at all.
        hopeless: bool,
    },
}

impl From<KnownHostsUnreadable> for ConnectFailure {
    fn from(unreadable: KnownHostsUnreadable) -> Self {
        Self::KnownHostsUnreadable(Arc::new(unreadable))
    }
}

impl ConnectFailure {
    /// The question about a new key, or the refusal where the configuration wants no question.
    pub(super) fn for_new_keys(self, rule: NewKeys) -> Self {
        match (self, rule) {
            (
                Self::HostKeyUnknown {
                    name,
                    algorithm,
                    fingerprint,
                    ..
                },
                NewKeys::Refuse,
            ) => Self::HostKeyNotOnFile {
                name,
                algorithm,
                fingerprint,
            },
            (Self::PinnedKeyDiffers { replaced, .. }, NewKeys::Refuse) => {
                let barred = replaced.vouched.is_none();
                Self::PinnedKeyDiffers { replaced, barred }
            }
            (failure, NewKeys::Refuse | NewKeys::Ask) => failure,
        }
    }

    /// Whether waiting and trying again can help, without anybody doing anything.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Unreachable { .. }
            | Self::TimedOut { .. }
            | Self::ClosedBeforeGreeting { .. }
            | Self::Lost { .. } => true,
            Self::Jump { failure, .. } => failure.is_transient(),
            Self::ProxyCommand { hopeless, .. } => !hopeless,
            Self::HostKeyNotOnFile { .. }
            | Self::JumpForbids { .. }
            | Self::Unresolvable { .. }
            | Self::Handshake { .. }
            | Self::KnownHostsUnreadable(_)
            | Self::HostKeyUnknown { .. }
            | Self::HostKeyChanged { .. }
            | Self::HostKeyRevoked { .. }
            | Self::PinnedKeyDiffers { .. }
            | Self::HostKeyWeak { .. }
            | Self::LoginRefused { .. }
            | Self::PassphraseWanted { .. }
            | Self::PasswordWanted(_)
            | Self::NotOurTurn
            | Self::HostCertificate { .. }
            | Self::BecomeRefused { .. } => false,
        }
    }
}

fn held_text(held: &Option<String>) -> String {
    held.as_ref().map_or_else(String::new, |seen| {
        format!(
            ". Its right key was seen first {seen}, and a run holds to it to the end: if the host was given a new key on purpose, give it the old one back or begin a new run"
        )
    })
}

fn authority_note(authority: &Option<Place>) -> String {
    authority.as_ref().map_or_else(String::new, |place| {
        format!(" ({place} names a certificate authority for it, and the server shows no certificate of that authority)")
    })
}

/// For a host on the way it is said with the host.
fn first_note(replaced: &ReplacedKey) -> &'static str {
    match &replaced.pinned.seen {
        Some(_) => {
            ". A run holds to the first key to the end: if the node was given a new key on purpose, give it the old one back or begin a new run"
        }
        None => "",
    }
}

fn barred_note(barred: bool) -> &'static str {
    match barred {
        true => {
            " (StrictHostKeyChecking or BatchMode is yes: a new key counts only once it stands in a known_hosts file)"
        }
        false => "",
    }
}

fn tried_text(tried: &[String]) -> String {
    match tried {
        [] => "there was no key to offer; name one with identity, or add one to the agent".into(),
        tried => format!("offered {}", tried.join(", ")),
    }
}

fn remaining_text(remaining: &[String]) -> String {
    let waiting = |method: &&String| method.as_str() != "publickey";
    let other: Vec<&str> = remaining
        .iter()
        .filter(waiting)
        .map(String::as_str)
        .collect();
    if other.is_empty() {
        return String::new();
    }
    format!("; it would also take {}", other.join(", "))
}

fn said_text(said: &Option<String>) -> String {
    said.as_ref()
        .map_or_else(String::new, |said| format!("; it said {said:?}"))
}
