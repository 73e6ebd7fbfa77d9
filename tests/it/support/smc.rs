//! A cluster of SMC doubles: `sh` scripts that imitate Management Servers on this machine.
//!
//! `tests/doubles/smc/make-node.sh` lays out one server per folder; everything that a server is lives there:
//!
//! ```text
//! smc1/smc/           the pretend installation: bin/sgReplicationAdmin.sh, tmp/mgtserver_ha_history.txt, ...
//! smc1/installer/     the pretend SMC installer, setup.sh VERSION
//! smc1/state/         mode, subscriptions, installed version, pid
//! smc1/counts/CMD     one line per call of that command, with its arguments
//! smc1/behave/NAME    a file that makes it misbehave: see the heads of the scripts
//! ```
//!
//! What a human does in the Management Client is a script, too: [`SmcCluster::press_exclude`],
//! [`SmcCluster::press_init`]. Dropping the cluster ends every process that the doubles wrote down, by its pid.

use std::fs;
use std::io::Write as _;
use std::net::TcpListener;
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use super::double::{Ended, finish};
use super::site::Site;

/// What the pretend installer installs, as the server writes it, and as a cluster file's `target`.
pub const INSTALLS: &str = "7.4.2_11234";
pub const TARGET: &str = "7.4.2";

/// The command line that upgrades any of the doubles, and the same as a parameter of a cluster file.
pub const INSTALLER: &str = "smc-upgrade 7.4.2_11234";
pub const BY_INSTALLER: &str = "upgrade_command = \"smc-upgrade 7.4.2_11234\"\n";

/// Some doubles that form one SMC, the Active first.
pub struct SmcCluster {
    _folder: tempfile::TempDir,
    shared: PathBuf,
    pub nodes: Vec<SmcNode>,
}

/// One pretend Management Server.
pub struct SmcNode {
    pub name: String,
    /// Its internal key.
    pub key: String,
    pub dir: PathBuf,
    /// Where it listens on 127.0.0.1 while it runs.
    pub port: u16,
}

impl SmcCluster {
    /// `count` running servers `smc1`, `smc2`, ... on 7.3.3; `smc1` is the Active, and all others replicate.
    pub fn running(count: usize) -> SmcCluster {
        let folder = tempfile::tempdir().expect("a folder for the doubles");
        let shared = folder.path().join("shared");
        // Held until all have one, so that no port is given twice.
        let ports: Vec<TcpListener> = (0..count).map(|_| super::tools::own_port()).collect();
        let mut nodes = Vec::new();
        for (number, port) in (1..).zip(&ports) {
            let node = SmcNode {
                name: format!("smc{number}"),
                key: (number * 10).to_string(),
                dir: folder.path().join(format!("smc{number}")),
                port: port.local_addr().expect("a bound port").port(),
            };
            let role = if number == 1 { "active" } else { "standby" };
            let made = Command::new("sh")
                .arg(scripts().join("make-node.sh"))
                .arg(&node.dir)
                .args([&node.name, &node.key, "7.3.3_10542"])
                .arg(node.port.to_string())
                .arg(&shared)
                .args([role, &count.to_string()])
                .status()
                .expect("sh exists");
            assert!(made.success(), "make-node.sh ended with {made}");
            nodes.push(node);
        }
        drop(ports);
        for node in &nodes[1..] {
            fs::write(nodes[0].state("subs").join(&node.key), "").expect("declared");
            fs::write(node.state("subscribed"), "").expect("subscribed");
            fs::write(node.state("knows"), &nodes[0].key).expect("the Active is known");
        }
        for node in &nodes {
            node.systemctl("start");
            node.forget_counts();
        }
        SmcCluster {
            _folder: folder,
            shared,
            nodes,
        }
    }

    /// The human who chooses Exclude from Replication for a Standby; `active` is whom the client is connected to.
    pub fn press_exclude(&self, active: usize, standby: usize) -> Output {
        self.press("press-exclude.sh", active, standby)
    }

    /// The human who chooses Initialize Standby Replication.
    pub fn press_init(&self, active: usize, standby: usize) -> Output {
        self.press("press-init.sh", active, standby)
    }

    fn press(&self, script: &str, active: usize, standby: usize) -> Output {
        Command::new("sh")
            .arg(scripts().join(script))
            .args([&self.nodes[active].dir, &self.nodes[standby].dir])
            .stdin(Stdio::null())
            .output()
            .expect("sh exists")
    }

    /// The servers in the order in which their upgrades ended.
    pub fn upgrade_order(&self) -> Vec<String> {
        let order = fs::read_to_string(self.shared.join("upgrade-order")).unwrap_or_default();
        order.lines().map(str::to_string).collect()
    }

    /// The server of that name.
    pub fn index(&self, name: &str) -> usize {
        let found = self.nodes.iter().position(|node| node.name == name);
        found.unwrap_or_else(|| panic!("no server {name}"))
    }
}

impl Drop for SmcCluster {
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

impl SmcNode {
    /// The pretend installation directory.
    pub fn home(&self) -> PathBuf {
        self.dir.join("smc")
    }

    fn state(&self, name: &str) -> PathBuf {
        self.dir.join("state").join(name)
    }

    /// Puts something into `state/`, such as `mode` or `code`.
    pub fn set(&self, name: &str, value: &str) {
        fs::write(self.state(name), value).expect("state");
    }

    /// What a cluster file says about this node, as parameter and value.
    pub fn params(&self) -> [(&'static str, String); 2] {
        [
            ("install_dir", self.home().display().to_string()),
            ("server_port", self.port.to_string()),
        ]
    }

    /// The search path of a session on this node: its systemctl, its ps and its API wrapper.
    pub fn path(&self) -> String {
        let before = std::env::var("PATH").expect("a search path");
        format!("{}:{before}", self.dir.join("double/bin").display())
    }

    /// Makes it misbehave from now on.
    pub fn behave(&self, name: &str, content: &str) {
        fs::write(self.dir.join("behave").join(name), content).expect("behaviour");
    }

    /// Makes it behave again.
    pub fn behave_well(&self, name: &str) {
        fs::remove_file(self.dir.join("behave").join(name)).expect("behaviour was set");
    }

    /// What a command was called with, one call a line: `systemctl`, `setup`, `sgReplicationAdmin`, `smc-api`.
    pub fn calls(&self, command: &str) -> Vec<String> {
        let lines = fs::read_to_string(self.dir.join("counts").join(command)).unwrap_or_default();
        lines.lines().map(str::to_string).collect()
    }

    /// The calls of the replication tool that are more than a look.
    pub fn replication_commands(&self) -> Vec<String> {
        let mut calls = self.calls("sgReplicationAdmin");
        calls.retain(|call| call != "-status");
        calls
    }

    fn forget_counts(&self) {
        for entry in fs::read_dir(self.dir.join("counts")).expect("counts") {
            fs::remove_file(entry.expect("entry").path()).expect("a count");
        }
    }

    /// `systemctl VERB sgMgtServer`, as an administrator would by hand.
    pub fn systemctl(&self, verb: &str) {
        let ended = self.command("double/bin/systemctl", &[verb, "sgMgtServer"]);
        assert!(ended.status.success(), "{verb} of {}: {ended:?}", self.name);
    }

    /// A human runs the installer, the server being stopped before and started after it.
    pub fn upgrade_by_hand(&self) {
        self.systemctl("stop");
        let ended = self.command("installer/setup.sh", &[INSTALLS]);
        assert!(ended.status.success(), "setup.sh: {ended:?}");
        self.systemctl("start");
    }

    /// Any command below the node's folder.
    pub fn command(&self, path: &str, arguments: &[&str]) -> Output {
        Command::new(self.dir.join(path))
            .args(arguments)
            .stdin(Stdio::null())
            .output()
            .expect("the command exists")
    }

    /// It becomes Active, by itself or by somebody's hand.
    pub fn activate(&self) {
        let ended = Command::new("sh")
            .arg(scripts().join("activate.sh"))
            .arg(&self.dir)
            .status();
        assert!(ended.expect("sh exists").success());
    }

    /// Runs a script as the node would: `shell` reads it from its standard input.
    pub fn run_script(&self, shell: &[&str], text: &str) -> Ended {
        let mut child = Command::new(shell[0])
            .args(&shell[1..])
            .arg("-s")
            .env("PATH", self.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the shell exists");
        let mut input = child.stdin.take().expect("piped");
        input
            .write_all(text.as_bytes())
            .expect("the shell reads its script");
        drop(input);
        finish(child, Duration::from_secs(150))
    }
}

/// The same servers, each behind an OpenSSH server of its own, and the cluster file that an operator would write.
pub struct RealSmc {
    pub site: Site,
    pub doubles: SmcCluster,
}

impl Deref for RealSmc {
    type Target = Site;

    fn deref(&self) -> &Site {
        &self.site
    }
}

impl RealSmc {
    /// `count` running servers on 127.0.`first_ip`.1 and up; see [`Site::start`]. `more` stands at the end of `[params]`.
    pub fn start(count: usize, first_ip: u8, more: &str) -> Option<RealSmc> {
        let names: Vec<String> = (1..=count).map(|number| format!("smc{number}")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let site = Site::start(&names, first_ip)?;
        let doubles = SmcCluster::running(count);
        for (index, double) in doubles.nodes.iter().enumerate() {
            site.see_only(index, &double.path());
        }
        let cluster = RealSmc { site, doubles };
        cluster.write(&cluster.text(more));
        Some(cluster)
    }

    fn text(&self, more: &str) -> String {
        let mut text = format!(
            r#"[cluster]
name = "smc-test"
procedure = "smc/management-servers"
target = "{TARGET}"
place = "lab"

{ssh}
[params]
required_free_gb = 0
stop_timeout = "90s"
ready_timeout = "90s"
{more}
"#,
            ssh = self.ssh_table(),
        );
        for (index, double) in self.doubles.nodes.iter().enumerate() {
            let [(home, dir), (port, number)] = double.params();
            let params = [(home, format!("{dir:?}")), (port, number)];
            text += &self.node_table(index, &["management"], &params);
        }
        text
    }

    /// What a human does when a hold asks for it: installer, Management Client, backup.
    pub fn lend_a_hand(&self, hold: &str) {
        let Some((step, name)) = hold
            .strip_prefix("HOLD manual ")
            .and_then(|id| id.split_once('@'))
        else {
            return;
        };
        let doubles = &self.doubles;
        let index = doubles.index(name);
        match step {
            "prepare/backup" => {
                let made = doubles.nodes[index].home().join("backups/sgm_by_hand.zip");
                fs::write(made, "backup").expect("a backup");
            }
            "active/upgrade" | "standbys/upgrade" => doubles.nodes[index].upgrade_by_hand(),
            "exclude/exclude" => {
                doubles.press_exclude(0, index);
            }
            "leftover/exclude" | "active-cancelled/exclude-all" => {
                for standby in (0..doubles.nodes.len()).filter(|other| *other != index) {
                    // For those that are not declared the entry is not shown.
                    doubles.press_exclude(index, standby);
                }
            }
            "initialise/initialise" | "active-cancelled/initialise" => {
                let pressed = doubles.press_init(0, index);
                assert!(pressed.status.success(), "{pressed:?}");
            }
            other => panic!("nobody knows how to do {other}"),
        }
    }
}

/// Where the doubles' scripts are.
pub fn scripts() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/doubles/smc")
}
