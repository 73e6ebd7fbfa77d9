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
            mentioned: false,
        })
    }

    /// Takes the next bytes of output, and all places in it where the node says that it was answered (in rising order).
    pub(super) fn hear(&mut self, log: &[u8], answered: &[u64]) {
        if !log.is_empty() {
            self.last_output = Instant::now();
            self.mentioned = false;
        }
        self.text.extend_from_slice(log);
        self.end += log.len() as u64;
        for &at in answered {
            if self.answered.is_none_or(|last| last < at) && at <= self.end {
                self.settle(at);
            }
        }
        let surplus = self.text.len().saturating_sub(KEPT);
        self.text.drain(..surplus);
    }

    /// What was printed up to `at` has been answered.
    fn settle(&mut self, at: u64) {
        let since = usize::try_from(self.end - at).unwrap_or(usize::MAX);
        let later = self.text.split_off(self.text.len().saturating_sub(since));
        if let Some(index) = self.matching() {
            self.expected[index].left -= 1;
        }
        self.text = later;
        self.answered = Some(at);
    }

    /// The question that it waits with, unless it was told already. `alive`: the program runs and all of its output was heard.
    pub(super) fn question(&mut self, alive: bool) -> Option<JobReport> {
        let rested = self.last_output.elapsed();
        let known = self.told == Some(self.end) || self.answered == Some(self.end);
        if !alive || known || rested < REST {
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
            text: tail(&self.cleaned(), TOLD).trim_end().to_owned(),
            at: self.end,
        })
    }

    /// That nothing was printed for longer than is usual, once each time. Not while a question waits for its answer.
    pub(super) fn long_silence(&mut self) -> Option<String> {
        let silence = self.silence?;
        let asks = self.told == Some(self.end);
        if self.mentioned || asks || self.last_output.elapsed() < silence {
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
        let (pause, wait) = if self.told == Some(self.end) || self.end == 0 {
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
        let text = self.cleaned();
        let text = tail(&text, LOOKED_AT);
        let found = |expected: &Expected| expected.left > 0 && expected.pattern.is_match(text);
        self.expected.iter().position(found)
    }

    fn has_open_line(&self) -> bool {
        let text = self.cleaned();
        !text.is_empty() && !text.ends_with('\n')
    }

    /// The text without control sequences. An open line has no newline at its end.
    fn cleaned(&self) -> String {
        let mut cleaner = Cleaner::new();
        let mut text = String::new();
        for line in cleaner.feed(&self.text) {
            text.push_str(&line);
            text.push('\n');
        }
        text.push_str(&cleaner.finish().unwrap_or_default());
        text
    }
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
        heard.hear(b"Welcome\nDo you accept the license? ", &[]);
        rest(399).await;
        assert_eq!(heard.question(true), None);
        heard.hear(b"\x1b[1m[y,n]\x1b[0m ", &[]);
        assert_eq!(heard.pace(Duration::from_secs(5)).pause, REST);
        rest(400).await;
        assert_eq!(heard.question(false), None, "it has ended");
        let text = "Welcome\nDo you accept the license? [y,n]";
        assert_eq!(heard.question(true), asks(Some("license"), text, 49));
        assert_eq!(heard.question(true), None);
        heard.forget_told();
        assert_eq!(heard.question(true), asks(Some("license"), text, 49));
        heard.hear(b"", &[49]);
        heard.forget_told();
        assert_eq!(heard.question(true), None, "answered");
        heard.hear(b"accept [y,n]? ", &[49]);
        rest(400).await;
        assert_eq!(heard.question(true), None, "not a second time");
        rest(3_000).await;
        assert_eq!(heard.question(true), asks(None, "accept [y,n]?", 63));
    }

    #[tokio::test(start_paused = true)]
    async fn what_nobody_expected_is_told_after_a_longer_rest_if_the_line_is_open() {
        let mut heard = listener(&[("dir", "directory", 9)]);
        heard.hear(b"Copying files\n", &[]);
        rest(119_999).await;
        assert_eq!(heard.question(true), None, "it works and says nothing");
        assert_eq!(heard.long_silence(), None);
        rest(1).await;
        assert!(heard.long_silence().unwrap().contains("120 s"));
        assert_eq!(heard.long_silence(), None, "once");
        heard.hear(b"Retry? ", &[]);
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
        heard.hear(b"a\n--More--b\n--Mo", &[10, 20]);
        heard.hear(b"re--c\n--More--", &[10, 20]);
        rest(3_400).await;
        assert_eq!(heard.question(true), asks(None, "c\n--More--", 30));
        let mut heard = listener(&prompts);
        heard.hear(b"a\n--More--b\n--More--", &[10]);
        rest(400).await;
        assert_eq!(heard.question(true), asks(Some("more"), "b\n--More--", 20));
    }

    #[tokio::test(start_paused = true)]
    async fn a_flood_is_looked_at_from_its_end() {
        let mut heard = listener(&[("early", "EARLY", 1), ("late", r"Go\? $", 1)]);
        heard.hear(b"EARLY\n", &[]);
        for _ in 0..100 {
            heard.hear(&[b'x'; 1000], &[]);
            heard.hear(b"\n", &[]);
        }
        heard.hear("ä Go? ".as_bytes(), &[]);
        rest(400).await;
        let Some(JobReport::Asks { prompt, text, .. }) = heard.question(true) else {
            panic!("it asks");
        };
        assert_eq!(prompt.as_deref(), Some("late"));
        assert!(text.len() <= TOLD && text.ends_with("ä Go?"), "{text}");
    }
}
