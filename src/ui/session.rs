//! What the full-screen wizard is given, what it asks for, and how it ends. It knows neither driver nor files: those
//! who start it hand in closures.

use std::io;

use secrecy::SecretString;

use super::signs::Signs;
use super::theme::Theme;
use crate::engine::brief::Brief;
use crate::engine::input::Says;
use crate::engine::update::Update;
use crate::model::ids::NodeId;
use std::sync::Arc;

/// One session of a run, on the screen.
pub struct Session {
    pub brief: Arc<Brief>,
    /// Asked for what is new; must not block.
    pub updates: Box<dyn FnMut() -> Next>,
    /// Takes what the operator wants; must not block.
    pub intents: Box<dyn FnMut(Intent)>,
    pub options: Options,
}

/// What a source of updates answers.
#[derive(Clone, Debug)]
pub enum Next {
    Update(Update),
    /// One line that the operator should know and that changes nothing: a refused message, a slow disk.
    Remark(String),
    /// Nothing now.
    Nothing,
    /// Nothing ever more: the other side has ended.
    Over,
}

/// What the operator wants. Nothing is judged here; typed phrases go out as they are.
#[derive(Debug)]
pub enum Intent {
    Says(Says),
    /// Goes to the transport and nowhere else.
    Secret {
        node: NodeId,
        text: SecretString,
    },
    /// Disturbs a rehearsal: `link-lost st2 30s`.
    Fault(String),
    /// How fast a rehearsal goes.
    Speed(Speed),
    /// Nobody is there any more to answer: the terminal has gone away.
    Leave,
}

/// How fast a rehearsal goes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Speed {
    /// So many virtual seconds per second; more than zero.
    Times(f64),
    /// From one moment to the next without waiting.
    Max,
    /// Not at all.
    Still,
}

/// What does not change while a session lasts.
pub struct Options {
    /// Themes that `T` goes through; the first one is shown at start.
    pub themes: Vec<Theme>,
    pub signs: &'static Signs,
    /// The speed that a rehearsal starts with.
    pub speed: Speed,
    /// What the report screen says about files: a word and a path.
    pub files: Vec<(String, String)>,
    /// Keeps a file for the operator (name, contents) and says where; `None` where there is no folder.
    pub keep: Option<Keep>,
}

/// Keeps a named text for the operator and returns where it is, or why it could not be kept.
pub type Keep = Box<dyn FnMut(&str, &str) -> Result<String, String>>;

/// How a session on the screen ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Leave {
    /// The run is finished and its report was read.
    Finished,
    /// The operator left; the run can be resumed.
    Left,
    /// The other side ended without an end of the run.
    Over,
    /// The terminal has gone away.
    TerminalGone,
}

/// What the welcome screen shows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Welcome {
    /// Unfinished runs, the newest first.
    pub unfinished: Vec<UnfinishedRun>,
    /// Clusters, from files that the caller knows.
    pub clusters: Vec<KnownCluster>,
    /// Procedures that can be rehearsed, the one to begin with first.
    pub procedures: Vec<KnownProcedure>,
}

/// A run that can be resumed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnfinishedRun {
    pub run: String,
    pub cluster: String,
    pub procedure: String,
    /// `5.4 -> 5.5`, or only the target.
    pub versions: String,
    /// Where it stopped: `stopped 03:52Z at step 7/19 "Upgrade"`.
    pub stopped: String,
    /// What is in doubt or wrong with it, if anything.
    pub doubts: Vec<String>,
    pub rehearsal: bool,
}

/// A cluster file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownCluster {
    pub name: String,
    pub file: String,
    pub nodes: usize,
    pub product: String,
    pub last: String,
}

/// A procedure of the catalogue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownProcedure {
    pub id: String,
    pub title: String,
    pub product: String,
    pub steps: usize,
}

/// What was chosen on the welcome screen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WelcomeChoice {
    Resume {
        run: String,
    },
    /// Carry out for real what this cluster file says.
    Open {
        file: String,
    },
    Rehearse {
        procedure: String,
    },
    /// Rehearse with the nodes and parameters of this cluster file.
    RehearseCluster {
        file: String,
    },
    Leave,
    /// The terminal has gone away.
    TerminalGone,
}

/// Why the screen could not be used.
#[derive(Debug, thiserror::Error)]
pub enum UiError {
    #[error("use the terminal; --plain works without one")]
    Terminal(#[source] io::Error),
    #[error("go on after another part of the program failed: {0}")]
    Panicked(String),
}
