//! A cluster of product doubles: `sh` scripts that imitate SecureTransport on this machine.
//!
//! `tests/doubles/securetransport/make-node.sh` lays out one node per folder; everything that a node is lives there:
//!
//! ```text
//! st1/axway/        the pretend <AxwayHome>: display.sh, update.sh, SecureTransport/...
//! st1/counts/CMD    one line per call of that command, with its arguments
//! st1/behave/NAME   a file that makes it misbehave: see the heads of command.sh and update.sh
//! ```
//!
//! The nodes see each other through a shared folder instead of a network. A procedure reaches a node through
//! `axway_home` and `admin_port`, which a test's cluster file sets per node ([`Double::params`]); nothing else tells
//! that it is a double. Dropping the cluster ends every process that the doubles wrote down, by its pid.

use std::fs;
use std::io::Write as _;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// The level that the pretend upgrade pack brings, as a cluster file's `target`.
pub const TARGET: &str = "5.5-20240627";

/// Some doubles that belong together; the members of a Standard Cluster with the primary first.
pub struct DoubleCluster {
    folder: tempfile::TempDir,
    pub nodes: Vec<Double>,
}

/// One pretend node.
pub struct Double {
    pub name: String,
    pub kind: Kind,
    pub dir: PathBuf,
    /// Where its Admin Tool listens, on 127.0.0.1.
    pub port: u16,
    /// Where the proxy of an Edge listens.
    pub stream: u16,
}

/// What a pretend node is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A Server of a Standard Cluster.
    Member,
    /// A Server with a database of its own, member of nothing.
    Server,
    /// A Server that shares an external database with others: Enterprise Cluster.
    Core,
    Edge,
}

impl Kind {
    /// What the double's scripts call it.
    fn word(self) -> &'static str {
        match self {
            Kind::Member | Kind::Server => "server",
            Kind::Core => "core",
            Kind::Edge => "edge",
        }
    }

    /// Its role in a cluster file.
    pub fn role(self) -> &'static str {
        match self {
            Kind::Member | Kind::Server | Kind::Core => "server",
            Kind::Edge => "edge",
        }
    }
}

/// How a script ended, and what it printed.
#[derive(Debug)]
pub struct Ended {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl DoubleCluster {
    /// Lays out `count` stopped nodes `st1`, `st2`, ... of a Standard Cluster on 5.4, and an upgrade pack.
    pub fn new(count: usize) -> DoubleCluster {
        let names: Vec<String> = (1..=count).map(|number| format!("st{number}")).collect();
        let wanted: Vec<_> = names
            .iter()
            .map(|name| (name.as_str(), Kind::Member))
            .collect();
        DoubleCluster::of(&wanted)
    }

    /// Lays out stopped nodes on 5.4, and an upgrade pack.
    pub fn of(wanted: &[(&str, Kind)]) -> DoubleCluster {
        let folder = tempfile::tempdir().expect("a folder for the doubles");
        let members = wanted.iter().filter(|(_, kind)| *kind == Kind::Member);
        let members: Vec<&str> = members.map(|(name, _)| *name).collect();
        let ports: Vec<[TcpListener; 2]> = wanted
            .iter()
            .map(|_| [(); 2].map(|()| super::tools::own_port()))
            .collect();
        let nodes = wanted.iter().zip(&ports).map(|((name, kind), ports)| {
            let [port, stream] = ports.each_ref().map(|port| {
                let bound = port.local_addr().expect("a bound port");
                bound.port()
            });
            let (name, dir) = (name.to_string(), folder.path().join(name));
            let node = Double {
                name,
                kind: *kind,
                dir,
                port,
                stream,
            };
            node.lay_out(&folder.path().join("shared"), &members);
            node
        });
        let nodes = nodes.collect();
        let packs = folder.path().join("packs");
        fs::create_dir(&packs).expect("a folder for the packs");
        fs::write(
            packs.join("UpgradeStep1.jar"),
            "Axway_Installer\nV4.8.0 SP3\n",
        )
        .expect("pack");
        fs::write(
            packs.join("UpgradeStep2.jar"),
            "SecureTransport\nV5.5 SP0_Update20240627\n",
        )
        .expect("pack");
        DoubleCluster { folder, nodes }
    }

    /// The same, with everything running: the primary first, as in life.
    pub fn running(count: usize) -> DoubleCluster {
        DoubleCluster::new(count).started()
    }

    /// Starts all nodes in their order, and forgets that.
    pub fn started(self) -> DoubleCluster {
        let cluster = self;
        for node in &cluster.nodes {
            assert!(
                node.command("start_all").success(),
                "{} did not start",
                node.name
            );
        }
        for node in &cluster.nodes {
            node.forget_counts();
        }
        cluster
    }

    /// Where the pretend upgrade pack is: `UpgradeStep1.jar`, `UpgradeStep2.jar`.
    pub fn packs(&self) -> PathBuf {
        self.folder.path().join("packs")
    }

    /// What the nodes of an Enterprise Cluster share: `schema`, `migrated-by`, `violations`, `role`.
    pub fn database(&self) -> PathBuf {
        self.folder.path().join("shared/database")
    }

    /// A folder outside every installation.
    pub fn outside(&self) -> PathBuf {
        let folder = self.folder.path().join("outside");
        fs::create_dir_all(&folder).expect("a folder outside");
        folder
    }

    /// The human who presses Synchronize All on the primary Server; whether the page reported success.
    pub fn press_synchronize_all(&self) -> bool {
        self.press("sync-all.sh", Kind::Member)
    }

    /// The human who presses Synchronize All on the primary Edge, the first one.
    pub fn press_synchronize_edges(&self) -> bool {
        self.press("sync-edges.sh", Kind::Edge)
    }

    fn press(&self, button: &str, kind: Kind) -> bool {
        let nodes = self.nodes.iter().filter(|node| node.kind == kind);
        succeeds(
            Command::new("sh")
                .arg(scripts().join(button))
                .args(nodes.map(|node| &node.dir)),
        )
    }

    /// The human who sets Cluster.mode on every node; whether each page took it.
    pub fn set_cluster_mode(&self, mode: &str) -> bool {
        let set = |node: &Double| {
            let press = scripts().join("press-mode.sh");
            succeeds(Command::new("sh").arg(press).arg(&node.dir).arg(mode))
        };
        self.nodes.iter().all(set)
    }
}

impl Drop for DoubleCluster {
    fn drop(&mut self) {
        for node in &self.nodes {
            // Nothing useful can be done about a failure here; the doubles end by themselves after half an hour.
            let _ended = Command::new("sh")
                .arg(scripts().join("end-all.sh"))
                .arg(&node.dir)
                .status();
        }
    }
}

impl Double {
    fn lay_out(&self, shared: &Path, members: &[&str]) {
        let listed = if self.kind == Kind::Member {
            members
        } else {
            &[]
        };
        let made = Command::new("sh")
            .arg(scripts().join("make-node.sh"))
            .arg(&self.dir)
            .args([&self.name, "V5.4", &self.port.to_string()])
            .arg(shared)
            .args(listed)
            .env("KIND", self.kind.word())
            .env("STREAM", self.stream.to_string())
            .status()
            .expect("sh exists");
        assert!(made.success(), "make-node.sh ended with {made}");
    }

    pub fn axway_home(&self) -> PathBuf {
        self.dir.join("axway")
    }

    /// The pretend `<FILEDRIVEHOME>`.
    pub fn home(&self) -> PathBuf {
        self.axway_home().join("SecureTransport")
    }

    /// What a cluster file says about this node, as parameter and value.
    pub fn params(&self) -> Vec<(&'static str, String)> {
        let mut params = vec![
            ("axway_home", self.axway_home().display().to_string()),
            ("admin_port", self.port.to_string()),
        ];
        if self.kind == Kind::Edge {
            params.push(("streaming_port", self.stream.to_string()));
        }
        params
    }

    /// The search path of a session on this node. With it `ps` shows only this node's processes, as on a host of its
    /// own; without it an installer at work on one double keeps all others on this machine from starting one.
    pub fn path(&self) -> String {
        let before = std::env::var("PATH").expect("a search path");
        format!("{}:{before}", self.dir.join("double/bin").display())
    }

    /// Makes it misbehave from now on; `content` is what the behaviour takes, such as a number of seconds.
    pub fn behave(&self, name: &str, content: &str) {
        fs::write(self.dir.join("behave").join(name), content).expect("behaviour");
    }

    /// Makes it behave again.
    pub fn behave_well(&self, name: &str) {
        fs::remove_file(self.dir.join("behave").join(name)).expect("behaviour was set");
    }

    /// How often a command ran: `stop_all`, `start_tm`, `update`, `update-step2`, `display`.
    pub fn count(&self, command: &str) -> usize {
        fs::read_to_string(self.dir.join("counts").join(command))
            .map_or(0, |lines| lines.lines().count())
    }

    /// What a command was called with, one call a line.
    pub fn calls(&self, command: &str) -> String {
        fs::read_to_string(self.dir.join("counts").join(command)).unwrap_or_default()
    }

    /// Begins to count from zero.
    pub fn forget_counts(&self) {
        for entry in fs::read_dir(self.dir.join("counts")).expect("counts") {
            fs::remove_file(entry.expect("entry").path()).expect("a count");
        }
    }

    /// Runs a command of the product's `bin`, as an administrator would by hand.
    pub fn command(&self, name: &str) -> std::process::ExitStatus {
        Command::new(self.home().join("bin").join(name))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .expect("the command exists")
    }
}

fn succeeds(command: &mut Command) -> bool {
    let command = command.stdout(Stdio::null()).stderr(Stdio::null());
    command.status().expect("sh exists").success()
}

/// Runs a script as a node would: `shell` reads it from its standard input. `shell` is `["dash"]` or `["busybox", "sh"]`.
pub fn run_script(shell: &[&str], node: &Double, text: &str) -> Ended {
    finish(start_script(shell, node, text), Duration::from_secs(180))
}

/// Starts a script and leaves it running; [`finish`] collects it.
pub fn start_script(shell: &[&str], node: &Double, text: &str) -> Child {
    let mut child = Command::new(shell[0])
        .args(&shell[1..])
        .arg("-s")
        .env("PATH", node.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the shell exists");
    let mut input = child.stdin.take().expect("piped");
    input
        .write_all(text.as_bytes())
        .expect("the shell reads its script");
    child
}

/// Waits until a script has ended; past the deadline it is ended by its pid and the test fails.
pub fn finish(mut child: Child, deadline: Duration) -> Ended {
    let until = Instant::now() + deadline;
    while child.try_wait().expect("a child").is_none() {
        if Instant::now() > until {
            child.kill().expect("it still runs");
            panic!("a script still runs after {deadline:?}");
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    let output = child.wait_with_output().expect("its output");
    Ended {
        code: output.status.code(),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// Waits until a condition holds.
pub fn eventually(what: &str, deadline: Duration, mut holds: impl FnMut() -> bool) {
    let until = Instant::now() + deadline;
    while !holds() {
        assert!(
            Instant::now() < until,
            "not seen within {deadline:?}: {what}"
        );
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// Where the doubles' scripts are.
pub fn scripts() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/doubles/securetransport")
}
