//! SMC Management Servers: the procedure's scripts against the doubles, the whole walk over SSH, and what an operator sees
//! when something is not as it should be.

mod branches;
mod faults;
mod probes;
mod scripts;
mod steps;
mod walk;
mod what_ifs;

use std::collections::BTreeMap;

use holdpoint::catalog;
use holdpoint::model::ids::{ProbeId, StepId};
use holdpoint::model::procedure::{CheckKind, Does, Procedure};
use holdpoint::parse::{self, Parsed};

use crate::support::double::Ended;
use crate::support::procedure_file::assemble;
use crate::support::smc::{SmcCluster, SmcNode, TARGET};

/// The procedure as the program reads it, scripts put together.
fn parsed() -> Parsed<Procedure> {
    let text = catalog::text("smc/management-servers").expect("it is in the catalogue");
    parse::procedure(text, "management-servers.toml").expect("it can be read")
}

/// The procedure, a cluster of doubles, and one shell that runs the scripts.
struct Bench {
    procedure: Procedure,
    cluster: SmcCluster,
    shell: &'static [&'static str],
    /// Parameters that differ from the procedure's defaults.
    params: BTreeMap<String, String>,
}

impl Bench {
    fn running(count: usize) -> Bench {
        let params = [("stop_timeout", "8"), ("ready_timeout", "60")];
        Bench {
            procedure: parsed().value,
            cluster: SmcCluster::running(count),
            shell: &["dash"],
            params: params
                .map(|(name, value)| (name.into(), value.into()))
                .into(),
        }
    }

    fn set(&mut self, name: &str, value: &str) {
        self.params.insert(name.into(), value.into());
    }

    fn node(&self, index: usize) -> &SmcNode {
        &self.cluster.nodes[index]
    }

    fn run(&self, index: usize, body: &str) -> Ended {
        let node = self.node(index);
        let mut variables: BTreeMap<String, String> = BTreeMap::new();
        for (id, param) in &self.procedure.params {
            let value = param.default.as_ref().map(ToString::to_string);
            variables.insert(id.to_string(), value.unwrap_or_default());
        }
        variables.extend(self.params.clone());
        let own = node.params().map(|(name, value)| (name.to_string(), value));
        variables.extend(own);
        for (name, value) in [
            ("target", TARGET),
            ("node", node.name.as_str()),
            ("host", "127.0.0.1"),
            ("cluster", "smc-test"),
        ] {
            variables.insert(name.into(), value.into());
        }
        node.run_script(self.shell, &assemble(&variables, body))
    }

    fn step(&self, index: usize, id: &str) -> Ended {
        let step = self.procedure.step(&StepId::new(id));
        let script = match &step.unwrap_or_else(|| panic!("no step {id}")).does {
            Does::Change { script, .. } | Does::Read { script, .. } => script.clone(),
            other => panic!("{id} has no script: {other:?}"),
        };
        self.run(index, &script)
    }

    /// A step that must succeed; what it printed.
    fn done(&self, index: usize, id: &str) -> String {
        let ended = self.step(index, id);
        assert_eq!(ended.code, Some(0), "{id}: {ended:?}");
        ended.stdout
    }

    /// A step that must fail; what it said.
    fn fails(&self, index: usize, id: &str) -> String {
        let ended = self.step(index, id);
        assert_ne!(ended.code, Some(0), "{id}: {ended:?}");
        ended.stdout + &ended.stderr
    }

    fn probe(&self, index: usize, id: &str) -> Ended {
        let wanted = ProbeId::new(id);
        let probes = &self.procedure.probes;
        let probe = probes.iter().find(|probe| probe.id == wanted);
        self.run(index, &probe.expect("the probe exists").script)
    }

    /// What all probes say about a node.
    fn facts(&self, index: usize) -> BTreeMap<String, String> {
        let probes = ["state", "backup", "replication"];
        let told = probes.map(|id| lines(&self.probe(index, id).stdout));
        told.into_iter().flatten().collect()
    }

    /// Holds some facts of a node against what its probes say: `"service=stopped role=standby"`; `-` is unknown.
    #[track_caller]
    fn sees(&self, index: usize, wanted: &str) {
        let facts = self.facts(index);
        for pair in wanted.split_whitespace() {
            let (fact, value) = pair.split_once('=').expect("fact=value");
            let seen = facts.get(fact).map_or("-", String::as_str);
            let name = &self.node(index).name;
            assert_eq!(seen, value, "{fact} of {name}; all: {facts:?}");
        }
    }

    /// What a check's script prints on a node.
    fn check(&self, index: usize, id: &str) -> BTreeMap<String, String> {
        let check = self
            .procedure
            .checks
            .iter()
            .find(|check| check.id.as_str() == id);
        match &check.unwrap_or_else(|| panic!("no check {id}")).kind {
            CheckKind::Script { script, .. } => lines(&self.run(index, script).stdout),
            other => panic!("{id} has no script: {other:?}"),
        }
    }
}

/// `key=value` lines.
fn lines(stdout: &str) -> BTreeMap<String, String> {
    let pairs = stdout.lines().filter_map(|line| line.split_once('='));
    pairs
        .map(|(key, value)| (key.to_string(), value.to_string()))
        .collect()
}
