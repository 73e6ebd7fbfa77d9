//! An answer as typed settings: what connecting goes by. Refuses what cannot be followed, names what is not.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::super::known_hosts::Place;
use super::super::tuning::{Algorithms, Family, Methods, NewKeys, Rekey, Tuning};
use super::algorithms::names;
use super::answer::{Answer, Value};
use super::jump::{Hop, hops};
use super::machine::{Ask, ConfigRefused, Machine, Origin};
use super::options::{Fate, fate, is_followed};
use super::tokens::Tokens;

/// What the configuration says about one host.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    /// The name or address to connect to.
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) user: String,
    /// Nothing when no key file is named.
    pub(crate) identities: Option<Vec<PathBuf>>,
    pub(crate) identities_only: bool,
    pub(crate) agent: Agent,
    pub(crate) user_known_hosts: Vec<PathBuf>,
    pub(crate) global_known_hosts: Vec<PathBuf>,
    pub(crate) connect_timeout: Option<Duration>,
    pub(crate) way: Way,
    pub(crate) tuning: Tuning,
    /// Options that are set and have no effect here, with their lines where they are known.
    pub(crate) told: Vec<(String, Option<Place>)>,
    /// Names of algorithms that were asked for and cannot be had.
    pub(crate) unusable: Vec<String>,
}

/// Which agent is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Agent {
    /// That of the environment.
    Usual,
    None,
    Socket(PathBuf),
}

/// How the host is reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Way {
    Direct,
    /// Through these hosts, as `ProxyJump` names them.
    Jump(String),
    /// Through this command, tokens expanded.
    Command(String),
}

/// Who is asked for to reach the last host that ProxyJump names: the one that connects to the host itself.
pub(crate) fn last_hop(jump: &str) -> Option<Ask> {
    let Hop { user, host, port } = hops(jump)?.pop()?;
    Some(Ask {
        host,
        user,
        port,
        // The hops before it; without any, what its own configuration says.
        jump: jump.rsplit_once(',').map(|(before, _)| before.to_owned()),
    })
}

impl Settings {
    pub(super) fn of(answer: &Answer, machine: &Machine, ask: &Ask) -> Result<Self, ConfigRefused> {
        let told = judge_others(answer)?;
        let reading = Reading::new(answer, machine, ask)?;
        let mut unusable = Vec::new();
        Ok(Self {
            host: reading.host.clone(),
            port: reading.port,
            user: reading.user.clone(),
            identities: reading.listed_if_set("identityfile")?,
            identities_only: reading.flag("identitiesonly"),
            agent: reading.agent(),
            user_known_hosts: reading.files("userknownhostsfile"),
            global_known_hosts: reading.files("globalknownhostsfile"),
            connect_timeout: reading.seconds("connecttimeout"),
            way: reading.way()?,
            tuning: Tuning {
                known_as: answer.text("hostkeyalias"),
                new_keys: reading.new_keys(),
                certificates: reading.listed("certificatefile")?,
                methods: reading.methods(),
                algorithms: reading.algorithms(&mut unusable)?,
                keepalive: reading.seconds("serveraliveinterval"),
                keepalives_lost: reading.number("serveralivecountmax"),
                rekey: reading.rekey(),
                family: reading.family(),
                bind_address: answer.text("bindaddress"),
                hash_known_hosts: reading.flag("hashknownhosts"),
                least_rsa_bits: reading.number("requiredrsasize"),
                one_at_a_time: false,
            },
            told,
            unusable,
        })
    }
}

/// Refuses options that we must not pass over; gives back those that are merely without effect.
fn judge_others(answer: &Answer) -> Result<Vec<(String, Option<Place>)>, ConfigRefused> {
    let mut told = Vec::new();
    let canonical = |option: &str| option == "canonicalizehostname";
    for (option, values) in &answer.values {
        let passed_over = !is_followed(option) || canonical(option);
        if option == "host" || !passed_over {
            continue;
        }
        for value in values {
            let Some(place) = place_if_set(value) else {
                continue;
            };
            match fate(option, &value.text(), answer.by_ssh) {
                Fate::Refused(why) => {
                    return Err(ConfigRefused {
                        place,
                        why: format!("{option} {}: {why}", value.text()),
                    });
                }
                Fate::Told if canonical(option) => {}
                Fate::Told => told.push((option.clone(), place)),
            }
        }
    }
    told.dedup_by(|one, other| one.0 == other.0);
    let unknown = answer.unknown.iter();
    told.extend(unknown.map(|(option, place)| (option.clone(), Some(place.clone()))));
    Ok(told)
}

fn place_if_set(value: &Value) -> Option<Option<Place>> {
    match &value.origin {
        Origin::Line(place) => Some(Some(place.clone())),
        Origin::Ssh | Origin::Asked => Some(None),
        Origin::Default => None,
    }
}

/// Reads an answer's values.
struct Reading<'a> {
    answer: &'a Answer,
    machine: &'a Machine,
    asked: &'a str,
    alias: String,
    host: String,
    port: u16,
    user: String,
}

impl<'a> Reading<'a> {
    fn new(answer: &'a Answer, machine: &'a Machine, ask: &'a Ask) -> Result<Self, ConfigRefused> {
        let text = |option: &str| answer.text(option).filter(|text| !text.is_empty());
        let missing =
            |what: &str| ConfigRefused::plain(format!("{}: no {what} is known", ask.host));
        let host = text("hostname").ok_or_else(|| missing("host name"))?;
        if host.starts_with('-') || host.chars().any(|c| c.is_whitespace() || c.is_control()) {
            return Err(ConfigRefused::plain(format!("{host:?} is no host name")));
        }
        let port = text("port").and_then(|port| port.parse().ok());
        Ok(Self {
            answer,
            machine,
            asked: &ask.host,
            alias: text("hostkeyalias").unwrap_or_else(|| ask.host.clone()),
            host,
            port: port.ok_or_else(|| missing("port"))?,
            user: text("user")
                .ok_or_else(|| missing("user to log in as; set user in [ssh], or $USER,"))?,
        })
    }

    fn tokens(&self) -> Tokens<'_> {
        Tokens {
            machine: self.machine,
            host: &self.host,
            asked: self.asked,
            key_alias: &self.alias,
            port: self.port,
            user: &self.user,
        }
    }

    fn refused(&self, option: &str, why: &str) -> ConfigRefused {
        let place = self.answer.value(option).and_then(place_if_set).flatten();
        ConfigRefused {
            place,
            why: format!("{option}: {why}"),
        }
    }

    fn text(&self, option: &str) -> String {
        self.answer.text(option).unwrap_or_default()
    }

    fn flag(&self, option: &str) -> bool {
        matches!(self.text(option).as_str(), "yes" | "true")
    }

    fn number(&self, option: &str) -> Option<u32> {
        self.text(option).parse().ok()
    }

    /// Nothing for `none` and for 0, which both leave it open.
    fn seconds(&self, option: &str) -> Option<Duration> {
        let seconds = self.number(option).filter(|seconds| *seconds > 0)?;
        Some(Duration::from_secs(u64::from(seconds)))
    }

    /// Paths that were named one by one; `none` stands for no file.
    fn listed(&self, option: &str) -> Result<Vec<PathBuf>, ConfigRefused> {
        let mut paths = Vec::new();
        for value in self.answer.values.get(option).into_iter().flatten() {
            let text = value.text();
            if !text.eq_ignore_ascii_case("none") {
                let path = self.tokens().path(&text);
                let path = path.map_err(|why| self.refused(option, &why))?;
                paths.push(PathBuf::from(path));
            }
        }
        Ok(paths)
    }

    fn listed_if_set(&self, option: &str) -> Result<Option<Vec<PathBuf>>, ConfigRefused> {
        if self.answer.is_set(option) {
            return self.listed(option).map(Some);
        }
        Ok(None)
    }

    /// Known_hosts files; expanded already.
    fn files(&self, option: &str) -> Vec<PathBuf> {
        let words = self.answer.value(option).map(|value| value.words.clone());
        let words = words.unwrap_or_default();
        let is_file = |word: &String| !word.is_empty() && word != "none" && word != "/dev/null";
        words
            .iter()
            .filter(|word| is_file(word))
            .map(PathBuf::from)
            .collect()
    }

    fn agent(&self) -> Agent {
        let Some(text) = self.answer.text("identityagent") else {
            return Agent::Usual;
        };
        if text.eq_ignore_ascii_case("none") {
            return Agent::None;
        }
        let variable = |name: &str| match self.machine.environment.get(name) {
            Some(path) => Agent::Socket(PathBuf::from(path)),
            None => Agent::None,
        };
        match text.strip_prefix('$') {
            _ if text == "SSH_AUTH_SOCK" => Agent::Usual,
            Some(name) if !name.starts_with('{') => variable(name),
            Some(_) | None => Agent::Socket(PathBuf::from(text)),
        }
    }

    fn new_keys(&self) -> NewKeys {
        match self.text("stricthostkeychecking").as_str() {
            "yes" | "true" => NewKeys::Refuse,
            // Then ssh(1) asks nothing either.
            _ if self.flag("batchmode") => NewKeys::Refuse,
            // We ask where ssh(1) would take a key without a word.
            _ => NewKeys::Ask,
        }
    }

    fn methods(&self) -> Methods {
        let preferred = self.answer.text("preferredauthentications");
        let off = |option: &str| matches!(self.text(option).as_str(), "no" | "false");
        Methods {
            preferred: preferred.map(|text| names(&text)),
            public_key: !off("pubkeyauthentication"),
            password: !off("passwordauthentication"),
            keyboard_interactive: !off("kbdinteractiveauthentication"),
            attempts: self.number("numberofpasswordprompts"),
            batch: self.flag("batchmode"),
        }
    }

    fn algorithms(&self, unusable: &mut Vec<String>) -> Result<Algorithms, ConfigRefused> {
        let set = |option: &str| {
            let text = self.answer.text(option);
            text.filter(|_| self.answer.is_set(option))
                .map(|text| names(&text))
        };
        let wanted = Algorithms {
            kex: set("kexalgorithms"),
            ciphers: set("ciphers"),
            macs: set("macs"),
            host_keys: set("hostkeyalgorithms"),
            user_keys: set("pubkeyacceptedalgorithms"),
            authorities: set("casignaturealgorithms"),
        };
        let (usable, left_out) = wanted.usable();
        for (option, list) in [
            ("kexalgorithms", &usable.kex),
            ("ciphers", &usable.ciphers),
            ("macs", &usable.macs),
            ("hostkeyalgorithms", &usable.host_keys),
        ] {
            if list.as_ref().is_some_and(Vec::is_empty) {
                let why = "holdpoint has none of these algorithms; allow one more for this host";
                return Err(self.refused(option, why));
            }
        }
        unusable.extend(left_out);
        Ok(usable)
    }

    /// 0 leaves it open: the bytes to the cipher, the time to nobody.
    fn rekey(&self) -> Rekey {
        let text = self.text("rekeylimit");
        let mut said = text
            .split(' ')
            .map(|word| word.parse().ok().filter(|n| *n > 0));
        Rekey {
            bytes: said.next().flatten(),
            after: said.next().flatten().map(Duration::from_secs),
        }
    }

    fn family(&self) -> Family {
        match self.text("addressfamily").as_str() {
            "inet" => Family::V4,
            "inet6" => Family::V6,
            _ => Family::Any,
        }
    }

    fn way(&self) -> Result<Way, ConfigRefused> {
        if let Some(jump) = self.answer.text("proxyjump") {
            return Ok(Way::Jump(jump));
        }
        let Some(command) = self.answer.text("proxycommand") else {
            return Ok(Way::Direct);
        };
        if command == "-" {
            let why = "standard input and output are taken; name a command";
            return Err(self.refused("proxycommand", why));
        }
        let expanded = self.tokens().command(&command);
        let expanded = expanded.map_err(|why| self.refused("proxycommand", &why))?;
        Ok(Way::Command(expanded))
    }
}

/// The socket of the agent that is asked, `usual` being that of the environment.
pub(crate) fn agent_socket(agent: &Agent, usual: Option<&Path>) -> Option<PathBuf> {
    match agent {
        Agent::Usual => usual.map(Path::to_path_buf),
        Agent::None => None,
        Agent::Socket(path) => Some(path.clone()),
    }
}
