//! UrbanCode Deploy in high availability: the procedure's own scripts against the doubles, and the whole walk for real.

mod checks;
mod faults;
mod installer;
mod real;
mod scripts;
mod servers;

use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::support::double::{Ended, finish};
use crate::support::procedure_file::{ProcedureFile, assemble};
use crate::support::urbancode::{Server, Servers, TARGET, procedure};

type Facts = BTreeMap<String, String>;

/// What the usual interactive installation is answered: licence, directory, upgrade, no way back, end.
fn answers(server: &Server) -> String {
    format!("y\n{}\ny\n\n\n", server.home().display())
}

/// The procedure, a cluster of doubles, and one shell that runs the scripts.
struct Bench {
    file: ProcedureFile,
    servers: Servers,
    shell: &'static [&'static str],
    /// Parameters that differ from the procedure's defaults.
    params: BTreeMap<String, String>,
}

impl Bench {
    fn new(servers: Servers, shell: &'static [&'static str]) -> Bench {
        let balancer = servers.balancer.url.clone();
        let params = [
            ("web_scheme", "http".to_string()),
            ("lb_url", balancer),
            ("min_free_gb", "0".into()),
            ("stop_timeout", "6".into()),
            ("ready_timeout", "15".into()),
        ];
        for node in &servers.nodes {
            fs::write(node.dir.join("curl"), "silent\n").expect("curl's options");
        }
        Bench {
            file: procedure(),
            servers,
            shell,
            params: params.map(|(name, value)| (name.to_string(), value)).into(),
        }
    }

    /// Two or more running servers, looked at with dash.
    fn running(count: usize) -> Option<Bench> {
        Some(Bench::new(Servers::running(count)?, &["dash"]))
    }

    /// The same, stopped by the procedure's own script.
    fn stopped(count: usize) -> Option<Bench> {
        let bench = Bench::running(count)?;
        (0..count).for_each(|index| drop(bench.done(index, "stop/stop")));
        Some(bench)
    }

    fn set(&mut self, name: &str, value: &str) {
        self.params.insert(name.into(), value.into());
    }

    fn node(&self, index: usize) -> &Server {
        &self.servers.nodes[index]
    }

    /// A script as it is sent to a server.
    fn sent(&self, node: &Server, body: &str) -> String {
        let mut variables = self.file.defaults();
        let of_node = node.params().into_iter();
        variables.extend(of_node.map(|(name, value)| (name.to_string(), value)));
        variables.extend(self.params.clone());
        for (name, value) in [
            ("target", TARGET),
            ("node", node.name.as_str()),
            ("host", "127.0.0.1"),
            ("cluster", "ucd-test"),
        ] {
            variables.insert(name.into(), value.into());
        }
        assemble(&variables, body)
    }

    /// Starts a script as a job does: from a file, with `typed` on its standard input.
    fn start(&self, index: usize, body: &str, typed: &str) -> Child {
        let node = self.node(index);
        let mut file = tempfile::NamedTempFile::new().expect("a file for the script");
        file.write_all(self.sent(node, body).as_bytes())
            .expect("written");
        let (_, path) = file.keep().expect("it stays while it runs");
        let mut child = Command::new(self.shell[0])
            .args(&self.shell[1..])
            .arg(&path)
            .env("PATH", node.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the shell exists");
        let mut input = child.stdin.take().expect("piped");
        // A script that reads nothing may be gone already.
        let _sent = input.write_all(typed.as_bytes());
        child
    }

    fn run(&self, index: usize, body: &str, typed: &str) -> Ended {
        finish(self.start(index, body, typed), Duration::from_secs(180))
    }

    fn step(&self, index: usize, id: &str) -> Ended {
        self.run(index, &self.file.step(id), "")
    }

    /// A step that must succeed; what it printed.
    fn done(&self, index: usize, id: &str) -> String {
        let ended = self.step(index, id);
        assert_eq!(
            ended.code,
            Some(0),
            "{id} on {}: {ended:?}",
            self.node(index).name
        );
        ended.stdout
    }

    /// The interactive installer, with the usual answers.
    fn install(&self, index: usize) -> Ended {
        let id = if index == 0 {
            "first/upgrade"
        } else {
            "others/upgrade"
        };
        self.run(index, &self.file.step(id), &answers(self.node(index)))
    }

    /// What all probes say about a server.
    fn facts(&self, index: usize) -> Facts {
        let mut facts = Facts::new();
        for probe in ["state", "web", "files"] {
            let ended = self.run(index, &self.file.body("probe", probe), "");
            facts.extend(lines(&ended.stdout));
        }
        facts
    }

    /// Holds some facts of a server against what its probes say: `"service=stopped pid=none"`.
    fn sees(&self, index: usize, wanted: &str) {
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
}

/// `key=value` lines.
fn lines(stdout: &str) -> Facts {
    let pairs = stdout.lines().filter_map(|line| line.split_once('='));
    pairs
        .map(|(key, value)| (key.to_string(), value.to_string()))
        .collect()
}
