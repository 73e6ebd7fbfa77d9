//! Lines from standard input, and passwords that are not echoed.

use std::io::BufRead as _;

use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};

/// Reads standard input line by line on a thread of its own and hands each line on; `None` at its end.
///
/// The thread is not waited for: it may sit in a read until the process ends.
pub fn read_lines(hand_on: impl Fn(Option<String>) -> bool + Send + 'static) {
    std::thread::spawn(move || {
        let mut input = std::io::stdin().lock();
        loop {
            let mut bytes = Vec::new();
            match input.read_until(b'\n', &mut bytes) {
                Ok(0) | Err(_) => break,
                Ok(_) => {
                    let text = String::from_utf8_lossy(&bytes);
                    if !hand_on(Some(text.trim_end_matches(['\n', '\r']).to_string())) {
                        return;
                    }
                }
            }
        }
        hand_on(None);
    });
}

/// Keeps the terminal from showing what is typed until it is dropped.
pub struct NoEcho {
    before: Option<Termios>,
}

impl NoEcho {
    /// Switches the echo off, if standard input is a terminal.
    pub fn on_terminal() -> NoEcho {
        let before = tcgetattr(rustix::stdio::stdin()).ok();
        if let Some(before) = &before {
            let mut quiet = before.clone();
            quiet.local_modes.remove(LocalModes::ECHO);
            quiet.local_modes.insert(LocalModes::ECHONL);
            // Without it the secret shows on the operator's own screen, and nowhere else.
            let _ = tcsetattr(rustix::stdio::stdin(), OptionalActions::Now, &quiet);
        }
        NoEcho { before }
    }
}

impl Drop for NoEcho {
    fn drop(&mut self) {
        if let Some(before) = &self.before {
            let _ = tcsetattr(rustix::stdio::stdin(), OptionalActions::Now, before);
        }
    }
}
