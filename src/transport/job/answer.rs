//! Reads what the node says about a job.

use std::ops::Range;

use super::hand::Hand;
use crate::transport::ssh::{Incarnation, Nonce, find, find_last};

/// A job's state, decided on the node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum JobState {
    /// The result is recorded: the only claim.
    Done,
    /// There is a result that cannot be read.
    BadRecord,
    /// The node knows nothing of the job.
    None,
    /// Known, and nobody has begun it.
    New,
    /// Cancelled before it began: it never will.
    Cancelled,
    /// The node was rebooted before the payload began.
    RebootedBeforeExec,
    /// The node was rebooted while the payload ran, or just before or after.
    Rebooted,
    /// Somebody has begun it; the payload does not run yet.
    Starting,
    /// The payload runs.
    Running,
    /// The payload runs, and nobody will record its result.
    Orphaned,
    /// Whoever had begun it is gone; the payload never ran.
    DiedBeforeExec,
    /// Nobody runs and there is no result.
    Vanished,
}

/// What a state means for the one who asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// Ended, with a code.
    Claimed,
    /// Still going: ask again.
    Going,
    /// Nothing has run yet, but a start that is still under way may begin it: start it again under the same name (safe),
    /// or cancel it before giving up on it.
    NotBegun,
    /// Nothing ran and nothing ever will under this name: a new attempt under a new name is safe.
    NeverRan,
    /// It may have had any effect: only the postcondition can tell.
    InDoubt,
}

impl JobState {
    /// What it means.
    pub fn standing(self) -> Standing {
        match self {
            Self::Done => Standing::Claimed,
            Self::Starting | Self::Running | Self::Orphaned => Standing::Going,
            Self::None | Self::New => Standing::NotBegun,
            Self::Cancelled | Self::RebootedBeforeExec | Self::DiedBeforeExec => Standing::NeverRan,
            Self::BadRecord | Self::Rebooted | Self::Vanished => Standing::InDoubt,
        }
    }

    /// The word in the protocol.
    pub fn word(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::BadRecord => "rcbad",
            Self::None => "none",
            Self::New => "new",
            Self::Cancelled => "cancelled",
            Self::RebootedBeforeExec => "rebooted-before-exec",
            Self::Rebooted => "rebooted",
            Self::Starting => "starting",
            Self::Running => "running",
            Self::Orphaned => "orphaned",
            Self::DiedBeforeExec => "died-before-exec",
            Self::Vanished => "vanished",
        }
    }

    const ALL: [Self; 12] = [
        Self::Done,
        Self::BadRecord,
        Self::None,
        Self::New,
        Self::Cancelled,
        Self::RebootedBeforeExec,
        Self::Rebooted,
        Self::Starting,
        Self::Running,
        Self::Orphaned,
        Self::DiedBeforeExec,
        Self::Vanished,
    ];

    fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.word() == word)
    }
}

/// How a payload ended, from the node's own record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobExit {
    /// The exit code as `sh` has it: 128 plus the number for a death by signal, on every shell.
    pub code: u8,
    /// Whether it had been cancelled before it ended.
    pub cancelled: bool,
    /// Bytes of output at that moment.
    pub log_size: u64,
}

impl JobExit {
    /// The signal that ended it, if the code says so. (`exit 143` looks the same: `sh` cannot tell them apart.)
    pub fn signal(&self) -> Option<u8> {
        self.code.checked_sub(128).filter(|n| (1..=64).contains(n))
    }
}

/// What the node says about a job, and the piece of its output that was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobAnswer {
    /// The state, decided before the output was read.
    pub state: JobState,
    /// Bytes of output on the node now.
    pub size: u64,
    /// The boot of the node that answered.
    pub incarnation: Incarnation,
    /// The result, with [`JobState::Done`] and only then.
    pub exit: Option<JobExit>,
    /// Whether it was acknowledged: its output is gone.
    pub acked: bool,
    /// Where in its output a job that asks was answered, in rising order.
    pub answered: Vec<u64>,
    /// The last place in its output where a human who had typed into it handed it back.
    pub handed: Option<u64>,
    /// Who may write into its input; nothing for a job that reads nothing.
    pub hand: Option<Hand>,
    /// Output from the offset that was asked for.
    pub log: Vec<u8>,
}

/// What one request gave, before it is known to be good.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Said {
    Answer(JobAnswer),
    /// A refusal: its word, and the rest of the line.
    Refused(String, String),
}

/// The block size of the node's `dd`: output arrives from the start of the block that holds the offset.
pub(super) const BLOCK: u64 = 4096;

/// As the request with this nonce would read it (a refusal as its word and its text), so that a test can damage it anywhere.
#[doc(hidden)]
pub fn read_reply(
    stdout: &[u8],
    nonce: &str,
    offset: u64,
    most: usize,
) -> Option<Result<JobAnswer, (String, String)>> {
    match parse(stdout, &Nonce::known(nonce), offset, most)? {
        Said::Answer(answer) => Some(Ok(answer)),
        Said::Refused(word, text) => Some(Err((word, text))),
    }
}

/// Takes the answer out of what the node printed; `None` if it is not complete and well formed.
pub(super) fn parse(stdout: &[u8], nonce: &Nonce, offset: u64, most: usize) -> Option<Said> {
    let (mut said, log) = parse_around(stdout, nonce, offset, most)?;
    if let Said::Answer(answer) = &mut said {
        answer.log = stdout[log].to_vec();
    }
    Some(said)
}

/// The same, and where in it the output stands, which is not copied: it may be large.
pub(super) fn parse_around(
    stdout: &[u8],
    nonce: &Nonce,
    offset: u64,
    most: usize,
) -> Option<(Said, Range<usize>)> {
    let (line, rest) = line_of(stdout, nonce)?;
    if let Some(refusal) = line.strip_prefix("error=") {
        let (word, detail) = refusal.split_once(' ').unwrap_or((refusal, ""));
        let refused = Said::Refused(word.to_owned(), detail.to_owned());
        return Some((refused, 0..0));
    }
    let answer = parse_state(line)?;
    let mark = format!("\n@{nonce} log\n");
    let mut log = 0..0;
    if stdout[rest.clone()].starts_with(mark.as_bytes()) {
        let skip = mark.len() + usize::try_from(offset % BLOCK).ok()?;
        let from = (rest.start + skip).min(rest.end);
        log = from..rest.end.min(from.saturating_add(most));
    }
    Some((Said::Answer(answer), log))
}

/// The line that says it all, and where what follows it stands; `None` if the answer is not complete.
pub(super) fn line_of<'a>(stdout: &'a [u8], nonce: &Nonce) -> Option<(&'a str, Range<usize>)> {
    let begin = format!("@{nonce} begin\n");
    let end = format!("\n@{nonce} end\n");
    let from = find(stdout, begin.as_bytes())? + begin.len();
    let body = &stdout[from..];
    let body = &body[..find_last(body, end.as_bytes())?];
    // One question has one reply. Where there are two, neither is known to be whole.
    if occurs(body, begin.as_bytes()) {
        return None;
    }
    let line_end = body.iter().position(|byte| *byte == b'\n');
    let line_end = line_end.unwrap_or(body.len());
    let line = std::str::from_utf8(&body[..line_end]).ok()?;
    let rest = from + line_end..from + body.len();
    Some((line.strip_prefix(&format!("@{nonce} "))?, rest))
}

/// Whether `part` stands somewhere in a long text. After Horspool: a byte that does not fit lets it skip as many bytes as
/// `part` has at most, so that it looks at few of them.
fn occurs(text: &[u8], part: &[u8]) -> bool {
    let Some((last, before)) = part.split_last() else {
        return true;
    };
    let mut skip = [part.len(); 256];
    for (at, byte) in before.iter().enumerate() {
        skip[usize::from(*byte)] = before.len() - at;
    }
    let mut at = before.len();
    while let Some(byte) = text.get(at) {
        if byte == last && text[..=at].ends_with(part) {
            return true;
        }
        at += skip[usize::from(*byte)];
    }
    false
}

fn parse_state(line: &str) -> Option<JobAnswer> {
    let state = JobState::from_word(value(line, "state")?)?;
    let exit = match state {
        JobState::Done => Some(JobExit {
            code: value(line, "code")?.parse().ok()?,
            cancelled: value(line, "cancelled")? == "1",
            log_size: value(line, "logged")?.parse().ok()?,
        }),
        JobState::BadRecord
        | JobState::None
        | JobState::New
        | JobState::Cancelled
        | JobState::RebootedBeforeExec
        | JobState::Rebooted
        | JobState::Starting
        | JobState::Running
        | JobState::Orphaned
        | JobState::DiedBeforeExec
        | JobState::Vanished => None,
    };
    Some(JobAnswer {
        state,
        size: value(line, "size")?.parse().ok()?,
        incarnation: Incarnation::parse(value(line, "boot")?)?,
        exit,
        acked: value(line, "acked")? == "1",
        answered: offsets(value(line, "answered")?)?,
        handed: optional(value(line, "handed")?, |text| text.parse().ok())?,
        hand: optional(value(line, "hand")?, Hand::parse)?,
        log: Vec::new(),
    })
}

/// Nothing for an empty text; `None` for one that cannot be read.
fn optional<T>(text: &str, read: impl Fn(&str) -> Option<T>) -> Option<Option<T>> {
    match text {
        "" => Some(None),
        text => read(text).map(Some),
    }
}

/// `,40,7` in rising order.
fn offsets(text: &str) -> Option<Vec<u64>> {
    let words = text.split(',').filter(|word| !word.is_empty());
    let offsets: Result<Vec<u64>, _> = words.map(str::parse).collect();
    let mut offsets = offsets.ok()?;
    offsets.sort_unstable();
    Some(offsets)
}

pub(super) fn value<'a>(line: &'a str, key: &str) -> Option<&'a str> {
    line.split(' ')
        .filter_map(|word| word.split_once('='))
        .find_map(|(name, value)| (name == key).then_some(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    const STATE: &str = "state=done size=5000 boot=9a1c3b52-0f6e-4a1b-9c3d-5e6f7a8b9c0d.42 code=137 cancelled=1 logged=4999 acked=0 answered=,40,7 handed=41 hand=3.free.2.2";

    fn framed(nonce: &Nonce, body: &[u8]) -> Vec<u8> {
        let mut text = format!("Last login: @x begin\n@{nonce} begin\n").into_bytes();
        text.extend_from_slice(body);
        text.extend(format!("\n@{nonce} end\n").into_bytes());
        text
    }

    #[test]
    fn an_answer_is_read_with_its_piece_of_output() {
        let nonce = Nonce::new();
        let mut body = format!("@{nonce} {STATE}\n@{nonce} log\n").into_bytes();
        body.extend(b"0123456789\n\n");
        let text = framed(&nonce, &body);
        let Some(Said::Answer(answer)) = parse(&text, &nonce, 4096 + 3, 5) else {
            panic!("no answer");
        };
        assert_eq!(answer.log, b"34567");
        let exit = answer.exit.unwrap();
        assert_eq!(
            (exit.code, exit.cancelled, exit.log_size),
            (137, true, 4999)
        );
        assert_eq!(exit.signal(), Some(9));
        assert_eq!(answer.answered, [7, 40]);
        assert_eq!(answer.handed, Some(41));
        assert_eq!(answer.hand.map(|hand| (hand.act, hand.typed)), Some((3, 2)));
    }

    #[test]
    fn a_part_is_found_wherever_it_stands() {
        let text = b"abcabcabdabcabcabcabdab".as_slice();
        for from in 0..text.len() {
            for to in from..=text.len() {
                assert!(occurs(text, &text[from..to]), "{from}..{to}");
            }
        }
        for part in ["abcabd.", "bb", "dabcabd", "abcabcabdabcabcabcabdabc"] {
            assert!(!occurs(text, part.as_bytes()), "{part}");
        }
    }

    #[test]
    fn a_cut_answer_is_no_answer() {
        let nonce = Nonce::new();
        let text = framed(&nonce, format!("@{nonce} {STATE}\n").as_bytes());
        assert!(parse(&text, &nonce, 0, 100).is_some());
        for cut in 0..text.len() {
            assert_eq!(parse(&text[..cut], &nonce, 0, 100), None, "cut at {cut}");
        }
        assert_eq!(
            parse(&text, &Nonce::new(), 0, 100),
            None,
            "another's answer"
        );
    }

    #[test]
    fn a_refusal_keeps_its_words() {
        let nonce = Nonce::new();
        let text = framed(
            &nonce,
            format!("@{nonce} error=base /x is not ours\n").as_bytes(),
        );
        let refused = Said::Refused("base".into(), "/x is not ours".into());
        assert_eq!(parse(&text, &nonce, 0, 0), Some(refused));
    }

    #[test]
    fn every_state_has_one_word_and_bad_lines_give_nothing() {
        for state in JobState::ALL {
            assert_eq!(JobState::from_word(state.word()), Some(state));
        }
        for (from, to) in [
            ("state=done", "state=maybe"),
            ("size=5000", "size="),
            ("code=137", "code=256"),
            ("boot=9", "boot=cat: "),
            (" acked=0", ""),
            (" answered=,40,7", ""),
            ("answered=,40", "answered=*"),
            ("handed=41", "handed=*"),
            ("hand=3.free", "hand=3"),
        ] {
            assert_eq!(
                parse_state(&STATE.replace(from, to)),
                None,
                "{from} -> {to}"
            );
        }
    }
}
