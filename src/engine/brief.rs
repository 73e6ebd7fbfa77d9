//! What a run is given before it begins, and never changes: procedure, cluster, parameters, mode.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::model::cluster::Cluster;
use crate::model::ids::{NodeId, ParamId};
use crate::model::params;
use crate::model::procedure::{ParamKind, Procedure};
use crate::model::time::Span;
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

impl Brief {
    /// Files of this machine that the cluster file names are found beside it.
    pub fn find_files_in(&mut self, folder: &Path) {
        let files = self.procedure.params.iter();
        let files = files.filter(|(_, param)| param.kind == ParamKind::File);
        let files: Vec<ParamId> = files.map(|(id, _)| id.clone()).collect();
        let found = |value: &mut Value| {
            if let Value::Text(path) = value {
                *path = folder.join(&*path).display().to_string();
            }
        };
        for file in files {
            let of_nodes = self.params.values_mut();
            of_nodes
                .filter_map(|params| params.get_mut(&file))
                .for_each(found);
            self.shared
                .get_mut(file.as_str())
                .into_iter()
                .for_each(found);
        }
    }

    /// What `{name}` means in a text for people, on a node or for the cluster: lengths of time are written out.
    pub fn meaning(&self, name: &str, node: Option<&NodeId>) -> Option<String> {
        match name {
            "target" => return Some(self.cluster.target.clone()),
            "cluster" => return Some(self.cluster.name.clone()),
            "node" => return Some(node.map_or("each node".into(), ToString::to_string)),
            "host" => {
                let host = node
                    .and_then(|node| self.cluster.node(node))
                    .map(|node| node.host.clone());
                return Some(host.unwrap_or_else(|| "each host".into()));
            }
            _ => {}
        }
        let param = ParamId::new(name);
        let of_node = node
            .and_then(|node| self.params.get(node))
            .or_else(|| self.params.values().next());
        let value = of_node
            .and_then(|params| params.get(&param))
            .or_else(|| self.shared.get(name))?;
        let kind = self.procedure.params.get(&param).map(|param| &param.kind);
        match (kind, value) {
            (Some(ParamKind::Duration), Value::Number(seconds)) => {
                Some(Span::seconds(u64::try_from(*seconds).unwrap_or(0)).to_string())
            }
            _ => Some(value.to_string()),
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
