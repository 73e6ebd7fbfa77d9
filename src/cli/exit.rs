//! Errors as the command line tells them: each kind has one exit code, every message says what to do.

use std::fmt;

use crate::driver::{How, Session};
use crate::engine::hold::{self, HoldKind};
use crate::engine::state::RunState;
use crate::engine::summary::{self, Exit};
use crate::journal::{FileTrouble, JournalError, JournalFault, LockError, StateError};
use crate::parse::{Complaint, Complaints};

/// What kind of error it is. The numbers are a promise (`holdpoint --help` lists them).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A fault of holdpoint's own, or of the machine that it runs on.
    Internal,
    /// Bad usage, or a file that cannot be used.
    Usage,
    /// Another process works on the run.
    Locked,
    /// The files that the run was made from have changed.
    Unfit,
}

impl Kind {
    fn code(self) -> u8 {
        match self {
            Kind::Internal => 1,
            Kind::Usage => 2,
            Kind::Locked => 7,
            Kind::Unfit => 9,
        }
    }
}

/// An error at the end of its way: told as `error: failed to ..: cause`, then `hint: ..`.
#[derive(Debug)]
pub struct CliError {
    kind: Kind,
    /// What stands above the error: complaints about a file.
    details: String,
    error: anyhow::Error,
    hint: Option<String>,
}

impl CliError {
    /// An error of a kind. Its message is a phrase that reads on from "failed to ".
    pub fn new(kind: Kind, error: impl Into<anyhow::Error>) -> CliError {
        CliError {
            kind,
            details: String::new(),
            error: error.into(),
            hint: None,
        }
    }

    /// Bad usage or a bad file, in words that read on from "failed to ".
    pub fn usage(message: impl fmt::Display) -> CliError {
        CliError::new(Kind::Usage, anyhow::anyhow!("{message}"))
    }

    /// Adds what to do.
    pub fn hint(mut self, hint: impl Into<String>) -> CliError {
        self.hint = Some(hint.into());
        self
    }

    /// What was tried when it happened: a phrase that reads on from "failed to ".
    pub fn context(mut self, what: impl fmt::Display + Send + Sync + 'static) -> CliError {
        self.error = self.error.context(what);
        self
    }

    /// A file that does not say what it must. `doing` reads on from "failed to ".
    pub fn complaints(doing: &str, complaints: &Complaints) -> CliError {
        let count = complaints.0.iter().filter(|one| one.is_error()).count();
        let s = if count == 1 { "" } else { "s" };
        CliError {
            details: rendered(&complaints.0),
            ..CliError::usage(format!("{doing}: {count} error{s} in it, see above"))
        }
    }

    /// The exit code.
    pub fn code(&self) -> u8 {
        self.kind.code()
    }
}

/// Complaints, one below the other.
pub fn rendered(complaints: &[Complaint]) -> String {
    complaints.iter().map(|one| format!("{one}\n\n")).collect()
}

impl fmt::Display for CliError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.details)?;
        writeln!(f, "error: failed to {}", chain(&*self.error))?;
        match &self.hint {
            Some(hint) => writeln!(f, "hint: {hint}"),
            None => Ok(()),
        }
    }
}

/// An error with its causes, each said once.
pub fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(next) = cause {
        let words = next.to_string();
        if !text.ends_with(&words) {
            text.push_str(": ");
            text.push_str(&words);
        }
        cause = next.source();
    }
    text
}

impl From<StateError> for CliError {
    fn from(error: StateError) -> CliError {
        match &error {
            StateError::NoHome | StateError::Distrusted { .. } | StateError::UnknownRun { .. } => {
                CliError::new(Kind::Usage, error)
            }
            StateError::NoFreeId { .. } => CliError::new(Kind::Internal, error),
            StateError::Files(_) => CliError::new(Kind::Internal, error)
                .hint("nothing was started; choose another folder with --state-dir"),
        }
    }
}

impl From<FileTrouble> for CliError {
    fn from(error: FileTrouble) -> CliError {
        CliError::new(Kind::Internal, error)
    }
}

impl From<LockError> for CliError {
    fn from(error: LockError) -> CliError {
        match &error {
            LockError::Locked { .. } => CliError::new(Kind::Locked, error),
            LockError::Files(_) => CliError::new(Kind::Internal, error),
        }
    }
}

impl From<JournalFault> for CliError {
    fn from(error: JournalFault) -> CliError {
        match &error {
            JournalFault::Unreadable { .. } | JournalFault::Damaged { .. } => {
                CliError::new(Kind::Usage, error)
            }
        }
    }
}

impl From<JournalError> for CliError {
    fn from(error: JournalError) -> CliError {
        match error {
            JournalError::Fault(fault) => CliError::from(fault).context("continue the run"),
            JournalError::Payload { .. }
            | JournalError::Stopped { .. }
            | JournalError::Poisoned { .. }
            | JournalError::Files(_) => CliError::new(Kind::Internal, error),
        }
    }
}

/// The exit code of a session that ended, or why it could not go on.
pub fn of_session(session: Session, run: Option<&str>) -> Result<u8, CliError> {
    match session.how {
        Ok(How::Over(exit)) => Ok(exit.code()),
        Ok(How::Signalled(signal)) => Ok(signal.code()),
        Ok(How::Detached) => Ok(unanswered(session.state).code()),
        Err(error) => {
            let hint = run.map_or("nothing was sent after that".to_string(), |run| {
                format!(
                    "nothing was sent after that, and running jobs go on; put it right, then `holdpoint resume {run}`"
                )
            });
            Err(CliError::new(Kind::Internal, error).hint(hint))
        }
    }
}

/// The exit of a session that nobody answers any more: what is asked needs a human, unless it is what went wrong.
fn unanswered(mut state: RunState) -> Exit {
    state.left = None;
    let first = hold::holds(&state).into_iter().next();
    match first.map(|hold| hold.kind) {
        Some(HoldKind::Failure | HoldKind::Doubt | HoldKind::HostKey) => {
            match summary::exit_now(&state) {
                Exit::Stopped => Exit::NeedsHuman,
                worse => worse,
            }
        }
        Some(
            HoldKind::Gate
            | HoldKind::Manual
            | HoldKind::Attest
            | HoldKind::Decide
            | HoldKind::Prompt
            | HoldKind::Secret,
        ) => Exit::NeedsHuman,
        None => Exit::Stopped,
    }
}
