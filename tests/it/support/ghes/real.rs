//! The whole cluster as real as a test can have it: an OpenSSH server before each double, and somebody who reboots them.

use std::fs;
use std::ops::Deref;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::{Doubles, FEATURE, HOTPATCH, PATCH, UPGRADE, hotpatch, package};
use crate::support::site::Site;

/// A cluster as real as a test can have it.
pub struct RealCluster {
    keeper: Keeper,
    machines: Arc<Machines>,
}

/// What the keeper shares with the story.
pub struct Machines {
    pub site: Site,
    pub doubles: Doubles,
}

impl Deref for RealCluster {
    type Target = Machines;

    fn deref(&self) -> &Machines {
        &self.machines
    }
}

impl RealCluster {
    /// `count` nodes on 127.0.`first_ip`.1 and up, with the cluster file for a procedure; see [`Site::start`].
    pub fn start(id: &str, count: usize, first_ip: u8) -> Option<RealCluster> {
        let doubles = Doubles::new(count, |at| format!("127.0.{first_ip}.{}", at + 1));
        let names: Vec<&str> = doubles
            .nodes
            .iter()
            .map(|node| node.name.as_str())
            .collect();
        let site = Site::start(&names, first_ip)?;
        for (index, double) in doubles.nodes.iter().enumerate() {
            site.see_only(index, &double.path());
        }
        let machines = Arc::new(Machines { site, doubles });
        let cluster = RealCluster {
            keeper: Keeper::start(Arc::clone(&machines)),
            machines,
        };
        cluster.write(id, "");
        Some(cluster)
    }

    /// Writes the cluster file, with `more` at the end of `[params]`.
    pub fn write(&self, id: &str, more: &str) {
        let (target, name) = match id {
            HOTPATCH => (PATCH, hotpatch(PATCH)),
            _ => (FEATURE, package(FEATURE)),
        };
        let url = format!("https://download.example/{name}");
        // What a story says itself takes the place of what is usual.
        let said = |line: &&str| {
            let name = line.split(" =").next().unwrap_or_default();
            !more
                .lines()
                .any(|own| own.starts_with(&format!("{name} =")))
        };
        // The question is answered where a story is about it.
        let answers = if id == UPGRADE {
            "answer_yes = true"
        } else {
            ""
        };
        let usual = format!(
            r#"package_name = "{name}"
package_url = "{url}"
config_run_quiet = "0s"
in_service_timeout = "3s"
unset_every = "1s"
required_ram_gb = 0
{answers}"#
        );
        let usual: Vec<&str> = usual.lines().filter(said).collect();
        let mut text = format!(
            r#"[cluster]
name = "ghe-test"
procedure = "{id}"
target = "{target}"
place = "lab"

{ssh}
[params]
{usual}
{more}
"#,
            ssh = self.site.ssh_table(),
            usual = usual.join("\n"),
        );
        for (index, double) in self.doubles.nodes.iter().enumerate() {
            let mut params = double.params();
            if id == HOTPATCH {
                let at = |path: &str| double.dir.join(path).display().to_string();
                params.push(("reboot_flag", at("etc/reboot-required")));
                params.push(("release_file", at("etc/enterprise-release")));
            }
            let params: Vec<(&str, String)> = params
                .into_iter()
                .map(|(name, value)| (name, format!("{value:?}")))
                .collect();
            text += &self.site.node_table(index, &[double.role], &params);
        }
        self.site.write(&text);
    }

    /// Everything that the nodes printed, run by run.
    pub fn printed(&self) -> String {
        let runs = fs::read_dir(self.site.state().join("runs")).expect("there was a run");
        let runs = runs.map(|run| run.expect("an entry").path().join("transcripts"));
        let files = runs.flat_map(|folder| fs::read_dir(folder).into_iter().flatten());
        let text = |file: std::io::Result<fs::DirEntry>| {
            let bytes = fs::read(file.expect("an entry").path()).unwrap_or_default();
            String::from_utf8_lossy(&bytes).into_owned()
        };
        files.map(text).collect()
    }

    /// In which order the nodes were rebooted.
    pub fn reboots(&self) -> Vec<String> {
        self.keeper
            .rebooted
            .lock()
            .expect("no panic while held")
            .clone()
    }
}

/// Reboots the nodes that ask for it, until it is dropped.
struct Keeper {
    ends: Arc<AtomicBool>,
    rebooted: Arc<Mutex<Vec<String>>>,
    thread: Option<JoinHandle<()>>,
}

impl Keeper {
    /// It keeps watch for at most twenty minutes.
    fn start(machines: Arc<Machines>) -> Keeper {
        let ends = Arc::new(AtomicBool::new(false));
        let rebooted = Arc::default();
        let (over, log) = (Arc::clone(&ends), Arc::clone(&rebooted));
        let watch = move || {
            let until = Instant::now() + Duration::from_secs(1200);
            while !over.load(Ordering::Relaxed) && Instant::now() < until {
                for (at, double) in machines.doubles.nodes.iter().enumerate() {
                    if double.dir.join("state/reboot").exists() {
                        reboot(&machines, at, &log);
                    }
                }
                std::thread::sleep(Duration::from_millis(50));
            }
        };
        Keeper {
            ends,
            rebooted,
            thread: Some(std::thread::spawn(watch)),
        }
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        self.ends.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // If it panicked the story has failed for that reason already.
            let _ = thread.join();
        }
    }
}

fn reboot(machines: &Machines, at: usize, log: &Mutex<Vec<String>>) {
    let (double, server) = (&machines.doubles.nodes[at], &machines.site.servers[at]);
    fs::remove_file(double.dir.join("state/reboot")).expect("it asked");
    log.lock()
        .expect("no panic while held")
        .push(double.name.clone());
    double.goes_away();
    server.power_cut();
    // The machine's own start: long enough that somebody who looks finds it away.
    std::thread::sleep(Duration::from_millis(700));
    if double.boots() {
        match double.dir.join("behave/new-host-key").exists() {
            true => server.change_host_key(),
            false => server.restart(),
        }
    }
}
