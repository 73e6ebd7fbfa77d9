//! A GitHub Enterprise Server cluster on this machine: product doubles, and for whole walks an OpenSSH server before each.
//!
//! `tests/doubles/github-enterprise-server/make-node.sh` lays out one node per folder; everything that a node is lives there
//! (see its head). The nodes see each other through a shared folder instead of a network. A node that asks for its reboot is
//! rebooted by a keeper (`real.rs`): power off, the other root partition, another boot identity, power on.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

mod bench;
mod real;

pub use bench::{Bench, all_scripts, procedure};
pub use real::RealCluster;

pub const UPGRADE: &str = "github-enterprise-server/upgrade-package";
pub const HOTPATCH: &str = "github-enterprise-server/hotpatch";

/// What the nodes run at first.
pub const BEFORE: &str = "3.16.4";
/// What the pretend upgrade package brings.
pub const FEATURE: &str = "3.17.7";
/// What the pretend hotpatch brings.
pub const PATCH: &str = "3.16.8";

/// The members: name, role, whether it serves the web. The MySQL primary stands first, so that being last is no accident.
const MEMBERS: [(&str, &str, bool); 3] = [
    ("ghe-data-1", "database", false),
    ("ghe-data-2", "database", false),
    ("ghe-app-1", "frontend", true),
];

/// Doubles that form one cluster.
pub struct Doubles {
    folder: tempfile::TempDir,
    pub nodes: Vec<Double>,
}

/// One pretend node.
pub struct Double {
    pub name: String,
    pub role: &'static str,
    pub dir: PathBuf,
    shared: PathBuf,
}

impl Doubles {
    /// The first `count` members, all on [`BEFORE`], the first one the MySQL primary; `ip` gives each its address.
    pub fn new(count: usize, ip: impl Fn(usize) -> String) -> Doubles {
        let folder = tempfile::tempdir().expect("a folder for the doubles");
        let shared = folder.path().join("shared");
        // Of two nodes one has to be the web node.
        let members: Vec<_> = match count {
            2 => vec![MEMBERS[0], MEMBERS[2]],
            count => MEMBERS[..count].to_vec(),
        };
        let said =
            |(at, (name, _, web)): (usize, &(&str, &str, bool))| format!("{name}={}={web}", ip(at));
        let all: Vec<String> = members.iter().enumerate().map(said).collect();
        let nodes = members.iter().map(|(name, role, _)| {
            let dir = folder.path().join(name);
            let made = Command::new("sh")
                .arg(scripts().join("make-node.sh"))
                .args([&dir.display().to_string(), *name, BEFORE])
                .args([&shared.display().to_string(), members[0].0])
                .args(&all)
                .status()
                .expect("sh exists");
            assert!(made.success(), "make-node.sh ended with {made}");
            Double {
                name: (*name).into(),
                role,
                dir,
                shared: shared.clone(),
            }
        });
        let doubles = Doubles {
            nodes: nodes.collect(),
            folder,
        };
        doubles.offer(&package(FEATURE), FEATURE, "good");
        doubles.offer(&hotpatch(PATCH), PATCH, "good");
        doubles
    }

    /// Puts a package on the pretend download page.
    pub fn offer(&self, name: &str, version: &str, signature: &str) {
        let page = self.shared().join("download").join(name);
        fs::write(page, format!("{version}\n{signature}\n")).expect("a package");
    }

    /// The folder that stands for the network between the nodes.
    pub fn shared(&self) -> PathBuf {
        self.folder.path().join("shared")
    }

    /// Makes another node the MySQL primary, as a failover does.
    pub fn fail_over(&self, from: &str, to: &str) {
        for node in &self.nodes {
            let file = node.dir.join("etc/cluster.conf");
            let text = fs::read_to_string(&file).expect("cluster.conf");
            let moved = text.replace(
                &format!("mysql-master = {from}"),
                &format!("mysql-master = {to}"),
            );
            // In one go: a probe may be reading.
            let new = node.dir.join("etc/cluster.conf.new");
            fs::write(&new, moved).expect("cluster.conf");
            fs::rename(new, file).expect("cluster.conf");
        }
    }

    pub fn node(&self, name: &str) -> &Double {
        let found = self.nodes.iter().find(|node| node.name == name);
        found.unwrap_or_else(|| panic!("no node {name}"))
    }

    pub fn versions(&self) -> Vec<String> {
        self.nodes.iter().map(Double::version).collect()
    }
}

impl Double {
    pub fn version(&self) -> String {
        self.state("version")
    }

    /// One of the node's states, such as `version`, `boots`, `partition`.
    pub fn state(&self, name: &str) -> String {
        let text = fs::read_to_string(self.dir.join("state").join(name)).unwrap_or_default();
        text.trim().to_string()
    }

    pub fn set_state(&self, name: &str, value: &str) {
        fs::write(self.dir.join("state").join(name), format!("{value}\n")).expect("a state");
    }

    /// Makes it misbehave; what each name does stands in the heads of the doubles' scripts.
    pub fn behave(&self, name: &str, content: &str) {
        fs::write(self.dir.join("behave").join(name), content).expect("behaviour");
    }

    pub fn behave_well(&self, name: &str) {
        fs::remove_file(self.dir.join("behave").join(name)).expect("behaviour was set");
    }

    fn behaves(&self, name: &str) -> bool {
        self.dir.join("behave").join(name).exists()
    }

    pub fn in_maintenance(&self) -> bool {
        self.dir.join("page/maintenance.html").exists()
    }

    /// What a command was called with, one call a line.
    pub fn calls(&self, command: &str) -> String {
        fs::read_to_string(self.dir.join("counts").join(command)).unwrap_or_default()
    }

    pub fn count(&self, command: &str) -> usize {
        self.calls(command).lines().count()
    }

    /// Puts a package into the node's `/home/admin`.
    pub fn put_package(&self, name: &str, version: &str, signature: &str) {
        fs::write(
            self.dir.join("admin").join(name),
            format!("{version}\n{signature}\n"),
        )
        .expect("a package");
    }

    /// The search path of a session on this node.
    pub fn path(&self) -> String {
        let before = std::env::var("PATH").expect("a search path");
        format!("{}:{before}", self.dir.join("double/bin").display())
    }

    /// What a cluster file says about this node, as parameter and value.
    pub fn params(&self) -> Vec<(&'static str, String)> {
        let at = |path: &str| self.dir.join(path).display().to_string();
        vec![
            ("cluster_conf", at("etc/cluster.conf")),
            ("maintenance_page", at("page/maintenance.html")),
            ("config_log", at("log/ghe-config.log")),
            ("package_dir", at("admin")),
        ]
    }

    /// The node is off: nobody reaches it.
    pub fn goes_away(&self) {
        fs::write(self.away(), "").expect("the shared folder");
    }

    fn away(&self) -> PathBuf {
        self.shared.join(format!("{}.away", self.name))
    }

    /// Starts again into what was installed. Whether it comes up at all.
    pub fn boots(&self) -> bool {
        let boots: u32 = self.state("boots").parse().expect("a number");
        self.set_state("boots", &(boots + 1).to_string());
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        let now = now.expect("after 1970").as_secs();
        self.set_state("btime", &now.to_string());
        let _ = fs::remove_file(self.dir.join("etc/reboot-required"));
        let next = self.state("next-version");
        if !next.is_empty() && !self.behaves("old-partition") {
            self.set_state("version", &next);
            self.set_state("partition", &self.state("next-partition"));
            self.set_state("config-run", &(now + 2).to_string());
        }
        let _ = fs::remove_file(self.dir.join("state/next-version"));
        if self.behaves("never-back") {
            return false;
        }
        let _ = fs::remove_file(self.away());
        true
    }
}

/// The name of the pretend upgrade package of a version.
pub fn package(version: &str) -> String {
    format!("github-enterprise-{version}.pkg")
}

/// The name of the pretend hotpatch of a version.
pub fn hotpatch(version: &str) -> String {
    format!("github-enterprise-{version}.hpkg")
}

/// Where the doubles' scripts are.
pub fn scripts() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/doubles/github-enterprise-server")
}
