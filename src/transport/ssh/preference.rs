//! Which algorithms are offered, and in which order, where the configuration names none: all that ssh(1) takes by default and
//! the library has.

use russh::{AlgorithmKind, Preferred, cipher, kex, mac};

/// The library's order and AES-GCM with the shorter key, which some servers have alone. AES-GCM comes first where this
/// processor has instructions for it: of all it was measured to be the fastest.
pub(super) fn cipher_order() -> Vec<cipher::Name> {
    let gcm = [cipher::AES_256_GCM, cipher::AES_128_GCM];
    let mut order = Preferred::DEFAULT.cipher.to_vec();
    order.retain(|name| !gcm.contains(name));
    let at = if has_aes_instructions() {
        0
    } else {
        // After ChaCha20, before what needs a MAC beside it.
        order.len().min(1)
    };
    order.splice(at..at, gcm);
    order
}

/// The library's order, then HMAC with SHA-1, as ssh(1) has it: old servers and appliances know no other. What is broken in
/// SHA-1 does not touch it.
pub(super) fn mac_order() -> Vec<mac::Name> {
    let mut order = Preferred::DEFAULT.mac.to_vec();
    order.extend([mac::HMAC_SHA1_ETM, mac::HMAC_SHA1]);
    order
}

#[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
fn has_aes_instructions() -> bool {
    std::arch::is_x86_feature_detected!("aes")
}

#[cfg(target_arch = "aarch64")]
fn has_aes_instructions() -> bool {
    std::arch::is_aarch64_feature_detected!("aes")
}

#[cfg(not(any(target_arch = "x86", target_arch = "x86_64", target_arch = "aarch64")))]
fn has_aes_instructions() -> bool {
    false
}

/// The library's order, then the NIST curves that hardened and older servers may insist on.
pub(super) fn kex_order() -> Vec<kex::Name> {
    let nist = [
        kex::ECDH_SHA2_NISTP256,
        kex::ECDH_SHA2_NISTP384,
        kex::ECDH_SHA2_NISTP521,
    ];
    let mut order = Preferred::DEFAULT.kex.to_vec();
    order.extend(nist);
    order
}

/// What to do where the server has nothing that we have.
pub(super) fn nothing_in_common(
    kind: &AlgorithmKind,
    ours: &[String],
    theirs: &[String],
) -> String {
    let (what, option) = match kind {
        AlgorithmKind::Kex => ("key exchange", "KexAlgorithms"),
        AlgorithmKind::Key => ("type of host key", "HostKeyAlgorithms"),
        AlgorithmKind::Cipher => ("cipher", "Ciphers"),
        AlgorithmKind::Mac => ("MAC", "MACs"),
        AlgorithmKind::Compression => ("compression", "Compression"),
    };
    // Some names say what a peer understands, and are none of an algorithm.
    let real = |name: &&String| !name.starts_with("kex-strict-") && !name.starts_with("ext-info-");
    let listed = |names: &[String]| {
        let names: Vec<&str> = names.iter().filter(real).map(String::as_str).collect();
        names.join(", ")
    };
    format!(
        "no {what} in common: it has {}, holdpoint {}; allow one of these in {option} of its sshd_config, or one of its own in {option} of ssh_config here, if that leaves it out",
        listed(theirs),
        listed(ours)
    )
}
