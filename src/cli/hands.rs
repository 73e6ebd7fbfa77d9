//! Which transport a command gets.

use std::sync::Arc;

use secrecy::SecretString;

use super::exit::CliError;
use super::load;
use crate::driver::Hands;
use crate::engine::brief::Brief;
use crate::engine::event::Doubt;
use crate::engine::plan::Work;
use crate::engine::state::{ActionState, RunState};
use crate::model::drill::Drill;
use crate::model::ids::NodeId;
use crate::model::time::Stamp;
use crate::parse::drill;
use crate::sim::world::Known;
use crate::sim::{self, SimWorld};
use crate::transport::dryrun::DryRun;
use crate::transport::nodes::{SshActs, SshLooks};
use crate::transport::sim::SimTransport;

impl Hands for SimTransport {
    fn secret(&mut self, _: &NodeId, _: SecretString) {
        // A simulated node takes any.
    }

    fn disturb(&mut self, what: &str, now: Stamp) -> Result<String, String> {
        self.inflict(what, now).map_err(|why| why.to_string())
    }
}

impl Hands for DryRun<SshLooks> {
    fn secret(&mut self, node: &NodeId, secret: SecretString) {
        self.looks_mut().secret(node, secret);
    }
}

impl Hands for SshActs {
    fn secret(&mut self, node: &NodeId, secret: SecretString) {
        SshActs::secret(self, node, secret);
    }
}

/// Hands on a simulated cluster that is new.
///
/// # Errors
/// A drill that names what the cluster does not have.
pub fn simulated(
    brief: &Brief,
    seed: u64,
    drill: Option<&Drill>,
) -> Result<SimTransport, CliError> {
    let mut world = world(brief, seed);
    disturb(&mut world, drill)?;
    Ok(SimTransport::new(world))
}

/// Hands on a simulated cluster as an interrupted rehearsal left it: what was last seen of each node holds, and the jobs
/// whose end was not seen go on.
///
/// # Errors
/// As [`simulated`].
pub fn adopted(
    state: &RunState,
    seed: u64,
    drill: Option<&Drill>,
) -> Result<SimTransport, CliError> {
    let mut world = world(&state.brief, seed);
    let known = |node: &crate::model::facts::NodeFacts| {
        let facts = node.known().iter();
        let known = Known {
            facts: facts
                .map(|(fact, seen)| (fact.clone(), seen.value.clone()))
                .collect(),
            incarnation: state
                .nodes
                .get(&node.name)
                .and_then(|node| node.incarnation.clone()),
            lock: state.lock.ours.get(&node.name).copied(),
        };
        (node.name.clone(), known)
    };
    let known = state.facts.nodes().map(known).collect();
    world.adopt(&known, open_jobs(state), state.at);
    disturb(&mut world, drill)?;
    Ok(SimTransport::new(world))
}

/// Jobs that were started and whose end was not seen.
fn open_jobs(state: &RunState) -> Vec<sim::Work> {
    let open = |id: &crate::model::ids::ActionId| {
        let record = state.actions.get(id)?;
        let attempt = match &record.state {
            ActionState::Running { attempt, .. }
            | ActionState::InDoubt {
                attempt,
                doubt: Doubt::OutOfSight { .. } | Doubt::Rebooting { .. } | Doubt::WeWereAway,
                ..
            } => *attempt,
            ActionState::InDoubt {
                doubt: Doubt::Vanished { .. },
                ..
            }
            | ActionState::Pending
            | ActionState::Asked { .. }
            | ActionState::Verifying { .. }
            | ActionState::Failed { .. }
            | ActionState::Done { .. }
            | ActionState::NotRun { .. } => return None,
        };
        let action = record.action();
        let output = match &action.work {
            Work::Change { output, .. } => output.clone(),
            Work::Upload(_) => Vec::new(),
            Work::Read { .. }
            | Work::Manual { .. }
            | Work::Attest { .. }
            | Work::Wait { .. }
            | Work::Decide { .. } => return None,
        };
        Some(sim::Work {
            // What was answered is not asked again: it works on.
            asks: Vec::new(),
            reboots: action.work.reboots(),
            action: id.clone(),
            attempt,
            node: action.node.clone()?,
            job: state.job_id(id, attempt),
            then: action.then.clone(),
            also_on: action.others(),
            typical: record.stage.typical,
            output,
            fence: None,
        })
    };
    state.active.iter().filter_map(open).collect()
}

fn world(brief: &Brief, seed: u64) -> SimWorld {
    let procedure = Arc::new(brief.procedure.clone());
    SimWorld::new(procedure, &brief.cluster, None, seed)
}

fn disturb(world: &mut SimWorld, drill: Option<&Drill>) -> Result<(), CliError> {
    let Some(drill) = drill else {
        return Ok(());
    };
    world
        .set_drill(drill.clone())
        .map_err(|why| CliError::usage(format!("set up the drill: {why}")))
}

/// A drill by its name, or from a file.
///
/// # Errors
/// An unknown name lists the known ones; complaints about a file.
pub fn drill(name: &str) -> Result<Drill, CliError> {
    if let Some(known) = drill::built_in(name) {
        return known.map_err(|why| CliError::usage(format!("use the drill {name}: {why}")));
    }
    let path = std::path::Path::new(name);
    if !name.ends_with(".toml") && !path.is_file() {
        let names: Vec<&str> = drill::names().collect();
        return Err(
            CliError::usage(format!("find the drill `{name}`")).hint(format!(
                "known drills: {}; a file ends in .toml",
                names.join(", ")
            )),
        );
    }
    let text = load::read(path, "the drill")?;
    drill::drill(&text, name).map_err(|why| CliError::usage(format!("use the drill: {why}")))
}
