//! Certificates of users and hosts, and known_hosts as ssh(1) reads it: every verdict is compared with the real client.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use holdpoint::transport::ssh::{
    ConnectFailure, Credentials, Endpoint, PinnedKey, Session, fingerprint,
};

use crate::support::endpoint::{friend, stranger};
use crate::support::sshd::{Sshd, new_key, new_key_of};
use crate::support::tool;

fn keygen(arguments: &[&str]) {
    let made = Command::new("ssh-keygen")
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    assert!(made.expect("ssh-keygen runs").success(), "{arguments:?}");
}

fn text(path: &Path) -> &str {
    path.to_str().expect("a plain path")
}

/// Whether ssh(1) logs in with this known_hosts file and asks nothing.
fn ssh_logs_in(node: &Sshd, known_hosts: &Path, more: &[&str]) -> bool {
    let ssh = tool("ssh").expect("installed with ssh-keygen");
    Command::new("timeout")
        .arg("20")
        .arg(ssh)
        .args(["-F", "none", "-o", "BatchMode=yes"])
        .args(["-o", "StrictHostKeyChecking=yes"])
        .args(["-o", "GlobalKnownHostsFile=/dev/null", "-o"])
        .arg(format!("UserKnownHostsFile={}", known_hosts.display()))
        .args(["-o", "IdentityAgent=none", "-i"])
        .arg(&node.login_key)
        .args(more)
        .args(["-p", &node.port.to_string()])
        .arg(format!("{}@{}", node.user, node.ip))
        .arg("true")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .expect("ssh runs")
        .success()
}

async fn connect(endpoint: &Endpoint) -> Result<Session, ConnectFailure> {
    Session::connect(endpoint, &Credentials::default()).await
}

/// A node whose host key can be certified, and the authority that does so.
struct Certified {
    node: Sshd,
    authority: PathBuf,
    known: PathBuf,
}

impl Certified {
    fn start(name: &str, ip: &str) -> Option<Self> {
        let node = Sshd::start(name, ip)?;
        let config = node.dir.join("sshd_config");
        let certificate = node.dir.join("host_key-cert.pub");
        let text = std::fs::read_to_string(&config).unwrap();
        let line = format!("HostCertificate {}\n", certificate.display());
        std::fs::write(&config, text + &line).unwrap();
        let authority = node.dir.join("authority");
        new_key(&authority, "");
        let known = node.dir.join("known_hosts");
        Some(Self {
            node,
            authority,
            known,
        })
    }

    /// Certifies the host key with these options of ssh-keygen, and restarts the server.
    fn certify(&self, options: &[&str]) {
        let key = self.node.dir.join("host_key.pub");
        let fixed = ["-q", "-s", text(&self.authority), "-I", "the host"];
        keygen(&[&fixed[..], options, &[text(&key)]].concat());
        self.node.restart();
    }

    fn public(&self) -> String {
        std::fs::read_to_string(self.authority.with_extension("pub")).unwrap()
    }

    /// Writes `lines` (`$CA`, `$HOST`, `$NAME` filled in) and tells whether ssh(1) and we log in.
    async fn both(&self, lines: &str) -> (bool, Result<Session, ConnectFailure>) {
        let name = format!("[{}]:{}", self.node.ip, self.node.port);
        let lines = lines
            .replace("$CA", self.public().trim())
            .replace("$HOST", &self.node.host_key())
            .replace("$NAME", &name)
            .replace("$IP", &self.node.ip);
        std::fs::write(&self.known, lines).unwrap();
        let mut endpoint = stranger(&self.node);
        endpoint.known_hosts.user = vec![self.known.clone()];
        let ours = connect(&endpoint).await;
        (ssh_logs_in(&self.node, &self.known, &[]), ours)
    }
}

#[tokio::test]
async fn a_host_certificate_stands_for_the_host_or_says_what_is_wrong_with_it() {
    let Some(host) = Certified::start("cert1", "127.0.4.1") else {
        return;
    };
    let trust = "@cert-authority $NAME $CA\n";
    let valid: &[&[&str]] = &[
        &["-h", "-n", "127.0.4.1"],
        &["-h", "-n", "other,127.0.4.1", "-V", "-1h:+1h"],
    ];
    for options in valid {
        host.certify(options);
        let (ssh, ours) = host.both(trust).await;
        let session = ours.unwrap_or_else(|e| panic!("{options:?}: {e}"));
        assert!(ssh, "{options:?}");
        assert_eq!(session.host_key().algorithm, "ssh-ed25519");
    }
    let invalid: &[(&[&str], &str)] = &[
        (&["-h", "-n", "127.0.4.1", "-V", "-2h:-1h"], "it ended at"),
        (&["-h", "-n", "127.0.4.1", "-V", "+1h:+2h"], "it begins at"),
        (
            &["-h", "-n", "other.example.net"],
            "it is for other.example.net",
        ),
        // Patterns are for known_hosts, not for certificates.
        (&["-h", "-n", "127.0.4.*"], "it is for 127.0.4.*"),
        (&["-n", "127.0.4.1"], "user's certificate"),
        (
            &["-h", "-n", "127.0.4.1", "-O", "critical:x=y"],
            "critical options",
        ),
    ];
    for (options, why) in invalid {
        host.certify(options);
        let (ssh, ours) = host.both(trust).await;
        assert!(!ssh, "ssh(1) takes {options:?}");
        let refused = ours.expect_err("not valid").to_string();
        let place = format!("{}:1", host.known.display());
        assert!(refused.contains(why), "{options:?}: {refused}");
        assert!(refused.contains(&place), "{refused}");
        // The key in it may be known by itself.
        let (ssh, ours) = host.both(&format!("{trust}$NAME $HOST\n")).await;
        assert!(ssh && ours.is_ok(), "{options:?}: {ssh}, {ours:?}");
    }
    // Stricter than ssh(1) of that time, on purpose.
    host.certify(&["-h"]);
    let refused = host.both(trust).await.1.expect_err("for every host");
    assert!(refused.to_string().contains("names no host"), "{refused}");
}

#[tokio::test]
async fn authorities_are_trusted_for_their_names_and_can_be_revoked() {
    let Some(host) = Certified::start("cert2", "127.0.4.2") else {
        return;
    };
    host.certify(&["-h", "-n", "127.0.4.2"]);
    let stranger = host.node.dir.join("stranger");
    new_key(&stranger, "");
    let other = std::fs::read_to_string(stranger.with_extension("pub")).unwrap();
    for (lines, expected) in [
        ("@cert-authority * $CA", true),
        ("@cert-authority $IP $CA", true),
        // The host alone is covered.
        ("@cert-authority *,!$NAME $CA", true),
        ("@cert-authority *,!$NAME,!$IP $CA", false),
        ("@cert-authority elsewhere $CA", false),
        ("@cert-authority * $CA\n@revoked * $CA", false),
        ("@cert-authority * $CA\n@revoked * $HOST", false),
        ("@cert-authority * $CA\n@revoked elsewhere $HOST", true),
        ("@cert-authority * $OTHER\n$NAME $HOST", true),
        ("@cert-authority * $OTHER", false),
        ("@cert-authority * $CA\n$NAME $OTHER", true),
        ("$NAME $HOST", true),
        ("$IP $HOST", true),
        ("$IP $OTHER\n$IP $HOST", true),
    ] {
        let lines = lines.replace("$OTHER", other.trim());
        let (ssh, ours) = host.both(&lines).await;
        assert_eq!(ssh, expected, "ssh(1) with {lines}");
        assert_eq!(ours.is_ok(), expected, "{lines}: {ours:?}");
        let revoked = matches!(ours, Err(ConnectFailure::HostKeyRevoked { .. }));
        assert_eq!(revoked, lines.contains("@revoked *"), "{lines}: {ours:?}");
    }
}

#[tokio::test]
async fn a_run_goes_on_with_a_renewed_certificate_and_not_with_another_key() {
    let Some(host) = Certified::start("cert3", "127.0.4.3") else {
        return;
    };
    host.certify(&["-h", "-n", "127.0.4.3"]);
    let seen = host.both("@cert-authority * $CA").await.1.unwrap();
    let mut endpoint = stranger(&host.node);
    endpoint.known_hosts.user = vec![host.known.clone()];
    endpoint.pinned = Some(PinnedKey {
        algorithm: seen.host_key().algorithm.clone(),
        fingerprint: seen.host_key().fingerprint.clone(),
        let_in: false,
        seen: None,
    });
    host.certify(&["-h", "-n", "127.0.4.3", "-z", "2"]);
    connect(&endpoint).await.unwrap();
    host.node.change_host_key();
    host.certify(&["-h", "-n", "127.0.4.3"]);
    let differs = connect(&endpoint).await.unwrap_err();
    let ConnectFailure::PinnedKeyDiffers { replaced, .. } = differs else {
        panic!("{differs:?}");
    };
    // That the authority speaks for the new key is told to whoever may let it in.
    assert_eq!(replaced.vouched.map(|place| place.line), Some(1));
    endpoint.pinned = Some(PinnedKey {
        algorithm: replaced.key.algorithm().to_string(),
        fingerprint: fingerprint(&replaced.key),
        let_in: true,
        seen: None,
    });
    connect(&endpoint).await.unwrap();
}

#[test]
fn lines_are_found_as_ssh_keygen_finds_them() {
    use holdpoint::transport::ssh::{KnownHosts, Verdict, known_name};
    let Some(_) = tool("ssh-keygen") else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let (file, key) = (folder.path().join("kh"), folder.path().join("key"));
    new_key(&key, "");
    let public = std::fs::read_to_string(key.with_extension("pub")).unwrap();
    let shown = folder.path().join("shown");
    new_key(&shown, "");
    let shown = std::fs::read_to_string(shown.with_extension("pub")).unwrap();
    let shown = russh::keys::PublicKey::from_openssh(&shown).unwrap();
    let names = [
        "st1",
        "ST1",
        "*",
        "st?",
        "s*1",
        "st1,st2",
        "st2,st1",
        "*,!st1",
        "!st2,*",
        "!st1",
        "[st1]:2222",
        "[st1]:22",
        "[*]:2222",
        "[st?]:*",
        "*:2222",
        "st1.",
        "t1",
        "st1*",
        "?",
    ];
    let asked = [
        ("st1", 22),
        ("St1", 22),
        ("st2", 22),
        ("st1", 2222),
        ("st11", 22),
    ];
    for names in names {
        for hashed in [false, true] {
            std::fs::write(&file, format!("{names} {public}")).unwrap();
            if hashed {
                keygen(&["-q", "-H", "-f", text(&file)]);
            }
            for (host, port) in asked {
                let name = known_name(host, port);
                let found = Command::new("ssh-keygen")
                    .args(["-F", &name, "-f", text(&file)])
                    .stderr(Stdio::null())
                    .output()
                    .unwrap();
                let found = found.status.success();
                let mut known = KnownHosts::default();
                known.add(&file, &std::fs::read(&file).unwrap());
                let verdict = known.verdict(&name, &shown);
                let ours = matches!(verdict, Verdict::Changed { .. });
                assert_eq!(ours, found, "{names} (hashed: {hashed}) asked for {name}");
            }
        }
    }
}

/// A login key that no file names: only its certificate lets it in.
fn certified_login(node: &Sshd, kind: &str) -> PathBuf {
    let authority = node.dir.join("users");
    if !authority.exists() {
        new_key(&authority, "");
        let config = node.dir.join("sshd_config");
        let text = std::fs::read_to_string(&config).unwrap();
        let line = format!("TrustedUserCAKeys {}.pub\n", authority.display());
        std::fs::write(&config, text + &line).unwrap();
        node.restart();
    }
    let key = node.dir.join(kind);
    new_key_of(kind, &key, "");
    let public = key.with_extension("pub");
    let fixed = ["-q", "-s", text(&authority), "-I", "ana", "-n", &node.user];
    keygen(&[&fixed[..], &[text(&public)]].concat());
    key
}

#[tokio::test]
async fn a_user_certificate_beside_the_key_logs_in() {
    let Some(node) = Sshd::start("ucert", "127.0.4.4") else {
        return;
    };
    for kind in ["ed25519", "rsa", "ecdsa"] {
        let key = certified_login(&node, kind);
        let mut endpoint = friend(&node);
        endpoint.identities = vec![key.clone()];
        let session = connect(&endpoint).await;
        session.unwrap_or_else(|e| panic!("{kind}: {e}\n{}", node.log()));
        // Its passphrase is wanted only now that the server takes the certificate.
        keygen(&["-q", "-p", "-N", "secret", "-f", text(&key)]);
        let wanted = connect(&endpoint).await.unwrap_err();
        assert!(
            matches!(wanted, ConnectFailure::PassphraseWanted { .. }),
            "{wanted:?}"
        );
    }
    // A key that the server does not take is not asked about.
    let locked = node.dir.join("locked");
    new_key(&locked, "secret");
    let mut endpoint = friend(&node);
    endpoint.identities.insert(0, locked);
    connect(&endpoint).await.unwrap();
}

#[tokio::test]
async fn a_certificate_is_used_with_the_key_that_the_agent_holds() {
    let Some(node) = Sshd::start("acert", "127.0.4.5") else {
        return;
    };
    let socket = node.dir.join("agent.sock");
    let Some(_agent) = crate::ssh_agents::Agent::start(&socket) else {
        return;
    };
    let key = certified_login(&node, "rsa");
    let certificate = node.dir.join("rsa-cert.pub");
    let mut endpoint = friend(&node);
    endpoint.agent = Some(socket.clone());
    endpoint.identities_only = false;
    // The agent has the plain key alone; the certificate lies in a file whose key is locked.
    let aside = node.dir.join("aside");
    std::fs::rename(&certificate, &aside).unwrap();
    crate::ssh_agents::Agent::add(&socket, &key);
    std::fs::rename(&aside, &certificate).unwrap();
    keygen(&["-q", "-p", "-N", "secret", "-f", text(&key)]);
    endpoint.identities = vec![key.clone()];
    connect(&endpoint).await.unwrap();
    // The agent has both.
    keygen(&["-q", "-p", "-P", "secret", "-N", "", "-f", text(&key)]);
    crate::ssh_agents::Agent::add(&socket, &key);
    std::fs::remove_file(&certificate).unwrap();
    endpoint.identities = vec![];
    connect(&endpoint).await.unwrap();
}
