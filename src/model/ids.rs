//! Names that mean one thing each: newtypes, never bare strings.

use std::borrow::Borrow;
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

macro_rules! id {
    ($(#[$doc:meta] $name:ident),+ $(,)?) => {$(
        #[$doc]
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Arc<str>);

        impl $name {
            /// Takes the name as it is; files are validated where they are parsed.
            pub fn new(name: impl AsRef<str>) -> Self {
                Self(Arc::from(name.as_ref()))
            }

            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{:?}", &*self.0)
            }
        }

        impl Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl From<&str> for $name {
            fn from(name: &str) -> Self {
                Self::new(name)
            }
        }
    )+};
}

id! {
    /// A node, by its name in the cluster file: `st1`.
    NodeId,
    /// A role that a procedure declares: `server`.
    RoleId,
    /// A parameter that a procedure declares: `axway_home`.
    ParamId,
    /// One observed thing about a node: `service`.
    FactId,
    /// A probe: `state`.
    ProbeId,
    /// A check: `disk`.
    CheckId,
    /// An invariant: `one-version-running`.
    InvariantId,
    /// A phase: `upgrade`.
    PhaseId,
    /// A step, with its phase or branch: `upgrade/update`.
    StepId,
    /// A step on a node, or on the whole cluster: `upgrade/update@st2`, `sync/synchronise`.
    ActionId,
    /// A hold point that is opened by a typed phrase: `stop/stop-all`, `upgrade/update@st2`.
    GateId,
    /// A temporary change that must be undone: `services-stopped`.
    DebtId,
    /// A declared way out or around: `restore`.
    BranchId,
    /// One execution of one plan: `7k2m`.
    RunId,
}

impl StepId {
    /// The step `step` of the phase or branch `owner`.
    pub fn of(owner: &str, step: &str) -> Self {
        Self::new(format!("{owner}/{step}"))
    }
}

impl ActionId {
    /// The action of `step` on `node`; without a node it is the cluster's.
    pub fn of(step: &StepId, node: Option<&NodeId>) -> Self {
        match node {
            Some(node) => Self::new(format!("{step}@{node}")),
            None => Self::new(step.as_str()),
        }
    }
}

/// Whether `name` can be the name of something in a file: a letter or digit, then letters, digits, `-`, `_` or `.`.
pub fn is_name(name: &str) -> bool {
    let mut chars = name.chars();
    chars.next().is_some_and(|c| c.is_ascii_alphanumeric())
        && chars.all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'))
        && name.len() <= 63
}
