//! The bytes on their way: over SFTP, or through the shell where SFTP cannot be had or is somebody else's.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;

use super::local::LocalFile;
use super::remote::{BLOCK, Remote, Trouble};
use crate::model::telemetry::Stream;
use crate::transport::Order;
use crate::transport::nodes::tell::{Teller, words};
use crate::transport::ssh::{SftpFailure, SftpFile};

/// What goes through the shell at once: between two of these a server that allows one channel lets others in.
const LOAD: u64 = 256 * BLOCK;
/// For one of them.
const LOAD_TIME: Duration = Duration::from_secs(900);

/// Tells how far it is, at each tenth of the file.
pub(super) struct Progress {
    order: Order,
    teller: Teller,
    size: u64,
    tenths: u64,
}

impl Progress {
    /// From byte `from` of a file of `size` bytes.
    pub(super) fn new(order: &Order, teller: &Teller, from: u64, size: u64) -> Progress {
        Progress {
            order: order.clone(),
            teller: teller.clone(),
            size,
            tenths: from * 10 / size.max(1),
        }
    }

    async fn reached(&mut self, gone: u64) {
        let tenths = gone * 10 / self.size.max(1);
        if tenths > self.tenths {
            self.tenths = tenths;
            let line = format!("{tenths}0 %, {gone} of {} bytes", self.size);
            self.teller
                .lines(&self.order, Stream::Out, vec![line])
                .await;
        }
    }
}

/// Sends `file` from byte `from` on.
pub(super) async fn send(
    remote: &Remote,
    file: &Arc<LocalFile>,
    from: u64,
    mut progress: Progress,
) -> Result<(), Trouble> {
    if remote.session.has_own_files() {
        match remote.session.write_file(&remote.part, from).await {
            Ok(open) => return over_sftp(open, file, from, progress).await,
            Err(SftpFailure::Link(lost)) => return Err(lost.into()),
            // It may not have it, or show another part of the disk: the shell has the last word.
            Err(SftpFailure::None(_) | SftpFailure::Refused(_)) => {}
        }
    }
    let mut from = from;
    loop {
        let until = file.size.min(from + LOAD);
        through_the_shell(remote, file, from, until).await?;
        from = until;
        progress.reached(from).await;
        if from == file.size {
            return Ok(());
        }
    }
}

async fn over_sftp(
    mut open: SftpFile,
    file: &Arc<LocalFile>,
    from: u64,
    mut progress: Progress,
) -> Result<(), Trouble> {
    let mut pieces = file.pieces(from, file.size);
    let mut gone = from;
    while let Some(piece) = pieces.recv().await {
        let piece = piece.map_err(Trouble::Refused)?;
        open.write(&piece).await.map_err(trouble)?;
        gone += piece.len() as u64;
        progress.reached(gone).await;
    }
    open.finish().await.map_err(trouble)
}

fn trouble(failure: SftpFailure) -> Trouble {
    match failure {
        SftpFailure::Link(lost) => lost.into(),
        SftpFailure::None(_) | SftpFailure::Refused(_) => Trouble::Write(words(&failure)),
    }
}

async fn through_the_shell(
    remote: &Remote,
    file: &Arc<LocalFile>,
    from: u64,
    until: u64,
) -> Result<(), Trouble> {
    let (sender, taken) = mpsc::channel(1);
    let mut pieces = file.pieces(from, until);
    let feeding = async move {
        while let Some(piece) = pieces.recv().await {
            let piece = piece.map_err(Trouble::Refused)?;
            if sender.send(piece).await.is_err() {
                break;
            }
        }
        Ok(())
    };
    let receiving = remote.receive(from, taken, LOAD_TIME);
    let (fed, received) = tokio::join!(feeding, receiving);
    fed.and(received)
}
