//! Judges a host certificate: the server's key, vouched for by an authority that a `@cert-authority` line trusts.
//!
//! What must hold is in PROTOCOL.certkeys of OpenSSH; its names are no patterns, as measured with OpenSSH 9.2. In one thing we
//! are stricter than that: a certificate that names no host at all is not valid for every host.

use std::time::{SystemTime, UNIX_EPOCH};

use russh::keys::ssh_key::HashAlg;
use russh::keys::{Algorithm, Certificate, PublicKey};

use super::failure::ConnectFailure;
use super::hostkey::HostKeyRule;
use super::known_hosts::{Verdict, fingerprint, host_of};

impl HostKeyRule {
    /// The certificates to ask for: none unless an authority is trusted for this name, and in a run that has seen a key only
    /// those for a key of its type.
    pub(crate) fn certificate_algorithms(&self) -> Vec<Algorithm> {
        if !self.known.has_authority(&self.name) {
            return Vec::new();
        }
        let same_type = |algorithm: &Algorithm| {
            let pinned = self.pinned.as_ref();
            pinned.is_none_or(|pin| pin.algorithm == super::hostkey::plain_name(algorithm))
        };
        self.algorithms().into_iter().filter(same_type).collect()
    }

    /// As [`HostKeyRule::judge`], for a certificate. One of an authority that is not trusted here counts as the bare key in it,
    /// as ssh(1) has it.
    pub(crate) fn judge_certificate(
        &self,
        certificate: &Certificate,
        now: SystemTime,
    ) -> Result<PublicKey, ConnectFailure> {
        let key = PublicKey::from(certificate.public_key().clone());
        let authority = PublicKey::from(certificate.signature_key().clone());
        for one in [&key, &authority] {
            if let Some(place) = self.known.revoked(&self.name, one) {
                return Err(ConnectFailure::HostKeyRevoked {
                    place,
                    algorithm: one.algorithm().to_string(),
                    fingerprint: fingerprint(one),
                });
            }
        }
        let Some(place) = self.known.authority(&self.name, &authority) else {
            self.judge(&key)?;
            return Ok(key);
        };
        if let Some(bits) = self.weak_rsa_bits(&key) {
            return Err(ConnectFailure::HostKeyWeak { bits });
        }
        if let Some(why) = self.fault(certificate, host_of(&self.name), &authority, now) {
            // A bad certificate takes nothing away from a key that is known by itself, as ssh(1) has it.
            if self.known.verdict(&self.name, &key) == Verdict::Known {
                self.judge(&key)?;
                return Ok(key);
            }
            return Err(ConnectFailure::HostCertificate {
                id: certificate.key_id().to_owned(),
                place,
                name: self.name.clone(),
                why,
            });
        }
        match &self.pinned {
            Some(pin) if pin.fingerprint != fingerprint(&key) => {
                Err(self.replaced(pin, &key, Some(place)))
            }
            Some(_) | None => Ok(key),
        }
    }

    /// What is wrong with it, if anything.
    fn fault(
        &self,
        certificate: &Certificate,
        host: &str,
        authority: &PublicKey,
        now: SystemTime,
    ) -> Option<String> {
        if !certificate.cert_type().is_host() {
            return Some("it is a user's certificate".into());
        }
        if self.weak_rsa_bits(authority).is_some() || !self.may_sign(certificate) {
            return Some("its authority signed with a key or hash that is not allowed".into());
        }
        let (from, until) = (certificate.valid_after(), certificate.valid_before());
        // Now is judged below, in words of its own.
        let trusted = [authority.fingerprint(HashAlg::Sha256)];
        if from < until && certificate.validate_at(from, &trusted).is_err() {
            return Some("its signature is wrong or cannot be checked".into());
        }
        let now = now.duration_since(UNIX_EPOCH);
        let now = now.map_or(0, |since| since.as_secs());
        if now < from {
            return Some(format!("it begins at {}", moment(from)));
        }
        if now >= until {
            return Some(format!("it ended at {}", moment(until)));
        }
        let names = certificate.valid_principals();
        if !names.iter().any(|name| name == host) {
            return Some(match names.join(", ").as_str() {
                "" => "it names no host".into(),
                names => format!("it is for {names}"),
            });
        }
        let options: Vec<&str> = certificate
            .critical_options()
            .keys()
            .map(String::as_str)
            .collect();
        let options = options.join(", ");
        let unknown = !options.is_empty();
        unknown.then(|| format!("it has critical options that are not known ({options})"))
    }

    /// SHA-1 is out, and so is what the configuration does not name.
    fn may_sign(&self, certificate: &Certificate) -> bool {
        let algorithm = certificate.signature().algorithm();
        let named = |names: &Vec<String>| names.iter().any(|name| name == algorithm.as_str());
        let sha1 = algorithm == Algorithm::Rsa { hash: None };
        !sha1 && self.authorities.as_ref().is_none_or(named)
    }
}

/// Narrows and orders the certificates that we would ask for by the configuration (HostKeyAlgorithms).
pub(super) fn narrowed(ours: Vec<Algorithm>, names: Option<&Vec<String>>) -> Vec<Algorithm> {
    let Some(names) = names else {
        return ours;
    };
    let rank = |algorithm: &Algorithm| {
        let name = format!("{algorithm}-cert-v01@openssh.com");
        names.iter().position(|other| *other == name)
    };
    let mut order: Vec<Algorithm> = ours.into_iter().filter(|one| rank(one).is_some()).collect();
    order.sort_by_key(rank);
    order
}

fn moment(seconds: u64) -> String {
    let moment = i64::try_from(seconds)
        .ok()
        .and_then(|seconds| jiff::Timestamp::from_second(seconds).ok());
    moment.map_or_else(|| format!("second {seconds}"), |moment| moment.to_string())
}
