//! `holdpoint rehearse`: the whole walk on a simulated cluster.

use std::path::Path;
use std::sync::Arc;

use serde_json::json;

use crate::catalog;
use crate::cli::args::Rehearse;
use crate::cli::exit::CliError;
use crate::cli::lines::Words;
use crate::cli::load::{self, Loaded};
use crate::cli::session::{self, Start};
use crate::cli::settings::Settings;
use crate::cli::{folder, hands};
use crate::driver::{Clock, Speed};
use crate::engine::brief::{Goal, Mode};
use crate::engine::input::Input;
use crate::engine::state::RunState;
use crate::model::time::Stamp;

/// What is rehearsed when nothing is named.
const FIRST: &str = "securetransport/standard-cluster";

/// Rehearses.
///
/// # Errors
/// Bad files, or a state folder that cannot be used.
pub fn rehearse(settings: &Settings, args: &Rehearse) -> Result<u8, CliError> {
    let loaded = loaded(args)?;
    let drill = args.drill.as_deref().map(hands::drill).transpose()?;
    let brief = Arc::new(loaded.brief(Mode::Rehearse, Goal::Walk));
    let hands = hands::simulated(&brief, args.seed, drill.as_ref())?;
    let more = [("seed", json!(args.seed)), ("drill", json!(args.drill))];
    let (held, opening) = folder::make(settings, &loaded, Mode::Rehearse, &more)?;
    eprintln!(
        "rehearsal {}, seed {}: nothing real is touched",
        held.dir.id(),
        args.seed
    );
    let session = session::walk(
        settings,
        Start {
            recorder: folder::recorder(&brief, held.dir.clone(), held.journal),
            state: RunState::new(brief),
            first: Input::Open(Box::new(opening)),
            hands,
            clock: Clock::paced(speed(settings, args.speed), Stamp::default()),
            dir: Some(held.dir.clone()),
            past: Vec::new(),
            words: Words::Out,
        },
    )?;
    super::ended(session, &held.dir)
}

/// How fast: as said, else so that somebody who watches can follow.
pub(super) fn speed(settings: &Settings, given: Option<Speed>) -> Speed {
    given.unwrap_or(if settings.interactive {
        settings.speed
    } else {
        Speed::Max
    })
}

fn loaded(args: &Rehearse) -> Result<Loaded, CliError> {
    let nodes = args.nodes.map(|nodes| nodes as usize);
    let first = || {
        let ids = catalog::ids();
        ids.iter()
            .copied()
            .find(|id| *id == FIRST)
            .or(ids.first().copied())
    };
    let Some(what) = args.what.as_deref().or_else(first) else {
        return Err(CliError::usage(
            "rehearse: the catalogue is empty; name a procedure file",
        ));
    };
    if load::looks_like_a_file(what) && load::is_cluster_file(Path::new(what))? {
        if nodes.is_some() {
            return Err(CliError::usage(format!(
                "simulate {what} with --nodes: it brings its own nodes"
            ))
            .hint("leave --nodes away, or name a procedure instead of a cluster file"));
        }
        return load::cluster_file(Path::new(what));
    }
    load::twin(what, nodes)
}
