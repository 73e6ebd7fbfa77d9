//! Judges the key that a server shows, and orders what we ask it to show.

use russh::keys::ssh_key::public::KeyData;
use russh::keys::{Algorithm, EcdsaCurve, HashAlg, PublicKey};

use super::endpoint::PinnedKey;
use super::failure::{ConnectFailure, ReplacedKey};
use super::known_hosts::{KnownHosts, Place, Verdict, fingerprint};

/// RSA keys below this many bits are refused, whoever vouches for them.
const LEAST_RSA_BITS: u32 = 2048;

/// Every host key algorithm that we take, best first. `ssh-rsa` (SHA-1) is left out on purpose.
const ALGORITHMS: [Algorithm; 6] = [
    Algorithm::Ed25519,
    Algorithm::Ecdsa {
        curve: EcdsaCurve::NistP256,
    },
    Algorithm::Ecdsa {
        curve: EcdsaCurve::NistP384,
    },
    Algorithm::Ecdsa {
        curve: EcdsaCurve::NistP521,
    },
    Algorithm::Rsa {
        hash: Some(HashAlg::Sha512),
    },
    Algorithm::Rsa {
        hash: Some(HashAlg::Sha256),
    },
];

/// What is known about one host before it is called.
pub(crate) struct HostKeyRule {
    pub(crate) known: KnownHosts,
    /// The name to look up, see [`super::known_hosts::known_name`].
    pub(crate) name: String,
    pub(crate) pinned: Option<PinnedKey>,
    /// RSA keys below this many bits are refused; never fewer than our own least.
    pub(crate) least_rsa_bits: u32,
    /// Algorithms with which an authority may have signed (CASignatureAlgorithms); `None`: all but the weak.
    pub(crate) authorities: Option<Vec<String>>,
}

impl HostKeyRule {
    /// The algorithms to offer: the pinned type, then the known types, then the rest, each in our order.
    ///
    /// Without this order a server with several keys may show one that we do not know, and look changed.
    pub(crate) fn algorithms(&self) -> Vec<Algorithm> {
        let mut order: Vec<Algorithm> = ALGORITHMS.to_vec();
        order.sort_by_key(|algorithm| self.foreignness(algorithm));
        order
    }

    /// 0 for the pinned type of key, 1 for a known one, 2 for any other.
    pub(crate) fn foreignness(&self, algorithm: &Algorithm) -> u8 {
        let plain = plain_name(algorithm);
        if self
            .pinned
            .as_ref()
            .is_some_and(|pin| pin.algorithm == plain)
        {
            return 0;
        }
        let mut known = self.known.keys_of(&self.name);
        match known.any(|key| key.algorithm().to_string() == plain) {
            true => 1,
            false => 2,
        }
    }

    /// The length of an RSA key that is too short to prove anything.
    pub(super) fn weak_rsa_bits(&self, key: &PublicKey) -> Option<u32> {
        let least = self.least_rsa_bits.max(LEAST_RSA_BITS);
        match key.key_data() {
            KeyData::Rsa(rsa) => Some(rsa.key_size()).filter(|bits| *bits < least),
            _ => None,
        }
    }

    /// `Ok` when the server may be talked to; else the question or the refusal.
    pub(crate) fn judge(&self, key: &PublicKey) -> Result<(), ConnectFailure> {
        let algorithm = key.algorithm().to_string();
        let shown = fingerprint(key);
        if let Some(bits) = self.weak_rsa_bits(key) {
            return Err(ConnectFailure::HostKeyWeak { bits });
        }
        let pin = self.pinned.as_ref();
        let differing = pin.filter(|pin| pin.fingerprint != shown);
        match (self.known.verdict(&self.name, key), differing) {
            (Verdict::Revoked(place), _) => Err(ConnectFailure::HostKeyRevoked {
                place,
                algorithm,
                fingerprint: shown,
            }),
            (_, Some(pin)) => {
                let vouched = self.known.place_of(&self.name, key);
                Err(self.replaced(pin, key, vouched))
            }
            // A human has compared it, and the line still holds the key from before.
            (Verdict::Changed { .. }, None) if pin.is_some_and(|pin| pin.let_in) => Ok(()),
            (Verdict::Changed { place, stored }, None) => Err(ConnectFailure::HostKeyChanged {
                place,
                stored,
                got: shown,
                algorithm,
            }),
            (Verdict::Known, None) => Ok(()),
            // Pinned and the same: the operator has answered for this key earlier in the run.
            (Verdict::Unknown { .. }, None) if pin.is_some() => Ok(()),
            (Verdict::Unknown { authority }, None) => Err(ConnectFailure::HostKeyUnknown {
                name: self.name.clone(),
                algorithm,
                fingerprint: shown,
                key: Box::new(key.clone()),
                authority,
            }),
        }
    }

    /// The server shows another key than the pinned one; `vouched` is the line that speaks for the new key.
    pub(super) fn replaced(
        &self,
        pin: &PinnedKey,
        key: &PublicKey,
        vouched: Option<Place>,
    ) -> ConnectFailure {
        let replaced = ReplacedKey {
            name: self.name.clone(),
            pinned: pin.clone(),
            key: key.clone(),
            others: self.known.others(&self.name, key).collect(),
            vouched,
        };
        ConnectFailure::PinnedKeyDiffers {
            replaced: Box::new(replaced),
            barred: false,
        }
    }
}

/// The key's algorithm without the signature hash: what stands in `known_hosts`.
pub(super) fn plain_name(algorithm: &Algorithm) -> String {
    match algorithm {
        Algorithm::Rsa { .. } => Algorithm::Rsa { hash: None }.to_string(),
        other => other.to_string(),
    }
}
