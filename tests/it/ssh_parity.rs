//! By one configuration, ssh(1) and holdpoint: whom the one lets through, the other does, with the same keys; and what the one
//! refuses, the other refuses.

use std::fs;
use std::io::{Read as _, Write as _};
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc::channel;
use std::time::Duration;

use holdpoint::model::cluster::{Node, Ssh};
use holdpoint::transport::nodes::{Surroundings, Ways};
use holdpoint::transport::ssh::config::{Files, Machine, Resolver};
use holdpoint::transport::ssh::{ConnectFailure, Credentials, Session};

use portable_pty::{CommandBuilder, PtySize, native_pty_system};
use rustix::process::getuid;

use crate::ssh_agents::Agent;
use crate::support::sshd::{Sshd, new_key, new_key_of};
use crate::support::tool;

/// A server, and a desk with a configuration that names it `n1`.
struct Desk {
    node: Sshd,
    ssh: PathBuf,
    agent: Option<PathBuf>,
}

impl Desk {
    fn new(ip: &str, server: &[&str]) -> Option<Desk> {
        let node = Sshd::start_with("parity", ip, server)?;
        let desk = Desk {
            ssh: tool("ssh")?,
            agent: None,
            node,
        };
        desk.knows(&[desk.node.host_key()]);
        Some(desk)
    }

    /// These host keys, and no others, stand in known_hosts.
    fn knows(&self, keys: &[String]) {
        let lines = keys.iter().map(|key| format!("n1 {}\n", key.trim()));
        fs::write(self.known_hosts(), lines.collect::<String>()).expect("known_hosts");
    }

    fn known_hosts(&self) -> PathBuf {
        self.node.dir.join("desk_known_hosts")
    }

    /// The server gets a second host key of this kind; its public half.
    fn second_host_key(&self, kind: &str) -> String {
        let key = self.node.dir.join(format!("host_{kind}"));
        new_key_of(kind, &key, "");
        let config = self.node.dir.join("sshd_config");
        let mut text = fs::read_to_string(&config).expect("the server's configuration");
        text.push_str(&format!("HostKey {}\n", key.display()));
        fs::write(&config, text).expect("the server's configuration");
        self.node.restart();
        fs::read_to_string(key.with_extension("pub")).expect("its public half")
    }

    /// A new private key that nobody lets in yet.
    fn key(&self, name: &str) -> PathBuf {
        let path = self.node.dir.join(name);
        new_key(&path, "");
        path
    }

    /// What ssh(1) and holdpoint say by a configuration with these lines.
    async fn both(&self, lines: &str) -> (bool, Result<Session, ConnectFailure>) {
        let file = self.node.dir.join("desk_config");
        let text = format!(
            "Host n1\n HostName {}\n Port {}\n User {}\n HostKeyAlias n1\n UserKnownHostsFile {}\n GlobalKnownHostsFile none\n{lines}",
            self.node.ip,
            self.node.port,
            self.node.user,
            self.known_hosts().display(),
        );
        fs::write(&file, text).expect("a configuration");
        (self.by_ssh(&file), self.by_us(file).await)
    }

    fn by_ssh(&self, file: &Path) -> bool {
        let mut command = Command::new(&self.ssh);
        command
            .arg("-F")
            .arg(file)
            .args(["-o", "BatchMode=yes", "n1", "true"]);
        command.env_remove("SSH_AUTH_SOCK");
        if let Some(agent) = &self.agent {
            command.env("SSH_AUTH_SOCK", agent);
        }
        let ended = command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
        ended.expect("ssh runs").success()
    }

    async fn by_us(&self, file: PathBuf) -> Result<Session, ConnectFailure> {
        let around = Surroundings {
            user: Some(self.node.user.clone()),
            home: Some(self.node.dir.clone()),
            agent: self.agent.clone(),
            shell: None,
            own_known_hosts: self.node.dir.join("own_known_hosts"),
        };
        let machine = Machine::here(&self.node.user, &self.node.dir);
        let resolver = Resolver::with_path(
            machine,
            Files::Only(file),
            std::env::var_os("PATH").as_deref(),
        );
        let node = Node {
            name: "n1".into(),
            host: "n1".into(),
            roles: Default::default(),
            ssh: Ssh::default(),
            params: Default::default(),
        };
        let endpoint = Ways::new(resolver, around).endpoint(&node);
        let endpoint = endpoint.expect("a configuration that can be followed");
        Session::connect(&endpoint, &Credentials::default()).await
    }

    async fn both_get_in(&self, lines: &str) -> Session {
        let (ssh, ours) = self.both(lines).await;
        assert!(ssh, "ssh is refused: {}", self.node.log());
        ours.unwrap_or_else(|why| panic!("{why}\nby{lines}\n{}", self.node.log()))
    }

    /// The words of our refusal.
    async fn both_are_refused(&self, lines: &str) -> String {
        let (ssh, ours) = self.both(lines).await;
        assert!(!ssh, "ssh gets in by{lines}");
        ours.expect_err("a refusal").to_string()
    }

    fn login(&self) -> String {
        format!(" IdentityFile {}\n", self.node.login_key.display())
    }
}

fn mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("its mode");
}

#[tokio::test]
async fn a_type_of_key_that_is_known_is_asked_for_though_the_list_is_amended() {
    let Some(desk) = Desk::new("127.0.231.31", &[]) else {
        return;
    };
    let (ed25519, ecdsa) = (desk.node.host_key(), desk.second_host_key("ecdsa"));
    desk.knows(std::slice::from_ref(&ecdsa));
    for amended in ["+ssh-rsa", "-rsa-sha2-512"] {
        let lines = format!(" HostKeyAlgorithms {amended}\n{}", desk.login());
        let session = desk.both_get_in(&lines).await;
        assert_eq!(session.host_key().algorithm, "ecdsa-sha2-nistp256");
    }
    // Where two types are known, the better one is asked for, and has to be the right one.
    let stale = desk.key("other");
    let stale = fs::read_to_string(stale.with_extension("pub")).expect("a public key");
    desk.knows(&[ecdsa.clone(), stale]);
    let why = desk.both_are_refused(&desk.login()).await;
    assert!(why.contains("has changed"), "{why}");
    desk.knows(&[ecdsa, ed25519]);
    let session = desk.both_get_in(&desk.login()).await;
    assert_eq!(session.host_key().algorithm, "ssh-ed25519");
}

#[tokio::test]
async fn a_key_file_of_no_use_is_passed_over_and_told_when_nothing_else_helps() {
    let Some(desk) = Desk::new("127.0.231.32", &[]) else {
        return;
    };
    let (open, garbage) = (desk.key("open"), desk.node.dir.join("garbage"));
    fs::write(&garbage, "not a key\n").expect("a file");
    mode(&garbage, 0o600);
    desk.node.authorize(&open.with_extension("pub"));
    mode(&open, 0o644);
    let folder = &desk.node.home;
    let useless: String = [&open, &garbage, folder]
        .map(|path| format!(" IdentityFile {}\n", path.display()))
        .concat();
    drop(
        desk.both_get_in(&format!("{useless}{}", desk.login()))
            .await,
    );
    // Whose file it is decides who may read it, and that is not us here.
    if getuid().is_root() {
        let deployed = desk.key("deployed");
        desk.node.authorize(&deployed.with_extension("pub"));
        mode(&deployed, 0o640);
        chown(&deployed, Some(65_534), None).expect("root may");
        let lines = format!(" IdentityFile {}\n", deployed.display());
        drop(desk.both_get_in(&lines).await);
    }
    let why = desk
        .both_are_refused(&format!("{useless} IdentityAgent none\n"))
        .await;
    for part in [
        "chmod 600",
        "no private key",
        "it is a folder",
        "open (",
        "garbage (",
    ] {
        assert!(why.contains(part), "no {part:?} in: {why}");
    }
}

#[tokio::test]
async fn a_key_file_of_no_use_still_names_the_key_that_the_agent_holds() {
    let Some(mut desk) = Desk::new("127.0.231.33", &[]) else {
        return;
    };
    let socket = desk.node.dir.join("agent.sock");
    let Some(_agent) = Agent::start(&socket) else {
        return;
    };
    Agent::add(&socket, &desk.node.login_key);
    desk.agent = Some(socket);
    // Another program's form of the same key, which neither of the two reads; its public half lies beside it.
    let named = desk.node.dir.join("named");
    fs::write(&named, "PuTTY-User-Key-File-3: ssh-ed25519\n").expect("a file");
    mode(&named, 0o600);
    fs::copy(
        desk.node.login_key.with_extension("pub"),
        named.with_extension("pub"),
    )
    .expect("a public key");
    let lines = format!(" IdentitiesOnly yes\n IdentityFile {}\n", named.display());
    drop(desk.both_get_in(&lines).await);
}

#[tokio::test]
async fn the_right_key_may_be_the_sixth_of_the_agent() {
    let Some(mut desk) = Desk::new("127.0.231.34", &["MaxAuthTries 6"]) else {
        return;
    };
    let socket = desk.node.dir.join("agent.sock");
    let Some(_agent) = Agent::start(&socket) else {
        return;
    };
    for number in 0..5 {
        Agent::add(&socket, &desk.key(&format!("other{number}")));
    }
    Agent::add(&socket, &desk.node.login_key);
    desk.agent = Some(socket);
    drop(desk.both_get_in("").await);
}

#[tokio::test]
async fn a_server_that_has_only_what_ssh_takes_by_default_is_talked_to() {
    let servers = [
        ("127.0.231.35", ["Ciphers aes128-gcm@openssh.com", ""]),
        ("127.0.231.36", ["Ciphers aes128-ctr", "MACs hmac-sha1"]),
        (
            "127.0.231.37",
            ["Ciphers aes128-ctr", "MACs hmac-sha1-etm@openssh.com"],
        ),
    ];
    for (ip, lines) in servers {
        let Some(desk) = Desk::new(ip, &lines) else {
            return;
        };
        drop(desk.both_get_in(&desk.login()).await);
    }
    // What it does not take by default is not taken here.
    for (ip, line) in [
        ("127.0.231.38", "Ciphers aes128-cbc"),
        ("127.0.231.39", "KexAlgorithms diffie-hellman-group14-sha1"),
    ] {
        let Some(desk) = Desk::new(ip, &[line]) else {
            return;
        };
        let why = desk.both_are_refused(&desk.login()).await;
        assert!(why.contains("the SSH handshake failed"), "{why}");
        let option = line.split(' ').next().expect("a word");
        assert!(
            why.contains(&format!("in {option} of its sshd_config")),
            "{why}"
        );
    }
}

#[tokio::test]
async fn a_user_key_shorter_than_required_is_not_offered() {
    let Some(desk) = Desk::new("127.0.231.40", &[]) else {
        return;
    };
    let rsa = desk.node.dir.join("rsa");
    new_key_of("rsa", &rsa, "");
    desk.node.authorize(&rsa.with_extension("pub"));
    let lines = format!(" IdentityFile {}\n IdentityAgent none\n", rsa.display());
    drop(desk.both_get_in(&lines).await);
    let before = desk.node.log().len();
    let why = desk
        .both_are_refused(&format!("{lines} RequiredRSASize 8192\n"))
        .await;
    assert!(why.contains("RequiredRSASize is 8192"), "{why}");
    assert!(!desk.node.log()[before..].contains("Accepted"), "{why}");
}

#[tokio::test]
async fn where_no_key_may_be_used_the_refusal_does_not_ask_for_one() {
    let Some(desk) = Desk::new("127.0.231.41", &[]) else {
        return;
    };
    let lines = format!(" PreferredAuthentications password\n{}", desk.login());
    let why = desk.both_are_refused(&lines).await;
    assert!(why.contains("PreferredAuthentications"), "{why}");
}

/// What the built program shows on a terminal of its own up to `end`; then it is told to leave.
fn on_a_terminal(mut command: CommandBuilder, end: &str) -> String {
    command.env("TERM", "xterm");
    let pair = native_pty_system()
        .openpty(PtySize {
            rows: 24,
            cols: 200,
            pixel_width: 0,
            pixel_height: 0,
        })
        .expect("a terminal");
    let mut program = pair.slave.spawn_command(command).expect("the program runs");
    drop(pair.slave);
    let mut reader = pair.master.try_clone_reader().expect("its output");
    let (sender, pieces) = channel();
    std::thread::spawn(move || {
        let mut buffer = [0; 4096];
        while let Ok(count @ 1..) = reader.read(&mut buffer) {
            if sender.send(buffer[..count].to_vec()).is_err() {
                return;
            }
        }
    });
    let mut shown = Vec::new();
    let mut text = String::new();
    while !text.contains(end) {
        let Ok(piece) = pieces.recv_timeout(Duration::from_secs(120)) else {
            break;
        };
        shown.extend(piece);
        text = String::from_utf8_lossy(&shown).into_owned();
    }
    let mut keys = pair.master.take_writer().expect("its input");
    keys.write_all(b"leave\n").expect("it reads");
    program.wait().expect("it ends");
    text
}

#[test]
fn an_ssh_in_a_proxy_command_does_not_wait_for_an_answer_on_our_terminal() {
    let Some(desk) = Desk::new("127.0.231.45", &[]) else {
        return;
    };
    let folder = &desk.node.dir;
    let file = folder.join("desk_config");
    let server = format!(
        " HostName {}\n Port {}\n User {}\n IdentityFile {}\n GlobalKnownHostsFile none\n",
        desk.node.ip,
        desk.node.port,
        desk.node.user,
        desk.node.login_key.display()
    );
    // Nobody knows the key of the gate, and ssh(1) would ask about it.
    let config = format!(
        "Host gate\n{server} UserKnownHostsFile none\nHost n1\n{server} UserKnownHostsFile {}\n HostKeyAlias n1\n ProxyCommand {} -F {} -W %h:%p gate\n",
        desk.known_hosts().display(),
        desk.ssh.display(),
        file.display()
    );
    fs::write(&file, config).expect("a configuration");
    let cluster = format!(
        "[cluster]\nname = \"boxes\"\nprocedure = \"{}/tests/fixtures/levels.toml\"\ntarget = \"2\"\nplace = \"lab\"\n[ssh]\nconfig = {file:?}\n[[node]]\nname = \"b1\"\nhost = \"n1\"\nroles = [\"box\"]\n",
        env!("CARGO_MANIFEST_DIR")
    );
    let cluster_file = folder.join("cluster.toml");
    fs::write(&cluster_file, cluster).expect("a cluster file");
    let mut command = CommandBuilder::new(env!("CARGO_BIN_EXE_holdpoint"));
    command.args(["check", "--plain"]);
    command.arg(&cluster_file);
    command.env("HOLDPOINT_STATE_DIR", folder.join("state"));
    command.env("XDG_CONFIG_HOME", folder.join("xdg"));
    command.env_remove("SSH_ASKPASS");
    let text = on_a_terminal(command, "expect: ");
    let why = "Host key verification failed";
    assert!(text.contains(why), "no {why:?} in:\n{text}");
    assert!(!text.contains("Are you sure"), "{text}");
}
