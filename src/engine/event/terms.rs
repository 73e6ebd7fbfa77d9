//! What events say of checks, actions, rules and runs.

use serde::{Deserialize, Serialize};

use crate::model::ids::{ActionId, BranchId, ParamId};

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
