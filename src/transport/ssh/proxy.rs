//! A ProxyCommand: a child process whose standard input and output are the connection.
//!
//! It gets a process group of its own, so that Ctrl-C at our terminal does not cut the connection, and ends with it.
//! It must not talk to the terminal: what it complains of is kept for the error.

use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::AsyncReadExt as _;
use tokio::process::{Child, ChildStderr, Command};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::collect::Collected;
use super::failure::{ConnectFailure, Stage};
use super::route::{ProxyCommand, Wire};

/// So much (bytes) of its complaints is kept.
const SAID: usize = 4096;
/// A command that gave up has closed the connection first and ends right after.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// The running command. Dropping it ends it.
pub(super) struct ProxyChild {
    child: Child,
    command: String,
    said: Arc<Mutex<Collected>>,
    listening: JoinHandle<()>,
}

impl ProxyChild {
    /// Starts the command as ssh(1) does: by the operator's shell, which it replaces.
    pub(super) fn start(proxy: &ProxyCommand) -> Result<(Box<dyn Wire>, Self), ConnectFailure> {
        let failed = |why: String| ConnectFailure::ProxyCommand {
            command: proxy.command.clone(),
            why,
            hopeless: true,
        };
        let mut command = Command::new(&proxy.shell);
        ask_nobody(&mut command);
        let mut child = command
            .arg("-c")
            .arg(format!("exec {}", proxy.command))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| failed(format!("{}: {error}", proxy.shell.display())))?;
        let (Some(input), Some(output), Some(errors)) =
            (child.stdin.take(), child.stdout.take(), child.stderr.take())
        else {
            return Err(failed("it has no standard streams".into()));
        };
        let said = Arc::new(Mutex::new(Collected::keeping(SAID)));
        let listening = tokio::spawn(listen(errors, Arc::clone(&said)));
        let stream = Box::new(tokio::io::join(output, input));
        let command = proxy.command.clone();
        Ok((
            stream,
            Self {
                child,
                command,
                said,
                listening,
            },
        ))
    }

    /// What a failed handshake means when this command carried it.
    pub(super) async fn explain(mut self, failure: ConnectFailure) -> ConnectFailure {
        let by_it = matches!(
            failure,
            ConnectFailure::ClosedBeforeGreeting { .. }
                | ConnectFailure::Lost {
                    stage: Stage::Handshake,
                    ..
                }
                | ConnectFailure::TimedOut {
                    stage: Stage::Handshake,
                    ..
                }
        );
        if !by_it {
            return failure;
        }
        let wait = match failure {
            ConnectFailure::TimedOut { .. } => Duration::ZERO,
            _ => LAST_WORDS,
        };
        let status = timeout(wait, self.child.wait()).await;
        let status = status.ok().and_then(Result::ok);
        let ended = match status {
            Some(status) => format!("it ended with {status}"),
            None => failure.to_string(),
        };
        if status.is_some() {
            // Its last words may still stand in the pipe; something that it started may hold the pipe open for ever.
            let _ = timeout(LAST_WORDS, &mut self.listening).await;
        }
        let said = self.said();
        let why = if said.is_empty() {
            ended
        } else {
            format!("{ended}, and said {said:?}")
        };
        ConnectFailure::ProxyCommand {
            command: self.command.clone(),
            why,
            // What sh(1) answers for a command that is not there or cannot be run.
            hopeless: status.is_some_and(|status| matches!(status.code(), Some(126 | 127))),
        }
    }

    fn said(&self) -> String {
        let said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        String::from_utf8_lossy(said.last()).trim().to_owned()
    }
}

impl Drop for ProxyChild {
    fn drop(&mut self) {
        // Without a number it has ended and was waited for: the number may be somebody else's by now.
        let pid = self.child.id().and_then(|pid| i32::try_from(pid).ok());
        if let Some(group) = pid.and_then(Pid::from_raw) {
            // Whatever it started; itself is killed by its own drop.
            let _ = kill_process_group(group, Signal::HUP);
        }
    }
}

/// An ssh in the command would ask on our terminal, where it is stopped because it stands in the background, and nobody would
/// see why. So it asks by the program of the operator's desktop, or nobody: then it says what it misses, and ends.
fn ask_nobody(command: &mut Command) {
    command.env("SSH_ASKPASS_REQUIRE", "force");
    if std::env::var_os("SSH_ASKPASS").is_none() {
        command.env("SSH_ASKPASS", "false");
    }
}

async fn listen(mut errors: ChildStderr, said: Arc<Mutex<Collected>>) {
    let mut buffer = [0; 1024];
    while let Ok(count @ 1..) = errors.read(&mut buffer).await {
        let mut said = said.lock().unwrap_or_else(PoisonError::into_inner);
        said.add(&buffer[..count]);
    }
}
