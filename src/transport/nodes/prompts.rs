//! Finds out what a program waits for, from its output alone.
//!
//! Nothing on the node says "it is reading now". What there is: the output rests, and its end looks like a question.

use std::time::Duration;

use regex_lite::Regex;
use tokio::time::Instant;

use crate::model::reply::JobReport;
use crate::model::text::Cleaner;

/// Output that is shorter in coming than this has not rested.
const REST: Duration = Duration::from_millis(400);
/// A line without an end rests so long, on top of that, before it counts as a question that nobody expected.
const LONG_REST: Duration = Duration::from_secs(3);
/// So soon the node is asked again while a human types, so that the hand-back is noticed.
const WHILE_TYPING: Duration = Duration::from_secs(1);
/// So much of what was printed since the last answer is looked at (bytes, cleaned).
const LOOKED_AT: usize = 4 << 10;
/// The same before it is cleaned: colours and cursor moves take room too.
const KEPT: usize = 4 * LOOKED_AT;
/// So much of it is told (bytes).
const TOLD: usize = 2 << 10;

/// Listens to one job that asks.
#[derive(Debug)]
pub(super) struct Listener {
    expected: Vec<Expected>,
    /// The end of what was printed since the last answer, raw.
    text: Vec<u8>,
    /// Bytes of output so far: where `text` ends.
    end: u64,
    /// The last place where it was answered.
    answered: Option<u64>,
    /// Where it asked what was told last.
    told: Option<u64>,
    /// When output came last.
    last_output: Instant,
    /// Longest time without output that is not worth mentioning.
    silence: Option<Duration>,
    /// The last act at its wheel.
    act: u64,
    /// A human types into it.
    held: bool,
    /// The last place where a human handed it back.
    handed_back: Option<u64>,
    /// So many bytes of `text` were for that human: what stands in them is answered by nobody else.
    theirs: usize,
    /// It was mentioned since the last output.
    mentioned: bool,
}

#[derive(Debug)]
struct Expected {
    id: String,
    pattern: Regex,
    /// So often it may still come.
    left: u32,
}

/// Who else writes into its input, as the node has it.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Human {
    /// The last act at the wheel.
    pub(super) act: u64,
    pub(super) types: bool,
    /// The last place in the output where it was handed back.
    pub(super) handed_back: Option<u64>,
}

/// How the next look at the job is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Pace {
    /// Before the node is asked.
    pub(super) pause: Duration,
    /// How long the node may hold its answer back.
    pub(super) wait: Duration,
}

impl Listener {
    /// Expects these questions: name, pattern, how often each may come. Fails with the name of a pattern that cannot be read.
    pub(super) fn new<'a>(
        prompts: impl Iterator<Item = (&'a str, &'a str, u32)>,
        silence: Option<Duration>,
    ) -> Result<Listener, String> {
        let expected = prompts.map(|(id, pattern, times)| {
            let pattern = Regex::new(pattern);
            let pattern =
                pattern.map_err(|error| format!("the pattern of prompt {id}: {error}"))?;
            let (id, left) = (id.to_owned(), times);
            Ok(Expected { id, pattern, left })
        });
        Ok(Listener {
            expected: expected.collect::<Result<_, String>>()?,
            text: Vec::new(),
            end: 0,
            answered: None,
            told: None,
            last_output: Instant::now(),
            silence,
            act: 0,
            held: false,
            handed_back: None,
            theirs: 0,
            mentioned: false,
        })
    }

    /// Takes the next bytes of output, and all places in it where the node says that it was answered (in rising order).
    pub(super) fn hear(&mut self, log: &[u8], answered: &[u64], human: Human) {
        if !log.is_empty() {
            self.last_output = Instant::now();
            self.mentioned = false;
        }
        self.text.extend_from_slice(log);
        self.end += log.len() as u64;
        let back = human.handed_back;
        for &at in answered {
            self.come_back(back.filter(|back| *back <= at));
            if self.answered.is_none_or(|last| last < at) && at <= self.end {
                self.settle(at);
            }
        }
        // Whatever was told before, the human has had their turn since.
        if self.act != human.act {
            self.told = None;
        }
        (self.act, self.held) = (human.act, human.types);
        self.come_back(back);
        let surplus = self.text.len().saturating_sub(KEPT);
        self.text.drain(..surplus);
        self.theirs = self.theirs.saturating_sub(surplus);
    }

    /// A human had it until it had printed so much. What it waits with since then is theirs to answer, too.
    fn come_back(&mut self, at: Option<u64>) {
        let news = |at: &u64| self.handed_back.is_none_or(|last| last < *at) && *at <= self.end;
        let Some(at) = at.filter(news) else {
            return;
        };
        let since = usize::try_from(self.end - at).unwrap_or(usize::MAX);
        let later = self.text.split_off(self.text.len().saturating_sub(since));
        if let Some(index) = self.matching() {
            self.expected[index].left -= 1;
        }
        self.theirs = self.text.len();
        self.text.extend(later);
        self.handed_back = Some(at);
        self.told = None;
        self.mentioned = true;
    }

    /// What was printed up to `at` has been answered.
    fn settle(&mut self, at: u64) {
        let since = usize::try_from(self.end - at).unwrap_or(usize::MAX);
        let later = self.text.split_off(self.text.len().saturating_sub(since));
        if let Some(index) = self.matching() {
            self.expected[index].left -= 1;
        }
        self.theirs = self.theirs.saturating_sub(self.text.len());
        self.text = later;
        self.answered = Some(at);
    }

    /// The question that it waits with, unless it was told already. `alive`: the program runs and all of its output was heard.
    pub(super) fn question(&mut self, alive: bool) -> Option<JobReport> {
        let rested = self.last_output.elapsed();
        let known = self.told == Some(self.end) || self.answered == Some(self.end);
        if !alive || known || self.held || rested < REST {
            return None;
        }
        let prompt = self.matching().map(|index| self.expected[index].id.clone());
        let stuck = rested >= REST + LONG_REST && self.has_open_line();
        if prompt.is_none() && !stuck {
            return None;
        }
        self.told = Some(self.end);
        Some(JobReport::Asks {
            prompt,
            text: tail(&cleaned(&self.text), TOLD).trim_end().to_owned(),
            at: self.end,
        })
    }

    /// That nothing was printed for longer than is usual, once each time. Not while a question waits for its answer.
    pub(super) fn long_silence(&mut self) -> Option<String> {
        let silence = self.silence?;
        let asks = self.told == Some(self.end);
        if self.mentioned || asks || self.held || self.last_output.elapsed() < silence {
            return None;
        }
        self.mentioned = true;
        Some(format!(
            "nothing was printed for {} s; it is left alone",
            silence.as_secs()
        ))
    }

    /// What was told may be told again.
    pub(super) fn forget_told(&mut self) {
        self.told = None;
    }

    /// When to look again; `usual` is how long the node may hold an answer back when nothing is expected soon.
    pub(super) fn pace(&self, usual: Duration) -> Pace {
        let rested = self.last_output.elapsed();
        let (pause, wait) = if self.held {
            (Duration::ZERO, usual.min(WHILE_TYPING))
        } else if self.told == Some(self.end) || self.end == 0 {
            (Duration::ZERO, usual)
        } else if rested < REST {
            (REST - rested, Duration::ZERO)
        } else if rested < REST + LONG_REST && self.has_open_line() {
            (Duration::ZERO, LONG_REST)
        } else {
            (Duration::ZERO, usual)
        };
        Pace { pause, wait }
    }

    /// The first that matches and may still come; one that came too often is as unexpected as any other.
    fn matching(&self) -> Option<usize> {
        let text = cleaned(&self.text[self.theirs.min(self.text.len())..]);
        let text = tail(&text, LOOKED_AT);
        let found = |expected: &Expected| expected.left > 0 && expected.pattern.is_match(text);
        self.expected.iter().position(found)
    }

    fn has_open_line(&self) -> bool {
        let text = cleaned(&self.text);
        !text.is_empty() && !text.ends_with('\n')
    }
}

/// A text without control sequences. An open line has no newline at its end.
fn cleaned(raw: &[u8]) -> String {
    let mut cleaner = Cleaner::new();
    let mut text = String::new();
    for line in cleaner.feed(raw) {
        text.push_str(&line);
        text.push('\n');
    }
    text.push_str(&cleaner.finish().unwrap_or_default());
    text
}

/// At most so many bytes from the end of a text, in whole characters.
fn tail(text: &str, most: usize) -> &str {
    let mut from = text.len().saturating_sub(most);
    while !text.is_char_boundary(from) {
        from += 1;
    }
    &text[from..]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listener(prompts: &[(&str, &str, u32)]) -> Listener {
        Listener::new(prompts.iter().copied(), Some(Duration::from_secs(120))).unwrap()
    }

    async fn rest(millis: u64) {
        tokio::time::advance(Duration::from_millis(millis)).await;
    }

    const POLL: Duration = Duration::from_secs(5);

    fn asks(prompt: Option<&str>, text: &str, at: u64) -> Option<JobReport> {
        Some(JobReport::Asks {
            prompt: prompt.map(str::to_owned),
            text: text.into(),
            at,
        })
    }

    #[tokio::test(start_paused = true)]
    async fn a_question_is_told_when_the_output_rests_and_only_once() {
        let mut heard = listener(&[("license", r"accept .*\[y,n\]", 1), ("dir", "directory", 1)]);
        heard.hear(
            b"Welcome\nDo you accept the license? ",
            &[],
            Human::default(),
        );
        rest(399).await;
        assert_eq!(heard.question(true), None);
        heard.hear(b"\x1b[1m[y,n]\x1b[0m ", &[], Human::default());
        assert_eq!(heard.pace(Duration::from_secs(5)).pause, REST);
        rest(400).await;
        assert_eq!(heard.question(false), None, "it has ended");
        let text = "Welcome\nDo you accept the license? [y,n]";
        assert_eq!(heard.question(true), asks(Some("license"), text, 49));
        assert_eq!(heard.question(true), None);
        heard.forget_told();
        assert_eq!(heard.question(true), asks(Some("license"), text, 49));
        heard.hear(b"", &[49], Human::default());
        heard.forget_told();
        assert_eq!(heard.question(true), None, "answered");
        heard.hear(b"accept [y,n]? ", &[49], Human::default());
        rest(400).await;
        assert_eq!(heard.question(true), None, "not a second time");
        rest(3_000).await;
        assert_eq!(heard.question(true), asks(None, "accept [y,n]?", 63));
    }

    #[tokio::test(start_paused = true)]
    async fn what_nobody_expected_is_told_after_a_longer_rest_if_the_line_is_open() {
        let mut heard = listener(&[("dir", "directory", 9)]);
        heard.hear(b"Copying files\n", &[], Human::default());
        rest(119_999).await;
        assert_eq!(heard.question(true), None, "it works and says nothing");
        assert_eq!(heard.long_silence(), None);
        rest(1).await;
        assert!(heard.long_silence().unwrap().contains("120 s"));
        assert_eq!(heard.long_silence(), None, "once");
        heard.hear(b"Retry? ", &[], Human::default());
        rest(3_399).await;
        assert_eq!(heard.question(true), None);
        assert_eq!(heard.pace(Duration::from_secs(5)).wait, LONG_REST);
        rest(1).await;
        assert_eq!(
            heard.question(true),
            asks(None, "Copying files\nRetry?", 21)
        );
        rest(120_000).await;
        assert_eq!(heard.long_silence(), None, "it waits for us");
        assert_eq!(
            heard.pace(Duration::from_secs(5)).wait,
            Duration::from_secs(5)
        );
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_comes_later_counts_what_was_answered_before() {
        let prompts = [("more", "--More--", 2)];
        let mut heard = listener(&prompts);
        // Two pages were turned; everything comes at once, cut anywhere.
        heard.hear(b"a\n--More--b\n--Mo", &[10, 20], Human::default());
        heard.hear(b"re--c\n--More--", &[10, 20], Human::default());
        rest(3_400).await;
        assert_eq!(heard.question(true), asks(None, "c\n--More--", 30));
        let mut heard = listener(&prompts);
        heard.hear(b"a\n--More--b\n--More--", &[10], Human::default());
        rest(400).await;
        assert_eq!(heard.question(true), asks(Some("more"), "b\n--More--", 20));
    }

    #[tokio::test(start_paused = true)]
    async fn what_a_human_left_standing_is_no_expected_question_and_what_comes_next_is() {
        let mut heard = listener(&[("dir", "directory", 1), ("sure", "Sure", 1)]);
        let taken = |act, handed_back| Human {
            act,
            types: true,
            handed_back,
        };
        heard.hear(b"Pick a directory: ", &[], taken(1, None));
        rest(200_000).await;
        assert_eq!(heard.question(true), None, "a human is at it");
        assert_eq!(heard.long_silence(), None);
        assert_eq!(heard.pace(POLL).wait, WHILE_TYPING);
        let back = |act| Human {
            act,
            types: false,
            handed_back: Some(18),
        };
        heard.hear(b"", &[], back(2));
        assert_eq!(heard.long_silence(), None);
        assert_eq!(heard.question(true), asks(None, "Pick a directory:", 18));
        // Taken and handed back again, and nothing was printed meanwhile.
        heard.hear(b"", &[], taken(3, Some(18)));
        heard.hear(b"", &[], back(4));
        assert_eq!(heard.question(true), asks(None, "Pick a directory:", 18));
        heard.hear(b"\nSure? ", &[18], back(4));
        rest(400).await;
        assert_eq!(heard.question(true), asks(Some("sure"), "\nSure?", 25));
        // Whoever comes later hears it all at once.
        let mut later = listener(&[("dir", "directory", 1), ("sure", "Sure", 1)]);
        later.hear(b"Pick a directory: \nSure? ", &[18], back(4));
        rest(400).await;
        assert_eq!(later.question(true), asks(Some("sure"), "\nSure?", 25));
    }

    #[tokio::test(start_paused = true)]
    async fn a_flood_is_looked_at_from_its_end() {
        let mut heard = listener(&[("early", "EARLY", 1), ("late", r"Go\? $", 1)]);
        heard.hear(b"EARLY\n", &[], Human::default());
        for _ in 0..100 {
            heard.hear(&[b'x'; 1000], &[], Human::default());
            heard.hear(b"\n", &[], Human::default());
        }
        heard.hear("ä Go? ".as_bytes(), &[], Human::default());
        rest(400).await;
        let Some(JobReport::Asks { prompt, text, .. }) = heard.question(true) else {
            panic!("it asks");
        };
        assert_eq!(prompt.as_deref(), Some("late"));
        assert!(text.len() <= TOLD && text.ends_with("ä Go?"), "{text}");
    }
}
