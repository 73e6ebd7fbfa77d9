//! `~`, `%h` and `${NAME}` in values (ssh_config(5), TOKENS and ENVIRONMENT VARIABLES).

use sha1::{Digest as _, Sha1};

use super::machine::Machine;

/// Tokens that paths and socket names may hold.
pub(super) const IN_PATHS: &str = "CLdhiklnpru";
/// Tokens that a ProxyCommand may hold.
pub(super) const IN_COMMANDS: &str = "hknpr";

/// What the tokens stand for, for one host.
#[derive(Debug, Clone)]
pub(super) struct Tokens<'a> {
    pub(super) machine: &'a Machine,
    /// `%h`: the real host name.
    pub(super) host: &'a str,
    /// `%n`: the name that was asked for.
    pub(super) asked: &'a str,
    /// `%k`: under which name the host key is looked up.
    pub(super) key_alias: &'a str,
    /// `%p`
    pub(super) port: u16,
    /// `%r`
    pub(super) user: &'a str,
}

impl Tokens<'_> {
    /// A path: `~`, tokens and environment.
    pub(super) fn path(&self, text: &str) -> Result<String, String> {
        let text = home_expanded(text, self.machine)?;
        self.expand(&text, IN_PATHS, true)
    }

    /// A command for the shell. Values that a shell would take for more than a word are refused.
    pub(super) fn command(&self, text: &str) -> Result<String, String> {
        for (what, value) in [
            ("host name", self.host),
            ("host name", self.asked),
            ("host key alias", self.key_alias),
            ("user name", self.user),
        ] {
            if !is_harmless(value) {
                return Err(format!("the {what} {value:?} must not stand in a command"));
            }
        }
        self.expand(text, IN_COMMANDS, false)
    }

    /// Replaces the tokens named in `known`, and `${NAME}` where `environment` says so.
    pub(super) fn expand(
        &self,
        text: &str,
        known: &str,
        environment: bool,
    ) -> Result<String, String> {
        let mut done = String::new();
        let mut rest = text.chars();
        while let Some(letter) = rest.next() {
            match letter {
                '$' if environment && rest.as_str().starts_with('{') => {
                    let (name, after) = rest.as_str()[1..]
                        .split_once('}')
                        .ok_or_else(|| format!("in {text:?} a ${{ is not closed"))?;
                    done.push_str(self.variable(name)?);
                    rest = after.chars();
                }
                '%' => match rest.next() {
                    Some('%') => done.push('%'),
                    Some(token) if known.contains(token) => done.push_str(&self.value(token)),
                    Some(token) => return Err(format!("in {text:?} %{token} means nothing here")),
                    None => return Err(format!("{text:?} ends in a lone %")),
                },
                other => done.push(other),
            }
        }
        Ok(done)
    }

    fn variable(&self, name: &str) -> Result<&str, String> {
        let value = self.machine.environment.get(name).map(String::as_str);
        value.ok_or_else(|| format!("the environment variable {name} is not set"))
    }

    fn value(&self, token: char) -> String {
        let machine = self.machine;
        let short = machine.host_name.split('.').next().unwrap_or_default();
        match token {
            'C' => self.connection_hash(),
            'L' => short.to_owned(),
            'd' => machine.home.display().to_string(),
            'h' => self.host.to_owned(),
            'i' => machine.uid.to_string(),
            'k' => self.key_alias.to_owned(),
            'l' => machine.host_name.clone(),
            'n' => self.asked.to_owned(),
            'p' => self.port.to_string(),
            'r' => self.user.to_owned(),
            'u' => machine.user.clone(),
            other => other.to_string(),
        }
    }

    fn connection_hash(&self) -> String {
        let port = self.port.to_string();
        let parts = [&self.machine.host_name, self.host, &port, self.user];
        let digest = Sha1::digest(parts.concat());
        digest.iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

/// Whether every `${NAME}` and a leading `$NAME` of an agent's socket can be looked up.
pub(super) fn variables_are_set(text: &str, machine: &Machine) -> Result<(), String> {
    let mut rest = text;
    while let Some((_, after)) = rest.split_once("${") {
        let (name, after) = after
            .split_once('}')
            .ok_or_else(|| format!("in {text:?} a ${{ is not closed"))?;
        if !machine.environment.contains_key(name) {
            return Err(format!("the environment variable {name} is not set"));
        }
        rest = after;
    }
    let name = text.strip_prefix('$').filter(|name| !name.starts_with('{'));
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
    match name {
        Some(name) if name.is_empty() || !name.chars().all(plain) => {
            Err(format!("{text:?} names no environment variable"))
        }
        Some(_) | None => Ok(()),
    }
}

/// A leading `~`, or `~name` of somebody in `/etc/passwd`.
pub(super) fn home_expanded(text: &str, machine: &Machine) -> Result<String, String> {
    let Some(rest) = text.strip_prefix('~') else {
        return Ok(text.to_owned());
    };
    let (name, rest) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let home = match name {
        "" => machine.home.display().to_string(),
        name => {
            // Whoever is not in that file may be known elsewhere, where we do not look.
            let file = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
            home_of(&file, name).ok_or_else(|| {
                format!("{text:?}: {name} does not stand in /etc/passwd; write the whole path")
            })?
        }
    };
    Ok(format!(
        "{}/{}",
        home.trim_end_matches('/'),
        rest.trim_start_matches('/')
    ))
}

/// passwd(5).
fn home_of(file: &str, name: &str) -> Option<String> {
    file.lines().find_map(|line| {
        let words: Vec<&str> = line.split(':').collect();
        match words[..] {
            [first, _, _, _, _, home, _] if first == name => Some(home.to_owned()),
            _ => None,
        }
    })
}

/// As ssh(1) has it since 9.6: nothing that a shell would read as more than a name.
fn is_harmless(value: &str) -> bool {
    let bad = |c: char| c.is_whitespace() || c.is_control() || "'\"`$\\;&<>|(){}!*?".contains(c);
    !value.starts_with('-') && !value.chars().any(bad)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_homes_and_variables() {
        let machine = Machine {
            user: "ana".into(),
            uid: 7,
            home: "/home/ana".into(),
            host_name: "desk.example".into(),
            environment: [("KEYS".to_owned(), "/k".to_owned())].into(),
        };
        let tokens = Tokens {
            machine: &machine,
            host: "st1.lab",
            asked: "st1",
            key_alias: "one",
            port: 22,
            user: "root",
        };
        assert_eq!(
            tokens.path("~/x-%h-%n-%k-%p-%r").unwrap(),
            "/home/ana/x-st1.lab-st1-one-22-root"
        );
        assert_eq!(
            tokens.path("${KEYS}/%u%i%L%l%d%%").unwrap(),
            "/k/ana7deskdesk.example/home/ana%"
        );
        assert_eq!(tokens.path("~").unwrap(), "/home/ana/");
        assert!(
            tokens
                .path("${NOT}")
                .unwrap_err()
                .contains("NOT is not set")
        );
        assert!(tokens.path("%x").is_err() && tokens.path("x%").is_err());
        let unknown = tokens.path("~no such name/x").unwrap_err();
        assert!(unknown.contains("/etc/passwd"), "{unknown}");
        let file = "root:x:0:0:root:/root:/bin/sh\nbob:x:1:1::/home/b:/bin/sh\nbad:x\n";
        let homes = ["root", "bob", "bad", "x", ""].map(|name| home_of(file, name));
        let found = [Some("/root".to_owned()), Some("/home/b".to_owned())];
        assert_eq!(homes[..2], found);
        assert_eq!(homes[2..], [None, None, None]);
        assert_eq!(tokens.command("nc %h %p $X").unwrap(), "nc st1.lab 22 $X");
        let evil = Tokens {
            host: "a;b",
            ..tokens
        };
        assert!(evil.command("nc %h").is_err());
    }
}
