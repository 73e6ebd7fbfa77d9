//! What is told of a host on the way, and what is refused: within the test, and with OpenSSH.

use std::collections::BTreeSet;

use holdpoint::model::ids::NodeId;
use holdpoint::model::reply::{LinkReport, Refusal};
use holdpoint::transport::nodes::{NodeSetup, Secrets, SshLooks};
use holdpoint::transport::ssh::{
    Credentials, Endpoint, FirstKey, Jumps, PinnedKey, Route, fingerprint,
};
use holdpoint::transport::{Arrival, Look};
use russh::keys::PublicKey;

use super::hosts::{Desk, JumpHost, Node};
use crate::support::endpoint::friend;
use crate::support::hands::{Watcher, is_down, is_up};
use crate::support::sshd::{Sshd, new_key_of};

/// Eyes on these nodes, each reached as its endpoint says.
fn eyes(endpoints: Vec<Endpoint>) -> Watcher<SshLooks> {
    let setup = |endpoint: Endpoint| NodeSetup {
        node: NodeId::new(&endpoint.node),
        endpoint,
        probes: vec![],
        checks: Default::default(),
        seed: 1,
    };
    let setups: Vec<_> = endpoints.into_iter().map(setup).collect();
    let names: Vec<_> = setups.iter().map(|setup| setup.node.clone()).collect();
    let looks = SshLooks::new(setups, Credentials::default(), Secrets::default());
    let mut eyes = Watcher::new(looks);
    for node in names {
        eyes.look(Look::Connect { node });
    }
    eyes
}

fn through(jumps: &mut Jumps, jump: Endpoint, node: Endpoint) -> Endpoint {
    Endpoint {
        route: Route::Through(jumps.through(jump)),
        ..node
    }
}

/// What is told of a node's link, up to the first report that is one of those wanted.
async fn told(
    eyes: &mut Watcher<SshLooks>,
    name: &str,
    wanted: fn(&LinkReport) -> bool,
) -> LinkReport {
    let says = |arrival: &Arrival| match arrival {
        Arrival::Link { node, report } if node.as_str() == name && wanted(report) => {
            Some(report.clone())
        }
        _ => None,
    };
    eyes.until(&format!("a report about {name}"), says).await
}

/// The same, if it was told already the latest such report.
async fn soon(
    eyes: &mut Watcher<SshLooks>,
    name: &str,
    wanted: fn(&LinkReport) -> bool,
) -> LinkReport {
    let before = eyes.seen.iter().rev().find_map(|arrival| match arrival {
        Arrival::Link { node, report } if node.as_str() == name && wanted(report) => {
            Some(report.clone())
        }
        _ => None,
    });
    match before {
        Some(report) => report,
        None => told(eyes, name, wanted).await,
    }
}

/// Every key of a host on the way that was told so far: host, fingerprint.
fn keys_told(eyes: &Watcher<SshLooks>) -> BTreeSet<(String, String)> {
    let key = |arrival: &Arrival| match arrival {
        Arrival::Link {
            report: LinkReport::JumpKey { jump, key },
            ..
        } => Some((jump.clone(), key.fingerprint.clone())),
        _ => None,
    };
    eyes.seen.iter().filter_map(key).collect()
}

fn is_jump_key(report: &LinkReport) -> bool {
    matches!(report, LinkReport::JumpKey { .. })
}

fn is_settled(report: &LinkReport) -> bool {
    is_up(report) || matches!(report, LinkReport::Refused { .. })
}

/// The words of a refusal because of the key of a host on the way.
fn refusal(report: LinkReport) -> String {
    match report {
        LinkReport::Refused {
            refusal: Refusal::JumpKey,
            why,
        } => why,
        other => panic!("not refused: {other:?}"),
    }
}

/// What an earlier session of the run hands to the next.
fn remembered(jumps: &Jumps, place: &str, fingerprint: &str) {
    let first = FirstKey {
        key: PinnedKey {
            algorithm: "ssh-ed25519".into(),
            fingerprint: fingerprint.into(),
            let_in: false,
            seen: None,
        },
        seen: "on the way to n1, 2026-11-21T22:00:05Z".into(),
    };
    jumps.keys().remember(place, first);
}

#[tokio::test(flavor = "multi_thread")]
async fn all_nodes_behind_a_host_tell_the_same_key_of_it() {
    let desk = Desk::new();
    let host = JumpHost::start("127.0.162.1", 11).await;
    let n1 = Node::start(desk.folder.path(), "n1", "127.0.162.2", 21).await;
    let n2 = Node::start(desk.folder.path(), "n2", "127.0.162.3", 22).await;
    desk.knows(&[
        host.known_hosts_line(),
        n1.known_hosts_line(),
        n2.known_hosts_line(),
    ]);
    let mut jumps = Jumps::default();
    let mut way = |node: &Node| {
        let endpoint = desk.endpoint(&node.name, &node.ip, node.port);
        through(&mut jumps, desk.jump(&host), endpoint)
    };
    let mut eyes = eyes(vec![way(&n1), way(&n2)]);
    soon(&mut eyes, "n1", is_up).await;
    soon(&mut eyes, "n2", is_up).await;
    let only = BTreeSet::from([(host.place(), host.fingerprint())]);
    assert_eq!(keys_told(&eyes), only);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_key_is_told_though_the_node_behind_the_host_is_away() {
    let desk = Desk::new();
    let host = JumpHost::start("127.0.162.4", 11).await;
    desk.knows(&[host.known_hosts_line()]);
    let mut jumps = Jumps::default();
    let away = desk.endpoint("n1", "127.0.162.5", 9);
    let mut eyes = eyes(vec![through(&mut jumps, desk.jump(&host), away)]);
    let LinkReport::JumpKey { jump, key } = told(&mut eyes, "n1", is_jump_key).await else {
        unreachable!("it was asked for");
    };
    assert_eq!((jump, key.fingerprint), (host.place(), host.fingerprint()));
    told(&mut eyes, "n1", is_down).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_resume_another_key_is_refused_whatever_the_files_say_by_now() {
    let desk = Desk::new();
    let host = JumpHost::start("127.0.162.6", 11).await;
    let node = Node::start(desk.folder.path(), "n1", "127.0.162.7", 21).await;
    let (place, first) = (host.place(), host.fingerprint());
    let host = host.with_key(12).await;
    // Somebody has put the files in order: they know the new key alone.
    desk.knows(&[host.known_hosts_line(), node.known_hosts_line()]);
    let way = |jumps: &mut Jumps| {
        let endpoint = desk.endpoint(&node.name, &node.ip, node.port);
        through(jumps, desk.jump(&host), endpoint)
    };

    // A run that has seen no key before, or whose journal is too old to tell, goes by the files.
    let mut unaware = eyes(vec![way(&mut Jumps::default())]);
    let settled = told(&mut unaware, "n1", is_settled).await;
    assert!(is_up(&settled), "{settled:?}");

    let mut jumps = Jumps::default();
    remembered(&jumps, &place, &first);
    let mut eyes = eyes(vec![way(&mut jumps)]);
    let why = refusal(told(&mut eyes, "n1", is_settled).await);
    for part in [
        format!("jump host ana@{}:{}", host.ip, host.port),
        first.clone(),
        host.fingerprint(),
        "first on the way to n1, 2026-11-21T22:00:05Z".into(),
        "begin a new run".into(),
    ] {
        assert!(why.contains(&part), "no {part:?} in: {why}");
    }
    let still = BTreeSet::from([(place, first)]);
    assert_eq!(keys_told(&eyes), still, "the first key stays the right one");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_logs_in_there_as_somebody_else_is_shown_the_same_host() {
    let desk = Desk::new();
    let host = JumpHost::start("127.0.162.8", 11).await;
    let node = Node::start(desk.folder.path(), "n1", "127.0.162.9", 21).await;
    let first = host.known_hosts_line();
    let mut jumps = Jumps::default();
    let mut way = |name: &str, user: &str, host: &JumpHost| {
        let jump = Endpoint {
            user: user.into(),
            ..desk.jump(host)
        };
        let endpoint = desk.endpoint(name, &node.ip, node.port);
        through(&mut jumps, jump, endpoint)
    };
    let (by_ana, by_ben) = (way("n1", "ana", &host), way("n2", "ben", &host));
    desk.knows(&[first.clone(), node.known_hosts_line()]);
    let mut one = eyes(vec![by_ana]);
    told(&mut one, "n1", is_up).await;
    // The files vouch for both keys of the host; the run has seen one of them.
    let host = host.with_key(12).await;
    desk.knows(&[first, host.known_hosts_line(), node.known_hosts_line()]);
    let mut other = eyes(vec![by_ben]);
    let why = refusal(told(&mut other, "n2", is_settled).await);
    assert!(why.contains("on the way to n1, "), "{why}");
}

#[tokio::test(flavor = "multi_thread")]
async fn two_logins_that_ask_for_different_types_of_key_have_a_record_each() {
    let Some(gate) = Sshd::start("gate", "127.0.231.51") else {
        return;
    };
    let first = gate.known_hosts_line();
    let print = |public: &str| {
        let key = PublicKey::from_openssh(public).expect("a public key");
        fingerprint(&key)
    };
    let ecdsa = gate.dir.join("host_ecdsa");
    new_key_of("ecdsa", &ecdsa, "");
    let config = gate.dir.join("sshd_config");
    let mut text = std::fs::read_to_string(&config).expect("the server's configuration");
    text.push_str(&format!("HostKey {}\n", ecdsa.display()));
    std::fs::write(&config, text).expect("the server's configuration");
    gate.restart();
    let public = std::fs::read_to_string(ecdsa.with_extension("pub")).expect("a public key");
    let place = format!("[{}]:{}", gate.ip, gate.port);
    let by_any = friend(&gate);
    let known = &by_any.known_hosts.user[0];
    std::fs::write(known, format!("{first}\n{place} {public}")).expect("known_hosts");
    let mut by_ecdsa = by_any.clone();
    by_ecdsa.tuning.algorithms.host_keys = Some(vec!["ecdsa-sha2-nistp256".into()]);
    let (n1, n2) = ["127.0.231.52", "127.0.231.53"]
        .map(|ip| Sshd::start("behind", ip).expect("there was an sshd before"))
        .into();
    let named = |node: &Sshd, name: &str| Endpoint {
        node: name.into(),
        ..friend(node)
    };
    let ways = |jumps: &mut Jumps| {
        let one = through(jumps, by_any.clone(), named(&n1, "n1"));
        let two = through(jumps, by_ecdsa.clone(), named(&n2, "n2"));
        vec![one, two]
    };
    let mut both = eyes(ways(&mut Jumps::default()));
    soon(&mut both, "n1", is_up).await;
    soon(&mut both, "n2", is_up).await;
    // Whichever came first has the host's own record where the other may ask for its type too.
    let told = keys_told(&both);
    let shown: BTreeSet<&str> = told.iter().map(|(_, print)| print.as_str()).collect();
    let (ed25519, ecdsa) = (print(&gate.host_key()), print(&public));
    assert!(shown.contains(ecdsa.as_str()), "{told:?}");
    drop(both);

    // A run that saw the other type first holds each login to the key of its own type.
    let mut jumps = Jumps::default();
    remembered(&jumps, &place, &ed25519);
    let mut resumed = eyes(ways(&mut jumps));
    soon(&mut resumed, "n1", is_up).await;
    soon(&mut resumed, "n2", is_up).await;
    let by_type = format!("{place} by ecdsa-sha2-nistp256");
    let each = BTreeSet::from([
        (place.clone(), ed25519.clone()),
        (by_type.clone(), ecdsa.clone()),
    ]);
    assert_eq!(keys_told(&resumed), each);
    drop(resumed);

    // So it does after the next resume, whatever the files vouch for by then.
    let mut jumps = Jumps::default();
    remembered(&jumps, &place, &ed25519);
    let mut other = jumps.keys().get(&place).expect("just remembered");
    other.key.algorithm = "ecdsa-sha2-nistp256".into();
    other.key.fingerprint = "SHA256:another".into();
    jumps.keys().remember(&by_type, other);
    let mut held = eyes(ways(&mut jumps));
    let why = refusal(soon(&mut held, "n2", is_settled).await);
    assert!(
        why.contains("SHA256:another") && why.contains(&ecdsa),
        "{why}"
    );
    soon(&mut held, "n1", is_up).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn hosts_in_a_row_have_a_record_each_and_openssh_is_held_to_it() {
    let Some(gate) = Sshd::start("gate", "127.0.162.10") else {
        return;
    };
    let bastion = Sshd::start("bastion", "127.0.162.11").expect("there was an sshd before");
    let node = Sshd::start("n1", "127.0.162.12").expect("there was an sshd before");
    let place = |server: &Sshd| format!("[{}]:{}", server.ip, server.port);
    let print = |server: &Sshd| {
        let key = PublicKey::from_openssh(&server.host_key()).expect("a public key");
        fingerprint(&key)
    };
    let way = |jumps: &mut Jumps| {
        let second = through(jumps, friend(&gate), friend(&bastion));
        through(jumps, second, friend(&node))
    };
    let mut eyes = eyes(vec![way(&mut Jumps::default())]);
    told(&mut eyes, "n1", is_up).await;
    let behind = format!("{} through {}", place(&bastion), place(&gate));
    let first = print(&bastion);
    let both = BTreeSet::from([
        (place(&gate), print(&gate)),
        (behind.clone(), first.clone()),
    ]);
    assert_eq!(keys_told(&eyes), both);
    drop(eyes);

    // The operator's file still holds the old key too: then it is told where.
    let old = bastion.known_hosts_line();
    bastion.change_host_key();
    let mut jumps = Jumps::default();
    remembered(&jumps, &behind, &first);
    let resumed = way(&mut jumps);
    let file = bastion.dir.join("known_hosts");
    std::fs::write(&file, format!("{}\n{old}\n", bastion.known_hosts_line())).expect("known_hosts");
    let mut eyes = self::eyes(vec![resumed]);
    let why = refusal(told(&mut eyes, "n1", is_settled).await);
    for part in [&first, &print(&bastion), &format!("{}:2", file.display())] {
        assert!(why.contains(part.as_str()), "no {part:?} in: {why}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_is_on_the_way_to_another_is_let_in_for_both() {
    let Some(gate) = Sshd::start("gate", "127.0.162.13") else {
        return;
    };
    let behind = Sshd::start("n1", "127.0.162.14").expect("there was an sshd before");
    let mut jumps = Jumps::default();
    let through_it = through(&mut jumps, friend(&gate), friend(&behind));
    let mut eyes = eyes(vec![friend(&gate), through_it]);
    soon(&mut eyes, "gate", is_up).await;
    soon(&mut eyes, "n1", is_up).await;
    eyes.seen.clear();
    gate.change_host_key();
    let is_changed = |report: &LinkReport| matches!(report, LinkReport::ChangedHostKey { .. });
    let LinkReport::ChangedHostKey { change } = soon(&mut eyes, "gate", is_changed).await else {
        unreachable!("it was asked for");
    };
    let is_refused = |report: &LinkReport| matches!(report, LinkReport::Refused { .. });
    let why = refusal(soon(&mut eyes, "n1", is_refused).await);
    assert!(why.contains(&change.shown.fingerprint), "{why}");
    eyes.seen.clear();
    eyes.look(Look::HostKey {
        node: "gate".into(),
        fingerprint: change.shown.fingerprint.clone(),
        accept: true,
    });
    soon(&mut eyes, "gate", is_up).await;
    eyes.look(Look::Connect { node: "n1".into() });
    soon(&mut eyes, "n1", is_up).await;
    let new = BTreeSet::from([(change.name.clone(), change.shown.fingerprint.clone())]);
    assert_eq!(keys_told(&eyes), new);
}
