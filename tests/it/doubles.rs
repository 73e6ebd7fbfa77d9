//! The built-in procedures' own scripts against the product doubles: no engine, no SSH, just `sh` and files.

mod checks;
mod misbehaviour;
mod probes;
mod scripts;
mod walk;

use std::collections::BTreeMap;
use std::process::Command;

use crate::support::double::{Double, DoubleCluster, Ended, TARGET, run_script};
use crate::support::procedure_file::{ProcedureFile, assemble, text};

/// The procedure, a cluster of doubles, and one shell that runs the scripts.
pub struct Bench {
    pub file: ProcedureFile,
    pub cluster: DoubleCluster,
    pub shell: &'static [&'static str],
    /// Parameters that differ from the procedure's defaults.
    params: BTreeMap<String, String>,
}

pub type Facts = BTreeMap<String, String>;

impl Bench {
    fn new(cluster: DoubleCluster, shell: &'static [&'static str]) -> Bench {
        Bench::of("securetransport/standard-cluster", cluster, shell)
    }

    pub fn of(procedure: &str, cluster: DoubleCluster, shell: &'static [&'static str]) -> Bench {
        let packs = cluster.packs();
        let pack = |name: &str| packs.join(name).display().to_string();
        let params = [
            ("upgrade_step1", pack("UpgradeStep1.jar")),
            ("upgrade_step2", pack("UpgradeStep2.jar")),
            ("ready_timeout", "60".into()),
            ("stop_timeout", "6".into()),
            ("drain_timeout", "30".into()),
        ];
        Bench {
            file: ProcedureFile::built_in(procedure),
            cluster,
            shell,
            params: params.map(|(name, value)| (name.to_string(), value)).into(),
        }
    }

    fn running(count: usize) -> Bench {
        Bench::new(DoubleCluster::running(count), &["dash"])
    }

    pub fn set(&mut self, name: &str, value: &str) {
        self.params.insert(name.into(), value.into());
    }

    pub fn node(&self, index: usize) -> &Double {
        &self.cluster.nodes[index]
    }

    /// A script as it is sent to a node.
    pub fn sent(&self, node: &Double, body: &str) -> String {
        let mut variables = self.file.defaults();
        variables.extend(self.params.clone());
        let of_node = node
            .params()
            .into_iter()
            .map(|(name, value)| (name.to_string(), value));
        variables.extend(of_node);
        for (name, value) in [
            ("target", TARGET),
            ("node", node.name.as_str()),
            ("host", "127.0.0.1"),
            ("cluster", "st-test"),
        ] {
            variables.insert(name.into(), value.into());
        }
        assemble(&variables, body)
    }

    pub fn run(&self, index: usize, body: &str) -> Ended {
        let node = self.node(index);
        run_script(self.shell, node, &self.sent(node, body))
    }

    pub fn step(&self, index: usize, id: &str) -> Ended {
        self.run(index, &self.file.step(id))
    }

    /// A step that must succeed.
    pub fn done(&self, index: usize, id: &str) -> String {
        let ended = self.step(index, id);
        assert_eq!(
            ended.code,
            Some(0),
            "{id} on {}: {ended:?}",
            self.node(index).name
        );
        ended.stdout
    }

    /// What all probes say about a node.
    pub fn facts(&self, index: usize) -> Facts {
        let mut facts = Facts::new();
        let other = match self.node(index).kind.role() {
            "edge" => "'server'",
            _ => "'edge'",
        };
        for probe in self.file.list("probe") {
            let elsewhere = probe
                .get("on")
                .is_some_and(|on| on.as_str().is_some_and(|on| on.contains(other)));
            if !elsewhere {
                let ended = self.run(index, text(probe, "script"));
                facts.extend(lines(&ended.stdout));
            }
        }
        facts
    }

    /// Holds some facts of a node against what its probes say: `"service=stopped tm=down"`.
    pub fn sees(&self, index: usize, wanted: &str) {
        let facts = self.facts(index);
        for pair in wanted.split_whitespace() {
            let (fact, value) = pair.split_once('=').expect("fact=value");
            let seen = facts.get(fact).map_or("unknown", String::as_str);
            assert_eq!(
                seen,
                value,
                "{fact} of {}; all: {facts:?}",
                self.node(index).name
            );
        }
    }

    pub fn indices(&self) -> std::ops::Range<usize> {
        0..self.cluster.nodes.len()
    }

    pub fn all_see(&self, wanted: &str) {
        self.indices().for_each(|index| self.sees(index, wanted));
    }
}

/// `key=value` lines.
pub fn lines(stdout: &str) -> Facts {
    let pairs = stdout.lines().filter_map(|line| line.split_once('='));
    pairs
        .map(|(key, value)| (key.to_string(), value.to_string()))
        .collect()
}

/// The shells of this machine that nodes may have.
pub fn shells() -> Vec<&'static [&'static str]> {
    let known: [(&str, &'static [&'static str]); 3] = [
        ("dash", &["dash"]),
        ("bash", &["bash", "--posix"]),
        ("busybox", &["busybox", "sh"]),
    ];
    known
        .into_iter()
        .filter(|(program, _)| has(program))
        .map(|(_, shell)| shell)
        .collect()
}

/// Whether a tool is there. Under `HOLDPOINT_REQUIRE_TOOLS=1` its absence is a failure.
pub fn has(program: &str) -> bool {
    let there = Command::new("sh")
        .args(["-c", "command -v \"$1\" >/dev/null 2>&1", "sh", program])
        .status()
        .is_ok_and(|status| status.success());
    if !there {
        let required = std::env::var("HOLDPOINT_REQUIRE_TOOLS").is_ok_and(|value| value == "1");
        assert!(!required, "{program} is not installed");
        eprintln!("skipped: {program} is not installed");
    }
    there
}
