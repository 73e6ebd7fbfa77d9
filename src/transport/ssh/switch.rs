//! A stream that can be ended from outside at once.
//!
//! Dropping the library's handle does not end a connection that is stuck in a write. A stream whose every poll
//! fails does.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

/// Ends the stream that it was made with.
#[derive(Clone, Default)]
pub(super) struct KillSwitch {
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    killed: bool,
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

/// The TCP stream behind its switch.
pub(super) struct Switched {
    tcp: TcpStream,
    switch: KillSwitch,
}

impl Switched {
    pub(super) fn new(tcp: TcpStream, switch: KillSwitch) -> Self {
        Self { tcp, switch }
    }
}

impl AsyncRead for Switched {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.switch.check_read(cx)?;
        Pin::new(&mut self.tcp).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Switched {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.switch.check_write(cx)?;
        Pin::new(&mut self.tcp).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.switch.check_write(cx)?;
        Pin::new(&mut self.tcp).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.switch.check_write(cx)?;
        Pin::new(&mut self.tcp).poll_shutdown(cx)
    }
}
