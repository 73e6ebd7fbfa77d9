//! How a connection is made, beyond where to and as whom: data that ssh_config and the cluster file decide.

use std::path::PathBuf;
use std::time::Duration;

use russh::keys::Algorithm;
use russh::{Limits, MethodKind, cipher, kex, mac};

/// The finer points of a connection. The default is what holds where nobody says anything.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tuning {
    /// The name that stands in known_hosts instead of the host's (HostKeyAlias).
    pub known_as: Option<String>,
    /// What is done with a host key that nobody has vouched for (StrictHostKeyChecking).
    pub new_keys: NewKeys,
    /// User certificates, in the order of their offering (CertificateFile).
    pub certificates: Vec<PathBuf>,
    /// Which ways of logging in are used.
    pub methods: Methods,
    /// Which algorithms are offered.
    pub algorithms: Algorithms,
    /// A life sign after this much silence (ServerAliveInterval).
    pub keepalive: Option<Duration>,
    /// So many unanswered life signs are a lost connection (ServerAliveCountMax).
    pub keepalives_lost: Option<u32>,
    /// When keys are exchanged anew (RekeyLimit).
    pub rekey: Rekey,
    /// Which addresses are used (AddressFamily).
    pub family: Family,
    /// The local address that the connection comes from (BindAddress).
    pub bind_address: Option<String>,
    /// Whether accepted host keys are written with hashed names (HashKnownHosts).
    pub hash_known_hosts: bool,
    /// RSA keys below this many bits are refused (RequiredRSASize); never fewer than our own least.
    pub least_rsa_bits: Option<u32>,
    /// Nothing is asked before the last answer is there: what is under way always fits while keys are exchanged.
    pub one_at_a_time: bool,
}

/// A life sign after this much silence; a loss is seen after four of them.
const KEEPALIVE: Duration = Duration::from_secs(5);
const KEEPALIVES_LOST: u32 = 3;

impl Tuning {
    /// How much silence brings a life sign, and how many of them may stay unanswered.
    pub(super) fn keepalives(&self) -> (Duration, u32) {
        // 0 means for ever to ssh(1); a lost connection that nobody notices helps nobody.
        let lost = self.keepalives_lost.filter(|lost| *lost > 0);
        let interval = self.keepalive.unwrap_or(KEEPALIVE);
        (interval, lost.unwrap_or(KEEPALIVES_LOST))
    }

    /// After this much silence a peer is lost.
    pub(super) fn patience(&self) -> Duration {
        let (interval, lost) = self.keepalives();
        interval.saturating_mul(lost.saturating_add(1))
    }
}

/// When keys are exchanged anew: after whichever comes first.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Rekey {
    /// After so many bytes in one direction; never after more than 1 GiB, whatever stands here.
    pub bytes: Option<u64>,
    /// After so much time; an hour where nobody says another.
    pub after: Option<Duration>,
}

impl Rekey {
    pub(super) fn limits(&self) -> Limits {
        let most = Limits::default();
        let said = self
            .bytes
            .map(|bytes| usize::try_from(bytes).unwrap_or(usize::MAX));
        Limits {
            rekey_write_limit: most.rekey_write_limit.min(said.unwrap_or(usize::MAX)),
            rekey_read_limit: most.rekey_read_limit.min(said.unwrap_or(usize::MAX)),
            rekey_time_limit: self.after.unwrap_or(most.rekey_time_limit),
        }
    }
}

/// What is done with a host key that nobody has vouched for. Taking it without a word is not among it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum NewKeys {
    /// The operator is asked.
    #[default]
    Ask,
    /// It is refused.
    Refuse,
}

/// Which addresses of a name are used.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Family {
    #[default]
    Any,
    V4,
    V6,
}

/// Ways of logging in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Methods {
    /// The order, by their names in the protocol; a method that is not named is not used (PreferredAuthentications).
    pub preferred: Option<Vec<String>>,
    /// PubkeyAuthentication.
    pub public_key: bool,
    /// PasswordAuthentication.
    pub password: bool,
    /// KbdInteractiveAuthentication.
    pub keyboard_interactive: bool,
    /// How often a password is asked for (NumberOfPasswordPrompts).
    pub attempts: Option<u32>,
    /// Whether nobody may be asked for a password or passphrase (BatchMode).
    pub batch: bool,
}

impl Methods {
    /// Whether keys are offered at all.
    pub(super) fn uses_keys(&self) -> bool {
        self.in_order().contains(&MethodKind::PublicKey)
    }

    /// The ways that are used, in their order: that of ssh(1) where nobody says another.
    pub(super) fn in_order(&self) -> Vec<MethodKind> {
        let all = [
            ("publickey", MethodKind::PublicKey, self.public_key),
            (
                "keyboard-interactive",
                MethodKind::KeyboardInteractive,
                self.keyboard_interactive,
            ),
            ("password", MethodKind::Password, self.password),
        ];
        let used = all.iter().filter(|(_, _, used)| *used);
        let Some(preferred) = &self.preferred else {
            return used.map(|(_, kind, _)| *kind).collect();
        };
        let named = |name: &String| {
            let found = used.clone().find(|(known, _, _)| known == name);
            found.map(|(_, kind, _)| *kind)
        };
        preferred.iter().filter_map(named).collect()
    }
}

impl Default for Methods {
    fn default() -> Self {
        Self {
            preferred: None,
            public_key: true,
            password: true,
            keyboard_interactive: true,
            attempts: None,
            batch: false,
        }
    }
}

/// Names of algorithms, best first; `None` where our own order holds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Algorithms {
    pub kex: Option<Vec<String>>,
    pub ciphers: Option<Vec<String>>,
    pub macs: Option<Vec<String>>,
    /// Of host keys, certificates included (HostKeyAlgorithms).
    pub host_keys: Option<Vec<String>>,
    /// Of user keys, certificates included (PubkeyAcceptedAlgorithms).
    pub user_keys: Option<Vec<String>>,
    /// With which a certificate authority may have signed (CASignatureAlgorithms).
    pub authorities: Option<Vec<String>>,
}

impl Algorithms {
    /// Only what can be used, and the names that were left out of the key exchange, the ciphers and the MACs.
    ///
    /// Names of keys stay as they are: they only ever narrow what we would use anyway.
    pub(crate) fn usable(self) -> (Self, Vec<String>) {
        let mut left_out = Vec::new();
        let mut keep = |names: Option<Vec<String>>, can: fn(&str) -> bool| {
            names.map(|names| {
                let (kept, dropped): (Vec<_>, Vec<_>) =
                    names.into_iter().partition(|name| can(name));
                left_out.extend(dropped);
                kept
            })
        };
        let usable = Self {
            kex: keep(self.kex, |name| kex_name(name).is_some()),
            ciphers: keep(self.ciphers, |name| cipher_name(name).is_some()),
            macs: keep(self.macs, |name| mac_name(name).is_some()),
            ..self
        };
        let host_keys = usable.host_keys.as_ref();
        let host_keys =
            host_keys.map(|names| names.iter().filter(|n| is_host_key(n)).cloned().collect());
        (
            Self {
                host_keys,
                ..usable
            },
            left_out,
        )
    }

    /// The key exchanges to offer.
    pub(super) fn kex_names(&self) -> Option<Vec<kex::Name>> {
        let names = self.kex.as_ref()?;
        let extensions = [
            kex::EXTENSION_SUPPORT_AS_CLIENT,
            kex::EXTENSION_OPENSSH_STRICT_KEX_AS_CLIENT,
        ];
        let named = names.iter().filter_map(|name| kex_name(name));
        Some(named.chain(extensions).collect())
    }

    /// The types of host key that are asked for, as they stand in known_hosts; none where every type is.
    pub(super) fn host_key_types(&self) -> Vec<&str> {
        let mut types = Vec::new();
        for name in self.host_keys.iter().flatten() {
            let plain = name.strip_suffix("-cert-v01@openssh.com").unwrap_or(name);
            let plain = match plain.starts_with("rsa-sha2-") {
                true => "ssh-rsa",
                false => plain,
            };
            if !types.contains(&plain) {
                types.push(plain);
            }
        }
        types
    }

    /// Whether a host may be asked for a key of this type.
    pub(super) fn may_ask_for(&self, plain: &str) -> bool {
        self.host_keys.is_none() || self.host_key_types().contains(&plain)
    }

    /// The ciphers to offer.
    pub(super) fn cipher_names(&self) -> Option<Vec<cipher::Name>> {
        let names = self.ciphers.as_ref()?;
        Some(names.iter().filter_map(|name| cipher_name(name)).collect())
    }

    /// The MACs to offer. Ciphers that bring their own do not look at them.
    pub(super) fn mac_names(&self) -> Option<Vec<mac::Name>> {
        let names = self.macs.as_ref()?;
        Some(names.iter().filter_map(|name| mac_name(name)).collect())
    }

    /// Narrows and orders the plain host key algorithms that we would offer, those of low `rank` before all others: a type
    /// of key that is known for the host is asked for first whatever the configuration's order, as ssh(1) has it for a list
    /// that only adds to its own or takes away from it (`+`, `-`).
    pub(super) fn host_key_order(
        &self,
        ours: Vec<Algorithm>,
        rank: impl Fn(&Algorithm) -> u8,
    ) -> Vec<Algorithm> {
        let Some(names) = &self.host_keys else {
            return ours;
        };
        let named =
            |algorithm: &Algorithm| names.iter().position(|name| *name == algorithm.to_string());
        let mut order: Vec<Algorithm> = ours
            .into_iter()
            .filter(|one| named(one).is_some())
            .collect();
        order.sort_by_key(|algorithm| (rank(algorithm), named(algorithm)));
        order
    }
}

/// `none` is a name of the library's too: never ours.
fn real(name: &str) -> Option<&str> {
    Some(name).filter(|name| !matches!(*name, "none" | "clear"))
}

fn kex_name(name: &str) -> Option<kex::Name> {
    real(name).and_then(|name| kex::Name::try_from(name).ok())
}

fn cipher_name(name: &str) -> Option<cipher::Name> {
    real(name).and_then(|name| cipher::Name::try_from(name).ok())
}

fn mac_name(name: &str) -> Option<mac::Name> {
    real(name).and_then(|name| mac::Name::try_from(name).ok())
}

/// Host keys that we can check. SHA-1 signatures are not among them.
fn is_host_key(name: &str) -> bool {
    let plain = name.strip_suffix("-cert-v01@openssh.com").unwrap_or(name);
    plain == "ssh-ed25519" || plain.starts_with("ecdsa-sha2-") || plain.starts_with("rsa-sha2-")
}
