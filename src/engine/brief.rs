//! What a run is given before it begins, and never changes: procedure, cluster, parameters, mode.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::model::cluster::Cluster;
use crate::model::ids::{NodeId, ParamId};
use crate::model::params;
use crate::model::procedure::Procedure;
use crate::model::value::Value;

/// The givens of a run. It is not journaled: its files are frozen in the run's folder and named by hash.
#[derive(Clone, Debug)]
pub struct Brief {
    pub procedure: Procedure,
    pub cluster: Cluster,
    /// Parameters per node, defaults filled in, without secrets.
    pub params: BTreeMap<NodeId, BTreeMap<ParamId, Value>>,
    /// The cluster's own parameters, as conditions see them.
    pub shared: BTreeMap<String, Value>,
    /// Defaults in use that the procedure calls assumptions, in words.
    pub assumptions: Vec<String>,
    pub mode: Mode,
    /// How far this session is meant to go.
    pub goal: Goal,
}

/// What a run may do to its nodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// On a simulated cluster.
    Rehearse,
    /// On the real nodes, which cannot be changed by it.
    DryRun,
    /// For real.
    Run,
}

/// How far a session goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Goal {
    /// Connect, probe, run the checks.
    Check,
    /// The same, then print the plan.
    Plan,
    /// The whole walk.
    Walk,
}

impl Brief {
    /// The givens of a run, with every parameter resolved.
    pub fn new(procedure: Procedure, cluster: Cluster, mode: Mode, goal: Goal) -> Brief {
        let resolved = params::resolve(&procedure, &cluster);
        let assumptions = resolved.assumptions.iter().map(|assumption| {
            format!(
                "{} = {} ({})",
                assumption.param, assumption.value, assumption.why
            )
        });
        Brief {
            params: resolved.nodes,
            shared: resolved
                .cluster
                .iter()
                .map(|(param, value)| (param.to_string(), value.clone()))
                .collect(),
            assumptions: assumptions.collect(),
            procedure,
            cluster,
            mode,
            goal,
        }
    }
}

impl Mode {
    /// The mode's name, as the command line says it.
    pub fn name(self) -> &'static str {
        match self {
            Mode::Rehearse => "rehearse",
            Mode::DryRun => "dry-run",
            Mode::Run => "run",
        }
    }
}

/// Who did something.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Person {
    pub user: String,
    pub host: String,
}

impl std::fmt::Display for Person {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}@{}", self.user, self.host)
    }
}
