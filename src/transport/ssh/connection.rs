//! One connection to one node: opened, logged in, watched, closed.

use std::future::Future;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use russh::client::{self, Handle};
use russh::{Disconnect, Preferred};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::ask::Credentials;
use super::auth::Login;
use super::become_user::Way;
use super::endpoint::Endpoint;
use super::failure::{ConnectFailure, Stage};
use super::hostcert::narrowed;
use super::hostkey::HostKeyRule;
use super::kept::{Kept, MOST_KEPT};
use super::known_hosts::KnownHosts;
use super::offers::{self, Offers};
use super::owed::{self, Turn};
use super::preference::{cipher_order, kex_order, mac_order, nothing_in_common};
use super::route::{self, Carrier, Route, Wire};
use super::switch::{KillSwitch, Switched, greeting_in};
use super::tuning::Tuning;
use super::watcher::{CROWDED, Heard, SeenKey, Watcher, ended_by};

/// Most channels at once; servers allow ten by default, and some sites one.
pub(super) const CHANNELS: u32 = 4;

/// Greeting and key exchange, where nobody allows more: the library sets no limit of its own.
const HANDSHAKE_LIMIT: Duration = Duration::from_secs(15);
/// The second net, for a write that blocks: keepalives are not looked at then.
const INACTIVITY: Duration = Duration::from_secs(180);
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
    /// Shells that wait for one more question.
    kept: Mutex<Vec<Kept>>,
    /// Found once, at the login.
    way: OnceLock<Way>,
    job_dir: Option<String>,
    host_key: SeenKey,
    banner: String,
    ended: watch::Receiver<Option<String>>,
    switch: KillSwitch,
    _carried: Carried,
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
        let rule = HostKeyRule {
            known: KnownHosts::about(&endpoint.known_name(), &endpoint.known_hosts)?,
            name: endpoint.known_name(),
            pinned: endpoint.pinned.clone(),
            least_rsa_bits: endpoint.tuning.least_rsa_bits.unwrap_or_default(),
            authorities: endpoint.tuning.algorithms.authorities.clone(),
        };
        let offers = offers::prepare(endpoint, credentials).await;
        let (stream, carrier) = route::open(endpoint, credentials).await?;
        let opened = handshake(stream, carrier, rule, endpoint).await?;
        let session = log_in(endpoint, credentials, opened, offers).await?;
        let way = session.find_way(endpoint, credentials).await?;
        // Nobody else has the session yet.
        let _ = session.link.way.set(way);
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

    /// How to get to the shell that reads our scripts.
    pub(super) fn way(&self) -> &Way {
        self.link.way.get().unwrap_or(&Way::Ourselves)
    }

    /// The way to the other user is closed: so is the connection.
    pub(super) fn give_up_way(&self) {
        self.link.switch.kill();
    }

    /// Puts a shell there that waits for one more question, if there are not enough of them.
    pub(super) fn keep(&self, shell: Kept) {
        let mut kept = self.kept();
        if kept.len() < MOST_KEPT {
            kept.push(shell);
        }
    }

    pub(super) fn take_kept(&self) -> Option<Kept> {
        self.kept().pop()
    }

    /// Lets all shells go that wait.
    pub(super) fn let_kept_go(&self) {
        self.kept().clear();
    }

    fn kept(&self) -> std::sync::MutexGuard<'_, Vec<Kept>> {
        self.link
            .kept
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether it was lost because the answers to several questions were under way while keys were exchanged. The library
    /// takes two channels' windows then, and there are more channels: a connection that asks one thing at a time cannot come
    /// to that.
    pub(crate) fn was_crowded(&self) -> bool {
        self.lost().is_some_and(|why| why == CROWDED)
    }

    pub(super) fn set_narrow(&self) {
        self.link.narrow.store(true, Ordering::Relaxed);
    }

    pub(super) fn is_narrow(&self) -> bool {
        self.link.narrow.load(Ordering::Relaxed)
    }
}

const GONE: &str = "the connection's task ended";

struct Opened {
    handle: Handle<Watcher>,
    heard: Heard,
    ended: watch::Receiver<Option<String>>,
    switch: KillSwitch,
    carried: Carried,
}

/// What the stream rests on.
struct Carried {
    carrier: Carrier,
    /// Ends the stream with the connection that carries it: a write that waits for room is not woken otherwise.
    tie: Option<JoinHandle<()>>,
}

impl Carried {
    fn new(carrier: Carrier, switch: &KillSwitch) -> Self {
        let tie = match &carrier {
            Carrier::Tcp | Carrier::Command(_) => None,
            Carrier::Tunnel(jump) => {
                let (ended, switch) = (jump.closed(), switch.clone());
                Some(tokio::spawn(async move {
                    ended.await;
                    switch.kill();
                }))
            }
        };
        Self { carrier, tie }
    }

    async fn explain(mut self, failure: ConnectFailure) -> ConnectFailure {
        match std::mem::replace(&mut self.carrier, Carrier::Tcp) {
            Carrier::Tcp | Carrier::Tunnel(_) => failure,
            Carrier::Command(child) => child.explain(failure).await,
        }
    }
}

impl Drop for Carried {
    fn drop(&mut self) {
        if let Some(tie) = &self.tie {
            tie.abort();
        }
    }
}

/// Greeting, key exchange and the judgement of the host key.
async fn handshake(
    stream: Box<dyn Wire>,
    carrier: Carrier,
    rule: HostKeyRule,
    endpoint: &Endpoint,
) -> Result<Opened, ConnectFailure> {
    let (tuning, limit) = (&endpoint.tuning, handshake_limit(endpoint));
    let config = Arc::new(config(&rule, tuning));
    let heard = Heard::default();
    let switch = KillSwitch::default();
    let carried = Carried::new(carrier, &switch);
    let (watcher, ended) = Watcher::new(rule, heard.clone());
    let stream = Switched::new(stream, switch.clone());
    let connecting = client::connect_stream(config, stream, watcher);
    let connected = timeout(limit, connecting).await;
    if let Some(refusal) = heard.take_refusal() {
        switch.kill();
        return Err(refusal.for_new_keys(tuning.new_keys));
    }
    let failure = match connected {
        Ok(Ok(handle)) => {
            return Ok(Opened {
                handle,
                heard,
                ended,
                switch,
                carried,
            });
        }
        Ok(Err(error)) => handshake_failure(&error, &switch.opening()),
        Err(_) => ConnectFailure::TimedOut {
            stage: Stage::Handshake,
            limit,
        },
    };
    switch.kill();
    Err(carried.explain(failure).await)
}

/// Whoever allows a slow node more time for its TCP connection allows it more for this, as ssh(1) counts both together. A
/// command has its connection still to make.
fn handshake_limit(endpoint: &Endpoint) -> Duration {
    let limit = HANDSHAKE_LIMIT.max(endpoint.connect_timeout);
    match endpoint.route {
        Route::Direct | Route::Through(_) => limit,
        Route::Command(_) => limit + endpoint.connect_timeout,
    }
}

fn handshake_failure(error: &russh::Error, opening: &[u8]) -> ConnectFailure {
    if !greeting_in(opening) {
        let said = String::from_utf8_lossy(opening).trim().to_owned();
        return ConnectFailure::ClosedBeforeGreeting {
            said: Some(said).filter(|said| !said.is_empty()),
        };
    }
    let why = ended_by(error);
    match error {
        russh::Error::Disconnect | russh::Error::HUP | russh::Error::IO(_) => {
            let stage = Stage::Handshake;
            ConnectFailure::Lost { stage, why }
        }
        russh::Error::NoCommonAlgo { kind, ours, theirs } => ConnectFailure::Handshake {
            why: nothing_in_common(kind, ours, theirs),
        },
        _ => ConnectFailure::Handshake { why },
    }
}

async fn log_in(
    endpoint: &Endpoint,
    credentials: &Credentials,
    mut opened: Opened,
    offers: Offers,
) -> Result<Session, ConnectFailure> {
    let whole = Turn::of_server(Stage::Login);
    let login = Login::new(
        endpoint,
        credentials,
        &mut opened.handle,
        &opened.heard,
        &whole,
    );
    let limit = owed::whole_limit(endpoint.connect_timeout);
    let done = whole.keep(limit, login.run(offers)).await;
    if let Err(failure) = done.and_then(|done| done) {
        opened.switch.kill();
        return Err(failure);
    }
    let host_key = opened.heard.seen_key();
    let link = Link {
        channels: Arc::new(Semaphore::new(CHANNELS as usize)),
        narrow: AtomicBool::new(endpoint.tuning.one_at_a_time),
        kept: Mutex::default(),
        way: OnceLock::new(),
        job_dir: endpoint.job_dir.clone(),
        host_key: host_key.expect("a login comes after an accepted host key"),
        banner: opened.heard.banner(),
        handle: opened.handle,
        ended: opened.ended,
        switch: opened.switch,
        _carried: opened.carried,
    };
    Ok(Session {
        link: Arc::new(link),
    })
}

fn config(rule: &HostKeyRule, tuning: &Tuning) -> client::Config {
    let wanted = &tuning.algorithms;
    let (keepalive, lost) = tuning.keepalives();
    client::Config {
        window_size: WINDOW,
        inactivity_timeout: Some(INACTIVITY.max(keepalive * 3)),
        keepalive_interval: Some(keepalive),
        keepalive_max: usize::try_from(lost).unwrap_or(usize::MAX),
        nodelay: true,
        limits: tuning.rekey.limits(),
        preferred: Preferred {
            kex: wanted.kex_names().unwrap_or_else(kex_order).into(),
            key: wanted
                .host_key_order(rule.algorithms(), |one| rule.foreignness(one))
                .into(),
            host_key_certificates: narrowed(
                rule.certificate_algorithms(),
                wanted.host_keys.as_ref(),
            )
            .into(),
            cipher: wanted.cipher_names().unwrap_or_else(cipher_order).into(),
            mac: wanted.mac_names().unwrap_or_else(mac_order).into(),
            ..Preferred::DEFAULT
        },
        ..client::Config::default()
    }
}
