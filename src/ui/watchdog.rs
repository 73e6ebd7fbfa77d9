//! Notices that the terminal has gone away.
//!
//! When a terminal hangs up, crossterm 0.29 reads end-of-file for ever at full CPU and reports nothing
//! (crossterm-rs/crossterm#793). A thread waits for the hang-up, puts a silent pipe over standard
//! input so that the reading loop comes to rest, and tells.

use std::io;
use std::os::fd::OwnedFd;
use std::sync::Mutex;
use std::thread::{self, JoinHandle};

use rustix::event::{PollFd, PollFlags, poll};
use rustix::pipe::{PipeFlags, pipe_with};
use rustix::stdio::{dup2_stdin, stdin};

/// The write end of the pipe that lies over standard input after a hang-up: while it is open, reading finds
/// nothing instead of end-of-file.
static SILENCE: Mutex<Option<OwnedFd>> = Mutex::new(None);

/// Watches standard input until dropped.
pub(super) struct Watchdog {
    /// Closing it ends the thread.
    stop: Option<OwnedFd>,
    thread: Option<JoinHandle<()>>,
}

impl Watchdog {
    /// Starts to watch; `gone` is called at most once, on the watching thread.
    pub(super) fn start(gone: Box<dyn FnOnce() + Send>) -> io::Result<Self> {
        let (stopped, stop) = pipe_with(PipeFlags::CLOEXEC)?;
        let thread = thread::Builder::new()
            .name("terminal-watchdog".to_owned())
            .spawn(move || {
                if wait_for_hang_up(&stopped) {
                    super::term::abandon();
                    // Without the pipe the screen thread would spin, but the run still ends: tell anyway.
                    let _ = silence_stdin();
                    gone();
                }
            })?;
        Ok(Self {
            stop: Some(stop),
            thread: Some(thread),
        })
    }
}

impl Drop for Watchdog {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // A panic there has been told by the panic hook already.
            let _ = thread.join();
        }
    }
}

/// True on hang-up, false when asked to stop. Waits without a time limit and without waking up.
fn wait_for_hang_up(stopped: &OwnedFd) -> bool {
    loop {
        // No events are asked for: hang-up and error are always told.
        let mut fds = [
            PollFd::from_borrowed_fd(stdin(), PollFlags::empty()),
            PollFd::new(stopped, PollFlags::empty()),
        ];
        match poll(&mut fds, None) {
            Ok(_) if !fds[1].revents().is_empty() => return false,
            Ok(_)
                if fds[0]
                    .revents()
                    .intersects(PollFlags::HUP | PollFlags::ERR | PollFlags::NVAL) =>
            {
                return true;
            }
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(_) => return false,
        }
    }
}

fn silence_stdin() -> io::Result<()> {
    let (read, write) = pipe_with(PipeFlags::CLOEXEC | PipeFlags::NONBLOCK)?;
    dup2_stdin(&read)?;
    *SILENCE
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner) = Some(write);
    Ok(())
}
