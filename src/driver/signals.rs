//! Being told by the system to end.

use std::io;

use tokio::signal::unix::{self, SignalKind};

/// A signal that ends a session. Running jobs go on without us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    Interrupt,
    Terminate,
    HangUp,
}

impl Signal {
    /// The exit code: 128 and the signal's number, as shells count.
    pub fn code(self) -> u8 {
        match self {
            Signal::Interrupt => 130,
            Signal::Terminate => 143,
            Signal::HangUp => 129,
        }
    }

    /// Its name, for people.
    pub fn name(self) -> &'static str {
        match self {
            Signal::Interrupt => "SIGINT",
            Signal::Terminate => "SIGTERM",
            Signal::HangUp => "SIGHUP",
        }
    }
}

/// Listens for the signals that end a session.
pub struct Signals {
    streams: Option<[unix::Signal; 3]>,
}

impl Signals {
    /// Takes the three signals over from the system, for the rest of the process.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn listen() -> io::Result<Signals> {
        Ok(Signals {
            streams: Some([
                unix::signal(SignalKind::interrupt())?,
                unix::signal(SignalKind::terminate())?,
                unix::signal(SignalKind::hangup())?,
            ]),
        })
    }

    /// Hears nothing.
    pub fn none() -> Signals {
        Signals { streams: None }
    }

    /// The next signal.
    pub(super) async fn next(&mut self) -> Signal {
        let Some([interrupt, terminate, hang_up]) = &mut self.streams else {
            return std::future::pending().await;
        };
        tokio::select! {
            Some(()) = interrupt.recv() => Signal::Interrupt,
            Some(()) = terminate.recv() => Signal::Terminate,
            Some(()) = hang_up.recv() => Signal::HangUp,
            else => std::future::pending().await,
        }
    }
}
