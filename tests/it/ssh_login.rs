//! Host keys and logins against a real OpenSSH server: who is let through, and what is asked.

use std::process::{Command, Stdio};

use holdpoint::transport::ssh::{
    ConnectFailure, Credentials, Endpoint, PinnedKey, Session, append_known_host,
};
use secrecy::SecretString;

use crate::ssh_agents::Agent;
use crate::support::endpoint::{friend, own_file, read, stranger};
use crate::support::sshd::{Sshd, new_key, new_key_of};

async fn connect(endpoint: &Endpoint) -> Result<Session, ConnectFailure> {
    Session::connect(endpoint, &Credentials::default()).await
}

async fn failure(endpoint: &Endpoint) -> ConnectFailure {
    connect(endpoint).await.expect_err("no session")
}

#[tokio::test]
async fn an_unknown_key_is_a_question_and_its_answer_is_remembered() {
    let Some(node) = Sshd::start("unknown", "127.0.2.2") else {
        return;
    };
    let endpoint = stranger(&node);
    let own = own_file(&node);
    std::fs::create_dir_all(own.parent().unwrap()).unwrap();
    std::fs::write(&own, "# a last line without its newline").unwrap();
    let asked = failure(&endpoint).await;
    let text = asked.to_string();
    let ConnectFailure::HostKeyUnknown {
        name,
        fingerprint,
        key,
        ..
    } = asked
    else {
        panic!("{asked:?}");
    };
    assert!(
        fingerprint.starts_with("SHA256:") && text.contains(&fingerprint),
        "{text}"
    );
    append_known_host(&own, &name, &key).unwrap();
    let file = std::fs::read_to_string(&own).unwrap();
    assert_eq!(
        file,
        format!(
            "# a last line without its newline\n{}\n",
            node.known_hosts_line()
        )
    );
    let session = connect(&endpoint).await.unwrap();
    assert_eq!(session.host_key().fingerprint, fingerprint);
}

#[tokio::test]
async fn a_changed_key_is_refused_with_file_and_line() {
    let Some(node) = Sshd::start("changed", "127.0.2.3") else {
        return;
    };
    let endpoint = friend(&node);
    connect(&endpoint).await.unwrap();
    node.change_host_key();
    let changed = failure(&endpoint).await;
    assert!(
        matches!(changed, ConnectFailure::HostKeyChanged { .. }),
        "{changed:?}"
    );
    let text = changed.to_string();
    let file = &endpoint.known_hosts.user[0];
    assert!(text.contains(&format!("{}:1", file.display())), "{text}");
    assert_eq!(text.matches("SHA256:").count(), 2, "{text}");
    assert!(!changed.is_transient());
}

#[tokio::test]
async fn a_revoked_key_is_refused_although_it_is_also_known() {
    let Some(node) = Sshd::start("revoked", "127.0.2.4") else {
        return;
    };
    let mut endpoint = friend(&node);
    let file = node.dir.join("global");
    std::fs::write(&file, format!("@revoked * {}\n", node.host_key())).unwrap();
    endpoint.known_hosts.global = vec![file];
    let revoked = failure(&endpoint).await;
    assert!(
        matches!(revoked, ConnectFailure::HostKeyRevoked { .. }),
        "{revoked:?}"
    );
}

#[tokio::test]
async fn a_pinned_key_outranks_the_files_and_needs_none() {
    let Some(node) = Sshd::start("pinned", "127.0.2.5") else {
        return;
    };
    let seen = connect(&friend(&node)).await.unwrap().host_key().clone();
    let mut pinned = stranger(&node);
    pinned.pinned = Some(PinnedKey {
        algorithm: seen.algorithm,
        fingerprint: seen.fingerprint,
        let_in: false,
        seen: None,
    });
    connect(&pinned).await.unwrap();
    node.change_host_key();
    pinned.known_hosts = friend(&node).known_hosts;
    let differs = failure(&pinned).await;
    assert!(
        matches!(differs, ConnectFailure::PinnedKeyDiffers { .. }),
        "{differs:?}"
    );
}

#[tokio::test]
async fn the_known_type_of_key_is_asked_for_first() {
    let Some(node) = Sshd::start("types", "127.0.2.6") else {
        return;
    };
    // The server gets a second key; only the ECDSA one is known.
    let ecdsa = node.dir.join("host_ecdsa");
    new_key_of("ecdsa", &ecdsa, "");
    let config = node.dir.join("sshd_config");
    let mut text = std::fs::read_to_string(&config).unwrap();
    text.push_str(&format!("HostKey {}\n", ecdsa.display()));
    std::fs::write(&config, text).unwrap();
    node.restart();
    let mut endpoint = friend(&node);
    let public = std::fs::read_to_string(ecdsa.with_extension("pub")).unwrap();
    let line = format!("[{}]:{} {public}", node.ip, node.port);
    std::fs::write(&endpoint.known_hosts.user[0], line).unwrap();
    let session = connect(&endpoint).await.unwrap();
    assert_eq!(session.host_key().algorithm, "ecdsa-sha2-nistp256");
    endpoint.known_hosts.user.clear();
    let asked = failure(&endpoint).await.to_string();
    assert!(asked.contains("ssh-ed25519"), "{asked}");
}

#[tokio::test]
async fn a_short_rsa_host_key_is_refused_even_when_known() {
    let Some(node) = Sshd::start_with("weak", "127.0.2.7", &["RequiredRSASize 1024"]) else {
        return;
    };
    let key = node.dir.join("host_key");
    std::fs::remove_file(&key).unwrap();
    let made = Command::new("ssh-keygen")
        .args(["-q", "-t", "rsa", "-b", "1024", "-N", "", "-f"])
        .arg(&key)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .status()
        .unwrap();
    if !made.success() {
        eprintln!("skipped: this ssh-keygen makes no short keys");
        return;
    }
    std::fs::rename(node.dir.join("host_key.pub"), node.dir.join("old.pub")).ok();
    let public = Command::new("ssh-keygen")
        .arg("-yf")
        .arg(&key)
        .output()
        .unwrap();
    std::fs::write(node.dir.join("host_key.pub"), public.stdout).unwrap();
    node.restart();
    let weak = failure(&friend(&node)).await;
    assert!(
        matches!(weak, ConnectFailure::HostKeyWeak { bits: 1024 }),
        "{weak:?}"
    );
}

#[tokio::test]
async fn a_key_that_the_server_does_not_take_is_named() {
    let Some(node) = Sshd::start("wrong", "127.0.2.8") else {
        return;
    };
    let mut endpoint = friend(&node);
    let key = node.dir.join("other_key");
    new_key(&key, "");
    endpoint.identities = vec![node.dir.join("absent_key"), key.clone()];
    let refused = failure(&endpoint).await;
    let text = refused.to_string();
    let ConnectFailure::LoginRefused { tried, .. } = &refused else {
        panic!("{refused:?}");
    };
    assert_eq!(tried.len(), 2, "{text}");
    assert!(text.contains("absent_key (no such file)"), "{text}");
    assert!(text.contains(&key.display().to_string()), "{text}");
    assert!(!refused.is_transient());
    endpoint.identities.push(node.login_key.clone());
    connect(&endpoint).await.unwrap();
}

#[tokio::test]
async fn the_servers_last_word_reaches_the_operator() {
    let Some(node) = Sshd::start_with("tries", "127.0.2.9", &["MaxAuthTries 2"]) else {
        return;
    };
    let mut endpoint = friend(&node);
    endpoint.identities = (0..3)
        .map(|n| {
            let key = node.dir.join(format!("key{n}"));
            new_key(&key, "");
            key
        })
        .collect();
    let refused = failure(&endpoint).await;
    assert!(
        matches!(refused, ConnectFailure::LoginRefused { .. }),
        "{refused:?}"
    );
    let text = refused.to_string();
    assert!(text.contains("Too many authentication failures"), "{text}");
}

#[tokio::test]
async fn an_encrypted_key_asks_for_its_passphrase() {
    let Some(node) = Sshd::start("locked", "127.0.2.10") else {
        return;
    };
    let key = node.dir.join("locked_key");
    new_key(&key, "correct horse");
    node.authorize(&key.with_extension("pub"));
    let mut endpoint = friend(&node);
    endpoint.identities = vec![key.clone()];
    let wanted = failure(&endpoint).await;
    assert!(
        matches!(
            wanted,
            ConnectFailure::PassphraseWanted { refused: false, .. }
        ),
        "{wanted:?}"
    );
    let mut credentials = Credentials::default();
    credentials.add_passphrase(&key, SecretString::from("wrong"));
    let again = Session::connect(&endpoint, &credentials).await.unwrap_err();
    assert!(
        matches!(
            again,
            ConnectFailure::PassphraseWanted { refused: true, .. }
        ),
        "{again:?}"
    );
    credentials.add_passphrase(&key, SecretString::from("correct horse"));
    Session::connect(&endpoint, &credentials).await.unwrap();
    assert!(!format!("{credentials:?}").contains("horse"));
}

#[tokio::test]
async fn rsa_ecdsa_and_pem_keys_log_in() {
    let Some(node) = Sshd::start("kinds", "127.0.2.11") else {
        return;
    };
    for kind in ["rsa", "ecdsa"] {
        let key = node.dir.join(kind);
        new_key_of(kind, &key, "");
        node.authorize(&key.with_extension("pub"));
        let mut endpoint = friend(&node);
        endpoint.identities = vec![key];
        connect(&endpoint)
            .await
            .unwrap_or_else(|e| panic!("{kind}: {e}\n{}", node.log()));
    }
}

#[tokio::test]
async fn a_key_that_others_can_read_is_not_used() {
    let Some(node) = Sshd::start("open", "127.0.2.12") else {
        return;
    };
    let endpoint = friend(&node);
    let mode = |mode| {
        use std::os::unix::fs::PermissionsExt;
        std::fs::set_permissions(&node.login_key, PermissionsExt::from_mode(mode)).unwrap();
    };
    mode(0o644);
    let open = failure(&endpoint).await;
    assert!(open.to_string().contains("chmod 600"), "{open}");
    mode(0o600);
    std::fs::write(&node.login_key, "not a key").unwrap();
    let broken = failure(&endpoint).await.to_string();
    assert!(broken.contains("it is no private key"), "{broken}");
}

#[tokio::test]
async fn an_agent_logs_in_and_is_limited_by_identities_only() {
    let Some(node) = Sshd::start("agent", "127.0.2.13") else {
        return;
    };
    let socket = node.dir.join("agent.sock");
    let Some(_agent) = Agent::start(&socket) else {
        return;
    };
    let other = node.dir.join("other_key");
    new_key(&other, "");
    Agent::add(&socket, &other);
    Agent::add(&socket, &node.login_key);
    let mut endpoint = friend(&node);
    endpoint.agent = Some(socket);
    endpoint.identities = vec![];
    endpoint.identities_only = false;
    let session = connect(&endpoint).await.unwrap();
    assert_eq!(read(&session, "echo in").await.stdout, b"in\n");
    endpoint.identities_only = true;
    let refused = failure(&endpoint).await;
    assert!(refused.to_string().contains("no key to offer"), "{refused}");
    // The public half beside an encrypted file is enough: the agent signs, no passphrase is asked.
    let locked = node.dir.join("locked");
    std::fs::copy(&node.login_key, &locked).unwrap();
    let done = Command::new("ssh-keygen")
        .args(["-q", "-p", "-N", "secret", "-f"])
        .arg(&locked)
        .stdout(Stdio::null())
        .status()
        .unwrap();
    assert!(done.success());
    endpoint.identities = vec![locked];
    connect(&endpoint).await.unwrap();
}
