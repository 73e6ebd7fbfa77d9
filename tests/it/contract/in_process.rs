//! An SSH server within the test that runs commands in a real shell, as any server would: exec requests, standard input,
//! both outputs within the client's window, exit status and signal. It has no SFTP.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::process::ExitStatusExt as _;
use std::process::{ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use russh::client::GexParams;
use russh::kex::dh::groups::{DH_GROUP16, DhGroup};
use russh::keys::{PrivateKey, PublicKey};
use russh::server::{
    Auth, ChannelOpenHandle, Config, Handle, Handler, Msg, Session, VerifiedPublicKey,
};
use russh::{Channel, ChannelId, ChannelOpenFailure, ChannelWriteHalf, MethodKind, MethodSet, Sig};
use tokio::io::{copy, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::process::Command;
use tokio::task::JoinHandle;
use tokio::time::timeout;

/// What a command that cannot be started ends with, as a shell has it.
const NOT_FOUND: u32 = 127;

/// What the server lets in, and the environment of what it runs.
pub struct Rules {
    pub host_key: PrivateKey,
    pub login: PublicKey,
    pub environment: Vec<(String, String)>,
    pub part: Arc<Part>,
}

/// What a story wants of the server, and what the server tells it.
#[derive(Default)]
pub struct Part {
    /// So many channels are closed before their command is granted, as dropbear closes one at an unlucky moment.
    pub closes: AtomicU32,
    /// It hands connections on to other hosts.
    pub hands_on: bool,
    /// How often a client has asked for a group: once in each `diffie-hellman-group-exchange-sha256`.
    pub groups: AtomicU32,
    /// At its first command it opens channels to the client, of every kind.
    pub opens: AtomicBool,
    /// Each kind of them, and what became of it.
    pub opened: Mutex<Vec<(&'static str, Opened)>>,
}

/// What a client did about a channel that the server opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Opened {
    Taken,
    Refused,
    Unanswered,
}

/// Serves on a free port of `ip`, which is given back, until the task is ended.
pub async fn serve(ip: &str, rules: Rules) -> (u16, JoinHandle<()>) {
    serve_at(ip, 0, rules).await
}

/// As [`serve`], on this port; 0 takes a free one.
pub async fn serve_at(ip: &str, port: u16, rules: Rules) -> (u16, JoinHandle<()>) {
    let listener = TcpListener::bind((ip, port)).await.expect("its address");
    let port = listener.local_addr().expect("its own address").port();
    let config = Arc::new(Config {
        keys: vec![rules.host_key.clone()],
        methods: MethodSet::from(&[MethodKind::PublicKey][..]),
        auth_rejection_time: Duration::ZERO,
        ..Config::default()
    });
    let rules = Arc::new(rules);
    let task = tokio::spawn(async move {
        while let Ok((tcp, _)) = listener.accept().await {
            let visit = Visit {
                rules: Arc::clone(&rules),
                channels: HashMap::new(),
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
    (port, task)
}

/// One client.
struct Visit {
    rules: Arc<Rules>,
    channels: HashMap<ChannelId, Channel<Msg>>,
}

impl Handler for Visit {
    type Error = russh::Error;

    async fn auth_publickey(
        &mut self,
        _: &str,
        key: VerifiedPublicKey<'_>,
    ) -> Result<Auth, Self::Error> {
        let known = key.public_key.key_data() == self.rules.login.key_data();
        Ok(if known { Auth::Accept } else { Auth::reject() })
    }

    async fn channel_open_session(
        &mut self,
        channel: Channel<Msg>,
        reply: ChannelOpenHandle,
        _: &mut Session,
    ) -> Result<(), Self::Error> {
        self.channels.insert(channel.id(), channel);
        reply.accept().await;
        Ok(())
    }

    async fn channel_open_direct_tcpip(
        &mut self,
        channel: Channel<Msg>,
        host: &str,
        port: u32,
        _: &str,
        _: u32,
        reply: ChannelOpenHandle,
        _: &mut Session,
    ) -> Result<(), Self::Error> {
        if !self.rules.part.hands_on {
            let why = ChannelOpenFailure::AdministrativelyProhibited;
            reply.reject(why).await;
            return Ok(());
        }
        let port = u16::try_from(port).expect("a port");
        let Ok(mut tcp) = TcpStream::connect((host, port)).await else {
            reply.reject(ChannelOpenFailure::ConnectFailed).await;
            return Ok(());
        };
        reply.accept().await;
        tokio::spawn(async move {
            // Either end may hang up at any time.
            let _ = copy_bidirectional(&mut channel.into_stream(), &mut tcp).await;
        });
        Ok(())
    }

    async fn exec_request(
        &mut self,
        id: ChannelId,
        command: &[u8],
        session: &mut Session,
    ) -> Result<(), Self::Error> {
        let Some(channel) = self.channels.remove(&id) else {
            return session.channel_failure(id);
        };
        let fewer = |left: u32| left.checked_sub(1);
        let closes = &self.rules.part.closes;
        if (closes.fetch_update(Ordering::Relaxed, Ordering::Relaxed, fewer)).is_ok() {
            return session.close(id);
        }
        session.channel_success(id)?;
        if self.rules.part.opens.swap(false, Ordering::Relaxed) {
            tokio::spawn(open_all(session.handle(), Arc::clone(&self.rules.part)));
        }
        let mut shell = Command::new("/bin/sh");
        shell.arg("-c").arg(OsStr::from_bytes(command));
        shell
            .env_clear()
            .envs(self.rules.environment.iter().cloned());
        tokio::spawn(run(channel, shell, session.handle()));
        Ok(())
    }

    async fn subsystem_request(
        &mut self,
        id: ChannelId,
        _: &str,
        session: &mut Session,
    ) -> Result<(), Self::Error> {
        session.channel_failure(id)
    }

    async fn lookup_dh_gex_group(&mut self, _: &GexParams) -> Result<Option<DhGroup>, Self::Error> {
        self.rules.part.groups.fetch_add(1, Ordering::Relaxed);
        Ok(Some(DH_GROUP16))
    }

    async fn channel_close(&mut self, id: ChannelId, _: &mut Session) -> Result<(), Self::Error> {
        self.channels.remove(&id);
        Ok(())
    }
}

/// As a server would that wants something of its client: its agent, its display, its network.
async fn open_all(to: Handle, part: Arc<Part>) {
    let note = async |kind, opening: &mut (dyn Future<Output = bool> + Send + Unpin)| {
        let opened = match timeout(Duration::from_secs(30), opening).await {
            Ok(true) => Opened::Taken,
            Ok(false) => Opened::Refused,
            Err(_) => Opened::Unanswered,
        };
        let mut all = part.opened.lock().unwrap_or_else(PoisonError::into_inner);
        all.push((kind, opened));
    };
    macro_rules! open {
        ($kind:literal, $opening:expr) => {
            note($kind, &mut Box::pin(async { $opening.await.is_ok() })).await
        };
    }
    open!("session", to.channel_open_session());
    open!("agent", to.channel_open_agent());
    open!("x11", to.channel_open_x11("127.0.0.1", 6000));
    open!(
        "forwarded-tcpip",
        to.channel_open_forwarded_tcpip("127.0.0.1", 22, "127.0.0.1", 22)
    );
    open!(
        "forwarded-streamlocal",
        to.channel_open_forwarded_streamlocal("/run/x")
    );
    open!(
        "direct-tcpip",
        to.channel_open_direct_tcpip("127.0.0.1", 22, "127.0.0.1", 22)
    );
    open!(
        "direct-streamlocal",
        to.channel_open_direct_streamlocal("/run/x")
    );
}

/// One command, from its start to the last word about it.
async fn run(channel: Channel<Msg>, mut shell: Command, handle: Handle) {
    let id = channel.id();
    let (mut read, write) = channel.split();
    let piped = shell
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0);
    let Ok(mut child) = piped.spawn() else {
        let _ = write.exit_status(NOT_FOUND).await;
        let _ = write.close().await;
        return;
    };
    let (Some(mut stdin), Some(mut stdout), Some(mut stderr)) =
        (child.stdin.take(), child.stdout.take(), child.stderr.take())
    else {
        unreachable!("all three are piped");
    };
    let feeding = tokio::spawn(async move {
        // A command that has ended takes nothing any more: that is its own affair.
        let _ = copy(&mut read.make_reader(), &mut stdin).await;
        drop(stdin);
        while read.wait().await.is_some() {}
    });
    let (mut out, mut err) = (write.make_writer(), write.make_writer_ext(Some(1)));
    let _ = tokio::join!(copy(&mut stdout, &mut out), copy(&mut stderr, &mut err));
    if let Ok(status) = child.wait().await {
        say_end(id, status, &write, &handle).await;
    }
    let _ = write.eof().await;
    let _ = write.close().await;
    feeding.abort();
}

async fn say_end(
    id: ChannelId,
    status: ExitStatus,
    write: &ChannelWriteHalf<Msg>,
    handle: &Handle,
) {
    let Some(signal) = status.signal() else {
        let code = status.code().unwrap_or_default();
        let _ = write.exit_status(u32::from(code as u8)).await;
        return;
    };
    let name = match signal {
        9 => Sig::KILL,
        15 => Sig::TERM,
        other => Sig::Custom(other.to_string()),
    };
    let (message, language) = (String::new(), String::new());
    let _ = handle
        .exit_signal_request(id, name, false, message, language)
        .await;
}
