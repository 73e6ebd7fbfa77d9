//! The plan: procedure x cluster x facts, every action in order, frozen and hashed before anything runs.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::model::condition::Condition;
use crate::model::dialogue::Dialogue;
use crate::model::ids::{ActionId, BranchId, DebtId, FactId, GateId, NodeId, StepId};
use crate::model::procedure::{Again, Choice, UploadSpec};
use crate::model::script::Script;
use crate::model::time::Span;
use crate::model::value::Value;

/// The whole plan. Stages run one after another, the actions of a stage at the same time: execution has no freedom left.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    pub format: u32,
    pub cluster: String,
    pub procedure: String,
    pub title: String,
    pub target: String,
    pub nodes: Vec<NodeId>,
    pub phases: Vec<PlannedPhase>,
    /// Phases and steps of the procedure that do not concern this cluster.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub left_out: Vec<LeftOut>,
    pub stages: Vec<Stage>,
}

/// A phase or step that is no part of the plan, because its `when` does not hold.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeftOut {
    /// `phase storage` or `step upgrade/fips`.
    pub what: String,
    pub title: String,
    /// The condition that does not hold.
    pub when: String,
}

/// A phase, for headings.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannedPhase {
    pub id: String,
    pub title: String,
    pub about: String,
}

/// One step, on the nodes that do it at the same time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Stage {
    /// The phase or branch that it belongs to.
    pub owner: String,
    pub step: StepId,
    pub title: String,
    pub origin: Origin,
    /// The hold point in front of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gate: Option<GateSpec>,
    pub actions: Vec<Action>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requires: Option<Condition>,
    /// Conditions on the nodes' order that must still be so right before the act: a primary that has moved holds the run.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub order: Vec<OrderRule>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub consequence: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub point_of_no_return: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub opens: Option<DebtId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub closes: Option<DebtId>,
    pub again: Again,
    pub typical: Span,
    pub timeout: Span,
    pub settle: Span,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_failure: Option<String>,
    /// Why it stands where it stands.
    pub waits_for: String,
}

/// Where a stage comes from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Origin {
    Procedure,
    Branch(BranchId),
    /// Undoing what an earlier action did.
    Undo(ActionId),
}

/// A hold point in front of a stage. Its phrase is made when it opens, from what is so then.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GateSpec {
    pub id: GateId,
    pub verb: String,
}

/// The node must satisfy the condition when its turn comes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OrderRule {
    pub node: NodeId,
    pub must: Condition,
    /// `true`: it must hold; `false`: it must not.
    pub so: bool,
    pub why: String,
}

/// One thing done on one node, or once for the cluster.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Action {
    pub id: ActionId,
    /// The node that it runs on; none for what a human or the world does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node: Option<NodeId>,
    pub work: Work,
    /// The postcondition, and on which nodes it is to be observed.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub then: BTreeMap<FactId, Value>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub then_on: Vec<NodeId>,
    /// The postcondition held already when the plan was made.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub already_so: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub undo: Option<PlannedUndo>,
}

/// What an action does.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "does", rename_all = "kebab-case")]
pub enum Work {
    Change {
        script: Script,
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        output: Vec<String>,
        cancel: bool,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        dialogue: Option<Dialogue>,
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        reboots: bool,
    },
    Upload(UploadSpec),
    Read {
        script: Script,
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        output: Vec<String>,
    },
    Manual {
        instructions: String,
    },
    Attest {
        instructions: String,
    },
    Wait {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        until: Option<Condition>,
    },
    Decide {
        question: String,
        options: Vec<Choice>,
    },
}

/// An action's way back.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "undo", rename_all = "kebab-case")]
pub enum PlannedUndo {
    Script {
        script: Script,
        then: BTreeMap<FactId, Value>,
    },
    Manual {
        instructions: String,
        then: BTreeMap<FactId, Value>,
    },
}

/// The format of the frozen plan.
pub const FORMAT: u32 = 1;

impl Plan {
    /// The plan's hash: SHA-256 over its frozen text, as lower-case hex. Mode and nodes' facts are not part of it, so a
    /// rehearsal and a real run of one plan share it.
    pub fn hash(&self) -> String {
        let text = serde_json::to_vec(self).expect("a plan is plain data and always serialises");
        Sha256::digest(&text)
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect()
    }

    /// How many actions it has.
    pub fn action_count(&self) -> usize {
        self.stages.iter().map(|stage| stage.actions.len()).sum()
    }
}

impl Stage {
    /// Whether it changes nodes by our hand.
    pub fn changes(&self) -> bool {
        self.actions.iter().any(|action| action.work.changes())
    }
}

impl Action {
    /// The nodes besides its own on which its postcondition is declared: one command that concerns the whole cluster.
    pub fn others(&self) -> Vec<NodeId> {
        let own = |node: &&NodeId| Some(*node) != self.node.as_ref();
        self.then_on.iter().filter(own).cloned().collect()
    }
}

impl Work {
    /// Whether it changes nodes by our hand.
    pub fn changes(&self) -> bool {
        matches!(self, Work::Change { .. } | Work::Upload(_))
    }

    /// Whether the node goes down and comes back meanwhile.
    pub fn reboots(&self) -> bool {
        matches!(self, Work::Change { reboots: true, .. })
    }

    /// What its program asks, if it asks.
    pub fn dialogue(&self) -> Option<&Dialogue> {
        match self {
            Work::Change { dialogue, .. } => dialogue.as_ref(),
            Work::Upload(_)
            | Work::Read { .. }
            | Work::Manual { .. }
            | Work::Attest { .. }
            | Work::Wait { .. }
            | Work::Decide { .. } => None,
        }
    }
}
