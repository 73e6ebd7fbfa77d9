//! What the hands need to know of each node before they connect: plain data, made by whoever reads files and environment.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

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
        agent: match &ssh.agent {
            // As ssh(1) has it: no agent at all.
            Some(none) if none == "none" => None,
            Some(socket) => Some(path(socket)),
            None => around.agent.clone(),
        },
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::cluster::Ssh;

    fn around() -> Surroundings {
        Surroundings {
            user: Some("ana".into()),
            home: Some("/home/ana".into()),
            agent: Some("/run/agent".into()),
            own_known_hosts: "/state/known_hosts".into(),
        }
    }

    fn reached(ssh: Ssh, around: &Surroundings) -> Result<Endpoint, String> {
        let node = Node {
            name: "st1".into(),
            host: "st1.example.net".into(),
            roles: Default::default(),
            ssh,
            params: BTreeMap::new(),
        };
        endpoint(&node, around)
    }

    #[test]
    fn what_the_cluster_file_leaves_open_comes_from_the_machine() {
        let endpoint = reached(Ssh::default(), &around()).unwrap();
        assert_eq!((endpoint.user.as_str(), endpoint.port), ("ana", 22));
        assert_eq!(
            endpoint.identities[0],
            Path::new("/home/ana/.ssh/id_ed25519")
        );
        assert_eq!(endpoint.agent, Some("/run/agent".into()));
        assert_eq!(
            endpoint.known_hosts.user[0],
            Path::new("/home/ana/.ssh/known_hosts")
        );
        assert_eq!(endpoint.known_hosts.own, Path::new("/state/known_hosts"));
        assert_eq!(endpoint.connect_timeout, Duration::from_secs(10));
        let nobody = reached(Ssh::default(), &Surroundings::default()).unwrap_err();
        assert!(nobody.contains("st1: no user"), "{nobody}");
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
        let endpoint = reached(ssh, &around()).unwrap();
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
