//! The pretend cluster as a whole: what is asked of it, and the queue of what happens next.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::faults::Planned;
use super::jobs::Work;
use super::lock::{Held, SimLock};
use super::node::{JobId, Link, Sight, SimNode, Wrong};
use super::queue::Queue;
use super::rng::Rng;
use super::scenario;
use crate::model::cluster::Cluster;
use crate::model::drill::Fault;
use crate::model::ids::{ActionId, CheckId, FactId, NodeId, ProbeId};
use crate::model::lock::LockReport;
use crate::model::procedure::Procedure;
use crate::model::reply::{CheckOutput, JobReport, LinkReport, Reading};
use crate::model::telemetry::Telemetry;
use crate::model::time::{Span, Stamp};
use crate::model::value::Value;

/// How far time may move before the world vouches for its linked nodes again.
const BEAT: Span = Span::seconds(1);

/// What reaches us from the pretend nodes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    Link {
        node: NodeId,
        report: LinkReport,
    },
    Reading {
        node: NodeId,
        probe: ProbeId,
        reading: Reading,
    },
    Check {
        node: NodeId,
        check: CheckId,
        output: CheckOutput,
    },
    Job {
        action: ActionId,
        attempt: u32,
        node: NodeId,
        report: JobReport,
    },
    Lock {
        node: NodeId,
        report: LockReport,
    },
    Telemetry(Telemetry),
}

/// What a resumed rehearsal knows about a node.
#[derive(Clone, Debug, Default)]
pub struct Known {
    pub facts: BTreeMap<FactId, Value>,
    /// The incarnation that its last link showed, if there was one.
    pub incarnation: Option<String>,
    /// The generation of its lock, if the rehearsal had it.
    pub lock: Option<u64>,
}

/// A pretend cluster.
#[derive(Debug)]
pub struct SimWorld {
    pub(super) procedure: Arc<Procedure>,
    pub(super) target: String,
    pub(super) params: BTreeMap<String, Value>,
    pub(super) seed: u64,
    pub(super) nodes: Vec<SimNode>,
    pub(super) places: BTreeMap<NodeId, usize>,
    pub(super) probe_of: BTreeMap<FactId, usize>,
    pub(super) queue: Queue<Event>,
    pub(super) drill: Vec<Planned>,
    pub(super) executions: BTreeMap<ActionId, u32>,
    pub(super) trespasses: u32,
    clock: Stamp,
    beat: Stamp,
    steps: u64,
}

/// Something to come. Nodes are told by their place in the cluster file, probes and checks by theirs in the procedure.
#[derive(Debug)]
pub(super) enum Event {
    /// A connection attempt comes to its end.
    Dialled {
        node: usize,
        dial: u64,
    },
    /// The node can be reached again.
    Reachable {
        node: usize,
        cut: u64,
    },
    /// A report about a link or about a job out of sight: the only ones that need no link.
    Unlinked(Box<Reply>),
    /// Something that the node was asked, and answers if the link still stands.
    Answer {
        node: usize,
        reply: Box<Reply>,
    },
    /// The next thing to tell about a job.
    Follow {
        node: usize,
        job: JobId,
        turn: u64,
    },
    /// A job comes to its end on the node, seen or unseen.
    JobEnds {
        node: usize,
        job: JobId,
        turn: u64,
    },
    /// A probe that was asked for.
    Probed {
        node: usize,
        probe: usize,
    },
    /// A watched probe looks at its own pace.
    Pace {
        node: usize,
        probe: usize,
    },
    Checked {
        node: usize,
        check: usize,
    },
    /// The world, or a human, has done something.
    Performed {
        effects: BTreeMap<NodeId, BTreeMap<FactId, Value>>,
    },
    /// A fault strikes.
    Strike {
        node: usize,
        fault: Box<Fault>,
    },
    /// Facts change behind our back.
    Flips {
        node: usize,
        changes: BTreeMap<FactId, Option<Value>>,
    },
    /// The last effect is undone behind our back.
    Reverts {
        node: usize,
    },
    /// A probe answers again.
    Speaks {
        node: usize,
        probe: usize,
    },
    /// A fact can be told again.
    Tells {
        node: usize,
        fact: FactId,
    },
}

impl SimWorld {
    /// A cluster that starts as the procedure's `rehearse` values say; `version` is what every node starts at, if given.
    pub fn new(
        procedure: Arc<Procedure>,
        cluster: &Cluster,
        version: Option<String>,
        seed: u64,
    ) -> SimWorld {
        let start = scenario::start_facts(&procedure, cluster, version.as_deref());
        let nodes: Vec<_> = cluster
            .nodes
            .iter()
            .zip(start)
            .map(|(node, facts)| SimNode {
                name: node.name.clone(),
                host: node.host.clone(),
                roles: node.roles.clone(),
                user: node.ssh.user.clone().unwrap_or_else(|| "operator".into()),
                incarnation: format!("{} boot 1", node.name),
                boots: 1,
                link: Link::Idle,
                wanted: false,
                dial: 0,
                cut_off: None,
                cuts: 0,
                watched: false,
                probes: vec![
                    Sight {
                        stale: true,
                        coming: None
                    };
                    procedure.probes.len()
                ],
                facts,
                before: BTreeMap::new(),
                jobs: BTreeMap::new(),
                denied: BTreeSet::new(),
                unanswered: Vec::new(),
                lock: SimLock::default(),
                wrong: Wrong::default(),
            })
            .collect();
        let places = nodes.iter().enumerate().map(|(i, n)| (n.name.clone(), i));
        let gives = |(i, probe): (usize, &crate::model::procedure::Probe)| {
            probe
                .gives
                .iter()
                .map(move |fact| (fact.clone(), i))
                .collect::<Vec<_>>()
        };
        SimWorld {
            target: cluster.target.clone(),
            params: scenario::plain_params(&procedure, cluster),
            seed,
            places: places.collect(),
            probe_of: procedure
                .probes
                .iter()
                .enumerate()
                .flat_map(gives)
                .collect(),
            nodes,
            queue: Queue::new(),
            drill: Vec::new(),
            executions: BTreeMap::new(),
            trespasses: 0,
            clock: Stamp::default(),
            beat: Stamp::default(),
            steps: 0,
            procedure,
        }
    }

    /// Goes on where an earlier rehearsal was left: what was last known, and jobs whose end was not seen. They go on as
    /// running and end after their typical time, undisturbed: a drill is set after this. What was not known is as at the
    /// start.
    pub fn adopt(&mut self, known: &BTreeMap<NodeId, Known>, open: Vec<Work>, now: Stamp) {
        self.arrive(now);
        self.beat = self.clock;
        for (name, known) in known {
            let Some(node) = self.places.get(name).map(|place| &mut self.nodes[*place]) else {
                continue;
            };
            let facts = known.facts.iter();
            node.facts
                .extend(facts.map(|(fact, value)| (fact.clone(), value.clone())));
            if let Some(generation) = known.lock {
                (node.lock.generation, node.lock.holder) = (generation, Held::Ours);
            }
            if let Some(incarnation) = &known.incarnation {
                node.incarnation = incarnation.clone();
                let boots = incarnation.rsplit(' ').next().and_then(|n| n.parse().ok());
                node.boots = boots.unwrap_or(1);
            }
        }
        for work in open {
            self.run(work);
        }
    }

    /// The moment of the next thing to come, if there is one.
    pub fn due(&self) -> Option<Stamp> {
        self.queue.next_at().map(|at| at.max(self.clock))
    }

    /// Goes on until something is to be told, at most until `now`. Nothing is told only if nothing was due.
    pub fn step(&mut self, now: Stamp) -> Option<Reply> {
        let mut quiet = true;
        while let Some(at) = self.due().filter(|at| *at <= now) {
            if at.since(self.beat) >= BEAT {
                return Some(self.heartbeat(at));
            }
            let event = self.queue.pop()?;
            self.clock = at;
            self.steps += 1;
            quiet = false;
            if let Some(reply) = self.happen(event) {
                return Some(reply);
            }
        }
        (!quiet).then(|| self.heartbeat(self.clock))
    }

    /// The nodes, in the order of the cluster file.
    pub fn nodes(&self) -> impl Iterator<Item = &NodeId> {
        self.nodes.iter().map(|node| &node.name)
    }

    /// What is really so on a node, for scorecards and tests: nothing that a run may rely on.
    pub fn truth(&self, node: &NodeId, fact: &FactId) -> Option<&Value> {
        self.nodes[*self.places.get(node)?].facts.get(fact)
    }

    /// How often an action's script was really run.
    pub fn executions(&self, action: &ActionId) -> u32 {
        self.executions.get(action).copied().unwrap_or(0)
    }

    /// How many things have happened: the work done so far.
    pub fn steps(&self) -> u64 {
        self.steps
    }

    fn heartbeat(&mut self, at: Stamp) -> Reply {
        self.beat = at;
        Reply::Telemetry(Telemetry::Heartbeat { at })
    }

    fn happen(&mut self, event: Event) -> Option<Reply> {
        match event {
            Event::Dialled { node, dial } => self.dialled(node, dial),
            Event::Reachable { node, cut } => {
                self.reachable(node, cut);
                None
            }
            Event::Unlinked(reply) => Some(*reply),
            Event::Answer { node, reply } => self.nodes[node].is_up().then_some(*reply),
            Event::Follow { node, job, turn } => self.follow(node, &job, turn),
            Event::JobEnds { node, job, turn } => {
                self.job_ends(node, &job, turn);
                None
            }
            Event::Probed { node, probe } => self.probed(node, probe),
            Event::Pace { node, probe } => self.pace(node, probe),
            Event::Checked { node, check } => self.checked(node, check),
            Event::Performed { effects } => {
                self.performed(&effects);
                None
            }
            Event::Strike { node, fault } => {
                self.strike(node, &fault);
                None
            }
            Event::Flips { node, changes } => {
                self.change(node, changes, Cause::World);
                None
            }
            Event::Reverts { node } => {
                self.revert(node);
                None
            }
            Event::Speaks { node, probe } => {
                self.nodes[node].wrong.silent.remove(&probe);
                self.look_again(node, probe, Cause::World);
                None
            }
            Event::Tells { node, fact } => {
                self.nodes[node].wrong.unknown.remove(&fact);
                self.look_at(node, &fact);
                None
            }
        }
    }

    /// Takes in a request at `now`. Time never goes backwards, whatever the asker's clock says.
    pub(super) fn arrive(&mut self, now: Stamp) {
        self.clock = self.clock.max(now);
    }

    pub(super) fn now(&self) -> Stamp {
        self.clock
    }

    pub(super) fn after(&mut self, span: Span, event: Event) {
        self.queue.push(self.clock + span, event);
    }

    pub(super) fn place(&self, node: &NodeId) -> Option<usize> {
        self.places.get(node).copied()
    }

    /// How long `what` takes on the way to a node and back.
    pub(super) fn latency(&self, node: usize, what: &str) -> Span {
        let mut rng = Rng::keyed(
            self.seed,
            &["latency", self.nodes[node].name.as_str(), what],
        );
        rng.between(Span(40), Span(160))
    }
}

/// Why facts changed, which tells how soon a watching probe sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cause {
    /// A job of ours ended: whoever follows it looks at once.
    Job,
    /// Anything else is seen when the probe looks next.
    World,
}
