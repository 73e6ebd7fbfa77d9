//! A cluster as real as a test can have it: OpenSSH servers on addresses of their own, each with a product double behind
//! it, and the cluster file that an operator would write.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use super::double::DoubleCluster;
use super::sshd::Sshd;

pub struct RealCluster {
    pub servers: Vec<Sshd>,
    pub doubles: DoubleCluster,
    /// State folder and cluster file.
    pub folder: tempfile::TempDir,
}

impl RealCluster {
    /// `count` running nodes, all of them known by their host keys. `None` (with a printed reason) where no sshd is
    /// installed. `first_ip` keeps stories that run at the same time apart: 127.0.`first_ip`.1 and so on.
    pub fn start(count: usize, first_ip: u8) -> Option<RealCluster> {
        let mut servers = Vec::new();
        for number in 1..=count {
            let ip = format!("127.0.{first_ip}.{number}");
            servers.push(Sshd::start(&format!("st{number}"), &ip)?);
        }
        let doubles = DoubleCluster::running(count);
        for (server, double) in servers.iter().zip(&doubles.nodes) {
            // Each node sees the processes of its own double only, as a host of its own would.
            let path = format!("export PATH='{}'\n", double.path());
            fs::write(server.home.join(".bashrc"), path).expect("the node's login script");
        }
        let cluster = RealCluster {
            servers,
            doubles,
            folder: tempfile::tempdir().expect("a folder for the operator"),
        };
        cluster.know_all();
        fs::write(cluster.file(), cluster.text("")).expect("the cluster file");
        Some(cluster)
    }

    /// The operator's known_hosts file.
    pub fn known_hosts(&self) -> PathBuf {
        self.folder.path().join("known_hosts")
    }

    /// Writes every server's present host key into it.
    pub fn know_all(&self) {
        let lines: Vec<String> = self.servers.iter().map(Sshd::known_hosts_line).collect();
        fs::write(self.known_hosts(), lines.join("\n") + "\n").expect("known_hosts");
    }

    pub fn file(&self) -> PathBuf {
        self.folder.path().join("cluster.toml")
    }

    pub fn file_arg(&self) -> String {
        self.file().display().to_string()
    }

    pub fn state(&self) -> PathBuf {
        self.folder.path().join("state")
    }

    /// The cluster file, with `more` at the end of `[params]`.
    pub fn text(&self, more: &str) -> String {
        let packs = self.doubles.packs();
        let mut text = format!(
            r#"[cluster]
name = "st-test"
procedure = "securetransport/standard-cluster"
target = "5.5-20240627"
place = "lab"

[ssh]
user = "{user}"
identities_only = true
known_hosts = ["{known}"]

[params]
upgrade_step1 = "{packs}/UpgradeStep1.jar"
upgrade_step2 = "{packs}/UpgradeStep2.jar"
required_free_gb = 0
required_ram_gb = 0
drain_timeout = "5s"
stop_timeout = "20s"
ready_timeout = "30s"
{more}
"#,
            user = self.servers[0].user,
            known = self.known_hosts().display(),
            packs = packs.display(),
        );
        for (server, double) in self.servers.iter().zip(&self.doubles.nodes) {
            write!(
                text,
                r#"
[[node]]
name = "{name}"
host = "{ip}"
roles = ["server"]
ssh.port = {port}
ssh.identities = ["{key}"]
ssh.job_dir = "{jobs}"
params.axway_home = "{home}"
params.admin_port = {admin}
"#,
                name = double.name,
                ip = server.ip,
                port = server.port,
                key = server.login_key.display(),
                jobs = server.dir.join("jobs").display(),
                home = double.axway_home().display(),
                admin = double.port,
            )
            .expect("writing to a text");
        }
        text
    }

    /// How often a command of the product ran on each node.
    pub fn counts(&self, command: &str) -> Vec<usize> {
        self.doubles
            .nodes
            .iter()
            .map(|double| double.count(command))
            .collect()
    }

    /// What `display.sh` shows on each node.
    pub fn versions(&self) -> Vec<String> {
        let shown = |home: PathBuf| {
            let shown = std::process::Command::new("sh")
                .arg(home.join("display.sh"))
                .args(["-n", "SecureTransport"])
                .output()
                .expect("sh exists");
            let text = String::from_utf8_lossy(&shown.stdout).into_owned();
            text.split_whitespace()
                .last()
                .unwrap_or_default()
                .to_string()
        };
        self.doubles
            .nodes
            .iter()
            .map(|double| shown(double.axway_home()))
            .collect()
    }

    /// Whether any job was ever put on a node.
    pub fn has_jobs(&self) -> bool {
        let used = |dir: &Path| dir.join("jobs").exists();
        self.servers.iter().any(|server| used(&server.dir))
    }
}
