//! What ProxyJump says: hops as `[user@]host[:port]` or `ssh://[user@]host[:port]`, the one nearest to us first.

use super::values::port;

/// One host on the way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Hop {
    pub(super) user: Option<String>,
    pub(super) host: String,
    pub(super) port: Option<u16>,
}

/// The hops of a whole specification.
pub(super) fn hops(text: &str) -> Option<Vec<Hop>> {
    text.split(',').map(hop).collect()
}

/// What one line says, as `ssh -G` prints it; `none` for no jump host. Nothing if it is not well formed.
///
/// The last hop is written anew, those before it are kept as they are, a comment behind them too: so does ssh(1).
pub(super) fn as_printed(line: &str) -> Option<String> {
    if line.eq_ignore_ascii_case("none") {
        return Some("none".into());
    }
    let said = line.split('#').next().unwrap_or_default();
    // What follows a blank is not read, not only a blank at the end.
    let blank = |c: char| matches!(c, ' ' | '\t' | '\n' | '\r' | '\x0b' | '\x0c');
    let mut ends = said.char_indices().skip(1);
    let end = ends
        .find(|(_, c)| blank(*c))
        .map_or(said.len(), |(at, _)| at);
    let said = &said[..end];
    let all = hops(said)?;
    let last = all.last()?;
    let extra = line.rfind(',').filter(|at| *at > 0);
    let before = extra.map_or_else(String::new, |at| format!("{},", &line[..at]));
    let user = last
        .user
        .as_ref()
        .map_or_else(String::new, |user| format!("{user}@"));
    let port = last
        .port
        .map_or_else(String::new, |port| format!(":{port}"));
    let digits = |c: char| c.is_ascii_digit() || c == '.';
    let host = &last.host;
    Some(if host.contains(':') || host.chars().all(digits) {
        format!("{before}{user}[{host}]{port}")
    } else {
        format!("{before}{user}{host}{port}")
    })
}

fn hop(text: &str) -> Option<Hop> {
    if let Some(uri) = text.strip_prefix("ssh://") {
        return hop_of_uri(uri);
    }
    let (user, rest) = match text.rsplit_once('@') {
        Some(("", _)) => return None,
        Some((user, rest)) => (Some(user.to_owned()), rest),
        None => (None, text),
    };
    let (host, after) = host_and_rest(rest)?;
    let port = match after {
        None | Some((_, "")) => None,
        Some((_, text)) => Some(port(text)?),
    };
    Some(Hop { user, host, port })
}

fn hop_of_uri(uri: &str) -> Option<Hop> {
    let (user, rest) = match uri.split_once('@') {
        Some((user, rest)) => {
            // Connection parameters after a semicolon are read over, as ssh(1) does.
            let user = user.split(';').next().filter(|user| !user.is_empty())?;
            (Some(decoded(user)?), rest)
        }
        None => (None, uri),
    };
    let (host, after) = host_and_rest(rest)?;
    let name = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    let begins_well = host.starts_with(|c: char| c.is_ascii_alphanumeric());
    if !begins_well || !host.chars().all(name) || host.contains("..") {
        return None;
    }
    let port = match after {
        None | Some((_, "")) => None,
        Some((':', text)) => {
            let text = text.strip_suffix('/').unwrap_or(text);
            Some(port(text)?)
        }
        // A path has no place in a jump.
        Some(_) => return None,
    };
    Some(Hop { user, host, port })
}

/// The host, its brackets taken away, and what follows the `:` or `/` behind it.
fn host_and_rest(text: &str) -> Option<(String, Option<(char, &str)>)> {
    let end = match text.strip_prefix('[') {
        Some(_) => text.find(']')? + 1,
        None => text.find([':', '/']).unwrap_or(text.len()),
    };
    let (host, rest) = text.split_at(end);
    let after = match rest.chars().next() {
        None => None,
        Some(mark @ (':' | '/')) => Some((mark, &rest[1..])),
        Some(_) => return None,
    };
    let bare = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'));
    let bare = bare.unwrap_or(host);
    (!host.is_empty()).then(|| (bare.to_owned(), after))
}

fn decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::new();
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'%' => {
                let mut digit = || char::from(rest.next()?).to_digit(16);
                u8::try_from(digit()? * 16 + digit()?).ok()?
            }
            b'+' => b' ',
            other => other,
        });
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hops_are_read_and_printed_as_ssh_does() {
        let cases = [
            ("bastion", Some("bastion")),
            ("ana@bastion:2222", Some("ana@bastion:2222")),
            ("a@b@c", Some("a@b@c")),
            ("one,two@[fe80::1]:22", Some("one,two@[fe80::1]:22")),
            ("10.0.0.1", Some("[10.0.0.1]")),
            ("ssh://ana@bastion:99", Some("ana@bastion:99")),
            ("x,ssh://a%40b@bastion", Some("x,a@b@bastion")),
            ("bastion # over there", Some("bastion")),
            ("NONE", Some("none")),
            ("bastion:0", None),
            ("@bastion", None),
            ("ssh://bastion/path", None),
            ("", None),
        ];
        for (line, printed) in cases {
            assert_eq!(as_printed(line).as_deref(), printed, "{line}");
        }
        let two = hops("a@x:1,[10.0.0.1]").unwrap();
        assert_eq!((two[0].user.as_deref(), two[0].port), (Some("a"), Some(1)));
        assert_eq!(two[1].host, "10.0.0.1");
    }
}
