//! How the real nodes are reached: endpoints, scripts and secrets, from the brief and from the machine we run on.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use secrecy::SecretString;

use super::exit::CliError;
use super::folder;
use super::session;
use super::settings::Settings;
use crate::driver::Hands;
use crate::engine::brief::{Brief, Mode};
use crate::engine::planner::variables;
use crate::engine::state::RunState;
use crate::journal::StateDir;
use crate::model::cluster::{Given, Node, SecretSource};
use crate::model::ids::{FactId, NodeId};
use crate::model::procedure::{CheckKind, ParamKind};
use crate::model::script::{Class, Script};
use crate::transport::dryrun::DryRun;
use crate::transport::hands::{
    CheckSetup, NodeSetup, ProbeSetup, Secrets, SshActs, SshLooks, Surroundings, endpoint,
};
use crate::transport::ssh::{Credentials, PinnedKey};

/// Private keys that ssh(1) offers by itself, below `~/.ssh`.
const USUAL_KEYS: [&str; 3] = ["id_ed25519", "id_ecdsa", "id_rsa"];
/// Where ssh(1) keeps what it knows of hosts, below `~/.ssh`.
const USUAL_KNOWN_HOSTS: [&str; 2] = ["known_hosts", "known_hosts2"];
const GLOBAL_KNOWN_HOSTS: [&str; 2] = ["/etc/ssh/ssh_known_hosts", "/etc/ssh/ssh_known_hosts2"];

impl Hands for SshActs {
    fn secret(&mut self, node: &NodeId, secret: SecretString) {
        self.give_secret(node, secret);
    }
}

impl Hands for DryRun<SshLooks> {
    fn secret(&mut self, node: &NodeId, secret: SecretString) {
        self.looks_mut().give_secret(node, secret);
    }
}

/// Eyes on the real nodes; nothing is connected yet. A resumed run hands in its state: the host keys that it has seen hold
/// for the rest of it.
///
/// # Errors
/// A state folder that cannot be used.
pub fn looks(
    settings: &Settings,
    brief: &Brief,
    past: Option<&RunState>,
) -> Result<SshLooks, CliError> {
    let around = surroundings(settings, brief.mode)?;
    let nodes = brief.cluster.nodes.iter();
    let setups: Result<Vec<NodeSetup>, CliError> = nodes
        .map(|node| setup(brief, node, &around, past))
        .collect();
    Ok(SshLooks::new(setups?, Credentials::default()))
}

/// Hands on the real nodes; nothing is connected yet.
///
/// # Errors
/// As [`looks`], and a secret that cannot be had.
pub fn acts(
    settings: &Settings,
    brief: &Brief,
    past: Option<&RunState>,
) -> Result<SshActs, CliError> {
    let mut secrets = Secrets::new();
    for node in &brief.cluster.nodes {
        gather(brief, node, &mut secrets)?;
    }
    Ok(SshActs::new(looks(settings, brief, past)?, secrets))
}

fn surroundings(settings: &Settings, mode: Mode) -> Result<Surroundings, CliError> {
    // Opened first, so that it has the right modes before a host key is written into it.
    folder::state_dir(settings, Some(mode))?;
    let state = StateDir::locate(settings.state_dir.as_deref())?;
    let variable = |name| std::env::var_os(name).filter(|value: &OsString| !value.is_empty());
    let home = variable("HOME").map(PathBuf::from);
    let below_ssh = |name: &&str| Some(home.as_ref()?.join(".ssh").join(name));
    Ok(Surroundings {
        user: session::person().user,
        identities: USUAL_KEYS
            .iter()
            .filter_map(below_ssh)
            .filter(|key| key.exists())
            .collect(),
        agent: variable("SSH_AUTH_SOCK").map(PathBuf::from),
        known_hosts: USUAL_KNOWN_HOSTS.iter().filter_map(below_ssh).collect(),
        global_known_hosts: GLOBAL_KNOWN_HOSTS.map(PathBuf::from).into(),
        own_known_hosts: state.join("known_hosts"),
        home,
    })
}

fn setup(
    brief: &Brief,
    node: &Node,
    around: &Surroundings,
    past: Option<&RunState>,
) -> Result<NodeSetup, CliError> {
    let seen = past.and_then(|state| state.nodes.get(&node.name)?.host_key.clone());
    let pinned = seen.map(|key| PinnedKey {
        algorithm: key.algorithm,
        fingerprint: key.fingerprint,
    });
    let variables = variables(brief, Some(&node.name));
    let assemble = |what: &str, body: &str| {
        let script = Script::assemble(Class::Read, &variables, &[], body);
        script.map(|script| script.text).map_err(|why| {
            CliError::usage(format!(
                "make the script of {what} for {}: {why}",
                node.name
            ))
        })
    };
    Ok(NodeSetup {
        node: node.name.clone(),
        endpoint: endpoint(node, around, pinned),
        probes: probes(brief, node, assemble)?,
        checks: checks(brief, assemble)?,
    })
}

fn probes(
    brief: &Brief,
    node: &Node,
    assemble: impl Fn(&str, &str) -> Result<String, CliError>,
) -> Result<Vec<ProbeSetup>, CliError> {
    let procedure = &brief.procedure;
    let here = brief.probes_on(&node.name);
    let kind = |fact: &FactId| Some((fact.clone(), procedure.facts.get(fact)?.kind.clone()));
    let runs = procedure
        .probes
        .iter()
        .filter(|probe| here.contains(&probe.id));
    runs.map(|probe| {
        Ok(ProbeSetup {
            id: probe.id.clone(),
            gives: probe.gives.iter().filter_map(kind).collect(),
            every: probe.every,
            timeout: probe.timeout,
            script: assemble(&format!("probe {}", probe.id), &probe.script)?,
        })
    })
    .collect()
}

fn checks(
    brief: &Brief,
    assemble: impl Fn(&str, &str) -> Result<String, CliError>,
) -> Result<BTreeMap<crate::model::ids::CheckId, CheckSetup>, CliError> {
    let mut checks = BTreeMap::new();
    for check in &brief.procedure.checks {
        let (script, timeout) = match &check.kind {
            CheckKind::Script {
                script, timeout, ..
            } => (script, *timeout),
            CheckKind::Facts { .. } | CheckKind::Attest => continue,
        };
        let script = assemble(&format!("check {}", check.id), script)?;
        checks.insert(check.id.clone(), CheckSetup { timeout, script });
    }
    Ok(checks)
}

/// The secret parameters of a node, read now from where the cluster file says.
fn gather(brief: &Brief, node: &Node, secrets: &mut Secrets) -> Result<(), CliError> {
    let params = brief.procedure.params.iter();
    for (param, _) in params.filter(|(_, param)| param.kind == ParamKind::Secret) {
        let Some(Given::Secret(source)) = brief.cluster.given(Some(node), param) else {
            continue;
        };
        let value = value_of(source).map_err(|(why, hint)| {
            CliError::usage(format!("get the secret {param} of {}: {why}", node.name)).hint(hint)
        })?;
        let key = (node.name.clone(), param.as_str().to_owned());
        secrets.insert(key, SecretString::from(value));
    }
    Ok(())
}

/// Its first line; else why not, and what to do.
fn value_of(source: &SecretSource) -> Result<String, (String, &'static str)> {
    let text = match source {
        SecretSource::Prompt => {
            let hint = "give it as { env = \"NAME\" }, { file = \"path\" } or { command = \"..\" }";
            return Err(("it is to be typed, which is not possible yet".into(), hint));
        }
        SecretSource::Env(name) => std::env::var(name)
            .map_err(|why| (format!("environment variable {name}: {why}"), "set it"))?,
        SecretSource::File(path) => std::fs::read_to_string(Path::new(path))
            .map_err(|why| (format!("{path}: {why}"), "make the file readable for you"))?,
        SecretSource::Command(command) => {
            printed_by(command).map_err(|why| (why, "try the command by hand"))?
        }
    };
    Ok(text.lines().next().unwrap_or_default().to_owned())
}

/// What a command of the operator's own file prints, such as `pass show st/admin`.
fn printed_by(command: &str) -> Result<String, String> {
    let output = Command::new("sh")
        .args(["-c", command])
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .map_err(|why| format!("`{command}`: {why}"))?;
    if !output.status.success() {
        return Err(format!("`{command}` ended with {}", output.status));
    }
    String::from_utf8(output.stdout).map_err(|_| format!("`{command}` printed what is no text"))
}
