//! One connection to one node: opened, logged in, watched, closed.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use russh::client::{self, Handle};
use russh::{Disconnect, Preferred, kex};
use tokio::net::TcpStream;
use tokio::sync::{Semaphore, watch};
use tokio::time::timeout;

use super::auth::{self, Login};
use super::endpoint::{Become, Credentials, Endpoint};
use super::exec::{Limits, ReadFailure};
use super::failure::{ConnectFailure, Stage};
use super::hostkey::HostKeyRule;
use super::known_hosts::{KnownHosts, known_name};
use super::switch::{KillSwitch, Switched, greeting_in};
use super::watcher::{Heard, SeenKey, Watcher};

/// Most channels at once; servers allow ten by default, and some sites one.
pub(super) const CHANNELS: u32 = 4;

/// Greeting and key exchange: the library sets no limit of its own.
const HANDSHAKE_LIMIT: Duration = Duration::from_secs(15);
/// The whole login, agent included (which may wait for a touch).
const LOGIN_LIMIT: Duration = Duration::from_secs(120);
/// One question as the other user; a sudo that asks the network who we are may be slow.
const BECOME_LIMIT: Duration = Duration::from_secs(30);
/// A life sign after this much silence; a loss is seen after four of them.
const KEEPALIVE: Duration = Duration::from_secs(5);
const KEEPALIVES_LOST: usize = 3;
/// The second net, for a write that blocks: keepalives are not looked at then.
const INACTIVITY: Duration = Duration::from_secs(180);
/// The first net for that: how long the kernel waits for an acknowledgement.
const TCP_USER_TIMEOUT: Duration = Duration::from_secs(20);
const WINDOW: u32 = 2 << 20;

/// A logged-in connection. Clones share it; it ends with the last of them.
#[derive(Clone)]
pub struct Session {
    pub(super) link: Arc<Link>,
}

pub(super) struct Link {
    pub(super) handle: Handle<Watcher>,
    pub(super) channels: Arc<Semaphore>,
    /// Set once a server has refused a second channel: from then on one at a time.
    pub(super) narrow: AtomicBool,
    become_user: Option<Become>,
    job_dir: Option<String>,
    host_key: SeenKey,
    banner: String,
    ended: watch::Receiver<Option<String>>,
    switch: KillSwitch,
}

impl Drop for Link {
    fn drop(&mut self) {
        self.switch.kill();
    }
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session")
            .field("host_key", &self.link.host_key)
            .field("lost", &self.lost())
            .finish_non_exhaustive()
    }
}

impl Session {
    /// Connects, checks the host key, logs in, and makes sure that the other user can be become.
    ///
    /// A question (unknown host key, passphrase) comes back as a failure: answer it, then connect again.
    pub async fn connect(
        endpoint: &Endpoint,
        credentials: &Credentials,
    ) -> Result<Self, ConnectFailure> {
        if let Some(other) = &endpoint.become_user {
            let refused = |why| become_refused(endpoint, other, why);
            other.prefix().map_err(refused)?;
        }
        let rule = HostKeyRule {
            known: KnownHosts::read(&endpoint.known_hosts)?,
            name: known_name(&endpoint.host, endpoint.port),
            pinned: endpoint.pinned.clone(),
        };
        let offers = auth::prepare(endpoint, credentials).await?;
        let tcp = open_tcp(endpoint).await?;
        let opened = handshake(tcp, rule).await?;
        let session = log_in(endpoint, opened, offers).await?;
        session.check_become(endpoint).await?;
        Ok(session)
    }

    /// Why the connection is lost, or `None` while it lives.
    pub fn lost(&self) -> Option<String> {
        let ended = &self.link.ended;
        let said = ended.borrow().clone();
        said.or_else(|| ended.has_changed().err().map(|_| GONE.to_owned()))
    }

    /// Whether the connection is lost.
    pub fn is_closed(&self) -> bool {
        self.lost().is_some()
    }

    /// Ends when the connection does, with the reason. Does not keep the connection alive.
    pub fn closed(&self) -> impl Future<Output = String> + Send + use<> {
        let mut ended = self.link.ended.clone();
        async move {
            let why = ended.wait_for(Option::is_some).await;
            why.ok()
                .and_then(|why| why.clone())
                .unwrap_or_else(|| GONE.to_owned())
        }
    }

    /// Says goodbye and ends the connection, for all its clones.
    pub async fn close(&self) {
        let goodbye = self
            .link
            .handle
            .disconnect(Disconnect::ByApplication, "", "en");
        // A stuck connection cannot be told; the switch ends it all the same.
        let _ = timeout(Duration::from_secs(1), goodbye).await;
        let _ = timeout(Duration::from_secs(1), self.closed()).await;
        self.link.switch.kill();
    }

    /// The host key that was accepted: to be pinned for the rest of the run.
    pub fn host_key(&self) -> &SeenKey {
        &self.link.host_key
    }

    /// What the server showed before the login, raw: sanitise it before showing it.
    pub fn banner(&self) -> &str {
        &self.link.banner
    }

    /// The folder of the jobs on this node, if the cluster file names one.
    pub(crate) fn job_dir(&self) -> Option<&str> {
        self.link.job_dir.as_deref()
    }

    /// The one command that is ever sent: scripts follow on its standard input.
    pub(super) fn command(&self) -> String {
        let prefix = self.link.become_user.as_ref().map(Become::prefix);
        let prefix = prefix.and_then(Result::ok).unwrap_or_default();
        format!("exec {prefix}sh -s")
    }

    pub(super) fn set_narrow(&self) {
        self.link.narrow.store(true, Ordering::Relaxed);
    }

    pub(super) fn is_narrow(&self) -> bool {
        self.link.narrow.load(Ordering::Relaxed)
    }

    /// Runs one question as the other user: a refusal must show now, not at the first step.
    async fn check_become(&self, endpoint: &Endpoint) -> Result<(), ConnectFailure> {
        let Some(other) = &endpoint.become_user else {
            return Ok(());
        };
        let limits = Limits {
            time: BECOME_LIMIT,
            bytes: 64 << 10,
        };
        let stage = Stage::Become;
        let answer = match self.read(b"id -un", limits).await {
            Ok(answer) => answer,
            Err(ReadFailure::LinkLost { why }) => return Err(ConnectFailure::Lost { stage, why }),
            Err(ReadFailure::TimedOut { limit }) => {
                return Err(ConnectFailure::TimedOut { stage, limit });
            }
            Err(
                said @ (ReadFailure::ChannelRefused { .. }
                | ReadFailure::NoAnswer { .. }
                | ReadFailure::NotSendable),
            ) => return Err(become_refused(endpoint, other, said.to_string())),
        };
        let name = String::from_utf8_lossy(&answer.stdout).trim().to_owned();
        if name == other.user {
            return Ok(());
        }
        let why = format!("the commands run as {name:?}");
        Err(become_refused(endpoint, other, why))
    }
}

fn become_refused(endpoint: &Endpoint, other: &Become, why: String) -> ConnectFailure {
    ConnectFailure::BecomeRefused {
        user: other.user.clone(),
        login: endpoint.user.clone(),
        why,
    }
}

const GONE: &str = "the connection's task ended";

async fn open_tcp(endpoint: &Endpoint) -> Result<TcpStream, ConnectFailure> {
    let limit = endpoint.connect_timeout;
    let opening = async {
        let addresses = resolve(endpoint).await?;
        first_that_answers(endpoint, &addresses).await
    };
    let tcp = timeout(limit, opening)
        .await
        .map_err(|_| ConnectFailure::TimedOut {
            stage: Stage::Tcp,
            limit,
        })??;
    // Without these two a slow or cut link shows later; no reason not to connect.
    let _ = tcp.set_nodelay(true);
    #[cfg(any(target_os = "linux", target_os = "android"))]
    let _ = socket2::SockRef::from(&tcp).set_tcp_user_timeout(Some(TCP_USER_TIMEOUT));
    Ok(tcp)
}

async fn resolve(endpoint: &Endpoint) -> Result<Vec<SocketAddr>, ConnectFailure> {
    let unresolvable = |why: String| ConnectFailure::Unresolvable {
        host: endpoint.host.clone(),
        why,
    };
    let found = tokio::net::lookup_host((endpoint.host.as_str(), endpoint.port)).await;
    let addresses: Vec<SocketAddr> = found
        .map_err(|error| unresolvable(error.to_string()))?
        .collect();
    if addresses.is_empty() {
        return Err(unresolvable(
            "the name service knows it, without an address".into(),
        ));
    }
    Ok(addresses)
}

async fn first_that_answers(
    endpoint: &Endpoint,
    addresses: &[SocketAddr],
) -> Result<TcpStream, ConnectFailure> {
    let mut why = Vec::new();
    for (index, address) in addresses.iter().enumerate() {
        // An address that swallows everything must leave time for those after it.
        let after = u32::try_from(addresses.len() - index - 1).unwrap_or(u32::MAX);
        let share = endpoint.connect_timeout / after.saturating_add(1);
        match timeout(share, TcpStream::connect(address)).await {
            Ok(Ok(tcp)) => return Ok(tcp),
            Ok(Err(error)) => why.push(format!("{address}: {error}")),
            Err(_) => why.push(format!("{address}: silent for {} ms", share.as_millis())),
        }
    }
    Err(ConnectFailure::Unreachable {
        address: format!("{}:{}", endpoint.host, endpoint.port),
        why: why.join("; "),
    })
}

struct Opened {
    handle: Handle<Watcher>,
    heard: Heard,
    ended: watch::Receiver<Option<String>>,
    switch: KillSwitch,
}

/// Greeting, key exchange and the judgement of the host key.
async fn handshake(tcp: TcpStream, rule: HostKeyRule) -> Result<Opened, ConnectFailure> {
    let config = Arc::new(config(&rule));
    let heard = Heard::default();
    let switch = KillSwitch::default();
    let (watcher, ended) = Watcher::new(rule, heard.clone());
    let stream = Switched::new(tcp, switch.clone());
    let connecting = client::connect_stream(config, stream, watcher);
    let connected = timeout(HANDSHAKE_LIMIT, connecting).await;
    if let Some(refusal) = heard.take_refusal() {
        switch.kill();
        return Err(refusal);
    }
    match connected {
        Ok(Ok(handle)) => Ok(Opened {
            handle,
            heard,
            ended,
            switch,
        }),
        Ok(Err(error)) => Err(handshake_failure(&error, &switch.opening())),
        Err(_) => {
            switch.kill();
            Err(ConnectFailure::TimedOut {
                stage: Stage::Handshake,
                limit: HANDSHAKE_LIMIT,
            })
        }
    }
}

fn handshake_failure(error: &russh::Error, opening: &[u8]) -> ConnectFailure {
    if !greeting_in(opening) {
        let said = String::from_utf8_lossy(opening).trim().to_owned();
        return ConnectFailure::ClosedBeforeGreeting {
            said: Some(said).filter(|said| !said.is_empty()),
        };
    }
    let why = error.to_string();
    match error {
        russh::Error::Disconnect | russh::Error::HUP | russh::Error::IO(_) => {
            let stage = Stage::Handshake;
            ConnectFailure::Lost { stage, why }
        }
        _ => ConnectFailure::Handshake { why },
    }
}

async fn log_in(
    endpoint: &Endpoint,
    mut opened: Opened,
    offers: auth::Offers,
) -> Result<Session, ConnectFailure> {
    let login = Login {
        endpoint,
        handle: &mut opened.handle,
        heard: &opened.heard,
        tried: Vec::new(),
    };
    let done = timeout(LOGIN_LIMIT, login.run(offers)).await;
    let done = done.unwrap_or(Err(ConnectFailure::TimedOut {
        stage: Stage::Login,
        limit: LOGIN_LIMIT,
    }));
    if let Err(failure) = done {
        opened.switch.kill();
        return Err(failure);
    }
    let host_key = opened.heard.seen_key();
    let link = Link {
        channels: Arc::new(Semaphore::new(CHANNELS as usize)),
        narrow: AtomicBool::new(false),
        become_user: endpoint.become_user.clone(),
        job_dir: endpoint.job_dir.clone(),
        host_key: host_key.expect("a login comes after an accepted host key"),
        banner: opened.heard.banner(),
        handle: opened.handle,
        ended: opened.ended,
        switch: opened.switch,
    };
    Ok(Session {
        link: Arc::new(link),
    })
}

fn config(rule: &HostKeyRule) -> client::Config {
    client::Config {
        window_size: WINDOW,
        inactivity_timeout: Some(INACTIVITY),
        keepalive_interval: Some(KEEPALIVE),
        keepalive_max: KEEPALIVES_LOST,
        nodelay: true,
        preferred: Preferred {
            kex: kex_order().into(),
            key: rule.algorithms().into(),
            ..Preferred::DEFAULT
        },
        ..client::Config::default()
    }
}

/// The library's order, then the NIST curves that hardened and older servers may insist on.
fn kex_order() -> Vec<kex::Name> {
    let nist = [
        kex::ECDH_SHA2_NISTP256,
        kex::ECDH_SHA2_NISTP384,
        kex::ECDH_SHA2_NISTP521,
    ];
    let mut order = Preferred::DEFAULT.kex.to_vec();
    order.extend(nist);
    order
}
