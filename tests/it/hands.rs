//! The hands on real nodes keep their promises over connections that come and go.

mod jobs;
mod links;
mod secrets;

use holdpoint::model::ids::{CheckId, NodeId};
use holdpoint::model::reply::{Claim, JobReport};
use holdpoint::model::time::Span;
use holdpoint::model::value::Value;
use holdpoint::transport::dryrun::{DryRun, NOT_SENT, Overlay};
use holdpoint::transport::nodes::{CheckSetup, Secrets, SshLooks};
use holdpoint::transport::ssh::Credentials;
use holdpoint::transport::{Arrival, Look};

use crate::support::endpoint::friend;
use crate::support::hands::{Watcher, acts, looks, order, set_facts, setup};
use crate::support::sshd::Sshd;

fn id(node: &Sshd) -> NodeId {
    NodeId::new(&node.name)
}

fn watch(node: &Sshd) -> Look {
    Look::Watch { node: id(node) }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_watched_cluster_tells_what_changes_on_each_node() {
    let Some(st1) = Sshd::start("st1", "127.0.0.2") else {
        return;
    };
    let st2 = Sshd::start("st2", "127.0.0.3").expect("there was an sshd before");
    let st3 = Sshd::start("st3", "127.0.0.4").expect("there was an sshd before");
    let mut hands = acts(&[&st1, &st2, &st3]);
    for node in [&st1, &st2, &st3] {
        hands.connect(node).await;
        hands.look(Look::Probe { node: id(node) });
        hands.fact(node, "service", "running").await;
        hands.look(watch(node));
        // A version is a word, even where it looks like a number.
        hands.fact(node, "level", "5").await;
    }
    set_facts(
        &st2,
        "hello from the login script\nservice=stopped\nlevel=5.5\n",
    );
    hands.fact(&st2, "service", "stopped").await;
    set_facts(&st3, "service=\n");
    let unknown = |arrival: &Arrival| match arrival {
        Arrival::Reading {
            node,
            reading: Ok(facts),
            ..
        } if node.as_str() == "st3" => facts["service"].is_none().then_some(()),
        _ => None,
    };
    hands.until("a fact that nothing is said of", unknown).await;
    std::fs::remove_file(st1.home.join("facts")).expect("it was there");
    let silent = |arrival: &Arrival| match arrival {
        Arrival::Reading {
            reading: Err(why), ..
        } => Some(why.clone()),
        _ => None,
    };
    let why = hands.until("no answer", silent).await;
    assert!(
        why.contains("exit code 1") && why.contains("facts"),
        "{why}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn checks_and_read_only_steps_say_what_they_print() {
    let Some(st1) = Sshd::start("st1", "127.0.0.2") else {
        return;
    };
    let mut hands = acts(&[&st1]);
    let check = Look::Check {
        node: id(&st1),
        check: "facts".into(),
    };
    let answer = |arrival: &Arrival| match arrival {
        Arrival::Check { output, .. } => Some(output.clone()),
        _ => None,
    };
    hands.look(check.clone());
    let why = hands.until("an answer", answer).await.unwrap_err();
    assert_eq!(why, "no connection to st1");

    hands.connect(&st1).await;
    hands.look(check);
    let output = hands.until("an answer", answer).await.expect("it printed");
    assert_eq!(output["service"], Value::text("running"));
    assert_eq!(output["level"], Value::Number(5));

    let read = order(&st1, "verify", "echo good; echo bad >&2; exit 3");
    hands.look(Look::Read {
        order: read.clone(),
    });
    assert_eq!(hands.end(&read).await, Claim::Exited { code: 3 });
    assert_eq!(hands.lines(&read), ["good", "bad"]);
    assert!(!st1.home.join("jobs").exists(), "reading starts no job");
}

// On one thread nothing is asked of the node before both wishes are there.
#[tokio::test]
async fn checks_with_the_same_script_are_asked_once_and_get_each_its_part() {
    let Some(st1) = Sshd::start("st1", "127.0.0.2") else {
        return;
    };
    let mut setup = setup(&st1, friend(&st1));
    let count = "echo asked >>\"$HOME/asked\"";
    let part = |script: &str| CheckSetup {
        timeout: Span::seconds(60),
        script: format!("{count}; {script}").into(),
        is_part: true,
    };
    let both = part("echo '@ one two'; echo a=1; echo '@ one'; echo b=2");
    let own = part("echo '@ other'; echo c=3");
    setup.checks = [("one", &both), ("two", &both), ("other", &own)]
        .map(|(id, check)| (CheckId::new(id), check.clone()))
        .into();
    let looks = SshLooks::new(vec![setup], Credentials::default(), Secrets::default());
    let mut hands = Watcher::new(looks);
    hands.connect(&st1).await;
    for check in ["one", "other", "two"] {
        hands.look(Look::Check {
            node: id(&st1),
            check: check.into(),
        });
    }
    let mut printed = Vec::new();
    for _ in 0..3 {
        let answer = |arrival: &Arrival| match arrival {
            Arrival::Check { check, output, .. } => Some((check.clone(), output.clone())),
            _ => None,
        };
        let (check, output) = hands.until("an answer", answer).await;
        let values: Vec<String> = output
            .expect("it printed")
            .into_iter()
            .map(|(key, value)| format!("{key}={value}"))
            .collect();
        printed.push(format!("{check}: {}", values.join(" ")));
    }
    assert_eq!(printed, ["one: a=1 b=2", "two: a=1", "other: c=3"]);
    let asked = std::fs::read_to_string(st1.home.join("asked")).expect("it was asked");
    assert_eq!(asked.lines().count(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dry_run_has_no_way_to_start_a_job() {
    let Some(st1) = Sshd::start("st1", "127.0.0.2") else {
        return;
    };
    let mut hands = Watcher::new(DryRun::new(looks(&[&st1]), Overlay::new()));
    hands.connect(&st1).await;
    hands.look(Look::Probe { node: id(&st1) });
    hands.fact(&st1, "service", "running").await;
    let stop = order(&st1, "r1.stop.1", "touch \"$HOME/was-here\"");
    hands.start(&stop);
    hands
        .job(&stop, |report| *report == JobReport::Accepted)
        .await;
    hands.fact(&st1, "service", "stopped").await;
    assert_eq!(hands.lines(&stop), [NOT_SENT]);
    assert!(!st1.home.join("jobs").exists(), "no job's folder is made");
    assert!(!st1.home.join("was-here").exists());
}
