//! Becoming another user on the node: `sudo`, `su` or `doas`, with a password or without.
//!
//! The whole shell runs as that user, never a command inside a script. What works is found out at the login, by a harmless
//! question, and holds for the connection. A password goes through a pipe to whoever asks for it: it stands in no argument,
//! no environment and no file. There is no terminal over SSH; a program that insists on one (doas, and sudo where sudoers
//! says `requiretty`) gets one on the node from script(1), for its question alone.

use std::fmt;
use std::time::Duration;

use secrecy::SecretString;

use super::ask::Credentials;
use super::connection::Session;
use super::door::{Asks, Guard, Passage, Stand};
use super::endpoint::Endpoint;
use super::exec::{Limits, ReadFailure};
use super::failure::{ConnectFailure, Stage};
use super::frame::Nonce;
use super::vault::Loan;
use super::wanted::{Purpose, Wanted};

/// One question as the other user; a sudo that asks the network who we are may be slow.
const BECOME_LIMIT: Duration = Duration::from_secs(30);

/// How to become another user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// sudo(8).
    Sudo,
    /// su(1), of util-linux or busybox: the one of shadow wants a terminal.
    Su,
    /// doas(1).
    Doas,
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Sudo => "sudo",
            Self::Su => "su",
            Self::Doas => "doas",
        })
    }
}

/// Another user on the node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Become {
    /// The program that does it.
    pub method: Method,
    /// The user to become.
    pub user: String,
    /// Whether a password may be used: else it must go without.
    pub password: bool,
}

impl Become {
    /// `sudo` to `user`, without a password.
    pub fn sudo(user: &str) -> Self {
        Self {
            method: Method::Sudo,
            user: user.into(),
            password: false,
        }
    }

    /// Whose password is wanted: sudo and doas ask for our own, su for the other one's.
    pub(crate) fn password_user<'a>(&'a self, login: &'a str) -> &'a str {
        match self.method {
            Method::Sudo | Method::Doas => login,
            Method::Su => &self.user,
        }
    }
}

/// What was found to work.
#[derive(Clone, Debug)]
pub(super) enum Way {
    /// As whoever logged in.
    Ourselves,
    /// Without any question.
    Silent {
        method: Method,
        user: String,
        on_terminal: bool,
    },
    /// With a question that may come.
    Asked {
        method: Method,
        user: String,
        on_terminal: bool,
        password: Option<SecretString>,
    },
}

impl Way {
    /// The command for a shell that nobody stands before, if this way leads to one.
    pub(super) fn bare(&self) -> Option<String> {
        let passage = match self {
            Self::Ourselves
            | Self::Silent {
                on_terminal: false, ..
            } => self.passage(),
            Self::Silent {
                on_terminal: true, ..
            }
            | Self::Asked { .. } => return None,
        };
        Some(passage.command)
    }

    /// What to run now.
    pub(super) fn passage(&self) -> Passage {
        match self {
            Self::Ourselves => Passage {
                command: "exec sh -s".into(),
                guard: None,
            },
            Self::Silent {
                method,
                user,
                on_terminal: false,
            } => Passage {
                command: format!("exec {method} -n -u {user} sh -s"),
                guard: None,
            },
            Self::Silent {
                method,
                user,
                on_terminal: true,
            } => {
                let guard = guard(Asks::OpenLine, None, false);
                let inner = format!("{method} -n -u {user} sh -c \\\"{}\\\"", opened(&guard));
                Passage {
                    command: on_a_terminal(&inner, Typed::Nothing),
                    guard: Some(guard),
                }
            }
            Self::Asked {
                method,
                user,
                on_terminal,
                password,
            } => asked(*method, user, *on_terminal, password.clone()),
        }
    }
}

fn guard(asks: Asks, password: Option<SecretString>, must_ask: bool) -> Guard {
    Guard {
        nonce: Nonce::new(),
        asks,
        password,
        must_ask,
    }
}

/// What the other user's first shell does: says that it is there, then reads our script.
fn opened(guard: &Guard) -> String {
    format!("echo {}; exec sh -s", guard.ready())
}

fn asked(method: Method, user: &str, on_terminal: bool, password: Option<SecretString>) -> Passage {
    let asks = match method {
        Method::Sudo => Asks::Nonce,
        Method::Su | Method::Doas => Asks::OpenLine,
    };
    let guard = guard(asks, password, method == Method::Doas);
    let (open, question) = (opened(&guard), guard.question());
    let command = match (method, on_terminal) {
        (Method::Sudo, false) => {
            format!("exec sudo -k -S -p '{question}' -u {user} sh -c '{open}'")
        }
        // It reads the password from its own input all the same.
        (Method::Sudo, true) => on_a_terminal(
            &format!("sudo -k -S -p \\\"{question}\\\" -u {user} sh -c \\\"{open}\\\""),
            Typed::Nothing,
        ),
        (Method::Su, _) => format!("exec su -s /bin/sh -c '{open}' {user}"),
        (Method::Doas, _) => on_a_terminal(
            &format!("doas -u {user} sh -c \\\"{open}\\\""),
            Typed::FirstLine,
        ),
    };
    Passage {
        command,
        guard: Some(guard),
    }
}

/// What is typed on a terminal of the node's own.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Typed {
    Nothing,
    /// The first line of the channel's input. `read` and `printf` are the shell's own: no argument holds it.
    FirstLine,
}

/// A terminal of the node's own for the question; the script and its output keep the channel's pipes. What the terminal shows
/// goes to the error output.
fn on_a_terminal(inner: &str, typed: Typed) -> String {
    let typed = match typed {
        Typed::Nothing => ":",
        Typed::FirstLine => "IFS= read -r hp <&3 && printf \"%s\\n\" \"$hp\"",
    };
    format!(
        "exec sh -c 'exec 3<&0 4>&1 5>&2; {{ {typed}; }} | \
         SHELL=/bin/sh script -qec \"{inner} <&3 >&4 2>&5\" /dev/null >&2'"
    )
}

/// What came of the tries without a password.
enum Silence {
    Does(Way),
    Not {
        said: String,
        /// The question needs a terminal.
        on_terminal: bool,
    },
}

/// What came of one try.
enum Tried {
    Good,
    /// The password is wrong.
    Refused,
    /// It does not work this way, and this is what was said.
    Not(String),
}

impl Session {
    /// Finds the way to the other user by a harmless question: a refusal must show now, not at the first step.
    pub(super) async fn find_way(
        &self,
        endpoint: &Endpoint,
        credentials: &Credentials,
    ) -> Result<Way, ConnectFailure> {
        let Some(other) = &endpoint.become_user else {
            return Ok(Way::Ourselves);
        };
        if !is_plain_user(&other.user) {
            let why = format!("{:?} is not a user name", other.user);
            return Err(become_refused(endpoint, other, why));
        }
        let (said, on_terminal) = match self.without_password(endpoint, other).await? {
            Silence::Does(way) => return Ok(way),
            Silence::Not { said, on_terminal } => (said, on_terminal),
        };
        if !other.password {
            return Err(become_refused(endpoint, other, said));
        }
        self.with_password(endpoint, credentials, other, on_terminal)
            .await
    }

    /// The way without a question, or what was said against it last.
    async fn without_password(
        &self,
        endpoint: &Endpoint,
        other: &Become,
    ) -> Result<Silence, ConnectFailure> {
        let silent = |on_terminal| Way::Silent {
            method: other.method,
            user: other.user.clone(),
            on_terminal,
        };
        let ways = match other.method {
            Method::Sudo => vec![silent(false), silent(true)],
            Method::Doas => vec![silent(false)],
            Method::Su if other.password => Vec::new(),
            Method::Su => vec![Way::Asked {
                method: Method::Su,
                user: other.user.clone(),
                on_terminal: false,
                password: None,
            }],
        };
        let mut said = String::new();
        let mut on_terminal = other.method == Method::Doas;
        for (at, way) in ways.into_iter().enumerate() {
            if at > 0 && !on_terminal {
                break;
            }
            said = match self.try_way(endpoint, other, &way).await? {
                Tried::Good => return Ok(Silence::Does(way)),
                Tried::Refused => "a password is wanted".into(),
                Tried::Not(why) => why,
            };
            on_terminal |= wants_terminal(other.method, &said);
        }
        Ok(Silence::Not { said, on_terminal })
    }

    async fn with_password(
        &self,
        endpoint: &Endpoint,
        credentials: &Credentials,
        other: &Become,
        on_terminal: bool,
    ) -> Result<Way, ConnectFailure> {
        let loan = borrow(endpoint, credentials, other).await?;
        let way = Way::Asked {
            method: other.method,
            user: other.user.clone(),
            on_terminal,
            password: Some(loan.secret().clone()),
        };
        match self.try_way(endpoint, other, &way).await? {
            Tried::Good => {
                loan.accepted();
                Ok(way)
            }
            Tried::Refused => Err(wanted(endpoint, credentials, other, loan.refused())),
            Tried::Not(why) => {
                loan.unused();
                Err(become_refused(endpoint, other, why))
            }
        }
    }

    async fn try_way(
        &self,
        endpoint: &Endpoint,
        other: &Become,
        way: &Way,
    ) -> Result<Tried, ConnectFailure> {
        let limits = Limits {
            time: BECOME_LIMIT,
            bytes: 64 << 10,
        };
        let stage = Stage::Become;
        let (answer, stand) = self.read_by(way, b"id -un", limits).await;
        let answer = match answer {
            Ok(answer) => answer,
            Err(ReadFailure::LinkLost { why }) => return Err(ConnectFailure::Lost { stage, why }),
            Err(ReadFailure::TimedOut { limit }) => {
                return Err(ConnectFailure::TimedOut { stage, limit });
            }
            Err(
                said @ (ReadFailure::ChannelRefused { .. }
                | ReadFailure::NoAnswer { .. }
                | ReadFailure::NotSendable),
            ) => return Ok(not_through(other.method, stand, &said.to_string())),
        };
        let name = String::from_utf8_lossy(&answer.stdout).trim().to_owned();
        if name == other.user {
            return Ok(Tried::Good);
        }
        let why = format!("the commands run as {name:?}");
        Err(become_refused(endpoint, other, why))
    }
}

/// Why there was no shell: a wrong password, or something that another password would not change.
fn not_through(method: Method, stand: Stand, said: &str) -> Tried {
    match (method, stand) {
        (_, Stand::Refused) => Tried::Refused,
        // With a single try sudo does not ask again.
        (Method::Sudo, Stand::Tried) if said.contains("incorrect password") => Tried::Refused,
        // These say only that it failed, in any language.
        (Method::Su | Method::Doas, Stand::Tried) => Tried::Refused,
        (_, Stand::Before { asked: true }) => Tried::Not(format!(
            "{method} wants a password; give one with password in become"
        )),
        (_, Stand::Before { asked: false } | Stand::Tried | Stand::Through { .. }) => {
            Tried::Not(said.to_owned())
        }
    }
}

/// Whether the program wants a terminal: doas always does for its question, sudo where sudoers says so.
fn wants_terminal(method: Method, said: &str) -> bool {
    match method {
        Method::Sudo => said.contains("tty") || said.contains("terminal"),
        Method::Doas => true,
        Method::Su => false,
    }
}

async fn borrow(
    endpoint: &Endpoint,
    credentials: &Credentials,
    other: &Become,
) -> Result<Loan, ConnectFailure> {
    let user = other.password_user(&endpoint.user);
    let vault = credentials.vault();
    let of = vault.of(&endpoint.node, Purpose::Become, user);
    let lent = vault.borrow(&of, &endpoint.node).await;
    lent.map_err(|question| wanted(endpoint, credentials, other, question))
}

/// The question, or a refusal where nobody can be asked or enough was answered.
fn wanted(
    endpoint: &Endpoint,
    credentials: &Credentials,
    other: &Become,
    wanted: Wanted,
) -> ConnectFailure {
    let can_ask = credentials.can_ask() && !endpoint.tuning.methods.batch;
    if can_ask && !credentials.vault().is_exhausted(&wanted, None) {
        return ConnectFailure::PasswordWanted(Box::new(wanted));
    }
    let why = match &wanted.refused_by {
        Some(node) => format!("{} refused the password on {node}", other.method),
        None => format!("{} wants a password and nobody can be asked", other.method),
    };
    become_refused(endpoint, other, why)
}

fn become_refused(endpoint: &Endpoint, other: &Become, why: String) -> ConnectFailure {
    ConnectFailure::BecomeRefused {
        user: other.user.clone(),
        login: endpoint.user.clone(),
        why,
    }
}

/// Names that need no quoting in a shell and cannot be taken for an option.
fn is_plain_user(user: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_.-".contains(c);
    !user.is_empty() && !user.starts_with('-') && user.chars().all(plain)
}
