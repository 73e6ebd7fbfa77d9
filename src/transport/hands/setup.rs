//! What the hands are given: data, ready before the first connection.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use secrecy::SecretString;

use crate::model::cluster::Node;
use crate::model::ids::{CheckId, FactId, NodeId, ProbeId};
use crate::model::procedure::FactKind;
use crate::model::time::Span;
use crate::transport::ssh::{Become, Endpoint, KnownHostsFiles, PinnedKey};

/// The port that ssh(1) uses where none is given.
const SSH_PORT: u16 = 22;
/// Limit for name lookup and TCP where the cluster file gives none.
const CONNECT_TIMEOUT: Span = Span::seconds(10);

/// One node: how it is reached, and the scripts that may look at it, with their variables above them.
#[derive(Clone, Debug)]
pub struct NodeSetup {
    pub node: NodeId,
    pub endpoint: Endpoint,
    /// In the procedure's order; only those that run on this node.
    pub probes: Vec<ProbeSetup>,
    pub checks: BTreeMap<CheckId, CheckSetup>,
}

/// One probe on one node.
#[derive(Clone, Debug)]
pub struct ProbeSetup {
    pub id: ProbeId,
    /// The facts that it prints; their kinds decide how a printed word is read.
    pub gives: Vec<(FactId, FactKind)>,
    /// From the begin of one look to the begin of the next.
    pub every: Span,
    pub timeout: Span,
    pub script: String,
}

/// One check on one node.
#[derive(Clone, Debug)]
pub struct CheckSetup {
    pub timeout: Span,
    pub script: String,
}

/// The values of secret parameters, by node and by name as in [`crate::model::script::Script::secrets`].
pub type Secrets = BTreeMap<(NodeId, String), SecretString>;

/// What the machine that we run on says about its user. Read once, by the command line.
#[derive(Clone, Debug, Default)]
pub struct Surroundings {
    /// Who we are: the login where the cluster file names none.
    pub user: String,
    /// For `~/` in paths.
    pub home: Option<PathBuf>,
    /// Key files to offer where the cluster file names none.
    pub identities: Vec<PathBuf>,
    /// The agent's socket, where the cluster file names none.
    pub agent: Option<PathBuf>,
    /// The user's known_hosts files, where the cluster file names none.
    pub known_hosts: Vec<PathBuf>,
    /// Those of the machine.
    pub global_known_hosts: Vec<PathBuf>,
    /// holdpoint's own file: the only one that is ever written.
    pub own_known_hosts: PathBuf,
}

/// Where and as whom a node is reached: its `ssh` settings over what the machine says. `pinned`: the key that this run
/// has seen before.
pub fn endpoint(node: &Node, around: &Surroundings, pinned: Option<PinnedKey>) -> Endpoint {
    let ssh = &node.ssh;
    let home = around.home.as_deref();
    let paths = |given: &[String], usual: &[PathBuf]| match given {
        [] => usual.to_vec(),
        given => given.iter().map(|path| at_home(path, home)).collect(),
    };
    let limit = ssh.connect_timeout.unwrap_or(CONNECT_TIMEOUT);
    Endpoint {
        node: node.name.to_string(),
        host: node.host.clone(),
        port: ssh.port.unwrap_or(SSH_PORT),
        user: ssh.user.clone().unwrap_or_else(|| around.user.clone()),
        identities: paths(&ssh.identities, &around.identities),
        identities_only: ssh.identities_only,
        agent: match ssh.agent.as_deref() {
            Some("none") => None,
            Some(socket) => Some(at_home(socket, home)),
            None => around.agent.clone(),
        },
        known_hosts: KnownHostsFiles {
            user: paths(&ssh.known_hosts, &around.known_hosts),
            global: around.global_known_hosts.clone(),
            own: around.own_known_hosts.clone(),
        },
        pinned,
        connect_timeout: Duration::from_millis(limit.0),
        become_user: ssh.r#become.as_ref().map(|other| Become::sudo(&other.user)),
        job_dir: ssh.job_dir.clone(),
    }
}

fn at_home(path: &str, home: Option<&Path>) -> PathBuf {
    match (path.strip_prefix("~/"), home) {
        (Some(rest), Some(home)) => home.join(rest),
        (_, _) => PathBuf::from(path),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::cluster::Ssh;

    fn around() -> Surroundings {
        Surroundings {
            user: "ana".into(),
            home: Some("/home/ana".into()),
            identities: vec!["/home/ana/.ssh/id_ed25519".into()],
            agent: Some("/run/agent".into()),
            known_hosts: vec!["/home/ana/.ssh/known_hosts".into()],
            global_known_hosts: vec!["/etc/ssh/ssh_known_hosts".into()],
            own_known_hosts: "/state/known_hosts".into(),
        }
    }

    fn node(ssh: Ssh) -> Node {
        Node {
            name: "st1".into(),
            host: "st1.example.net".into(),
            roles: Default::default(),
            ssh,
            params: BTreeMap::new(),
        }
    }

    #[test]
    fn what_the_cluster_file_leaves_open_comes_from_the_machine() {
        let endpoint = endpoint(&node(Ssh::default()), &around(), None);
        assert_eq!((endpoint.user.as_str(), endpoint.port), ("ana", 22));
        assert_eq!(endpoint.identities, around().identities);
        assert_eq!(endpoint.agent, Some("/run/agent".into()));
        assert_eq!(endpoint.known_hosts.user, around().known_hosts);
        assert_eq!(endpoint.known_hosts.own, around().own_known_hosts);
        assert_eq!(endpoint.connect_timeout, Duration::from_secs(10));
    }

    #[test]
    fn what_the_cluster_file_says_wins() {
        let ssh = Ssh {
            user: Some("root".into()),
            port: Some(2222),
            identities: vec!["~/keys/st".into(), "/keys/other".into()],
            agent: Some("none".into()),
            known_hosts: vec!["~/known".into()],
            connect_timeout: Some(Span::seconds(3)),
            ..Ssh::default()
        };
        let endpoint = endpoint(&node(ssh), &around(), None);
        assert_eq!((endpoint.user.as_str(), endpoint.port), ("root", 2222));
        let keys: Vec<PathBuf> = vec!["/home/ana/keys/st".into(), "/keys/other".into()];
        assert_eq!(endpoint.identities, keys);
        assert_eq!(endpoint.agent, None);
        assert_eq!(
            endpoint.known_hosts.user,
            [PathBuf::from("/home/ana/known")]
        );
        assert_eq!(endpoint.connect_timeout, Duration::from_secs(3));
    }
}
