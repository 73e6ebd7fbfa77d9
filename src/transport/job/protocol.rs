//! The verbs of a job: start, report, answer, wheel, cancel, ack.

use std::time::Duration;

use secrecy::ExposeSecret as _;

use super::answer::{BLOCK, JobAnswer, JobState, Said, parse_around};
use super::spec::{AnswerLine, BadJob, JobId, JobSpec, spec_hash};
use crate::model::lock::Holder;
use crate::model::wheel::Keys;
use crate::transport::ssh::{Envelope, Limits, Nonce, ReadFailure, Session};

const LIBRARY: &str = include_str!("library.sh");
const LOCK: &str = include_str!("lock.sh");
const SESSION: &str = include_str!("session.sh");
const ASKING: &str = include_str!("asking.sh");
const WHEEL: &str = include_str!("wheel.sh");
const VERBS: &str = include_str!("verbs.sh");
const SUPERVISOR: &str = include_str!("supervisor.sh");

/// Most bytes of output in one answer.
const LOG_LIMIT: usize = 4 << 20;
/// Longest time that an answer is held back for news.
const WAIT_LIMIT: Duration = Duration::from_secs(60);
/// Time for everything that does not wait on purpose.
pub(super) const ANSWER_LIMIT: Duration = Duration::from_secs(60);
/// Room for login noise and protocol lines beside the output (bytes).
pub(super) const ROOM: usize = 128 << 10;

/// Why a request brought no answer about its job.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum JobFailure {
    /// Nothing was sent.
    #[error(transparent)]
    NotSent(#[from] BadJob),
    /// The node said no; this request started and stopped nothing.
    #[error("the node refused: {} (it said {detail:?})", .refusal.advice())]
    Refused {
        /// Which no.
        refusal: Refusal,
        /// The node's words, raw; the text of this failure shows them escaped.
        detail: String,
    },
    /// The answer did not arrive whole. What was asked for may have happened: connect and ask [`report`], or ask for
    /// the very same start again, which is safe at any point.
    #[error("it is not known what became of the request")]
    NoAnswer(#[source] ReadFailure),
}

impl JobFailure {
    /// A refusal from its word and the text after it.
    pub(super) fn refused(said: &str) -> Self {
        let (word, detail) = said.split_once(' ').unwrap_or((said, ""));
        Self::Refused {
            refusal: Refusal::from_word(word, detail),
            detail: detail.to_owned(),
        }
    }
}

/// Why a node refuses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// The jobs' folder is not safe to use.
    Base,
    /// The name is taken by another job.
    SpecMismatch,
    /// The files cannot be written.
    Write,
    /// Something that is needed is missing on the node.
    Tools,
    /// An acknowledgement came before the end.
    NotFinished,
    /// An answer came after the end.
    Ended,
    /// It printed more since it asked: what it waits for now, if anything, is something else.
    MovedOn,
    /// Keys came out of turn: not of whoever has the wheel, or not the next ones.
    Wheel,
    /// The answer was being written when whoever wrote it was cut down.
    HalfAnswered,
    /// This run does not have the node's lock: another one has it, or nobody.
    Locked(Option<Holder>),
    /// The node's lock cannot be read.
    BadLock,
    /// The job would end with the login.
    Session,
    /// The node's service manager did not start it, and now it never will under this name.
    Launch,
    /// A word that this program does not know.
    Other(String),
}

impl Refusal {
    fn from_word(word: &str, detail: &str) -> Self {
        match word {
            "locked" => Self::Locked(Self::holder_in(detail)),
            "lock" => Self::BadLock,
            "session" => Self::Session,
            "launch" => Self::Launch,
            "base" => Self::Base,
            "spec-mismatch" => Self::SpecMismatch,
            "write" => Self::Write,
            "tools" => Self::Tools,
            "not-finished" => Self::NotFinished,
            "ended" => Self::Ended,
            "moved-on" => Self::MovedOn,
            "wheel" => Self::Wheel,
            "half-answered" => Self::HalfAnswered,
            other => Self::Other(other.to_owned()),
        }
    }

    fn advice(&self) -> &str {
        match self {
            Self::Base => {
                "the jobs' folder is not safe; give it to the login alone, mode 0700, or set job_dir"
            }
            Self::SpecMismatch => "this name already stands for another job",
            Self::Write => "the job's files cannot be written; free space on the node",
            Self::Tools => "something is missing on the node",
            Self::NotFinished => "it has not ended",
            Self::Ended => "it asks no more",
            Self::MovedOn => "it has gone on since it asked; read that first",
            Self::Wheel => "these keys came out of turn",
            Self::HalfAnswered => {
                "the answer may have reached the program or not; look at the node, cancel the job if it still waits"
            }
            Self::Locked(_) => "this run does not have the node's lock",
            Self::Session => {
                "a job would end with the login; let the user linger (loginctl enable-linger), or log in as root"
            }
            Self::Launch => {
                "systemd did not start the job, which has to outlive the login; try the same systemd-run on the node"
            }
            Self::BadLock => "the node's lock cannot be read",
            Self::Other(word) => word,
        }
    }
}

/// What a report should bring.
#[derive(Debug, Clone, Copy, Default)]
pub struct Ask {
    /// Output from this byte on.
    pub offset: u64,
    /// At most so many bytes of it (capped at 4 MiB).
    pub most: usize,
    /// Hold the answer back for so long (capped at a minute) until there is output beyond `offset` or another state than `known`.
    pub wait: Duration,
    /// The state that the one who asks has seen last.
    pub known: Option<JobState>,
}

/// Starts the job unless it was started before, and says what has become of it. Safe to repeat at any point.
///
/// Waits on the node up to five seconds for the job to begin. [`JobState::New`] in the answer means that it has not
/// yet: start it again.
pub async fn start(session: &Session, spec: &JobSpec) -> Result<JobAnswer, JobFailure> {
    spec.check()?;
    let mut request = Request::new(session.job_dir(), &spec.id)?;
    request.carry(spec);
    request.send(session, "start", ANSWER_LIMIT).await
}

/// Says what has become of the job, with a piece of its output. Changes nothing.
pub async fn report(session: &Session, id: &JobId, ask: Ask) -> Result<JobAnswer, JobFailure> {
    let mut request = Request::new(session.job_dir(), id)?;
    let wait = ask.wait.min(WAIT_LIMIT);
    request.ask(Ask { wait, ..ask });
    request.send(session, "report", ANSWER_LIMIT + wait).await
}

/// Asks the payload to end, makes it end after `grace`, and keeps a job that has not begun from ever beginning.
///
/// A request: only the state in the answer (or a later one) says what came of it.
pub async fn cancel(
    session: &Session,
    id: &JobId,
    grace: Duration,
) -> Result<JobAnswer, JobFailure> {
    let mut request = Request::new(session.job_dir(), id)?;
    request.set("hp_grace", &grace.as_secs().to_string());
    request.send(session, "cancel", ANSWER_LIMIT + grace).await
}

/// Writes `line` into the input of a job that asked when it had printed `at` bytes.
///
/// Safe to repeat at any point: the node writes it once for each `at`, and the answer lists it from then on
/// ([`JobAnswer::answered`]). Refused when the job has ended or has printed more since. The line never touches a disk.
pub async fn answer(
    session: &Session,
    id: &JobId,
    at: u64,
    line: &AnswerLine,
) -> Result<JobAnswer, JobFailure> {
    answer_in_turn(session, id, at, None, line).await
}

/// The same, refused as well if a human has typed since this act at the wheel, which was the last when it asked.
pub async fn answer_in_turn(
    session: &Session,
    id: &JobId,
    at: u64,
    turn: Option<u64>,
    line: &AnswerLine,
) -> Result<JobAnswer, JobFailure> {
    let mut request = Request::new(session.job_dir(), id)?;
    request.set(
        "hp_turn",
        &turn.map_or(String::new(), |act| act.to_string()),
    );
    request.set("hp_at", &at.to_string());
    request.print("hp_line", &[line.expose()]);
    request.send(session, "answer", ANSWER_LIMIT).await
}

/// What a human does at the wheel of a job's program.
#[derive(Debug, Clone, Copy)]
pub enum Wheel<'a> {
    Take,
    /// Typed if the act before was this one.
    Type {
        before: u64,
        keys: &'a Keys,
    },
    /// No keys of an act up to this one are written any more.
    Settle,
    HandBack,
}

/// Does this act at the wheel, unless it or a later one was done before.
///
/// Safe to repeat at any point: the node does each number once. [`JobAnswer::hand`] says where it stands then. Keys never touch
/// a disk. Refused when the job has ended, and when keys come out of turn: nothing of them was written then.
pub async fn wheel(
    session: &Session,
    id: &JobId,
    act: u64,
    does: Wheel<'_>,
) -> Result<JobAnswer, JobFailure> {
    let mut request = Request::new(session.job_dir(), id)?;
    request.envelope.define(WHEEL);
    request.set("hp_act", &act.to_string());
    let word = match does {
        Wheel::Take => "take",
        Wheel::Settle => "settle",
        Wheel::HandBack => "back",
        Wheel::Type { before, keys } => {
            request.set("hp_before", &before.to_string());
            let octal: String = keys.bytes().iter().map(|b| format!("\\{b:03o}")).collect();
            let keys = format!("hp_keys() {{ printf '{octal}'; }}");
            request.envelope.define(&keys);
            "type"
        }
    };
    request.set("hp_do", word);
    request.send(session, "wheel", ANSWER_LIMIT).await
}

/// Frees the job's space on the node, once its result is durable here. What stays keeps a late start from running.
pub async fn ack(session: &Session, id: &JobId) -> Result<JobAnswer, JobFailure> {
    let request = Request::new(session.job_dir(), id)?;
    request.send(session, "ack", ANSWER_LIMIT).await
}

pub(super) struct Request {
    envelope: Envelope,
    settings: String,
    ask: Ask,
}

impl Request {
    fn new(job_dir: Option<&str>, id: &JobId) -> Result<Self, JobFailure> {
        let mut request = Self::of_folder(job_dir)?;
        request.set("hp_job", id.as_str());
        Ok(request)
    }

    /// About the jobs' folder as a whole.
    pub(super) fn of_folder(job_dir: Option<&str>) -> Result<Self, JobFailure> {
        let base = job_dir.unwrap_or_default();
        let usable = base.is_empty() || (base.starts_with('/') && !base.contains(['\n', '\0']));
        if !usable {
            return Err(BadJob::Base(base.to_owned()).into());
        }
        let mut request = Self {
            envelope: Envelope::new(),
            settings: String::new(),
            ask: Ask::default(),
        };
        request.envelope.define(LIBRARY);
        request.envelope.define(LOCK);
        request.envelope.define(SESSION);
        request.envelope.define(ASKING);
        request.envelope.define(VERBS);
        let nonce = request.envelope.nonce.to_string();
        request.set("hp_nonce", &nonce);
        request.set("hp_base", base);
        request.set("hp_job", "");
        request.set("hp_run", "");
        request.set("hp_generation", "");
        request.set("hp_blocks", "0");
        request.set("hp_offset", "0");
        Ok(request)
    }

    pub(super) fn set(&mut self, name: &str, value: &str) {
        let value = single_quoted(value);
        self.settings.push_str(&format!("{name}={value}\n"));
    }

    fn carry(&mut self, spec: &JobSpec) {
        self.set("hp_hash", &spec_hash(spec));
        self.set("hp_bytes", &spec.payload_bytes().to_string());
        self.envelope.define_text("hp_payload_text", &spec.payload);
        if let Some(fence) = &spec.fence {
            self.set("hp_run", &fence.run);
            self.set("hp_generation", &fence.generation.to_string());
        }
        let helper = format!("{LIBRARY}{LOCK}{SUPERVISOR}");
        self.envelope
            .define_text("hp_helper_text", helper.as_bytes());
        self.set("hp_kind", spec.kind());
        if !spec.secrets.is_empty() {
            let secrets: Vec<&str> = spec.secrets.iter().map(|s| s.expose_secret()).collect();
            self.print("hp_secrets", &secrets);
        }
    }

    /// Adds a function that prints these lines. Not from a here-document: some shells keep those in a file.
    fn print(&mut self, function: &str, lines: &[&str]) {
        let words: Vec<String> = lines.iter().map(|line| single_quoted(line)).collect();
        let words = words.join(" ");
        self.envelope
            .define(&format!("{function}() {{ printf '%s\\n' {words}; }}"));
    }

    fn ask(&mut self, ask: Ask) {
        let most = ask.most.min(LOG_LIMIT);
        let span = ask.offset % BLOCK + most as u64;
        let blocks = if most == 0 { 0 } else { span.div_ceil(BLOCK) };
        self.set("hp_blocks", &blocks.to_string());
        self.set("hp_offset", &ask.offset.to_string());
        self.set("hp_wait", &ask.wait.as_secs().to_string());
        self.set("hp_known", ask.known.map_or("", JobState::word));
        self.ask = Ask { most, ..ask };
    }

    pub(super) fn seal(self, verb: &str) -> (Nonce, Vec<u8>) {
        self.envelope
            .seal(&format!("{}hp_main {verb}", self.settings))
    }

    async fn send(
        self,
        session: &Session,
        verb: &str,
        time: Duration,
    ) -> Result<JobAnswer, JobFailure> {
        let ask = self.ask;
        let (nonce, text) = self.seal(verb);
        let limits = Limits {
            time,
            bytes: ask.most + ROOM,
        };
        let raw = session.run(text, limits).await;
        let raw = raw.map_err(JobFailure::NoAnswer)?;
        match parse_around(raw.stdout.first(), &nonce, ask.offset, ask.most) {
            Some((Said::Answer(answer), log)) => Ok(JobAnswer {
                log: raw.stdout.into_first(log),
                ..answer
            }),
            Some((Said::Refused(word, detail), _)) => {
                Err(JobFailure::refused(&format!("{word} {detail}")))
            }
            None => Err(JobFailure::NoAnswer(raw.no_answer())),
        }
    }
}

/// The one way a value gets into the script: between single quotes, which `sh` leaves alone.
fn single_quoted(value: &str) -> String {
    format!("'{}'", value.replace('\'', "'\\''"))
}

/// What a start puts on the wire, so that a test can cut it anywhere.
#[doc(hidden)]
pub fn start_text(job_dir: Option<&str>, spec: &JobSpec) -> Result<Vec<u8>, JobFailure> {
    spec.check()?;
    let mut request = Request::new(job_dir, &spec.id)?;
    request.carry(spec);
    Ok(request.seal("start").1)
}
