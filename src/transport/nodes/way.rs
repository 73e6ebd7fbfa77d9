//! How the nodes are reached: what the cluster file says, else what ssh_config says, else what ssh(1) takes by itself.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::resolvers::Resolvers;
use super::setup::Surroundings;
use crate::model::cluster::{self, BecomeMethod, Node, Ssh};
use crate::model::time::Span;
use crate::transport::ssh::config::{
    Answer, Ask, ConfigRefused, Files, Resolver, Settings, Way, agent_socket, last_hop,
};
use crate::transport::ssh::{
    Become, Endpoint, JumpKeys, Jumps, KnownHostsFiles, Method, Place, ProxyCommand, Route,
};

/// Limit for a TCP connection where nobody names one.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// More hosts on the way than this, and they lead in a circle.
const MOST_HOPS: usize = 8;
/// So many hosts are resolved side by side: `ssh -G` mostly waits for its own start.
const AT_ONCE: usize = 8;
/// Key files that are tried where none is named; those that are not there are passed over.
const USUAL_KEYS: [&str; 5] = [
    "id_ed25519",
    "id_ecdsa",
    "id_rsa",
    // An agent signs with these. Named they must be, or IdentitiesOnly would leave them out.
    "id_ed25519_sk",
    "id_ecdsa_sk",
];

/// Turns nodes into endpoints. Nodes behind the same jump host share the connection to it.
#[derive(Debug)]
pub struct Ways {
    resolvers: Resolvers,
    around: Surroundings,
    jumps: Jumps,
    known: BTreeMap<(Files, Ask), Result<Settings, ConfigRefused>>,
    told: BTreeMap<String, Option<Place>>,
    unusable: BTreeSet<String>,
}

impl Ways {
    /// Nothing is resolved yet. `resolver` reads the files that hold where the cluster file names none.
    pub fn new(resolver: Resolver, around: Surroundings) -> Self {
        Self {
            resolvers: Resolvers::new(resolver),
            around,
            jumps: Jumps::default(),
            known: BTreeMap::new(),
            told: BTreeMap::new(),
            unusable: BTreeSet::new(),
        }
    }

    /// Resolves all nodes side by side; [`Ways::endpoint`] then only picks up what was found.
    pub fn look_up(&mut self, nodes: &[Node]) {
        // What is wrong with a file is told with the node that names it.
        let by = |node: &Node| Some((self.files(&node.ssh).ok()?, ask(node)));
        let asks: BTreeSet<(Files, Ask)> = nodes.iter().filter_map(by).collect();
        for (files, _) in &asks {
            self.resolvers.by(files);
        }
        let asks: Vec<_> = asks.into_iter().collect();
        let share = asks.len().div_ceil(AT_ONCE).max(1);
        let resolvers = &self.resolvers;
        let found = std::thread::scope(|scope| {
            let settle = move |asks: &[(Files, Ask)]| -> Vec<_> {
                let one = |by: &(Files, Ask)| {
                    let resolver = resolvers.ready(&by.0)?;
                    Some((by.clone(), resolver.settings(&by.1)))
                };
                asks.iter().filter_map(one).collect()
            };
            let threads: Vec<_> = asks
                .chunks(share)
                .map(|asks| scope.spawn(move || settle(asks)))
                .collect();
            let done = threads.into_iter().filter_map(|thread| thread.join().ok());
            done.flatten().collect::<Vec<_>>()
        });
        self.known.extend(found);
    }

    /// How a node is reached. What the cluster file says wins.
    ///
    /// # Errors
    /// In words: a configuration that cannot be followed, with its place; nobody to log in as.
    pub fn endpoint(&mut self, node: &Node) -> Result<Endpoint, String> {
        let in_node = |why: String| format!("node {}: {why}", node.name);
        let mut endpoint = self
            .files(&node.ssh)
            .and_then(|files| self.reached(&files, &ask(node), node.name.as_str(), 0))
            .map_err(in_node)?;
        override_by(&mut endpoint, &node.ssh, &self.around);
        Ok(endpoint)
    }

    /// What the configuration says about a node, and where, before the cluster file has its say.
    ///
    /// # Errors
    /// In words, as [`Ways::endpoint`].
    pub fn answer(&mut self, node: &Node) -> Result<Answer, String> {
        let files = self.files(&node.ssh)?;
        let answer = self.resolvers.by(&files).answer(&ask(node));
        answer.map_err(|refused| refused.to_string())
    }

    /// The files by which a node is reached.
    ///
    /// # Errors
    /// In words: its cluster file names one that is not there, with the place where it does.
    pub fn files(&self, ssh: &Ssh) -> Result<Files, String> {
        self.resolvers.files(ssh, &self.home())
    }

    /// The keys that hosts on the way must show; what an earlier session has seen is put in here.
    pub fn jump_keys(&self) -> &JumpKeys {
        self.jumps.keys()
    }

    /// What the operator should know about the configuration: options without effect, algorithms that we do not have.
    pub fn notes(&self) -> Vec<String> {
        let option = |(option, place): (&String, &Option<Place>)| match place {
            Some(place) => format!("{option} ({place})"),
            None => option.clone(),
        };
        let told: Vec<String> = self.told.iter().map(option).collect();
        let unusable: Vec<&str> = self.unusable.iter().map(String::as_str).collect();
        let mut notes = Vec::new();
        if !told.is_empty() {
            notes.push(format!(
                "options of ssh_config without effect here: {}",
                told.join(", ")
            ));
        }
        if !unusable.is_empty() {
            notes.push(format!(
                "algorithms of ssh_config that holdpoint does not have: {}",
                unusable.join(", ")
            ));
        }
        notes
    }

    fn reached(
        &mut self,
        files: &Files,
        ask: &Ask,
        node: &str,
        hops: usize,
    ) -> Result<Endpoint, String> {
        let settings = self.settings(files, ask)?;
        let home = self.home();
        let usual = || USUAL_KEYS.map(|name| home.join(".ssh").join(name)).to_vec();
        let route = self.route(files, &settings, hops)?;
        Ok(Endpoint {
            node: node.to_owned(),
            host: settings.host,
            port: settings.port,
            user: settings.user,
            identities: settings.identities.unwrap_or_else(usual),
            identities_only: settings.identities_only,
            agent: agent_socket(&settings.agent, self.around.agent.as_deref()),
            known_hosts: KnownHostsFiles {
                user: settings.user_known_hosts,
                global: settings.global_known_hosts,
                own: self.around.own_known_hosts.clone(),
            },
            pinned: None,
            connect_timeout: settings.connect_timeout.unwrap_or(CONNECT_TIMEOUT),
            become_user: None,
            job_dir: None,
            route,
            tuning: settings.tuning,
        })
    }

    fn settings(&mut self, files: &Files, ask: &Ask) -> Result<Settings, String> {
        let by = (files.clone(), ask.clone());
        let settings = match self.known.get(&by) {
            Some(known) => known.clone(),
            None => {
                let found = self.resolvers.by(files).settings(ask);
                self.known.insert(by, found.clone());
                found
            }
        };
        let settings = settings.map_err(|refused| refused.to_string())?;
        self.told.extend(settings.told.iter().cloned());
        self.unusable.extend(settings.unusable.iter().cloned());
        Ok(settings)
    }

    /// Hosts on the way are reached by the same files as the node: so does ssh(1) with `-F`.
    fn route(&mut self, files: &Files, settings: &Settings, hops: usize) -> Result<Route, String> {
        match &settings.way {
            Way::Direct => Ok(Route::Direct),
            Way::Command(command) => Ok(Route::Command(ProxyCommand {
                command: command.clone(),
                shell: self
                    .around
                    .shell
                    .clone()
                    .unwrap_or_else(|| "/bin/sh".into()),
            })),
            Way::Jump(jump) => {
                let last = last_hop(jump).ok_or_else(|| format!("{jump:?} names no jump host"))?;
                let through = format!("jump host {}", last.host);
                if hops == MOST_HOPS {
                    return Err(format!(
                        "{through}: more than {MOST_HOPS} hosts on the way; the jump hosts lead in a circle: add `ProxyJump none` for one of them"
                    ));
                }
                let endpoint = self.reached(files, &last, &last.host, hops + 1);
                let endpoint = endpoint.map_err(|why| format!("{through}: {why}"))?;
                Ok(Route::Through(self.jumps.through(endpoint)))
            }
        }
    }

    fn home(&self) -> PathBuf {
        home(&self.around)
    }
}

fn home(around: &Surroundings) -> PathBuf {
    around.home.clone().unwrap_or_else(|| PathBuf::from("/"))
}

/// What is asked for a node: its host, and what its cluster file has settled.
pub fn ask(node: &Node) -> Ask {
    Ask {
        host: node.host.clone(),
        user: node.ssh.user.clone(),
        port: node.ssh.port,
        jump: node.ssh.jump.clone(),
    }
}

fn override_by(endpoint: &mut Endpoint, ssh: &Ssh, around: &Surroundings) {
    let home = home(around);
    let path = |text: &String| expand(text, &home);
    if !ssh.identities.is_empty() {
        endpoint.identities = ssh.identities.iter().map(path).collect();
    }
    endpoint.identities_only |= ssh.identities_only;
    match &ssh.agent {
        // As ssh(1) has it: no agent at all.
        Some(none) if none == "none" => endpoint.agent = None,
        Some(socket) => endpoint.agent = Some(path(socket)),
        None => {}
    }
    if !ssh.known_hosts.is_empty() {
        endpoint.known_hosts.user = ssh.known_hosts.iter().map(path).collect();
    }
    if let Some(Span(milliseconds)) = ssh.connect_timeout {
        endpoint.connect_timeout = Duration::from_millis(milliseconds);
    }
    endpoint.become_user = ssh.r#become.as_ref().map(other_user);
    endpoint.job_dir = ssh.job_dir.clone();
}

fn other_user(other: &cluster::Become) -> Become {
    Become {
        method: match other.method {
            BecomeMethod::Sudo => Method::Sudo,
            BecomeMethod::Su => Method::Su,
            BecomeMethod::Doas => Method::Doas,
        },
        user: other.user.clone(),
        password: other.password.is_some(),
    }
}

pub(super) fn expand(text: &str, home: &Path) -> PathBuf {
    match text.strip_prefix("~/") {
        Some(rest) => home.join(rest),
        None => PathBuf::from(text),
    }
}

#[cfg(test)]
mod tests;
