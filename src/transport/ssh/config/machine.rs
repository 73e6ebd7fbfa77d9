//! What is known of the machine and the person that connect: data, so that a resolution can be repeated anywhere.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::super::known_hosts::Place;

/// The local side of `%u`, `%d`, `%i`, `%L`, `~` and `${NAME}`.
#[derive(Debug, Clone, Default)]
pub struct Machine {
    /// Login name here.
    pub user: String,
    /// Its number.
    pub uid: u32,
    /// What `~` and `%d` stand for.
    pub home: PathBuf,
    /// The name of this machine, with its domain if it has one.
    pub host_name: String,
    /// The environment, as far as it is text.
    pub environment: BTreeMap<String, String>,
}

impl Machine {
    /// The machine that we run on. `user` and `home` as the caller found them: ssh(1) takes both from the user database,
    /// and so do we unless the environment says otherwise.
    pub fn here(user: &str, home: &Path) -> Self {
        let text = |(name, value): (std::ffi::OsString, std::ffi::OsString)| {
            Some((name.into_string().ok()?, value.into_string().ok()?))
        };
        Self {
            user: user.to_owned(),
            uid: rustix::process::getuid().as_raw(),
            home: home.to_path_buf(),
            host_name: rustix::system::uname()
                .nodename()
                .to_string_lossy()
                .into_owned(),
            environment: std::env::vars_os().filter_map(text).collect(),
        }
    }
}

/// Which files are read.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Files {
    /// `~/.ssh/config`, then `/etc/ssh/ssh_config`.
    Usual,
    /// Only this one, as `ssh -F`.
    Only(PathBuf),
    /// None, as `ssh -F none`.
    None,
}

/// Whom to reach, and what is settled already (it wins over every file).
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ask {
    /// The name as it was given: a host name, an address or an alias.
    pub host: String,
    /// As `ssh -l`.
    pub user: Option<String>,
    /// As `ssh -p`.
    pub port: Option<u16>,
    /// As `ssh -J`.
    pub jump: Option<String>,
}

/// Where a value comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// It was asked for with the host: a cluster file, or a jump specification.
    Asked,
    /// This line.
    Line(Place),
    /// `ssh -G` said so, and our own reading of the files does not show where.
    Ssh,
    /// Nobody said anything else.
    Default,
}

impl Origin {
    /// The line, where it is one.
    pub fn place(&self) -> Option<&Place> {
        match self {
            Self::Line(place) => Some(place),
            Self::Asked | Self::Ssh | Self::Default => None,
        }
    }
}

impl std::fmt::Display for Origin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Asked => f.write_str("asked for"),
            Self::Line(place) => place.fmt(f),
            Self::Ssh => f.write_str("ssh -G"),
            Self::Default => f.write_str("default"),
        }
    }
}

/// A configuration that cannot be followed: where, why, and what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}{why}", .place.as_ref().map(|place| format!("{place}: ")).unwrap_or_default())]
pub struct ConfigRefused {
    /// The line, where there is one.
    pub place: Option<Place>,
    /// Why, and what to do.
    pub why: String,
}

impl ConfigRefused {
    pub(super) fn at(place: &Place, why: impl Into<String>) -> Self {
        Self {
            place: Some(place.clone()),
            why: why.into(),
        }
    }

    pub(super) fn plain(why: impl Into<String>) -> Self {
        Self {
            place: None,
            why: why.into(),
        }
    }
}
