//! Any bytes as a known_hosts file: a verdict without a panic, and the same one whatever is added that says nothing.
#![no_main]

use std::path::Path;
use std::sync::LazyLock;

use holdpoint::transport::ssh::{KnownHosts, Verdict};
use libfuzzer_sys::fuzz_target;
use russh::keys::PublicKey;

const KEY: &str =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOwVVhNMlFjdmRWcd2Lk3cCIpI6lr6CWEkwrPrnbrvMw";
static OURS: LazyLock<PublicKey> = LazyLock::new(|| PublicKey::from_openssh(KEY).expect("a key"));

fn word(text: &[u8], name: &str) -> &'static str {
    let mut known = KnownHosts::default();
    known.add(Path::new("kh"), text);
    match known.verdict(name, &OURS) {
        Verdict::Revoked(_) => "revoked",
        Verdict::Known => "known",
        Verdict::Changed { .. } => "changed",
        Verdict::Unknown { authority: Some(_) } => "vouched",
        Verdict::Unknown { authority: None } => "unknown",
    }
}

fuzz_target!(|text: &[u8]| {
    for name in ["st1.example.net", "[st1.example.net]:2222"] {
        let alone = word(text, name);
        let noise = [b"# a comment\n\nno.such.host !\n", text, b"\n# another\n"].concat();
        assert_eq!(alone, word(&noise, name), "a comment changes the verdict");
        // Nothing is trusted because of what stands elsewhere: a revocation at the end outweighs it all.
        let revoked = [text, b"\n@revoked * ", KEY.as_bytes(), b"\n"].concat();
        assert_eq!(word(&revoked, name), "revoked");
        // Somebody who can name no key of ours cannot make it known.
        if alone == "known" {
            assert!(
                text.windows(20)
                    .any(|part| KEY.as_bytes().windows(20).any(|of| of == part))
            );
        }
    }
});
