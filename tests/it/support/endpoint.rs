//! How a story reaches one of its pretended nodes through the program's own SSH layer.

use std::path::PathBuf;
use std::time::Duration;

use holdpoint::transport::ssh::{
    Credentials, Endpoint, KnownHostsFiles, Limits, ReadOutput, Route, Session, Tuning,
};

use super::sshd::Sshd;

/// An endpoint that leads nowhere: what a story does not say.
pub fn nowhere() -> Endpoint {
    Endpoint {
        node: String::new(),
        host: String::new(),
        port: 22,
        user: String::new(),
        identities: vec![],
        identities_only: true,
        agent: None,
        known_hosts: KnownHostsFiles::default(),
        pinned: None,
        connect_timeout: Duration::from_secs(30),
        become_user: None,
        job_dir: None,
        route: Route::Direct,
        tuning: Tuning::default(),
    }
}

/// An endpoint for `node` with its login key and an empty holdpoint file: the host key is not known yet.
pub fn stranger(node: &Sshd) -> Endpoint {
    Endpoint {
        node: node.name.clone(),
        host: node.ip.clone(),
        port: node.port,
        user: node.user.clone(),
        identities: vec![node.login_key.clone()],
        known_hosts: KnownHostsFiles {
            user: vec![],
            global: vec![],
            own: own_file(node),
        },
        job_dir: Some(format!("{}/jobs", node.home.display())),
        ..nowhere()
    }
}

/// As [`stranger`], with the node's host key in the user's known_hosts.
pub fn friend(node: &Sshd) -> Endpoint {
    let mut endpoint = stranger(node);
    let file = node.dir.join("known_hosts");
    std::fs::write(&file, node.known_hosts_line() + "\n").expect("known_hosts");
    endpoint.known_hosts.user = vec![file];
    endpoint
}

/// Where holdpoint appends answers for this node.
pub fn own_file(node: &Sshd) -> PathBuf {
    node.dir.join("state/known_hosts")
}

/// A session with a node that is known.
pub async fn session(node: &Sshd) -> Session {
    Session::connect(&friend(node), &Credentials::default())
        .await
        .unwrap_or_else(|failure| panic!("{failure}\n{}", node.log()))
}

/// Bounds that no story should reach.
pub fn roomy() -> Limits {
    Limits {
        time: Duration::from_secs(120),
        bytes: 1 << 20,
    }
}

/// The answer to a read-only script that must succeed.
pub async fn read(session: &Session, script: &str) -> ReadOutput {
    let answer = session.read(script.as_bytes(), roomy()).await;
    answer.unwrap_or_else(|failure| panic!("{failure}"))
}
