//! One attempt to put the file on its node, over one session.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout};

use super::local::{LocalFile, LocalFiles};
use super::remote::{BLOCK, Remote, There, Trouble};
use super::sending::{Progress, send};
use crate::model::procedure::UploadSpec;
use crate::model::reply::JobReport;
use crate::model::telemetry::Stream;
use crate::transport::Order;
use crate::transport::job::JobFailure;
use crate::transport::nodes::lock;
use crate::transport::nodes::tell::{Teller, words};
use crate::transport::ssh::Session;

/// What must stay free beside the file (bytes): a job's folder and a log still want to be written.
const SPARE: u64 = 1 << 20;
/// What has arrived is taken away in this time or not at all.
const CLEAR_LIMIT: Duration = Duration::from_secs(10);

/// What one upload is about.
pub(super) struct Carrier {
    pub(super) order: Order,
    pub(super) spec: UploadSpec,
    pub(super) teller: Teller,
    pub(super) files: LocalFiles,
    pub(super) turns: Arc<Semaphore>,
}

/// What came of an attempt. The texts are one line each.
pub(super) enum Outcome {
    /// The file is there, whole.
    There(String),
    /// It is not, and what had arrived is gone.
    Failed(String),
    /// Nothing was written.
    NotBegun(String),
    /// Not known: go on over the next session.
    Lost(String),
}

impl Carrier {
    pub(super) async fn carry(&self, session: &Session) -> Outcome {
        match lock::pass(session, &self.order, &self.teller).await {
            Ok(true) => {}
            Ok(false) => return Outcome::NotBegun(lock::FENCED.into()),
            Err(failure @ JobFailure::NoAnswer(_)) => return Outcome::Lost(words(&failure)),
            Err(failure @ (JobFailure::NotSent(_) | JobFailure::Refused { .. })) => {
                return Outcome::NotBegun(words(&failure));
            }
        }
        let file = match self.measured().await {
            Ok(file) => file,
            Err(why) => return Outcome::NotBegun(why),
        };
        let remote = Remote::new(session, &self.spec.to, &file.sha256);
        let there = match remote.look().await {
            Ok(there) => there,
            Err(Trouble::Link(why)) => return Outcome::Lost(why),
            Err(Trouble::Refused(why) | Trouble::Write(why)) => return Outcome::NotBegun(why),
        };
        self.accepted().await;
        let carried = match self.already(&remote, &file, &there).await {
            Ok(Some(said)) => Ok(said),
            Ok(None) => {
                if let Some(why) = self.too_little_room(&file, &there) {
                    return Outcome::NotBegun(why);
                }
                self.send_rest(&remote, &file, &there).await
            }
            Err(trouble) => Err(trouble),
        };
        match carried {
            Ok(said) => Outcome::There(said),
            Err(Trouble::Link(why)) => Outcome::Lost(why),
            Err(Trouble::Refused(why)) => self.failed(&remote, why).await,
            Err(Trouble::Write(why)) => {
                let why = self.why_not_written(&remote, &file, why).await;
                self.failed(&remote, why).await
            }
        }
    }

    /// Whether the file is there; sends nothing.
    pub(super) async fn look_after(&self, session: &Session) -> Outcome {
        let file = match self.measured().await {
            Ok(file) => file,
            Err(why) => return Outcome::NotBegun(why),
        };
        let remote = Remote::new(session, &self.spec.to, &file.sha256);
        let looked = async {
            let there = remote.look().await?;
            let said = self.already(&remote, &file, &there).await?;
            Ok((there, said))
        };
        match looked.await {
            Ok((_, Some(said))) => Outcome::There(said),
            Ok((there, None)) => Outcome::NotBegun(format!(
                "the upload was interrupted: {} of {} bytes have arrived; started again it goes on from there",
                there.part.unwrap_or(0),
                file.size
            )),
            Err(Trouble::Link(why)) => Outcome::Lost(why),
            Err(Trouble::Refused(why) | Trouble::Write(why)) => Outcome::NotBegun(why),
        }
    }

    /// The local file, if it is the one that is meant.
    async fn measured(&self) -> Result<Arc<LocalFile>, String> {
        let file = self.files.get(Path::new(&self.spec.from)).await?;
        match &self.spec.sha256 {
            Some(wanted) if !wanted.trim().eq_ignore_ascii_case(&file.sha256) => Err(format!(
                "{} has SHA-256 {}, and {} is wanted; get the file again",
                self.spec.from,
                file.sha256,
                wanted.trim()
            )),
            Some(_) | None => Ok(file),
        }
    }

    /// What to say if the node has the file already.
    async fn already(
        &self,
        remote: &Remote,
        file: &LocalFile,
        there: &There,
    ) -> Result<Option<String>, Trouble> {
        let same = there.size == Some(file.size)
            && remote.digest(&remote.to, file.size, None).await? == file.sha256;
        if !same {
            return Ok(None);
        }
        if let Some(mode) = self.spec.mode {
            remote.set_mode(mode).await?;
        }
        let to = &self.spec.to;
        Ok(Some(format!(
            "{to} is there already, SHA-256 {}",
            file.sha256
        )))
    }

    fn too_little_room(&self, file: &LocalFile, there: &There) -> Option<String> {
        let wanted = file.size.saturating_sub(there.part.unwrap_or(0)) + SPARE;
        (there.free < wanted).then(|| {
            format!(
                "the disk of {} has {} bytes free, and {wanted} are wanted; make room on {}",
                self.spec.to, there.free, self.order.node
            )
        })
    }

    /// Sends what is missing, compares, and gives it its name.
    async fn send_rest(
        &self,
        remote: &Remote,
        file: &Arc<LocalFile>,
        there: &There,
    ) -> Result<String, Trouble> {
        let turn = self.turns.acquire().await;
        let began = Instant::now();
        let from = self.right_so_far(remote, file, there).await?;
        if from > 0 {
            let line = format!("{from} of {} bytes are there and right", file.size);
            self.say(Stream::Out, line).await;
        }
        let progress = Progress::new(&self.order, &self.teller, from, file.size);
        send(remote, file, from, progress).await?;
        drop(turn);
        let arrived = remote.digest(&remote.part, file.size, None).await?;
        if arrived != file.sha256 {
            return Err(Trouble::Refused(format!(
                "what arrived has SHA-256 {arrived}, and {} was sent; it was taken away again",
                file.sha256
            )));
        }
        remote.finish(self.spec.mode).await?;
        Ok(format!(
            "{} bytes sent in {:.1} s, SHA-256 {} on both ends",
            file.size - from,
            began.elapsed().as_secs_f64(),
            file.sha256
        ))
    }

    /// How many of the bytes that have arrived before are the file's.
    async fn right_so_far(
        &self,
        remote: &Remote,
        file: &Arc<LocalFile>,
        there: &There,
    ) -> Result<u64, Trouble> {
        let part = there.part.unwrap_or(0);
        let blocks = part / BLOCK * BLOCK;
        if blocks == 0 || part > file.size {
            return Ok(0);
        }
        let ours = file
            .digest_of_first(blocks)
            .await
            .map_err(Trouble::Refused)?;
        let theirs = remote.digest(&remote.part, part, Some(blocks)).await?;
        Ok(if ours == theirs { blocks } else { 0 })
    }

    /// The server says little about a failed write; the free space says more.
    async fn why_not_written(&self, remote: &Remote, file: &LocalFile, said: String) -> String {
        let Ok(there) = remote.look().await else {
            return said;
        };
        match self.too_little_room(file, &there) {
            Some(why) => format!("{why} (it said {said:?})"),
            None => said,
        }
    }

    async fn failed(&self, remote: &Remote, why: String) -> Outcome {
        let _ = timeout(CLEAR_LIMIT, remote.remove()).await;
        Outcome::Failed(why)
    }

    /// Takes away what has arrived so far.
    pub(super) async fn clear_away(&self, session: &Session) {
        if let Ok(file) = self.measured().await {
            let remote = Remote::new(session, &self.spec.to, &file.sha256);
            let _ = timeout(CLEAR_LIMIT, remote.remove()).await;
        }
    }

    pub(super) async fn accepted(&self) {
        self.teller.job(&self.order, JobReport::Accepted).await;
    }

    pub(super) async fn say(&self, stream: Stream, line: String) {
        self.teller.lines(&self.order, stream, vec![line]).await;
    }
}
