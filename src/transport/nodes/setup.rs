//! What the hands need to know of each node before they connect: plain data, made by whoever reads files and environment.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use secrecy::SecretString;

use crate::model::cluster::Node;
use crate::model::ids::{CheckId, FactId, NodeId, ProbeId};
use crate::model::procedure::FactKind;
use crate::model::time::Span;
use crate::transport::ssh::{Become, Endpoint, KnownHostsFiles};

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
    pub script: String,
    pub timeout: Span,
}

/// Secret parameters: those that are known, and those that a human must give. Nothing of it prints.
#[derive(Default)]
pub struct Secrets {
    of_node: BTreeMap<(NodeId, String), SecretString>,
    wanted: BTreeMap<NodeId, Vec<String>>,
    given: BTreeMap<String, SecretString>,
}

impl Secrets {
    /// A secret that is known already.
    pub fn know(&mut self, node: &NodeId, name: &str, secret: SecretString) {
        self.of_node
            .insert((node.clone(), name.to_string()), secret);
    }

    /// A secret that a human must give before the node is connected.
    pub fn want(&mut self, node: &NodeId, name: &str) {
        self.wanted
            .entry(node.clone())
            .or_default()
            .push(name.to_string());
    }

    /// A human gave it: for every node that wants it.
    pub fn give(&mut self, name: &str, secret: SecretString) {
        self.given.insert(name.to_string(), secret);
    }

    /// A secret of a node.
    pub fn get(&self, node: &NodeId, name: &str) -> Option<&SecretString> {
        self.of_node
            .get(&(node.clone(), name.to_string()))
            .or_else(|| self.given.get(name))
    }

    /// The first secret of a node that is still wanted.
    pub fn missing(&self, node: &NodeId) -> Option<String> {
        self.wanted
            .get(node)?
            .iter()
            .find(|name| !self.given.contains_key(*name))
            .cloned()
    }
}

/// What the operator's machine says: environment and folders, read once by the command line.
#[derive(Clone, Debug, Default)]
pub struct Surroundings {
    pub user: Option<String>,
    pub home: Option<PathBuf>,
    /// `SSH_AUTH_SOCK`.
    pub agent: Option<PathBuf>,
    /// Where accepted host keys are written.
    pub own_known_hosts: PathBuf,
}

/// How a node is reached: what the cluster file says, else what ssh(1) would take without a configuration.
pub fn endpoint(node: &Node, around: &Surroundings) -> Result<Endpoint, String> {
    let ssh = &node.ssh;
    let user = ssh
        .user
        .clone()
        .or_else(|| around.user.clone())
        .ok_or_else(|| {
            format!(
                "node {}: no user to log in as; set user in [ssh], or $USER",
                node.name
            )
        })?;
    let home = around.home.clone().unwrap_or_else(|| PathBuf::from("/"));
    let path = |text: &String| expand(text, &home);
    let usual = || {
        ["id_ed25519", "id_ecdsa", "id_rsa"]
            .map(|name| home.join(".ssh").join(name))
            .to_vec()
    };
    let identities = if ssh.identities.is_empty() {
        usual()
    } else {
        ssh.identities.iter().map(path).collect()
    };
    let user_known = if ssh.known_hosts.is_empty() {
        vec![
            home.join(".ssh/known_hosts"),
            home.join(".ssh/known_hosts2"),
        ]
    } else {
        ssh.known_hosts.iter().map(path).collect()
    };
    let timeout = ssh.connect_timeout.unwrap_or(Span::seconds(10));
    Ok(Endpoint {
        node: node.name.to_string(),
        host: node.host.clone(),
        port: ssh.port.unwrap_or(22),
        user,
        identities,
        identities_only: ssh.identities_only,
        agent: ssh
            .agent
            .as_ref()
            .map(path)
            .or_else(|| around.agent.clone()),
        known_hosts: KnownHostsFiles {
            user: user_known,
            global: vec![
                "/etc/ssh/ssh_known_hosts".into(),
                "/etc/ssh/ssh_known_hosts2".into(),
            ],
            own: around.own_known_hosts.clone(),
        },
        pinned: None,
        connect_timeout: Duration::from_millis(timeout.0),
        become_user: ssh.r#become.as_ref().map(|other| Become::sudo(&other.user)),
        job_dir: ssh.job_dir.clone(),
    })
}

fn expand(text: &str, home: &Path) -> PathBuf {
    match text.strip_prefix("~/") {
        Some(rest) => home.join(rest),
        None => PathBuf::from(text),
    }
}
