//! Where runs live: `<state folder>/runs`, one folder a run.
//!
//! The state folder is `--state-dir` or `HOLDPOINT_STATE_DIR` if given, else `holdpoint` in the XDG state directory. Journals
//! and transcripts say what was done to production machines, so the folder must be ours and closed to others.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use etcetera::BaseStrategy;

use super::files::{self, FileTrouble};
use super::lock::{self, LockState};
use super::rundir::{Meta, RunDir};
use super::runid::RunId;

/// Whether a state folder on a network file system is accepted. Locks and syncs are only sure on a local disk.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NetworkFs {
    /// Refuse it, which is right unless the operator insists.
    Refuse,
    /// The operator insists.
    Accept,
}

/// Why the state folder, or a run in it, cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// No folder was given and there is no home directory.
    #[error("find the state folder: there is no home directory; name a folder with --state-dir")]
    NoHome,
    /// It is not safe to keep journals there.
    #[error("use the state folder {}: {why}", path.display())]
    Distrusted {
        /// The folder.
        path: PathBuf,
        /// What is wrong and what to do, in words.
        why: String,
    },
    /// No such run.
    #[error("open run {id}: there is none in {}; `holdpoint runs` lists them", root.display())]
    UnknownRun {
        /// The run asked for.
        id: RunId,
        /// Where it was looked for.
        root: PathBuf,
    },
    /// Every name that was tried is taken.
    #[error("name a new run: every id tried is taken in {}; move old runs away", root.display())]
    NoFreeId {
        /// The folder of the runs.
        root: PathBuf,
    },
    /// The file system refused.
    #[error("use the state folder")]
    Files(#[from] FileTrouble),
}

/// The folder of all runs.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StateDir {
    runs: PathBuf,
}

/// One line of `holdpoint runs`.
#[derive(Debug)]
pub struct Listing {
    /// The run's folder.
    pub dir: RunDir,
    /// What it says about itself; an error if it was interrupted while being made, or was damaged.
    pub meta: Result<Meta, FileTrouble>,
    /// Whether somebody works on it.
    pub lock: Result<LockState, FileTrouble>,
}

impl StateDir {
    /// The state folder to use: `given` (from the command line or the environment), else the XDG one.
    ///
    /// # Errors
    /// [`StateError::NoHome`].
    pub fn locate(given: Option<&Path>) -> Result<PathBuf, StateError> {
        if let Some(path) = given {
            return Ok(path.to_owned());
        }
        let base = etcetera::base_strategy::Xdg::new().map_err(|_| StateError::NoHome)?;
        let state = base.state_dir().ok_or(StateError::NoHome)?;
        Ok(state.join("holdpoint"))
    }

    /// Opens a state folder, making it and its `runs` folder if need be, and checks that it can be trusted.
    ///
    /// # Errors
    /// [`StateError::Distrusted`] for a link, another owner, a folder that others may write to, or a network file
    /// system; [`StateError::Files`] when it cannot be made.
    pub fn open(folder: &Path, network: NetworkFs) -> Result<Self, StateError> {
        let runs = folder.join("runs");
        for path in [folder, &runs] {
            make_if_missing(path)?;
            distrust(path)?;
        }
        match network {
            NetworkFs::Refuse => refuse_network(&runs)?,
            NetworkFs::Accept => {}
        }
        Ok(Self { runs })
    }

    /// The folder that holds one folder a run.
    #[must_use]
    pub fn runs(&self) -> &Path {
        &self.runs
    }

    /// Makes the folder of a new run. `entropy` decides its id (see [`runid::entropy`](super::runid::entropy)); a taken
    /// id is never reused. `meta` is given the id and written first.
    ///
    /// # Errors
    /// [`StateError::Files`] when the disk is full or the folder not writable, [`StateError::NoFreeId`].
    pub fn create(
        &self,
        entropy: u64,
        meta: impl FnOnce(RunId) -> Meta,
    ) -> Result<RunDir, StateError> {
        let dir = self.claim_id(entropy)?;
        let text = serde_json::to_vec_pretty(&meta(dir.id().clone()))
            .map_err(|error| FileTrouble::at("write", &dir.meta_file())(error.into()))?;
        let made = files::create_private_dir(&dir.transcripts())
            .map_err(FileTrouble::at("create", &dir.transcripts()))
            .and_then(|()| files::freeze(&dir.meta_file(), &text))
            .and_then(|()| files::sync_dir(&self.runs));
        if let Err(trouble) = made {
            // Nothing of the run exists yet, so leave no half-made folder in the list.
            let _ = fs::remove_dir_all(dir.path());
            return Err(trouble.into());
        }
        Ok(dir)
    }

    /// Making the folder is what claims the id: of two processes only one succeeds.
    fn claim_id(&self, entropy: u64) -> Result<RunDir, StateError> {
        const MOST: u32 = 64;
        for attempt in 0..MOST {
            let id = RunId::candidate(entropy, attempt);
            let path = self.runs.join(id.as_str());
            match files::create_private_dir(&path) {
                Ok(()) => return Ok(RunDir::at(id, path)),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => {
                    return Err(FileTrouble::at("create the run folder", &path)(error).into());
                }
            }
        }
        Err(StateError::NoFreeId {
            root: self.runs.clone(),
        })
    }

    /// Opens the folder of an existing run.
    ///
    /// # Errors
    /// [`StateError::UnknownRun`]; [`StateError::Distrusted`] when its folder was tampered with.
    pub fn run(&self, id: &RunId) -> Result<RunDir, StateError> {
        let path = self.runs.join(id.as_str());
        match fs::symlink_metadata(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Err(StateError::UnknownRun {
                id: id.clone(),
                root: self.runs.clone(),
            }),
            Ok(_) | Err(_) => {
                distrust(&path)?;
                Ok(RunDir::at(id.clone(), path))
            }
        }
    }

    /// Every run, newest first. Names that are no run ids are passed over; folders that cannot be trusted too.
    ///
    /// # Errors
    /// [`StateError::Files`] when the folder cannot be read.
    pub fn list(&self) -> Result<Vec<Listing>, StateError> {
        let at = || FileTrouble::at("list the runs in", &self.runs);
        let mut listings = Vec::new();
        for entry in fs::read_dir(&self.runs).map_err(at())? {
            let name = entry.map_err(at())?.file_name();
            let id = name.to_str().and_then(|name| name.parse::<RunId>().ok());
            if let Some(dir) = id.and_then(|id| self.run(&id).ok()) {
                listings.push(Listing {
                    meta: dir.meta(),
                    lock: lock::look(&dir.lock_file()),
                    dir,
                });
            }
        }
        listings.sort_by_cached_key(|listing| {
            let age = std::cmp::Reverse(listing.created());
            (age, listing.dir.id().clone())
        });
        Ok(listings)
    }

    /// The newest run that `unfinished` (which may read its journal) says yes to.
    ///
    /// # Errors
    /// As [`list`](Self::list).
    pub fn latest(
        &self,
        unfinished: impl FnMut(&Listing) -> bool,
    ) -> Result<Option<Listing>, StateError> {
        let mut unfinished = unfinished;
        Ok(self.list()?.into_iter().find(|listing| unfinished(listing)))
    }
}

impl Listing {
    /// When the run was made: by its own word, else by its folder.
    fn created(&self) -> Option<jiff::Timestamp> {
        match &self.meta {
            Ok(meta) => Some(meta.created),
            Err(_) => fs::metadata(self.dir.path())
                .and_then(|meta| meta.modified())
                .ok()
                .and_then(|time| time.try_into().ok()),
        }
    }
}

fn make_if_missing(path: &Path) -> Result<(), FileTrouble> {
    match fs::symlink_metadata(path) {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => files::create_private_dirs(path)
            .map_err(FileTrouble::at("create the state folder", path)),
        Err(error) => Err(FileTrouble::at("look at the state folder", path)(error)),
    }
}

/// Refuses a folder in which somebody else could change what we write.
fn distrust(path: &Path) -> Result<(), StateError> {
    let meta = fs::symlink_metadata(path).map_err(FileTrouble::at("look at", path))?;
    let owner = meta.uid();
    let us = rustix::process::geteuid().as_raw();
    let why = if meta.is_symlink() {
        "it is a symbolic link; name the real folder with --state-dir".to_owned()
    } else if !meta.is_dir() {
        "it is not a folder; name another with --state-dir".to_owned()
    } else if owner != us {
        format!(
            "it belongs to user id {owner}, you are {us}; name a folder of your own with --state-dir"
        )
    } else if meta.mode() & 0o022 != 0 {
        let mode = meta.mode() & 0o7777;
        format!(
            "others may write to it (mode {mode:o}); run `chmod 700 {}` after a look at what is in it",
            path.display()
        )
    } else {
        return Ok(());
    };
    Err(StateError::Distrusted {
        path: path.to_owned(),
        why,
    })
}

/// Refuses the network file systems that `statfs(2)` names by these numbers.
#[cfg(target_os = "linux")]
fn refuse_network(path: &Path) -> Result<(), StateError> {
    const NETWORK: [(i128, &str); 7] = [
        (0x6969, "NFS"),
        (0xff53_4d42, "CIFS"),
        (0xfe53_4d42, "SMB2"),
        (0x517b, "SMB"),
        (0x00c3_6400, "Ceph"),
        (0x5346_414f, "AFS"),
        (0x0bd0_0bd0, "Lustre"),
    ];
    let kind = rustix::fs::statfs(path)
        .map_err(|errno| FileTrouble::at("look at the file system of", path)(errno.into()))?
        .f_type;
    match NETWORK
        .iter()
        .find(|(magic, _)| *magic == i128::from(kind) & 0xffff_ffff)
    {
        None => Ok(()),
        Some((_, name)) => Err(StateError::Distrusted {
            path: path.to_owned(),
            why: format!(
                "it is on a network file system ({name}), where locks and syncs are not sure; name a folder on a local disk with --state-dir"
            ),
        }),
    }
}

#[cfg(not(target_os = "linux"))]
fn refuse_network(_: &Path) -> Result<(), StateError> {
    Ok(())
}
