//! What the engine asks the shell to do. Nothing of it leaves before the events of the same decision are on disk.

use std::collections::BTreeMap;

use super::input::Timer;
use crate::model::dialogue::Answer;
use crate::model::ids::{ActionId, CheckId, FactId, NodeId};
use crate::model::lock::LockAsk;
use crate::model::time::{Span, Stamp};
use crate::model::value::Value;
use crate::model::wheel::WheelAct;

/// One request to the shell. Actions are named; the shell takes their scripts from the frozen plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    Connect {
        node: NodeId,
    },
    Reconnect {
        node: NodeId,
    },
    HostKey {
        node: NodeId,
        fingerprint: String,
        accept: bool,
    },
    /// Read every probe of the node now.
    Probe {
        node: NodeId,
    },
    Watch {
        node: NodeId,
    },
    Check {
        node: NodeId,
        check: CheckId,
    },
    /// Run a read-only step.
    Read {
        action: ActionId,
        attempt: u32,
    },
    /// Start a change as a detached job. Its intent is in this decision's events.
    Start {
        action: ActionId,
        attempt: u32,
    },
    /// Ask after a job and follow it to its end; never starts it.
    Attach {
        action: ActionId,
        attempt: u32,
    },
    /// Answer what a job's program asked when it had printed so much. Sent again, it is answered once all the same.
    Answer {
        action: ActionId,
        attempt: u32,
        at: u64,
        answer: Answer,
    },
    /// The operator's act at the wheel of a job's program. Sent again, it is done once all the same.
    Wheel {
        action: ActionId,
        attempt: u32,
        act: WheelAct,
    },
    Cancel {
        action: ActionId,
        attempt: u32,
    },
    /// The job's end is on disk: the node may tidy up.
    Acknowledge {
        action: ActionId,
        attempt: u32,
    },
    /// Ask a node's lock. Repeated until the node has answered.
    Lock {
        node: NodeId,
        ask: LockAsk,
    },
    /// Somebody did something outside, or the world is to do it by itself: the simulated cluster follows.
    Performed {
        action: ActionId,
        effects: BTreeMap<NodeId, BTreeMap<FactId, Value>>,
        typical: Span,
    },
    Timer {
        timer: Timer,
        at: Stamp,
    },
    /// The session is over.
    End(super::summary::Exit),
}
