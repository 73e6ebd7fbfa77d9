//! The node's side alone: the input stays open, a line is written once, a terminal is the job's own.

use std::fs;
use std::os::unix::fs::symlink;

use holdpoint::transport::job::{self, AnswerLine, JobAnswer, JobFailure, JobState, Refusal};
use holdpoint::transport::job::{JobSpec, Standing};
use holdpoint::transport::ssh::Session;
use secrecy::SecretString;

use crate::support::endpoint::{read, session};
use crate::support::job::{finish, folder, run, spec, start, until};
use crate::support::sshd::Sshd;
use crate::support::{eventually, tool};

/// Asks for three things and says what it got.
const INSTALLER: &str = r#"
printf 'Do you accept the license? [y,n] '; read -r a
printf 'Install into: '; read -r b
printf 'Password: '; read -r c
echo
printf '%s\n' "got $a, $b, ${#c} characters"
exit 7
"#;

fn asking(id: &str, payload: &str) -> JobSpec {
    JobSpec {
        asks: true,
        ..spec(id, payload)
    }
}

fn on_a_terminal(id: &str, payload: &str) -> JobSpec {
    JobSpec {
        terminal: true,
        ..asking(id, payload)
    }
}

fn log(node: &Sshd, job: &JobSpec) -> String {
    let log = fs::read(folder(node, job).join("log")).unwrap_or_default();
    String::from_utf8(log).unwrap()
}

/// Waits until the output ends in `question`; its length then.
fn asked(node: &Sshd, job: &JobSpec, question: &str) -> u64 {
    eventually(question, || log(node, job).ends_with(question));
    log(node, job).len() as u64
}

async fn answer(
    session: &Session,
    job: &JobSpec,
    at: u64,
    line: &str,
) -> Result<JobAnswer, JobFailure> {
    let line = AnswerLine::new(SecretString::from(line)).unwrap();
    job::answer(session, &job.id, at, &line).await
}

fn refusal(result: Result<JobAnswer, JobFailure>) -> Refusal {
    match result {
        Err(JobFailure::Refused { refusal, .. }) => refusal,
        other => panic!("not refused: {other:?}"),
    }
}

#[tokio::test]
async fn a_question_is_answered_once_however_often_the_answer_is_sent() {
    let Some(node) = Sshd::start("asks", "127.0.9.2") else {
        return;
    };
    let session = session(&node).await;
    let job = asking("r.asks.1", INSTALLER);
    start(&session, &job).await;
    let license = asked(&node, &job, "[y,n] ");
    let answers = [(); 6].map(|()| {
        let (session, job) = (session.clone(), job.clone());
        tokio::spawn(async move { answer(&session, &job, license, "y").await })
    });
    for sent in answers {
        match sent.await.unwrap() {
            Ok(answer) => assert_eq!(answer.answered, [license]),
            // It came after the next question was there and before the first one was recorded: also no second line.
            refused => assert_eq!(refusal(refused), Refusal::MovedOn),
        }
    }
    let folder_asked = asked(&node, &job, "Install into: ");
    assert!(
        answer(&session, &job, license, "n").await.is_ok(),
        "already"
    );
    let stale = answer(&session, &job, license + 1, "n").await;
    assert_eq!(refusal(stale), Refusal::MovedOn);
    answer(&session, &job, folder_asked, "/opt/it's $HOME")
        .await
        .unwrap();
    let password = asked(&node, &job, "Password: ");
    let given = answer(&session, &job, password, "canary").await.unwrap();
    assert_eq!(given.answered, [license, folder_asked, password]);
    let (end, output) = finish(&session, &job).await;
    assert_eq!(end.exit.unwrap().code, 7);
    let said = "Install into: Password: \ngot y, /opt/it's $HOME, 6 characters\n";
    assert!(String::from_utf8(output).unwrap().ends_with(said));
    let late = answer(&session, &job, password + 1, "x").await;
    assert_eq!(refusal(late), Refusal::Ended);
    let acked = job::ack(&session, &job.id).await.unwrap();
    assert_eq!(acked.state.standing(), Standing::Claimed);
    let mut left: Vec<_> = fs::read_dir(folder(&node, &job))
        .unwrap()
        .map(|file| file.unwrap().file_name().into_string().unwrap())
        .collect();
    left.sort();
    assert_eq!(left, ["done", "exec", "rc", "run", "spec"]);
}

#[tokio::test]
async fn a_program_that_insists_on_a_terminal_gets_one_that_outlives_us() {
    let (Some(_), Some(node)) = (tool("script"), Sshd::start("tty", "127.0.9.3")) else {
        return;
    };
    let first = session(&node).await;
    let payload = format!(
        "test -t 0 && test -t 1 && test -t 2 || {{ echo 'no terminal'; exit 99; }}
        stty size; umask; echo \"$TERM ${{HP_DIR-clean}}\"; printf 'first: '; read -r s; echo \"${{#s}}\"\n{INSTALLER}"
    );
    let mut job = on_a_terminal("r.tty.1", &payload);
    job.secrets = vec![SecretString::from("handed-in")];
    start(&first, &job).await;
    let license = asked(&node, &job, "[y,n] ");
    first.close().await;
    node.kill_connections();
    let again = session(&node).await;
    answer(&again, &job, license, "y").await.unwrap();
    let into = asked(&node, &job, "Install into: ");
    answer(&again, &job, into, "/opt/x").await.unwrap();
    let password = asked(&node, &job, "Password: ");
    answer(&again, &job, password, "canary").await.unwrap();
    let (end, output) = finish(&again, &job).await;
    assert_eq!(end.exit.unwrap().code, 7);
    let umask = String::from_utf8(read(&again, "umask").await.stdout).unwrap();
    let said = String::from_utf8(output).unwrap().replace('\r', "");
    let expected = format!(
        "40 120\n{umask}vt100 clean\nfirst: 9\nDo you accept the license? [y,n] Install into: Password: \ngot y, /opt/x, 6 characters\n"
    );
    assert_eq!(said, expected, "what is answered is not echoed");
}

#[tokio::test]
async fn a_terminal_loses_no_output_and_no_code() {
    let (Some(_), Some(node)) = (tool("script"), Sshd::start("ttyout", "127.0.9.4")) else {
        return;
    };
    let session = session(&node).await;
    let job = on_a_terminal("r.much.1", "seq 1 60000; kill -9 $$");
    let (end, output) = run(&session, &job).await;
    let expected: String = (1..=60000).map(|n| format!("{n}\r\n")).collect();
    let output = String::from_utf8(output).unwrap();
    assert!(output.starts_with(&expected), "{} bytes", output.len());
    assert_eq!(end.exit.unwrap().signal(), Some(9));

    let long = on_a_terminal("r.long.1", "echo on; sleep 600 & sleep 600");
    start(&session, &long).await;
    asked(&node, &long, "on\r\n");
    let answer = job::cancel(&session, &long.id, long.grace).await.unwrap();
    let exit = answer.exit.expect("done");
    assert_eq!((exit.signal(), exit.cancelled), (Some(15), true));
    let deaf = on_a_terminal(
        "r.deaf.1",
        "trap '' TERM HUP; echo on; while :; do sleep 1; done",
    );
    start(&session, &deaf).await;
    asked(&node, &deaf, "on\r\n");
    let answer = job::cancel(&session, &deaf.id, deaf.grace).await.unwrap();
    assert_eq!(answer.exit.expect("done").signal(), Some(9));
}

#[tokio::test]
async fn a_terminal_that_cannot_be_had_is_said_before_anything_runs() {
    let (Some(_), Some(node)) = (tool("script"), Sshd::start("notty", "127.0.9.5")) else {
        return;
    };
    let bin = node.home.join("bin");
    fs::create_dir(&bin).unwrap();
    let session = session(&node).await;
    let all = "for p in sh cat wc dd date ls tr mkdir ln mv rm rmdir id stty setsid mkfifo sync sleep; do command -v $p; done";
    let all = read(&session, all).await;
    for program in String::from_utf8(all.stdout).unwrap().lines() {
        let name = program.rsplit('/').next().unwrap();
        symlink(program, bin.join(name)).unwrap();
    }
    fs::write(node.home.join(".bashrc"), "PATH=$HOME/bin\n").unwrap();
    let job = on_a_terminal("r.notty.1", "echo ran >>\"$HOME/count\"");
    let why = job::start(&session, &job).await.unwrap_err().to_string();
    assert!(why.contains("script is not installed"), "{why}");
    fs::write(
        bin.join("script"),
        "#!/bin/sh\necho 'openpty failed' >&2\nexit 1\n",
    )
    .unwrap();
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    fs::set_permissions(bin.join("script"), mode).unwrap();
    let why = job::start(&session, &job).await.unwrap_err().to_string();
    assert!(why.contains("none can be had: openpty failed"), "{why}");
    fs::remove_file(bin.join("mkfifo")).unwrap();
    let why = job::start(&session, &asking("r.nofifo.1", "true")).await;
    let why = why.unwrap_err().to_string();
    assert!(why.contains("mkfifo is not installed"), "{why}");
    assert!(!node.home.join("count").exists());
}

#[tokio::test]
async fn an_answer_shows_in_no_process_and_no_file() {
    let Some(node) = Sshd::start("hush", "127.0.9.6") else {
        return;
    };
    let session = session(&node).await;
    let job = asking(
        "r.hush.1",
        "printf 'Password: '; while [ ! -e \"$HOME/go\" ]; do sleep 0.05; done; read -r s; echo ${#s}",
    );
    start(&session, &job).await;
    let at = asked(&node, &job, "Password: ");
    let canary = "canary-51d2";
    answer(&session, &job, at, canary).await.unwrap();
    let holds = |bytes: &[u8]| bytes.windows(canary.len()).any(|w| w == canary.as_bytes());
    for process in fs::read_dir("/proc").unwrap().flatten() {
        for listing in ["cmdline", "environ"] {
            let text = fs::read(process.path().join(listing)).unwrap_or_default();
            assert!(!holds(&text), "{:?} {listing}", process.path());
        }
    }
    for file in fs::read_dir(folder(&node, &job)).unwrap().flatten() {
        if file.file_type().unwrap().is_file() {
            assert!(!holds(&fs::read(file.path()).unwrap()), "{:?}", file.path());
        }
    }
    fs::write(node.home.join("go"), "").unwrap();
    assert!(finish(&session, &job).await.1.ends_with(b"11\n"));
}

#[tokio::test]
async fn questions_and_answers_hold_under_every_shell() {
    for (name, shell) in [("dash", "dash"), ("bash", "bash"), ("busybox", "busybox")] {
        let Some(program) = tool(shell) else { continue };
        let Some(node) = Sshd::start(name, "127.0.9.7") else {
            return;
        };
        fs::create_dir(node.home.join("bin")).unwrap();
        symlink(program, node.home.join("bin/sh")).unwrap();
        fs::write(node.home.join(".bashrc"), "PATH=$HOME/bin:$PATH\n").unwrap();
        let session = session(&node).await;
        let which = read(&session, "readlink /proc/$$/exe").await.stdout;
        assert!(String::from_utf8_lossy(&which).contains(name), "{which:?}");
        let mut jobs = vec![asking("r.plain.1", INSTALLER)];
        if tool("script").is_some() {
            jobs.push(on_a_terminal("r.tty.1", INSTALLER));
        }
        for job in &mut jobs {
            start(&session, job).await;
            for (question, line) in [
                ("[y,n] ", "y"),
                ("into: ", "a 'b' \\c"),
                ("word: ", "12345"),
            ] {
                let at = asked(&node, job, question);
                answer(&session, job, at, line).await.unwrap();
            }
            let (end, output) = finish(&session, job).await;
            let output = String::from_utf8(output).unwrap().replace('\r', "");
            assert!(
                output.ends_with("got y, a 'b' \\c, 5 characters\n"),
                "{name}: {output}"
            );
            assert_eq!(end.exit.unwrap().code, 7, "{name}");
            assert_eq!(
                job::ack(&session, &job.id).await.unwrap().state,
                JobState::Done
            );
        }
    }
}

#[tokio::test]
async fn an_answer_that_was_cut_down_half_way_is_never_written_twice() {
    let Some(node) = Sshd::start("half", "127.0.9.8") else {
        return;
    };
    let session = session(&node).await;
    let job = asking("r.half.1", "printf '? '; read -r a; echo \"$a\"; sleep 600");
    start(&session, &job).await;
    until(&session, &job, JobState::Running).await;
    let at = asked(&node, &job, "? ");
    fs::create_dir(folder(&node, &job).join(format!("answering.{at}"))).unwrap();
    let again = answer(&session, &job, at, "y").await;
    assert_eq!(refusal(again), Refusal::HalfAnswered);
    assert_eq!(log(&node, &job), "? ");
}
