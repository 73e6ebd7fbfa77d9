//! Connections: unknown and changed keys, passphrases, links that drop and come back.

use holdpoint::model::reply::{LinkReport, Refusal};
use holdpoint::transport::nodes::{Secrets, SshLooks};
use holdpoint::transport::ssh::{Credentials, Endpoint};
use holdpoint::transport::{Arrival, Look};
use secrecy::SecretString;

use super::{id, watch};
use crate::support::endpoint::{friend, own_file, stranger};
use crate::support::hands::{Watcher, acts, is_down, is_up, set_facts, setup};
use crate::support::sshd::{Sshd, new_key};

fn eyes(node: &Sshd, endpoint: Endpoint) -> Watcher<SshLooks> {
    let setups = vec![setup(node, endpoint)];
    Watcher::new(SshLooks::new(
        setups,
        Credentials::default(),
        Secrets::default(),
    ))
}

fn connect(node: &Sshd) -> Look {
    Look::Connect { node: id(node) }
}

fn reconnect(node: &Sshd) -> Look {
    Look::Reconnect { node: id(node) }
}

fn is_unknown(report: &LinkReport) -> bool {
    matches!(report, LinkReport::UnknownHostKey { .. })
}

fn is_refused(report: &LinkReport) -> bool {
    matches!(report, LinkReport::Refused { .. })
}

async fn asked_for(hands: &mut Watcher<SshLooks>, node: &Sshd) -> String {
    match hands.link(node, is_unknown).await {
        LinkReport::UnknownHostKey { key, .. } => key.fingerprint,
        other => unreachable!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_host_key_waits_for_a_human() {
    let Some(node) = Sshd::start("st1", "127.0.0.2") else {
        return;
    };
    let mut hands = eyes(&node, stranger(&node));
    hands.look(connect(&node));
    let fingerprint = asked_for(&mut hands, &node).await;
    let answer = |fingerprint: &str, accept| Look::HostKey {
        node: id(&node),
        fingerprint: fingerprint.into(),
        accept,
    };
    hands.look(answer("SHA256:another", true));
    hands.look(answer(&fingerprint, false));
    let refused = hands.link(&node, is_refused).await;
    assert!(
        matches!(&refused, LinkReport::Refused { refusal: Refusal::HostKey, why } if why.contains(&fingerprint)),
        "{refused:?}"
    );
    assert!(!own_file(&node).exists());

    hands.look(reconnect(&node));
    let fingerprint = asked_for(&mut hands, &node).await;
    hands.look(answer(&fingerprint, true));
    let up = hands.link(&node, is_up).await;
    let LinkReport::Up { host_key, user, .. } = up else {
        unreachable!("asked for that")
    };
    assert_eq!(host_key.map(|key| key.fingerprint), Some(fingerprint));
    assert_eq!(user, node.user);

    let mut again = eyes(&node, stranger(&node));
    again.connect(&node).await;
    assert!(
        !again
            .seen
            .iter()
            .any(|arrival| matches!(arrival, Arrival::Link { report, .. } if is_unknown(report))),
        "it is known now"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_was_seen_in_this_run_is_pinned_whatever_the_files_say() {
    let Some(node) = Sshd::start("st1", "127.0.0.2") else {
        return;
    };
    let mut hands = eyes(&node, friend(&node));
    hands.connect(&node).await;
    node.change_host_key();
    // The operator's file says that the new key is fine; this run has seen another one.
    friend(&node);
    hands.link(&node, is_down).await;
    let changed = |report: &LinkReport| matches!(report, LinkReport::ChangedHostKey { .. });
    let LinkReport::ChangedHostKey { change } = hands.link(&node, changed).await else {
        unreachable!("asked for that")
    };
    let today = jiff::Timestamp::now().to_string();
    for part in [
        "seen earlier in this run",
        &format!("(seen first {}", &today[..8]),
        "begin a new run",
    ] {
        assert!(change.why.contains(part), "no {part:?} in {change:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_passphrase_opens_the_key_for_all_nodes() {
    let Some(st1) = Sshd::start("st1", "127.0.0.2") else {
        return;
    };
    let st2 = Sshd::start("st2", "127.0.0.3").expect("there was an sshd before");
    let key = st1.dir.join("locked");
    new_key(&key, "correct horse");
    let setups = [&st1, &st2].map(|node| {
        node.authorize(&key.with_extension("pub"));
        let mut endpoint = friend(node);
        endpoint.identities = vec![key.clone()];
        setup(node, endpoint)
    });
    let looks = SshLooks::new(setups.into(), Credentials::default(), Secrets::default());
    let mut hands = Watcher::new(looks);
    for node in [&st1, &st2] {
        hands.look(connect(node));
    }
    let mut asked = Vec::new();
    while asked.len() < 2 {
        let secret = hands.until("a question", |arrival| match arrival {
            Arrival::Link {
                report: LinkReport::WantsSecret { secret },
                ..
            } => Some(secret.clone()),
            _ => None,
        });
        asked.push(secret.await);
    }
    assert!(asked[0].starts_with("passphrase of /") && asked[0].ends_with("locked"));

    hands.hands.secret(&id(&st1), SecretString::from("wrong"));
    hands.look(reconnect(&st1));
    let again = hands
        .link(&st1, |report| {
            matches!(report, LinkReport::WantsSecret { .. })
        })
        .await;
    assert!(format!("{again:?}").contains("does not open it"));
    hands
        .hands
        .secret(&id(&st1), SecretString::from("correct horse"));
    hands.look(reconnect(&st1));
    let (mut one, mut two) = (false, false);
    while !(one && two) {
        let up = |arrival: &Arrival| match arrival {
            Arrival::Link { node, report } if is_up(report) => Some(node.clone()),
            _ => None,
        };
        let node = hands.until("both nodes up", up).await;
        one |= node.as_str() == "st1";
        two |= node.as_str() == "st2";
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dropped_link_is_told_and_taken_up_again_and_the_watch_goes_on() {
    let Some(node) = Sshd::start("st1", "127.0.0.2") else {
        return;
    };
    let mut hands = acts(&[&node]);
    hands.connect(&node).await;
    hands.look(watch(&node));
    hands.fact(&node, "service", "running").await;
    node.kill_connections();
    hands.link(&node, is_down).await;
    set_facts(&node, "service=stopped\n");
    hands.link(&node, is_up).await;
    hands.fact(&node, "service", "stopped").await;

    // Away for longer: told once for each reason, and back at once when somebody says so.
    node.stop();
    hands.link(&node, is_down).await;
    let refused = |arrival: &Arrival| match arrival {
        Arrival::Link {
            report: LinkReport::Down { why },
            ..
        } => why.contains("does not answer").then_some(()),
        _ => None,
    };
    hands.until("nobody listens", refused).await;
    node.restart();
    hands.look(reconnect(&node));
    hands.link(&node, is_up).await;
    let downs = hands
        .seen
        .iter()
        .filter(|arrival| refused(arrival).is_some());
    assert_eq!(downs.count(), 1);
    set_facts(&node, "service=running\n");
    hands.fact(&node, "service", "running").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_that_only_falls_silent_is_noticed() {
    let Some(node) = Sshd::start("st1", "127.0.0.2") else {
        return;
    };
    let mut hands = acts(&[&node]);
    hands.connect(&node).await;
    hands.look(watch(&node));
    hands.fact(&node, "service", "running").await;
    node.freeze_connections();
    hands.link(&node, is_down).await;
    hands.link(&node, is_up).await;
    set_facts(&node, "service=stopped\n");
    hands.fact(&node, "service", "stopped").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_key_is_refused_for_good() {
    let Some(node) = Sshd::start("st1", "127.0.0.2") else {
        return;
    };
    let stranger = node.dir.join("stranger");
    new_key(&stranger, "");
    let mut endpoint = friend(&node);
    endpoint.identities = vec![stranger];
    let mut hands = eyes(&node, endpoint);
    hands.look(connect(&node));
    let refused = hands.link(&node, is_refused).await;
    assert!(
        matches!(&refused, LinkReport::Refused { refusal: Refusal::Login, why } if why.contains("refused the login")),
        "{refused:?}"
    );
}
