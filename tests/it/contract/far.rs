//! A real server as a clause meets it: our own way there, the operator's files, and how we come to it.

use std::collections::BTreeMap;
use std::fs;
use std::sync::Arc;
use std::time::Duration;

use holdpoint::model::ids::NodeId;
use holdpoint::model::procedure::FactKind;
use holdpoint::model::time::Span;
use holdpoint::transport::nodes::{CheckSetup, NodeSetup, ProbeSetup, Secrets, SshActs, SshLooks};
use holdpoint::transport::ssh::{Credentials, Endpoint, KnownHostsFiles, Tuning, known_name};

use super::servers::Server;
use super::wire::Wire;
use crate::support::endpoint::nowhere;
use crate::support::sshd::new_key;

/// The name of the node in every clause.
pub const NODE: &str = "server1";

/// How we come to the node.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Meeting {
    /// Its host key is known, and it knows our key.
    Known,
    /// Its host key was never seen.
    Unknown,
    /// Another host key than its own is known.
    Changed,
    /// It does not know our key.
    ForeignLogin,
    /// As known, and a silent link is noticed within seconds.
    Impatient,
    /// As known, and keys are exchanged anew after 256 KiB, each time with a group of the server's.
    Rekeying,
}

/// A real server, and our own way to it.
pub struct Far {
    pub server: Arc<Server>,
    pub wire: Wire,
    /// The operator's files.
    pub desk: tempfile::TempDir,
}

impl Far {
    /// Our way to the server begins at `ip`.
    pub async fn new(server: Arc<Server>, ip: &str) -> Far {
        let wire = Wire::new(ip, (server.ip.clone(), server.port)).await;
        fs::write(server.home.join("facts"), "service=running\nversion=5.4\n").expect("facts");
        Far {
            server,
            wire,
            desk: tempfile::tempdir().expect("a folder for the operator"),
        }
    }

    /// Hands on it that know nothing yet.
    pub fn hands(&self, slug: &str, how: Meeting) -> SshActs {
        let check = CheckSetup {
            timeout: Span::minutes(1),
            script: "echo tmp_free_kb=61000000".into(),
            is_part: false,
        };
        let probe = ProbeSetup {
            id: "state".into(),
            gives: vec![
                ("service".into(), FactKind::Text),
                ("version".into(), FactKind::Version),
            ],
            every: Span::seconds(1),
            timeout: Span::minutes(1),
            script: "cat \"$HOME/facts\"".into(),
        };
        let setup = NodeSetup {
            node: NodeId::new(NODE),
            endpoint: self.endpoint(slug, how),
            probes: vec![probe],
            checks: BTreeMap::from([("disk".into(), check)]),
            seed: 1,
        };
        let nothing = (Credentials::default(), Secrets::default());
        SshActs::new(SshLooks::new(vec![setup], nothing.0, nothing.1))
    }

    fn endpoint(&self, slug: &str, how: Meeting) -> Endpoint {
        let desk = self.desk.path();
        let another = |name: &str| {
            let key = desk.join(name);
            if !key.exists() {
                new_key(&key, "");
            }
            key
        };
        let known = match how {
            Meeting::Unknown => String::new(),
            Meeting::Changed => {
                let key = another("other").with_extension("pub");
                fs::read_to_string(key).expect("a public key")
            }
            Meeting::Known | Meeting::ForeignLogin | Meeting::Impatient | Meeting::Rekeying => {
                self.server.host_key.clone()
            }
        };
        let name = known_name(&self.wire.ip, self.wire.port);
        let lines = if known.is_empty() {
            known
        } else {
            format!("{name} {}\n", known.trim())
        };
        let file = desk.join("known_hosts");
        fs::write(&file, lines).expect("known_hosts");
        let identity = match how {
            Meeting::ForeignLogin => another("foreign"),
            Meeting::Known
            | Meeting::Unknown
            | Meeting::Changed
            | Meeting::Impatient
            | Meeting::Rekeying => self.server.login_key.clone(),
        };
        let mut tuning = Tuning::default();
        if how == Meeting::Impatient {
            tuning.keepalive = Some(Duration::from_secs(1));
            tuning.keepalives_lost = Some(1);
        }
        if how == Meeting::Rekeying {
            tuning.rekey.bytes = Some(256 << 10);
            tuning.algorithms.kex = Some(vec!["diffie-hellman-group-exchange-sha256".into()]);
        }
        Endpoint {
            node: NODE.into(),
            host: self.wire.ip.clone(),
            port: self.wire.port,
            user: self.server.user.clone(),
            identities: vec![identity],
            known_hosts: KnownHostsFiles {
                user: vec![file],
                global: vec![],
                own: desk.join("own"),
            },
            connect_timeout: Duration::from_secs(30),
            job_dir: Some(self.server.home.join(jobs(slug)).display().to_string()),
            tuning,
            ..nowhere()
        }
    }
}

/// The folder of a clause's jobs in the node's home.
pub fn jobs(slug: &str) -> String {
    format!("jobs.{slug}")
}
