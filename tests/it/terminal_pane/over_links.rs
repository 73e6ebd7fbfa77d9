//! The wheel through the hands that the program has, over links that come and go.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use holdpoint::model::dialogue::{Answer, Dialogue, Prompt, Reply};
use holdpoint::model::reply::{Claim, JobReport};
use holdpoint::model::telemetry::Telemetry;
use holdpoint::model::wheel::{Does, Keys, WheelAct};
use holdpoint::transport::nodes::SshActs;
use holdpoint::transport::{Arrival, Change, Order};

use super::on_the_node::PROGRAM;
use crate::support::hands::{Watcher, acts, is_up, order};
use crate::support::sshd::Sshd;
use crate::support::tool;

fn on_a_terminal(node: &Sshd, job: &str, script: &str, patterns: &[(&str, &str)]) -> Order {
    let prompts = patterns.iter().map(|(id, pattern)| Prompt {
        id: (*id).into(),
        pattern: (*pattern).into(),
        reply: Reply::Text(String::new()),
        times: 1,
        says: None,
    });
    Order {
        dialogue: Some(Box::new(Dialogue {
            prompts: prompts.collect(),
            terminal: true,
            silence: None,
        })),
        ..order(node, job, script)
    }
}

fn act(hands: &mut Watcher<SshActs>, order: &Order, number: u64, does: Does) {
    hands.change(Change::Wheel {
        order: order.clone(),
        act: WheelAct { number, does },
    });
}

fn type_in(hands: &mut Watcher<SshActs>, order: &Order, number: u64, keys: &str) {
    act(hands, order, number, Does::Type(Keys::new(keys.into(), 1)));
}

/// The screen that whoever watches the job sees now.
fn screen(hands: &Watcher<SshActs>, order: &Order) -> String {
    let of = |n| std::num::NonZeroU16::new(n).expect("no terminal is empty");
    let mut parser = vt100::Parser::new(of(40), of(120), 0);
    for arrival in &hands.seen {
        if let Arrival::Telemetry(Telemetry::Printed { action, bytes, .. }) = arrival
            && *action == order.action
        {
            parser.process(bytes);
        }
    }
    parser.screen().contents()
}

/// Waits until the job's screen shows this.
async fn shows(hands: &mut Watcher<SshActs>, order: &Order, wanted: &str) {
    while !screen(hands, order).contains(wanted) {
        let printed = |arrival: &Arrival| match arrival {
            Arrival::Telemetry(Telemetry::Printed { .. }) => Some(()),
            _ => None,
        };
        hands
            .until(&format!("{wanted:?} on the screen"), printed)
            .await;
    }
}

/// How often the wheel is taken in the story of cuts, and how many keys are given each time.
const ROUNDS: u64 = 4;
const KEYS: u64 = 6;

/// The acts whose keys never arrived, as it was told: those of the same round that came after the doubt began.
fn lost(seen: &[Arrival]) -> BTreeSet<u64> {
    let mut lost = BTreeSet::new();
    let mut doubt = None;
    for arrival in seen {
        match arrival {
            Arrival::Job {
                report: JobReport::KeysInDoubt { act, .. },
                ..
            } => doubt = Some(*act),
            Arrival::Job {
                report: JobReport::KeysKnown { typed, unsure },
                ..
            } => {
                let Some(first) = doubt.take() else {
                    continue;
                };
                let round = (first - 1) / (KEYS + 2);
                let last = round * (KEYS + 2) + KEYS + 1;
                lost.extend((first..=last).filter(|act| act > typed && act > unsure));
            }
            _ => {}
        }
    }
    lost
}

async fn question(hands: &mut Watcher<SshActs>, order: &Order) -> (Option<String>, u64) {
    let asks = |report: &JobReport| matches!(report, JobReport::Asks { .. });
    match hands.job(order, asks).await {
        JobReport::Asks { prompt, at, .. } => (prompt, at),
        other => unreachable!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_reach_a_full_screen_program_one_by_one() {
    let (Some(_), Some(node)) = (tool("script"), Sshd::start("st1", "127.0.131.2")) else {
        return;
    };
    let mut hands = acts(&[&node]);
    hands.connect(&node).await;
    let order = on_a_terminal(&node, "r1.keys.1", PROGRAM, &[]);
    hands.start(&order);
    shows(&mut hands, &order, "MENU").await;
    act(&mut hands, &order, 1, Does::Take);
    type_in(&mut hands, &order, 2, "\x1b[B");
    type_in(&mut hands, &order, 3, "\r");
    shows(&mut hands, &order, "MENU <27><91><66><10>").await;
    // The terminal makes a signal of it, as for anybody who sits there.
    type_in(&mut hands, &order, 4, "\x03");
    assert_eq!(hands.end(&order).await, Claim::Killed { signal: 2 });
    let lines = hands.lines(&order).join("\n");
    assert!(
        !lines.contains('\x1b') && lines.contains("MENU"),
        "{lines:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cut_link_types_nothing_twice_and_what_is_lost_is_told() {
    let (Some(_), Some(node)) = (tool("script"), Sshd::start("st1", "127.0.131.3")) else {
        return;
    };
    let mut hands = acts(&[&node]);
    hands.connect(&node).await;
    let order = on_a_terminal(&node, "r1.cut.1", PROGRAM, &[]);
    hands.start(&order);
    shows(&mut hands, &order, "MENU").await;
    act(&mut hands, &order, 1, Does::Take);
    let mut number = 1;
    for round in 0..ROUNDS {
        for _ in 0..KEYS {
            number += 1;
            let letter = char::from(b'A' + u8::try_from(number - 2).expect("few"));
            type_in(&mut hands, &order, number, &letter.to_string());
        }
        if round % 2 == 0 {
            node.kill_connections();
            hands.link(&node, is_up).await;
            hands.attach(&order);
        }
        act(&mut hands, &order, number + 1, Does::HandBack);
        number += 2;
        act(&mut hands, &order, number, Does::Take);
    }
    number += 1;
    type_in(&mut hands, &order, number, "q");
    assert_eq!(hands.end(&order).await, Claim::Exited { code: 0 });
    let log = fs::read(node.home.join("jobs/r1.cut.1/log")).expect("the job's output");
    let log = String::from_utf8_lossy(&log).into_owned();
    let mut typed = log.matches('<').count() - 1;
    let lost = lost(&hands.seen);
    let mut act = 1;
    for _ in 0..ROUNDS {
        for _ in 0..KEYS {
            act += 1;
            let times = log.matches(&format!("<{}>", 65 + act - 2)).count();
            assert_eq!(
                times,
                usize::from(!lost.contains(&act)),
                "act {act}: {log}; lost {lost:?}"
            );
            typed -= times;
        }
        act += 2;
    }
    assert_eq!(typed, 0, "and nothing else: {log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_password_typed_without_echo_is_in_no_file() {
    let (Some(_), Some(node)) = (tool("script"), Sshd::start("st1", "127.0.131.4")) else {
        return;
    };
    let mut hands = acts(&[&node]);
    hands.connect(&node).await;
    let script =
        "stty -echo; printf 'Password: '; read -r p; printf '\\r\\n%s characters\\r\\n' \"${#p}\"";
    let order = on_a_terminal(&node, "r1.hidden.1", script, &[]);
    hands.start(&order);
    shows(&mut hands, &order, "Password:").await;
    act(&mut hands, &order, 1, Does::Take);
    type_in(&mut hands, &order, 2, "canary-7731");
    type_in(&mut hands, &order, 3, "\r");
    shows(&mut hands, &order, "11 characters").await;
    hands.end(&order).await;
    let told = format!("{:?}", hands.seen);
    assert!(!told.contains("canary"), "it was told");
    holds_nowhere(&node.dir, b"canary");
}

pub fn holds_nowhere(folder: &Path, secret: &[u8]) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        let kind = fs::symlink_metadata(&path)
            .expect("it is there")
            .file_type();
        if kind.is_dir() {
            holds_nowhere(&path, secret);
        } else if kind.is_file() {
            let bytes = fs::read(&path).unwrap_or_default();
            let found = bytes.windows(secret.len()).any(|part| part == secret);
            assert!(!found, "{} holds it", path.display());
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_asked_after_the_hand_back_is_matched_and_what_stood_there_is_not() {
    let (Some(_), Some(node)) = (tool("script"), Sshd::start("st1", "127.0.131.5")) else {
        return;
    };
    let mut hands = acts(&[&node]);
    hands.connect(&node).await;
    let script = "printf 'Accept? '; read -r a; printf 'Folder? '; read -r b; printf 'Sure? '; read -r c; echo \"$a $b $c\"";
    let patterns = [("accept", "Accept"), ("folder", "Folder"), ("sure", "Sure")];
    let order = on_a_terminal(&node, "r1.after.1", script, &patterns);
    hands.start(&order);
    assert_eq!(
        question(&mut hands, &order).await.0.as_deref(),
        Some("accept")
    );
    act(&mut hands, &order, 1, Does::Take);
    type_in(&mut hands, &order, 2, "yes\r");
    shows(&mut hands, &order, "Folder?").await;
    act(&mut hands, &order, 3, Does::HandBack);
    let (prompt, at) = question(&mut hands, &order).await;
    assert_eq!(
        prompt, None,
        "it stood there when the wheel was handed back"
    );
    let answer = Answer::Text("/srv".into());
    hands.change(Change::Answer {
        order: order.clone(),
        at,
        answer,
    });
    let (prompt, at) = question(&mut hands, &order).await;
    assert_eq!(prompt.as_deref(), Some("sure"));

    // Whoever comes later, with nothing but the job's name, knows the same.
    drop(hands);
    let mut hands = acts(&[&node]);
    hands.connect(&node).await;
    hands.attach(&order);
    let (prompt, again) = question(&mut hands, &order).await;
    assert_eq!((prompt.as_deref(), again), (Some("sure"), at));
    let answer = Answer::Text("si".into());
    hands.change(Change::Answer {
        order: order.clone(),
        at,
        answer,
    });
    assert_eq!(hands.end(&order).await, Claim::Exited { code: 0 });
    assert!(
        hands
            .lines(&order)
            .last()
            .expect("a line")
            .ends_with("yes /srv si")
    );
}
