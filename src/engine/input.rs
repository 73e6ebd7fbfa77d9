//! What reaches the engine. Keys, remote replies, probes and timers all arrive here, so there is one total order.

use super::brief::Person;
use crate::model::ids::{ActionId, BranchId, CheckId, GateId, NodeId, ProbeId};
use crate::model::lock::LockReport;
use crate::model::reply::{CheckOutput, JobReport, LinkReport, Reading};
use crate::model::time::Stamp;
use crate::model::wheel::Keys;

/// One thing that reached us.
#[derive(Clone, Debug)]
pub enum Input {
    Operator {
        by: Person,
        says: Says,
    },
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
    /// What a node says about its lock.
    Lock {
        node: NodeId,
        report: LockReport,
    },
    Timer(Timer),
    /// The simulator vouches for every linked node. It only renews ages.
    Heartbeat,
    /// The first input of a session: open the run.
    Open(Box<super::event::Opening>),
    /// The first input after a replay.
    Resume {
        by: Person,
        reason: Option<String>,
        wall: i64,
        torn: Option<String>,
    },
}

/// What an operator, or whoever stands in for one, says. The screens do not judge it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Says {
    /// The typed phrase of a gate. The review of the plan is the gate `plan`.
    Confirm {
        gate: GateId,
        typed: String,
    },
    /// An unknown host key: the fingerprint, `yes` or `no`, as typed.
    HostKey {
        node: NodeId,
        typed: String,
    },
    /// A secret was given to the transport; only that it was is told here.
    SecretGiven {
        node: NodeId,
    },
    /// An attested check, answered.
    Attest {
        check: CheckId,
        so: bool,
        note: String,
    },
    /// A warning, waived with a reason.
    Waive {
        check: CheckId,
        node: Option<NodeId>,
        reason: String,
    },
    /// Run a check again; without a check, all that do not pass.
    Recheck {
        check: Option<CheckId>,
        node: Option<NodeId>,
    },
    /// A manual or attested step: done or not, with a note.
    Done {
        action: ActionId,
        done: bool,
        note: String,
    },
    /// One of a hold's options, with a note or reason where it wants one.
    Choose {
        hold: String,
        option: String,
        note: String,
    },
    /// The operator types into this action's program from now on.
    TakeWheel {
        action: ActionId,
    },
    /// Keys for the program at whose wheel the operator is.
    Keys {
        action: ActionId,
        attempt: u32,
        keys: Keys,
    },
    /// The procedure goes on by itself.
    HandBack {
        action: ActionId,
    },
    /// Start nothing more until taken back.
    Pause,
    GoOn,
    Note {
        text: String,
    },
    Branch {
        branch: BranchId,
        reason: String,
    },
    /// End this session; the run can be resumed.
    Leave,
    /// A rehearsal is disturbed; for the record.
    Fault {
        text: String,
    },
}

/// What a timer was set for. A late one cannot hurt: it names the attempt that it belongs to.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Timer {
    /// Look again whether an attempt's postcondition is observed.
    Verify { action: ActionId, attempt: u32 },
    /// An attempt has taken its limit.
    Overdue { action: ActionId, attempt: u32 },
    /// Whether what holds a stage is more than a passing disturbance.
    Patience { stage: usize, since: Stamp },
    /// How long a run at its end waits for its locks to be given back.
    Parting,
}
