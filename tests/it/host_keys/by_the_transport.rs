//! What is asked, refused and written, against real servers.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;

use holdpoint::model::reply::{KeyChange, LinkReport, Refusal};
use holdpoint::transport::Look;
use holdpoint::transport::nodes::{Secrets, SshLooks};
use holdpoint::transport::ssh::{Credentials, Endpoint, NewKeys};

use crate::support::endpoint::{friend, own_file, stranger};
use crate::support::hands::{Watcher, is_down, is_up, setup};
use crate::support::sshd::{Sshd, new_key};

fn eyes(node: &Sshd, endpoint: Endpoint) -> Watcher<SshLooks> {
    let setups = vec![setup(node, endpoint)];
    Watcher::new(SshLooks::new(
        setups,
        Credentials::default(),
        Secrets::default(),
    ))
}

fn is_changed(report: &LinkReport) -> bool {
    matches!(report, LinkReport::ChangedHostKey { .. })
}

fn is_refused(report: &LinkReport) -> bool {
    matches!(report, LinkReport::Refused { .. })
}

/// Connected once; then the node comes back with another key.
async fn replaced(node: &Sshd, endpoint: Endpoint) -> (Watcher<SshLooks>, Box<KeyChange>) {
    let mut eyes = eyes(node, endpoint);
    eyes.connect(node).await;
    node.change_host_key();
    let change = changed(&mut eyes, node).await;
    (eyes, change)
}

async fn changed(eyes: &mut Watcher<SshLooks>, node: &Sshd) -> Box<KeyChange> {
    match eyes.link(node, is_changed).await {
        LinkReport::ChangedHostKey { change } => change,
        other => unreachable!("{other:?}"),
    }
}

fn accept(node: &Sshd, fingerprint: &str) -> Look {
    Look::HostKey {
        node: node.name.as_str().into(),
        fingerprint: fingerprint.into(),
        accept: true,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_operators_file_stays_as_it_is_and_the_run_takes_the_new_key() {
    let Some(node) = Sshd::start("st1", "127.0.135.2") else {
        return;
    };
    let endpoint = friend(&node);
    let file = endpoint.known_hosts.user[0].clone();
    let before = fs::read(&file).unwrap();
    let (mut eyes, change) = replaced(&node, endpoint).await;
    assert_eq!(change.place, Some(format!("{}:1", file.display())));
    assert_eq!(change.vouched, None);
    // An answer about the old key is an answer about another question. One that comes while the key is looked at again counts.
    eyes.look(accept(&node, &change.known.fingerprint));
    eyes.look(Look::Reconnect {
        node: node.name.as_str().into(),
    });
    eyes.look(accept(&node, &change.shown.fingerprint));
    eyes.link(&node, is_up).await;
    assert_eq!(fs::read(&file).unwrap(), before);
    assert!(!own_file(&node).exists());
    // It holds for the next connection of this run, too.
    node.kill_connections();
    eyes.link(&node, is_down).await;
    eyes.link(&node, is_up).await;
    // What is said about the file makes ssh(1) agree with the run.
    let [remove, add] = &change.mend[..] else {
        panic!("{:?}", change.mend);
    };
    let done = Command::new("sh").args(["-c", remove]).output().unwrap();
    assert!(done.status.success(), "{remove}: {done:?}");
    let line = add.split_once("the line: ").expect("a line").1;
    let left = fs::read_to_string(&file).unwrap();
    fs::write(&file, format!("{left}{line}\n")).unwrap();
    assert_eq!(
        fs::read_to_string(&file).unwrap().trim(),
        node.known_hosts_line()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn in_holdpoints_own_file_the_new_key_takes_the_old_ones_place() {
    let Some(node) = Sshd::start("st1", "127.0.135.3") else {
        return;
    };
    let mut endpoint = stranger(&node);
    endpoint.tuning.hash_known_hosts = true;
    let own = own_file(&node);
    fs::create_dir_all(own.parent().unwrap()).unwrap();
    let other = "# kept\nelsewhere ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHNL/PwAnFyCiS6FvkWmcVlLYa8B5JJlNXWPJ2NkCrlU";
    fs::write(&own, format!("{}\n{other}", node.known_hosts_line())).unwrap();
    let (mut eyes, change) = replaced(&node, endpoint.clone()).await;
    eyes.look(accept(&node, &change.shown.fingerprint));
    eyes.link(&node, is_up).await;
    let text = fs::read_to_string(&own).unwrap();
    let line = text.strip_prefix(other).expect(&text).trim();
    let (name, key) = line.split_once(' ').expect("a name and a key");
    assert!(name.starts_with("|1|"), "HashKnownHosts holds here: {line}");
    assert_eq!(key, node.host_key());
    let mode = fs::metadata(&own).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let beside = fs::read_dir(own.parent().unwrap()).unwrap().count();
    assert_eq!(beside, 1, "nothing is left beside it");
    // A later run finds it, under its hashed name.
    let mut later = self::eyes(&node, endpoint);
    later.connect(&node).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_key_is_refused_after_a_reboot_too() {
    let Some(node) = Sshd::start("st1", "127.0.135.4") else {
        return;
    };
    let endpoint = friend(&node);
    let file = endpoint.known_hosts.user[0].clone();
    let mut eyes = eyes(&node, endpoint);
    eyes.connect(&node).await;
    node.stop();
    eyes.link(&node, is_down).await;
    let (key, known) = (
        node.dir.join("host_key"),
        fs::read_to_string(&file).unwrap(),
    );
    fs::remove_file(&key).unwrap();
    new_key_over(&node);
    fs::write(&file, format!("{known}@revoked * {}\n", node.host_key())).unwrap();
    node.restart();
    let refused = eyes.link(&node, is_refused).await;
    assert!(
        matches!(&refused, LinkReport::Refused { refusal: Refusal::HostKey, why } if why.contains("revoked")),
        "{refused:?}"
    );
}

fn new_key_over(node: &Sshd) {
    let key = node.dir.join("host_key");
    let _ = fs::remove_file(key.with_extension("pub"));
    new_key(&key, "");
}

#[tokio::test(flavor = "multi_thread")]
async fn under_strict_checking_a_file_must_speak_for_the_new_key_before_anybody_is_asked() {
    let Some(node) = Sshd::start("st1", "127.0.135.5") else {
        return;
    };
    let mut endpoint = friend(&node);
    endpoint.tuning.new_keys = NewKeys::Refuse;
    let file = endpoint.known_hosts.user[0].clone();
    let mut eyes = eyes(&node, endpoint);
    eyes.connect(&node).await;
    node.change_host_key();
    let refused = eyes.link(&node, is_refused).await;
    assert!(
        matches!(&refused, LinkReport::Refused { refusal: Refusal::HostKey, why } if why.contains("StrictHostKeyChecking or BatchMode is yes")),
        "{refused:?}"
    );
    let before = fs::read_to_string(&file).unwrap();
    fs::write(&file, format!("{before}{}\n", node.known_hosts_line())).unwrap();
    eyes.look(Look::Reconnect {
        node: node.name.as_str().into(),
    });
    let change = changed(&mut eyes, &node).await;
    assert_eq!(change.vouched, Some(format!("{}:2", file.display())));
    assert_eq!(change.place, Some(format!("{}:1", file.display())));
    eyes.look(accept(&node, &change.shown.fingerprint));
    eyes.link(&node, is_up).await;
}
