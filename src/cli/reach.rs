//! How the real nodes are reached: endpoints, scripts and secrets, put together from the brief, the environment and files.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;

use secrecy::SecretString;

use super::exit::CliError;
use super::folder;
use super::passwords::Passwords;
use super::settings::Settings;
use crate::engine::brief::Brief;
use crate::engine::ground;
use crate::engine::planner::variables;
use crate::engine::state::RunState;
use crate::journal::StateDir;
use crate::model::cluster::{Given, Node, SecretSource};
use crate::model::procedure::{Access, CheckKind, ParamKind, Probe};
use crate::model::reply::HostKey;
use crate::model::script::{Class, Script, quote};
use crate::model::time::Stamp;
use crate::transport::nodes::{
    CheckSetup, NodeSetup, ProbeSetup, Secrets, SshLooks, Surroundings, Ways,
};
use crate::transport::ssh::config::{Files, Machine, Resolver};
use crate::transport::ssh::{Credentials, Endpoint, FirstKey, PinnedKey};

/// Eyes on the real nodes; nothing is connected yet. A resumed run hands in its state: the host keys that it has seen hold
/// for the rest of it.
///
/// # Errors
/// A secret that cannot be had, a script that cannot be put together, a state folder that cannot be used.
pub(super) fn looks(
    settings: &Settings,
    brief: &Brief,
    past: Option<&RunState>,
) -> Result<SshLooks, CliError> {
    // Opened so that it exists with the right modes before a host key is written into it.
    folder::state_dir(settings, Some(brief.mode))?;
    let mut ways = ways(settings, Files::Usual)?;
    past.into_iter().for_each(|state| hold_to(state, &ways));
    ways.look_up(&brief.cluster.nodes);
    let mut setups = Vec::new();
    let mut secrets = Secrets::default();
    let credentials = Credentials::default();
    let mut passwords = Passwords::default();
    for (at, node) in brief.cluster.nodes.iter().enumerate() {
        let setup = setup(brief, node, &mut ways, past, at as u64)?;
        passwords.gather(node, &setup.endpoint, credentials.vault())?;
        setups.push(setup);
        gather(brief, node, &mut secrets)?;
    }
    for note in ways.notes() {
        eprintln!("note: {note}");
    }
    Ok(SshLooks::new(setups, credentials, secrets))
}

/// How nodes are reached from here, by these ssh configuration files.
///
/// # Errors
/// A state folder that cannot be found.
pub(super) fn ways(settings: &Settings, files: Files) -> Result<Ways, CliError> {
    let variable = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
    let state = StateDir::locate(settings.state_dir.as_deref())?;
    let around = Surroundings {
        user: variable("USER")
            .or_else(|| variable("LOGNAME"))
            .and_then(|user| user.into_string().ok()),
        home: variable("HOME").map(PathBuf::from),
        agent: variable("SSH_AUTH_SOCK").map(PathBuf::from),
        shell: variable("SHELL").map(PathBuf::from),
        own_known_hosts: state.join("known_hosts"),
    };
    Ok(Ways::new(resolver(&around, files), around))
}

/// The hosts on the way must show the keys that the run has seen there before.
fn hold_to(state: &RunState, ways: &Ways) {
    for (place, seen) in &state.jump_keys {
        let first = FirstKey {
            key: pinned(&seen.key, seen.let_in, None),
            seen: format!("on the way to {}, {}", seen.node, wall_time(state, seen.at)),
        };
        ways.jump_keys().remember(place, first);
    }
}

/// A moment of the run as the clock showed it.
fn wall_time(state: &RunState, stamp: Stamp) -> String {
    let opened = state.opening.as_ref().map(|opening| opening.wall);
    let shown = opened.and_then(|wall| {
        let at = wall.checked_add(i64::try_from(stamp.0).ok()?)?;
        let at = jiff::Timestamp::from_millisecond(at).ok()?;
        Some(at.round(jiff::Unit::Second).unwrap_or(at).to_string())
    });
    shown.unwrap_or_else(|| format!("{stamp} into the run"))
}

fn pinned(key: &HostKey, let_in: bool, seen: Option<String>) -> PinnedKey {
    PinnedKey {
        seen,
        algorithm: key.algorithm.clone(),
        fingerprint: key.fingerprint.clone(),
        let_in,
    }
}

fn resolver(around: &Surroundings, files: Files) -> Resolver {
    let user = around.user.as_deref().unwrap_or_default();
    let home = around.home.as_deref().unwrap_or(Path::new("/"));
    let machine = Machine::here(user, home);
    Resolver::with_path(machine, files, std::env::var_os("PATH").as_deref())
}

/// How a node is reached. Where neither the cluster file nor ssh_config says which port or user, the product's own hold: an
/// appliance may listen elsewhere.
fn endpoint(brief: &Brief, node: &Node, ways: &mut Ways) -> Result<Endpoint, String> {
    let access = &brief.procedure.access;
    if *access == Access::default() {
        return ways.endpoint(node);
    }
    let said = ways.answer(node)?;
    let mut told = node.clone();
    if !said.is_set("port") {
        told.ssh.port = node.ssh.port.or(access.port);
    }
    if !said.is_set("user") {
        told.ssh.user = node.ssh.user.clone().or_else(|| access.user.clone());
    }
    ways.endpoint(&told)
}

fn setup(
    brief: &Brief,
    node: &Node,
    ways: &mut Ways,
    past: Option<&RunState>,
    seed: u64,
) -> Result<NodeSetup, CliError> {
    let mut reached = endpoint(brief, node, ways)
        .map_err(|why| CliError::usage(format!("reach the cluster: {why}")))?;
    let before = past.and_then(|state| state.nodes.get(&node.name));
    let let_in = before.and_then(|node| node.let_in.as_ref());
    let seen = before.and_then(|node| node.host_key.as_ref());
    reached.pinned = seen.map(|key| {
        let let_in = let_in.is_some_and(|change| change.shown == *key);
        let first = past.zip(before.and_then(|node| node.host_key_at));
        pinned(key, let_in, first.map(|(run, at)| wall_time(run, at)))
    });
    let variables = variables(brief, Some(&node.name));
    let assemble = |what: &str, body: &str| {
        Script::assemble(Class::Read, &variables, &[], body)
            .map(|script| script.text)
            .map_err(|why| CliError::usage(format!("put {what} for {} together: {why}", node.name)))
    };
    let mut probes = Vec::new();
    for probe in brief
        .procedure
        .probes
        .iter()
        .filter(|probe| runs_on(probe, node))
    {
        let kind = |fact: &crate::model::ids::FactId| {
            Some((fact.clone(), brief.procedure.facts.get(fact)?.kind.clone()))
        };
        probes.push(ProbeSetup {
            id: probe.id.clone(),
            gives: probe.gives.iter().filter_map(kind).collect(),
            every: probe.every,
            timeout: probe.timeout,
            script: assemble(&format!("probe {}", probe.id), &probe.script)?,
        });
    }
    let mut checks = std::collections::BTreeMap::new();
    let mut scripts: BTreeSet<Arc<str>> = BTreeSet::new();
    for check in &brief.procedure.checks {
        if let CheckKind::Script {
            script, timeout, ..
        } = &check.kind
        {
            let mut script = assemble(&format!("check {}", check.id), script)?;
            let is_ground = ground::is_ours(&check.id);
            if is_ground
                && let Some(folder) = &reached.job_dir
                && let Ok(folder) = quote(folder)
            {
                script = format!("hp_job_dir={folder}\n{script}");
            }
            let script = match scripts.get(script.as_str()) {
                Some(same) => Arc::clone(same),
                None => Arc::from(script),
            };
            scripts.insert(Arc::clone(&script));
            checks.insert(
                check.id.clone(),
                CheckSetup {
                    script,
                    timeout: *timeout,
                    is_part: is_ground,
                },
            );
        }
    }
    Ok(NodeSetup {
        node: node.name.clone(),
        endpoint: reached,
        probes,
        checks,
        seed,
    })
}

fn runs_on(probe: &Probe, node: &Node) -> bool {
    probe.on.as_ref().is_none_or(|on| node.satisfies(on))
}

/// The secret parameters of a node: read now from where the cluster file says, or wanted from a human.
fn gather(brief: &Brief, node: &Node, secrets: &mut Secrets) -> Result<(), CliError> {
    let declared = brief
        .procedure
        .params
        .iter()
        .filter(|(_, param)| param.kind == ParamKind::Secret);
    for (param, _) in declared {
        let Some(Given::Secret(source)) = brief.cluster.given(Some(node), param) else {
            continue;
        };
        let name = param.as_str();
        let known = match source {
            SecretSource::Prompt => {
                secrets.want(&node.name, name);
                continue;
            }
            SecretSource::Env(variable) => std::env::var(variable)
                .map_err(|_| format!("the environment variable {variable} is not set")),
            SecretSource::File(path) => first_line(Path::new(path)),
            SecretSource::Command(command) => said_by(command),
        };
        let known = known.map_err(|why| {
            CliError::usage(format!("get the secret {name} of {}: {why}", node.name))
        })?;
        secrets.know(&node.name, name, SecretString::from(known));
    }
    Ok(())
}

pub(super) fn first_line(path: &Path) -> Result<String, String> {
    let text = std::fs::read_to_string(path).map_err(|why| format!("{}: {why}", path.display()))?;
    Ok(text.lines().next().unwrap_or_default().to_string())
}

/// The first line that a command prints, such as `pass show st/admin`. It is the operator's own, from their own file.
pub(super) fn said_by(command: &str) -> Result<String, String> {
    let output = Command::new("sh")
        .args(["-c", command])
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .map_err(|why| format!("`{command}`: {why}"))?;
    if !output.status.success() {
        return Err(format!("`{command}` ended with {}", output.status));
    }
    let text = String::from_utf8(output.stdout)
        .map_err(|_| format!("`{command}` printed what is not text"))?;
    Ok(text.lines().next().unwrap_or_default().to_string())
}
