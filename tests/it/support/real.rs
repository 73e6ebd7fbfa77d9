//! A SecureTransport cluster as real as a test can have it: OpenSSH servers, each with a product double behind it, and the
//! cluster file that an operator would write.

use std::ops::Deref;
use std::path::PathBuf;

use super::double::{DoubleCluster, Kind};
use super::site::Site;

pub struct RealCluster {
    pub site: Site,
    pub doubles: DoubleCluster,
    procedure: &'static str,
}

impl Deref for RealCluster {
    type Target = Site;

    fn deref(&self) -> &Site {
        &self.site
    }
}

impl RealCluster {
    /// A Standard Cluster of `count` running nodes on 127.0.`first_ip`.1 and up; see [`Site::start`].
    pub fn start(count: usize, first_ip: u8) -> Option<RealCluster> {
        let names: Vec<String> = (1..=count).map(|number| format!("st{number}")).collect();
        let nodes: Vec<_> = names
            .iter()
            .map(|name| (name.as_str(), Kind::Member))
            .collect();
        let cluster = RealCluster::of("securetransport/standard-cluster", &nodes, first_ip)?;
        cluster.write(&cluster.text(""));
        Some(cluster)
    }

    /// Running nodes for a procedure, in this order. The cluster file is not written yet.
    pub fn of(
        procedure: &'static str,
        nodes: &[(&str, Kind)],
        first_ip: u8,
    ) -> Option<RealCluster> {
        let names: Vec<&str> = nodes.iter().map(|(name, _)| *name).collect();
        let site = Site::start(&names, first_ip)?;
        let doubles = DoubleCluster::of(nodes).started();
        for (index, double) in doubles.nodes.iter().enumerate() {
            // Each node sees the processes of its own double only, as a host of its own would.
            site.see_only(index, &double.path());
        }
        Some(RealCluster {
            site,
            doubles,
            procedure,
        })
    }

    /// The cluster file, with `more` at the end of `[params]`.
    pub fn text(&self, more: &str) -> String {
        let packs = self.doubles.packs();
        let mut text = format!(
            r#"[cluster]
name = "st-test"
procedure = "{procedure}"
target = "5.5-20240627"
place = "lab"

{ssh}
[params]
upgrade_step1 = "{packs}/UpgradeStep1.jar"
upgrade_step2 = "{packs}/UpgradeStep2.jar"
required_free_gb = 0
required_ram_gb = 0
drain_timeout = "5s"
stop_timeout = "90s"
ready_timeout = "90s"
{more}
"#,
            procedure = self.procedure,
            ssh = self.ssh_table(),
            packs = packs.display(),
        );
        for (index, double) in self.doubles.nodes.iter().enumerate() {
            let quoted = |(name, value): (&'static str, String)| match name {
                "axway_home" => (name, format!("{value:?}")),
                _ => (name, value),
            };
            let params: Vec<_> = double.params().into_iter().map(quoted).collect();
            text += &self.node_table(index, &[double.kind.role()], &params);
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
}
