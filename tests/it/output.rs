//! What a job prints comes whole: each line once, wherever its bytes were cut, and what comes after a flood is seen.

use std::fs;

use holdpoint::model::dialogue::{Answer, Dialogue, Prompt, Reply};
use holdpoint::model::reply::{Claim, JobReport};
use holdpoint::model::telemetry::Telemetry;
use holdpoint::transport::nodes::{Secrets, SshActs, SshLooks};
use holdpoint::transport::ssh::Credentials;
use holdpoint::transport::{Arrival, Change, Order};

use crate::support::faulty::{Direction, Fault, Faulty, Kind};
use crate::support::hands::{Watcher, acts, order, setup};
use crate::support::sshd::Sshd;

/// The output is fetched in multiples of this and cleaned in pieces of it (bytes).
const PIECE: usize = 64 << 10;

/// Some megabytes of lines. At each multiple of a piece a character, the end of a line or the middle of one is cut in two.
fn flood() -> String {
    let mut text = String::new();
    for number in 1..=40 {
        let cut = number * PIECE;
        while text.len() + 300 < cut {
            text += &format!("{:>8} {:.<90}\n", text.len(), "unpacking");
        }
        text += &"x".repeat(cut - 1 - text.len());
        text += ["é", "\r\n", "-"][number % 3];
        text += " and on\n";
    }
    text
}

/// A job that prints the flood, and then does this.
fn flooding(node: &Sshd, job: &str, then: &str) -> Order {
    fs::write(node.home.join("flood"), flood()).expect("a file");
    order(node, job, &format!("cat \"$HOME/flood\"\n{then}"))
}

/// That the lines are those of the flood, each once and in their order, and then these.
fn assert_told(told: &[String], then: &[&str]) {
    let flood = flood();
    let mut wanted = flood.lines().chain(then.iter().copied());
    for (number, line) in told.iter().enumerate() {
        assert_eq!(Some(line.as_str()), wanted.next(), "line {number}");
    }
    assert_eq!(wanted.next(), None, "after {} lines", told.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn each_line_of_a_flood_comes_once_and_whole() {
    let Some(node) = Sshd::start("flood", "127.0.161.1") else {
        return;
    };
    let mut hands = acts(&[&node]);
    hands.connect(&node).await;
    let order = flooding(&node, "r1.flood.1", "printf 'no end'");
    hands.start(&order);
    assert_eq!(hands.end(&order).await, Claim::Exited { code: 0 });
    assert_told(&hands.lines(&order), &["no end"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_goes_on_at_the_very_byte_where_the_link_was_lost() {
    let Some(node) = Sshd::start("lost", "127.0.161.2") else {
        return;
    };
    let way = Faulty::to(&node, "127.0.161.3").await;
    let setups = vec![setup(&node, way.endpoint(&node))];
    let looks = SshLooks::new(setups, Credentials::default(), Secrets::default());
    let mut hands = Watcher::new(SshActs::new(looks));
    hands.connect(&node).await;
    let order = flooding(&node, "r1.lost.1", "");
    way.strike(Fault::new(Kind::Reset, Direction::FromNode, 700_001));
    hands.start(&order);
    assert_eq!(hands.end(&order).await, Claim::Exited { code: 0 });
    assert_eq!(way.struck(), 1, "the link was not cut");
    assert_told(&hands.lines(&order), &[]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_question_behind_a_flood_is_heard_where_it_stands() {
    let Some(node) = Sshd::start("asks", "127.0.161.4") else {
        return;
    };
    let mut hands = acts(&[&node]);
    hands.connect(&node).await;
    let asks = "printf 'Go on? [y] '; read -r a; printf '%s\\n' \"got $a\"";
    let prompt = Prompt {
        id: "go-on".into(),
        pattern: r"Go on\? \[y\]".into(),
        reply: Reply::Operator(String::new()),
        times: 1,
        says: None,
    };
    let order = Order {
        dialogue: Some(Box::new(Dialogue {
            prompts: vec![prompt],
            terminal: false,
            silence: None,
        })),
        ..flooding(&node, "r1.asks.1", asks)
    };
    hands.start(&order);
    let is_question = |report: &JobReport| matches!(report, JobReport::Asks { .. });
    let JobReport::Asks { prompt, at, .. } = hands.job(&order, is_question).await else {
        unreachable!("only a question is waited for")
    };
    let printed = flood() + "Go on? [y] ";
    assert_eq!(prompt.as_deref(), Some("go-on"));
    assert_eq!(at, printed.len() as u64);
    hands.change(Change::Answer {
        order: order.clone(),
        at,
        answer: Answer::Text("y".into()),
    });
    assert_eq!(hands.end(&order).await, Claim::Exited { code: 0 });
    assert_told(&hands.lines(&order), &["Go on? [y] got y"]);
    assert!(
        shown(&hands.seen) == (printed + "got y\n").as_bytes(),
        "whoever looks at its screen gets other bytes"
    );
}

/// All that was printed, byte for byte.
fn shown(seen: &[Arrival]) -> Vec<u8> {
    let mut shown = Vec::new();
    for arrival in seen {
        if let Arrival::Telemetry(Telemetry::Printed { offset, bytes, .. }) = arrival {
            assert_eq!(*offset, shown.len() as u64, "a gap, or bytes twice");
            shown.extend_from_slice(bytes);
        }
    }
    shown
}
