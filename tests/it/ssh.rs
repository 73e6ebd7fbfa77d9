//! Reading from a node over a real OpenSSH server: what counts as an answer, and what does not.

mod kept;

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpListener};
use std::time::{Duration, Instant};

use holdpoint::transport::ssh::{
    Become, ConnectFailure, Credentials, Limits, ReadFailure, Session,
};

use crate::support::endpoint::{friend, read, roomy, session};
use crate::support::sshd::Sshd;

#[tokio::test]
async fn what_a_login_script_prints_is_never_taken_for_the_answer() {
    let Some(node) = Sshd::start("noise", "127.0.1.2") else {
        return;
    };
    node.login_noise("Welcome!\nservice=running\n@0 end 0");
    // It also eats what it can of the standard input.
    let script = node.home.join(".bashrc");
    let noise = std::fs::read_to_string(&script).unwrap();
    std::fs::write(&script, noise + "read -r eaten; read -r eaten\n").unwrap();
    let session = session(&node).await;
    let answer = read(&session, "echo service=stopped; echo oops >&2; exit 3").await;
    assert_eq!(answer.stdout, b"service=stopped\n");
    assert_eq!(answer.stderr, b"oops\n");
    assert_eq!(answer.status, 3);
    assert!(!answer.truncated);
}

#[tokio::test]
async fn a_script_arrives_byte_for_byte_and_sees_an_empty_standard_input() {
    let Some(node) = Sshd::start("bytes", "127.0.1.3") else {
        return;
    };
    let session = session(&node).await;
    let script = "cat; printf '%s' 'a\\b $HOME `id` \" \u{e9}\n  tab\there'";
    let answer = read(&session, script).await;
    let expected = "a\\b $HOME `id` \" \u{e9}\n  tab\there";
    assert_eq!(String::from_utf8_lossy(&answer.stdout), expected);
    let raw = read(&session, "printf '\\000\\377\\n\\n'").await;
    assert_eq!(raw.stdout, b"\0\xff\n\n");
    let broken = read(&session, "echo before; if then").await;
    assert_eq!(broken.status, 2, "a script that does not parse: {broken:?}");
    let nul = session.read(b"echo \0", roomy()).await;
    assert_eq!(nul, Err(ReadFailure::NotSendable));
}

#[tokio::test]
async fn output_beyond_the_limit_is_thrown_away_and_said_to_be() {
    let Some(node) = Sshd::start("cap", "127.0.1.4") else {
        return;
    };
    let session = session(&node).await;
    let limits = Limits {
        bytes: 10_000,
        ..roomy()
    };
    let script = b"head -c 30000000 /dev/zero; echo err >&2; exit 7";
    let answer = session.read(script, limits).await.unwrap();
    assert_eq!(answer.stdout, vec![0; 10_000]);
    assert_eq!((answer.status, answer.truncated), (7, true));
    assert_eq!(answer.stderr, b"err\n");
}

#[tokio::test]
async fn a_lost_link_is_never_an_answer() {
    let Some(node) = Sshd::start("lost", "127.0.1.5") else {
        return;
    };
    let session = session(&node).await;
    assert!(!session.is_closed());
    let ready = node.home.join("ready");
    let asking = tokio::spawn({
        let session = session.clone();
        async move {
            session
                .read(
                    b"echo half; : >\"$HOME/ready\"; sleep 30; echo all",
                    roomy(),
                )
                .await
        }
    });
    wait_until(|| ready.exists()).await;
    node.kill_connections();
    let answer = asking.await.unwrap();
    assert!(
        matches!(answer, Err(ReadFailure::LinkLost { .. })),
        "{answer:?}"
    );
    session.closed().await;
    assert!(session.is_closed());
    let again = session.read(b"echo no", roomy()).await;
    assert!(
        matches!(again, Err(ReadFailure::LinkLost { .. })),
        "{again:?}"
    );
}

#[tokio::test]
async fn a_silent_link_is_noticed_within_half_a_minute() {
    let Some(node) = Sshd::start("frozen", "127.0.1.13") else {
        return;
    };
    let session = session(&node).await;
    node.freeze_connections();
    let began = Instant::now();
    session.closed().await;
    assert!(
        began.elapsed() < Duration::from_secs(30),
        "{:?}",
        began.elapsed()
    );
}

#[tokio::test]
async fn a_slow_script_times_out_and_the_connection_stays_of_use() {
    let Some(node) = Sshd::start("slow", "127.0.1.6") else {
        return;
    };
    let session = session(&node).await;
    let limits = Limits {
        time: Duration::from_millis(300),
        ..roomy()
    };
    let answer = session.read(b"sleep 20", limits).await;
    assert!(
        matches!(answer, Err(ReadFailure::TimedOut { .. })),
        "{answer:?}"
    );
    assert_eq!(
        read(&session, "echo still here").await.stdout,
        b"still here\n"
    );
}

#[tokio::test]
async fn a_child_that_keeps_the_output_open_does_not_hold_the_answer() {
    let Some(node) = Sshd::start("child", "127.0.1.7") else {
        return;
    };
    let session = session(&node).await;
    let began = Instant::now();
    let answer = read(&session, "sleep 120 & echo done").await;
    assert_eq!(answer.stdout, b"done\n");
    assert!(began.elapsed() < Duration::from_secs(60));
}

#[tokio::test]
async fn more_questions_than_channels_are_all_answered() {
    for sessions in ["10", "1"] {
        let config = format!("MaxSessions {sessions}");
        let Some(node) = Sshd::start_with("many", "127.0.1.8", &[&config]) else {
            return;
        };
        let session = session(&node).await;
        let asked: Vec<_> = (0..9)
            .map(|n| {
                let session = session.clone();
                tokio::spawn(async move { read(&session, &format!("sleep 0.1; echo {n}")).await })
            })
            .collect();
        for (n, asked) in asked.into_iter().enumerate() {
            let answer = asked.await.unwrap();
            assert_eq!(answer.stdout, format!("{n}\n").into_bytes());
        }
    }
}

#[tokio::test]
async fn a_question_that_nobody_waits_for_gives_its_channel_back() {
    let Some(node) = Sshd::start("dropped", "127.0.1.9") else {
        return;
    };
    let session = session(&node).await;
    for _ in 0..8 {
        let asking = session.read(b"yes | head -c 100000000; sleep 20", roomy());
        let _ = tokio::time::timeout(Duration::from_millis(50), asking).await;
    }
    assert_eq!(read(&session, "echo free").await.stdout, b"free\n");
}

#[tokio::test]
async fn a_server_that_says_nothing_and_one_that_hangs_up_are_told_apart() {
    let Some(node) = Sshd::start("silent", "127.0.1.10") else {
        return;
    };
    let listener = TcpListener::bind("127.0.1.10:0").unwrap();
    let mut endpoint = friend(&node);
    endpoint.port = listener.local_addr().unwrap().port();
    let none = Credentials::default();
    // One that hangs up at once, then one that says why.
    let closer = std::thread::spawn(move || {
        drop(listener.accept().unwrap());
        let (mut connection, _) = listener.accept().unwrap();
        connection
            .write_all(b"Not allowed at this time\r\n")
            .unwrap();
        connection.shutdown(Shutdown::Write).unwrap();
        let _ = connection.read_to_end(&mut Vec::new());
        listener
    });
    let closed = Session::connect(&endpoint, &none).await.unwrap_err();
    assert!(
        matches!(closed, ConnectFailure::ClosedBeforeGreeting { said: None }),
        "{closed:?}"
    );
    assert!(closed.is_transient());
    let said = Session::connect(&endpoint, &none).await.unwrap_err();
    assert!(
        said.to_string().contains("Not allowed at this time"),
        "{said}"
    );
    // One that takes it and is silent: our own limit ends it, or a longer one for the TCP connection.
    let listener = closer.join().unwrap();
    endpoint.connect_timeout = Duration::from_secs(10);
    let began = Instant::now();
    let silent = Session::connect(&endpoint, &none).await.unwrap_err();
    assert!(
        matches!(silent, ConnectFailure::TimedOut { .. }),
        "{silent:?}"
    );
    assert!(began.elapsed() < Duration::from_secs(60));
    assert!(
        silent
            .to_string()
            .contains("the SSH handshake took longer than 15 s")
    );
    drop(listener);
    let refused = Session::connect(&endpoint, &none).await.unwrap_err();
    assert!(
        matches!(refused, ConnectFailure::Unreachable { .. }),
        "{refused:?}"
    );
    endpoint.host = "no-such-host.invalid".into();
    let nameless = Session::connect(&endpoint, &none).await.unwrap_err();
    assert!(
        matches!(nameless, ConnectFailure::Unresolvable { .. }),
        "{nameless:?}"
    );
}

#[tokio::test]
async fn the_boot_identity_is_the_same_over_connections() {
    let Some(node) = Sshd::start("boot", "127.0.1.11") else {
        return;
    };
    let first = session(&node).await.identity().await.unwrap();
    node.restart();
    assert_eq!(session(&node).await.identity().await.unwrap(), first);
}

#[tokio::test]
async fn becoming_another_user_is_proven_when_connecting() {
    let Some(node) = Sshd::start("become", "127.0.1.12") else {
        return;
    };
    let connect = async |other: Become| {
        let mut endpoint = friend(&node);
        endpoint.become_user = Some(other);
        Session::connect(&endpoint, &Credentials::default()).await
    };
    // A stand-in for sudo, found through the login script's PATH.
    let sudo = node.home.join("bin/sudo");
    std::fs::create_dir(node.home.join("bin")).unwrap();
    std::fs::write(node.home.join(".bashrc"), "PATH=$HOME/bin:$PATH\n").unwrap();
    write_program(
        &sudo,
        "#!/bin/sh\necho 'sudo: a password is required' >&2\nexit 1\n",
    );
    let refused = connect(Become::sudo(&node.user)).await.unwrap_err();
    let said = refused.to_string();
    assert!(
        said.contains("a password is required") && said.contains("NOPASSWD"),
        "{said}"
    );
    assert!(!refused.is_transient());
    write_program(
        &sudo,
        "#!/bin/sh\nshift 3\nBECAME=yes; export BECAME\nexec \"$@\"\n",
    );
    let session = connect(Become::sudo(&node.user)).await.unwrap();
    assert_eq!(read(&session, "echo $BECAME").await.stdout, b"yes\n");
    let other = connect(Become::sudo("nobody"))
        .await
        .unwrap_err()
        .to_string();
    assert!(other.contains("run as"), "{other}");
}

fn write_program(path: &std::path::Path, text: &str) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::write(path, text).unwrap();
    std::fs::set_permissions(path, PermissionsExt::from_mode(0o755)).unwrap();
}

async fn wait_until(mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(120);
    while !condition() {
        assert!(Instant::now() < deadline, "never happened");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
