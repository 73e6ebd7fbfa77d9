//! Jobs on the pretend nodes: started once, ended on the node whether or not anybody looks, told in order.

use std::collections::BTreeMap;

use super::node::{JobId, SimNode};
use super::rng::Rng;
use super::wheel::SimScreen;
use super::world::{Cause, Event, Reply, SimWorld};
use crate::model::drill::{Effect, Fault, JobFault};
use crate::model::ids::{ActionId, FactId, NodeId};
use crate::model::reply::{Claim, JobReport};
use crate::model::time::{Span, Stamp};
use crate::model::value::Value;

/// One thing for one node to do.
#[derive(Clone, Debug)]
pub struct Work {
    pub action: ActionId,
    pub attempt: u32,
    pub node: NodeId,
    /// Tells this execution from every other; asking again for the same one never runs it again.
    pub job: String,
    /// What its end makes so.
    pub then: BTreeMap<FactId, Value>,
    /// Other nodes on which it makes the same so: one command for the whole cluster.
    pub also_on: Vec<NodeId>,
    pub typical: Span,
    /// What it prints, spread evenly over its time.
    pub output: Vec<String>,
    /// What it asks first, one after another: the name of an expected question and what is printed.
    pub asks: Vec<(Option<String>, String)>,
    /// Its end takes the node down and up again.
    pub reboots: bool,
    /// It begins only while this run has the node's lock in this generation.
    pub fence: Option<u64>,
}

/// A job as the node knows it, and how much of it was told.
#[derive(Debug)]
pub(super) struct SimJob {
    pub(super) work: Work,
    pub(super) state: JobState,
    /// Whether somebody waits for its end.
    pub(super) followed: bool,
    pub(super) started: Stamp,
    /// How long it takes in all, as far as it knows: its lines are spread over it.
    pub(super) lasts: Span,
    pub(super) ends: Option<Stamp>,
    pub(super) claim: Claim,
    pub(super) effect: Effect,
    pub(super) accepted_told: bool,
    pub(super) lines_told: usize,
    /// How many of its questions were answered, and whether the next one was told on this link.
    pub(super) answered: usize,
    pub(super) asked: bool,
    /// Its screen, and who types into it.
    pub(super) screen: SimScreen,
    /// Tells the newest entry in the queue from those that it replaced.
    pub(super) end_turn: u64,
    pub(super) follow_turn: u64,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum JobState {
    Running,
    Ended(Claim),
    /// Nobody recorded its end.
    Vanished,
}

impl SimWorld {
    /// Starts a job. Where it was started or denied before, this only asks after it.
    pub fn start(&mut self, work: Work, now: Stamp) {
        self.arrive(now);
        let Some(node) = self.place(&work.node) else {
            return;
        };
        if !self.nodes[node].is_up() {
            return self.say_out_of_sight(node, work);
        }
        let id: JobId = work.job.as_str().into();
        if self.nodes[node].denied.contains(&id) {
            return self.ask_or_deny(node, &work);
        }
        if !self.nodes[node].jobs.contains_key(&id) {
            if !self.passes(node, &work) {
                let why = "this run does not have the node's lock any more".into();
                let reply = Box::new(work.reply(JobReport::NotStarted { why }));
                return self.after(Span(0), Event::Answer { node, reply });
            }
            self.run(work);
        }
        self.ask(node, id);
    }

    /// Runs a read-only step. It is no job, so that nothing is on record against it.
    pub fn read(&mut self, work: Work, now: Stamp) {
        if let Some(node) = self.place(&work.node) {
            self.nodes[node].denied.remove(work.job.as_str());
        }
        self.start(work, now);
    }

    /// Asks what became of a job and follows it to its end.
    pub fn attach(&mut self, work: Work, now: Stamp) {
        self.arrive(now);
        let Some(node) = self.place(&work.node) else {
            return;
        };
        if !self.nodes[node].is_up() {
            return self.say_out_of_sight(node, work);
        }
        self.ask_or_deny(node, &work);
    }

    /// Answers what a job asked when it had printed `at` bytes: once, and only what it waits for.
    pub fn answer(&mut self, work: &Work, at: u64, now: Stamp) {
        self.arrive(now);
        let (now, pause) = (self.now(), Span(500));
        let Some((node, id, job)) = self.reach(work) else {
            return;
        };
        if job.state != JobState::Running || job.asks_at() != Some(at) || job.screen.is_held() {
            return;
        }
        job.screen.print("\r\n");
        if job.is_answered(now) {
            self.schedule_end(node, id.clone());
        }
        self.follow_at(node, &id, now + pause);
    }

    /// Asks a job to stop. Its end is reported like any other.
    pub fn cancel(&mut self, work: &Work, now: Stamp) {
        self.arrive(now);
        let grace = Span::seconds(1);
        let ends = self.now() + grace;
        let Some((node, id, job)) = self.reach(work) else {
            return;
        };
        if job.state != JobState::Running {
            return;
        }
        job.claim = Claim::Cancelled;
        job.effect = Effect::Nothing;
        job.ends = Some(ends);
        job.lasts = ends.since(job.started);
        self.schedule_end(node, id);
    }

    /// The job's end is on record elsewhere: all but the fact that it ran is forgotten.
    pub fn acknowledge(&mut self, work: &Work, now: Stamp) {
        self.arrive(now);
        if let Some((_, _, job)) = self.reach(work)
            && job.state != JobState::Running
        {
            job.followed = false;
            job.work.output.clear();
            job.lines_told = 0;
        }
    }

    /// A human did something outside, or the world does it by itself within the typical time; at once if that is zero.
    pub fn perform(
        &mut self,
        action: &ActionId,
        effects: BTreeMap<NodeId, BTreeMap<FactId, Value>>,
        typical: Span,
        now: Stamp,
    ) {
        self.arrive(now);
        let mut rng = Rng::keyed(self.seed, &["performed", action.as_str()]);
        let mut lasts = Some(rng.around(typical));
        let first = effects.keys().next().and_then(|node| self.place(node));
        let mut effective = true;
        for (node, fault, after) in self.faults_of(action, 1, first) {
            match fault {
                Fault::Job(JobFault::Hangs) => lasts = None,
                Fault::Job(JobFault::Slow { times }) => {
                    lasts = lasts.map(|span| times_as_long(span, times));
                }
                Fault::Job(JobFault::Ends { effect, .. }) => effective = effect == Effect::Whole,
                other => {
                    let moment = after.unwrap_or_else(|| moment(&other, lasts.unwrap_or(typical)));
                    let fault = Box::new(other);
                    self.after(moment, Event::Strike { node, fault });
                }
            }
        }
        let Some(lasts) = lasts.filter(|_| effective) else {
            return;
        };
        if lasts == Span(0) {
            self.performed(&effects);
        } else {
            self.after(lasts, Event::Performed { effects });
        }
    }

    pub(super) fn performed(&mut self, effects: &BTreeMap<NodeId, BTreeMap<FactId, Value>>) {
        for (name, then) in effects {
            if let Some(node) = self.place(name) {
                self.take_effect(node, then, Effect::Whole, Cause::World);
            }
        }
    }

    /// Runs a job on its node from now on.
    pub(super) fn run(&mut self, work: Work) {
        let Some(node) = self.place(&work.node) else {
            return;
        };
        *self.executions.entry(work.action.clone()).or_default() += 1;
        // The job's id holds the run's, which differs from rehearsal to rehearsal.
        let key = ["job", work.action.as_str(), &work.attempt.to_string()];
        let lasts = Rng::keyed(self.seed, &key).around(work.typical);
        let faults = self.faults_of(&work.action, work.attempt, Some(node));
        let id: JobId = work.job.as_str().into();
        let job = SimJob {
            state: JobState::Running,
            followed: false,
            started: self.now(),
            lasts,
            // What asks goes on when it was answered.
            ends: work.asks.is_empty().then(|| self.now() + lasts),
            claim: Claim::Exited { code: 0 },
            effect: Effect::Whole,
            accepted_told: false,
            lines_told: 0,
            answered: 0,
            asked: false,
            screen: SimScreen::of(!work.asks.is_empty()),
            end_turn: 0,
            follow_turn: 0,
            work,
        };
        self.nodes[node].jobs.insert(id.clone(), job);
        self.schedule_end(node, id.clone());
        if let Some(fault) = self.disarm(node) {
            self.spoil(node, &id, fault);
        }
        for (at, fault, after) in faults {
            match fault {
                Fault::Job(fault) if at == node => self.spoil(node, &id, fault),
                other => {
                    let moment = after.unwrap_or_else(|| moment(&other, lasts));
                    let fault = Box::new(other);
                    self.after(moment, Event::Strike { node: at, fault });
                }
            }
        }
    }

    fn disarm(&mut self, node: usize) -> Option<JobFault> {
        let armed = &mut self.nodes[node].wrong.armed;
        (!armed.is_empty()).then(|| armed.remove(0))
    }

    /// Something goes wrong with a running job.
    pub(super) fn spoil(&mut self, node: usize, id: &JobId, fault: JobFault) {
        let now = self.now();
        let Some(job) = self.nodes[node].jobs.get_mut(id) else {
            return;
        };
        match fault {
            JobFault::Hangs => job.ends = None,
            JobFault::Slow { times } => {
                let left = job.ends.unwrap_or(now).since(now);
                let ends = now + times_as_long(left, times);
                job.ends = job.ends.map(|_| ends);
                job.lasts = ends.since(job.started);
            }
            JobFault::Asks => {
                let question = (None, "Overwrite changed files? [y/N] ".to_string());
                job.work.asks.insert(job.answered, question);
                job.screen.reads = true;
                job.asked = false;
                job.ends = None;
                self.follow_at(node, id, now);
            }
            JobFault::Ends { code, effect } => {
                job.claim = Claim::Exited { code };
                job.effect = effect;
            }
        }
        self.schedule_end(node, id.clone());
    }

    /// Puts the job's end in the queue, in place of an earlier one.
    pub(super) fn schedule_end(&mut self, node: usize, id: JobId) {
        let Some(job) = self.nodes[node].jobs.get_mut(&id) else {
            return;
        };
        job.end_turn += 1;
        let turn = job.end_turn;
        if let Some(ends) = job.ends {
            self.queue.push(
                ends,
                Event::JobEnds {
                    node,
                    job: id,
                    turn,
                },
            );
        }
    }

    /// A job that hangs is let go: it ends now.
    pub(super) fn unhang(&mut self, node: usize) {
        let now = self.now();
        let mut hanging = Vec::new();
        for (id, job) in &mut self.nodes[node].jobs {
            if job.state == JobState::Running && job.ends.is_none() && job.asks_at().is_none() {
                job.ends = Some(now);
                hanging.push(id.clone());
            }
        }
        for id in hanging {
            self.schedule_end(node, id);
        }
    }

    /// A job's end on the node: its effect comes about, and whoever follows it is told.
    pub(super) fn job_ends(&mut self, node: usize, id: &JobId, turn: u64) {
        let Some(job) = self.nodes[node].jobs.get_mut(id) else {
            return;
        };
        if job.end_turn != turn || job.state != JobState::Running {
            return;
        }
        job.state = JobState::Ended(job.claim.clone());
        let (work, effect) = (job.work.clone(), job.effect);
        let meant = job.claim == Claim::Exited { code: 0 };
        if job.work.reboots && meant {
            // A node that goes down leaves no record of the program that took it down.
            job.state = JobState::Vanished;
            let away = Span((job.work.typical.0 / 4).max(5_000));
            self.work_takes_effect(node, &work, effect, Cause::Job);
            return self.go_down(node, "the node goes down", away, Effect::Nothing);
        }
        self.follow_at(node, id, self.now());
        self.work_takes_effect(node, &work, effect, Cause::Job);
    }

    /// The node loses power: running jobs leave no record of their end.
    pub(super) fn jobs_vanish(&mut self, node: usize, effect: Effect) {
        let mut lost = Vec::new();
        for job in self.nodes[node].jobs.values_mut() {
            if job.state == JobState::Running {
                job.state = JobState::Vanished;
                lost.push(job.work.clone());
            }
        }
        for work in lost {
            self.work_takes_effect(node, &work, effect, Cause::World);
        }
    }

    /// What a job brings about, on its own node and on the others that it concerns.
    fn work_takes_effect(&mut self, node: usize, work: &Work, effect: Effect, cause: Cause) {
        self.take_effect(node, &work.then, effect, cause);
        for other in &work.also_on {
            if let Some(other) = self.place(other) {
                self.take_effect(other, &work.then, effect, Cause::World);
            }
        }
    }

    fn reach(&mut self, work: &Work) -> Option<(usize, JobId, &mut SimJob)> {
        let node = self.place(&work.node)?;
        let it: &mut SimNode = &mut self.nodes[node];
        if !it.is_up() {
            return None;
        }
        let id: JobId = work.job.as_str().into();
        let job = it.jobs.get_mut(&id)?;
        Some((node, id, job))
    }
}

impl Work {
    pub(super) fn reply(&self, report: JobReport) -> Reply {
        Reply::Job {
            action: self.action.clone(),
            attempt: self.attempt,
            node: self.node.clone(),
            report,
        }
    }
}

/// So many times as long, without running over.
fn times_as_long(span: Span, times: u32) -> Span {
    Span(span.0.saturating_mul(u64::from(times)))
}

/// When a fault strikes that belongs to an action of this length: amid it, or at its end for what happens behind our back.
fn moment(fault: &Fault, lasts: Span) -> Span {
    match fault {
        Fault::LinkLost { .. }
        | Fault::Unreachable { .. }
        | Fault::PowerCut { .. }
        | Fault::HostKey(_)
        | Fault::ProbeSilent { .. }
        | Fault::Unknown { .. }
        | Fault::Job(_) => Span(lasts.0 / 3),
        Fault::ComesBack { .. }
        | Fault::PrimaryMoves { .. }
        | Fault::CheckFails { .. }
        | Fault::Locked
        | Fault::Mended => lasts,
    }
}
