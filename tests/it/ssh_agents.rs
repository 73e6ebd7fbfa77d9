//! Keys that live in an agent, a security key among them.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use holdpoint::transport::ssh::{Credentials, Endpoint, Session};
use russh::keys::signature::Signer as _;
use russh::keys::ssh_key::Signature;
use russh::keys::ssh_key::private::{self, Ed25519Keypair, KeypairData};
use russh::keys::ssh_key::public::SkEd25519;
use russh::keys::ssh_key::{LineEnding, PrivateKey};
use sha2::{Digest as _, Sha256};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{UnixListener, UnixStream};

use crate::support::endpoint::{friend, read};
use crate::support::sshd::Sshd;
use crate::support::{eventually, tool};

/// An ssh-agent that ends with the story.
pub struct Agent(Child);

impl Agent {
    pub fn start(socket: &Path) -> Option<Self> {
        let child = Command::new(tool("ssh-agent")?)
            .args(["-D", "-a"])
            .arg(socket)
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        // Its socket has a name before anybody listens.
        eventually("the agent listens", || {
            std::os::unix::net::UnixStream::connect(socket).is_ok()
        });
        Some(Self(child))
    }

    pub fn add(socket: &Path, key: &Path) {
        let added = Command::new("ssh-add")
            .arg(key)
            .env("SSH_AUTH_SOCK", socket)
            .stderr(Stdio::null())
            .status()
            .unwrap();
        assert!(added.success());
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A security key in software: what FIDO hardware would sign, an agent of a few lines signs here
/// (PROTOCOL.u2f and draft-miller-ssh-agent).
struct SecurityKey {
    pair: Ed25519Keypair,
    /// Kinds of requests that it was sent.
    asked: Arc<Mutex<Vec<u8>>>,
    /// How long it waits for its touch.
    touch: Duration,
    /// How long its agent waits to be unlocked before it tells what it holds.
    unlock: Duration,
}

const KIND: &[u8] = b"sk-ssh-ed25519@openssh.com";
const APPLICATION: &[u8] = b"ssh:";
const REQUEST_IDENTITIES: u8 = 11;
const SIGN_REQUEST: u8 = 13;

fn string(bytes: &[u8]) -> Vec<u8> {
    let length = u32::try_from(bytes.len()).unwrap().to_be_bytes();
    [&length[..], bytes].concat()
}

impl SecurityKey {
    fn public(&self) -> Vec<u8> {
        let point = self.pair.public.0;
        [string(KIND), string(&point), string(APPLICATION)].concat()
    }

    fn authorized(&self) -> String {
        let kind = std::str::from_utf8(KIND).unwrap();
        format!("{kind} {}\n", BASE64_STANDARD.encode(self.public()))
    }

    fn answer(&self, request: &[u8]) -> Vec<u8> {
        self.asked.lock().unwrap().push(request[0]);
        match request[0] {
            REQUEST_IDENTITIES => {
                let one = 1_u32.to_be_bytes();
                [&[12][..], &one, &string(&self.public()), &string(b"token")].concat()
            }
            SIGN_REQUEST => {
                let data = &request[1 + string(&self.public()).len()..];
                let length = u32::from_be_bytes(data[..4].try_into().unwrap());
                let data = &data[4..4 + usize::try_from(length).unwrap()];
                [&[14][..], &string(&self.signed(data))].concat()
            }
            // An extension that it does not know.
            _ => vec![5],
        }
    }

    /// The touch flag and a counter are signed too.
    fn signed(&self, data: &[u8]) -> Vec<u8> {
        let tail = [&[1][..], &7_u32.to_be_bytes()].concat();
        let (place, digest) = (Sha256::digest(APPLICATION), Sha256::digest(data));
        let message = [&place[..], &tail, &digest[..]].concat();
        let signature: Signature = self.pair.try_sign(&message).unwrap();
        [string(KIND), string(signature.as_bytes()), tail].concat()
    }

    async fn serve(self: Arc<Self>, listener: UnixListener) {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(Arc::clone(&self).talk(stream));
        }
    }

    async fn talk(self: Arc<Self>, mut stream: UnixStream) {
        while let Ok(length) = stream.read_u32().await {
            let mut request = vec![0; usize::try_from(length).unwrap()];
            if stream.read_exact(&mut request).await.is_err() {
                return;
            }
            let human = match request[0] {
                SIGN_REQUEST => self.touch,
                REQUEST_IDENTITIES => self.unlock,
                _ => Duration::ZERO,
            };
            if !human.is_zero() {
                // Nothing else is under way: the clock need not be waited for.
                tokio::time::pause();
                tokio::time::sleep(human).await;
                tokio::time::resume();
            }
            let answer = string(&self.answer(&request));
            if stream.write_all(&answer).await.is_err() {
                return;
            }
        }
    }
}

/// A server that takes this security key alone, and what is reached through it.
async fn token(ip: &str, touch: Duration) -> Option<(Sshd, Arc<SecurityKey>, Endpoint)> {
    locked_token(ip, Duration::ZERO, touch).await
}

/// The same, of an agent that is to be unlocked first.
async fn locked_token(
    ip: &str,
    unlock: Duration,
    touch: Duration,
) -> Option<(Sshd, Arc<SecurityKey>, Endpoint)> {
    let node = Sshd::start("token", ip)?;
    let key = Arc::new(SecurityKey {
        pair: Ed25519Keypair::from_seed(&[9; 32]),
        asked: Arc::default(),
        touch,
        unlock,
    });
    let socket: PathBuf = node.dir.join("token.sock");
    let listener = UnixListener::bind(&socket).unwrap();
    tokio::spawn(Arc::clone(&key).serve(listener));
    std::fs::write(node.dir.join("authorized_keys"), key.authorized()).unwrap();
    let mut endpoint = friend(&node);
    endpoint.identities = vec![];
    endpoint.identities_only = false;
    endpoint.agent = Some(socket);
    endpoint.connect_timeout = Duration::from_secs(10);
    Some((node, key, endpoint))
}

#[tokio::test]
async fn a_security_key_in_the_agent_logs_in() {
    let Some((node, key, endpoint)) = token("127.0.4.6", Duration::ZERO).await else {
        return;
    };
    let session = Session::connect(&endpoint, &Credentials::default()).await;
    let session = session.unwrap_or_else(|e| panic!("{e}\n{}", node.log()));
    assert_eq!(read(&session, "echo in").await.stdout, b"in\n");
    assert!(key.asked.lock().unwrap().contains(&SIGN_REQUEST));
}

#[tokio::test]
async fn a_security_keys_file_is_of_use_with_an_agent_only() {
    let Some((node, key, mut endpoint)) = token("127.0.231.46", Duration::ZERO).await else {
        return;
    };
    let public = SkEd25519::from(key.pair.public);
    let handle = private::SkEd25519::new(public, 1, vec![7]).unwrap();
    let private = PrivateKey::new(KeypairData::SkEd25519(handle), "token").unwrap();
    let file = node.dir.join("id_ed25519_sk");
    let text = private.to_openssh(LineEnding::LF).unwrap();
    std::fs::write(&file, text.as_bytes()).unwrap();
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
    endpoint.identities = vec![file];
    endpoint.identities_only = true;
    let session = Session::connect(&endpoint, &Credentials::default()).await;
    session.unwrap_or_else(|e| panic!("{e}\n{}", node.log()));
    endpoint.agent = None;
    let refused = Session::connect(&endpoint, &Credentials::default()).await;
    let why = refused.expect_err("nobody signs").to_string();
    assert!(why.contains("only an agent asks for its touch"), "{why}");
}

#[tokio::test]
async fn the_touch_on_a_security_key_may_take_longer_than_any_answer_of_the_server() {
    let touch = Duration::from_secs(50);
    let Some((node, _, endpoint)) = token("127.0.163.33", touch).await else {
        return;
    };
    let session = Session::connect(&endpoint, &Credentials::default()).await;
    session.unwrap_or_else(|e| panic!("{e}\n{}", node.log()));
}

#[tokio::test]
async fn an_agent_may_have_to_be_unlocked_before_it_tells_its_keys() {
    let unlock = Duration::from_secs(45);
    let Some((node, _, endpoint)) = locked_token("127.0.231.42", unlock, Duration::ZERO).await
    else {
        return;
    };
    let session = Session::connect(&endpoint, &Credentials::default()).await;
    session.unwrap_or_else(|e| panic!("{e}\n{}", node.log()));
}

#[tokio::test]
async fn an_agent_that_never_signs_is_named_and_given_up() {
    let touch = Duration::from_secs(3600);
    let Some((_node, _, endpoint)) = token("127.0.163.34", touch).await else {
        return;
    };
    let began = tokio::time::Instant::now();
    let session = Session::connect(&endpoint, &Credentials::default()).await;
    let failure = session.expect_err("nobody signs").to_string();
    assert!(
        failure.contains("the agent did not sign within a minute"),
        "{failure}"
    );
    assert!(began.elapsed() < touch / 10);
}
