//! A procedure: how one product and topology is upgraded. Product knowledge only, no host names.

use std::collections::BTreeMap;

use super::condition::Condition;
use super::dialogue::Dialogue;
use super::ids::{
    BranchId, CheckId, DebtId, FactId, InvariantId, ParamId, PhaseId, ProbeId, RoleId, StepId,
};
use super::time::Span;
use super::value::Value;
use super::version::VersionRules;

/// The format that this program reads, as `schema = 1` in a procedure file.
pub const SCHEMA: i64 = 1;

/// A whole procedure, as its file says it.
#[derive(Clone, Debug)]
pub struct Procedure {
    pub id: String,
    pub title: String,
    pub product: String,
    /// The vendor document that it follows.
    pub source: String,
    pub about: String,
    pub params: BTreeMap<ParamId, Param>,
    pub roles: BTreeMap<RoleId, Role>,
    pub facts: BTreeMap<FactId, FactSpec>,
    pub probes: Vec<Probe>,
    pub checks: Vec<Check>,
    pub versions: VersionRules,
    pub invariants: Vec<Invariant>,
    /// Names for nodes that are looked up from facts, usable as `{name}` in texts: `primary = "node.primary"`.
    pub lookups: BTreeMap<String, Condition>,
    pub phases: Vec<Phase>,
    pub branches: Vec<Branch>,
    /// Things an operator should know, shown in the plan and the report.
    pub notes: Vec<String>,
    /// How the product's nodes are reached where nothing else says it.
    pub access: Access,
    /// The parts whose tables were added when the file was loaded.
    pub included: Vec<String>,
}

/// How a product's nodes are reached by default. The cluster file and ssh_config come first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Access {
    pub port: Option<u16>,
    pub user: Option<String>,
}

/// A parameter: what kind of value the cluster file must give, or which default holds.
#[derive(Clone, Debug)]
pub struct Param {
    pub about: String,
    pub kind: ParamKind,
    pub default: Option<Value>,
    /// Why the default is only an assumption, shown to the operator when it is used.
    pub assumption: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ParamKind {
    Text,
    /// An absolute path on the node.
    Path,
    /// A file on the operator's own machine, for an upload.
    File,
    Number,
    Bool,
    /// A length of time; scripts see whole seconds.
    Duration,
    /// Never stored: prompt, environment, file or command (see [`super::cluster::SecretSource`]).
    Secret,
    OneOf(Vec<String>),
}

/// A role, and how many nodes must have it: at least `min`, at most `max`.
#[derive(Clone, Debug)]
pub struct Role {
    pub about: String,
    pub min: usize,
    pub max: Option<usize>,
}

/// A fact's vocabulary, and what the simulated twin starts with.
#[derive(Clone, Debug)]
pub struct FactSpec {
    pub about: String,
    pub kind: FactKind,
    pub rehearse: Option<Rehearsed>,
    /// Whether it changes with what is done on other nodes, so that a change is never taken for something behind our back.
    pub follows: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FactKind {
    /// One of these words; anything else that a probe prints is unknown.
    Values(Vec<String>),
    Version,
    Bool,
    Number,
    Text,
}

/// What a rehearsal's nodes start with: the same on all, or one value on the first node and another on the rest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rehearsed {
    Same(Value),
    FirstOther { first: Value, other: Value },
}

/// A read-only script that prints `key=value` lines; the only source of facts.
#[derive(Clone, Debug)]
pub struct Probe {
    pub id: ProbeId,
    pub gives: Vec<FactId>,
    /// How often it looks while a node is watched.
    pub every: Span,
    pub timeout: Span,
    /// On which nodes; without it on every node.
    pub on: Option<Condition>,
    pub script: String,
}

/// A condition wanted before starting.
#[derive(Clone, Debug)]
pub struct Check {
    pub id: CheckId,
    pub title: String,
    /// Heading that it stands under: `capacity`, `planning`.
    pub section: String,
    pub severity: Severity,
    pub kind: CheckKind,
    pub on: Option<Condition>,
    pub why: String,
    pub advice: String,
}

#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    Info,
    Warn,
    Block,
}

#[derive(Clone, Debug)]
pub enum CheckKind {
    /// A read-only script on each node; `passes` sees what it printed as `check`, and all nodes' outputs as `checks`.
    Script {
        script: String,
        passes: Condition,
        timeout: Span,
        rehearse: BTreeMap<String, Value>,
    },
    /// A condition over facts, once for each node if it speaks of `node`, else once for the cluster.
    Facts { passes: Condition },
    /// A human says so, with a note.
    Attest,
}

/// A condition that must hold at all times; unknown counts as broken.
#[derive(Clone, Debug)]
pub struct Invariant {
    pub id: InvariantId,
    pub holds: Condition,
    pub why: String,
}

/// An ordered group of steps.
#[derive(Clone, Debug)]
pub struct Phase {
    pub id: PhaseId,
    pub title: String,
    pub about: String,
    pub walk: Walk,
    /// Whether it is part of the plan at all, known when the plan is made.
    pub when: Option<Condition>,
    /// On which nodes; a step can narrow it further.
    pub on: Option<Condition>,
    /// Node by node: these first, these last. Looked up from facts when the plan is made, again before the act.
    pub first: Option<Condition>,
    pub last: Option<Condition>,
    pub steps: Vec<Step>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Walk {
    /// Each step on all nodes at once, then the next step.
    Together,
    /// All steps on one node, then the next node.
    NodeByNode,
    /// All steps on so many nodes at a time.
    Batch(usize),
}

/// One thing done on some nodes.
#[derive(Clone, Debug)]
pub struct Step {
    pub id: StepId,
    pub title: String,
    /// First word of its gate's phrase: `stop`, `upgrade`.
    pub verb: String,
    pub does: Does,
    /// Whether it is part of the plan at all, known when the plan is made.
    pub when: Option<Condition>,
    pub on: On,
    /// Must hold before it is sent.
    pub requires: Option<Condition>,
    /// The postcondition: verified by probe, applied by the simulator, walked by the audit. Values may hold `{target}`.
    pub then: BTreeMap<FactId, Value>,
    /// How to undo it: a script, or words for a human.
    pub undo: Option<Undo>,
    /// What users or the cluster suffer; gives the step a gate of its own.
    pub consequence: Option<String>,
    /// Why there is no simple way back from here; gives the step a gate of its own.
    pub point_of_no_return: Option<String>,
    pub opens: Option<DebtId>,
    pub closes: Option<DebtId>,
    pub again: Again,
    /// Commands that must exist on the node.
    pub needs: Vec<String>,
    pub typical: Span,
    pub timeout: Span,
    /// How long the postcondition may take to be observed after the claim.
    pub settle: Span,
    /// What usually helps when it fails.
    pub on_failure: Option<String>,
}

/// What kind of thing a step is.
#[derive(Clone, Debug)]
pub enum Does {
    /// A script that changes the node: sent as a detached job.
    Change {
        script: String,
        secrets: Vec<ParamId>,
        output: Vec<String>,
        cancel: bool,
        /// What it asks while it runs, if it asks.
        dialogue: Option<Dialogue>,
        /// The node goes down and comes back: done only when its boot identity has changed, it is back and stable, and the
        /// postcondition is observed.
        reboots: bool,
    },
    /// A file from the operator's machine to the nodes.
    Upload(UploadSpec),
    /// A read-only script; its exit code is its result.
    Read { script: String, output: Vec<String> },
    /// A human does it; `done` is a claim that is verified by probe.
    Manual { instructions: String },
    /// A human says that it is so, with a note; nothing can be probed.
    Attest { instructions: String },
    /// Waits until the condition holds; without one, until the postcondition is observed.
    Wait { until: Option<Condition> },
    /// A human chooses; conditions see the answer as `choices.<step>`.
    Decide {
        question: String,
        options: Vec<Choice>,
    },
}

/// A file to be put on nodes. In a procedure the texts may have `{holes}`; in a plan they are filled.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct UploadSpec {
    /// The file on the operator's machine.
    pub from: String,
    /// Where it goes on the node: an absolute path.
    pub to: String,
    /// SHA-256 that it must have, in hex. Without one both ends are only compared with each other.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
    /// Permission bits on the node.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mode: Option<u32>,
}

/// One answer to a [`Does::Decide`].
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Choice {
    pub id: String,
    pub title: String,
}

/// Where a step is done.
#[derive(Clone, Debug, PartialEq)]
pub enum On {
    /// On every node of the phase, or those for which the condition holds.
    Each(Option<Condition>),
    /// On one reachable node.
    Any,
    /// Once for the cluster: manual acts, waits and decisions.
    Cluster,
}

/// A step's way back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Undo {
    Script {
        script: String,
        then: BTreeMap<FactId, Value>,
    },
    Manual {
        instructions: String,
        then: BTreeMap<FactId, Value>,
    },
}

/// Whether a step may be executed a second time after an attempt of unknown end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Again {
    /// Declared harmless to repeat.
    Safe,
    /// Only after its postcondition was looked at and found missing, and only when a human says so.
    #[default]
    VerifyFirst,
    /// Never by us.
    Never,
}

/// A declared way out or around, offered when its condition holds.
#[derive(Clone, Debug)]
pub struct Branch {
    pub id: BranchId,
    pub title: String,
    pub about: String,
    pub when: Option<Condition>,
    /// What the operator says has happened when the branch is taken though `when` is not observed.
    pub said: Option<String>,
    /// Whether it is the way back once a point of no return was passed.
    pub way_back: bool,
    pub walk: Walk,
    pub steps: Vec<Step>,
}

impl Procedure {
    /// The probe that gives `fact`. The linter sees to it that there is exactly one.
    pub fn probe_of(&self, fact: &FactId) -> Option<&Probe> {
        self.probes.iter().find(|probe| probe.gives.contains(fact))
    }

    /// A step of a phase or branch, by its whole id.
    pub fn step(&self, id: &StepId) -> Option<&Step> {
        let of_phases = self.phases.iter().flat_map(|phase| &phase.steps);
        of_phases
            .chain(self.branches.iter().flat_map(|branch| &branch.steps))
            .find(|step| step.id == *id)
    }

    /// A check, by its id.
    pub fn check(&self, id: &CheckId) -> Option<&Check> {
        self.checks.iter().find(|check| check.id == *id)
    }
}

impl Step {
    /// Whether doing it changes nodes by our hand.
    pub fn is_change(&self) -> bool {
        matches!(self.does, Does::Change { .. } | Does::Upload(_))
    }
}
