//! Writes one file over the SFTP subsystem, with many writes under way.
//!
//! The library sends up to [`IN_FLIGHT`] writes of 32 KiB before it waits for the first acknowledgement, so the way to the
//! node is full and memory stays bounded. Its own limit for an answer must be long: it counts from the moment of queueing.

use std::io::SeekFrom;
use std::time::Duration;

use russh::client::Msg;
use russh::{Channel, ChannelMsg};
use russh_sftp::client::fs::File;
use russh_sftp::client::{Config, SftpSession};
use russh_sftp::protocol::OpenFlags;
use tokio::io::{AsyncSeekExt as _, AsyncWriteExt as _};
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::timeout;

use super::become_user::Way;
use super::connection::Session;
use super::exec::ReadFailure;

/// Writes under way at once: 2 MiB, as much as the channel's window.
const IN_FLIGHT: usize = 64;
/// For one answer (seconds). A slow line takes its time; a lost one is noticed by the connection itself.
const ANSWER: u64 = 300;
/// For the subsystem to begin.
const BEGIN: Duration = Duration::from_secs(20);

/// Why a file was not written.
#[derive(Debug, Clone, thiserror::Error)]
pub(crate) enum SftpFailure {
    /// The server has no such subsystem, or it does not speak.
    #[error("the server has no SFTP: {0}")]
    None(String),
    /// It refused a request on the file.
    #[error("SFTP: {0}")]
    Refused(String),
    /// The connection.
    #[error(transparent)]
    Link(#[from] ReadFailure),
}

/// One file on the node, being written.
pub(crate) struct SftpFile {
    file: File,
    session: Session,
    /// The subsystem lives as long as the file.
    _sftp: SftpSession,
    _permit: OwnedSemaphorePermit,
}

impl Session {
    /// Whether SFTP would write as the user that scripts run as, and leave a channel to others meanwhile.
    pub(crate) fn has_own_files(&self) -> bool {
        matches!(self.way(), Way::Ourselves) && !self.is_narrow()
    }

    /// Opens the file at `path` to write from byte `from` on. From byte 0 on, what it held is thrown away.
    pub(crate) async fn write_file(&self, path: &str, from: u64) -> Result<SftpFile, SftpFailure> {
        let (permit, mut channel) = self.open().await?;
        let none = |why: String| SftpFailure::None(why);
        let begin = async {
            let asked = channel.request_subsystem(true, "sftp").await;
            asked.map_err(|error| none(error.to_string()))?;
            granted(&mut channel).await?;
            let config = Config {
                max_concurrent_writes: IN_FLIGHT,
                request_timeout_secs: ANSWER,
                ..Config::default()
            };
            let sftp = SftpSession::new_with_config(channel.into_stream(), config).await;
            sftp.map_err(|error| none(error.to_string()))
        };
        let begun = self.unless_lost(timeout(BEGIN, begin)).await?;
        let sftp = begun.unwrap_or_else(|_| Err(none("it does not answer".into())))?;
        let mut flags = OpenFlags::WRITE | OpenFlags::CREATE;
        if from == 0 {
            flags |= OpenFlags::TRUNCATE;
        }
        let opened = self.unless_lost(sftp.open_with_flags(path, flags)).await?;
        let mut file = opened.map_err(|error| SftpFailure::Refused(error.to_string()))?;
        let sought = self.unless_lost(file.seek(SeekFrom::Start(from))).await?;
        sought.map_err(|error| SftpFailure::Refused(error.to_string()))?;
        Ok(SftpFile {
            file,
            session: self.clone(),
            _sftp: sftp,
            _permit: permit,
        })
    }

    /// What is under way is not told of a lost connection, so it never stands alone.
    async fn unless_lost<T>(&self, doing: impl Future<Output = T>) -> Result<T, ReadFailure> {
        tokio::select! {
            done = doing => Ok(done),
            why = self.closed() => Err(ReadFailure::LinkLost { why }),
        }
    }
}

/// The library does not wait for the server's word on a subsystem, and its stream does not tell a no.
async fn granted(channel: &mut Channel<Msg>) -> Result<(), SftpFailure> {
    loop {
        match channel.wait().await {
            Some(ChannelMsg::Success) => return Ok(()),
            Some(ChannelMsg::Failure | ChannelMsg::Close) | None => {
                return Err(SftpFailure::None("the subsystem was denied".into()));
            }
            // Room for our data, for one; the library's list is open.
            Some(_) => {}
        }
    }
}

impl SftpFile {
    /// Writes the next bytes; they may still be under way when this is done.
    pub(crate) async fn write(&mut self, bytes: &[u8]) -> Result<(), SftpFailure> {
        let session = self.session.clone();
        let written = session.unless_lost(self.file.write_all(bytes)).await?;
        written.map_err(|error| self.refused(&error))
    }

    /// Waits until the node has taken all of it.
    pub(crate) async fn finish(mut self) -> Result<(), SftpFailure> {
        let session = self.session.clone();
        let flushed = session.unless_lost(self.file.flush()).await?;
        flushed.map_err(|error| self.refused(&error))?;
        let closed = session.unless_lost(self.file.shutdown()).await?;
        closed.map_err(|error| self.refused(&error))
    }

    fn refused(&self, error: &std::io::Error) -> SftpFailure {
        match self.session.lost() {
            Some(why) => ReadFailure::LinkLost { why }.into(),
            None => SftpFailure::Refused(error.to_string()),
        }
    }
}
