//! Puts a script on the wire so that a cut runs nothing and login noise is never taken for an answer.

use std::fmt;
use std::fs::File;
use std::io::Read as _;

use super::become_user::Way;
use super::collect::Collected;
use super::connection::Session;
use super::door::Stand;
use super::exec::{Input, Limits, ReadFailure};
use super::kept::{Framed, is_clean};

/// What login scripts may print before us, on top of the caller's limit (bytes).
const NOISE: usize = 64 << 10;
/// A login script that reads its input may eat the first lines; these carry nothing.
const FODDER: &str = "# holdpoint\n#\n#\n#\n#\n";

/// A word that nobody on the node can know beforehand: 128 random bits in hex.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Nonce(String);

impl Nonce {
    pub(crate) fn new() -> Self {
        let mut bytes = [0; 16];
        File::open("/dev/urandom")
            .and_then(|mut random| random.read_exact(&mut bytes))
            .expect("every Unix has /dev/urandom");
        Self(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
    }

    /// One that is known beforehand: for tests that read what was never asked.
    pub(crate) fn known(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl fmt::Display for Nonce {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Text for `sh -s` in which nothing runs before its very last word has arrived.
pub(crate) struct Envelope {
    pub(crate) nonce: Nonce,
    text: Vec<u8>,
}

impl Envelope {
    pub(crate) fn new() -> Self {
        Self {
            nonce: Nonce::new(),
            text: FODDER.into(),
        }
    }

    /// Adds shell text that only defines functions.
    pub(crate) fn define(&mut self, functions: &str) {
        self.text.extend_from_slice(functions.as_bytes());
        self.text.push(b'\n');
    }

    /// Adds a function that prints `bytes` exactly, with a last newline if there is none.
    pub(crate) fn define_text(&mut self, function: &str, bytes: &[u8]) {
        let delimiter = format!("HP_{}", self.nonce);
        self.define(&format!("{function}() {{ cat <<'{delimiter}'"));
        self.text.extend_from_slice(bytes);
        if !bytes.ends_with(b"\n") {
            self.text.push(b'\n');
        }
        self.define(&format!("{delimiter}\n}}"));
    }

    /// Adds a variable with these bytes. Unlike a here-document it costs the node no process.
    pub(crate) fn define_value(&mut self, variable: &str, bytes: &[u8]) -> Result<(), ReadFailure> {
        let quoted = shlex::bytes::try_quote(bytes).map_err(|_| ReadFailure::NotSendable)?;
        self.text.extend_from_slice(variable.as_bytes());
        self.text.push(b'=');
        self.text.extend_from_slice(&quoted);
        self.text.push(b'\n');
        Ok(())
    }

    /// Closes the envelope: `body` becomes the function that the last word calls.
    pub(crate) fn seal(mut self, body: &str) -> (Nonce, Vec<u8>) {
        let name = format!("hp_{}", self.nonce);
        self.define(&format!("{name}() {{\n{body}\n}}\n{name}"));
        (self.nonce, self.text)
    }
}

/// What a read-only script gave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadOutput {
    /// Its output, without what login scripts printed around it.
    pub stdout: Vec<u8>,
    /// Its error output, likewise.
    pub stderr: Vec<u8>,
    /// Its exit code; above 128 usually a signal plus 128.
    pub status: u8,
    /// Whether one of the two was longer than the limit and lost its end.
    pub truncated: bool,
}

impl Session {
    /// Runs a script that changes nothing and waits for its answer.
    ///
    /// The script runs in a subshell of the node's `sh` with an empty standard input; that `sh` may have answered other
    /// questions before. It is not stopped by a lost
    /// connection or a timeout, and may have run even if this fails: never use it for anything that changes a node.
    pub async fn read(&self, script: &[u8], limits: Limits) -> Result<ReadOutput, ReadFailure> {
        let (nonce, text) = read_envelope(script)?;
        let framed = Framed {
            nonce: nonce.clone(),
            text,
            frame: Frame::Both,
            is_clean: is_clean(script),
        };
        let raw = self.ask(framed, roomy(limits)).await?;
        let answer = read_answer(&raw.stdout, &raw.stderr, &nonce, limits.bytes);
        answer.ok_or_else(|| raw.no_answer())
    }

    /// As [`Session::read`], for commands of our own that end by themselves: they run in the shell itself, which costs the
    /// node less. What they have to say stands in `hp_says` afterwards, and they leave only `hp_` names behind.
    pub(super) async fn read_plain(
        &self,
        commands: &str,
        limits: Limits,
    ) -> Result<Vec<u8>, ReadFailure> {
        let envelope = Envelope::new();
        let nonce = envelope.nonce.clone();
        let (_, text) = envelope.seal(&format!(
            "{commands}
printf '@{nonce} begin\\n%s\\n@{nonce} end 0\\n' \"$hp_says\""
        ));
        let framed = Framed {
            nonce: nonce.clone(),
            text,
            frame: Frame::Output,
            is_clean: true,
        };
        let raw = self.ask(framed, roomy(limits)).await?;
        let whole = status_line(raw.stdout.last(), &nonce).is_some();
        let said = between(&raw.stdout, &nonce).filter(|_| whole);
        said.map(<[u8]>::to_vec).ok_or_else(|| raw.no_answer())
    }

    /// As [`Session::read`], as the user that `way` leads to; and how far we came.
    pub(super) async fn read_by(
        &self,
        way: &Way,
        script: &[u8],
        limits: Limits,
    ) -> (Result<ReadOutput, ReadFailure>, Stand) {
        let nowhere = Stand::Before { asked: false };
        let (nonce, text) = match read_envelope(script) {
            Ok(envelope) => envelope,
            Err(failure) => return (Err(failure), nowhere),
        };
        let input = Input::text(text);
        match self.run_by(way, input, roomy(limits)).await {
            Ok(raw) => {
                let answer = read_answer(&raw.stdout, &raw.stderr, &nonce, limits.bytes);
                (answer.ok_or_else(|| raw.no_answer()), raw.stand)
            }
            Err(failure) => (Err(failure), nowhere),
        }
    }
}

/// Room for login noise beside the answer.
fn roomy(limits: Limits) -> Limits {
    Limits {
        bytes: limits.bytes.saturating_add(NOISE),
        ..limits
    }
}

fn read_envelope(script: &[u8]) -> Result<(Nonce, Vec<u8>), ReadFailure> {
    let mut envelope = Envelope::new();
    let nonce = envelope.nonce.clone();
    envelope.define_value("hp_body", script)?;
    Ok(envelope.seal(&format!(
        "printf '@{nonce} begin\\n'
printf '@{nonce} begin\\n' >&2
( eval \"$hp_body\" ) </dev/null
printf '\\n@{nonce} end %s\\n' \"$?\"
printf '\\n@{nonce} end\\n' >&2"
    )))
}

/// As a read-only script's two streams would be read, of which `kept` bytes were kept, so that a test can damage them anywhere.
#[doc(hidden)]
pub fn read_streams(
    stdout: &[u8],
    stderr: &[u8],
    nonce: &str,
    limit: usize,
    kept: usize,
) -> Option<ReadOutput> {
    let collected = |bytes: &[u8]| {
        let mut stream = Collected::keeping(kept);
        bytes.chunks(1000).for_each(|piece| stream.add(piece));
        stream
    };
    let nonce = Nonce::known(nonce);
    read_answer(&collected(stdout), &collected(stderr), &nonce, limit)
}

fn read_answer(
    out: &Collected,
    err: &Collected,
    nonce: &Nonce,
    limit: usize,
) -> Option<ReadOutput> {
    let status = status_line(out.last(), nonce)?;
    let stdout = between(out, nonce)?;
    let stderr = between(err, nonce)?;
    let cut = out.is_cut() || err.is_cut();
    Some(ReadOutput {
        truncated: cut || stdout.len() > limit || stderr.len() > limit,
        stdout: stdout[..stdout.len().min(limit)].to_vec(),
        stderr: stderr[..stderr.len().min(limit)].to_vec(),
        status,
    })
}

/// What an answer is framed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Frame {
    /// Output and error output.
    Both,
    /// The output alone.
    Output,
}

impl Frame {
    /// Whether an answer has come to the end of its frame, though its channel is open.
    pub(super) fn is_whole(self, out: &Collected, err: &Collected, nonce: &Nonce) -> bool {
        let mark = format!("\n@{nonce} end");
        let ended = |stream: &Collected, more: &str| {
            let (tail, mark) = (stream.last(), format!("{mark}{more}"));
            let rest = find_last(tail, mark.as_bytes()).map(|at| &tail[at + mark.len()..]);
            rest.is_some_and(|rest| rest.contains(&b'\n'))
        };
        ended(out, " ") && (self == Self::Output || ended(err, ""))
    }
}

fn status_line(tail: &[u8], nonce: &Nonce) -> Option<u8> {
    let mark = format!("\n@{nonce} end ");
    let at = find_last(tail, mark.as_bytes())? + mark.len();
    // Without its end the number may be the beginning of a longer one.
    let end = tail[at..].iter().position(|byte| *byte == b'\n')?;
    let line = &tail[at..at + end];
    std::str::from_utf8(line).ok()?.parse().ok()
}

/// What stands between the two marks; where the second one was thrown away by us, all that is there.
fn between<'a>(stream: &'a Collected, nonce: &Nonce) -> Option<&'a [u8]> {
    let begin = format!("@{nonce} begin\n");
    let from = find(stream.first(), begin.as_bytes())? + begin.len();
    let rest = &stream.first()[from..];
    match find_last(rest, format!("\n@{nonce} end").as_bytes()) {
        Some(until) => Some(&rest[..until]),
        None if stream.is_cut() => Some(rest),
        None => None,
    }
}

pub(crate) fn find(text: &[u8], part: &[u8]) -> Option<usize> {
    text.windows(part.len()).position(|window| window == part)
}

pub(crate) fn find_last(text: &[u8], part: &[u8]) -> Option<usize> {
    text.windows(part.len()).rposition(|window| window == part)
}
