//! What is told about a job: its acceptance, its lines and its end, one at a time and in this order, however often the link
//! drops in between.

use super::jobs::{JobState, SimJob, Work};
use super::links::out_of_sight;
use super::node::JobId;
use super::world::{Event, Reply, SimWorld};
use crate::model::lines::Lines;
use crate::model::reply::{Claim, JobReport};
use crate::model::telemetry::{Stream, Telemetry};
use crate::model::time::{Span, Stamp};

impl SimWorld {
    /// Asks after a job that the node knows; denies one that it has never seen, and from then on never starts it.
    pub(super) fn ask_or_deny(&mut self, node: usize, work: &Work) {
        let id: JobId = work.job.as_str().into();
        if self.nodes[node].jobs.contains_key(&id) {
            return self.ask(node, id);
        }
        self.nodes[node].denied.insert(id);
        let why = format!("{} has no record of {}", work.node, work.action);
        let reply = Box::new(work.reply(JobReport::NotStarted { why }));
        let latency = self.latency(node, without_run(&work.job));
        self.after(latency, Event::Answer { node, reply });
    }

    /// Asks after a job: told from here on are its acceptance, the lines not told yet and its end.
    pub(super) fn ask(&mut self, node: usize, id: JobId) {
        let at = self.now() + self.latency(node, without_run(&id));
        if let Some(job) = self.nodes[node].jobs.get_mut(&id) {
            job.followed = true;
            job.accepted_told = false;
            job.asked = false;
            self.follow_at(node, &id, at);
        }
    }

    /// Sets when the next thing about a job is told, in place of an earlier moment.
    pub(super) fn follow_at(&mut self, node: usize, id: &JobId, at: Stamp) {
        let Some(job) = self.nodes[node].jobs.get_mut(id) else {
            return;
        };
        job.follow_turn += 1;
        let turn = job.follow_turn;
        let job = id.clone();
        self.queue.push(at, Event::Follow { node, job, turn });
    }

    /// Tells the next thing about a job: one at a time, in order.
    pub(super) fn follow(&mut self, node: usize, id: &JobId, turn: u64) -> Option<Reply> {
        let now = self.now();
        let up = self.nodes[node].is_up();
        let job = self.nodes[node].jobs.get_mut(id)?;
        if !up || !job.followed || job.follow_turn != turn {
            return None;
        }
        let reply = job.tell(now);
        let again = job.next_at(now);
        if let Some(at) = again {
            self.follow_at(node, id, at);
        }
        reply
    }

    /// The node cannot be asked. When the link is back the question is asked again; a job that was never sent stays so.
    pub(super) fn say_out_of_sight(&mut self, node: usize, work: Work) {
        let it = &mut self.nodes[node];
        let why = format!("no connection to {}", it.name);
        let id: JobId = work.job.as_str().into();
        let reply = Box::new(work.reply(out_of_sight(&why)));
        match it.jobs.get_mut(&id) {
            Some(job) => job.followed = true,
            None => it.unanswered.push(work),
        }
        self.after(Span(0), Event::Unlinked(reply));
    }

    /// Asks again what was asked while the node could not answer.
    pub(super) fn ask_again(&mut self, node: usize) {
        for work in std::mem::take(&mut self.nodes[node].unanswered) {
            self.ask_or_deny(node, &work);
        }
    }
}

impl SimJob {
    /// The next thing to tell, if its moment has come.
    fn tell(&mut self, now: Stamp) -> Option<Reply> {
        if !self.accepted_told {
            self.accepted_told = true;
            return Some(self.work.reply(JobReport::Accepted));
        }
        if let (Some(_), JobState::Running) = (self.asks_at(), &self.state) {
            self.show_question();
        }
        if let Some(known) = self.tell_keys() {
            return Some(known);
        }
        if let Some(printed) = self.tell_screen(now) {
            return Some(printed);
        }
        if let (Some(at), JobState::Running) = (self.asks_at(), &self.state) {
            return self.ask_told(at);
        }
        if self.next_line_at().is_some_and(|at| at <= now) {
            return Some(self.tell_line(now));
        }
        let report = match &self.state {
            JobState::Running => return None,
            JobState::Ended(claim) => JobReport::Ended {
                claim: claim.clone(),
            },
            JobState::Vanished => JobReport::Vanished {
                why: format!("{} was booted while the job ran", self.work.node),
            },
        };
        self.followed = false;
        Some(self.work.reply(report))
    }

    /// When there is something more to tell, as far as it is known now.
    fn next_at(&self, now: Stamp) -> Option<Stamp> {
        if !self.followed {
            return None;
        }
        if self.screen.has_news() {
            return Some(now);
        }
        match self.state {
            JobState::Running if self.asks_at().is_some() => {
                (!self.asked && !self.screen.is_held()).then_some(now)
            }
            JobState::Running => self.next_line_at().map(|at| at.max(now)),
            JobState::Ended(_) | JobState::Vanished => Some(now),
        }
    }

    /// How much it has printed when it waits for an answer; nothing if it does not wait.
    pub(super) fn asks_at(&self) -> Option<u64> {
        let printed = self.work.asks.get(..=self.answered)?;
        Some(printed.iter().map(|(_, says)| says.len() as u64).sum())
    }

    fn ask_told(&mut self, at: u64) -> Option<Reply> {
        if self.asked || self.screen.is_held() {
            return None;
        }
        self.asked = true;
        let (prompt, text) = self.work.asks.get(self.answered)?.clone();
        let prompt = prompt.filter(|_| self.screen.settled != Some(self.answered));
        Some(self.work.reply(JobReport::Asks { prompt, text, at }))
    }

    fn tell_line(&mut self, at: Stamp) -> Reply {
        let text = self.work.output[self.lines_told].clone();
        self.lines_told += 1;
        if self.screen.reads {
            self.screen.print(&text);
            self.screen.print("\r\n");
        }
        Reply::Telemetry(Telemetry::Output {
            action: self.work.action.clone(),
            attempt: self.work.attempt,
            node: self.work.node.clone(),
            stream: Stream::Out,
            lines: Lines::one(&text),
            at,
        })
    }

    /// When the next line is printed: the lines are spread evenly between start and end. What did not get that far when
    /// the job was cut short was never printed; a job that hangs stops half-way.
    fn next_line_at(&self) -> Option<Stamp> {
        let lines = self.work.output.len();
        let hangs = self.ends.is_none() && self.lines_told * 2 >= lines;
        let cut = self.state == JobState::Vanished || self.claim == Claim::Cancelled;
        if self.lines_told >= lines || hangs || cut {
            return None;
        }
        let share = self.lasts.0 / (lines as u64 + 1);
        Some(self.started + Span(share * (self.lines_told as u64 + 1)))
    }
}

/// A job's id without its run's: the same in every rehearsal, so that the same seed gives the same one.
fn without_run(job: &str) -> &str {
    job.split_once('.').map_or(job, |(_, rest)| rest)
}
