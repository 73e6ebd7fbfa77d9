//! The nodes: one OpenSSH server for each, on a loopback address and with a host key of its own.

use std::cell::Cell;
use std::fs;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, WaitOptions, getpid, set_child_subreaper, waitpid};
use tempfile::TempDir;

/// For all servers to listen, and for all connections to be over.
const PATIENCE: Duration = Duration::from_secs(60);
const SERVERS: [&str; 3] = ["/usr/sbin/sshd", "/usr/local/sbin/sshd", "/usr/bin/sshd"];

/// Servers that run, and what is needed to log in to them.
pub struct Farm {
    pub nodes: Vec<Node>,
    pub port: u16,
    pub user: String,
    folder: TempDir,
    /// Seconds of processor time of shells that outlived the server process that had started them.
    orphans: Cell<f64>,
}

pub struct Node {
    pub name: String,
    pub address: String,
    server: Child,
}

impl Farm {
    /// Starts `count` servers.
    ///
    /// # Errors
    /// No sshd or ssh-keygen here, or one that does not start.
    pub fn start(count: usize) -> Result<Farm, String> {
        let program = SERVERS.iter().find(|path| Path::new(path).exists());
        let program =
            program.ok_or("there is no sshd on this machine; install an OpenSSH server")?;
        // Shells that are left when a connection ends become our children, so that their time is known, too.
        set_child_subreaper(Some(getpid())).map_err(|error| error.to_string())?;
        let folder = tempfile::Builder::new()
            .prefix("peers-")
            .tempdir()
            .map_err(|error| format!("make a folder: {error}"))?;
        // A server that runs as root insists on this folder; elsewhere it is not used.
        let _ = fs::create_dir_all("/run/sshd");
        let mut farm = Farm {
            nodes: Vec::new(),
            port: free_port()?,
            user: said_by("id", &["-un"])?,
            folder,
            orphans: Cell::new(0.0),
        };
        farm.write("sshd_config", &farm.server_config())?;
        new_key(&farm.key())?;
        let public = farm.folder.path().join("key.pub");
        fs::copy(public, farm.path("authorized_keys")).map_err(|error| error.to_string())?;
        farm.folder_in("masters")?;
        // Empty: what this machine's user does at each login is no part of the measurement.
        farm.folder_in("home")?;
        let (mut known, mut addresses) = (String::new(), String::new());
        for number in 0..count {
            let node = farm.start_node(program, number)?;
            let public = fs::read_to_string(farm.path(&format!("{}.pub", node.name)));
            let public = public.map_err(|error| error.to_string())?;
            known += &format!("[{}]:{} {}", node.address, farm.port, public);
            addresses += &format!("{}\n", node.address);
            farm.nodes.push(node);
        }
        farm.write("known_hosts", &known)?;
        farm.write("addresses", &addresses)?;
        farm.wait_until_all_listen()?;
        Ok(farm)
    }

    fn server_config(&self) -> String {
        let keys = self.path("authorized_keys");
        format!(
            "Port {}\nAuthorizedKeysFile {}\nPidFile none\nUsePAM no\nStrictModes no\nPermitRootLogin yes\n\
             PasswordAuthentication no\nKbdInteractiveAuthentication no\nPrintMotd no\nUseDNS no\nLogLevel QUIET\n\
             MaxStartups 200\nMaxSessions 20\nSubsystem sftp internal-sftp\nSetEnv HOME={}\n",
            self.port,
            keys.display(),
            self.path("home").display(),
        )
    }

    fn start_node(&self, program: &str, number: usize) -> Result<Node, String> {
        let name = format!("n{:03}", number + 1);
        let address = format!("127.0.{}.{}", 200 + number / 250, number % 250 + 1);
        let key = self.path(&name);
        new_key(&key)?;
        let server = Command::new(program)
            .args(["-D", "-f"])
            .arg(self.path("sshd_config"))
            .arg("-h")
            .arg(&key)
            .args(["-o", &format!("ListenAddress={address}")])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|error| format!("start {program}: {error}"))?;
        Ok(Node {
            name,
            address,
            server,
        })
    }

    fn wait_until_all_listen(&self) -> Result<(), String> {
        let deadline = Instant::now() + PATIENCE;
        for node in &self.nodes {
            while TcpStream::connect((node.address.as_str(), self.port)).is_err() {
                if Instant::now() > deadline {
                    return Err(format!("the sshd on {} does not listen", node.address));
                }
                thread::sleep(Duration::from_millis(20));
            }
        }
        self.settle()
    }

    /// Ends the shared connections that peers have left, and waits until no server has a connection or process any more.
    ///
    /// # Errors
    /// One still has after a minute.
    pub fn settle(&self) -> Result<(), String> {
        self.end_masters()?;
        let deadline = Instant::now() + PATIENCE;
        for node in &self.nodes {
            let pid = node.server.id();
            let busy = || {
                let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children"));
                children.is_ok_and(|children| !children.trim().is_empty())
            };
            while busy() {
                if Instant::now() > deadline {
                    return Err(format!("connections to {} do not end", node.address));
                }
                thread::sleep(Duration::from_millis(2));
            }
        }
        while self.has_orphans()? {
            if Instant::now() > deadline {
                return Err("processes that servers have started do not end".into());
            }
            thread::sleep(Duration::from_millis(2));
        }
        Ok(())
    }

    /// Takes the time of orphans that have ended; whether there are others.
    fn has_orphans(&self) -> Result<bool, String> {
        let me = std::process::id();
        let children = fs::read_to_string(format!("/proc/{me}/task/{me}/children"));
        let children = children.map_err(|error| format!("this system's /proc: {error}"))?;
        let mut some_live = false;
        for child in children.split_whitespace() {
            if self
                .nodes
                .iter()
                .any(|node| node.server.id().to_string() == child)
            {
                continue;
            }
            let stat = fs::read_to_string(format!("/proc/{child}/stat")).unwrap_or_default();
            let is_over = stat
                .rsplit(") ")
                .next()
                .is_some_and(|rest| rest.starts_with('Z'));
            if !is_over {
                some_live = true;
                continue;
            }
            // The masters of shared connections are the peers' own.
            if !stat.contains("(ssh)") {
                self.orphans.set(self.orphans.get() + run_time(child));
            }
            let pid = child.parse().ok().and_then(Pid::from_raw);
            waitpid(pid, WaitOptions::empty()).map_err(|error| error.to_string())?;
        }
        Ok(some_live)
    }

    fn end_masters(&self) -> Result<(), String> {
        let sockets = fs::read_dir(self.masters()).map_err(|error| error.to_string())?;
        for socket in sockets.filter_map(Result::ok) {
            let told = Command::new("ssh")
                .args(["-F", "none", "-O", "exit", "-S"])
                .arg(socket.path())
                .arg("nobody")
                .stdin(Stdio::null())
                .stderr(Stdio::null())
                .status();
            told.map_err(|error| format!("ssh: {error}"))?;
            // One that its master has left behind.
            let _ = fs::remove_file(socket.path());
        }
        Ok(())
    }

    /// Seconds of processor time of all servers and of everything that they started and that has ended.
    pub fn cpu(&self) -> f64 {
        let ids = self.nodes.iter().map(|node| node.server.id().to_string());
        ids.map(|id| ticks(&id, 11..15)).sum::<f64>() / 100.0 + self.orphans.get()
    }

    /// The private key that may log in everywhere.
    pub fn key(&self) -> PathBuf {
        self.path("key")
    }

    pub fn known_hosts(&self) -> PathBuf {
        self.path("known_hosts")
    }

    /// A file with one address on a line.
    pub fn addresses(&self) -> PathBuf {
        self.path("addresses")
    }

    /// Where peers keep the sockets of shared connections.
    pub fn masters(&self) -> PathBuf {
        self.path("masters")
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Makes a folder.
    ///
    /// # Errors
    /// In words.
    pub fn folder_in(&self, name: &str) -> Result<PathBuf, String> {
        let path = self.path(name);
        fs::create_dir_all(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        Ok(path)
    }

    /// Writes a file.
    ///
    /// # Errors
    /// In words.
    pub fn write(&self, name: &str, text: &str) -> Result<PathBuf, String> {
        let path = self.path(name);
        fs::write(&path, text).map_err(|error| format!("{}: {error}", path.display()))?;
        Ok(path)
    }
}

impl Drop for Farm {
    fn drop(&mut self) {
        // Connections that a failed measurement left behind end with their clients, which are ours too.
        for node in &mut self.nodes {
            let _ = node.server.kill();
            let _ = node.server.wait();
        }
    }
}

/// Seconds that a process itself has run, in the finest measure there is: a shell ends within a few milliseconds.
fn run_time(process: &str) -> f64 {
    let schedstat = fs::read_to_string(format!("/proc/{process}/schedstat")).unwrap_or_default();
    let nanoseconds = schedstat
        .split(' ')
        .next()
        .and_then(|text| text.parse::<f64>().ok());
    nanoseconds.map_or_else(|| ticks(process, 11..15) / 100.0, |spent| spent / 1e9)
}

/// The sum of some fields of a process's stat line (proc(5)), counted from 0 after its name.
pub fn ticks(process: &str, fields: std::ops::Range<usize>) -> f64 {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    let all: Vec<&str> = stat
        .rsplit(')')
        .next()
        .unwrap_or_default()
        .split_whitespace()
        .collect();
    let wanted = all.get(fields).unwrap_or_default().iter();
    wanted.filter_map(|field| field.parse::<f64>().ok()).sum()
}

fn free_port() -> Result<u16, String> {
    let listener = TcpListener::bind("127.0.200.1:0").map_err(|error| error.to_string())?;
    let address = listener.local_addr().map_err(|error| error.to_string())?;
    Ok(address.port())
}

fn new_key(path: &Path) -> Result<(), String> {
    let made = Command::new("ssh-keygen")
        .args(["-q", "-t", "ed25519", "-N", "", "-C", "peers", "-f"])
        .arg(path)
        .stdin(Stdio::null())
        .status();
    match made {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("ssh-keygen: {status}")),
        Err(error) => Err(format!("ssh-keygen: {error}")),
    }
}

fn said_by(program: &str, arguments: &[&str]) -> Result<String, String> {
    let output = Command::new(program).args(arguments).output();
    let output = output.map_err(|error| format!("{program}: {error}"))?;
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
