//! A server that follows a script of methods and rounds, for what no ordinary sshd can be made to ask.
//!
//! It lets in who passes every method of its chain in order, and notes everything that it was shown.

use std::borrow::Cow;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use holdpoint::transport::ssh::{Endpoint, KnownHostsFiles, known_name};
use russh::keys::PrivateKey;
use russh::keys::ssh_key::LineEnding;
use russh::server::{Auth, Config, Handler, Response, VerifiedPublicKey};
use russh::{MethodKind, MethodSet};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// One round of keyboard-interactive: what is asked (and whether it may be seen), and what must be answered.
#[derive(Clone)]
pub struct Round {
    pub instructions: &'static str,
    pub prompts: Vec<(&'static str, bool)>,
    pub answers: Vec<&'static str>,
}

/// What the server wants.
#[derive(Clone, Default)]
pub struct Plan {
    /// Every one of these, in this order.
    pub chain: Vec<MethodKind>,
    pub password: &'static str,
    pub rounds: Vec<Round>,
}

/// The running server.
pub struct Scripted {
    pub port: u16,
    pub seen: Arc<Mutex<Vec<String>>>,
    dir: tempfile::TempDir,
    known: String,
    task: JoinHandle<()>,
}

impl Scripted {
    pub async fn start(plan: Plan) -> Self {
        let host_key = key(1);
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("its address").port();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let public = host_key.public_key().to_openssh().expect("a key as text");
        let known = format!("{} {public}\n", known_name("127.0.0.1", port));
        let config = Arc::new(Config {
            keys: vec![host_key],
            methods: MethodSet::from(&plan.chain[..1]),
            auth_rejection_time: Duration::ZERO,
            ..Config::default()
        });
        let notes = Arc::clone(&seen);
        let task = tokio::spawn(async move {
            while let Ok((tcp, _)) = listener.accept().await {
                let visit = Visit {
                    plan: plan.clone(),
                    seen: Arc::clone(&notes),
                    passed: 0,
                    round: 0,
                };
                let session = russh::server::run_stream(Arc::clone(&config), tcp, visit);
                tokio::spawn(async move {
                    // A client that hangs up is part of some stories.
                    if let Ok(session) = session.await {
                        let _ = session.await;
                    }
                });
            }
        });
        Self {
            port,
            seen,
            dir: tempfile::tempdir().expect("a folder"),
            known,
            task,
        }
    }

    /// Where it is, with its host key known and a login key that it takes.
    pub fn endpoint(&self, node: &str) -> Endpoint {
        let known = self.dir.path().join("known_hosts");
        std::fs::write(&known, &self.known).expect("known_hosts");
        let login = self.dir.path().join("login");
        let text = key(2).to_openssh(LineEnding::LF).expect("a key as text");
        write_private(&login, &text);
        Endpoint {
            node: node.into(),
            host: "127.0.0.1".into(),
            port: self.port,
            user: "ana".into(),
            identities: vec![login],
            known_hosts: KnownHostsFiles {
                user: vec![known],
                global: vec![],
                own: self.dir.path().join("own"),
            },
            ..super::endpoint::nowhere()
        }
    }

    /// Everything that it was shown so far.
    pub fn notes(&self) -> Vec<String> {
        self.seen.lock().expect("no panic while held").clone()
    }
}

impl Drop for Scripted {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn key(seed: u8) -> PrivateKey {
    use russh::keys::ssh_key::private::Ed25519Keypair;
    PrivateKey::from(Ed25519Keypair::from_seed(&[seed; 32]))
}

fn write_private(path: &std::path::Path, text: &str) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::write(path, text).expect("a key file");
    std::fs::set_permissions(path, PermissionsExt::from_mode(0o600)).expect("its mode");
}

struct Visit {
    plan: Plan,
    seen: Arc<Mutex<Vec<String>>>,
    passed: usize,
    round: usize,
}

impl Visit {
    fn note(&self, what: impl Into<String>) {
        let mut seen = self.seen.lock().expect("no panic while held");
        seen.push(what.into());
    }

    fn judge(&mut self, kind: MethodKind, good: bool) -> Auth {
        if !good || self.plan.chain.get(self.passed) != Some(&kind) {
            let next = self.plan.chain.get(self.passed).into_iter().copied();
            return reject(next.collect(), false);
        }
        self.passed += 1;
        match self.plan.chain.get(self.passed) {
            None => Auth::Accept,
            Some(next) => reject(vec![*next], true),
        }
    }

    fn ask(&self) -> Auth {
        let round = &self.plan.rounds[self.round];
        let prompts = round.prompts.iter();
        let prompts = prompts.map(|(text, echo)| (Cow::Borrowed(*text), *echo));
        Auth::Partial {
            name: Cow::Borrowed(""),
            instructions: Cow::Borrowed(round.instructions),
            prompts: Cow::Owned(prompts.collect()),
        }
    }
}

fn reject(next: Vec<MethodKind>, partial_success: bool) -> Auth {
    Auth::Reject {
        proceed_with_methods: Some(MethodSet::from(&next[..])),
        partial_success,
    }
}

impl Handler for Visit {
    type Error = russh::Error;

    async fn auth_password(&mut self, _: &str, password: &str) -> Result<Auth, Self::Error> {
        self.note(format!("password {password}"));
        let good = password == self.plan.password;
        Ok(self.judge(MethodKind::Password, good))
    }

    async fn auth_publickey(
        &mut self,
        _: &str,
        _: VerifiedPublicKey<'_>,
    ) -> Result<Auth, Self::Error> {
        self.note("publickey");
        Ok(self.judge(MethodKind::PublicKey, true))
    }

    async fn auth_keyboard_interactive<'a>(
        &'a mut self,
        _: &str,
        _: &str,
        response: Option<Response<'a>>,
    ) -> Result<Auth, Self::Error> {
        let Some(response) = response else {
            self.round = 0;
            return Ok(self.ask());
        };
        let answers: Vec<String> = response
            .map(|answer| String::from_utf8_lossy(&answer).into_owned())
            .collect();
        self.note(format!("answers {}", answers.join(",")));
        if answers != self.plan.rounds[self.round].answers {
            return Ok(self.judge(MethodKind::KeyboardInteractive, false));
        }
        self.round += 1;
        if self.round < self.plan.rounds.len() {
            return Ok(self.ask());
        }
        Ok(self.judge(MethodKind::KeyboardInteractive, true))
    }
}
