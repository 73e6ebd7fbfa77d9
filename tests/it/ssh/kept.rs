//! Questions that come soon after others find their shell still open, hear nothing of each other, and lose nothing when that
//! shell is gone.

use std::fs;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use crate::support::endpoint::{read, roomy, session};
use crate::support::sshd::Sshd;

/// A node that keeps the process number of each login.
fn counting(name: &str, ip: &str, config: &[&str]) -> Option<Sshd> {
    let node = Sshd::start_with(name, ip, config)?;
    let script = "echo $$ >>\"$HOME/logins\"\n";
    fs::write(node.home.join(".bashrc"), script).expect("a login script");
    Some(node)
}

fn logins(node: &Sshd) -> Vec<i32> {
    let kept = fs::read_to_string(node.home.join("logins")).unwrap_or_default();
    kept.lines()
        .map(|pid| pid.parse().expect("a pid"))
        .collect()
}

/// Waits without holding up the connections' own tasks.
async fn soon(happened: impl Fn() -> bool) {
    let waiting = async {
        while !happened() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    let waited = tokio::time::timeout(Duration::from_secs(100), waiting).await;
    waited.expect("it happens");
}

#[tokio::test]
async fn a_burst_of_questions_needs_one_shell_and_no_question_hears_of_another() {
    let Some(node) = counting("kept", "127.0.203.1", &[]) else {
        return;
    };
    let session = session(&node).await;
    let boot = session.identity().await.unwrap();
    let home = read(&session, "pwd").await.stdout;
    let script = "echo \"${boot-unset} ${stat-unset}\"; cat; mine=1; cd /; echo oops >&2; exit 3";
    let second = read(&session, script).await;
    assert_eq!(second.stdout, b"unset unset\n");
    assert_eq!(
        (second.stderr.as_slice(), second.status),
        (&b"oops\n"[..], 3)
    );
    let third = read(
        &session,
        "set -e; trap 'echo bye' EXIT; echo ${mine-unset}; pwd; false",
    )
    .await;
    let expected = format!("unset\n{}bye\n", String::from_utf8_lossy(&home));
    assert_eq!(String::from_utf8_lossy(&third.stdout), expected);
    assert_eq!((third.stderr.as_slice(), third.status), (&b""[..], 1));
    let large = read(
        &session,
        "head -c 300000 /dev/zero | tr '\\0' x; echo; echo end",
    )
    .await;
    assert_eq!(large.stdout.len(), 300_005);
    assert_eq!(session.identity().await.unwrap(), boot);
    assert_eq!(logins(&node).len(), 1, "all in one shell");
}

#[tokio::test]
async fn questions_at_the_same_time_do_not_wait_for_each_other() {
    let Some(node) = counting("two", "127.0.203.5", &[]) else {
        return;
    };
    let session = session(&node).await;
    session.identity().await.unwrap();
    // Each of them ends only when the other one runs.
    let meet = |mine: &str, other: &str| {
        format!(
            "touch \"$HOME/{mine}\"; while [ ! -e \"$HOME/{other}\" ]; do sleep 0.05; done; echo {mine}"
        )
    };
    for round in 0..2 {
        let (one, two) = (format!("one{round}"), format!("two{round}"));
        let texts = (meet(&one, &two), meet(&two, &one));
        let answers = tokio::join!(
            session.read(texts.0.as_bytes(), roomy()),
            session.read(texts.1.as_bytes(), roomy())
        );
        assert_eq!(answers.0.unwrap().stdout, format!("{one}\n").as_bytes());
        assert_eq!(answers.1.unwrap().stdout, format!("{two}\n").as_bytes());
    }
    assert_eq!(logins(&node).len(), 2, "the second round found both shells");
}

#[tokio::test]
async fn what_a_script_leaves_running_does_not_speak_into_the_next_answer() {
    let Some(node) = counting("left", "127.0.203.6", &[]) else {
        return;
    };
    let session = session(&node).await;
    session.identity().await.unwrap();
    let left = "( while [ ! -e \"$HOME/go\" ]; do sleep 0.02; done; while echo stray=1; do sleep 0.02; done ) 2>/dev/null &";
    let first = read(&session, &format!("{left}\necho first")).await;
    assert_eq!(first.stdout, b"first\n");
    fs::write(node.home.join("go"), "").unwrap();
    let next = read(&session, "sleep 0.3; echo next").await;
    assert_eq!(next.stdout, b"next\n");
}

#[tokio::test]
async fn a_shell_that_speaks_unasked_is_let_go() {
    let Some(node) = counting("stray", "127.0.203.7", &[]) else {
        return;
    };
    let session = session(&node).await;
    session.identity().await.unwrap();
    // Hidden from whoever reads the script: it is put together on the node.
    let hidden = "and=$(printf '\\046'); eval \"( while [ ! -e '$HOME/go' ]; do sleep 0.02; done; echo stray=1 ) $and\"; echo first";
    let first = read(&session, hidden).await;
    assert_eq!(first.stdout, b"first\n");
    let shell = logins(&node)[0];
    fs::write(node.home.join("go"), "").unwrap();
    soon(|| !std::path::Path::new(&format!("/proc/{shell}")).exists()).await;
    let next = read(&session, "echo next").await;
    assert_eq!(next.stdout, b"next\n");
    assert_eq!(logins(&node).len(), 2);
}

#[tokio::test]
async fn a_shell_that_is_gone_meanwhile_is_replaced() {
    let Some(node) = counting("killed", "127.0.203.2", &[]) else {
        return;
    };
    let session = session(&node).await;
    session.identity().await.unwrap();
    let shell = Pid::from_raw(logins(&node)[0]).expect("a pid");
    kill_process(shell, Signal::KILL).expect("the login shell became the shell that waits");
    let answer = read(&session, "echo here").await;
    assert_eq!(answer.stdout, b"here\n");
    assert_eq!(logins(&node).len(), 2);
}

#[tokio::test]
async fn a_shell_that_nobody_asks_again_is_let_go_and_so_is_its_connection() {
    let Some(node) = counting("unasked", "127.0.203.3", &[]) else {
        return;
    };
    let kept = session(&node).await;
    kept.identity().await.unwrap();
    let is_there = |login: usize| {
        let shell = logins(&node)[login];
        std::path::Path::new(&format!("/proc/{shell}")).exists()
    };
    soon(|| !is_there(0)).await;
    assert!(!kept.is_closed());
    let dropped = session(&node).await;
    dropped.identity().await.unwrap();
    let closed = dropped.closed();
    drop(dropped);
    tokio::time::timeout(Duration::from_secs(60), closed)
        .await
        .expect("the shell that waits does not hold the connection");
    soon(|| !is_there(1)).await;
}

#[tokio::test]
async fn a_server_with_one_channel_takes_what_comes_while_the_shell_waits() {
    let Some(node) = counting("one", "127.0.203.4", &["MaxSessions 1"]) else {
        return;
    };
    let session = session(&node).await;
    session.identity().await.unwrap();
    let (one, two) = tokio::join!(
        session.read(b"echo one", roomy()),
        session.read(b"echo two", roomy())
    );
    assert_eq!(one.unwrap().stdout, b"one\n");
    assert_eq!(two.unwrap().stdout, b"two\n");
    session.identity().await.unwrap();
    let after = session.read(b"echo three", roomy()).await;
    assert_eq!(after.unwrap().stdout, b"three\n");
}
