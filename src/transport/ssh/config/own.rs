//! Our own resolution: reads the files, then settles what ssh(1) settles before it connects.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};

use super::algorithms::{NameLists, assembled};
use super::answer::{Answer, Value};
use super::jump::{Hop, hops};
use super::machine::{Ask, ConfigRefused, Files, Machine, Origin};
use super::reader::{Picked, Reader, with_host};
use super::tokens::Tokens;

/// What holds where nobody says anything (readconf.c, `fill_default_options`).
const DEFAULTS: [(&str, &str); 17] = [
    ("port", "22"),
    ("addressfamily", "any"),
    ("batchmode", "no"),
    ("canonicalizehostname", "false"),
    ("connecttimeout", "none"),
    ("hashknownhosts", "no"),
    ("identitiesonly", "no"),
    ("kbdinteractiveauthentication", "yes"),
    ("numberofpasswordprompts", "3"),
    ("passwordauthentication", "yes"),
    ("pubkeyauthentication", "true"),
    ("rekeylimit", "0 0"),
    ("requiredrsasize", "1024"),
    ("serveralivecountmax", "3"),
    ("serveraliveinterval", "0"),
    ("stricthostkeychecking", "ask"),
    (
        "globalknownhostsfile",
        "/etc/ssh/ssh_known_hosts /etc/ssh/ssh_known_hosts2",
    ),
];
/// Key files that are tried where none is named, in ssh(1)'s order.
const KEYS: [&str; 7] = [
    "~/.ssh/id_rsa",
    "~/.ssh/id_ecdsa",
    "~/.ssh/id_ecdsa_sk",
    "~/.ssh/id_ed25519",
    "~/.ssh/id_ed25519_sk",
    "~/.ssh/id_xmss",
    "~/.ssh/id_dsa",
];
const KNOWN_HOSTS: [&str; 2] = ["~/.ssh/known_hosts", "~/.ssh/known_hosts2"];

/// Resolves `ask` from the files, without the ssh program.
///
/// # Errors
/// What ssh(1) would not take, and what cannot be decided without it, with file and line.
pub fn resolve(
    machine: &Machine,
    files: &Files,
    ask: &Ask,
    lists: &NameLists,
) -> Result<Answer, ConfigRefused> {
    let mut reader = Reader::new(machine, ask)?;
    reader.files(files)?;
    let named = reader.picked.get("hostname").and_then(|all| all.first());
    let host = match named {
        Some(name) => {
            with_host(&name.words[0], &ask.host, machine).map_err(|why| ConfigRefused {
                place: name.origin.place().cloned(),
                why,
            })?
        }
        None => ask.host.clone(),
    };
    let host = settled(&host, reader.first("addressfamily"));
    if reader.wants_final {
        reader.again(&host, files)?;
    }
    let mut answer = Answer {
        unknown: reader.unknown,
        ..Answer::default()
    };
    let picked = reader.picked;
    let origin = picked.get("hostname").and_then(|all| all.first());
    let origin = origin.map_or(Origin::Default, |name| name.origin.clone());
    answer.set("hostname", vec![host], origin);
    take(&mut answer, &picked, lists)?;
    defaults(&mut answer, machine, lists);
    expand(&mut answer, machine, ask)?;
    goes_forward(&answer)?;
    Ok(answer)
}

/// A host that is reached through itself is not reached.
fn goes_forward(answer: &Answer) -> Result<(), ConfigRefused> {
    let text = |option: &str| answer.text(option).unwrap_or_default();
    let hop = answer.text("proxyjump").and_then(|jump| hops(&jump)?.pop());
    let Some(Hop { user, host, port }) = hop else {
        return Ok(());
    };
    let same_user = user.is_none_or(|user| user == text("user"));
    let same_port = port.unwrap_or(22).to_string() == text("port");
    if host == text("hostname") && same_user && same_port {
        return Err(ConfigRefused {
            place: answer.value("proxyjump").and_then(Value::place).cloned(),
            why: format!(
                "the jump host {host} is reached through itself, in a circle; add `ProxyJump none` for it"
            ),
        });
    }
    Ok(())
}

/// Names in lower case, addresses in their usual form. What looks like an address and is none of the wanted family stays
/// as it is.
fn settled(host: &str, family: Option<&str>) -> String {
    match (host.parse::<IpAddr>(), family) {
        (Ok(IpAddr::V6(_)), Some("inet")) | (Ok(IpAddr::V4(_)), Some("inet6")) => host.to_owned(),
        (Ok(address), _) => {
            let usual = address.to_string();
            // Capitals alone are left as they are.
            match usual.eq_ignore_ascii_case(host) {
                true => host.to_owned(),
                false => usual,
            }
        }
        (Err(_), _) if host.contains([':', '%']) => host.to_owned(),
        (Err(_), Some("inet6")) => host.to_ascii_lowercase(),
        (Err(_), _) => short_address(host)
            .map_or_else(|| host.to_ascii_lowercase(), |address| address.to_string()),
    }
}

/// The old ways to write an address: fewer than four parts, hexadecimal and octal numbers (inet_aton(3)).
fn short_address(text: &str) -> Option<Ipv4Addr> {
    let number = |part: &str| {
        let hexadecimal = part.strip_prefix("0x").or_else(|| part.strip_prefix("0X"));
        let (digits, base) = match (hexadecimal, part.strip_prefix('0')) {
            (Some(digits), _) => (digits, 16),
            (None, Some(digits)) if !digits.is_empty() => (digits, 8),
            (None, _) => (part, 10),
        };
        let plain = !digits.starts_with('+');
        u32::from_str_radix(digits, base).ok().filter(|_| plain)
    };
    let parts: Option<Vec<u32>> = text.split('.').map(number).collect();
    let parts = parts.filter(|parts| parts.len() <= 4)?;
    let (last, bytes) = parts.split_last()?;
    let room = 32 - 8 * u32::try_from(bytes.len()).ok()?;
    let fits = u64::from(*last) < 1 << room && bytes.iter().all(|byte| *byte < 256);
    let above = bytes
        .iter()
        .zip([24, 16, 8])
        .map(|(byte, shift)| byte << shift);
    fits.then(|| Ipv4Addr::from_bits(above.sum::<u32>() | last))
}

fn take(
    answer: &mut Answer,
    picked: &BTreeMap<&'static str, Vec<Picked>>,
    lists: &NameLists,
) -> Result<(), ConfigRefused> {
    for (name, values) in picked {
        for value in values {
            let mut words = value.words.clone();
            let text = words.join(" ");
            match (*name, lists.get(*name)) {
                ("hostname", _) => continue,
                ("proxyjump", _) if text == "none" => continue,
                ("proxycommand", _) if text.eq_ignore_ascii_case("none") => continue,
                ("hostkeyalias", _) => words = vec![text.to_ascii_lowercase()],
                ("rekeylimit", _) if words.len() == 1 => words.push("0".into()),
                (_, Some(list)) => {
                    let names = assembled(&text, list).map_err(|why| ConfigRefused {
                        place: value.origin.place().cloned(),
                        why: format!("{name}: {why}"),
                    })?;
                    words = vec![names.join(",")];
                }
                (_, None) => {}
            }
            answer.set(name, words, value.origin.clone());
        }
    }
    Ok(())
}

fn defaults(answer: &mut Answer, machine: &Machine, lists: &NameLists) {
    let mut fill = |name: &str, words: Vec<String>| {
        if !answer.values.contains_key(name) {
            answer.set(name, words, Origin::Default);
        }
    };
    for (name, value) in DEFAULTS {
        fill(name, value.split(' ').map(str::to_owned).collect());
    }
    fill("user", vec![machine.user.clone()]);
    fill(
        "userknownhostsfile",
        KNOWN_HOSTS.map(str::to_owned).to_vec(),
    );
    for (name, list) in lists {
        fill(name, vec![list.default.join(",")]);
    }
    if !answer.values.contains_key("identityfile") {
        for key in KEYS {
            answer.set("identityfile", vec![key.into()], Origin::Default);
        }
    }
}

/// The paths that ssh(1) expands before it prints them.
fn expand(answer: &mut Answer, machine: &Machine, ask: &Ask) -> Result<(), ConfigRefused> {
    let text = |option: &str| answer.text(option).unwrap_or_default();
    let (host, user, port) = (text("hostname"), text("user"), text("port"));
    let alias = answer
        .text("hostkeyalias")
        .unwrap_or_else(|| ask.host.clone());
    let tokens = Tokens {
        machine,
        host: &host,
        asked: &ask.host,
        key_alias: &alias,
        port: port.parse().unwrap_or(22),
        user: &user,
    };
    for option in ["userknownhostsfile", "identityagent"] {
        for value in answer.values.get_mut(option).into_iter().flatten() {
            if value.words[0].eq_ignore_ascii_case("none") {
                value.words = vec!["none".into()];
                continue;
            }
            for word in &mut value.words {
                *word = tokens.path(word).map_err(|why| ConfigRefused {
                    place: value.origin.place().cloned(),
                    why: format!("{option}: {why}"),
                })?;
            }
        }
    }
    let global = answer.values.get_mut("globalknownhostsfile");
    for value in global.into_iter().flatten() {
        if value.words[0].eq_ignore_ascii_case("none") {
            value.words = vec!["none".into()];
        }
    }
    Ok(())
}
