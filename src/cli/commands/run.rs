//! `holdpoint check`, `plan`, `dry-run` and `run`: on real nodes.

use std::path::Path;
use std::sync::Arc;

use crate::cli::exit::{self, CliError};
use crate::cli::lines::Words;
use crate::cli::load::{self, Loaded};
use crate::cli::out;
use crate::cli::session::{self, Start};
use crate::cli::settings::{Face, Settings};
use crate::cli::{folder, reach};
use crate::driver::{Clock, Hands, NoRecord, Session, clock};
use crate::engine::brief::{Brief, Goal, Mode};
use crate::engine::event::Opening;
use crate::engine::input::Input;
use crate::engine::state::RunState;
use crate::model::ids::RunId;
use crate::model::time::Stamp;
use crate::report::open_checks::open_checks;
use crate::report::plan_text;
use crate::transport::dryrun::{DryRun, Overlay};
use crate::transport::nodes::SshActs;

/// Connects, looks and runs the checks.
///
/// # Errors
/// Bad files.
pub fn check(settings: &Settings, file: &Path) -> Result<u8, CliError> {
    let session = look(settings, file, Goal::Check, Words::Out)?;
    match settings.face {
        Face::Plain => out::print(&open_checks(&session.state)),
        // The one is for programs, the other has shown it.
        Face::Json | Face::Screens => {}
    }
    exit::of_session(session, None)
}

/// Prints the plan that would be frozen now.
///
/// # Errors
/// Bad files.
pub fn plan(settings: &Settings, file: &Path) -> Result<u8, CliError> {
    let session = look(settings, file, Goal::Plan, Words::Err)?;
    if let Some(plan) = &session.state.plan {
        match settings.face {
            Face::Json => {
                let json = serde_json::to_string_pretty(&**plan);
                out::line(format_args!(
                    "{}",
                    json.expect("a plan is plain data and always serialises")
                ));
            }
            Face::Screens | Face::Plain => {
                out::print(&plan_text::plan_text(&session.state.brief, plan));
            }
        }
    }
    exit::of_session(session, None)
}

/// Walks the whole upgrade without a way to change anything.
///
/// # Errors
/// Bad files, or a state folder that cannot be used.
pub fn dry_run(settings: &Settings, file: &Path) -> Result<u8, CliError> {
    let loaded = load::cluster_file(file)?;
    let brief = Arc::new(loaded.brief(Mode::DryRun, Goal::Walk));
    let hands = DryRun::new(reach::looks(settings, &brief, None)?, Overlay::new());
    begin(settings, &loaded, brief, Mode::DryRun, hands)
}

/// Upgrades for real.
///
/// # Errors
/// Bad files, or a state folder that cannot be used.
pub fn run(settings: &Settings, file: &Path) -> Result<u8, CliError> {
    let loaded = load::cluster_file(file)?;
    let brief = Arc::new(loaded.brief(Mode::Run, Goal::Walk));
    let hands = SshActs::new(reach::looks(settings, &brief, None)?);
    begin(settings, &loaded, brief, Mode::Run, hands)
}

fn begin<T: Hands + 'static>(
    settings: &Settings,
    loaded: &Loaded,
    brief: Arc<Brief>,
    mode: Mode,
    hands: T,
) -> Result<u8, CliError> {
    let (held, opening) = folder::make(settings, loaded, mode, &[])?;
    eprintln!("run {}", held.dir.id());
    let session = session::walk(
        settings,
        Start {
            recorder: folder::recorder(&brief, held.dir.clone(), held.journal),
            state: RunState::new(brief),
            clock: Clock::wall(opening.wall, Stamp::default()),
            first: Input::Open(Box::new(opening)),
            hands,
            dir: Some(held.dir.clone()),
            past: Vec::new(),
            words: Words::Out,
        },
    )?;
    super::ended(session, &held.dir)
}

/// A session that only looks and leaves nothing behind.
fn look(settings: &Settings, file: &Path, goal: Goal, words: Words) -> Result<Session, CliError> {
    let loaded = load::cluster_file(file)?;
    let brief = Arc::new(loaded.brief(Mode::DryRun, goal));
    let hands = DryRun::new(reach::looks(settings, &brief, None)?, Overlay::new());
    let opening = Opening {
        run: RunId::new("-"),
        mode: Mode::DryRun,
        goal,
        program: folder::program(),
        cluster: loaded.cluster.name.clone(),
        procedure: loaded.procedure.id.clone(),
        target: loaded.cluster.target.clone(),
        procedure_hash: load::hash(&loaded.procedure_text),
        cluster_hash: load::hash(&loaded.cluster_text),
        by: session::person(),
        wall: clock::wall_ms(),
        seed: None,
    };
    session::walk(
        settings,
        Start {
            state: RunState::new(brief),
            clock: Clock::wall(opening.wall, Stamp::default()),
            first: Input::Open(Box::new(opening)),
            hands,
            recorder: Box::new(NoRecord),
            dir: None,
            past: Vec::new(),
            words,
        },
    )
}
