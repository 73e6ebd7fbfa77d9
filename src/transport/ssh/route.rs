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
    pub(crate) async fn first_hop(
        &self,
        credentials: &Credentials,
    ) -> Result<Option<Session>, ConnectFailure> {
        match self {
            Self::Direct | Self::Command(_) => Ok(None),
            Self::Through(jump) => jump.session(credentials).await.map(Some),
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
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    link: Weak<Link>,
    /// The key that it showed first: a later one must be the same.
    pinned: Option<PinnedKey>,
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
    fn new(endpoint: Endpoint) -> Self {
        Self {
            endpoint,
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

    /// The connection to it: the one that lives, or a new one. Those who ask while one is being made wait for it, and
    /// share its failure too: a hundred nodes behind a host that refuses us make one attempt, not a hundred.
    pub(super) fn session<'a>(&'a self, credentials: &'a Credentials) -> Connecting<'a> {
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
            let mut endpoint = self.endpoint.clone();
            endpoint.pinned = state.pinned.clone().or(endpoint.pinned);
            match Session::connect(&endpoint, credentials).await {
                Ok(session) => {
                    let key = session.host_key();
                    state.pinned = Some(PinnedKey {
                        algorithm: key.algorithm.clone(),
                        fingerprint: key.fingerprint.clone(),
                        let_in: false,
                    });
                    state.link = Arc::downgrade(&session.link);
                    state.failed = None;
                    Ok(session)
                }
                Err(failure) => {
                    let failure = ConnectFailure::Jump {
                        jump: self.name(),
                        failure: Box::new(failure),
                    };
                    state.failed = Some((Instant::now(), failure.clone()));
                    Err(failure)
                }
            }
        })
    }
}

/// Every host on the way, so that nodes behind the same one share its connection.
#[derive(Debug, Default)]
pub struct Jumps {
    known: BTreeMap<String, Arc<Jump>>,
}

impl Jumps {
    /// The jump through this host; the same for everybody who reaches it in the same way.
    pub fn through(&mut self, endpoint: Endpoint) -> Arc<Jump> {
        // All that an endpoint says decides how it is reached, and it says it all when printed.
        let jump = self.known.entry(format!("{endpoint:?}"));
        Arc::clone(jump.or_insert_with(|| Arc::new(Jump::new(endpoint))))
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
            let session = jump.session(credentials).await?;
            let stream = tunnel::open(&session, jump, endpoint).await?;
            Ok((Box::new(stream), Carrier::Tunnel(session)))
        }
        Route::Command(command) => {
            let (stream, child) = ProxyChild::start(command)?;
            Ok((stream, Carrier::Command(Box::new(child))))
        }
    }
}
