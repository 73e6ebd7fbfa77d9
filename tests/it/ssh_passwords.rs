//! One password for many nodes: asked once, tried once. Against real OpenSSH servers and a real user of the machine.

use holdpoint::engine::hold::{Hold, HoldKind};
use holdpoint::engine::input::Input;
use holdpoint::model::ids::NodeId;
use holdpoint::model::reply::LinkReport;
use holdpoint::transport::Look;
use holdpoint::transport::nodes::{Secrets, SshActs, SshLooks};
use holdpoint::transport::ssh::{Credentials, Endpoint, Purpose};
use secrecy::SecretString;

use crate::support::endpoint::friend;
use crate::support::hands::{Watcher, is_up, setup};
use crate::support::pure::PureRun;
use crate::support::real::RealCluster;
use crate::support::sshd::Sshd;
use crate::support::users::TestUser;
use crate::support::walk::Walk;

const PASSWORDS: &[&str] = &["PasswordAuthentication yes", "MaxAuthTries 20"];

fn by_password(node: &Sshd, user: &TestUser) -> Endpoint {
    user.at_home_in(node);
    let mut endpoint = friend(node);
    endpoint.user = user.name.clone();
    endpoint.identities = vec![];
    endpoint
}

fn hands(nodes: &[&Sshd], user: &TestUser, credentials: Credentials) -> Watcher<SshActs> {
    let setups = nodes
        .iter()
        .map(|node| setup(node, by_password(node, user)))
        .collect();
    let looks = SshLooks::new(setups, credentials, Secrets::default());
    Watcher::new(SshActs::new(looks))
}

fn is_question(report: &LinkReport) -> bool {
    matches!(report, LinkReport::WantsSecret { .. })
}

fn text(report: LinkReport) -> String {
    match report {
        LinkReport::WantsSecret { secret } => secret,
        other => panic!("{other:?}"),
    }
}

fn refused(nodes: &[&Sshd]) -> usize {
    let count = |node: &&Sshd| node.log().matches("Failed password").count();
    nodes.iter().map(count).sum()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_password_reaches_one_node_and_the_right_one_all() {
    let start = |name, ip| Sshd::start_with(name, ip, PASSWORDS);
    let Some(st1) = start("pw1", "127.0.3.1") else {
        return;
    };
    let st2 = start("pw2", "127.0.3.2").expect("there was an sshd before");
    let st3 = start("pw3", "127.0.3.3").expect("there was an sshd before");
    let Some(user) = TestUser::new("right one") else {
        return;
    };
    let nodes = [&st1, &st2, &st3];
    let mut hands = hands(&nodes, &user, Credentials::default());
    let mut asked = Vec::new();
    for node in nodes {
        hands.look(Look::Connect {
            node: NodeId::new(&node.name),
        });
        asked.push(text(hands.link(node, is_question).await));
    }
    assert!(asked[0].contains(&user.name), "{asked:?}");
    assert!(asked.iter().all(|text| *text == asked[0]), "{asked:?}");
    hands
        .hands
        .secret(&NodeId::new(&st2.name), SecretString::from("wrong"));
    let mut again = Vec::new();
    for node in nodes {
        again.push(text(hands.link_again(node, is_question, 2).await));
    }
    assert!(again[0].contains("refused by"), "{again:?}");
    assert!(again.iter().all(|text| *text == again[0]), "{again:?}");
    assert_eq!(refused(&nodes), 1, "tried on one node only");
    hands
        .hands
        .secret(&NodeId::new(&st1.name), SecretString::from("right one"));
    for node in nodes {
        hands.link_again(node, is_up, 1).await;
    }
    assert_eq!(refused(&nodes), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_password_from_elsewhere_asks_nothing_and_says_where_it_was_from_when_refused() {
    let Some(st1) = Sshd::start_with("pw4", "127.0.3.4", PASSWORDS) else {
        return;
    };
    let Some(user) = TestUser::new("right one") else {
        return;
    };
    let known = |secret: &str| {
        let credentials = Credentials::default();
        let secret = SecretString::from(secret);
        let source = "the environment variable ST_PASSWORD";
        let vault = credentials.vault();
        vault.know(&st1.name, Purpose::Login, &user.name, source, secret);
        credentials
    };
    let mut quiet = hands(&[&st1], &user, known("right one"));
    quiet.connect(&st1).await;
    let mut loud = hands(&[&st1], &user, known("an old one"));
    loud.look(Look::Connect {
        node: NodeId::new(&st1.name),
    });
    let asked = text(loud.link(&st1, is_question).await);
    assert!(
        asked.contains("variable ST_PASSWORD was refused by pw4"),
        "{asked}"
    );
    loud.hands
        .secret(&NodeId::new(&st1.name), SecretString::from("right one"));
    loud.link(&st1, is_up).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pam_asks_through_keyboard_interactive_and_gets_the_password() {
    let config = ["UsePAM yes", "KbdInteractiveAuthentication yes"];
    if !std::path::Path::new("/etc/pam.d/sshd").exists() {
        eprintln!("skipped: no PAM service for sshd");
        return;
    }
    let Some(st1) = Sshd::start_with("pam", "127.0.3.5", &config) else {
        return;
    };
    let Some(user) = TestUser::new("right one") else {
        return;
    };
    let mut hands = hands(&[&st1], &user, Credentials::default());
    hands.look(Look::Connect {
        node: NodeId::new(&st1.name),
    });
    let asked = text(hands.link(&st1, is_question).await);
    assert!(asked.starts_with("login password of"), "{asked}");
    hands
        .hands
        .secret(&NodeId::new(&st1.name), SecretString::from("right one"));
    hands.link(&st1, is_up).await;
    let log = st1.log();
    assert!(log.contains("Accepted keyboard-interactive/pam"), "{log}");
}

/// Lets the server ask for passwords; of two lines with a key sshd takes the first.
fn ask_for_passwords(node: &Sshd) {
    let config = node.dir.join("sshd_config");
    let text = std::fs::read_to_string(&config).unwrap();
    std::fs::write(&config, format!("PasswordAuthentication yes\n{text}")).unwrap();
    node.restart();
}

#[test]
fn the_line_protocol_asks_once_for_all_nodes_and_again_after_a_refusal() {
    let Some(cluster) = RealCluster::start(3, 63) else {
        return;
    };
    let Some(user) = TestUser::new("right one") else {
        return;
    };
    let nodes: Vec<&Sshd> = cluster.servers.iter().collect();
    for node in &nodes {
        ask_for_passwords(node);
        user.at_home_in(node);
        std::fs::write(node.dir.join("authorized_keys"), "").unwrap();
    }
    let text = cluster.text("").replace(
        &format!("user = {:?}", nodes[0].user),
        &format!(
            "user = {:?}\npassword = {{ prompt = true }}\nagent = \"none\"",
            user.name
        ),
    );
    cluster.write(&text);
    let walk = Walk::start(&cluster.state(), &["check", &cluster.file_arg(), "--plain"]);
    let mut asked = 0;
    let ended = walk.guide(|hold, _| {
        if !hold.starts_with("HOLD secret") {
            return None;
        }
        asked += 1;
        Some(if asked == 1 { "wrong" } else { "right one" }.into())
    });
    let shown = format!("{}\n{}", ended.transcript, ended.errors);
    assert_eq!(refused(&nodes), 1, "{shown}");
    assert!(shown.contains("was refused by st"), "{shown}");
    for node in &nodes {
        assert!(node.log().contains("Accepted password"), "{shown}");
    }
    assert!(!ended.errors.contains("right one"), "{shown}");
}

#[test]
fn nodes_that_want_the_same_are_one_hold_and_one_answer() {
    let mut run = PureRun::new("securetransport/standard-cluster", 3, 7);
    run.open();
    let wants = |node: &str, secret: &str| Input::Link {
        node: NodeId::new(node),
        report: LinkReport::WantsSecret {
            secret: secret.into(),
        },
    };
    run.take(&wants("server1", "login password of ana"));
    run.take(&wants("server2", "answer to server2: \"Code:\""));
    run.take(&wants("server3", "login password of ana"));
    let secrets = |run: &PureRun| -> Vec<Hold> {
        let is_secret = |hold: &Hold| hold.kind == HoldKind::Secret;
        run.holds().into_iter().filter(is_secret).collect()
    };
    let open = secrets(&run);
    let ids: Vec<&str> = open.iter().map(|hold| hold.id.as_str()).collect();
    assert_eq!(ids, ["server1", "server2"]);
    let text = open[0].text.join(" ");
    assert!(
        text.contains("2 nodes want the login password of ana"),
        "{text}"
    );
    assert!(text.contains("server1, server3"), "{text}");
    run.answer(&open[0], "secret");
    let left = secrets(&run);
    assert_eq!(left.len(), 1, "{left:?}");
    assert_eq!(left[0].id, "server2");
}
