//! `holdpoint resume`: an interrupted run goes on where its journal ends.

use std::sync::Arc;

use crate::cli::args::Resume;
use crate::cli::exit::{CliError, Kind};
use crate::cli::folder::{self, Past};
use crate::cli::lines::Words;
use crate::cli::load::{self, Origin};
use crate::cli::session::{self, Start};
use crate::cli::settings::Settings;
use crate::cli::{hands, reach};
use crate::driver::{Clock, Hands, clock};
use crate::engine::brief::Mode;
use crate::engine::event::Entry;
use crate::engine::input::Input;
use crate::engine::state::RunState;
use crate::journal::{Journal, RunDir};
use crate::transport::dryrun::{DryRun, Overlay};
use crate::transport::nodes::SshActs;

/// Resumes.
///
/// # Errors
/// Another process works on the run, its files were altered, or its journal cannot be relied on.
pub fn resume(settings: &Settings, args: &Resume) -> Result<u8, CliError> {
    let dir = match &args.run {
        Some(run) => folder::find(settings, run)?,
        None => folder::latest_unfinished(settings)?,
    };
    let lock = dir.lock()?;
    if let Some(owner) = lock.previous_owner() {
        eprintln!("note: {owner} worked on run {} and is gone", dir.id());
    }
    let past = folder::past(&dir, &crate::journal::read(&dir.journal())?)?;
    let state = past.replay();
    if state.ending.is_some() {
        return Err(
            CliError::usage(format!("resume run {}: it is finished", dir.id()))
                .hint(format!("`holdpoint report {}` tells how", dir.id())),
        );
    }
    folder::state_dir(settings, Some(past.opening.mode))?;
    unchanged(&dir, &past, args.reason.as_deref())?;
    let opened = Journal::open(&dir.journal(), folder::durability(past.opening.mode))?;
    let torn = opened.torn_aside.map(|aside| {
        let name = aside
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        eprintln!(
            "note: the end of the journal was torn; its bytes are kept in {}",
            aside.display()
        );
        format!("the journal had a torn end; its bytes are in {name}")
    });
    let first = Input::Resume {
        by: session::person(),
        reason: args.reason.clone(),
        wall: clock::wall_ms(),
        torn,
    };
    eprintln!("run {}, {} records", dir.id(), past.entries.len());
    go_on(settings, args, &dir, &past, state, opened.journal, first)
}

fn go_on(
    settings: &Settings,
    args: &Resume,
    dir: &RunDir,
    past: &Past,
    state: RunState,
    journal: Journal,
    first: Input,
) -> Result<u8, CliError> {
    let recorder = folder::recorder(&past.brief, dir.clone(), journal);
    match past.opening.mode {
        Mode::Rehearse => {
            if past
                .meta
                .more
                .get("drill")
                .is_some_and(|drill| !drill.is_null())
            {
                eprintln!("note: the drill is not taken up again");
            }
            let hands = hands::adopted(&state, past.opening.seed.unwrap_or(1), None)?;
            let speed = super::rehearse::speed(settings, args.speed);
            let clock = Clock::paced(speed, state.at);
            walk(
                settings,
                dir,
                Walk {
                    state,
                    past: past.told(),
                    first,
                    hands,
                    recorder,
                    clock,
                },
            )
        }
        Mode::DryRun => {
            let hands = DryRun::new(
                reach::looks(settings, &past.brief, Some(&state))?,
                supposed(&state),
            );
            let clock = Clock::wall(past.opening.wall, state.at);
            walk(
                settings,
                dir,
                Walk {
                    state,
                    past: past.told(),
                    first,
                    hands,
                    recorder,
                    clock,
                },
            )
        }
        Mode::Run => {
            let hands = SshActs::new(reach::looks(settings, &past.brief, Some(&state))?);
            let clock = Clock::wall(past.opening.wall, state.at);
            walk(
                settings,
                dir,
                Walk {
                    state,
                    past: past.told(),
                    first,
                    hands,
                    recorder,
                    clock,
                },
            )
        }
    }
}

struct Walk<T> {
    state: RunState,
    past: Vec<Arc<Entry>>,
    first: Input,
    hands: T,
    recorder: Box<dyn crate::driver::Recorder>,
    clock: Clock,
}

fn walk<T: Hands + 'static>(
    settings: &Settings,
    dir: &RunDir,
    walk: Walk<T>,
) -> Result<u8, CliError> {
    let Walk {
        state,
        past,
        first,
        hands,
        recorder,
        clock,
    } = walk;
    let words = Words::Out;
    let start = Start {
        state,
        first,
        hands,
        recorder,
        clock,
        dir: Some(dir.clone()),
        past,
        words,
    };
    super::ended(session::walk(settings, start)?, dir)
}

/// What a dry run has supposed so far: what its finished actions would have made so.
fn supposed(state: &RunState) -> Overlay {
    let mut overlay = Overlay::new();
    for ((node, fact), (value, _)) in &state.established {
        let facts = overlay.entry(node.clone()).or_default();
        facts.insert(fact.clone(), value.clone());
    }
    overlay
}

/// A run goes on with its frozen files. If the operator's own have changed since, that wants a reason.
fn unchanged(dir: &RunDir, past: &Past, reason: Option<&str>) -> Result<(), CliError> {
    let opening = &past.opening;
    for (what, origin, frozen) in [
        ("procedure", &past.procedure_from, &opening.procedure_hash),
        ("cluster file", &past.cluster_from, &opening.cluster_hash),
    ] {
        let now = load::text_of(origin);
        if now.is_none_or(|text| load::hash(&text) == *frozen) {
            continue;
        }
        let name = match origin {
            Origin::File(path) => path.display().to_string(),
            Origin::Catalogue(id) => format!("{id} of this holdpoint"),
            Origin::Twin(_) => continue,
        };
        match reason.map(str::trim).filter(|reason| !reason.is_empty()) {
            Some(_) => eprintln!(
                "note: the {what} {name} has changed; the run goes on with its frozen one"
            ),
            None => {
                let error = anyhow::anyhow!(
                    "resume run {}: the {what} {name} has changed since it was opened",
                    dir.id()
                );
                return Err(CliError::new(Kind::Unfit, error).hint(
                    "the run goes on with the frozen one if you say why: --reason TEXT; your changes count in a new run",
                ));
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[test]
    fn a_dry_run_goes_on_supposing_what_it_supposed() {
        let procedure = crate::parse::procedure(
            include_str!("../../../tests/fixtures/relay.toml"),
            "relay.toml",
        );
        let procedure = procedure.expect("the fixture is good").value;
        let cluster = crate::sim::twin(&procedure, 2).expect("two nodes are enough");
        let brief = crate::engine::brief::Brief::new(
            procedure,
            cluster,
            Mode::DryRun,
            crate::engine::brief::Goal::Walk,
        );
        let mut state = RunState::new(Arc::new(brief));
        let value = crate::model::value::Value::text("stopped");
        let by = crate::model::ids::ActionId::new("stop@a");
        state
            .established
            .insert(("a".into(), "service".into()), (value.clone(), by));
        assert_eq!(supposed(&state)["a"]["service"], value);
    }
}
