//! The folder of a run: made, opened again, replayed, reported.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::exit::{CliError, Kind};
use super::load::{self, Loaded, Origin};
use super::session;
use super::settings::Settings;
use crate::driver::record::PlanText;
use crate::driver::{Recorder, RunRecorder, clock};
use crate::engine::brief::{Brief, Goal, Mode};
use crate::engine::event::{Entry, Event, Opening};
use crate::engine::plan::Plan;
use crate::engine::recover;
use crate::engine::state::RunState;
use crate::journal::{
    self, Durability, Journal, Listing, Meta, NetworkFs, Reading, RunDir, RunId, RunLock, StateDir,
};
use crate::model::ids;
use crate::report::{self, plan_text};

/// A run's folder with the right to write to it.
pub struct Held {
    pub dir: RunDir,
    pub lock: RunLock,
    pub journal: Journal,
}

/// A run as its folder tells it.
pub struct Past {
    pub meta: Meta,
    pub brief: Arc<Brief>,
    pub opening: Opening,
    pub procedure_from: Origin,
    pub cluster_from: Origin,
    pub entries: Vec<Entry>,
    pub plan: Option<Arc<Plan>>,
    pub head: String,
}

/// The name and version that stand in journals.
pub fn program() -> String {
    format!("holdpoint {}", env!("CARGO_PKG_VERSION"))
}

/// The state folder. What changes nodes wants one on a local disk.
///
/// # Errors
/// When it cannot be made, written or trusted.
pub fn state_dir(settings: &Settings, mode: Option<Mode>) -> Result<StateDir, CliError> {
    let network = match mode {
        Some(Mode::Run | Mode::DryRun) => NetworkFs::Refuse,
        Some(Mode::Rehearse) | None => NetworkFs::Accept,
    };
    let folder = StateDir::locate(settings.state_dir.as_deref())?;
    Ok(StateDir::open(&folder, network)?)
}

/// How durable the journal of such a run is.
pub fn durability(mode: Mode) -> Durability {
    match mode {
        Mode::Rehearse => Durability::Unsynced,
        Mode::DryRun | Mode::Run => Durability::Synced,
    }
}

/// Makes the folder of a new run: its frozen files, its lock and an empty journal.
///
/// # Errors
/// When the disk is full or the folder not writable; nothing was sent then.
pub fn make(
    settings: &Settings,
    loaded: &Loaded,
    mode: Mode,
    more: &[(&str, Value)],
) -> Result<(Held, Opening), CliError> {
    let by = session::person();
    let mut kept = Map::new();
    kept.insert("procedure_from".into(), json!(loaded.procedure_from));
    kept.insert("cluster_from".into(), json!(loaded.cluster_from));
    kept.extend(
        more.iter()
            .map(|(name, value)| (name.to_string(), value.clone())),
    );
    let meta = |run| Meta {
        run,
        mode: mode.name().into(),
        procedure: loaded.procedure.id.clone(),
        cluster: loaded.cluster.name.clone(),
        target: loaded.cluster.target.clone(),
        created: jiff::Timestamp::from_millisecond(clock::wall_ms()).unwrap_or_default(),
        operator: by.to_string(),
        program: program(),
        more: kept,
    };
    let dir = state_dir(settings, Some(mode))?.create(journal::runid::entropy(), meta)?;
    let lock = dir.lock()?;
    dir.freeze(&dir.procedure(), loaded.procedure_text.as_bytes())?;
    dir.freeze(&dir.cluster(), loaded.cluster_text.as_bytes())?;
    let journal = Journal::create(&dir.journal(), durability(mode))?;
    let seed = more.iter().find(|(name, _)| *name == "seed");
    let opening = Opening {
        run: ids::RunId::new(dir.id().as_str()),
        mode,
        goal: Goal::Walk,
        program: program(),
        cluster: loaded.cluster.name.clone(),
        procedure: loaded.procedure.id.clone(),
        target: loaded.cluster.target.clone(),
        procedure_hash: load::hash(&loaded.procedure_text),
        cluster_hash: load::hash(&loaded.cluster_text),
        by,
        wall: clock::wall_ms(),
        seed: seed.and_then(|(_, seed)| seed.as_u64()),
    };
    Ok((Held { dir, lock, journal }, opening))
}

/// What keeps the run's entries, outputs and plan.
pub fn recorder(brief: &Arc<Brief>, dir: RunDir, journal: Journal) -> Box<dyn Recorder> {
    let brief = Arc::clone(brief);
    let text: PlanText = Box::new(move |plan| plan_text::plan_text(&brief, plan));
    Box::new(RunRecorder::new(dir, journal, text))
}

/// Finds a run by its name.
///
/// # Errors
/// When it is no name of a run, or there is none.
pub fn find(settings: &Settings, run: &str) -> Result<RunDir, CliError> {
    let id: RunId = run
        .parse()
        .map_err(|why: journal::runid::NoRunId| CliError::usage(format!("open the run: {why}")))?;
    Ok(state_dir(settings, None)?.run(&id)?)
}

/// The latest run that is not finished.
///
/// # Errors
/// When there is none.
pub fn latest_unfinished(settings: &Settings) -> Result<RunDir, CliError> {
    let unfinished = |listing: &Listing| is_unfinished(&listing.dir);
    match state_dir(settings, None)?.latest(unfinished)? {
        Some(listing) => Ok(listing.dir),
        None => Err(
            CliError::usage("find a run to resume: every run is finished")
                .hint("`holdpoint runs` lists them"),
        ),
    }
}

/// Whether a run was begun and did not come to its end. Only the end of the journal is read: a list of many long runs must
/// not take long. Whether the journal can be relied on is judged when it is opened.
pub fn is_unfinished(dir: &RunDir) -> bool {
    let Ok(end) = end_of(&dir.journal()) else {
        return false;
    };
    let last = end.trim_end().rsplit('\n').next().unwrap_or_default();
    !last.is_empty() && !last.contains("\"event\":\"finished\"")
}

/// The last few records of a journal: an end of a run is a short one.
fn end_of(journal: &std::path::Path) -> std::io::Result<String> {
    use std::io::{Read as _, Seek as _, SeekFrom};
    let mut file = std::fs::File::open(journal)?;
    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(4096)))?;
    let mut end = Vec::new();
    file.read_to_end(&mut end)?;
    Ok(String::from_utf8_lossy(&end).into_owned())
}

/// Reads the folder of a run back. Changes nothing.
///
/// # Errors
/// When a file is missing, was altered, or cannot be understood.
pub fn past(dir: &RunDir, reading: &Reading) -> Result<Past, CliError> {
    let entries = entries(reading)?;
    let opening = entries.first().and_then(|entry| match &entry.event {
        Event::Opened(opening) => Some((**opening).clone()),
        _ => None,
    });
    let Some(opening) = opening else {
        return Err(CliError::usage(format!(
            "read run {}: its journal does not begin with how it was opened",
            dir.id()
        ))
        .hint("it ended before it began; start a new run"));
    };
    let meta = dir.meta()?;
    let origin = |name: &str, other: &str| {
        let kept = meta.more.get(name).cloned();
        kept.and_then(|kept| serde_json::from_value(kept).ok())
            .unwrap_or_else(|| Origin::Catalogue(other.to_string()))
    };
    let procedure_from = origin("procedure_from", &meta.procedure);
    let cluster_from = origin("cluster_from", "");
    let loaded = load::frozen(
        &frozen(dir, &dir.procedure(), &opening.procedure_hash)?,
        procedure_from.clone(),
        &frozen(dir, &dir.cluster(), &opening.cluster_hash)?,
        cluster_from.clone(),
    )?;
    Ok(Past {
        brief: Arc::new(loaded.brief(opening.mode, opening.goal)),
        plan: plan(dir, &entries)?,
        head: reading.head.to_string(),
        meta,
        opening,
        procedure_from,
        cluster_from,
        entries,
    })
}

impl Past {
    /// Its entries as they were told, the plan with them again.
    pub fn told(&self) -> Vec<Arc<Entry>> {
        let entries = self.entries.iter().cloned();
        recover::with_plan(entries, self.plan.as_ref())
            .map(Arc::new)
            .collect()
    }

    /// The state that its entries come to.
    pub fn replay(&self) -> RunState {
        let mut state = RunState::new(Arc::clone(&self.brief));
        recover::replay(&mut state, self.entries.iter().cloned(), self.plan.as_ref());
        state
    }
}

fn entries(reading: &Reading) -> Result<Vec<Entry>, CliError> {
    let entry = |record: &journal::Record| {
        serde_json::from_slice(&record.payload).map_err(|why| {
            CliError::usage(format!(
                "understand record {} of the journal: {why}",
                record.seq
            ))
            .hint("it was written by another version of holdpoint; use that one")
        })
    };
    reading.records.iter().map(entry).collect()
}

/// A frozen file, if it still is what the first record says.
fn frozen(dir: &RunDir, path: &std::path::Path, hash: &str) -> Result<String, CliError> {
    let text = load::read(path, "the frozen file")?;
    if load::hash(&text) == hash {
        return Ok(text);
    }
    let error = anyhow::anyhow!(
        "rely on run {}: {} is not the file that the run was made from",
        dir.id(),
        path.display()
    );
    Err(CliError::new(Kind::Unfit, error)
        .hint("somebody changed it in the run's folder; put it back, or start a new run"))
}

/// The frozen plan, if the journal speaks of one. A plan that was approved must still be there, unchanged.
fn plan(dir: &RunDir, entries: &[Entry]) -> Result<Option<Arc<Plan>>, CliError> {
    let wanted = entries.iter().rev().find_map(|entry| match &entry.event {
        Event::PlanFrozen { hash, .. } => Some(hash.clone()),
        _ => None,
    });
    let approved = entries
        .iter()
        .any(|entry| matches!(entry.event, Event::PlanApproved { .. }));
    let Some(wanted) = wanted else {
        return Ok(None);
    };
    let found: Option<Plan> = std::fs::read(dir.plan_json())
        .ok()
        .and_then(|bytes| serde_json::from_slice(&bytes).ok());
    match found.filter(|plan| plan.hash() == wanted) {
        Some(plan) => Ok(Some(Arc::new(plan))),
        None if !approved => Ok(None),
        None => {
            let path = dir.plan_json();
            let error = anyhow::anyhow!(
                "rely on run {}: {} is not the plan that was approved (hash {wanted})",
                dir.id(),
                path.display()
            );
            Err(CliError::new(Kind::Unfit, error)
                .hint("put the file back as it was; without it the run can only be read with `holdpoint verify`"))
        }
    }
}

/// Writes the reports of a run into its folder.
///
/// # Errors
/// When the run cannot be read back or the disk is full. The run itself is not affected.
pub fn write_reports(dir: &RunDir) -> Result<(), CliError> {
    let (reading, _) = journal::reader::salvage(&dir.journal())?;
    let story = story(&past(dir, &reading)?);
    let json =
        serde_json::to_vec_pretty(&story).expect("a story is plain data and always serialises");
    dir.replace(&dir.report("json"), &json)?;
    dir.replace(
        &dir.report("md"),
        report::markdown::markdown(&story).as_bytes(),
    )?;
    dir.replace(&dir.report("html"), report::html::html(&story).as_bytes())?;
    Ok(())
}

/// What happened in a run.
pub fn story(past: &Past) -> report::Story {
    let mut entries = past.entries.clone();
    for entry in &mut entries {
        if let Event::PlanFrozen { plan, hash, .. } = &mut entry.event {
            *plan = past.plan.clone().filter(|kept| kept.hash() == *hash);
        }
    }
    report::tell(&past.brief, &entries, &past.head)
}
