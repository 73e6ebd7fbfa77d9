//! Jobs: they survive links, us and nothing else, and what is told of them is what happened.

use holdpoint::model::reply::{Claim, JobReport};
use holdpoint::transport::{Change, Errand};
use std::os::unix::fs::PermissionsExt;

use crate::support::eventually;
use crate::support::hands::{acts, is_down, is_up, order};
use crate::support::sshd::Sshd;

/// Prints `line 0` to `line 39` in four seconds.
const COUNTS: &str = "i=0; while [ $i -lt 40 ]; do echo line $i; i=$((i+1)); sleep 0.1; done";

fn counted() -> Vec<String> {
    (0..40).map(|n| format!("line {n}")).collect()
}

fn is_accepted(report: &JobReport) -> bool {
    *report == JobReport::Accepted
}

fn is_out_of_sight(report: &JobReport) -> bool {
    matches!(report, JobReport::OutOfSight { .. })
}

fn is_not_started(report: &JobReport) -> bool {
    matches!(report, JobReport::NotStarted { .. })
}

fn is_vanished(report: &JobReport) -> bool {
    matches!(report, JobReport::Vanished { .. })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_survives_the_link_and_no_line_is_lost_or_told_twice() {
    let Some(node) = Sshd::start("st1", "127.0.0.2") else {
        return;
    };
    let mut hands = acts(&[&node]);
    hands.connect(&node).await;
    let order = order(
        &node,
        "r1.count.1",
        &format!("echo ran >>\"$HOME/runs\"; {COUNTS}"),
    );
    hands.start(&order);
    hands.job(&order, is_accepted).await;
    hands.line(&order, "line 3").await;
    node.kill_connections();
    hands.job(&order, is_out_of_sight).await;
    hands.link(&node, is_up).await;
    // As the engine does it, on top of the following that goes on by itself.
    hands.attach(&order);
    assert_eq!(hands.end(&order).await, Claim::Exited { code: 0 });
    assert_eq!(hands.lines(&order), counted());
    let runs = std::fs::read_to_string(node.home.join("runs")).expect("it ran");
    assert_eq!(runs, "ran\n");

    hands.change(Change::Acknowledge {
        order: order.clone(),
    });
    let log = node.home.join("jobs/r1.count.1/log");
    eventually("the node forgets the output", || !log.exists());
    // Asked for once more it does not run again.
    hands.start(&order);
    assert_eq!(hands.end(&order).await, Claim::Exited { code: 0 });
    let runs = std::fs::read_to_string(node.home.join("runs")).expect("it ran");
    assert_eq!(runs, "ran\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_comes_after_us_finds_the_job_and_all_of_its_output() {
    let Some(node) = Sshd::start("st1", "127.0.0.2") else {
        return;
    };
    let order = order(&node, "r1.count.1", &format!("{COUNTS}; exit 7"));
    let mut before = acts(&[&node]);
    before.connect(&node).await;
    before.start(&order);
    before.line(&order, "line 3").await;
    drop(before);

    let mut after = acts(&[&node]);
    after.connect(&node).await;
    after.attach(&order);
    after.job(&order, is_accepted).await;
    assert_eq!(after.end(&order).await, Claim::Exited { code: 7 });
    assert_eq!(after.lines(&order), counted());
    after.attach(&order);
    assert_eq!(after.end(&order).await, Claim::Exited { code: 7 });
    assert_eq!(after.lines(&order), counted(), "told already");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_is_cancelled_only_when_somebody_says_so() {
    let Some(node) = Sshd::start("st1", "127.0.0.2") else {
        return;
    };
    let mut hands = acts(&[&node]);
    hands.connect(&node).await;
    let order = order(
        &node,
        "r1.wait.1",
        "echo begun; sleep 300; echo not reached",
    );
    hands.start(&order);
    hands.line(&order, "begun").await;
    hands.change(Change::Cancel {
        order: order.clone(),
    });
    assert_eq!(hands.end(&order).await, Claim::Cancelled);
    assert_eq!(hands.lines(&order), ["begun"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_power_cut_in_the_middle_is_no_end() {
    let Some(node) = Sshd::start("st1", "127.0.0.2") else {
        return;
    };
    let mut hands = acts(&[&node]);
    hands.connect(&node).await;
    let order = order(&node, "r1.wait.1", "echo begun; sleep 300");
    hands.start(&order);
    hands.line(&order, "begun").await;
    node.power_cut();
    hands.link(&node, is_down).await;
    node.restart();
    let vanished = hands.job(&order, is_vanished).await;
    assert!(
        format!("{vanished:?}").contains("not recorded"),
        "{vanished:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_never_sent_is_kept_from_ever_starting() {
    let Some(node) = Sshd::start("st1", "127.0.0.2") else {
        return;
    };
    let mut hands = acts(&[&node]);
    let order = order(&node, "r1.late.1", "touch \"$HOME/was-here\"");
    hands.start(&order);
    hands.job(&order, is_out_of_sight).await;
    hands.connect(&node).await;
    hands.job(&order, is_not_started).await;
    hands.start(&order);
    hands.job(&order, is_not_started).await;
    assert!(!node.home.join("was-here").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn jobs_that_cannot_be_started_say_why() {
    let Some(node) = Sshd::start("st1", "127.0.0.2") else {
        return;
    };
    let mut hands = acts(&[&node]);
    hands.connect(&node).await;
    let mut secretive = order(&node, "r1.secret.1", "read -r word");
    let Errand::Script(script) = &mut secretive.errand else {
        panic!("it is a script");
    };
    script.secrets = vec!["admin_password".into()];
    hands.start(&secretive);
    let why = hands.job(&secretive, is_not_started).await;
    assert!(format!("{why:?}").contains("admin_password"), "{why:?}");

    std::fs::write(node.home.join("jobs"), "in the way").expect("a file");
    let blocked = order(&node, "r1.blocked.1", "true");
    hands.start(&blocked);
    let why = hands.job(&blocked, is_not_started).await;
    assert!(format!("{why:?}").contains("jobs' folder"), "{why:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn control_sequences_of_a_script_stay_on_the_node() {
    let Some(node) = Sshd::start("st1", "127.0.0.2") else {
        return;
    };
    let mut hands = acts(&[&node]);
    hands.connect(&node).await;
    let order = order(
        &node,
        "r1.paint.1",
        r"printf 'a\033[2Jb\033]52;c;eA==\007\n'; printf 'no end' >&2",
    );
    hands.start(&order);
    assert_eq!(hands.end(&order).await, Claim::Exited { code: 0 });
    let lines = hands.lines(&order).join("|");
    assert!(!lines.contains(char::is_control), "{lines:?}");
    assert!(
        lines.contains("no end") && !lines.contains("52;c"),
        "{lines:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_cannot_say_what_became_of_a_job_leaves_it_in_doubt() {
    let Some(node) = Sshd::start("st1", "127.0.0.2") else {
        return;
    };
    let order = order(&node, "r1.wait.1", "echo begun; sleep 300");
    let mut before = acts(&[&node]);
    before.connect(&node).await;
    before.start(&order);
    before.line(&order, "begun").await;
    drop(before);

    // Somebody has opened the folder to all the world meanwhile: nothing in it counts.
    let jobs = node.home.join("jobs");
    let mode = |mode| std::fs::set_permissions(&jobs, PermissionsExt::from_mode(mode));
    mode(0o777).expect("it is ours");
    let mut after = acts(&[&node]);
    after.connect(&node).await;
    after.attach(&order);
    let said = after.job(&order, |_| true).await;
    assert!(is_out_of_sight(&said), "it may still run: {said:?}");

    mode(0o700).expect("it is ours");
    after.job(&order, is_accepted).await;
    after.change(Change::Cancel {
        order: order.clone(),
    });
    assert_eq!(after.end(&order).await, Claim::Cancelled);
}
