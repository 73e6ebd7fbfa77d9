//! `holdpoint ssh-config`: how a host, or every node of a cluster file, would be reached, and where that is said.

use std::path::{Path, PathBuf};

use crate::cli::exit::CliError;
use crate::cli::load;
use crate::cli::out;
use crate::cli::reach;
use crate::cli::settings::Settings;
use crate::model::cluster::{Node, Ssh};
use crate::transport::nodes::{Ways, ask};
use crate::transport::ssh::Route;
use crate::transport::ssh::config::{Answer, Ask, Files, Origin, Value, is_followed};

/// Values that nobody set are shown for these only: the others hold what everybody expects.
const ALWAYS: [&str; 6] = [
    "hostname",
    "port",
    "user",
    "identityfile",
    "userknownhostsfile",
    "globalknownhostsfile",
];
/// Where a value of the cluster file comes from.
const CLUSTER_FILE: &str = "cluster file";

/// Prints what was resolved for a host name or for the nodes of a cluster file.
///
/// # Errors
/// A configuration that cannot be followed, with its file and line.
pub fn ssh_config(
    settings: &Settings,
    what: &str,
    config: Option<PathBuf>,
) -> Result<u8, CliError> {
    let mut nodes = nodes(what)?;
    if config.is_some() {
        // What is asked for here wins over what a cluster file names.
        nodes.iter_mut().for_each(|node| node.ssh.config = None);
    }
    let files = match config {
        None => Files::Usual,
        Some(file) if file.as_os_str() == "none" => Files::None,
        Some(file) => Files::Only(file),
    };
    let mut ways = reach::ways(settings, files)?;
    for (at, node) in nodes.iter().enumerate() {
        if at > 0 {
            out::line("");
        }
        out::print(&told(&mut ways, node)?);
    }
    for note in ways.notes() {
        eprintln!("note: {note}");
    }
    Ok(0)
}

/// Prints the page about how nodes are reached.
///
/// # Errors
/// None; it is a command like the others.
pub fn guide() -> Result<u8, CliError> {
    out::print(crate::guide::SSH);
    Ok(0)
}

fn nodes(what: &str) -> Result<Vec<Node>, CliError> {
    let path = Path::new(what);
    if what.ends_with(".toml") || path.is_file() {
        return Ok(load::cluster_file(path)?.cluster.nodes);
    }
    if what.is_empty() || what.starts_with('-') || what.contains(char::is_whitespace) {
        let why = format!("resolve {what:?}: it is neither a host name nor a file");
        return Err(CliError::usage(why));
    }
    Ok(vec![Node {
        name: what.into(),
        host: what.into(),
        roles: Default::default(),
        ssh: Ssh::default(),
        params: Default::default(),
    }])
}

fn told(ways: &mut Ways, node: &Node) -> Result<String, CliError> {
    let refused = |why: String| CliError::usage(format!("resolve {}: {why}", node.host));
    let asked = ask(node);
    let answer = ways.answer(node).map_err(refused)?;
    let files = ways.files(&node.ssh).map_err(refused)?;
    let endpoint = ways.endpoint(node).map_err(refused)?;
    let mut text = format!("# {}", node.name);
    if node.host != node.name.as_str() {
        text += &format!(" (host {})", node.host);
    }
    let by = if answer.by_ssh {
        "ssh -G"
    } else {
        "holdpoint itself"
    };
    let only = match files {
        Files::Usual => String::new(),
        Files::Only(file) => format!(" from {} alone", printable(&file.display().to_string())),
        Files::None => " without any file".into(),
    };
    text += &format!(", resolved by {by}{only}\n");
    let rows = rows(&answer, &asked, &node.ssh);
    let wide = |column: fn(&Row) -> usize| rows.iter().map(column).max().unwrap_or(0);
    let (options, values) = (wide(|row| row.0.len()), wide(|row| row.1.len()).min(60));
    for (option, value, origin) in &rows {
        text += &format!("{option:<options$}  {value:<values$}  {origin}\n");
    }
    text += &format!("# host key is known as {}\n", endpoint.known_name());
    let mut route = &endpoint.route;
    while let Some(way) = route.through() {
        text += &format!("# through {way}\n");
        route = match route {
            Route::Through(jump) => &jump.endpoint().route,
            Route::Command(_) | Route::Direct => break,
        };
    }
    Ok(text)
}

type Row = (String, String, String);

fn rows(answer: &Answer, asked: &Ask, ssh: &Ssh) -> Vec<Row> {
    let mut rows = Vec::new();
    let over = overrides(ssh);
    for (option, values) in &answer.values {
        let shown = answer.is_set(option) || ALWAYS.contains(&option.as_str());
        if !is_followed(option) || !shown || over.iter().any(|(name, ..)| name == option) {
            continue;
        }
        let row = |value: &Value| {
            (
                option.clone(),
                printable(&value.text()),
                origin(value, option, asked),
            )
        };
        rows.extend(values.iter().map(row));
    }
    rows.extend(over);
    rows.sort_by(|one, other| one.0.cmp(&other.0));
    rows
}

/// A file may hold anything; a terminal must not be moved by it.
fn printable(text: &str) -> String {
    text.replace(char::is_control, "\u{fffd}")
}

/// ssh -G does not tell what it was asked with from what it found.
fn origin(value: &Value, option: &str, asked: &Ask) -> String {
    let by_file = match option {
        "user" => asked.user.is_some(),
        "port" => asked.port.is_some(),
        _ => false,
    };
    if by_file || value.origin == Origin::Asked {
        return CLUSTER_FILE.into();
    }
    value.origin.to_string()
}

/// What the cluster file says in place of ssh_config.
fn overrides(ssh: &Ssh) -> Vec<Row> {
    let mut rows = Vec::new();
    let mut row = |option: &str, value: String| {
        rows.push((option.to_owned(), value, CLUSTER_FILE.to_owned()));
    };
    for identity in &ssh.identities {
        row("identityfile", identity.clone());
    }
    if ssh.identities_only {
        row("identitiesonly", "yes".into());
    }
    if let Some(agent) = &ssh.agent {
        row("identityagent", agent.clone());
    }
    if !ssh.known_hosts.is_empty() {
        row("userknownhostsfile", ssh.known_hosts.join(" "));
    }
    if let Some(limit) = ssh.connect_timeout {
        row("connecttimeout", limit.to_string());
    }
    rows
}
