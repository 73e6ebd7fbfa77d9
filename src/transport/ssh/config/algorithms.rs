//! Lists of algorithms: `+`, `-` and `^` against the default list, as ssh(1) puts them together.

use std::collections::BTreeMap;

use super::pattern::list_matches;

/// For one option: what holds by default, and every name there is.
#[derive(Debug, Clone, Default)]
pub struct NameList {
    /// In the order of preference.
    pub default: Vec<String>,
    /// Every name that patterns may stand for.
    pub all: Vec<String>,
}

/// The lists of every option that takes one, by the option's name.
pub type NameLists = BTreeMap<String, NameList>;

const CIPHERS: &str = "chacha20-poly1305@openssh.com,aes128-gcm@openssh.com,aes256-gcm@openssh.com,\
aes128-ctr,aes192-ctr,aes256-ctr";
const MORE_CIPHERS: &str = "3des-cbc,aes128-cbc,aes192-cbc,aes256-cbc";
const MACS: &str = "umac-64-etm@openssh.com,umac-128-etm@openssh.com,hmac-sha2-256-etm@openssh.com,\
hmac-sha2-512-etm@openssh.com,hmac-sha1-etm@openssh.com,umac-64@openssh.com,umac-128@openssh.com,\
hmac-sha2-256,hmac-sha2-512,hmac-sha1";
const MORE_MACS: &str = "hmac-sha1-96,hmac-md5,hmac-md5-96,hmac-sha1-96-etm@openssh.com,\
hmac-md5-etm@openssh.com,hmac-md5-96-etm@openssh.com";
const KEX: &str = "mlkem768x25519-sha256,sntrup761x25519-sha512,sntrup761x25519-sha512@openssh.com,\
curve25519-sha256,curve25519-sha256@libssh.org,ecdh-sha2-nistp256,ecdh-sha2-nistp384,ecdh-sha2-nistp521,\
diffie-hellman-group-exchange-sha256,diffie-hellman-group16-sha512,diffie-hellman-group18-sha512,\
diffie-hellman-group14-sha256";
const MORE_KEX: &str =
    "diffie-hellman-group1-sha1,diffie-hellman-group14-sha1,diffie-hellman-group-exchange-sha1";
const KEYS: &str = "ssh-ed25519-cert-v01@openssh.com,ecdsa-sha2-nistp256-cert-v01@openssh.com,\
ecdsa-sha2-nistp384-cert-v01@openssh.com,ecdsa-sha2-nistp521-cert-v01@openssh.com,\
sk-ssh-ed25519-cert-v01@openssh.com,sk-ecdsa-sha2-nistp256-cert-v01@openssh.com,\
rsa-sha2-512-cert-v01@openssh.com,rsa-sha2-256-cert-v01@openssh.com,ssh-ed25519,ecdsa-sha2-nistp256,\
ecdsa-sha2-nistp384,ecdsa-sha2-nistp521,sk-ssh-ed25519@openssh.com,sk-ecdsa-sha2-nistp256@openssh.com,\
rsa-sha2-512,rsa-sha2-256";
const MORE_KEYS: &str = "webauthn-sk-ecdsa-sha2-nistp256@openssh.com,ssh-dss,ssh-dss-cert-v01@openssh.com,\
ssh-rsa,ssh-rsa-cert-v01@openssh.com";
const AUTHORITY_KEYS: &str = "ssh-ed25519,ecdsa-sha2-nistp256,ecdsa-sha2-nistp384,ecdsa-sha2-nistp521,\
sk-ssh-ed25519@openssh.com,sk-ecdsa-sha2-nistp256@openssh.com,rsa-sha2-512,rsa-sha2-256";

/// OpenSSH's lists (`myproposal.h`, 9.2 with the key exchange of 10.0), for machines without the program.
pub fn openssh_lists() -> NameLists {
    let list = |default: &str, more: &str| {
        let default = names(default);
        let all = default.iter().cloned().chain(names(more)).collect();
        NameList { default, all }
    };
    [
        ("ciphers", list(CIPHERS, MORE_CIPHERS)),
        ("macs", list(MACS, MORE_MACS)),
        ("kexalgorithms", list(KEX, MORE_KEX)),
        ("hostkeyalgorithms", list(KEYS, MORE_KEYS)),
        ("pubkeyacceptedalgorithms", list(KEYS, MORE_KEYS)),
        ("casignaturealgorithms", list(AUTHORITY_KEYS, MORE_KEYS)),
    ]
    .map(|(option, list)| (option.to_owned(), list))
    .into()
}

/// A comma list as names.
pub(super) fn names(text: &str) -> Vec<String> {
    text.split(',')
        .filter(|name| !name.is_empty())
        .map(str::to_owned)
        .collect()
}

/// What an option's text stands for. A name that nobody knows falls out; an empty list is an error.
pub(super) fn assembled(text: &str, list: &NameList) -> Result<Vec<String>, String> {
    let default = &list.default;
    if let Some(without) = text.strip_prefix('-') {
        let keeps = |name: &&String| !list_matches(name, without);
        return Ok(default.iter().filter(keeps).cloned().collect());
    }
    let wanted: Vec<String> = match (text.strip_prefix('+'), text.strip_prefix('^')) {
        (Some(more), _) => default.iter().cloned().chain(names(more)).collect(),
        (None, Some(first)) => names(first)
            .into_iter()
            .chain(default.iter().cloned())
            .collect(),
        (None, None) => names(text),
    };
    let mut found: Vec<String> = Vec::new();
    for pattern in &wanted {
        if pattern.starts_with('!') {
            return Err(format!(
                "{pattern:?}: a negation has no place in such a list"
            ));
        }
        for name in list.all.iter().filter(|name| list_matches(name, pattern)) {
            if !found.contains(name) {
                found.push(name.clone());
            }
        }
    }
    if found.is_empty() {
        return Err(format!("{text:?} names no algorithm that is known"));
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signs_change_the_default_list() {
        let list = NameList {
            default: names("a1,a2,b1"),
            all: names("a1,a2,b1,c1,c2"),
        };
        let joined = |text: &str| assembled(text, &list).map(|names| names.join(","));
        assert_eq!(joined("+c2,a1"), Ok("a1,a2,b1,c2".into()));
        assert_eq!(joined("-a*"), Ok("b1".into()));
        assert_eq!(joined("^c*"), Ok("c1,c2,a1,a2,b1".into()));
        assert_eq!(joined("c1,zz,a1"), Ok("c1,a1".into()));
        assert!(joined("zz").is_err());
    }
}
