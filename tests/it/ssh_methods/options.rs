//! What ssh_config says about logging in takes effect, against real servers and the real ssh tools.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use holdpoint::model::reply::{LinkReport, Refusal};
use holdpoint::transport::Look;
use holdpoint::transport::nodes::{Secrets, SshLooks};
use holdpoint::transport::ssh::{ConnectFailure, Credentials, Endpoint, Session};
use russh::MethodKind::{KeyboardInteractive, Password};
use secrecy::SecretString;

use crate::ssh_agents::Agent;
use crate::support::endpoint::{friend, own_file, stranger};
use crate::support::hands::{Watcher, is_up, setup};
use crate::support::human::Human;
use crate::support::scripted::{Plan, Round, Scripted};
use crate::support::sshd::{Sshd, new_key, new_key_of};
use crate::support::users::TestUser;
use crate::support::{eventually, tool};

async fn connect(endpoint: &Endpoint) -> Result<Session, ConnectFailure> {
    Session::connect(endpoint, &Credentials::default()).await
}

fn named(names: &[&str]) -> Option<Vec<String>> {
    Some(names.iter().map(|name| (*name).to_owned()).collect())
}

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

/// The keys that were offered, as the refusal tells them.
fn tried(failure: ConnectFailure) -> Vec<String> {
    match failure {
        ConnectFailure::LoginRefused { tried, .. } => tried,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_certificate_file_lies_where_it_is_said_to_lie() {
    let Some(node) = Sshd::start("certfile", "127.0.137.2") else {
        return;
    };
    let authority = node.dir.join("authority");
    new_key(&authority, "");
    keygen(&[
        "-s",
        text(&authority),
        "-I",
        "ana",
        "-n",
        &node.user,
        text(&node.login_key.with_extension("pub")),
    ]);
    let beside = PathBuf::from(format!("{}-cert.pub", node.login_key.display()));
    let elsewhere = node.dir.join("certificates.d");
    fs::create_dir(&elsewhere).unwrap();
    let certificate = elsewhere.join("of-ana.pub");
    fs::rename(beside, &certificate).unwrap();
    // Only the authority is trusted from now on.
    let public = fs::read_to_string(authority.with_extension("pub")).unwrap();
    fs::write(
        node.dir.join("authorized_keys"),
        format!("cert-authority {public}"),
    )
    .unwrap();
    let mut endpoint = friend(&node);
    assert!(
        connect(&endpoint).await.is_err(),
        "the bare key is not enough"
    );
    endpoint.tuning.certificates = vec![certificate];
    drop(
        connect(&endpoint)
            .await
            .unwrap_or_else(|why| panic!("{why}\n{}", node.log())),
    );
}

#[tokio::test]
async fn only_accepted_algorithms_of_keys_are_offered() {
    let Some(node) = Sshd::start("accepted", "127.0.137.3") else {
        return;
    };
    let ecdsa = node.dir.join("ecdsa_key");
    new_key_of("ecdsa", &ecdsa, "");
    let mut endpoint = friend(&node);
    endpoint.identities.push(ecdsa.clone());
    endpoint.tuning.algorithms.user_keys = named(&["ecdsa-sha2-nistp256"]);
    let offered = tried(
        connect(&endpoint)
            .await
            .expect_err("the ECDSA key may not log in"),
    );
    assert!(
        matches!(&offered[..], [only] if only.contains("ecdsa-sha2-nistp256")),
        "{offered:?}"
    );
    node.authorize(&ecdsa.with_extension("pub"));
    drop(connect(&endpoint).await.unwrap());
    assert!(!node.log().contains("ED25519 SHA256:"), "{}", node.log());
}

#[tokio::test]
async fn preferred_ways_of_logging_in_come_in_their_order_and_no_others() {
    let passwords = ["PasswordAuthentication yes"];
    let Some(node) = Sshd::start_with("preferred", "127.0.137.4", &passwords) else {
        return;
    };
    let Some(user) = TestUser::new("right") else {
        return;
    };
    user.at_home_in(&node);
    let mut endpoint = friend(&node);
    endpoint.user = user.name.clone();
    // By default the key comes first, and nobody is asked.
    let human = Human::default();
    drop(
        human
            .connect(&endpoint, &mut Credentials::default())
            .await
            .unwrap(),
    );
    endpoint.tuning.methods.preferred = named(&["password", "publickey"]);
    let human = Human::who_answers(&[("login password", "right")]);
    drop(
        human
            .connect(&endpoint, &mut Credentials::default())
            .await
            .unwrap(),
    );
    assert_eq!(human.questions().len(), 1);
    assert!(node.log().contains("Accepted password"), "{}", node.log());
    // A way that is not named is not gone.
    let human = Human::default();
    endpoint.tuning.methods.preferred = named(&["keyboard-interactive"]);
    let refused = human.connect(&endpoint, &mut Credentials::default()).await;
    let left = tried(refused.expect_err("nothing is left"));
    assert!(
        matches!(&left[..], [only] if only.contains("PreferredAuthentications")),
        "{left:?}"
    );
}

#[tokio::test]
async fn a_password_is_asked_for_as_often_as_was_said() {
    let server = Scripted::start(Plan {
        chain: vec![Password],
        password: "right",
        ..Plan::default()
    })
    .await;
    let mut endpoint = server.endpoint("st1");
    endpoint.tuning.methods.attempts = Some(1);
    let human = Human::who_answers(&[("login password", "wrong")]);
    let refused = human.connect(&endpoint, &mut Credentials::default()).await;
    assert!(
        matches!(refused, Err(ConnectFailure::LoginRefused { .. })),
        "{refused:?}"
    );
    assert_eq!(server.notes(), ["password wrong"]);
}

#[tokio::test]
async fn in_batch_mode_nothing_is_asked() {
    let server = Scripted::start(Plan {
        chain: vec![Password],
        password: "right",
        ..Plan::default()
    })
    .await;
    let mut endpoint = server.endpoint("st1");
    endpoint.tuning.methods.batch = true;
    let human = Human::default();
    let refused = human.connect(&endpoint, &mut Credentials::default()).await;
    assert!(
        matches!(refused, Err(ConnectFailure::LoginRefused { .. })),
        "{refused:?}"
    );
    let Some(node) = Sshd::start("batch", "127.0.137.5") else {
        return;
    };
    let locked = node.dir.join("locked");
    new_key(&locked, "secret");
    node.authorize(&locked.with_extension("pub"));
    let mut endpoint = friend(&node);
    endpoint.identities = vec![locked];
    endpoint.tuning.methods.batch = true;
    let refused = human.connect(&endpoint, &mut Credentials::default()).await;
    assert!(
        matches!(refused, Err(ConnectFailure::LoginRefused { .. })),
        "{refused:?}"
    );
    assert!(human.questions().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_accepted_key_is_written_under_its_hashed_name_and_found_again() {
    let Some(node) = Sshd::start("hashed", "127.0.137.6") else {
        return;
    };
    let mut endpoint = stranger(&node);
    endpoint.tuning.hash_known_hosts = true;
    let eyes = || {
        let setups = vec![setup(&node, endpoint.clone())];
        Watcher::new(SshLooks::new(
            setups,
            Credentials::default(),
            Secrets::default(),
        ))
    };
    let mut first = eyes();
    first.look(Look::Connect {
        node: node.name.as_str().into(),
    });
    let asked = |report: &LinkReport| matches!(report, LinkReport::UnknownHostKey { .. });
    let LinkReport::UnknownHostKey { key, .. } = first.link(&node, asked).await else {
        unreachable!("asked for that")
    };
    first.look(Look::HostKey {
        node: node.name.as_str().into(),
        fingerprint: key.fingerprint,
        accept: true,
    });
    first.link(&node, is_up).await;
    let own = own_file(&node);
    let written = fs::read_to_string(&own).unwrap();
    assert!(
        written.starts_with("|1|") && !written.contains(&node.ip),
        "{written}"
    );
    let name = format!("[{}]:{}", node.ip, node.port);
    keygen(&["-F", &name, "-f", text(&own)]);
    eyes().connect(&node).await;
}

#[tokio::test]
async fn with_many_keys_in_the_agent_only_the_named_one_is_offered() {
    let Some(node) = Sshd::start_with("many", "127.0.137.7", &["MaxAuthTries 3"]) else {
        return;
    };
    let socket = node.dir.join("agent.sock");
    let Some(_agent) = Agent::start(&socket) else {
        return;
    };
    for number in 0..5 {
        let key = node.dir.join(format!("other{number}"));
        new_key(&key, "");
        Agent::add(&socket, &key);
    }
    Agent::add(&socket, &node.login_key);
    let mut endpoint = friend(&node);
    endpoint.agent = Some(socket);
    // The file itself is not at hand, only its public half: the agent signs.
    let public = node.dir.join("named.pub");
    fs::copy(node.login_key.with_extension("pub"), &public).unwrap();
    let named = node.dir.join("named");
    endpoint.identities = vec![];
    endpoint.identities_only = false;
    let refused = connect(&endpoint)
        .await
        .expect_err("the right one comes too late");
    assert!(
        refused
            .to_string()
            .contains("Too many authentication failures"),
        "{refused}"
    );
    // By the name of the key that is not here, and by that of its public half.
    endpoint.identities_only = true;
    endpoint.identities = vec![public];
    drop(connect(&endpoint).await.unwrap());
    endpoint.identities = vec![named];
    drop(
        connect(&endpoint)
            .await
            .unwrap_or_else(|why| panic!("{why}\n{}", node.log())),
    );
}

#[tokio::test]
async fn a_server_that_wants_a_new_password_is_refused_in_clear_words() {
    let round = |instructions, prompt| Round {
        instructions,
        prompts: vec![(prompt, false)],
        answers: vec!["right"],
    };
    let server = Scripted::start(Plan {
        chain: vec![KeyboardInteractive],
        rounds: vec![
            round("", "Password: "),
            round(
                "You are required to change your password immediately (administrator enforced).",
                "Current password: ",
            ),
        ],
        ..Plan::default()
    })
    .await;
    let human = Human::who_answers(&[("login password", "right")]);
    let refused = human
        .connect(&server.endpoint("st1"), &mut Credentials::default())
        .await;
    let refused = refused.expect_err("it is not ours to change").to_string();
    assert!(refused.contains("has to be changed first"), "{refused}");
    assert_eq!(human.questions().len(), 1, "only the old one was asked for");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_expired_password_is_refused_in_clear_words() {
    let passwords = ["PasswordAuthentication yes"];
    let Some(node) = Sshd::start_with("expired", "127.0.137.8", &passwords) else {
        return;
    };
    let (Some(user), Some(chage)) = (TestUser::new("right"), tool("chage")) else {
        return;
    };
    user.at_home_in(&node);
    // Another user may be made at the same moment, and the file is locked meanwhile.
    eventually("the password is marked as expired", || {
        let marked = Command::new(&chage).args(["-d", "0", &user.name]).status();
        marked.is_ok_and(|status| status.success())
    });
    let mut endpoint = friend(&node);
    endpoint.user = user.name.clone();
    endpoint.identities = vec![];
    let setups = vec![setup(&node, endpoint)];
    let mut eyes = Watcher::new(SshLooks::new(
        setups,
        Credentials::default(),
        Secrets::default(),
    ));
    eyes.look(Look::Connect {
        node: node.name.as_str().into(),
    });
    let wants = |report: &LinkReport| matches!(report, LinkReport::WantsSecret { .. });
    eyes.link(&node, wants).await;
    eyes.hands
        .secret(&node.name.as_str().into(), SecretString::from("right"));
    let refused = |report: &LinkReport| matches!(report, LinkReport::Refused { .. });
    let refused = eyes.link(&node, refused).await;
    assert!(
        matches!(&refused, LinkReport::Refused { refusal: Refusal::Login, why } if why.contains("has to be changed first")),
        "{refused:?}"
    );
}
