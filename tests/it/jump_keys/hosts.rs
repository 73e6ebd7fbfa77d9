//! A jump host and the nodes behind it, all within the test: what they show and whom they let in needs no OpenSSH.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use holdpoint::transport::ssh::{Endpoint, KnownHostsFiles, fingerprint, known_name};
use russh::keys::ssh_key::LineEnding;
use russh::keys::ssh_key::private::Ed25519Keypair;
use russh::keys::{PrivateKey, PublicKey};
use tokio::task::JoinHandle;

use crate::contract::in_process::{self, Part, Rules};
use crate::support::endpoint::nowhere;

/// A key of its own for each number.
pub fn key(number: u8) -> PrivateKey {
    PrivateKey::from(Ed25519Keypair::from_seed(&[number; 32]))
}

/// The key with which everybody logs in everywhere.
const LOGIN: u8 = 1;

/// An SSH server that hands connections on.
pub struct JumpHost {
    pub ip: String,
    pub port: u16,
    key: PrivateKey,
    task: JoinHandle<()>,
}

impl JumpHost {
    pub async fn start(ip: &str, number: u8) -> JumpHost {
        JumpHost::serve(ip, 0, key(number)).await
    }

    /// As after a new installation: the same address, another key. Who is connected stays connected.
    pub async fn with_key(mut self, number: u8) -> JumpHost {
        self.task.abort();
        // It ends because it was told to; only then is its port free.
        let _ = (&mut self.task).await;
        JumpHost::serve(&self.ip, self.port, key(number)).await
    }

    async fn serve(ip: &str, port: u16, key: PrivateKey) -> JumpHost {
        let rules = Rules {
            host_key: key.clone(),
            login: self::key(LOGIN).public_key().clone(),
            environment: Vec::new(),
            part: Arc::new(Part {
                hands_on: true,
                ..Part::default()
            }),
        };
        let (port, task) = in_process::serve_at(ip, port, rules).await;
        let ip = ip.to_owned();
        JumpHost {
            ip,
            port,
            key,
            task,
        }
    }

    /// Its name in known_hosts, and in the run's record.
    pub fn place(&self) -> String {
        known_name(&self.ip, self.port)
    }

    pub fn fingerprint(&self) -> String {
        fingerprint(self.key.public_key())
    }

    pub fn known_hosts_line(&self) -> String {
        line(&self.place(), self.key.public_key())
    }
}

impl Drop for JumpHost {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn line(name: &str, key: &PublicKey) -> String {
    format!("{name} {}\n", key.to_openssh().expect("a key as text"))
}

/// A node within the test, with a shell and a home.
pub struct Node {
    pub name: String,
    pub ip: String,
    pub port: u16,
    pub home: PathBuf,
    key: PrivateKey,
    task: JoinHandle<()>,
}

impl Node {
    pub async fn start(folder: &Path, name: &str, ip: &str, number: u8) -> Node {
        let home = folder.join(name);
        fs::create_dir(&home).expect("the node's home");
        let text = |path: &Path| path.display().to_string();
        let environment = [
            ("HOME", text(&home)),
            ("PATH", std::env::var("PATH").expect("there is one")),
            ("USER", "ana".into()),
            ("LOGNAME", "ana".into()),
            ("SHELL", "/bin/sh".into()),
        ];
        let rules = Rules {
            host_key: key(number),
            login: key(LOGIN).public_key().clone(),
            environment: environment
                .map(|(name, value)| (name.into(), value))
                .to_vec(),
            part: Default::default(),
        };
        let (port, task) = in_process::serve(ip, rules).await;
        Node {
            name: name.into(),
            ip: ip.into(),
            port,
            home,
            key: key(number),
            task,
        }
    }

    pub fn known_hosts_line(&self) -> String {
        line(&known_name(&self.ip, self.port), self.key.public_key())
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// The desk of the operator: a login key, and a known_hosts file.
pub struct Desk {
    pub folder: tempfile::TempDir,
}

impl Desk {
    pub fn new() -> Desk {
        let folder = tempfile::tempdir().expect("a folder");
        let text = key(LOGIN).to_openssh(LineEnding::LF).expect("a key");
        let file = folder.path().join("login");
        fs::write(&file, text.as_bytes()).expect("a key file");
        fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).expect("its mode");
        Desk { folder }
    }

    pub fn login(&self) -> PathBuf {
        self.folder.path().join("login")
    }

    pub fn known_hosts(&self) -> PathBuf {
        self.folder.path().join("known_hosts")
    }

    /// From now on these lines are all that is known.
    pub fn knows(&self, lines: &[String]) {
        fs::write(self.known_hosts(), lines.concat()).expect("known_hosts");
    }

    pub fn endpoint(&self, node: &str, ip: &str, port: u16) -> Endpoint {
        Endpoint {
            node: node.into(),
            host: ip.into(),
            port,
            user: "ana".into(),
            identities: vec![self.login()],
            known_hosts: KnownHostsFiles {
                user: vec![self.known_hosts()],
                global: vec![],
                own: self.folder.path().join("own_known_hosts"),
            },
            ..nowhere()
        }
    }

    pub fn jump(&self, host: &JumpHost) -> Endpoint {
        self.endpoint(&host.ip, &host.ip, host.port)
    }
}
