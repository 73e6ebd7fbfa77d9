//! The cluster file: nodes, roles, SSH, parameters, target, window.

use std::collections::{BTreeMap, BTreeSet};

use toml::de::DeValue;

use self::ssh::{SshPart, ssh};
use super::complaint::Complaint;
use super::places::Places;
use super::reader::{Desk, Item, Table};
use crate::model::cluster::{Cluster, Given, Node, Place, SecretSource, Window};
use crate::model::ids::{NodeId, ParamId, RoleId};

mod ssh;

/// The port that ssh(1) uses where none is given.
const SSH_PORT: u16 = 22;

pub(super) fn read(desk: &Desk<'_>, mut file: Table<'_>) -> Cluster {
    let head = head(&mut file);
    let ssh = file
        .table("ssh", "the SSH settings")
        .map(ssh)
        .unwrap_or_default();
    let cluster = Cluster {
        window: file
            .table("window", "the window")
            .and_then(|table| window(desk, table)),
        params: given(&mut file),
        nodes: file
            .tables("node", "a node")
            .into_iter()
            .map(|table| node(table, &ssh))
            .collect(),
        ..head
    };
    file.finish();
    cluster
}

/// What concerns more than one place: at least one node, no node twice.
pub(super) fn check(cluster: &Cluster, places: &Places, desk: &Desk<'_>) {
    if cluster.nodes.is_empty() && !places.has("node") {
        let first_line = desk
            .source
            .text
            .find('\n')
            .unwrap_or(desk.source.text.len());
        desk.error(
            &(0..first_line),
            "this cluster has no nodes",
            "add a [[node]] with a name, a host and roles for each of them",
        );
    }
    let mut names: BTreeMap<String, usize> = BTreeMap::new();
    let mut addresses: BTreeMap<String, usize> = BTreeMap::new();
    for (at, node) in cluster.nodes.iter().enumerate() {
        let name = node.name.as_str().to_lowercase();
        if let Some(first) = names.get(&name) {
            let message = format!("the node `{}` is there twice", node.name);
            let paths = [format!("node[{at}].name"), format!("node[{first}].name")];
            twice(
                places,
                desk,
                &paths,
                message,
                "give each node a name of its own",
            );
        } else if !name.is_empty() {
            names.insert(name, at);
        }
        let port = node.ssh.port.unwrap_or(SSH_PORT);
        let address = format!("{}:{port}", node.host.to_lowercase());
        if let Some(first) = addresses.get(&address) {
            let message = format!("`{}` port {port} is the address of two nodes", node.host);
            let paths = [format!("node[{at}].host"), format!("node[{first}].host")];
            let help = "every node is upgraded once: give each its own host, or its own `ssh.port`";
            twice(places, desk, &paths, message, help);
        } else if !node.host.is_empty() {
            addresses.insert(address, at);
        }
    }
}

fn twice(places: &Places, desk: &Desk<'_>, paths: &[String; 2], message: String, help: &str) {
    let [second, first] = paths;
    let complaint = Complaint::error(desk.source, &places.value(second), message, help);
    desk.say(complaint.also(&places.value(first), "first here"));
}

/// What stands under `[cluster]`, with everything else still empty.
fn head(file: &mut Table<'_>) -> Cluster {
    let mut cluster = Cluster {
        name: String::new(),
        procedure: String::new(),
        target: String::new(),
        place: Place::default(),
        window: None,
        nodes: Vec::new(),
        params: BTreeMap::new(),
    };
    let Some(item) = file.item("cluster") else {
        file.complain(
            "the table `[cluster]` is missing",
            "begin the file with [cluster] and its `name`, `procedure` and `target`",
        );
        return cluster;
    };
    let Some(mut table) = item.table("the cluster") else {
        return cluster;
    };
    let places = [
        ("production", Place::Production),
        ("staging", Place::Staging),
        ("lab", Place::Lab),
    ];
    cluster.name = table.name("name");
    cluster.procedure = table.text("procedure");
    cluster.target = target(&mut table);
    cluster.place = table
        .item("place")
        .and_then(|item| item.word(&places))
        .unwrap_or_default();
    table.finish();
    cluster
}

fn target(table: &mut Table<'_>) -> String {
    let Some(item) = table.need("target", "\"5.5-20240627\"") else {
        return String::new();
    };
    let target = item.full_text().unwrap_or_default();
    if target.contains(|c: char| c.is_whitespace() || c.is_control()) {
        item.complain(
            format!("`{target}` cannot be a version"),
            "write the version as the product prints it, without blanks",
        );
    }
    target
}

fn window(desk: &Desk<'_>, mut table: Table<'_>) -> Option<Window> {
    let example = "2026-11-21T22:00:00+01:00";
    let start = table.need("start", example);
    let end = table.need("end", example);
    table.finish();
    let (start, end) = (start?, end?);
    let (from, to) = (moment(&start), moment(&end));
    let window = Window {
        start: from?,
        end: to?,
    };
    if window.end <= window.start {
        let complaint = Complaint::error(
            desk.source,
            &end.span(),
            "the window ends before it starts",
            "correct `start` or `end`; mind their time zones",
        );
        desk.say(complaint.also(&start.span(), "it starts here"));
    }
    Some(window)
}

/// Milliseconds since the Unix epoch, from a TOML date and time or from a text in RFC 3339.
fn moment(item: &Item<'_>) -> Option<i64> {
    let text = match item.raw() {
        DeValue::Datetime(moment) => moment.to_string(),
        DeValue::String(text) => text.to_string(),
        DeValue::Integer(_)
        | DeValue::Float(_)
        | DeValue::Boolean(_)
        | DeValue::Array(_)
        | DeValue::Table(_) => {
            item.wanted("a date and time with its offset, such as 2026-11-21T22:00:00+01:00");
            return None;
        }
    };
    let moment = text.parse::<jiff::Timestamp>();
    if moment.is_err() {
        item.complain(
            format!("`{text}` is not a moment in time"),
            "write date, time and offset, such as 2026-11-21T22:00:00+01:00; without the offset nobody knows which hour is meant",
        );
    }
    moment.ok().map(|moment| moment.as_millisecond())
}

fn given(table: &mut Table<'_>) -> BTreeMap<ParamId, Given> {
    let Some(params) = table.table("params", "the parameters") else {
        return BTreeMap::new();
    };
    let one = |(name, item): (String, Item<'_>)| {
        let given = if item.is_table() {
            Given::Secret(secret(&item)?)
        } else {
            Given::Value(item.value()?)
        };
        Some((ParamId::new(name), given))
    };
    params.members().into_iter().filter_map(one).collect()
}

fn secret(item: &Item<'_>) -> Option<SecretSource> {
    let mut table = item.table("the source of a secret")?;
    let prompt = table.item("prompt").map(|item| (item.flag(), item));
    let sources = [
        table.optional_text("env").map(SecretSource::Env),
        table.optional_text("file").map(SecretSource::File),
        table.optional_text("command").map(SecretSource::Command),
    ];
    table.finish();
    let mut named: Vec<SecretSource> = sources.into_iter().flatten().collect();
    if let Some((flag, prompt)) = prompt {
        if flag == Some(false) {
            prompt.complain(
                "`prompt = false` gives no secret",
                "write `prompt = true`, or `env`, `file` or `command`",
            );
            return None;
        }
        named.push(SecretSource::Prompt);
    }
    if named.len() != 1 {
        item.complain(
            "a secret has exactly one source",
            "write { prompt = true }, { env = \"NAME\" }, { file = \"path\" } or { command = \"..\" }",
        );
        return None;
    }
    named.pop()
}

fn node(mut table: Table<'_>, defaults: &SshPart) -> Node {
    let part = table
        .table("ssh", "the SSH settings")
        .map(ssh)
        .unwrap_or_default();
    let node = Node {
        name: NodeId::new(table.name("name")),
        host: host(&mut table),
        roles: roles(&mut table),
        ssh: part.over(defaults),
        params: given(&mut table),
    };
    table.finish();
    node
}

fn roles(table: &mut Table<'_>) -> BTreeSet<RoleId> {
    let roles = table.need("roles", "[\"server\"]");
    let roles = roles.map(|item| item.texts()).unwrap_or_default();
    roles.into_iter().map(RoleId::new).collect()
}

fn host(table: &mut Table<'_>) -> String {
    let Some(item) = table.need("host", "\"name.example.net\"") else {
        return String::new();
    };
    let Some(host) = item.full_text() else {
        return String::new();
    };
    if let Some((user, rest)) = host.split_once('@') {
        item.complain(
            format!("`{host}` holds a user"),
            format!("write `host = \"{rest}\"` and `ssh.user = \"{user}\"`"),
        );
    } else if let Some((rest, port)) = one_colon(&host) {
        item.complain(
            format!("`{host}` holds a port"),
            format!("write `host = \"{rest}\"` and `ssh.port = {port}`"),
        );
    } else if host.starts_with(['-', '[']) || !host.chars().all(is_host_char) {
        item.complain(
            format!("`{host}` cannot be a host"),
            "write a host name, an address without brackets, or an alias of ~/.ssh/config; it never begins with `-`",
        );
    }
    host
}

/// `name:22`, which is no IPv6 address: those have more colons.
fn one_colon(host: &str) -> Option<(&str, &str)> {
    let (rest, port) = host.split_once(':')?;
    let is_port = !port.is_empty() && port.chars().all(|c| c.is_ascii_digit());
    is_port.then_some((rest, port))
}

fn is_host_char(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '-' | '_' | '.' | ':' | '%')
}
