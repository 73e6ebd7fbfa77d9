//! Servers that are none, or that try to keep us busy: each is given up in bounded time and memory, and told in words that
//! do nothing to a terminal, while a good node goes on.

use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::*;
use crate::support::endpoint::{friend, read, session};
use crate::support::walk::{Walk, usual};
use holdpoint::transport::ssh::{Credentials, Session};

const GREETING: &[u8] = b"SSH-2.0-Hostile\r\n";

#[derive(Clone, Copy, Debug)]
enum Server {
    Silent,
    Chatters,
    EndlessLine,
    Zeros,
    HugePacket,
    IgnoreWithoutEnd,
    SaysNasty,
}

const ALL: [Server; 7] = [
    Server::Silent,
    Server::Chatters,
    Server::EndlessLine,
    Server::Zeros,
    Server::HugePacket,
    Server::IgnoreWithoutEnd,
    Server::SaysNasty,
];

impl Server {
    /// What it says first, and then again and again.
    fn words(self) -> (&'static [u8], Vec<u8>) {
        let ignore = |payload: usize| {
            // Length, length of the padding, SSH_MSG_IGNORE, the payload as a string, padding (RFC 4253).
            let mut packet = vec![0, 0, 0, 0, 4, 2];
            packet.extend(u32::try_from(payload).expect("small").to_be_bytes());
            packet.extend(vec![7; payload + 4]);
            let length = u32::try_from(packet.len() - 4).expect("small");
            packet[..4].copy_from_slice(&length.to_be_bytes());
            packet
        };
        match self {
            Server::Silent => (b"", Vec::new()),
            Server::Chatters => (b"", b"Welcome to this server. It greets you.\r\n".to_vec()),
            Server::EndlessLine => (b"", vec![b'x'; 4096]),
            Server::Zeros => (b"", vec![0; 4096]),
            Server::HugePacket => (GREETING, vec![0xff; 4096]),
            Server::IgnoreWithoutEnd => (GREETING, ignore(2034)),
            Server::SaysNasty => (b"\x1b]0;pwned\x07\x1b[2JNo.\xe2\x80\xae\r\n", Vec::new()),
        }
    }

    async fn serve(self, mut client: TcpStream) {
        let (first, then) = self.words();
        let _ = client.write_all(first).await;
        match self {
            Server::SaysNasty => {
                let _ = client.shutdown().await;
            }
            _ => while !then.is_empty() && client.write_all(&then).await.is_ok() {},
        }
        let mut rest = [0; 1024];
        while let Ok(1..) = client.read(&mut rest).await {}
    }
}

/// Each kind on a port of its own, until the tasks are dropped.
async fn servers(ip: &str) -> (Vec<(Server, u16)>, JoinSet<()>) {
    let (mut ports, mut tasks) = (Vec::new(), JoinSet::new());
    for server in ALL {
        let listener = TcpListener::bind((ip, 0))
            .await
            .expect("a loopback address");
        ports.push((server, listener.local_addr().expect("its own").port()));
        tasks.spawn(async move {
            let mut clients = JoinSet::new();
            while let Ok((client, _)) = listener.accept().await {
                clients.spawn(server.serve(client));
            }
        });
    }
    (ports, tasks)
}

#[tokio::test(flavor = "multi_thread")]
async fn servers_that_waste_our_time_are_given_up() {
    let Some(good) = Sshd::start("good", "127.0.126.21") else {
        return;
    };
    let (ports, _tasks) = servers("127.0.126.22").await;
    let mut attempts = JoinSet::new();
    for (server, port) in ports {
        let mut endpoint = friend(&good);
        endpoint.host = "127.0.126.22".into();
        endpoint.port = port;
        attempts.spawn(async move {
            let began = Instant::now();
            let failure = Session::connect(&endpoint, &Credentials::default()).await;
            (server, failure.map(|_| ()), began.elapsed())
        });
    }
    // Meanwhile a good one is reached as ever.
    let session = session(&good).await;
    assert_eq!(read(&session, "echo here").await.stdout, b"here\n");
    let all = timeout(Duration::from_secs(120), attempts.join_all()).await;
    for (server, failure, took) in all.expect("each is given up") {
        let failure = failure.expect_err("it is no server");
        assert!(took < Duration::from_secs(60), "{server:?} took {took:?}");
        let text = failure.to_string();
        assert!(!text.contains(char::is_control), "{server:?}: {text:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_check_of_such_nodes_costs_little_and_the_good_one_is_seen() {
    let Some(site) = Site::start(&["good"], 126) else {
        return;
    };
    talkative(&site);
    let (ports, _tasks) = servers("127.0.126.23").await;
    let mut text = fs::read_to_string(site.file()).expect("the cluster file");
    for (server, port) in &ports {
        text += &format!(
            "\n[[node]]\nname = \"{}\"\nhost = \"127.0.126.23\"\nroles = [\"node\"]\nssh.port = {port}\n",
            format!("{server:?}").to_lowercase()
        );
    }
    site.write(&text);
    let mut walk = Walk::start(&site.state(), &["check", &site.file_arg(), "--plain"]);
    let mut open: Vec<String> = ports
        .iter()
        .map(|(server, _)| format!("{server:?}").to_lowercase())
        .collect();
    let mut good = false;
    while !(good && open.is_empty()) {
        let Some(line) = walk.line() else {
            panic!("it ended:\n{}", walk.transcript);
        };
        let bad = |c: char| c.is_control() || c == '\u{202e}';
        assert!(!line.contains(bad), "{line:?}");
        good |= line.contains("good") && line.contains("calm");
        open.retain(|name| !(line.contains(name.as_str()) && line.contains("link")));
        if let Some(expected) = line.strip_prefix("  expect: ") {
            walk.type_line(&usual(expected));
        }
    }
    let taken = peak(walk.pid()).expect("it runs");
    assert!(taken < MORE, "{} MiB", taken >> 20);
}

#[tokio::test]
async fn a_banner_is_kept_up_to_its_limit_and_never_in_the_way() {
    let ip = "127.0.233.41";
    let folder = tempfile::tempdir().expect("a folder");
    for (length, kept) in [(64 << 10, 64 << 10), ((64 << 10) + 1, 0)] {
        let file = folder.path().join("banner");
        let text = "\x1b]0;x".repeat(length / 5 + 1);
        fs::write(&file, &text[..length]).expect("a banner");
        let config = format!("Banner {}", file.display());
        let Some(node) = Sshd::start_with("banner", ip, &[&config]) else {
            return;
        };
        let session = session(&node).await;
        assert_eq!(session.banner().len(), kept, "of {length} bytes");
        assert_eq!(read(&session, "echo here").await.stdout, b"here\n");
    }
}
