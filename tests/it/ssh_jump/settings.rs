//! What ssh_config decides takes effect on the wire.

use holdpoint::transport::ssh::{Algorithms, Family, NewKeys, Tuning};

use super::*;

fn tuned(node: &Sshd, tuning: Tuning) -> Endpoint {
    Endpoint {
        tuning,
        ..friend(node)
    }
}

fn named(names: &[&str]) -> Option<Vec<String>> {
    Some(names.iter().map(|name| (*name).to_owned()).collect())
}

#[tokio::test]
async fn algorithms_are_those_that_were_named() {
    let only = [
        "Ciphers aes256-ctr",
        "MACs hmac-sha2-256",
        "KexAlgorithms ecdh-sha2-nistp384",
    ];
    let Some(node) = Sshd::start_with("picky", "127.0.71.20", &only) else {
        return;
    };
    let with = |kex: &[&str], ciphers: &[&str], macs: &[&str]| Tuning {
        algorithms: Algorithms {
            kex: named(kex),
            ciphers: named(ciphers),
            macs: named(macs),
            ..Algorithms::default()
        },
        ..Tuning::default()
    };
    let right = with(&["ecdh-sha2-nistp384"], &["aes256-ctr"], &["hmac-sha2-256"]);
    let session = connected(&tuned(&node, right)).await;
    assert_eq!(read(&session, "echo in").await.stdout, b"in\n");
    for wrong in [
        with(&["ecdh-sha2-nistp256"], &["aes256-ctr"], &["hmac-sha2-256"]),
        with(&["ecdh-sha2-nistp384"], &["aes128-ctr"], &["hmac-sha2-256"]),
        with(&["ecdh-sha2-nistp384"], &["aes256-ctr"], &["hmac-sha2-512"]),
    ] {
        let failure = connect(&tuned(&node, wrong))
            .await
            .expect_err("nothing in common");
        assert!(!failure.is_transient(), "{failure}");
    }
    let host_keys = Algorithms {
        host_keys: named(&["rsa-sha2-512"]),
        ..Algorithms::default()
    };
    let rsa_only = Tuning {
        algorithms: host_keys,
        ..Tuning::default()
    };
    assert!(
        connect(&tuned(&node, rsa_only)).await.is_err(),
        "it has an ed25519 key only"
    );
}

#[tokio::test]
async fn the_alias_the_local_address_and_the_family_count() {
    let Some(node) = Sshd::start("alias", "127.0.71.21") else {
        return;
    };
    let known = node.dir.join("by_alias");
    fs::write(&known, format!("the-alias {}\n", node.host_key())).unwrap();
    let mut endpoint = stranger(&node);
    endpoint.known_hosts.user = vec![known];
    endpoint.tuning.known_as = Some("the-alias".into());
    endpoint.tuning.bind_address = Some("127.0.0.77".into());
    drop(connected(&endpoint).await);
    assert!(node.log().contains("from 127.0.0.77"), "{}", node.log());
    endpoint.tuning.family = Family::V6;
    let failure = connect(&endpoint)
        .await
        .expect_err("it has no such address")
        .to_string();
    assert!(failure.contains("inet6"), "{failure}");
    endpoint.tuning.family = Family::V4;
    endpoint.tuning.bind_address = Some("192.0.2.1".into());
    let failure = connect(&endpoint)
        .await
        .expect_err("it is not ours")
        .to_string();
    assert!(failure.contains("BindAddress"), "{failure}");
}

#[tokio::test]
async fn an_unknown_key_is_no_question_where_none_is_wanted() {
    let Some(node) = Sshd::start("strict", "127.0.71.22") else {
        return;
    };
    let mut endpoint = stranger(&node);
    endpoint.tuning.new_keys = NewKeys::Refuse;
    let failure = connect(&endpoint).await.expect_err("nobody vouches for it");
    assert!(
        matches!(failure, ConnectFailure::HostKeyNotOnFile { .. }),
        "{failure}"
    );
    let mut known = friend(&node);
    known.tuning.new_keys = NewKeys::Refuse;
    drop(connected(&known).await);
}

#[tokio::test]
async fn a_vanished_peer_is_noticed_at_the_pace_that_was_named() {
    let Some(node) = Sshd::start("pace", "127.0.71.23") else {
        return;
    };
    let tuning = Tuning {
        keepalive: Some(Duration::from_secs(1)),
        keepalives_lost: Some(1),
        ..Tuning::default()
    };
    let session = connected(&tuned(&node, tuning)).await;
    node.freeze_connections();
    let seen = tokio::time::timeout(Duration::from_secs(17), session.closed()).await;
    assert!(seen.is_ok(), "the usual pace takes twenty seconds");
}
