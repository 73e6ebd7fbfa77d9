//! A real OpenSSH server for one pretended node, as an ordinary process of the test.
//!
//! Each [`Sshd`] has its own loopback address, port, host key, login key and HOME, so several of them make a
//! cluster on one machine:
//!
//! ```ignore
//! let Some(st1) = Sshd::start("st1", "127.0.0.2") else { return };   // skipped: no sshd here
//! let Some(st2) = Sshd::start("st2", "127.0.0.3") else { return };
//! st1.home.join("axway")      // the node's own files: scripts see this folder as $HOME
//! st1.login_key               // private key that may log in as st1.user
//! st1.known_hosts_line()      // what a known_hosts file must hold to trust it
//! st1.kill_connections();     // the link drops; jobs on the node go on
//! st1.freeze_connections();   // the link is up and silent
//! st1.stop(); st1.restart();  // the node is away, and back on the same port
//! st1.power_cut();            // every process of the node is gone at once, its files stay
//! ```
//!
//! The login is the user that runs the tests (root in a container), with a key and nothing else. HOME is set by
//! the server (`SetEnv`), so the login shell reads `home/.bashrc` and `exec sh -s` runs with that HOME. Scripts
//! start in the real home folder of the user: use `$HOME`, never the working directory. Processes of the node
//! carry [`NODE_MARK`] in their environment; that is how the clean-up finds them, by pid and nothing broader.

use std::fs;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;

use rustix::process::{Pid, Signal, kill_process};

use super::{eventually, tool};

/// The variable in the environment of everything that runs on a pretended node; its value is the node's folder.
pub const NODE_MARK: &str = "HOLDPOINT_TEST_NODE";

/// One running server and the folder that is its node.
pub struct Sshd {
    /// The node's name: only for messages.
    pub name: String,
    /// The loopback address it listens on.
    pub ip: String,
    /// Its port, kept over [`Sshd::restart`].
    pub port: u16,
    /// Who may log in: the user that runs the tests.
    pub user: String,
    /// Everything of this node: keys, configuration, server log, home.
    pub dir: PathBuf,
    /// What scripts see as `$HOME`.
    pub home: PathBuf,
    /// The private key that may log in (its public half beside it, `.pub`).
    pub login_key: PathBuf,
    program: PathBuf,
    server: Mutex<Option<Child>>,
    _folder: tempfile::TempDir,
}

impl Sshd {
    /// Starts a server on `ip` with a free port; `None` (with a printed reason) where no sshd is installed.
    pub fn start(name: &str, ip: &str) -> Option<Self> {
        Self::start_with(name, ip, &[])
    }

    /// As [`Sshd::start`], with lines for `sshd_config` put before ours (there the first value wins).
    pub fn start_with(name: &str, ip: &str, config: &[&str]) -> Option<Self> {
        let program = tool("sshd")?;
        tool("ssh-keygen")?;
        let folder = tempfile::Builder::new()
            .prefix(&format!("holdpoint-{name}-"))
            .tempdir()
            .expect("a folder for the node");
        let dir = folder.path().to_path_buf();
        let home = dir.join("home");
        fs::create_dir(&home).expect("the node's home");
        // OpenSSH as root insists on this folder; elsewhere it is not used.
        let _ = fs::create_dir_all("/run/sshd");
        new_key(&dir.join("host_key"), "");
        new_key(&dir.join("login_key"), "");
        fs::copy(dir.join("login_key.pub"), dir.join("authorized_keys")).expect("authorized_keys");
        let mut node = Self {
            name: name.into(),
            ip: ip.into(),
            port: 0,
            user: current_user(),
            login_key: dir.join("login_key"),
            dir,
            home,
            program,
            server: Mutex::new(None),
            _folder: folder,
        };
        node.listen_somewhere(config);
        Some(node)
    }

    /// The line (without newline) that makes this server known under its address.
    pub fn known_hosts_line(&self) -> String {
        let key = self.host_key();
        format!("[{}]:{} {key}", self.ip, self.port)
    }

    /// The server's public host key: algorithm and base64, no comment.
    pub fn host_key(&self) -> String {
        public_half(&self.dir.join("host_key"))
    }

    /// Lets the public key in `file` (a `.pub` file) log in too.
    pub fn authorize(&self, file: &Path) {
        let path = self.dir.join("authorized_keys");
        let mut keys = fs::read_to_string(&path).expect("authorized_keys");
        keys.push_str(&fs::read_to_string(file).expect("a public key"));
        fs::write(path, keys).expect("authorized_keys");
    }

    /// Makes the node print `text` at each login, before any script runs.
    pub fn login_noise(&self, text: &str) {
        let script = format!("cat <<'NOISE'\n{text}\nNOISE\n");
        fs::write(self.home.join(".bashrc"), script).expect("a login script");
    }

    /// Ends every connection from the server's side. What runs detached on the node goes on.
    pub fn kill_connections(&self) {
        if let Some(server) = self.server_pid() {
            for pid in server_processes_below(server) {
                kill(pid);
            }
        }
    }

    /// Freezes every connection: open, and silent from now on, as when the network swallows everything.
    pub fn freeze_connections(&self) {
        if let Some(server) = self.server_pid() {
            for pid in server_processes_below(server) {
                signal(pid, Signal::STOP);
            }
        }
    }

    /// Stops listening and ends every connection; the node's other processes go on.
    pub fn stop(&self) {
        let server = self.server.lock().expect("no panic while held").take();
        if let Some(mut server) = server {
            let below = server_processes_below(server.id());
            let _ = server.kill();
            let _ = server.wait();
            below.into_iter().for_each(kill);
        }
    }

    /// Ends only the server that listens; connections stay.
    pub fn stop_listening(&self) {
        let server = self.server.lock().expect("no panic while held").take();
        if let Some(mut server) = server {
            let _ = server.kill();
            let _ = server.wait();
        }
    }

    /// A new server in the place of the one that [`Sshd::stop_listening`] ended.
    pub fn listen_again(&self) {
        assert!(self.launch(), "sshd did not come back: {}", self.log());
    }

    /// Listens again on the same port with the same keys (or the host key that now lies in `dir/host_key`).
    pub fn restart(&self) {
        self.stop();
        assert!(self.launch(), "sshd did not come back: {}", self.log());
    }

    /// Replaces the host key and restarts: the server that a changed key warns of.
    pub fn change_host_key(&self) {
        let key = self.dir.join("host_key");
        let _ = fs::remove_file(&key);
        let _ = fs::remove_file(self.dir.join("host_key.pub"));
        new_key(&key, "");
        self.restart();
    }

    /// Ends every process of the node at once, server and jobs; the files stay as they were.
    pub fn power_cut(&self) {
        self.stop();
        end_all_of(&self.dir);
    }

    /// The server's own log, for the message of a failed assertion.
    pub fn log(&self) -> String {
        fs::read_to_string(self.dir.join("sshd.log")).unwrap_or_default()
    }

    fn listen_somewhere(&mut self, config: &[&str]) {
        // A free port can be taken between our look and the server's bind: take another, a few times.
        for _ in 0..5 {
            self.port = free_port(&self.ip);
            self.write_config(config);
            if self.launch() {
                return;
            }
        }
        panic!("sshd of {} did not start: {}", self.name, self.log());
    }

    fn write_config(&self, extra: &[&str]) {
        let dir = self.dir.display();
        let mut text = extra.join("\n");
        text.push_str(&format!(
            "
ListenAddress {}:{}
HostKey {dir}/host_key
AuthorizedKeysFile {dir}/authorized_keys
PidFile none
StrictModes no
UsePAM no
PermitRootLogin prohibit-password
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitUserRC no
PrintMotd no
UseDNS no
MaxStartups 200
LogLevel VERBOSE
SetEnv HOME={} {NODE_MARK}={dir}
",
            self.ip,
            self.port,
            self.home.display(),
        ));
        // Servers from 9.8 lock out sources that fail logins; the stories fail some on purpose.
        if self.accepts_option("PerSourcePenalties=no", &text) {
            text.push_str("PerSourcePenalties no\n");
        }
        fs::write(self.config(), text).expect("the server's configuration");
    }

    fn accepts_option(&self, option: &str, config: &str) -> bool {
        fs::write(self.config(), config).expect("the server's configuration");
        Command::new(&self.program)
            .arg("-t")
            .arg("-f")
            .arg(self.config())
            .args(["-o", option])
            .stderr(Stdio::null())
            .status()
            .is_ok_and(|status| status.success())
    }

    fn config(&self) -> PathBuf {
        self.dir.join("sshd_config")
    }

    fn launch(&self) -> bool {
        let mut server = Command::new(&self.program)
            .args(["-D", "-f"])
            .arg(self.config())
            .arg("-E")
            .arg(self.dir.join("sshd.log"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("sshd can be run");
        let mut alive = true;
        eventually("sshd listens or gives up", || {
            alive = matches!(server.try_wait(), Ok(None));
            !alive || TcpStream::connect((self.ip.as_str(), self.port)).is_ok()
        });
        *self.server.lock().expect("no panic while held") = Some(server);
        alive
    }

    fn server_pid(&self) -> Option<u32> {
        let server = self.server.lock().expect("no panic while held");
        server.as_ref().map(Child::id)
    }
}

impl Drop for Sshd {
    fn drop(&mut self) {
        self.power_cut();
    }
}

/// Ends every process that carries the mark of the node with this folder.
pub fn end_all_of(dir: &Path) {
    let mark = format!("{NODE_MARK}={}", dir.display());
    // A process may fork while we look, so look again until none is left (bounded).
    for _ in 0..50 {
        let left = processes_with_mark(mark.as_bytes());
        if left.is_empty() {
            return;
        }
        left.into_iter().for_each(kill);
    }
}

/// Makes an ed25519 key pair at `path` and `path.pub`; an empty passphrase leaves it unencrypted.
pub fn new_key(path: &Path, passphrase: &str) {
    new_key_of("ed25519", path, passphrase);
}

/// As [`new_key`] for another type that `ssh-keygen -t` knows.
pub fn new_key_of(kind: &str, path: &Path, passphrase: &str) {
    let made = Command::new("ssh-keygen")
        .args(["-q", "-t", kind, "-C", "test", "-N", passphrase, "-f"])
        .arg(path)
        .stdin(Stdio::null())
        .status()
        .expect("ssh-keygen can be run");
    assert!(made.success(), "ssh-keygen failed for {}", path.display());
}

fn public_half(private: &Path) -> String {
    let text = fs::read_to_string(private.with_extension("pub")).expect("a public key");
    let mut words = text.split_whitespace();
    let (algorithm, key) = (words.next(), words.next());
    format!("{} {}", algorithm.unwrap(), key.unwrap())
}

fn current_user() -> String {
    let output = Command::new("id").arg("-un").output().expect("id runs");
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

fn free_port(ip: &str) -> u16 {
    let listener = TcpListener::bind((ip, 0)).expect("a loopback address");
    listener.local_addr().expect("its own address").port()
}

fn kill(pid: u32) {
    signal(pid, Signal::KILL);
}

fn signal(pid: u32, signal: Signal) {
    let pid = i32::try_from(pid).ok().and_then(Pid::from_raw);
    if let Some(pid) = pid {
        let _ = kill_process(pid, signal);
    }
}

/// Processes named like the server, below `root`: the connections, but not the shells that they started.
fn server_processes_below(root: u32) -> Vec<u32> {
    let servers: Vec<(u32, u32)> = all_pids()
        .filter_map(|pid| {
            let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
            let (head, tail) = stat.rsplit_once(") ")?;
            let name = head.split_once('(')?.1;
            let parent = tail.split(' ').nth(1)?.parse().ok()?;
            name.starts_with("sshd").then_some((pid, parent))
        })
        .collect();
    let mut below = vec![root];
    let mut looked = 0;
    while let Some(&parent) = below.get(looked) {
        looked += 1;
        below.extend(servers.iter().filter(|s| s.1 == parent).map(|s| s.0));
    }
    below.split_off(1)
}

fn processes_with_mark(mark: &[u8]) -> Vec<u32> {
    all_pids()
        .filter(|pid| {
            let environment = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
            environment.split(|byte| *byte == 0).any(|v| v == mark)
        })
        .collect()
}

fn all_pids() -> impl Iterator<Item = u32> {
    fs::read_dir("/proc")
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
}
