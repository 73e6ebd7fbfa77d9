//! A channel through a jump host as a stream.
//!
//! The connection to the jump host is shared, and one channel that nobody reads would hold up all of them. So a task
//! of its own takes whatever comes for a channel at once; who falls too far behind loses its connection, not the others.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};

use russh::{ChannelMsg, ChannelOpenFailure, ChannelReadHalf, ChannelWriteHalf, client::Msg};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::time::timeout;

use super::connection::Session;
use super::endpoint::Endpoint;
use super::failure::{ConnectFailure, Stage};
use super::route::Jump;

/// So much (bytes) may wait for its reader: twice what a server may have under way at once.
const BACKLOG: usize = 8 << 20;

/// Opens a channel through `session` to `endpoint`, within the endpoint's limit.
pub(super) async fn open(
    session: &Session,
    jump: &Jump,
    endpoint: &Endpoint,
) -> Result<Tunnel, ConnectFailure> {
    let limit = endpoint.connect_timeout;
    let (host, port) = (endpoint.host.clone(), u32::from(endpoint.port));
    let handle = &session.link.handle;
    let opening = handle.channel_open_direct_tcpip(host, port, "127.0.0.1", 0);
    match timeout(limit, opening).await {
        Ok(Ok(channel)) => {
            let (reading, writing) = channel.split();
            Ok(Tunnel::new(reading, writing))
        }
        Ok(Err(russh::Error::ChannelOpenFailure(why))) => Err(refused(jump, endpoint, &why)),
        Ok(Err(error)) => Err(ConnectFailure::Lost {
            stage: Stage::Tcp,
            why: format!("the jump host {}: {error}", jump.name()),
        }),
        Err(_) => Err(ConnectFailure::TimedOut {
            stage: Stage::Tcp,
            limit,
        }),
    }
}

fn refused(jump: &Jump, endpoint: &Endpoint, why: &ChannelOpenFailure) -> ConnectFailure {
    let address = format!("{}:{}", endpoint.host, endpoint.port);
    let jump = jump.name();
    let unreachable = |why: &str| ConnectFailure::Unreachable {
        address: address.clone(),
        why: format!("the jump host {jump} {why}"),
    };
    match why {
        ChannelOpenFailure::ConnectFailed => unreachable("cannot connect to it"),
        ChannelOpenFailure::ResourceShortage => unreachable("has no room for another channel"),
        ChannelOpenFailure::AdministrativelyProhibited | ChannelOpenFailure::UnknownChannelType => {
            ConnectFailure::JumpForbids { jump, address }
        }
        ChannelOpenFailure::Other { reason, .. } => unreachable(&format!("says {reason:?}")),
    }
}

/// One channel, readable and writable.
pub(super) struct Tunnel {
    arrived: UnboundedReceiver<Vec<u8>>,
    /// What was taken from the channel and not read to its end.
    left: Vec<u8>,
    at: usize,
    waiting: Arc<AtomicUsize>,
    writer: Pin<Box<dyn AsyncWrite + Send>>,
}

impl Tunnel {
    fn new(reading: ChannelReadHalf, writing: ChannelWriteHalf<Msg>) -> Self {
        let (sender, arrived) = unbounded_channel();
        let waiting = Arc::new(AtomicUsize::new(0));
        let writer = Box::pin(writing.make_writer());
        tokio::spawn(drain(reading, writing, sender, Arc::clone(&waiting)));
        Self {
            arrived,
            left: Vec::new(),
            at: 0,
            waiting,
            writer,
        }
    }
}

/// Takes what comes for the channel until it ends or nobody wants it any more, then closes it.
async fn drain(
    mut reading: ChannelReadHalf,
    writing: ChannelWriteHalf<Msg>,
    sender: UnboundedSender<Vec<u8>>,
    waiting: Arc<AtomicUsize>,
) {
    loop {
        let message = tokio::select! {
            message = reading.wait() => message,
            () = sender.closed() => None,
        };
        match message {
            Some(ChannelMsg::Data { data }) => {
                let before = waiting.fetch_add(data.len(), Ordering::Relaxed);
                if before + data.len() > BACKLOG || sender.send(data.to_vec()).is_err() {
                    break;
                }
            }
            Some(ChannelMsg::Eof | ChannelMsg::Close) | None => break,
            Some(_) => {}
        }
    }
    drop(sender);
    // The connection may be gone, and the channel with it.
    let _ = writing.close().await;
}

impl AsyncRead for Tunnel {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        while self.at == self.left.len() {
            let Some(more) = ready!(self.arrived.poll_recv(cx)) else {
                return Poll::Ready(Ok(()));
            };
            self.waiting.fetch_sub(more.len(), Ordering::Relaxed);
            (self.left, self.at) = (more, 0);
        }
        let end = self.left.len().min(self.at + buffer.remaining());
        buffer.put_slice(&self.left[self.at..end]);
        self.at = end;
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Tunnel {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.writer.as_mut().poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.writer.as_mut().poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.writer.as_mut().poll_shutdown(cx)
    }
}
