//! The way to a host: straight, through another host, or through a command.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::{Arc, Weak};
use std::time::Instant;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::Mutex;

use super::ask::Credentials;
use super::connection::{Link, Session};
use super::endpoint::{Endpoint, PinnedKey};
use super::failure::ConnectFailure;
use super::jump_keys::JumpKeys;
use super::known_hosts::{OtherKey, known_name};
use super::proxy::ProxyChild;
use super::{tcp, tunnel};

/// How a host is reached.
#[derive(Debug, Clone, Default)]
pub enum Route {
    /// By TCP from here.
    #[default]
    Direct,
    /// By a channel through a host that we log in to first (ProxyJump).
    Through(Arc<Jump>),
    /// By what a command carries on its standard input and output (ProxyCommand).
    Command(ProxyCommand),
}

impl Route {
    /// The host or command between us and the host, for messages.
    pub fn through(&self) -> Option<String> {
        match self {
            Self::Direct => None,
            Self::Through(jump) => Some(jump.name()),
            Self::Command(command) => Some(format!("`{}`", command.command)),
        }
    }

    /// The connection to the host on the way, made if need be; nothing where there is none.
    /// `towards` is the node that is to be reached, for messages.
    pub(crate) async fn first_hop(
        &self,
        credentials: &Credentials,
        towards: &str,
    ) -> Result<Option<Session>, ConnectFailure> {
        match self {
            Self::Direct | Self::Command(_) => Ok(None),
            Self::Through(jump) => jump.session(credentials, towards).await.map(Some),
        }
    }

    /// The hosts on the way that have shown a key in this run, each with the key that it must show; the one nearest to the
    /// node first.
    pub fn keys(&self) -> Vec<(String, PinnedKey)> {
        let mut keys = Vec::new();
        let mut route = self;
        while let Self::Through(jump) = route {
            let record = jump.record();
            if let Some(first) = jump.keys.get(&record) {
                keys.push((record, first.key));
            }
            route = &jump.endpoint.route;
        }
        keys
    }

    /// Where the keys of the hosts on the way are kept; nothing where there is none.
    pub(crate) fn jump_keys(&self) -> Option<&JumpKeys> {
        match self {
            Self::Through(jump) => Some(&jump.keys),
            Self::Direct | Self::Command(_) => None,
        }
    }
}

/// A command whose standard input and output are the connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProxyCommand {
    /// For the shell, tokens expanded.
    pub command: String,
    /// The operator's shell, as ssh(1) uses it.
    pub shell: PathBuf,
}

/// A host on the way to others. Whoever goes through it shares one connection to it.
pub struct Jump {
    endpoint: Endpoint,
    keys: JumpKeys,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    link: Weak<Link>,
    /// When the last attempt ended, and how: for those who waited for it.
    failed: Option<(Instant, ConnectFailure)>,
}

impl fmt::Debug for Jump {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Jump").field(&self.endpoint).finish()
    }
}

type Connecting<'a> = Pin<Box<dyn Future<Output = Result<Session, ConnectFailure>> + Send + 'a>>;

impl Jump {
    fn new(endpoint: Endpoint, keys: JumpKeys) -> Self {
        Self {
            endpoint,
            keys,
            state: Mutex::default(),
        }
    }

    /// Where it is.
    pub fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// `ana@bastion:2222`, for messages.
    pub fn name(&self) -> String {
        let Endpoint {
            user, host, port, ..
        } = &self.endpoint;
        match port {
            22 => format!("{user}@{host}"),
            port => format!("{user}@{host}:{port}"),
        }
    }

    /// Which machine it is, whoever logs in there: its address, and the way to it where that is not straight. Behind another
    /// jump host the same address may be another machine. `[bastion]:2222 through gate`
    pub fn place(&self) -> String {
        let Endpoint {
            host, port, route, ..
        } = &self.endpoint;
        let host = known_name(host, *port);
        match route {
            Route::Direct => host,
            Route::Through(before) => format!("{host} through {}", before.place()),
            Route::Command(command) => format!("{host} through `{}`", command.command),
        }
    }

    /// Under which name its key is kept: its place, and the types of key for which this login asks where the first key is of
    /// none of them.
    fn record(&self) -> String {
        let algorithms = &self.endpoint.tuning.algorithms;
        self.keys.record(&self.place(), algorithms)
    }

    /// The connection to it: the one that lives, or a new one. Those who ask while one is being made wait for it, and
    /// share its failure too: a hundred nodes behind a host that refuses us make one attempt, not a hundred.
    pub(super) fn session<'a>(
        &'a self,
        credentials: &'a Credentials,
        towards: &'a str,
    ) -> Connecting<'a> {
        Box::pin(async move {
            let asked = Instant::now();
            let mut state = self.state.lock().await;
            if let Some(link) = state.link.upgrade() {
                let session = Session { link };
                if !session.is_closed() {
                    return Ok(session);
                }
            }
            if let Some((ended, failure)) = &state.failed
                && asked < *ended
            {
                return Err(failure.clone());
            }
            match self.connect(credentials, towards).await {
                Ok(session) => {
                    state.link = Arc::downgrade(&session.link);
                    state.failed = None;
                    Ok(session)
                }
                Err(failure) => {
                    let failure = self.failure(failure);
                    state.failed = Some((Instant::now(), failure.clone()));
                    Err(failure)
                }
            }
        })
    }

    /// A new connection to a host that shows its first key, or shows one for the first time.
    async fn connect(
        &self,
        credentials: &Credentials,
        towards: &str,
    ) -> Result<Session, ConnectFailure> {
        loop {
            let mut endpoint = self.endpoint.clone();
            let record = self.record();
            let first = self.keys.get(&record).map(|first| first.key);
            endpoint.pinned = first.or(endpoint.pinned);
            let session = Session::connect(&endpoint, credentials).await?;
            if self.keys.admits(&record, session.host_key(), towards) {
                return Ok(session);
            }
            // Another login to the same host was quicker and saw another key. Now there is a first one to judge by.
            session.close().await;
        }
    }

    fn failure(&self, failure: ConnectFailure) -> ConnectFailure {
        let held = match &failure {
            ConnectFailure::PinnedKeyDiffers { replaced, .. } => {
                let of_pinned =
                    |other: &&OtherKey| other.fingerprint == replaced.pinned.fingerprint;
                let line = replaced.others.iter().find(of_pinned);
                let line = line.map(|line| format!(", and stands in {}", line.place));
                let first = self.keys.get(&self.record());
                first.map(|first| first.seen + &line.unwrap_or_default())
            }
            _ => None,
        };
        ConnectFailure::Jump {
            jump: self.name(),
            held,
            failure: Box::new(failure),
        }
    }
}

/// Every host on the way, so that nodes behind the same one share its connection.
#[derive(Debug, Default)]
pub struct Jumps {
    known: BTreeMap<String, Arc<Jump>>,
    keys: JumpKeys,
}

impl Jumps {
    /// The jump through this host; the same for everybody who reaches it in the same way.
    pub fn through(&mut self, endpoint: Endpoint) -> Arc<Jump> {
        // All that an endpoint says decides how it is reached, and it says it all when printed.
        let jump = self.known.entry(format!("{endpoint:?}"));
        let keys = &self.keys;
        Arc::clone(jump.or_insert_with(|| Arc::new(Jump::new(endpoint, keys.clone()))))
    }

    /// The keys that hosts on the way must show.
    pub fn keys(&self) -> &JumpKeys {
        &self.keys
    }
}

/// Anything that carries bytes both ways.
pub(super) trait Wire: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Wire for T {}

/// What stands behind a stream and must live as long as it.
pub(super) enum Carrier {
    Tcp,
    Tunnel(Session),
    Command(Box<ProxyChild>),
}

/// Opens the stream to a host, by whatever way leads there.
pub(super) async fn open(
    endpoint: &Endpoint,
    credentials: &Credentials,
) -> Result<(Box<dyn Wire>, Carrier), ConnectFailure> {
    match &endpoint.route {
        Route::Direct => {
            let stream = tcp::open(endpoint).await?;
            Ok((Box::new(stream), Carrier::Tcp))
        }
        Route::Through(jump) => {
            let session = jump.session(credentials, &endpoint.node).await?;
            let stream = tunnel::open(&session, jump, endpoint).await?;
            Ok((Box::new(stream), Carrier::Tunnel(session)))
        }
        Route::Command(command) => {
            let (stream, child) = ProxyChild::start(command)?;
            Ok((stream, Carrier::Command(Box::new(child))))
        }
    }
}
