//! What a node prints never shows a secret that the program knows.

use holdpoint::model::dialogue::{Answer, Dialogue};
use holdpoint::model::ids::{CheckId, NodeId};
use holdpoint::model::reply::{Claim, JobReport};
use holdpoint::model::value::Value;
use holdpoint::transport::nodes::{Secrets, SshActs, SshLooks};
use holdpoint::transport::ssh::{Credentials, Purpose};
use holdpoint::transport::{Arrival, Change, Errand, Look};
use secrecy::SecretString;

use crate::support::endpoint::friend;
use crate::support::hands::{Watcher, order, set_facts, setup};
use crate::support::sshd::Sshd;

const PARAMETER: &str = "canary-of-the-parameter";
const PASSWORD: &str = "canary-of-the-login";

/// Hands that know a secret parameter of the node and a password for its login.
fn hands(node: &Sshd) -> Watcher<SshActs> {
    let mut secrets = Secrets::default();
    let id = NodeId::new(&node.name);
    secrets.know(&id, "admin_password", SecretString::from(PARAMETER));
    let credentials = Credentials::default();
    let password = SecretString::from(PASSWORD);
    let vault = credentials.vault();
    vault.know(&node.name, Purpose::Login, "ana", "a file", password);
    let setups = vec![setup(node, friend(node))];
    Watcher::new(SshActs::new(SshLooks::new(setups, credentials, secrets)))
}

/// Everything that has arrived, as it would be shown and kept.
fn everything(hands: &Watcher<SshActs>) -> String {
    let all = format!("{:?}", hands.seen);
    assert!(!all.contains("canary"), "{all}");
    all
}

#[tokio::test(flavor = "multi_thread")]
async fn a_script_that_prints_its_secret_shows_asterisks() {
    let Some(node) = Sshd::start("st1", "127.0.166.1") else {
        return;
    };
    let mut hands = hands(&node);
    hands.connect(&node).await;
    let mut job = order(
        &node,
        "r1.secret.1",
        &format!("set -x; read -r word; echo \"got $word\"; echo {PASSWORD}, too"),
    );
    let Errand::Script(script) = &mut job.errand else {
        panic!("it is a script");
    };
    script.secrets = vec!["admin_password".into()];
    hands.start(&job);
    assert_eq!(hands.end(&job).await, Claim::Exited { code: 0 });
    let lines = hands.lines(&job);
    assert!(lines.contains(&"got ********".into()), "{lines:?}");
    assert!(lines.contains(&"********, too".into()), "{lines:?}");
    everything(&hands);
}

#[tokio::test(flavor = "multi_thread")]
async fn probes_and_checks_that_print_a_secret_show_asterisks() {
    let Some(node) = Sshd::start("st1", "127.0.166.2") else {
        return;
    };
    let mut hands = hands(&node);
    hands.connect(&node).await;
    set_facts(&node, &format!("service={PARAMETER}\nlevel=5\n"));
    let id = NodeId::new(&node.name);
    hands.look(Look::Probe { node: id.clone() });
    hands.fact(&node, "service", "********").await;
    let check = CheckId::new("facts");
    hands.look(Look::Check { node: id, check });
    let output = hands
        .until("the check", |arrival| match arrival {
            Arrival::Check { output, .. } => output.clone().ok(),
            _ => None,
        })
        .await;
    assert_eq!(output["service"], Value::text("********"));
    assert_eq!(output["level"], Value::Number(5), "the rest is as it was");
    everything(&hands);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_operator_typed_unseen_stays_unseen() {
    let Some(node) = Sshd::start("st1", "127.0.166.3") else {
        return;
    };
    let mut hands = hands(&node);
    hands.connect(&node).await;
    let mut job = order(
        &node,
        "r1.asks.1",
        "printf 'Code: '; read -r code; echo \"you typed $code\"; printf \"Is $code right? \"; read -r yes",
    );
    job.dialogue = Some(Box::new(Dialogue::default()));
    hands.start(&job);
    let asked = |report: &JobReport| matches!(report, JobReport::Asks { .. });
    let hidden = Answer::Hidden("canary-typed".into());
    for (said, answer) in [
        ("Code:", hidden),
        (
            "you typed ********\nIs ******** right?",
            Answer::Text("y".into()),
        ),
    ] {
        let JobReport::Asks { text, at, .. } = hands.job(&job, asked).await else {
            unreachable!("it was asked for");
        };
        assert_eq!(text, said);
        let order = job.clone();
        hands.change(Change::Answer { order, at, answer });
    }
    assert_eq!(hands.end(&job).await, Claim::Exited { code: 0 });
    everything(&hands);
}
