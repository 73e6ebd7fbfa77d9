//! From the first question to the last answer, through the hands that the program has.

use holdpoint::model::dialogue::{Answer, Dialogue, Prompt, Reply};
use holdpoint::model::ids::NodeId;
use holdpoint::model::reply::{Claim, JobReport};
use holdpoint::transport::nodes::{Secrets, SshActs, SshLooks};
use holdpoint::transport::ssh::Credentials;
use holdpoint::transport::{Change, Order};
use secrecy::SecretString;

use crate::support::endpoint::friend;
use crate::support::hands::{Watcher, acts, is_up, order, setup};
use crate::support::sshd::Sshd;
use crate::support::{eventually, tool};

const INSTALLER: &str = r#"
printf 'Do you accept the license? [y,n] '; read -r a
printf 'Install into: [/opt] '; read -r b
printf 'Password: '; read -r c
echo
printf '%s\n' "got $a, $b, ${#c} characters"
exit 7
"#;
const LAST_LINE: &str = "got y, /srv/it's, 11 characters";

fn prompt(id: &str, pattern: &str, times: u32) -> Prompt {
    Prompt {
        id: id.into(),
        pattern: pattern.into(),
        reply: Reply::Operator(String::new()),
        times,
        says: None,
    }
}

fn dialogue(terminal: bool) -> Option<Box<Dialogue>> {
    Some(Box::new(Dialogue {
        prompts: vec![
            prompt("license", r"accept the license\? \[y,n\]", 1),
            prompt("folder", r"(?m)^.*Install into", 1),
            prompt("password", "(?i)password", 1),
        ],
        terminal,
        silence: None,
    }))
}

fn installer(node: &Sshd, job: &str, terminal: bool) -> Order {
    Order {
        dialogue: dialogue(terminal),
        ..order(node, job, INSTALLER)
    }
}

/// Hands that know the secret parameter `password` of the node.
fn hands_with_password(node: &Sshd) -> Watcher<SshActs> {
    let mut secrets = Secrets::default();
    let canary = SecretString::from("canary-90af");
    secrets.know(&NodeId::new(&node.name), "password", canary);
    let setups = vec![setup(node, friend(node))];
    Watcher::new(SshActs::new(SshLooks::new(
        setups,
        Credentials::default(),
        secrets,
    )))
}

fn is_question(report: &JobReport) -> bool {
    matches!(report, JobReport::Asks { .. })
}

fn asks_for_folder(report: &JobReport) -> bool {
    matches!(report, JobReport::Asks { prompt: Some(id), .. } if id == "folder")
}

fn is_out_of_sight(report: &JobReport) -> bool {
    matches!(report, JobReport::OutOfSight { .. })
}

/// The next question: its name, its text, where it was asked.
async fn question(hands: &mut Watcher<SshActs>, order: &Order) -> (Option<String>, String, u64) {
    match hands.job(order, is_question).await {
        JobReport::Asks { prompt, text, at } => (prompt, text, at),
        other => unreachable!("{other:?}"),
    }
}

fn give(hands: &mut Watcher<SshActs>, order: &Order, at: u64, answer: Answer) {
    hands.change(Change::Answer {
        order: order.clone(),
        at,
        answer,
    });
}

async fn expect(hands: &mut Watcher<SshActs>, order: &Order, id: &str) -> u64 {
    let (prompt, text, at) = question(hands, order).await;
    assert_eq!(prompt.as_deref(), Some(id), "{text}");
    at
}

/// Answers the installer's three questions as they come.
async fn answer_all(hands: &mut Watcher<SshActs>, order: &Order) {
    let at = expect(hands, order, "license").await;
    give(hands, order, at, Answer::Text("y".into()));
    let at = expect(hands, order, "folder").await;
    give(hands, order, at, Answer::Text("/srv/it's".into()));
    let at = expect(hands, order, "password").await;
    give(hands, order, at, Answer::Secret("password".into()));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_installer_is_led_through_its_questions() {
    let Some(node) = Sshd::start("st1", "127.0.9.12") else {
        return;
    };
    let mut hands = hands_with_password(&node);
    hands.connect(&node).await;
    let mut jobs = vec![installer(&node, "r1.plain.1", false)];
    if tool("script").is_some() {
        jobs.push(installer(&node, "r1.tty.1", true));
    }
    for order in jobs {
        hands.start(&order);
        answer_all(&mut hands, &order).await;
        assert_eq!(hands.end(&order).await, Claim::Exited { code: 7 });
        assert_eq!(hands.lines(&order).last().unwrap(), LAST_LINE);
    }
    let seen = format!("{:?}", hands.seen);
    assert!(!seen.contains("canary"), "a secret was told");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_question_that_waits_outlives_the_link_and_us() {
    let Some(node) = Sshd::start("st1", "127.0.9.13") else {
        return;
    };
    let order = installer(&node, "r1.plain.1", false);
    let mut before = hands_with_password(&node);
    before.connect(&node).await;
    before.start(&order);
    let at = expect(&mut before, &order, "license").await;
    node.stop();
    before.job(&order, is_out_of_sight).await;
    // Given while nobody can be reached: it arrives when the node is back, and once.
    for _ in 0..3 {
        give(&mut before, &order, at, Answer::Text("y".into()));
    }
    node.restart();
    before.link(&node, is_up).await;
    before.attach(&order);
    // The first question may be told again before the answer to it is seen to have arrived.
    let folder = before.job(&order, asks_for_folder).await;
    let JobReport::Asks { at: folder, .. } = folder else {
        unreachable!("{folder:?}");
    };
    drop(before);

    let mut after = hands_with_password(&node);
    after.connect(&node).await;
    after.attach(&order);
    let again = expect(&mut after, &order, "folder").await;
    assert_eq!(again, folder, "the same question, asked at the same place");
    // Whoever resumes does not know whether its last answer arrived.
    give(&mut after, &order, at, Answer::Text("n".into()));
    give(&mut after, &order, folder, Answer::Text("/srv/it's".into()));
    let at = expect(&mut after, &order, "password").await;
    give(&mut after, &order, at, Answer::Secret("password".into()));
    assert_eq!(after.end(&order).await, Claim::Exited { code: 7 });
    assert_eq!(after.lines(&order).last().unwrap(), LAST_LINE);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_nobody_expected_is_told_and_waits() {
    let Some(node) = Sshd::start("st1", "127.0.9.14") else {
        return;
    };
    let mut hands = acts(&[&node]);
    hands.connect(&node).await;
    let mut order = order(
        &node,
        "r1.odd.1",
        "printf 'Password: '; read -r a; printf '\\033[7mDisk is nearly full.\\033[0m\\nGo on anyway? '; read -r b; echo \"$a $b\"",
    );
    order.dialogue = dialogue(false);
    hands.start(&order);
    let at = expect(&mut hands, &order, "password").await;
    // Nobody gave that secret: it is said, and the program goes on waiting.
    give(&mut hands, &order, at, Answer::Secret("password".into()));
    let line = "nobody gave the secret password; the program waits for it";
    hands.line(&order, line).await;
    give(&mut hands, &order, at, Answer::Hidden("hidden".into()));
    let (prompt, text, at) = question(&mut hands, &order).await;
    assert_eq!(prompt, None);
    assert_eq!(text, "Disk is nearly full.\nGo on anyway?");
    give(&mut hands, &order, at, Answer::Text("yes".into()));
    assert_eq!(hands.end(&order).await, Claim::Exited { code: 0 });
    let questions = hands
        .seen
        .iter()
        .filter(|arrival| format!("{arrival:?}").contains("Asks"));
    assert_eq!(questions.count(), 2, "each question once");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_to_what_is_not_asked_any_more_is_not_written() {
    let Some(node) = Sshd::start("st1", "127.0.9.15") else {
        return;
    };
    let mut hands = acts(&[&node]);
    hands.connect(&node).await;
    let mut order = order(
        &node,
        "r1.moved.1",
        "printf 'Password: '; while [ ! -e \"$HOME/go\" ]; do sleep 0.05; done; printf '\\nDelete everything? '; read -r a; echo \"got $a\"",
    );
    order.dialogue = dialogue(false);
    hands.start(&order);
    let at = expect(&mut hands, &order, "password").await;
    std::fs::write(node.home.join("go"), "").expect("a file");
    let log = node.home.join("jobs/r1.moved.1/log");
    eventually("it asks something else", || {
        std::fs::read_to_string(&log).is_ok_and(|log| log.contains("Delete"))
    });
    give(&mut hands, &order, at, Answer::Text("hunter2".into()));
    let (_, text, at) = question(&mut hands, &order).await;
    assert!(text.ends_with("Delete everything?"), "{text}");
    give(&mut hands, &order, at, Answer::Text("no".into()));
    assert_eq!(hands.end(&order).await, Claim::Exited { code: 0 });
    assert_eq!(
        hands.lines(&order).last().unwrap(),
        "Delete everything? got no"
    );
}
