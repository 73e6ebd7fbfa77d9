//! The node's side of an upload, asked in `sh` (`remote.sh`).

use std::time::Duration;

use sha2::{Digest as _, Sha256};
use tokio::sync::mpsc;

use super::local::hex;
use crate::model::script::quote;
use crate::transport::nodes::tell::{one_line, words};
use crate::transport::ssh::{
    After, Envelope, Input, Limits, Nonce, ReadFailure, Session, Then, find, find_last,
};

const LIBRARY: &str = include_str!("remote.sh");
/// For a question that reads no file.
const SOON: Duration = Duration::from_secs(60);
/// A node that is slower at reading its own disk than this many bytes in a second is not waited for.
const SLOW: u64 = 4 << 20;
/// What a node without a checksum tool gives back at once.
const BACK: usize = 4 << 20;
/// Room for login noise and protocol lines (bytes).
const ROOM: usize = 128 << 10;
/// What is resumed is a multiple of this.
pub(super) const BLOCK: u64 = 64 << 10;

/// Where the file of one upload goes on one node.
#[derive(Clone, Debug)]
pub(super) struct Remote {
    pub(super) session: Session,
    /// Its final path.
    pub(super) to: String,
    /// Beside it: what has arrived so far. Its name holds the checksum, so that no other upload goes on with it.
    pub(super) part: String,
}

/// What is on the node (sizes in bytes).
#[derive(Debug)]
pub(super) struct There {
    /// What stands under the final name, whatever it is.
    pub(super) size: Option<u64>,
    /// What has arrived so far.
    pub(super) part: Option<u64>,
    pub(super) free: u64,
}

/// Why the node gave no good answer.
#[derive(Debug)]
pub(super) enum Trouble {
    /// Not asked through: ask again over the next connection.
    Link(String),
    /// It said no: the same question gets the same answer.
    Refused(String),
    /// It could not write.
    Write(String),
}

impl From<ReadFailure> for Trouble {
    fn from(failure: ReadFailure) -> Trouble {
        let why = words(&failure);
        match failure {
            ReadFailure::LinkLost { .. } | ReadFailure::TimedOut { .. } => Trouble::Link(why),
            ReadFailure::ChannelRefused { .. }
            | ReadFailure::NoAnswer { .. }
            | ReadFailure::NotSendable => Trouble::Refused(why),
        }
    }
}

impl Remote {
    pub(super) fn new(session: &Session, to: &str, sha256: &str) -> Remote {
        let bound = sha256.get(..16).unwrap_or(sha256);
        Remote {
            session: session.clone(),
            to: to.to_owned(),
            part: format!("{to}.{bound}.part"),
        }
    }

    pub(super) async fn look(&self) -> Result<There, Trouble> {
        let said = self.ask("look", &[], SOON, 0).await?;
        let (size, part) = (said.number("there")?, said.number("part")?);
        let free = said.number("free")?.ok_or_else(|| said.unclear())?;
        Ok(There {
            size,
            part,
            free: free.saturating_mul(1024),
        })
    }

    /// SHA-256 of a file on the node: of all its `size` bytes, or of the `first` ones.
    pub(super) async fn digest(
        &self,
        file: &str,
        size: u64,
        first: Option<u64>,
    ) -> Result<String, Trouble> {
        let bytes = first.map_or(String::new(), |first| first.to_string());
        let time = SOON + Duration::from_secs(size / SLOW);
        let words = [("hp_file", file), ("hp_bytes", &bytes)];
        let said = self.ask("sum", &words, time, 0).await?;
        match said.value("sum") {
            Some("") => self.read_back(file, first.unwrap_or(size)).await,
            Some(sum) if sum.len() == 64 => Ok(sum.to_ascii_lowercase()),
            _ => Err(said.unclear()),
        }
    }

    async fn read_back(&self, file: &str, bytes: u64) -> Result<String, Trouble> {
        let mut hash = Sha256::new();
        let mut from = 0;
        while from < bytes {
            let offset = from.to_string();
            let words = [("hp_file", file), ("hp_from", offset.as_str())];
            let said = self.ask("piece", &words, SOON * 5, BACK).await?;
            let most = usize::try_from(bytes - from).unwrap_or(usize::MAX);
            let piece = &said.body[..said.body.len().min(most)];
            if piece.is_empty() {
                break;
            }
            hash.update(piece);
            from += piece.len() as u64;
        }
        Ok(hex(hash))
    }

    /// Hands over what `pieces` give, to stand from byte `from` on.
    pub(super) async fn receive(
        &self,
        from: u64,
        pieces: mpsc::Receiver<Vec<u8>>,
        time: Duration,
    ) -> Result<(), Trouble> {
        let offset = from.to_string();
        let (nonce, text) = self.request("receive", &[("hp_from", &offset)])?;
        let after = After {
            ready: format!("@{nonce} ready\n").into_bytes(),
            pieces,
        };
        let then = Then::Data(after);
        let limits = Limits { time, bytes: ROOM };
        let raw = self.session.run_with(Input { text, then }, limits).await?;
        let said = Said::read(raw.stdout.first(), &nonce);
        let said = said.ok_or_else(|| Trouble::from(raw.no_answer()))?;
        said.or_refusal().map(|_| ())
    }

    /// Gives what has arrived its mode and its name.
    pub(super) async fn finish(&self, mode: Option<u32>) -> Result<(), Trouble> {
        let mode = mode.map_or(String::new(), |mode| format!("{mode:04o}"));
        let words = [("hp_mode", mode.as_str())];
        self.ask("finish", &words, SOON * 5, 0).await.map(|_| ())
    }

    pub(super) async fn set_mode(&self, mode: u32) -> Result<(), Trouble> {
        let mode = format!("{mode:04o}");
        let words = [("hp_mode", mode.as_str())];
        self.ask("set_mode", &words, SOON, 0).await.map(|_| ())
    }

    /// Takes away what has arrived so far.
    pub(super) async fn remove(&self) -> Result<(), Trouble> {
        self.ask("remove", &[], SOON, 0).await.map(|_| ())
    }

    async fn ask(
        &self,
        verb: &str,
        words: &[(&str, &str)],
        time: Duration,
        bytes: usize,
    ) -> Result<Said, Trouble> {
        let (nonce, text) = self.request(verb, words)?;
        let bytes = bytes + ROOM;
        let raw = self.session.run(text, Limits { time, bytes }).await?;
        match Said::read(raw.stdout.first(), &nonce) {
            Some(said) => said.or_refusal(),
            None => Err(raw.no_answer().into()),
        }
    }

    fn request(&self, verb: &str, words: &[(&str, &str)]) -> Result<(Nonce, Vec<u8>), Trouble> {
        let mut envelope = Envelope::new();
        envelope.define(LIBRARY);
        let nonce = envelope.nonce.to_string();
        let usual = [
            ("hp_nonce", nonce.as_str()),
            ("hp_to", &self.to),
            ("hp_part", &self.part),
        ];
        let mut body = String::new();
        for (name, value) in usual.iter().chain(words) {
            let value = quote(value)
                .map_err(|_| Trouble::Refused("the path holds a NUL byte".to_owned()))?;
            body.push_str(&format!("{name}={value}\n"));
        }
        body.push_str(&format!("hp_main {verb}"));
        Ok(envelope.seal(&body))
    }
}

/// As the request with this nonce would read it: its line and the bytes after it, so that a test can damage it anywhere.
#[doc(hidden)]
pub fn read_upload_reply(stdout: &[u8], nonce: &str) -> Option<(String, Vec<u8>)> {
    let said = Said::read(stdout, &Nonce::known(nonce))?;
    Some((said.line, said.body))
}

/// One answer: its line, and the raw bytes after it.
#[derive(Debug)]
struct Said {
    line: String,
    body: Vec<u8>,
}

impl Said {
    /// `None` if the answer is not whole.
    fn read(stdout: &[u8], nonce: &Nonce) -> Option<Said> {
        let begin = format!("@{nonce} begin\n");
        let from = find(stdout, begin.as_bytes())? + begin.len();
        let body = &stdout[from..];
        let body = &body[..find_last(body, format!("\n@{nonce} end\n").as_bytes())?];
        // One question has one reply. Where there are two, neither is known to be whole.
        if find(body, begin.as_bytes()).is_some() {
            return None;
        }
        // What is said last counts: "ready" comes before it.
        let ready = format!("@{nonce} ready\n");
        let body = body.strip_prefix(ready.as_bytes()).unwrap_or(body);
        let end = body.iter().position(|byte| *byte == b'\n');
        let (line, rest) = body.split_at(end.unwrap_or(body.len()));
        let line = String::from_utf8_lossy(line);
        let line = line.strip_prefix(&format!("@{nonce} "))?.to_owned();
        let body = rest.get(1..).unwrap_or_default().to_vec();
        Some(Said { line, body })
    }

    fn or_refusal(self) -> Result<Said, Trouble> {
        let Some(refusal) = self.line.strip_prefix("error=") else {
            return Ok(self);
        };
        let (word, text) = refusal.split_once(' ').unwrap_or((refusal, ""));
        let text = one_line(text);
        Err(match word {
            "write" => Trouble::Write(text),
            _ => Trouble::Refused(text),
        })
    }

    fn value(&self, key: &str) -> Option<&str> {
        let words = self.line.split(' ').filter_map(|word| word.split_once('='));
        words
            .into_iter()
            .find_map(|(name, value)| (name == key).then_some(value))
    }

    /// The number under a key that may be empty, and nothing else.
    fn number(&self, key: &str) -> Result<Option<u64>, Trouble> {
        match self.value(key) {
            Some("") => Ok(None),
            Some(text) => text.parse().map(Some).map_err(|_| self.unclear()),
            None => Err(self.unclear()),
        }
    }

    fn unclear(&self) -> Trouble {
        Trouble::Refused(format!(
            "its answer cannot be read: {:?}",
            one_line(&self.line)
        ))
    }
}
