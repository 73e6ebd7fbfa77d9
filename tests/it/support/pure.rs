//! A run without a runtime: the engine and the simulated cluster, stepped by hand. Everything the driver does is done here
//! in a few lines, so that a story can look between any two steps.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use holdpoint::engine::brief::{Brief, Goal, Mode, Person};
use holdpoint::engine::effect::Effect;
use holdpoint::engine::event::{Entry, Event, Opening};
use holdpoint::engine::hold::{self, Expect, Hold};
use holdpoint::engine::input::{Input, Says, Timer};
use holdpoint::engine::plan::Work as Task;
use holdpoint::engine::state::RunState;
use holdpoint::engine::summary::Exit;
use holdpoint::engine::{recover, turn};
use holdpoint::model::cluster::Cluster;
use holdpoint::model::dialogue::Answer;
use holdpoint::model::drill::Fault;
use holdpoint::model::ids::{ActionId, NodeId, RunId};
use holdpoint::model::procedure::Procedure;
use holdpoint::model::telemetry::Telemetry;
use holdpoint::model::time::{Span, Stamp};
use holdpoint::model::wheel::WheelAct;
use holdpoint::sim::{Reply, SimWorld, Work, twin};

/// How many steps a story may take before it is called endless.
const ENOUGH: usize = 200_000;

pub struct PureRun {
    pub brief: Arc<Brief>,
    pub state: RunState,
    pub world: SimWorld,
    pub now: Stamp,
    /// Everything told so far: what a journal would hold.
    pub entries: Vec<Entry>,
    /// Every change that was sent, in order.
    pub sent: Vec<(ActionId, u32)>,
    /// Every answer to a program that was sent, with how much that had printed.
    pub answers: Vec<(ActionId, u64, Answer)>,
    /// Every act at a wheel that was sent.
    pub acts: Vec<(ActionId, u32, WheelAct)>,
    /// What pretended programs printed, for whoever looks at their screens.
    pub printed: Vec<Telemetry>,
    pub exit: Option<Exit>,
    intents: BTreeSet<(ActionId, u32)>,
    timers: BTreeMap<(Stamp, u64), Timer>,
    timer_seq: u64,
    /// Looked at after every step.
    pub watch: fn(&PureRun),
}

pub fn procedure(id: &str) -> Procedure {
    let text = holdpoint::catalog::text(id).unwrap_or_else(|| panic!("{id} is in the catalogue"));
    holdpoint::parse::procedure(text, id)
        .unwrap_or_else(|wrong| panic!("{wrong}"))
        .value
}

pub fn person() -> Person {
    Person {
        user: "ana".into(),
        host: "jump-1".into(),
    }
}

impl PureRun {
    pub fn new(id: &str, nodes: usize, seed: u64) -> PureRun {
        Self::of(procedure(id), nodes, seed)
    }

    /// A rehearsal of this procedure.
    pub fn of(procedure: Procedure, nodes: usize, seed: u64) -> PureRun {
        let cluster = twin(&procedure, nodes).expect("the procedure can be rehearsed");
        Self::on(procedure, cluster, seed)
    }

    /// A rehearsal of this procedure on a pretend cluster of this shape.
    pub fn on(procedure: Procedure, cluster: Cluster, seed: u64) -> PureRun {
        let world = SimWorld::new(Arc::new(procedure.clone()), &cluster, None, seed);
        let brief = Arc::new(Brief::new(procedure, cluster, Mode::Rehearse, Goal::Walk));
        PureRun {
            state: RunState::new(Arc::clone(&brief)),
            brief,
            world,
            now: Stamp(0),
            entries: Vec::new(),
            sent: Vec::new(),
            answers: Vec::new(),
            acts: Vec::new(),
            printed: Vec::new(),
            exit: None,
            intents: BTreeSet::new(),
            timers: BTreeMap::new(),
            timer_seq: 0,
            watch: |_| {},
        }
    }

    pub fn open(&mut self) {
        let opening = Opening {
            run: RunId::new("test"),
            mode: Mode::Rehearse,
            goal: Goal::Walk,
            program: "test".into(),
            cluster: self.brief.cluster.name.clone(),
            procedure: self.brief.procedure.id.clone(),
            target: self.brief.cluster.target.clone(),
            procedure_hash: String::new(),
            cluster_hash: String::new(),
            by: person(),
            wall: 0,
            seed: None,
        };
        self.take(&Input::Open(Box::new(opening)));
    }

    /// Dies, and comes back after `away`: only what was told is known, the nodes live on.
    pub fn crash_and_resume_after(&mut self, away: Span) {
        let back = self.now + away;
        while self.world.due().is_some_and(|due| due <= back) {
            self.world.step(back);
        }
        self.now = back;
        self.crash_and_resume();
    }

    /// Dies and comes back: only what was told is known, the nodes live on.
    pub fn crash_and_resume(&mut self) {
        let plan = self.state.plan.clone();
        let mut state = RunState::new(Arc::clone(&self.brief));
        let entries: Vec<Entry> = self
            .entries
            .iter()
            .map(|entry| {
                let line = serde_json::to_string(entry).expect("entries serialise");
                serde_json::from_str(&line).expect("what was written can be read")
            })
            .collect();
        recover::replay(&mut state, entries, plan.as_ref());
        self.state = state;
        self.timers.clear();
        self.exit = None;
        self.take(&Input::Resume {
            by: person(),
            reason: None,
            wall: 0,
            torn: None,
        });
    }

    pub fn take(&mut self, input: &Input) {
        let decision = turn(&mut self.state, input, self.now);
        for entry in &decision.events {
            if let Event::ActionStarted {
                action, attempt, ..
            } = &entry.event
            {
                self.intents.insert((action.clone(), *attempt));
            }
        }
        self.entries.extend(decision.events);
        for effect in decision.effects {
            self.act(effect);
        }
        (self.watch)(self);
    }

    fn act(&mut self, effect: Effect) {
        let (world, now) = (&mut self.world, self.now);
        match effect {
            Effect::Connect { node } => world.connect(&node, now),
            Effect::Reconnect { node } => world.reconnect(&node, now),
            Effect::HostKey {
                node,
                fingerprint,
                accept,
            } => world.host_key(&node, &fingerprint, accept, now),
            Effect::Probe { node } => world.probe(&node, now),
            Effect::Watch { node } => world.watch(&node, now),
            Effect::Check { node, check } => world.check(&node, &check, now),
            Effect::Start { action, attempt } => {
                let told = self.intents.contains(&(action.clone(), attempt));
                assert!(
                    told,
                    "{action} attempt {attempt} was sent before its intent was told"
                );
                self.sent.push((action.clone(), attempt));
                let work = self.work(&action, attempt);
                self.world.start(work, now);
            }
            Effect::Read { action, attempt } => {
                let mut work = self.work(&action, attempt);
                work.then.clear();
                work.fence = None;
                self.world.start(work, now);
            }
            Effect::Attach { action, attempt } => {
                let work = self.work(&action, attempt);
                self.world.attach(work, now);
            }
            Effect::Answer {
                action,
                attempt,
                at,
                answer,
            } => {
                self.answers.push((action.clone(), at, answer));
                let work = self.work(&action, attempt);
                self.world.answer(&work, at, now);
            }
            Effect::Wheel {
                action,
                attempt,
                act,
            } => {
                self.acts.push((action.clone(), attempt, act.clone()));
                let work = self.work(&action, attempt);
                self.world.wheel(&work, &act, now);
            }
            Effect::Cancel { action, attempt } => {
                let work = self.work(&action, attempt);
                self.world.cancel(&work, now);
            }
            Effect::Acknowledge { action, attempt } => {
                if self
                    .state
                    .actions
                    .get(&action)
                    .is_some_and(|record| record.action().node.is_some())
                {
                    let work = self.work(&action, attempt);
                    self.world.acknowledge(&work, now);
                }
            }
            Effect::Lock { node, ask } => world.lock(&node, ask, now),
            Effect::Performed {
                action,
                effects,
                typical,
            } => world.perform(&action, effects, typical, now),
            Effect::Timer { timer, at } => {
                self.timer_seq += 1;
                self.timers.insert((at, self.timer_seq), timer);
            }
            Effect::End(exit) => self.exit = Some(exit),
        }
    }

    fn work(&self, action: &ActionId, attempt: u32) -> Work {
        let record = &self.state.actions[action];
        let planned = record.action();
        let output = match &planned.work {
            Task::Change { output, .. } | Task::Read { output, .. } => output.clone(),
            _ => Vec::new(),
        };
        let prompts = planned.work.dialogue().into_iter().flat_map(|d| &d.prompts);
        let asks =
            prompts.filter_map(|prompt| Some((Some(prompt.id.clone()), prompt.says.clone()?)));
        let node = planned.node.clone().expect("what is sent has a node");
        Work {
            fence: self.state.fence(&node).map(|fence| fence.generation),
            asks: asks.collect(),
            reboots: planned.work.reboots(),
            action: action.clone(),
            attempt,
            node,
            job: self.state.job_id(action, attempt),
            then: planned.then.clone(),
            also_on: planned.others(),
            typical: record.stage.typical,
            output,
        }
    }

    /// Goes on until something waits for a human, the session ends, or nothing is under way.
    pub fn settle(&mut self) {
        for _ in 0..ENOUGH {
            if self.exit.is_some() || !self.holds().is_empty() || !self.step() {
                return;
            }
        }
        panic!("the story never settles; last: {:?}", self.entries.last());
    }

    /// Lets virtual time go on, holds or not.
    pub fn run_for(&mut self, span: Span) {
        let end = self.now + span;
        for _ in 0..ENOUGH {
            if self.exit.is_some() || self.next_moment().is_none_or(|next| next > end) {
                self.now = self.now.max(end);
                return;
            }
            self.step();
        }
        panic!("the story never gets there");
    }

    fn next_moment(&self) -> Option<Stamp> {
        let timer = self.timers.keys().next().map(|(at, _)| *at);
        [self.world.due(), timer].into_iter().flatten().min()
    }

    /// One thing that happens by itself; whether there was one.
    pub fn step(&mut self) -> bool {
        let Some(next) = self.next_moment() else {
            return false;
        };
        self.now = self.now.max(next);
        if self.world.due().is_some_and(|due| due <= self.now) {
            if let Some(reply) = self.world.step(self.now) {
                self.reply(reply);
            }
            return true;
        }
        if let Some(((_, _), timer)) = self.timers.pop_first() {
            self.take(&Input::Timer(timer));
        }
        true
    }

    fn reply(&mut self, reply: Reply) {
        let input = match reply {
            Reply::Link { node, report } => Input::Link { node, report },
            Reply::Reading {
                node,
                probe,
                reading,
            } => Input::Reading {
                node,
                probe,
                reading,
            },
            Reply::Check {
                node,
                check,
                output,
            } => Input::Check {
                node,
                check,
                output,
            },
            Reply::Job {
                action,
                attempt,
                node,
                report,
            } => Input::Job {
                action,
                attempt,
                node,
                report,
            },
            Reply::Lock { node, report } => Input::Lock { node, report },
            Reply::Telemetry(Telemetry::Heartbeat { .. }) => Input::Heartbeat,
            Reply::Telemetry(passing) => return self.printed.push(passing),
        };
        self.take(&input);
    }

    pub fn holds(&self) -> Vec<Hold> {
        hold::holds(&self.state)
    }

    pub fn says(&mut self, says: Says) {
        self.take(&Input::Operator { by: person(), says });
    }

    /// Answers a hold with a line, as the line protocol would.
    pub fn answer(&mut self, hold: &Hold, line: &str) {
        let says =
            hold::answer(hold, line).unwrap_or_else(|why| panic!("{line} at {}: {why}", hold.id));
        self.says(says);
    }

    /// What a patient operator answers: yes to what is asked, the phrase to a gate.
    pub fn good_answer(hold: &Hold) -> String {
        match &hold.expect {
            Expect::Type(phrase) | Expect::TypeOr(phrase, _) => phrase.clone(),
            Expect::Fingerprint(_) => "yes".into(),
            Expect::Secret => "secret".into(),
            Expect::Options(options) => {
                let first = options.first().expect("a hold offers something");
                match first.note {
                    Some(_) => format!("{} checked", first.id),
                    None => first.id.to_string(),
                }
            }
        }
    }

    /// Answers everything patiently until the run ends or `stop` says so; the ids of the holds that were met.
    pub fn walk(&mut self, stop: impl Fn(&PureRun) -> bool) -> Vec<String> {
        let mut met = Vec::new();
        for _ in 0..10_000 {
            self.settle();
            if self.exit.is_some() || stop(self) {
                return met;
            }
            let Some(hold) = self.holds().first().cloned() else {
                panic!(
                    "{:#?}\nnothing happens and nothing is asked: {}",
                    self.tail(),
                    self.standing()
                );
            };
            met.push(format!("{} {}", hold.kind.name(), hold.id));
            let line = Self::good_answer(&hold);
            self.answer(&hold, &line);
        }
        panic!(
            "{:#?} the walk never ends; holds: {:?}",
            self.tail(),
            &met[met.len().saturating_sub(5)..]
        );
    }

    /// The newest events, for telling where a story went wrong.
    pub fn tail(&self) -> Vec<String> {
        let newest = self.entries.iter().rev().take(15).rev();
        newest
            .map(|entry| format!("{} {:?}", entry.at, entry.event))
            .collect()
    }

    fn standing(&self) -> String {
        let state = &self.state;
        let active: Vec<_> = state
            .active
            .iter()
            .map(|id| (id, &state.actions[id].state))
            .collect();
        format!(
            "{:?}; held {:?}; review {}; active {active:?}; unread {:?}; now {}",
            state.part, state.held, state.resume_review, state.sight.unread, self.now
        )
    }

    pub fn inflict(&mut self, node: &str, fault: Fault) {
        self.world
            .inflict(&NodeId::new(node), fault, self.now)
            .expect("the fault fits");
    }

    /// Names of the events told so far, for stories.
    pub fn told(&self, name: &str) -> usize {
        let named = |entry: &&Entry| {
            let value = serde_json::to_value(entry).expect("entries serialise");
            value["event"] == name
        };
        self.entries.iter().filter(named).count()
    }
}
