//! The screen of a pretend program, and a human who types into it: to practise on.

use std::collections::VecDeque;

use super::jobs::{JobState, SimJob, Work};
use super::node::JobId;
use super::world::{Event, Reply, SimWorld};
use crate::model::dialogue::asks_for_secret;
use crate::model::reply::JobReport;
use crate::model::telemetry::Telemetry;
use crate::model::time::{Span, Stamp};
use crate::model::wheel::{Does, WheelAct};

/// How long the program takes to answer a key.
const ECHO: Span = Span(150);

/// What a pretend program shows, and who types into it.
#[derive(Debug, Default)]
pub(super) struct SimScreen {
    /// Printed and not told yet.
    news: VecDeque<u8>,
    /// Bytes told so far.
    told: u64,
    /// It reads what is typed: its screen is told.
    pub(super) reads: bool,
    /// The last act at its wheel that was done, and the last one that typed something.
    act: u64,
    typed: u64,
    /// Whoever follows it is to be told which keys arrived.
    owes: bool,
    held: bool,
    /// The question that stands on it, and the one that stood there when the wheel was handed back.
    shown: Option<usize>,
    pub(super) settled: Option<usize>,
    /// What was typed since the last Enter.
    line: String,
}

impl SimScreen {
    pub(super) fn of(reads: bool) -> SimScreen {
        SimScreen {
            reads,
            ..SimScreen::default()
        }
    }

    pub(super) fn print(&mut self, text: &str) {
        self.news.extend(text.as_bytes());
    }

    pub(super) fn has_news(&self) -> bool {
        self.owes || (self.reads && !self.news.is_empty())
    }

    pub(super) fn is_held(&self) -> bool {
        self.held
    }
}

impl SimWorld {
    /// An act at the wheel of a job's program: done once, if it still runs.
    pub fn wheel(&mut self, work: &Work, act: &WheelAct, now: Stamp) {
        self.arrive(now);
        let now = self.now();
        let Some(node) = self.place(&work.node) else {
            return;
        };
        let up = self.nodes[node].is_up();
        let id: JobId = work.job.as_str().into();
        let Some(job) = self.nodes[node].jobs.get_mut(&id) else {
            return;
        };
        if !up && matches!(act.does, Does::Type(_)) {
            // What is sent on a broken link never arrives.
            job.screen.act = act.number;
            job.screen.owes = true;
            let why = format!("no connection to {}", work.node);
            let act = act.number;
            let reply = Box::new(work.reply(JobReport::KeysInDoubt { act, why }));
            return self.after(Span(0), Event::Unlinked(reply));
        }
        job.screen.owes |= act.does == Does::HandBack;
        if job.state != JobState::Running || act.number <= job.screen.act {
            return;
        }
        job.screen.act = act.number;
        let mut went_on = false;
        match &act.does {
            Does::Take => job.screen.held = true,
            Does::Type(keys) => {
                job.screen.typed = act.number;
                went_on = job.typed(&String::from_utf8_lossy(keys.bytes()), now);
            }
            Does::HandBack => {
                job.screen.held = false;
                job.screen.settled = Some(job.answered);
                job.asked = false;
            }
        }
        if went_on {
            self.schedule_end(node, id.clone());
        }
        self.follow_at(node, &id, now + ECHO);
    }
}

impl SimJob {
    /// What it asks was answered; whether it asks no more, and goes on.
    pub(super) fn is_answered(&mut self, now: Stamp) -> bool {
        self.answered += 1;
        self.asked = false;
        let goes_on = self.asks_at().is_none();
        if goes_on {
            self.started = now;
            self.ends = Some(now + self.lasts);
        }
        goes_on
    }

    /// It reads lines: what is typed is echoed unless it asks for a secret, and Enter ends an answer.
    fn typed(&mut self, keys: &str, now: Stamp) -> bool {
        let mut went_on = false;
        for key in keys.chars() {
            let question = self.work.asks.get(self.answered);
            let hidden = question.is_none_or(|(_, says)| asks_for_secret(says));
            match key {
                '\r' | '\n' if question.is_some() => {
                    self.screen.line.clear();
                    self.screen.print("\r\n");
                    went_on |= self.is_answered(now);
                }
                '\x7f' if self.screen.line.pop().is_some() && !hidden => {
                    self.screen.print("\x08 \x08");
                }
                key if !key.is_control() => {
                    self.screen.line.push(key);
                    if !hidden {
                        self.screen.print(key.encode_utf8(&mut [0; 4]));
                    }
                }
                _ => {}
            }
        }
        went_on
    }

    /// The question that it waits with stands on its screen, once.
    pub(super) fn show_question(&mut self) {
        if self.screen.shown == Some(self.answered) {
            return;
        }
        self.screen.shown = Some(self.answered);
        if let Some((_, says)) = self.work.asks.get(self.answered) {
            let lines: Vec<&str> = says.split('\n').collect();
            self.screen.news.extend(lines.join("\r\n").as_bytes());
        }
    }

    /// What was printed since the screen was told last.
    pub(super) fn tell_screen(&mut self, at: Stamp) -> Option<Reply> {
        let bytes: Vec<u8> = self.screen.news.drain(..).collect();
        if bytes.is_empty() || !self.screen.reads {
            return None;
        }
        let offset = self.screen.told;
        self.screen.told += bytes.len() as u64;
        Some(Reply::Telemetry(Telemetry::Printed {
            action: self.work.action.clone(),
            attempt: self.work.attempt,
            node: self.work.node.clone(),
            offset,
            bytes: bytes.into(),
            at,
        }))
    }

    /// Which keys arrived, once after each time that somebody wonders.
    pub(super) fn tell_keys(&mut self) -> Option<Reply> {
        let typed = self.screen.typed;
        std::mem::take(&mut self.screen.owes).then(|| {
            let unsure = typed;
            self.work.reply(JobReport::KeysKnown { typed, unsure })
        })
    }
}
