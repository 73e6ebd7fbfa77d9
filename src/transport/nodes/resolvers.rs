//! By which ssh configuration each node is resolved: the usual one, or the file that its cluster file names.

use std::collections::BTreeMap;
use std::path::Path;

use super::way::expand;
use crate::model::cluster::{ConfigFile, Ssh};
use crate::transport::ssh::config::{Files, Resolver};

/// A resolver for each of the files.
#[derive(Debug)]
pub(super) struct Resolvers {
    usual: Resolver,
    named: BTreeMap<Files, Resolver>,
}

impl Resolvers {
    /// `usual` is for the nodes whose cluster file names nothing.
    pub(super) fn new(usual: Resolver) -> Self {
        Self {
            usual,
            named: BTreeMap::new(),
        }
    }

    /// The files by which a node is reached.
    ///
    /// # Errors
    /// In words: its cluster file names one that is not there, with the place where it does.
    pub(super) fn files(&self, ssh: &Ssh, home: &Path) -> Result<Files, String> {
        let Some(ConfigFile { path, place }) = &ssh.config else {
            return Ok(self.usual.files().clone());
        };
        if path == "none" {
            return Ok(Files::None);
        }
        let file = expand(path, home);
        let wrong = match std::fs::metadata(&file) {
            Ok(data) if data.is_dir() => "it is a folder".into(),
            Ok(_) => return Ok(Files::Only(file)),
            Err(error) => error.to_string(),
        };
        Err(format!(
            "{place}: the ssh configuration {} cannot be read: {wrong}; correct `config`, or leave it out to go by ~/.ssh/config",
            file.display()
        ))
    }

    /// The resolver by these files, made if need be.
    pub(super) fn by(&mut self, files: &Files) -> &Resolver {
        if files == self.usual.files() {
            return &self.usual;
        }
        let named = self.named.entry(files.clone());
        named.or_insert_with(|| self.usual.reading(files.clone()))
    }

    /// The resolver by these files, if it was made already.
    pub(super) fn ready(&self, files: &Files) -> Option<&Resolver> {
        let usual = Some(&self.usual).filter(|usual| usual.files() == files);
        usual.or_else(|| self.named.get(files))
    }
}
