//! A stream that can be ended from outside at once.
//!
//! Dropping the library's handle does not end a connection that is stuck in a write. A stream whose every poll
//! fails does.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::route::Wire;

/// So many first bytes of what the server sends are kept: enough for a greeting, or for what it says instead.
const OPENING: usize = 1024;

/// Ends the stream that it was made with.
#[derive(Clone, Default)]
pub(super) struct KillSwitch {
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    killed: bool,
    opening: Vec<u8>,
    reader: Option<Waker>,
    writer: Option<Waker>,
}

impl KillSwitch {
    /// Makes every poll of the stream fail from now on, and wakes who waits in one.
    pub(super) fn kill(&self) {
        let mut state = self.state();
        state.killed = true;
        let waiting = [state.reader.take(), state.writer.take()];
        drop(state);
        waiting.into_iter().flatten().for_each(Waker::wake);
    }

    /// The first bytes that the server sent. The library drops them when it finds no greeting.
    pub(super) fn opening(&self) -> Vec<u8> {
        self.state().opening.clone()
    }

    fn note(&self, bytes: &[u8]) {
        let mut state = self.state();
        let room = OPENING.saturating_sub(state.opening.len());
        state
            .opening
            .extend_from_slice(&bytes[..bytes.len().min(room)]);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn check_read(&self, cx: &Context<'_>) -> io::Result<()> {
        let mut state = self.state();
        state.reader = Some(cx.waker().clone());
        ended_if(state.killed)
    }

    fn check_write(&self, cx: &Context<'_>) -> io::Result<()> {
        let mut state = self.state();
        state.writer = Some(cx.waker().clone());
        ended_if(state.killed)
    }
}

fn ended_if(killed: bool) -> io::Result<()> {
    if killed {
        return Err(io::ErrorKind::ConnectionAborted.into());
    }
    Ok(())
}

/// A stream behind its switch.
pub(super) struct Switched {
    stream: Box<dyn Wire>,
    switch: KillSwitch,
    greeted: bool,
}

impl Switched {
    pub(super) fn new(stream: Box<dyn Wire>, switch: KillSwitch) -> Self {
        Self {
            stream,
            switch,
            greeted: false,
        }
    }
}

/// Whether the first bytes of a server hold its SSH greeting, after lines of other text if it likes (RFC 4253, 4.2).
pub(super) fn greeting_in(opening: &[u8]) -> bool {
    opening
        .split(|byte| *byte == b'\n')
        .any(|line| line.starts_with(b"SSH-"))
}

impl AsyncRead for Switched {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.switch.check_read(cx)?;
        let before = buffer.filled().len();
        let polled = Pin::new(&mut self.stream).poll_read(cx, buffer);
        if !self.greeted {
            let new = &buffer.filled()[before..];
            self.switch.note(new);
            self.greeted = greeting_in(&self.switch.opening());
        }
        polled
    }
}

impl AsyncWrite for Switched {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.switch.check_write(cx)?;
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.switch.check_write(cx)?;
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.switch.check_write(cx)?;
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
