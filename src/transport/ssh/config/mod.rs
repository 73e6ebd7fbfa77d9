//! What ssh_config(5) says about a host: resolved as ssh(1) resolves it, or refused.
//!
//! Where the ssh program is installed, `ssh -G` is asked ([`openssh`]): it is the truth, `Match exec` and all. Elsewhere
//! our own reading takes its place ([`reader`], [`own`]), which refuses what it cannot decide. Both give an [`Answer`] in
//! the words of `ssh -G`; [`settings`] turns it into what a connection goes by. A test holds the two against each other.
//!
//! ssh(1) looks for `~` in the user database, we look at `HOME`. Where they differ, `ssh -G` would read another person's
//! files: then our own reading is used.

mod algorithms;
mod alike;
mod answer;
mod condition;
mod glob;
mod jump;
mod line;
mod machine;
mod openssh;
mod options;
mod own;
pub(super) mod pattern;
mod reader;
mod settings;
mod tokens;
mod values;
mod written;

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use self::alike::{Kind, Representative};

pub use algorithms::{NameList, NameLists, openssh_lists};
pub use answer::{Answer, Value};
pub use machine::{Ask, ConfigRefused, Files, Machine, Origin};
pub use openssh::find as find_ssh;
pub(crate) use options::is_followed;
pub use own::resolve as resolve_alone;
pub(crate) use settings::{Settings, Way, agent_socket, last_hop};

/// Resolves hosts, one after another or side by side.
#[derive(Debug)]
pub struct Resolver {
    machine: Machine,
    files: Files,
    ssh: Option<PathBuf>,
    /// What ssh says without any file, found out once.
    bare: OnceLock<Result<Answer, ConfigRefused>>,
    /// What ssh says about one host of each kind.
    kinds: Mutex<BTreeMap<Kind, Arc<Told>>>,
}

type Told = OnceLock<Result<Representative, ConfigRefused>>;

impl Resolver {
    /// A resolver that asks the ssh program `ssh`, or none.
    pub fn new(machine: Machine, files: Files, ssh: Option<PathBuf>) -> Self {
        Self {
            machine,
            files,
            ssh,
            bare: OnceLock::new(),
            kinds: Mutex::default(),
        }
    }

    /// A resolver with the ssh program on `path` (a `PATH`), if there is one.
    pub fn with_path(machine: Machine, files: Files, path: Option<&OsStr>) -> Self {
        let ssh = path.and_then(find_ssh);
        Self::new(machine, files, ssh)
    }

    /// The same by other files.
    pub fn reading(&self, files: Files) -> Self {
        Self {
            // What ssh says without any file is the same for all.
            bare: self.bare.clone(),
            ..Self::new(self.machine.clone(), files, self.ssh.clone())
        }
    }

    /// The files that are read.
    pub fn files(&self) -> &Files {
        &self.files
    }

    /// Whom we resolve for.
    pub fn machine(&self) -> &Machine {
        &self.machine
    }

    /// The ssh program that is asked; nothing where our own reading is used.
    ///
    /// # Errors
    /// When the program is there and does not answer.
    pub fn asks(&self) -> Result<Option<&PathBuf>, ConfigRefused> {
        Ok(self.program()?.map(|(program, _)| program))
    }

    /// What holds for one host, with where it comes from.
    ///
    /// # Errors
    /// What ssh(1) would not take, and what cannot be decided without it.
    pub fn answer(&self, ask: &Ask) -> Result<Answer, ConfigRefused> {
        let own = resolve_alone(&self.machine, &self.files, ask, &openssh_lists());
        let Some((program, bare)) = self.program()? else {
            return own;
        };
        let own = own.ok();
        let asked = || {
            let mut answer = openssh::ask(program, &self.files, ask)?;
            openssh::mark_defaults(&mut answer, bare);
            if let Some(own) = &own {
                openssh::explain(&mut answer, own);
            }
            Ok(answer)
        };
        let Some((kind, own)) = own
            .as_ref()
            .and_then(|own| Some((Kind::of(ask, own)?, own)))
        else {
            return asked();
        };
        let told = self.told(kind);
        let first = told.get_or_init(|| Ok(Representative::new(&ask.host, asked()?, own)));
        let answer = first
            .as_ref()
            .ok()
            .and_then(|first| first.answer_for(&ask.host));
        answer.map_or_else(asked, Ok)
    }

    /// What was said about a kind, or the place for it. Who asks for a kind that is being asked about waits for the answer.
    fn told(&self, kind: Kind) -> Arc<Told> {
        let mut kinds = self.kinds.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(kinds.entry(kind).or_default())
    }

    /// What a connection to one host goes by.
    ///
    /// # Errors
    /// As [`Resolver::answer`]; also options that must not be passed over and that are not supported.
    pub(crate) fn settings(&self, ask: &Ask) -> Result<Settings, ConfigRefused> {
        let answer = self.answer(ask)?;
        Settings::of(&answer, &self.machine, ask)
    }

    fn program(&self) -> Result<Option<(&PathBuf, &Answer)>, ConfigRefused> {
        let Some(program) = &self.ssh else {
            return Ok(None);
        };
        let nobody = Ask {
            host: "localhost".into(),
            ..Ask::default()
        };
        let bare = self
            .bare
            .get_or_init(|| openssh::ask(program, &Files::None, &nobody));
        let bare = bare.as_ref().map_err(Clone::clone)?;
        Ok(self.is_at_home(bare).then_some((program, bare)))
    }

    /// Whether ssh takes the same folder for `~` as we do. It shows it in the files that it expands.
    fn is_at_home(&self, bare: &Answer) -> bool {
        let known = bare.value("userknownhostsfile");
        let first = known.and_then(|value| value.words.first());
        let ours = self.machine.home.join(".ssh/known_hosts");
        first.is_none_or(|file| file.starts_with('~') || Path::new(file) == ours)
    }
}
