//! Gathers the keys that a login can offer, in the order of ssh(1): the agent's, then those of files, each after its
//! certificates.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use russh::keys::agent::AgentIdentity;
use russh::keys::agent::client::AgentClient;
use russh::keys::ssh_key::public::KeyData;
use russh::keys::{Algorithm, Certificate, PublicKey, PublicKeyOrCertificate};
use tokio::time::timeout;

use super::ask::Credentials;
use super::endpoint::Endpoint;
use super::identity::{Identity, Secret};
use super::known_hosts::fingerprint;
use super::signing::AGENT_LIMIT;

/// A certificate file larger than this (bytes) is not one.
const SIZE_LIMIT: u64 = 256 << 10;

/// One key or certificate that will be offered.
pub(super) struct Offer {
    pub(super) what: PublicKeyOrCertificate,
    pub(super) by: By,
}

/// Who signs.
pub(super) enum By {
    /// The agent, with this key of its own.
    Agent(Box<AgentIdentity>),
    /// We, with the key of a file.
    File(Arc<Identity>),
}

/// The offers of one login, in order, and what was left out.
pub(super) struct Offers {
    pub(super) offers: Vec<Offer>,
    pub(super) notes: Vec<String>,
}

/// Gathers what can be offered, before any connection.
pub(super) async fn prepare(endpoint: &Endpoint, credentials: &Credentials) -> Offers {
    if !endpoint.tuning.methods.uses_keys() {
        let why = "no key (PubkeyAuthentication or PreferredAuthentications leaves keys out)";
        return Offers {
            offers: Vec::new(),
            notes: vec![why.into()],
        };
    }
    let mut notes = Vec::new();
    let in_agent = match &endpoint.agent {
        Some(socket) => agent_keys(socket).await.unwrap_or_else(|why| {
            notes.push(format!("agent {}: {why}", socket.display()));
            Vec::new()
        }),
        None => Vec::new(),
    };
    let mut files = Vec::new();
    for path in &endpoint.identities {
        match Identity::load(path, credentials) {
            Some(identity) => files.push(Arc::new(identity)),
            None => notes.push(format!("{} (no such file)", path.display())),
        }
    }
    let certificates = certificates(endpoint, &mut notes);
    let gathered = Gathered {
        in_agent,
        files,
        certificates,
        only_files: endpoint.identities_only,
    };
    let mut offers = gathered.in_order(&mut notes);
    if let Some(names) = &endpoint.tuning.algorithms.user_keys {
        offers.retain(|offer| is_accepted(&offer.what, names));
    }
    let least = endpoint.tuning.least_rsa_bits.unwrap_or_default();
    offers.retain(|offer| match rsa_bits(&offer.what) {
        Some(bits) if bits < least => {
            let print = fingerprint(&offer.what.public_key());
            notes.push(format!(
                "{print} (RSA of {bits} bits, and RequiredRSASize is {least})"
            ));
            false
        }
        Some(_) | None => true,
    });
    Offers { offers, notes }
}

fn rsa_bits(what: &PublicKeyOrCertificate) -> Option<u32> {
    match what.public_key().key_data() {
        KeyData::Rsa(rsa) => Some(rsa.key_size()),
        _ => None,
    }
}

/// The certificates that the configuration names, then those beside each key file, where ssh-keygen(1) puts them.
fn certificates(endpoint: &Endpoint, notes: &mut Vec<String>) -> Vec<Certificate> {
    let mut found = Vec::new();
    let beside = endpoint.identities.iter().map(|identity| {
        let mut beside = identity.as_os_str().to_owned();
        beside.push("-cert.pub");
        PathBuf::from(beside)
    });
    for path in endpoint.tuning.certificates.iter().cloned().chain(beside) {
        match read_certificate(&path) {
            Ok(Some(certificate)) => found.push(certificate),
            Ok(None) => {}
            Err(why) => notes.push(format!("{} ({why})", path.display())),
        }
    }
    found
}

fn read_certificate(path: &Path) -> Result<Option<Certificate>, String> {
    let data = match fs::metadata(path) {
        Ok(data) => data,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error.to_string()),
    };
    if data.len() > SIZE_LIMIT {
        return Err("too large for a certificate".into());
    }
    let text = fs::read_to_string(path).map_err(|error| error.to_string())?;
    let certificate = Certificate::from_openssh(text.trim());
    let certificate = certificate.map_err(|error| format!("no certificate: {error}"))?;
    if !certificate.cert_type().is_user() {
        return Err("a host certificate, which cannot log in".into());
    }
    Ok(Some(certificate))
}

/// Whether the configuration lets us offer it (PubkeyAcceptedAlgorithms).
fn is_accepted(what: &PublicKeyOrCertificate, names: &[String]) -> bool {
    let tail = match what {
        PublicKeyOrCertificate::PublicKey { .. } => "",
        PublicKeyOrCertificate::Certificate(_) => "-cert-v01@openssh.com",
    };
    let algorithm = what.public_key().algorithm();
    let named = |plain: &str| {
        let plain = plain.strip_suffix("@openssh.com").unwrap_or(plain);
        let with_domain = format!("{plain}@openssh.com");
        let bare = tail.is_empty() && names.contains(&with_domain);
        bare || names.contains(&format!("{plain}{tail}"))
    };
    match algorithm.clone().is_rsa() {
        true => named("rsa-sha2-512") || named("rsa-sha2-256"),
        false => named(algorithm.as_str()),
    }
}

struct Gathered {
    in_agent: Vec<AgentIdentity>,
    files: Vec<Arc<Identity>>,
    certificates: Vec<Certificate>,
    only_files: bool,
}

impl Gathered {
    /// Certificates first (OpenSSH does so too), then keys of named files that the agent holds, then its other keys, then
    /// files that we sign with.
    fn in_order(self, notes: &mut Vec<String>) -> Vec<Offer> {
        let mut offers = Vec::new();
        for certificate in &self.certificates {
            match self.signer_of(certificate) {
                Some(by) => offers.push(Offer {
                    what: certificate.clone().into(),
                    by,
                }),
                None => notes.push(format!(
                    "the certificate {:?} (no key for it)",
                    certificate.key_id()
                )),
            }
        }
        let (own, others): (Vec<_>, Vec<_>) = self
            .in_agent
            .iter()
            .partition(|identity| self.file_of(&identity.public_key()).is_some());
        let others = others.into_iter().filter(|_| !self.only_files);
        offers.extend(own.into_iter().chain(others).map(|identity| Offer {
            what: match identity {
                AgentIdentity::PublicKey { key, .. } => key.clone().into(),
                AgentIdentity::Certificate { certificate, .. } => certificate.clone().into(),
            },
            by: By::Agent(Box::new(identity.clone())),
        }));
        for file in &self.files {
            offers.extend(self.offer_of(file, notes));
        }
        offers
    }

    fn offer_of(&self, file: &Arc<Identity>, notes: &mut Vec<String>) -> Option<Offer> {
        if file.is_skipped {
            notes.push(format!("{} (left locked)", file.path.display()));
            return None;
        }
        let held = |key| self.held(key).is_some();
        if file.public.as_ref().is_some_and(held) {
            return None;
        }
        if let Secret::Unusable(why) = &file.secret {
            notes.push(format!("{} (cannot be used: {why})", file.path.display()));
            return None;
        }
        let key = file.public.clone()?;
        if is_security_key(&key) {
            let path = file.path.display();
            notes.push(format!(
                "{path} (a security key: only an agent asks for its touch, so add it there with ssh-add)"
            ));
            return None;
        }
        let what = key.into();
        let by = By::File(Arc::clone(file));
        if matches!(file.secret, Secret::Elsewhere) {
            let path = file.path.display();
            notes.push(format!(
                "{path} (only its public half is here, and no agent holds the key)"
            ));
            return None;
        }
        Some(Offer { what, by })
    }

    /// An open file, else the agent, else a file that a passphrase opens.
    fn signer_of(&self, certificate: &Certificate) -> Option<By> {
        let key = PublicKey::new(certificate.public_key().clone(), "");
        let file = self.file_of(&key).filter(|file| file.signs());
        let is_open = |file: &&Arc<Identity>| matches!(file.secret, Secret::Open(_));
        if let Some(open) = file.filter(is_open) {
            return Some(By::File(Arc::clone(open)));
        }
        let held = self.held(&key).cloned().map(|key| By::Agent(Box::new(key)));
        held.or_else(|| file.map(|file| By::File(Arc::clone(file))))
    }

    fn file_of(&self, key: &PublicKey) -> Option<&Arc<Identity>> {
        let fits = |file: &&Arc<Identity>| {
            file.public
                .as_ref()
                .is_some_and(|public| equal(public, key))
        };
        self.files.iter().find(fits)
    }

    /// The agent's plain key. OpenSSH's agent signs for a certificate that it was not given only by that.
    fn held(&self, key: &PublicKey) -> Option<&AgentIdentity> {
        let plain = |identity: &&AgentIdentity| match identity {
            AgentIdentity::PublicKey { key: held, .. } => equal(held, key),
            AgentIdentity::Certificate { .. } => false,
        };
        self.in_agent.iter().find(plain)
    }
}

/// We do not talk to the hardware ourselves, and an offer that nobody can sign counts against us.
fn is_security_key(key: &PublicKey) -> bool {
    matches!(
        key.algorithm(),
        Algorithm::SkEd25519 | Algorithm::SkEcdsaSha2NistP256
    )
}

/// Equality of whole keys would compare their comments too.
fn equal(one: &PublicKey, other: &PublicKey) -> bool {
    let (one, other): (&KeyData, &KeyData) = (one.key_data(), other.key_data());
    one == other
}

async fn agent_keys(socket: &Path) -> Result<Vec<AgentIdentity>, String> {
    let listing = async {
        let mut agent = AgentClient::connect_uds(socket).await?;
        agent.request_identities().await
    };
    // Some agents have to be unlocked by their human before they tell what they hold.
    timeout(AGENT_LIMIT, listing)
        .await
        .map_err(|_| format!("it did not answer within {} s", AGENT_LIMIT.as_secs()))?
        .map_err(|error| error.to_string())
}
