//! `holdpoint` alone: what can be done now.

use crate::catalog;
use crate::cli::args::{Rehearse, Resume};
use crate::cli::exit::CliError;
use crate::cli::settings::{Face, Settings};
use crate::cli::{folder, out, screens};
use crate::engine::plan::Plan;
use crate::engine::state::{ActionState, RunState};
use crate::journal::{Listing, LockState};
use crate::ui::{KnownProcedure, UnfinishedRun, Welcome, WelcomeChoice, Wizard};

/// The welcome screen, and then what was chosen there. Without a terminal: the same in lines.
///
/// # Errors
/// A state folder that cannot be used, or what the chosen command meets.
pub fn welcome(settings: &Settings) -> Result<u8, CliError> {
    if settings.face != Face::Screens {
        return lines(settings);
    }
    let items = Welcome {
        unfinished: unfinished(settings)?,
        clusters: Vec::new(),
        procedures: procedures(),
    };
    let chosen = Wizard::open()
        .and_then(|mut wizard| wizard.welcome(items, screens::first_look(settings)))
        .map_err(screens::trouble)?;
    match chosen {
        WelcomeChoice::Resume { run } => super::resume::resume(settings, &Resume::of(run)),
        WelcomeChoice::Open { file } => super::run::run(settings, file.as_ref()),
        WelcomeChoice::Rehearse { procedure: what }
        | WelcomeChoice::RehearseCluster { file: what } => {
            super::rehearse::rehearse(settings, &Rehearse::of(what))
        }
        WelcomeChoice::Leave => Ok(0),
        WelcomeChoice::TerminalGone => Ok(129),
    }
}

fn procedures() -> Vec<KnownProcedure> {
    let known = |id: &&'static str| {
        let text = catalog::text(id)?;
        let procedure = crate::parse::procedure(text, id).ok()?.value;
        Some(KnownProcedure {
            id: (*id).to_string(),
            title: procedure.title.clone(),
            product: procedure.product.clone(),
            steps: procedure.phases.iter().map(|phase| phase.steps.len()).sum(),
        })
    };
    catalog::ids().iter().filter_map(known).collect()
}

/// Runs of this machine that are not finished, newest first. One that cannot be read is named all the same.
fn unfinished(settings: &Settings) -> Result<Vec<UnfinishedRun>, CliError> {
    let listings = folder::state_dir(settings, None)?.list()?;
    let open = listings
        .iter()
        .filter(|listing| folder::is_unfinished(&listing.dir));
    Ok(open.take(5).map(one).collect())
}

fn one(listing: &Listing) -> UnfinishedRun {
    let run = listing.dir.id().to_string();
    let past = crate::journal::read(&listing.dir.journal())
        .map_err(|fault| fault.to_string())
        .and_then(|reading| {
            folder::past(&listing.dir, &reading).map_err(|error| error.to_string())
        });
    match past {
        Ok(past) => {
            let state = past.replay();
            UnfinishedRun {
                run,
                cluster: past.opening.cluster.clone(),
                procedure: past.opening.procedure.clone(),
                versions: past.opening.target.clone(),
                // Where it stands comes first, unless somebody is at it: a narrow screen cuts off the end.
                stopped: match listing.lock {
                    Ok(LockState::Held { .. }) => {
                        format!("{}; {}", super::runs::state(listing), stopped(&state))
                    }
                    Ok(LockState::Free { .. }) | Err(_) => {
                        format!("{}; {}", stopped(&state), super::runs::state(listing))
                    }
                },
                doubts: doubts(&state),
                rehearsal: past.opening.mode == crate::engine::brief::Mode::Rehearse,
            }
        }
        Err(why) => UnfinishedRun {
            run,
            cluster: "?".into(),
            procedure: String::new(),
            versions: String::new(),
            stopped: "cannot be read".into(),
            doubts: why.lines().next().map(str::to_string).into_iter().collect(),
            rehearsal: false,
        },
    }
}

fn stopped(state: &RunState) -> String {
    let plan = state.plan.as_deref().map(|plan: &Plan| plan.stages.len());
    match (state.stage(), plan) {
        (Some(stage), Some(_)) => {
            format!(
                "stopped at step {}/{} \"{}\"",
                state.cursor + 1,
                state.stages.len(),
                stage.stage.title
            )
        }
        (None, Some(_)) => "stopped after the last step".into(),
        (_, None) => "stopped before there was a plan".into(),
    }
}

fn doubts(state: &RunState) -> Vec<String> {
    let line = |id: &crate::model::ids::ActionId| match &state.actions.get(id)?.state {
        ActionState::Running { .. }
        | ActionState::Verifying { .. }
        | ActionState::InDoubt { .. } => {
            Some(format!("in doubt: {id} (was started, end not seen)"))
        }
        ActionState::Failed { failure, .. } => Some(format!("failed: {id}: {}", failure.message)),
        ActionState::Pending
        | ActionState::Asked { .. }
        | ActionState::Done { .. }
        | ActionState::NotRun { .. } => None,
    };
    state.active.iter().filter_map(line).collect()
}

fn lines(settings: &Settings) -> Result<u8, CliError> {
    out::line(format_args!(
        "holdpoint walks you through upgrading a cluster, one hold point at a time.\n"
    ));
    let listings = folder::state_dir(settings, None)?.list()?;
    let mut open = listings
        .iter()
        .filter(|listing| folder::is_unfinished(&listing.dir))
        .peekable();
    if open.peek().is_some() {
        out::line(format_args!("Not finished:"));
        for listing in open {
            let id = listing.dir.id();
            let state = super::runs::state(listing);
            out::line(format_args!("  holdpoint resume {id:<6}  {state}"));
        }
        out::line("");
    }
    out::line(format_args!(
        "  holdpoint rehearse          try it on a simulated cluster: nothing is changed"
    ));
    out::line(format_args!(
        "  holdpoint init PROCEDURE > my.toml    begin with a cluster of your own"
    ));
    out::line(format_args!(
        "  holdpoint --help            everything else"
    ));
    Ok(0)
}
