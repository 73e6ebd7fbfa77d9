//! Passwords that the cluster file points to: read once each, however many nodes share one.

use std::collections::BTreeMap;
use std::path::Path;

use secrecy::SecretString;

use super::exit::CliError;
use super::reach::{first_line, said_by};
use crate::model::cluster::{Node, SecretSource};
use crate::transport::ssh::{Endpoint, Purpose, Vault};

/// What was read, by its source in words.
#[derive(Default)]
pub(super) struct Passwords {
    read: BTreeMap<String, SecretString>,
}

impl Passwords {
    /// Puts the passwords of one node into the vault. Those that a human gives are asked for when they are wanted.
    ///
    /// # Errors
    /// A source that gives nothing.
    pub(super) fn gather(
        &mut self,
        node: &Node,
        endpoint: &Endpoint,
        vault: &Vault,
    ) -> Result<(), CliError> {
        if let Some(source) = &node.ssh.password {
            self.put(node, Purpose::Login, &endpoint.user, source, vault)?;
        }
        let other = node
            .ssh
            .r#become
            .as_ref()
            .zip(endpoint.become_user.as_ref());
        if let Some((given, other)) = other
            && let Some(source) = &given.password
        {
            let user = other.password_user(&endpoint.user);
            self.put(node, Purpose::Become, user, source, vault)?;
        }
        Ok(())
    }

    fn put(
        &mut self,
        node: &Node,
        purpose: Purpose,
        user: &str,
        source: &SecretSource,
        vault: &Vault,
    ) -> Result<(), CliError> {
        let words = match source {
            SecretSource::Prompt => return Ok(()),
            SecretSource::Env(variable) => format!("the environment variable {variable}"),
            SecretSource::File(path) => format!("the file {path}"),
            SecretSource::Command(command) => format!("the command `{command}`"),
        };
        if !self.read.contains_key(&words) {
            let secret = read(source).map_err(|why| {
                CliError::usage(format!(
                    "get the password of {user} on {}: {why}",
                    node.name
                ))
            })?;
            self.read.insert(words.clone(), SecretString::from(secret));
        }
        if let Some(secret) = self.read.get(&words) {
            vault.know(node.name.as_str(), purpose, user, &words, secret.clone());
        }
        Ok(())
    }
}

fn read(source: &SecretSource) -> Result<String, String> {
    let secret = match source {
        SecretSource::Prompt => String::new(),
        SecretSource::Env(variable) => std::env::var(variable)
            .map_err(|_| format!("the environment variable {variable} is not set"))?,
        SecretSource::File(path) => first_line(Path::new(path))?,
        SecretSource::Command(command) => said_by(command)?,
    };
    if secret.is_empty() {
        return Err("it is empty".into());
    }
    Ok(secret)
}
