//! The question after the boot identity finds its shell still open, and loses nothing when that shell is gone.

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
async fn the_second_question_needs_no_shell_of_its_own_and_hears_nothing_of_the_first() {
    let Some(node) = counting("spare", "127.0.203.1", &[]) else {
        return;
    };
    let session = session(&node).await;
    let boot = session.identity().await.unwrap();
    let script = "echo \"${boot-unset} ${stat-unset}\"; cat; echo oops >&2; exit 3";
    let second = read(&session, script).await;
    assert_eq!(second.stdout, b"unset unset\n");
    assert_eq!(
        (second.stderr.as_slice(), second.status),
        (&b"oops\n"[..], 3)
    );
    assert_eq!(logins(&node).len(), 1, "both questions in one shell");
    let third = read(&session, "echo 3").await;
    assert_eq!(third.stdout, b"3\n");
    assert_eq!(logins(&node).len(), 2);
    assert_eq!(session.identity().await.unwrap(), boot);
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
