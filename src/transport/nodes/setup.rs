//! What the hands need to know of each node before they connect: plain data, made by whoever reads files and environment.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use crate::model::ids::{CheckId, FactId, NodeId, ProbeId};
use crate::model::procedure::FactKind;
use crate::model::time::Span;
use crate::transport::ssh::Endpoint;

/// One node: how it is reached and what is read from it.
#[derive(Clone, Debug)]
pub struct NodeSetup {
    pub node: NodeId,
    pub endpoint: Endpoint,
    pub probes: Vec<ProbeSetup>,
    pub checks: BTreeMap<CheckId, CheckSetup>,
    /// Keeps the nodes' back-off out of step.
    pub seed: u64,
}

/// One probe, ready to be sent.
#[derive(Clone, Debug)]
pub struct ProbeSetup {
    pub id: ProbeId,
    pub gives: Vec<(FactId, FactKind)>,
    pub every: Span,
    pub timeout: Span,
    pub script: String,
}

/// One check's script, ready to be sent.
#[derive(Clone, Debug)]
pub struct CheckSetup {
    /// Shared between the checks that have the same.
    pub script: Arc<str>,
    pub timeout: Span,
    /// Whether the script looks for several checks and tells them apart by lines `@ ID ..`.
    pub is_part: bool,
}

/// What the operator's machine says: environment and folders, read once by the command line.
#[derive(Clone, Debug, Default)]
pub struct Surroundings {
    pub user: Option<String>,
    pub home: Option<PathBuf>,
    /// `SSH_AUTH_SOCK`.
    pub agent: Option<PathBuf>,
    /// `SHELL`: runs a ProxyCommand.
    pub shell: Option<PathBuf>,
    /// Where accepted host keys are written.
    pub own_known_hosts: PathBuf,
}
