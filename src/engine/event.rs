//! Facts worth keeping for ever. Everything that a run knows follows from its events; the journal holds nothing else.

mod lock;
mod terms;

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

pub use self::lock::LockEvent;
pub use self::terms::{
    Cause, Doubt, Ending, Failure, FailureKind, InvariantState, Outcome, Said, Verdict,
};
use super::brief::{Goal, Mode, Person};
use super::plan::{Plan, Stage};
use crate::model::ids::{
    ActionId, CheckId, DebtId, FactId, GateId, InvariantId, NodeId, ProbeId, RunId,
};
use crate::model::reply::{Claim, HostKey, LinkReport};
use crate::model::time::Stamp;
use crate::model::value::Value;

/// An event with its place in the run. Wall-clock times stand in the journal's record for people, never for logic.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Entry {
    pub seq: u64,
    pub at: Stamp,
    #[serde(flatten)]
    pub event: Event,
}

/// How a run was opened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Opening {
    pub run: RunId,
    pub mode: Mode,
    pub goal: Goal,
    pub program: String,
    pub cluster: String,
    pub procedure: String,
    pub target: String,
    /// SHA-256 of the frozen files, hex.
    pub procedure_hash: String,
    pub cluster_hash: String,
    pub by: Person,
    /// Milliseconds since the Unix epoch at [`Stamp`] zero.
    pub wall: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seed: Option<u64>,
}

/// One thing that is now true.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum Event {
    Opened(Box<Opening>),
    Resumed {
        by: Person,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
        wall: i64,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        torn: Option<String>,
    },

    /// A connection came, went, was refused or wants something.
    Linked {
        node: NodeId,
        report: LinkReport,
    },
    HostKeyAnswered {
        node: NodeId,
        /// The host on the way whose key it is; without it the key is the node's own.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        jump: Option<String>,
        fingerprint: String,
        /// The key that was known before, where another one was let hold in its place.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        instead_of: Option<String>,
        accepted: bool,
        by: Person,
    },
    /// A host on the way to a node has shown this key, for the first time in this run: it must show the same from now on.
    JumpKeySeen {
        /// Which host, and which way leads there.
        jump: String,
        key: HostKey,
        /// The node that was to be reached.
        node: NodeId,
    },
    SecretGiven {
        node: NodeId,
        by: Person,
    },
    /// The node answers as another boot than before.
    Rebooted {
        node: NodeId,
        was: String,
        now: String,
    },

    FactsChanged {
        node: NodeId,
        probe: ProbeId,
        facts: BTreeMap<FactId, Option<Value>>,
    },
    /// A node cannot be looked at: its facts count as unknown from now on.
    WentDark {
        node: NodeId,
        why: String,
    },
    CameToLight {
        node: NodeId,
    },

    /// Every node answers, or was looked at: the checks begin.
    ReadinessBegan,
    CheckJudged {
        check: CheckId,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        node: Option<NodeId>,
        verdict: Verdict,
        /// What was found, in words.
        found: String,
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        output: BTreeMap<String, Value>,
    },
    CheckAgain {
        check: CheckId,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        node: Option<NodeId>,
    },
    Attested {
        check: CheckId,
        so: bool,
        note: String,
        by: Person,
    },
    Waived {
        check: CheckId,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        node: Option<NodeId>,
        reason: String,
        by: Person,
    },

    /// The plan stands. It is kept in a file of its own; the journal holds its hash.
    PlanFrozen {
        hash: String,
        stages: usize,
        actions: usize,
        #[serde(skip)]
        plan: Option<Arc<Plan>>,
    },
    PlanRefused {
        reasons: Vec<String>,
    },
    PlanApproved {
        hash: String,
        by: Person,
    },

    /// A stage cannot begin, and why; or it can again.
    Held {
        stage: usize,
        reasons: Vec<String>,
    },
    Released {
        stage: usize,
    },
    /// The gate's facts are being read again.
    GateOpening {
        gate: GateId,
    },
    /// The gate asks. It is bound to the facts as of `bound`.
    GateOpened {
        gate: GateId,
        phrase: String,
        shown: Vec<String>,
        bound: u64,
    },
    GateClosed {
        gate: GateId,
        why: String,
    },
    GateRefused {
        gate: GateId,
        why: String,
    },
    GateConfirmed {
        gate: GateId,
        phrase: String,
        plan: String,
        bound: u64,
        by: Person,
    },

    /// A human is asked (manual, attest, decide).
    ActionAsked {
        action: ActionId,
    },
    /// The cluster lock is wanted, had, refused, lost or given back.
    Lock(LockEvent),

    /// Intent: the attempt is about to be sent.
    ActionStarted {
        action: ActionId,
        attempt: u32,
        job: String,
    },
    ActionAccepted {
        action: ActionId,
        attempt: u32,
    },
    /// Its end was claimed; now it is looked at.
    ActionClaimed {
        action: ActionId,
        attempt: u32,
        claim: Claim,
    },
    /// Its program waits for an answer; `prompt` names an expected question.
    Prompted {
        action: ActionId,
        attempt: u32,
        /// How much it had printed when it asked, in bytes: tells one question from the next.
        printed: u64,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        prompt: Option<String>,
        text: String,
    },
    /// Intent: the answer is about to be sent, once.
    PromptAnswered {
        action: ActionId,
        attempt: u32,
        printed: u64,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        prompt: Option<String>,
        said: Said,
        /// Who answered, if the procedure did not.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        by: Option<Person>,
    },
    /// Intent: from now on a human types into its program, and the procedure answers nothing.
    WheelTaken {
        action: ActionId,
        attempt: u32,
        /// Number of this act at the wheel.
        act: u64,
        by: Person,
    },
    /// Intent: so many keys are about to be sent. Which ones is told nowhere: they may be a secret.
    KeysGiven {
        action: ActionId,
        attempt: u32,
        act: u64,
        keys: u32,
    },
    /// The link broke while they were sent: nobody knows yet whether they were typed. They are not sent again.
    KeysInDoubt {
        action: ActionId,
        attempt: u32,
        act: u64,
        keys: u32,
        why: String,
    },
    /// What became of keys in doubt.
    KeysSettled {
        action: ActionId,
        attempt: u32,
        typed: u32,
        /// Never arrived, and never will.
        lost: u32,
        /// Nobody will ever know.
        unknown: u32,
    },
    /// Intent: the procedure goes on by itself; what is asked next is looked for in what is printed after this.
    WheelReturned {
        action: ActionId,
        attempt: u32,
        act: u64,
        /// How many keys were given in all while it was held.
        keys: u32,
        /// Who handed it back; nobody if it came back by itself, and then why.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        by: Option<Person>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        why: Option<String>,
    },
    /// It was started, and its end was not seen.
    ActionInDoubt {
        action: ActionId,
        attempt: u32,
        doubt: Doubt,
    },
    ActionOverdue {
        action: ActionId,
        attempt: u32,
    },
    CancelAsked {
        action: ActionId,
        attempt: u32,
        by: Person,
    },
    ActionDone {
        action: ActionId,
        outcome: Outcome,
    },
    ActionFailed {
        action: ActionId,
        attempt: u32,
        failure: Failure,
    },
    /// A human took a failure or a doubt in hand.
    Chosen {
        hold: String,
        option: String,
        note: String,
        by: Person,
    },
    /// The action waits for its turn again.
    ActionReopened {
        action: ActionId,
    },
    /// By hand, said a human; being proved now.
    ByHandSaid {
        action: ActionId,
        note: String,
        by: Person,
    },

    DebtOpened {
        debt: DebtId,
        node: Option<NodeId>,
        by: ActionId,
    },
    DebtPaid {
        debt: DebtId,
        node: Option<NodeId>,
        how: String,
    },

    InvariantTold {
        invariant: InvariantId,
        state: InvariantState,
    },
    /// What an earlier action had established is no longer so, and nothing of ours did it.
    Resurrected {
        node: NodeId,
        fact: FactId,
        was: Value,
        now: Option<Value>,
        by: ActionId,
    },
    /// It is so again, or a human accepts that it is not.
    Subsided {
        node: NodeId,
        fact: FactId,
        accepted: bool,
    },

    /// More stages, in front of the one at the cursor; or instead of all that is left.
    DetourTaken {
        cause: Cause,
        by: Person,
        reason: String,
        stages: Vec<Arc<Stage>>,
    },
    /// What holds a stage has lasted longer than a passing disturbance does.
    HeldLong {
        stage: usize,
    },
    /// After a resume: a human has seen what is in doubt and what has changed, and lets the run go on.
    ResumeAccepted {
        by: Person,
    },

    /// The turn-back time has passed: whatever starts now can no longer be rolled back inside the window.
    TurnBackTimePassed {
        by: Stamp,
    },

    Paused {
        by: Person,
    },
    WentOn {
        by: Person,
    },
    Noted {
        text: String,
        by: Person,
    },
    Fault {
        text: String,
    },
    /// This session ended before the run did.
    Left {
        by: Option<Person>,
        why: String,
    },
    Finished {
        outcome: Ending,
    },
}
