//! The scripts of one procedure against doubles, without an engine and without SSH.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::process::{Command, Stdio};

use holdpoint::model::procedure::{CheckKind, Does, Procedure, Undo};
use holdpoint::model::value::Value;

use super::{Double, Doubles, FEATURE, HOTPATCH, PATCH, hotpatch, package};
use crate::support::procedure_file::assemble;

/// How a script ended, and what it printed.
#[derive(Debug)]
pub struct Said {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

/// One of the two procedures, with its parts.
pub fn procedure(id: &str) -> Procedure {
    let text = holdpoint::catalog::text(id).unwrap_or_else(|| panic!("{id} is in the catalogue"));
    let parsed = holdpoint::parse::procedure(text, id);
    parsed.unwrap_or_else(|why| panic!("{why}")).value
}

/// Every script of a procedure, with where it stands.
pub fn all_scripts(procedure: &Procedure) -> Vec<(String, String)> {
    let probes = procedure.probes.iter();
    let mut found: Vec<(String, String)> = probes
        .map(|probe| (format!("probe/{}", probe.id), probe.script.clone()))
        .collect();
    for check in &procedure.checks {
        if let CheckKind::Script { script, .. } = &check.kind {
            found.push((format!("check/{}", check.id), script.clone()));
        }
    }
    let phases = procedure.phases.iter().flat_map(|phase| &phase.steps);
    let branches = procedure.branches.iter().flat_map(|branch| &branch.steps);
    for step in phases.chain(branches) {
        if let Some(script) = script_of(&step.does) {
            found.push((step.id.to_string(), script.to_string()));
        }
        if let Some(Undo::Script { script, .. }) = &step.undo {
            found.push((format!("{}/undo", step.id), script.clone()));
        }
    }
    found
}

fn script_of(does: &Does) -> Option<&str> {
    match does {
        Does::Change { script, .. } | Does::Read { script, .. } => Some(script),
        Does::Upload(_)
        | Does::Manual { .. }
        | Does::Attest { .. }
        | Does::Wait { .. }
        | Does::Decide { .. } => None,
    }
}

/// One procedure's own scripts against doubles: no engine, no SSH, just `sh` and files.
pub struct Bench {
    pub procedure: Procedure,
    pub doubles: Doubles,
    pub shell: &'static [&'static str],
    target: &'static str,
    params: BTreeMap<String, String>,
}

pub type Facts = BTreeMap<String, String>;

impl Bench {
    pub fn new(id: &str, count: usize, shell: &'static [&'static str]) -> Bench {
        let (target, package) = match id {
            HOTPATCH => (PATCH, hotpatch(PATCH)),
            _ => (FEATURE, package(FEATURE)),
        };
        let mut bench = Bench {
            procedure: procedure(id),
            doubles: Doubles::new(count, |at| format!("192.0.2.{}", 10 + at)),
            shell,
            target,
            params: BTreeMap::new(),
        };
        for (name, value) in [
            ("package_url", format!("https://download.example/{package}")),
            ("package_name", package),
            ("config_run_quiet", "0".into()),
            ("unset_every", "0".into()),
            ("in_service_timeout", "2".into()),
        ] {
            bench.set(name, &value);
        }
        bench
    }

    pub fn set(&mut self, name: &str, value: &str) {
        self.params.insert(name.into(), value.into());
    }

    pub fn node(&self, name: &str) -> &Double {
        self.doubles.node(name)
    }

    fn variables(&self, node: &Double) -> BTreeMap<String, String> {
        let defaults = self.procedure.params.iter().filter_map(|(id, param)| {
            let value = match param.default.as_ref()? {
                Value::Text(text) => seconds(text).unwrap_or_else(|| text.clone()),
                other => other.to_string(),
            };
            Some((id.to_string(), value))
        });
        let mut variables: BTreeMap<String, String> = defaults.collect();
        let own = node.params().into_iter();
        variables.extend(own.map(|(name, value)| (name.to_string(), value)));
        let at = |path: &str| node.dir.join(path).display().to_string();
        variables.insert("reboot_flag".into(), at("etc/reboot-required"));
        variables.insert("release_file".into(), at("etc/enterprise-release"));
        variables.extend(self.params.clone());
        for (name, value) in [
            ("target", self.target),
            ("node", node.name.as_str()),
            ("host", "192.0.2.99"),
            ("cluster", "ghe-test"),
        ] {
            variables.insert(name.into(), value.into());
        }
        variables
    }

    /// Runs a script as the node would get it, with `input` as what somebody types.
    fn run(&self, node: &str, body: &str, input: Option<&str>) -> Said {
        let node = self.node(node);
        let text = assemble(&self.variables(node), body);
        let file = node.dir.join("state/script");
        fs::write(&file, text).expect("the script");
        let mut child = Command::new(self.shell[0])
            .args(&self.shell[1..])
            .arg(&file)
            .env("PATH", node.path())
            .env("HOME", node.dir.join("admin"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the shell exists");
        let mut typed = child.stdin.take().expect("piped");
        // A script that reads nothing may have ended already.
        let _ = typed.write_all(input.unwrap_or_default().as_bytes());
        drop(typed);
        let output = child.wait_with_output().expect("its output");
        Said {
            code: output.status.code(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    fn script(&self, id: &str) -> String {
        let all = all_scripts(&self.procedure);
        let found = all.into_iter().find(|(place, _)| place == id);
        found.unwrap_or_else(|| panic!("no script {id}")).1
    }

    /// Runs a step, probe or check by its place: `maintenance/set`, `probe/state`, `check/root-disk`.
    pub fn tries(&self, node: &str, id: &str) -> Said {
        self.run(node, &self.script(id), None)
    }

    /// The same, with somebody who types.
    pub fn answers(&self, node: &str, id: &str, input: &str) -> Said {
        self.run(node, &self.script(id), Some(input))
    }

    /// A step that must succeed.
    #[track_caller]
    pub fn done(&self, node: &str, id: &str) -> String {
        let said = self.tries(node, id);
        assert_eq!(said.code, Some(0), "{id} on {node}: {said:?}");
        said.stdout
    }

    /// A step that must fail, with what it says about it.
    #[track_caller]
    pub fn fails(&self, node: &str, id: &str, words: &str) {
        let said = self.tries(node, id);
        assert!(
            said.code != Some(0) && (said.stderr.contains(words) || said.stdout.contains(words)),
            "{id} on {node} should fail with `{words}`: {said:?}"
        );
    }

    /// What a script printed as `key=value`.
    pub fn told(&self, node: &str, id: &str) -> Facts {
        let said = self.tries(node, id).stdout;
        let pairs = said.lines().filter_map(|line| line.split_once('='));
        pairs
            .map(|(key, value)| (key.to_string(), value.to_string()))
            .collect()
    }

    /// What all probes say about a node.
    pub fn facts(&self, node: &str) -> Facts {
        let probes = self.procedure.probes.iter();
        probes
            .flat_map(|probe| self.told(node, &format!("probe/{}", probe.id)))
            .collect()
    }

    /// Holds some facts of a node against what its probes say: `"maintenance=on primary=true"`.
    #[track_caller]
    pub fn sees(&self, node: &str, wanted: &str) {
        let facts = self.facts(node);
        for pair in wanted.split_whitespace() {
            let (fact, value) = pair.split_once('=').expect("fact=value");
            let seen = facts.get(fact).map_or("unknown", String::as_str);
            assert_eq!(seen, value, "{fact} of {node}; all: {facts:?}");
        }
    }

    /// Reboots a node that asked for it.
    #[track_caller]
    pub fn reboot(&self, node: &str) {
        let node = self.node(node);
        fs::remove_file(node.dir.join("state/reboot")).expect("it asked for its reboot");
        assert!(node.boots());
    }
}

/// `30s`, `5m` as whole seconds.
fn seconds(text: &str) -> Option<String> {
    let count = |ending: char, times: u64| {
        let number = text.strip_suffix(ending)?.parse::<u64>().ok()?;
        Some((number * times).to_string())
    };
    count('s', 1).or_else(|| count('m', 60))
}
