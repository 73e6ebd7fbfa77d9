//! Hands on the nodes: real over SSH or simulated, one contract.
//!
//! Looking and acting are two traits. A dry run is given something that only [`Looks`]: there is no way to send a change
//! through it (rule 9).

pub mod dryrun;
pub mod sim;

use std::collections::BTreeMap;
use std::future::Future;

use crate::model::dialogue::{Answer, Dialogue};
use crate::model::ids::{ActionId, CheckId, FactId, NodeId, ProbeId};
use crate::model::lock::{Fence, LockAsk, LockReport};
use crate::model::procedure::UploadSpec;
use crate::model::reply::{CheckOutput, JobReport, LinkReport, Reading};
use crate::model::script::Script;
use crate::model::telemetry::Telemetry;
use crate::model::time::{Span, Stamp};
use crate::model::value::Value;
use crate::model::wheel::WheelAct;

pub use job::Claimant;

/// Something that cannot change a node.
#[derive(Clone, Debug)]
pub enum Look {
    /// Connect, and stay connected: a lost link is taken up again by itself, with back-off, until [`Look::Disconnect`].
    Connect {
        node: NodeId,
    },
    /// Try to connect again now, whatever the back-off says.
    Reconnect {
        node: NodeId,
    },
    Disconnect {
        node: NodeId,
    },
    /// The operator's answer to an unknown host key.
    HostKey {
        node: NodeId,
        fingerprint: String,
        accept: bool,
    },
    /// Run every probe of the node now and report each, changed or not.
    Probe {
        node: NodeId,
    },
    /// Run the node's probes again and again, each at its own pace.
    Watch {
        node: NodeId,
    },
    Check {
        node: NodeId,
        check: CheckId,
    },
    /// A read-only step of the plan.
    Read {
        order: Order,
    },
}

/// Something that changes a node, or belongs to something that did.
#[derive(Clone, Debug)]
pub enum Change {
    /// Start the job. Asking again for the same job id never starts it twice: the node sees to that.
    Start { order: Order },
    /// Ask what became of a job and follow it to its end; never starts it.
    Attach { order: Order },
    /// Give the job's program the answer to what it asked when it had printed `at` bytes: once, however often this is sent.
    Answer {
        order: Order,
        at: u64,
        answer: Answer,
    },
    /// An act of the operator at the wheel of the job's program: done once, however often this is sent.
    Wheel { order: Order, act: WheelAct },
    /// Ask a job to stop. The request is no claim: its end is reported like any other.
    Cancel { order: Order },
    /// The job's end is in the journal: the node may forget all but the tombstone.
    Acknowledge { order: Order },
    /// Ask a node's lock for a run; asked until the node has answered. What is asked of one node is answered in this order.
    Lock {
        node: NodeId,
        claimant: Claimant,
        ask: LockAsk,
    },
    /// A human did something outside, or the world is expected to do it: nothing for real nodes, and what makes a
    /// simulated cluster follow.
    Performed {
        action: ActionId,
        effects: BTreeMap<NodeId, BTreeMap<FactId, Value>>,
        typical: Span,
    },
}

/// What a node is given to do.
#[derive(Clone, Debug)]
pub enum Errand {
    Script(Script),
    /// A file from this machine.
    Upload(Box<UploadSpec>),
}

impl Order {
    /// The script that it sends, if it is one.
    pub fn script(&self) -> Option<&Script> {
        match &self.errand {
            Errand::Script(script) => Some(script),
            Errand::Upload(_) => None,
        }
    }
}

/// Something to do on one node, with what the simulator needs to stand in for it.
#[derive(Clone, Debug)]
pub struct Order {
    pub action: ActionId,
    pub attempt: u32,
    pub node: NodeId,
    /// `<run>.<step>.<node>.<attempt>`: derived, never random, never used for anything else.
    pub job: String,
    pub errand: Errand,
    /// What its program asks while it runs, if it asks.
    pub dialogue: Option<Box<Dialogue>>,
    /// What the node is shown: it begins only while this run has the node's lock.
    pub fence: Option<Box<Fence>>,
    /// The node goes down and comes back meanwhile.
    pub reboots: bool,
    pub timeout: Span,
    /// The declared postcondition. Never sent to a real node.
    pub then: BTreeMap<FactId, Value>,
    /// Other nodes on which it is declared, too: one command for the whole cluster.
    pub also_on: Vec<NodeId>,
    pub typical: Span,
    /// Lines that the vendor's program prints, for rehearsals.
    pub output: Vec<String>,
}

/// What reaches us from the nodes.
#[derive(Clone, Debug)]
pub enum Arrival {
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

/// Can connect, probe and check.
pub trait Looks: Send {
    /// Takes a request; never blocks. What comes of it arrives later.
    fn look(&mut self, look: Look, now: Stamp);

    /// The moment of the next arrival, where it is known beforehand: a simulated cluster runs on virtual time.
    fn due(&self) -> Due;

    /// The next arrival. A virtual one is taken when its moment has come; cancelling the future loses nothing.
    fn arrival(&mut self, now: Stamp) -> impl Future<Output = Arrival> + Send;
}

/// Can also change nodes.
pub trait Acts: Looks {
    /// Takes a request; never blocks.
    fn change(&mut self, change: Change, now: Stamp);
}

/// When the next arrival comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Due {
    /// Whenever the world says so: wait for it.
    Whenever,
    /// At this moment of virtual time.
    At(Stamp),
    /// Nothing is under way; only a request changes that.
    Never,
}

pub mod backoff;
pub mod job;
pub mod nodes;
pub mod ssh;
