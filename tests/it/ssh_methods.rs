//! Logins that want more than a key: what is asked, in which order, and what is never sent twice.

mod options;

use std::time::Duration;

use holdpoint::transport::ssh::{ConnectFailure, Credentials, Session};
use russh::MethodKind::{KeyboardInteractive, Password, PublicKey};

use crate::support::human::Human;
use crate::support::scripted::{Plan, Round, Scripted};

fn round(prompts: &[(&'static str, bool)], answers: &[&'static str]) -> Round {
    Round {
        instructions: "Bank\u{1b}[2J of\nGringotts",
        prompts: prompts.to_vec(),
        answers: answers.to_vec(),
    }
}

#[tokio::test]
async fn a_password_is_asked_once_and_goes_on_after_a_wrong_one() {
    let server = Scripted::start(Plan {
        chain: vec![Password],
        password: "right",
        ..Plan::default()
    })
    .await;
    let human = Human::who_answers(&[("refused by st1", "right"), ("login password", "wrong")]);
    let endpoint = server.endpoint("st1");
    let mut credentials = Credentials::default();
    human.connect(&endpoint, &mut credentials).await.unwrap();
    assert_eq!(server.notes(), ["password wrong", "password right"]);
    // The next connection asks nothing.
    human.connect(&endpoint, &mut credentials).await.unwrap();
    assert_eq!(human.questions().len(), 2);
    assert!(!format!("{credentials:?}").contains("right"));
}

#[tokio::test]
async fn a_password_is_asked_three_times_and_then_refused() {
    let server = Scripted::start(Plan {
        chain: vec![Password],
        password: "right",
        ..Plan::default()
    })
    .await;
    let human = Human::who_answers(&[("password", "a"), ("password", "b"), ("password", "c")]);
    let mut credentials = Credentials::default();
    let refused = human
        .connect(&server.endpoint("st1"), &mut credentials)
        .await;
    let refused = refused.unwrap_err();
    assert!(
        matches!(refused, ConnectFailure::LoginRefused { .. }),
        "{refused:?}"
    );
    assert_eq!(server.notes(), ["password a", "password b", "password c"]);
}

#[tokio::test]
async fn without_a_human_a_password_is_not_made_up() {
    let server = Scripted::start(Plan {
        chain: vec![Password],
        password: "right",
        ..Plan::default()
    })
    .await;
    let endpoint = server.endpoint("st1");
    let refused = Session::connect(&endpoint, &Credentials::default()).await;
    let refused = refused.unwrap_err().to_string();
    assert!(refused.contains("it would also take password"), "{refused}");
    assert!(server.notes().is_empty());
}

#[tokio::test]
async fn a_key_and_then_a_password_are_two_steps_of_one_login() {
    let server = Scripted::start(Plan {
        chain: vec![PublicKey, Password],
        password: "right",
        ..Plan::default()
    })
    .await;
    let human = Human::who_answers(&[("login password of ana", "right")]);
    let mut credentials = Credentials::default();
    let endpoint = server.endpoint("st1");
    human.connect(&endpoint, &mut credentials).await.unwrap();
    let notes = server.notes();
    assert_eq!(notes, ["publickey", "publickey", "password right"]);
}

#[tokio::test]
async fn rounds_of_questions_are_answered_by_the_password_and_by_the_human() {
    let server = Scripted::start(Plan {
        chain: vec![PublicKey, KeyboardInteractive],
        rounds: vec![
            round(&[("Password: ", false)], &["right"]),
            round(
                &[("Verification code: ", true), ("PIN: ", false)],
                &["123456", "9"],
            ),
            round(&[], &[]),
        ],
        ..Plan::default()
    })
    .await;
    let human = Human::who_answers(&[
        ("login password of ana", "right"),
        ("Verification code", "123456"),
        ("PIN", "9"),
    ]);
    let mut credentials = Credentials::default();
    let endpoint = server.endpoint("st1");
    human.connect(&endpoint, &mut credentials).await.unwrap();
    let last = server.notes().split_off(server.notes().len() - 3);
    assert_eq!(last, ["answers right", "answers 123456,9", "answers "]);
    let asked = human.questions();
    assert_eq!(
        asked[1], "answer to st1: \"Bank of Gringotts Verification code:\"",
        "named and without control sequences"
    );
    assert!(credentials.vault().is_by_hand("st1"));
}

#[tokio::test]
async fn a_wrong_code_is_asked_for_again_in_the_same_connection() {
    let server = Scripted::start(Plan {
        chain: vec![KeyboardInteractive],
        rounds: vec![round(&[("Code: ", false)], &["222"])],
        ..Plan::default()
    })
    .await;
    let human = Human::who_answers(&[("answer was refused", "222"), ("Code", "111")]);
    let credentials = Credentials::default();
    let endpoint = server.endpoint("st1");
    human.try_once(&endpoint, &credentials).await.unwrap();
    assert_eq!(server.notes(), ["answers 111", "answers 222"]);
    let stubborn = Human::who_answers(&[("Code", "1"), ("Code", "2"), ("Code", "3")]);
    let refused = stubborn
        .try_once(&endpoint, &credentials)
        .await
        .unwrap_err();
    assert!(
        matches!(refused, ConnectFailure::LoginRefused { .. }),
        "{refused:?}"
    );
    assert_eq!(stubborn.questions().len(), 3, "no more than ssh(1) asks");
}

#[tokio::test]
async fn one_nodes_code_is_asked_at_a_time() {
    let plan = Plan {
        chain: vec![KeyboardInteractive],
        rounds: vec![round(&[("Code: ", false)], &["1"])],
        ..Plan::default()
    };
    let server = Scripted::start(plan).await;
    let credentials = Credentials::default();
    let turn = credentials.vault().turn().await;
    let human = Human::who_answers(&[("Code", "1")]);
    let endpoint = server.endpoint("st2");
    let waits = human.try_once(&endpoint, &credentials).await.unwrap_err();
    assert!(matches!(waits, ConnectFailure::NotOurTurn), "{waits:?}");
    drop(turn);
    human.try_once(&endpoint, &credentials).await.unwrap();
    assert_eq!(server.notes(), ["answers 1"]);
}

/// What a one-time code on somebody's telephone is asked for with.
fn coded() -> Plan {
    Plan {
        chain: vec![KeyboardInteractive],
        rounds: vec![round(&[("Code: ", false)], &["123456"])],
        ..Plan::default()
    }
}

#[tokio::test]
async fn a_longer_connect_timeout_leaves_a_human_longer_for_a_code() {
    let server = Scripted::start(coded()).await;
    let slow = || Human::who_answers(&[("Code", "123456")]).thinking(Duration::from_secs(170));
    let mut endpoint = server.endpoint("st1");
    endpoint.connect_timeout = Duration::from_secs(10);
    let late = slow().try_once(&endpoint, &Credentials::default()).await;
    let late = late.expect_err("the server may have hung up by then");
    let told = late.to_string();
    assert!(
        told.contains("longer than 120 s; it is asked again"),
        "{told}"
    );
    assert!(late.is_transient());
    endpoint.connect_timeout = Duration::from_secs(40);
    let session = slow().try_once(&endpoint, &Credentials::default()).await;
    session.expect("there was time for it");
}

#[tokio::test]
async fn the_time_for_a_code_is_not_that_of_the_login() {
    let mut plan = coded();
    plan.rounds
        .push(round(&[("Second code: ", false)], &["654321"]));
    let server = Scripted::start(plan).await;
    let answers = [("Second code", "654321"), ("Code", "123456")];
    let human = Human::who_answers(&answers).thinking(Duration::from_secs(100));
    let mut endpoint = server.endpoint("st1");
    endpoint.connect_timeout = Duration::from_secs(10);
    let session = human.try_once(&endpoint, &Credentials::default()).await;
    session.expect("each answer has its own time");
}
