//! Reads the files as ssh(1) does: the first value wins, blocks by `Host` and `Match`, `Include` in its place.
//!
//! Our own reading, for machines without the ssh program and for showing where a value comes from. What it cannot decide,
//! or what ssh(1) would not take, it refuses with the line: never a guess.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use super::super::known_hosts::Place;
use super::condition::{Subject, judge};
use super::glob;
use super::jump;
use super::line::Line;
use super::machine::{Ask, ConfigRefused, Files, Machine, Origin};
use super::options::{Form, look_up};
use super::pattern::{list_matches, matches};
use super::tokens::{Tokens, home_expanded};
use super::written::of_line;

/// Includes may be nested so deep (ssh(1): `READCONF_MAX_DEPTH`).
const DEPTH: usize = 16;
/// A configuration larger than this (bytes) is not one.
const SIZE: u64 = 4 << 20;
/// As many values as ssh(1) takes of one option (`SSH_MAX_IDENTITY_FILES`).
const MANY: usize = 100;

/// One value as it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Picked {
    pub(super) words: Vec<String>,
    pub(super) origin: Origin,
    /// From a file of the user: ssh(1) tells these from the machine's when it drops doubles.
    by_user: bool,
}

/// What has been read so far.
pub(super) struct Reader<'a> {
    machine: &'a Machine,
    ask: &'a Ask,
    /// The host as `Host` lines see it: as asked for, in the second reading as settled.
    host: String,
    is_final: bool,
    pub(super) wants_final: bool,
    pub(super) picked: BTreeMap<&'static str, Vec<Picked>>,
    /// Options that ssh(1) does not know and that IgnoreUnknown covers.
    pub(super) unknown: BTreeMap<String, Place>,
}

/// Where in the files we are.
struct Scope {
    active: bool,
    /// Included from a block that does not apply: nothing in there can.
    never: bool,
    by_user: bool,
    depth: usize,
}

impl<'a> Reader<'a> {
    /// Nothing read yet; what was asked for is settled.
    pub(super) fn new(machine: &'a Machine, ask: &'a Ask) -> Result<Self, ConfigRefused> {
        let host_is_fit = is_fit_host(&ask.host);
        if !host_is_fit || ask.user.as_deref().is_some_and(|user| !is_fit_user(user)) {
            let why = format!("{:?} is no host or user name that ssh(1) takes", ask.host);
            return Err(ConfigRefused::plain(why));
        }
        let mut reader = Self {
            machine,
            ask,
            host: ask.host.clone(),
            is_final: false,
            wants_final: false,
            picked: BTreeMap::new(),
            unknown: BTreeMap::new(),
        };
        let asked = |text: String| Picked {
            words: vec![text],
            origin: Origin::Asked,
            by_user: true,
        };
        if let Some(user) = &ask.user {
            reader.picked.insert("user", vec![asked(user.clone())]);
        }
        if let Some(port) = ask.port {
            reader.picked.insert("port", vec![asked(port.to_string())]);
        }
        if let Some(jump) = &ask.jump {
            let printed = jump::as_printed(jump)
                .ok_or_else(|| ConfigRefused::plain(format!("{jump:?} names no jump host")))?;
            reader.picked.insert("proxyjump", vec![asked(printed)]);
        }
        Ok(reader)
    }

    /// The first word of an option's value.
    pub(super) fn first(&self, option: &str) -> Option<&str> {
        let words = &self.picked.get(option)?.first()?.words;
        words.first().map(String::as_str)
    }

    /// Reads everything once more, with the host name settled: for `Match final`.
    pub(super) fn again(&mut self, host: &str, files: &Files) -> Result<(), ConfigRefused> {
        let origin = match self.picked.get("hostname").and_then(|all| all.first()) {
            Some(known) => known.origin.clone(),
            None => Origin::Default,
        };
        let settled = Picked {
            words: vec![host.to_owned()],
            origin,
            by_user: true,
        };
        self.picked.insert("hostname", vec![settled]);
        host.clone_into(&mut self.host);
        self.is_final = true;
        self.files(files)
    }

    /// Reads the files that are there.
    pub(super) fn files(&mut self, files: &Files) -> Result<(), ConfigRefused> {
        match files {
            Files::None => Ok(()),
            Files::Only(path) => {
                if self.file(path, false, &mut Scope::top(true))? {
                    return Ok(());
                }
                let why = format!("there is no file {}", path.display());
                Err(ConfigRefused::plain(why))
            }
            Files::Usual => {
                let own = self.machine.home.join(".ssh/config");
                self.file(&own, true, &mut Scope::top(true))?;
                let shared = Path::new("/etc/ssh/ssh_config");
                self.file(shared, false, &mut Scope::top(false))?;
                Ok(())
            }
        }
    }

    /// Whether there is such a file; then it was read.
    fn file(
        &mut self,
        path: &Path,
        checked: bool,
        scope: &mut Scope,
    ) -> Result<bool, ConfigRefused> {
        let refused = |why: String| ConfigRefused::plain(format!("{}: {why}", path.display()));
        if scope.depth > DEPTH {
            return Err(refused(format!("includes are nested deeper than {DEPTH}")));
        }
        let data = match fs::metadata(path) {
            Ok(data) => data,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
            Err(error) => return Err(refused(format!("{error}; make it readable"))),
        };
        if data.is_dir() {
            return Ok(true);
        }
        let foreign = data.uid() != 0 && data.uid() != self.machine.uid;
        if checked && (foreign || data.mode() & 0o022 != 0) {
            let why = "others may write to it, so ssh(1) refuses it and so do we; chmod go-w it, and own it";
            return Err(refused(why.into()));
        }
        if data.len() > SIZE {
            return Err(refused("it is too large for a configuration".into()));
        }
        let text = fs::read_to_string(path).map_err(|error| refused(error.to_string()))?;
        for (index, line) in text.split('\n').enumerate() {
            let place = Place {
                file: path.to_path_buf(),
                line: index + 1,
            };
            self.line(line, &place, scope)?;
        }
        Ok(true)
    }

    fn line(&mut self, text: &str, place: &Place, scope: &mut Scope) -> Result<(), ConfigRefused> {
        let refused = |why: String| ConfigRefused::at(place, why);
        let Some(line) = Line::parse(text).map_err(refused)? else {
            return Ok(());
        };
        let Some((name, form)) = look_up(&line.keyword) else {
            return self.unknown(&line.keyword, place);
        };
        let words = line.words().map_err(refused)?;
        match form {
            Form::Host => {
                scope.active = !scope.never && self.host_applies(&words).map_err(refused)?;
                Ok(())
            }
            Form::Match => {
                let matched = self.match_applies(&line.rest).map_err(refused)?;
                self.wants_final |= matched.wants_final && !self.is_final;
                scope.active = !scope.never && matched.holds;
                Ok(())
            }
            Form::Include => self.include(&words, place, scope),
            Form::Dead => Ok(()),
            Form::Text
            | Form::Agent
            | Form::Port
            | Form::Number
            | Form::Time
            | Form::Rekey
            | Form::Choice(_)
            | Form::Paths
            | Form::Many
            | Form::Command
            | Form::Jump
            | Form::Names
            | Form::Other => {
                let value = of_line(form, &line, words, self.machine);
                let value = value.map_err(|why| refused(format!("{}: {why}", line.keyword)))?;
                match value.filter(|_| scope.active) {
                    Some(words) => self.keep(name, form, words, place, scope),
                    None => Ok(()),
                }
            }
        }
    }

    fn unknown(&mut self, keyword: &str, place: &Place) -> Result<(), ConfigRefused> {
        let ignored = self
            .first("ignoreunknown")
            .unwrap_or_default()
            .to_ascii_lowercase();
        if !list_matches(keyword, &ignored) {
            let why = format!(
                "the option {keyword:?} is not known; correct it, or name it in IgnoreUnknown above"
            );
            return Err(ConfigRefused::at(place, why));
        }
        let known = self.unknown.entry(keyword.to_owned());
        known.or_insert_with(|| place.clone());
        Ok(())
    }

    fn host_applies(&self, patterns: &[String]) -> Result<bool, String> {
        let mut applies = false;
        for pattern in patterns {
            if pattern.is_empty() {
                return Err("an empty pattern".into());
            }
            match pattern.strip_prefix('!') {
                Some(negated) if matches(&self.host, negated) => return Ok(false),
                Some(_) => {}
                None => applies |= matches(&self.host, pattern),
            }
        }
        Ok(applies)
    }

    fn match_applies(&self, criteria: &str) -> Result<super::condition::Matched, String> {
        let host = match self.first("hostname") {
            Some(name) if !self.is_final => with_host(name, &self.host, self.machine)?,
            Some(name) => name.to_owned(),
            None => self.host.clone(),
        };
        let subject = Subject {
            host: &host,
            asked: &self.ask.host,
            user: self.first("user").unwrap_or(&self.machine.user),
            local_user: &self.machine.user,
            is_final: self.is_final,
        };
        judge(criteria, &subject)
    }

    fn include(
        &mut self,
        patterns: &[String],
        place: &Place,
        scope: &mut Scope,
    ) -> Result<(), ConfigRefused> {
        for pattern in patterns {
            let refused =
                |why: &str| ConfigRefused::at(place, format!("include {pattern:?}: {why}"));
            let home = &self.machine.home;
            let pattern = match (pattern.chars().next(), scope.by_user) {
                (None, _) => return Err(refused("it names nothing")),
                (Some('~'), false) => {
                    return Err(refused("a file of the whole machine must not name a home"));
                }
                (Some('~'), true) => home_expanded(pattern, self.machine)
                    .map_err(|why| ConfigRefused::at(place, why))?,
                (Some('/'), _) => pattern.clone(),
                (Some(_), true) => format!("{}/.ssh/{pattern}", home.display()),
                (Some(_), false) => format!("/etc/ssh/{pattern}"),
            };
            for file in glob::files(&pattern) {
                let mut inner = Scope {
                    active: scope.active,
                    never: scope.never || !scope.active,
                    by_user: scope.by_user,
                    depth: scope.depth + 1,
                };
                self.file(&file, true, &mut inner)?;
            }
        }
        Ok(())
    }

    fn keep(
        &mut self,
        name: &'static str,
        form: Form,
        words: Vec<String>,
        place: &Place,
        scope: &Scope,
    ) -> Result<(), ConfigRefused> {
        let blocked = match form {
            // Whichever of the two comes first shuts the other out; no jump host leaves room for a command.
            Form::Command if name == "proxycommand" => {
                self.first("proxyjump").is_some_and(|jump| jump != "none")
            }
            Form::Jump => self.picked.contains_key("proxycommand"),
            _ => false,
        };
        let values = self.picked.entry(name).or_default();
        let picked = Picked {
            words,
            origin: Origin::Line(place.clone()),
            by_user: scope.by_user,
        };
        let double =
            |known: &Picked| known.words == picked.words && known.by_user == picked.by_user;
        if form == Form::Many {
            if values.len() >= MANY {
                let why = format!("{name}: more than {MANY} of them");
                return Err(ConfigRefused::at(place, why));
            }
            if !values.iter().any(double) {
                values.push(picked);
            }
        } else if values.is_empty() && !blocked {
            values.push(picked);
        } else if form == Form::Rekey {
            // A line that says the bytes only leaves the time to a later one.
            let first = &mut values[0].words;
            let said = first.len();
            first.extend(picked.words.into_iter().skip(said));
        }
        if values.is_empty() {
            self.picked.remove(name);
        }
        Ok(())
    }
}

impl Scope {
    fn top(by_user: bool) -> Self {
        Self {
            active: true,
            never: false,
            by_user,
            depth: 0,
        }
    }
}

/// Nothing that a shell would take for more than a name, since it may get into a command (ssh.c, `valid_hostname`).
fn is_fit_host(host: &str) -> bool {
    let bad = |c: char| c.is_whitespace() || c.is_control() || "'`\"$\\;&<>|(){},".contains(c);
    !host.is_empty() && !host.starts_with('-') && !host.chars().any(bad)
}

/// The same for a user name, which may hold a little more (ssh.c, `valid_ruser`).
fn is_fit_user(user: &str) -> bool {
    let bad = |c: char| "'`\";&<>|(){}".contains(c);
    let looks_like_an_option = user.starts_with('-')
        || user
            .split_once(char::is_whitespace)
            .is_some_and(|(_, rest)| rest.starts_with('-'));
    !looks_like_an_option && !user.ends_with('\\') && !user.chars().any(bad)
}

/// HostName knows `%h` only.
pub(super) fn with_host(name: &str, host: &str, machine: &Machine) -> Result<String, String> {
    let tokens = Tokens {
        machine,
        host,
        asked: host,
        key_alias: host,
        port: 0,
        user: "",
    };
    tokens.expand(name, "h", false)
}
