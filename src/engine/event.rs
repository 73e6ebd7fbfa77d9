//! Facts worth keeping for ever. Everything that a run knows follows from its events; the journal holds nothing else.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::brief::{Goal, Mode, Person};
use super::plan::{Plan, Stage};
use crate::model::ids::{
    ActionId, BranchId, CheckId, DebtId, FactId, GateId, InvariantId, NodeId, ParamId, ProbeId,
    RunId,
};
use crate::model::lock::Holder;
use crate::model::reply::{Claim, LinkReport};
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
        fingerprint: String,
        /// The key that was known before, where another one was let hold in its place.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        instead_of: Option<String>,
        accepted: bool,
        by: Person,
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

/// What becomes of the cluster lock.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "lock", rename_all = "kebab-case")]
pub enum LockEvent {
    /// Intent: it is about to be taken on every node, in the order of their names.
    Wanted {
        /// The run that it may be taken over from, the reason for that, and whose it is.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        over: Option<String>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        by: Option<Person>,
    },
    Taken {
        node: NodeId,
        generation: u64,
        /// The run that had it until now.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        from: Option<Holder>,
    },
    /// Another run has it: what was taken is given back.
    Refused {
        node: NodeId,
        by: Holder,
    },
    /// The node cannot keep a lock.
    Unusable {
        node: NodeId,
        why: String,
    },
    /// This run had it, and does not have it any more.
    Lost {
        node: NodeId,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        by: Option<Holder>,
    },
    /// Intent: the run is at its end, and every node is about to be given its lock back.
    Releasing,
    GivenBack {
        node: NodeId,
    },
    /// It could not be given back and lies on the node.
    Left {
        node: NodeId,
        why: String,
    },
}

/// What a check came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    Pass,
    Fail,
    Unknown,
}

/// How an action came to its good end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "kebab-case")]
pub enum Outcome {
    /// Claimed and observed.
    Observed,
    /// It was so before, and was not run.
    AlreadySo,
    /// Its end was never seen, but its postcondition is observed.
    ObservedAfterDoubt,
    /// A human did it outside; its postcondition is observed.
    ByHand { note: String },
    /// A human's word, where nothing can be observed.
    Attested { note: String },
    /// A read-only script's good end.
    Read,
    /// A choice.
    Chose { option: String },
}

/// What a program was answered, as far as it may be known.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Said {
    Text(String),
    /// The value of this secret parameter.
    Secret(ParamId),
    /// Typed by the operator and kept nowhere.
    Hidden,
}

impl std::fmt::Display for Said {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Said::Text(text) if text.is_empty() => f.write_str("Enter"),
            Said::Text(text) => write!(f, "`{text}`"),
            Said::Secret(param) => write!(f, "the secret {param}"),
            Said::Hidden => f.write_str("something that is not shown"),
        }
    }
}

/// Why an action failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    pub kind: FailureKind,
    pub message: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FailureKind {
    /// It claims to have failed, and its postcondition is not observed.
    Failed,
    /// Claim and observation disagree.
    Contradiction,
    /// Nothing of it ran.
    NotStarted,
    /// A human says that it is not done.
    NotDone,
    /// What was waited for did not come.
    TimedOut,
}

/// Why an attempt is in doubt.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "doubt", rename_all = "kebab-case")]
pub enum Doubt {
    /// We cannot see the node; the question is asked when the link is back.
    OutOfSight { why: String },
    /// The link is gone, and this step takes its node down: the question is asked when the node is back.
    Rebooting { why: String },
    /// The node was asked and does not know its end.
    Vanished { why: String },
    /// We ourselves were away.
    WeWereAway,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "kebab-case")]
pub enum InvariantState {
    Holds,
    Broken {
        detail: String,
    },
    /// Counts as broken, and is told apart for people.
    Unknown {
        why: String,
    },
}

/// Why stages were put in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "cause", rename_all = "kebab-case")]
pub enum Cause {
    Branch {
        branch: BranchId,
    },
    /// What one action did is undone; the action waits for its turn again.
    Undo {
        action: ActionId,
    },
    /// What one action had established is no longer so; it is done again.
    Repeat {
        action: ActionId,
    },
    /// The rest of the plan is given up; the stages lead back.
    TurnBack,
}

/// How a run ended for good.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ending {
    Upgraded,
    TurnedBack,
}
