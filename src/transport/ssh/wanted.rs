//! Which password is wanted, whose it is, and what to say when it is asked for.

use std::fmt;

/// A password, and whether it is the one of a single node.
pub(super) type Key = (PasswordOf, Option<String>);

/// What a password opens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Purpose {
    /// The login itself.
    Login,
    /// Another user, after the login.
    Become,
}

/// One password, for every node that needs the same.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct PasswordOf {
    /// What it opens.
    pub purpose: Purpose,
    /// Whose password it is.
    pub user: String,
    /// Where it came from, in words: `the environment variable X`. Empty: a human gives it.
    pub source: String,
}

/// A password that is wanted from a human.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// Which one.
    pub of: PasswordOf,
    /// Only for this node: it refused the one that others take.
    pub only: Option<String>,
    /// Who refused the last one.
    pub refused_by: Option<String>,
}

impl Wanted {
    pub(super) fn key(&self) -> Key {
        (self.of.clone(), self.only.clone())
    }
}

impl fmt::Display for Wanted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let user = &self.of.user;
        match self.of.purpose {
            Purpose::Login => write!(f, "login password of {user}")?,
            Purpose::Become => write!(f, "password of {user} to become another user")?,
        }
        if let Some(node) = &self.only {
            write!(f, " on {node} (the one that other nodes take was refused)")?;
        } else if let Some(node) = &self.refused_by {
            let from = match self.of.source.as_str() {
                "" => "given",
                source => &format!("from {source}"),
            };
            write!(
                f,
                " (the one {from} was refused by {node} and tried on no other node)"
            )?;
        }
        Ok(())
    }
}
