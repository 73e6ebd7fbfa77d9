//! Where entries and outputs are kept.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::engine::event::{Entry, Event};
use crate::engine::plan::Plan;
use crate::journal::{FileTrouble, Journal, JournalError, RunDir, Transcript};
use crate::model::ids::ActionId;
use crate::model::lines::Lines;

/// Keeps what must not be lost. What [`append`](Recorder::append) acknowledged is on disk.
pub trait Recorder: Send {
    /// Keeps the entries of one or more decisions. Nothing that follows from them may be done before this returns well.
    ///
    /// # Errors
    /// [`RecordError`]: none of them counts, and nothing more may be started.
    fn append(&mut self, entries: &[Arc<Entry>]) -> Result<(), RecordError>;

    /// Tries to keep one last entry, why the run stopped, after an append has failed.
    fn last_word(&mut self, entry: &Entry);

    /// Keeps lines of an attempt's output; already free of control sequences. Tells once what could not be kept.
    fn output(&mut self, action: &ActionId, attempt: u32, lines: &Lines) -> Option<String>;

    /// Something worth telling the operator, such as a disk that takes long, since this was last asked.
    fn warning(&mut self) -> Option<String>;
}

/// Why entries could not be kept.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    #[error(transparent)]
    Journal(#[from] JournalError),
    #[error("freeze the plan")]
    Plan(#[from] FileTrouble),
}

/// Keeps nothing: for `check` and `plan`, which leave no run behind.
pub struct NoRecord;

impl Recorder for NoRecord {
    fn append(&mut self, _: &[Arc<Entry>]) -> Result<(), RecordError> {
        Ok(())
    }

    fn last_word(&mut self, _: &Entry) {}

    fn output(&mut self, _: &ActionId, _: u32, _: &Lines) -> Option<String> {
        None
    }

    fn warning(&mut self) -> Option<String> {
        None
    }
}

/// Writes a plan for people.
pub type PlanText = Box<dyn Fn(&Plan) -> String + Send>;

/// Keeps everything in the folder of one run.
pub struct RunRecorder {
    dir: RunDir,
    journal: Journal,
    transcripts: Transcripts,
    plan_text: PlanText,
}

impl RunRecorder {
    /// Keeps in `dir`, whose lock the caller holds.
    pub fn new(dir: RunDir, journal: Journal, plan_text: PlanText) -> RunRecorder {
        RunRecorder {
            transcripts: Transcripts::new(dir.clone()),
            dir,
            journal,
            plan_text,
        }
    }

    /// The plan stands in its files before the journal says that it is frozen.
    fn freeze(&self, entry: &Entry) -> Result<(), FileTrouble> {
        let Event::PlanFrozen {
            plan: Some(plan), ..
        } = &entry.event
        else {
            return Ok(());
        };
        let json = serde_json::to_vec(&**plan).expect("a plan is plain data and always serialises");
        self.dir.replace(&self.dir.plan_json(), &json)?;
        let text = (self.plan_text)(plan);
        self.dir.replace(&self.dir.plan_text(), text.as_bytes())
    }
}

impl Recorder for RunRecorder {
    fn append(&mut self, entries: &[Arc<Entry>]) -> Result<(), RecordError> {
        for entry in entries {
            self.freeze(entry)?;
        }
        let payloads: Vec<Vec<u8>> = entries.iter().map(|entry| payload(entry)).collect();
        Ok(self.journal.append(&payloads)?)
    }

    fn last_word(&mut self, entry: &Entry) {
        // There is nobody left to tell if this fails too: the caller reports the first failure.
        let _ = self.journal.last_word(&payload(entry));
    }

    fn output(&mut self, action: &ActionId, attempt: u32, lines: &Lines) -> Option<String> {
        self.transcripts.lines(action, attempt, lines)
    }

    fn warning(&mut self) -> Option<String> {
        let slow = self.journal.take_slow_sync()?;
        Some(format!(
            "the disk took {} ms to keep record {}; look at what else it is doing",
            slow.took.as_millis(),
            slow.record
        ))
    }
}

fn payload(entry: &Entry) -> Vec<u8> {
    serde_json::to_vec(entry).expect("an entry is plain data and always serialises")
}

/// The transcripts that are written now. Few are open at once, however many nodes there are.
struct Transcripts {
    dir: RunDir,
    open: BTreeMap<(ActionId, u32), Transcript>,
    failed: bool,
}

impl Transcripts {
    /// Most files open at once, well below what a process may have.
    const MOST: usize = 64;

    fn new(dir: RunDir) -> Transcripts {
        Transcripts {
            dir,
            open: BTreeMap::new(),
            failed: false,
        }
    }

    fn lines(&mut self, action: &ActionId, attempt: u32, lines: &Lines) -> Option<String> {
        if self.failed {
            return None;
        }
        let trouble = self.put(action, attempt, lines).err()?;
        self.failed = true;
        let cause = &trouble.source;
        Some(format!(
            "outputs are not kept from here on: failed to {trouble}: {cause}; the run goes on"
        ))
    }

    fn put(&mut self, action: &ActionId, attempt: u32, lines: &Lines) -> Result<(), FileTrouble> {
        let key = (action.clone(), attempt);
        if !self.open.contains_key(&key) {
            if self.open.len() >= Self::MOST {
                self.open.pop_first();
            }
            let transcript = if self.dir.transcript_path(action.as_str(), attempt).exists() {
                self.dir.continued_transcript(action.as_str(), attempt)?
            } else {
                self.dir.new_transcript(action.as_str(), attempt)?
            };
            self.open.insert(key.clone(), transcript);
        }
        match self.open.get_mut(&key) {
            Some(transcript) => transcript.lines(lines.as_str()),
            None => Ok(()),
        }
    }
}
