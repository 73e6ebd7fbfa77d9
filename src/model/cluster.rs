//! One cluster, as its file says it: nodes, roles, SSH, parameters, target, window.

use std::collections::{BTreeMap, BTreeSet};

use super::condition::{Condition, Members, View};
use super::ids::{NodeId, ParamId, RoleId};
use super::time::Span;
use super::value::Value;

/// A whole cluster file.
#[derive(Clone, Debug)]
pub struct Cluster {
    pub name: String,
    /// A catalogue id, or a path to a procedure file (relative to the cluster file).
    pub procedure: String,
    pub target: String,
    pub place: Place,
    pub window: Option<Window>,
    pub nodes: Vec<Node>,
    /// Parameters of the whole cluster; a node's own win over them.
    pub params: BTreeMap<ParamId, Given>,
}

/// Which badge every screen wears.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Place {
    #[default]
    Production,
    Staging,
    Lab,
}

/// The maintenance window, in milliseconds since the Unix epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Window {
    pub start: i64,
    pub end: i64,
}

#[derive(Clone, Debug)]
pub struct Node {
    pub name: NodeId,
    /// Address, host name, or an alias of ssh(1).
    pub host: String,
    pub roles: BTreeSet<RoleId>,
    pub ssh: Ssh,
    pub params: BTreeMap<ParamId, Given>,
}

/// How one node is reached. Set in `[ssh]` for all and per node as `ssh.port = 2222`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ssh {
    /// The ssh_config file that is read in place of the user's and the machine's, as `ssh -F` does.
    pub config: Option<ConfigFile>,
    pub user: Option<String>,
    pub port: Option<u16>,
    /// Hosts on the way, as `ssh -J` takes them; `none` goes straight, whatever ssh_config says.
    pub jump: Option<String>,
    pub identities: Vec<String>,
    pub identities_only: bool,
    pub agent: Option<String>,
    pub known_hosts: Vec<String>,
    pub connect_timeout: Option<Span>,
    /// Where the login password comes from, if not from a human.
    pub password: Option<SecretSource>,
    /// The user that scripts run as.
    pub r#become: Option<Become>,
    /// Where detached jobs are kept on the node, if not in the usual place.
    pub job_dir: Option<String>,
}

/// An ssh_config file that the cluster file names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigFile {
    /// An absolute path, one that begins with `~/`, or `none` for no file at all.
    pub path: String,
    /// Where the cluster file names it, as `cluster.toml:9:10`: for messages.
    pub place: String,
}

/// Another user that scripts run as.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Become {
    pub method: BecomeMethod,
    pub user: String,
    /// Where its password comes from. `None`: it must go without one.
    pub password: Option<SecretSource>,
}

/// The program that makes another user of us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BecomeMethod {
    Sudo,
    Su,
    Doas,
}

/// A parameter's value, or where its secret value comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Given {
    Value(Value),
    Secret(SecretSource),
}

/// Where a secret comes from when it is needed. It is never stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SecretSource {
    Prompt,
    Env(String),
    File(String),
    Command(String),
}

impl Cluster {
    /// A node, by its name.
    pub fn node(&self, name: &NodeId) -> Option<&Node> {
        self.nodes.iter().find(|node| node.name == *name)
    }

    /// What holds for `param` on `node`: its own value, else the cluster's.
    pub fn given<'a>(&'a self, node: Option<&'a Node>, param: &ParamId) -> Option<&'a Given> {
        node.and_then(|node| node.params.get(param))
            .or_else(|| self.params.get(param))
    }
}

impl Node {
    /// Whether a condition holds that speaks of nothing but the node's name, host and roles. Unknown counts as no.
    pub fn satisfies(&self, condition: &Condition) -> bool {
        let (name, host) = (Value::text(self.name.as_str()), Value::text(&self.host));
        let roles = self
            .roles
            .iter()
            .map(|role| role.as_str().to_string())
            .collect();
        let node = Members::new([("name", &name), ("host", &host)], [("roles", roles)]);
        condition
            .evaluate(&View {
                node: Some(node),
                ..View::default()
            })
            .is_yes()
    }
}
