//! Work that outlives the connection, on a real node: started once, followed without a gap, stopped on request.

use std::fs;
use std::io::Write as _;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use holdpoint::transport::job::{
    self, Ask, Follower, JobFailure, JobState, Standing, follow, start_text,
};
use secrecy::SecretString;

use crate::support::endpoint::{read, session};
use crate::support::job::{finish, folder, run, spec, start, state, until};
use crate::support::sshd::Sshd;
use crate::support::{eventually, tool, tools};

#[tokio::test]
async fn a_payload_runs_with_its_secrets_and_its_code_is_kept() {
    let Some(node) = Sshd::start("plain", "127.0.3.2") else {
        return;
    };
    node.login_noise("Welcome to\n@everything\nstate=done code=0");
    let session = session(&node).await;
    let mut job = spec(
        "r.plain.1",
        "read -r first; read -r second; printf '%s\\n' \"$second $first\"; cat; umask; echo oops >&2; exit 3",
    );
    job.secrets = ["it's `x` $HOME", "two  words\\n"]
        .map(SecretString::from)
        .into();
    let (answer, output) = run(&session, &job).await;
    let text = String::from_utf8(output).unwrap();
    let umask = String::from_utf8(read(&session, "umask").await.stdout).unwrap();
    assert_eq!(text, format!("two  words\\n it's `x` $HOME\n{umask}oops\n"));
    let exit = answer.exit.unwrap();
    assert_eq!(
        (answer.state, exit.code, exit.cancelled),
        (JobState::Done, 3, false)
    );
    assert_eq!(exit.log_size, text.len() as u64);
    assert_eq!(answer.incarnation, session.identity().await.unwrap());
}

#[tokio::test]
async fn a_secret_shows_in_no_process_and_no_file() {
    let Some(node) = Sshd::start("secret", "127.0.3.3") else {
        return;
    };
    let session = session(&node).await;
    let canary = "canary-7f3b";
    let mut job = spec(
        "r.secret.1",
        "while [ ! -e \"$HOME/go\" ]; do sleep 0.05; done; read s; echo ${#s}",
    );
    job.secrets = vec![SecretString::from(canary)];
    start(&session, &job).await;
    until(&session, &job, JobState::Running).await;
    let holds = |bytes: &[u8]| bytes.windows(canary.len()).any(|w| w == canary.as_bytes());
    for process in fs::read_dir("/proc").unwrap().flatten() {
        // The test's own process knows it, in memory only; nobody may have it in a listing.
        for listing in ["cmdline", "environ"] {
            let text = fs::read(process.path().join(listing)).unwrap_or_default();
            assert!(!holds(&text), "{:?} {listing}", process.path());
        }
    }
    for file in fs::read_dir(folder(&node, &job)).unwrap().flatten() {
        assert!(!holds(&fs::read(file.path()).unwrap()), "{:?}", file.path());
    }
    fs::write(node.home.join("go"), "").unwrap();
    assert_eq!(finish(&session, &job).await.1, b"11\n");
}

#[tokio::test]
async fn twenty_starts_at_once_run_it_once() {
    let Some(node) = Sshd::start("once", "127.0.3.4") else {
        return;
    };
    let mut sessions = Vec::new();
    for _ in 0..5 {
        sessions.push(session(&node).await);
    }
    let job = spec("r.once.1", "echo ran >>\"$HOME/count\"; sleep 0.3");
    let starts: Vec<_> = (0..20)
        .map(|n| {
            let (session, job) = (sessions[n % 5].clone(), job.clone());
            tokio::spawn(async move { start(&session, &job).await })
        })
        .collect();
    for start in starts {
        let standing = start.await.unwrap().state.standing();
        assert!(
            matches!(standing, Standing::Going | Standing::Claimed),
            "{standing:?}"
        );
    }
    finish(&sessions[0], &job).await;
    start(&sessions[0], &job).await;
    assert_eq!(
        fs::read_to_string(node.home.join("count")).unwrap(),
        "ran\n"
    );
}

#[tokio::test]
async fn a_job_outlives_its_connection_and_nothing_of_it_is_lost() {
    let Some(node) = Sshd::start("outlive", "127.0.3.5") else {
        return;
    };
    let job = spec(
        "r.outlive.1",
        "i=0
while [ $i -lt 40 ]; do
  echo line $i
  i=$((i+1))
  case $i in
    12 | 24 | 36) while [ ! -e \"$HOME/cut.$i\" ]; do sleep 0.05; done ;;
  esac
done
echo ran >>\"$HOME/count\"",
    );
    start(&session(&node).await, &job).await;
    let mut follower = Follower::new(job.id.clone(), 0, Duration::from_secs(2));
    let mut output = Vec::new();
    let mut connections = 0;
    let connect = async || {
        connections += 1;
        Ok::<_, JobFailure>(session(&node).await)
    };
    let mut killed = 0;
    let answer = follow(&mut follower, connect, |news| {
        assert_eq!(news.offset, output.len() as u64, "no gap, nothing twice");
        output.extend_from_slice(&news.log);
        // The job goes on when it has been cut off, and not before.
        let lines = output.iter().filter(|byte| **byte == b'\n').count();
        let cut = node.home.join(format!("cut.{lines}"));
        if [12, 24, 36].contains(&lines) && !cut.exists() {
            killed += 1;
            node.kill_connections();
            fs::write(cut, "").unwrap();
        }
    })
    .await
    .unwrap();
    let expected: String = (0..40).map(|n| format!("line {n}\n")).collect();
    assert_eq!(String::from_utf8(output).unwrap(), expected);
    assert_eq!(answer.exit.unwrap().code, 0);
    assert!(
        killed == 3 && connections > killed,
        "{killed} cuts, {connections} connections"
    );
    assert_eq!(
        fs::read_to_string(node.home.join("count")).unwrap(),
        "ran\n"
    );
}

#[tokio::test]
async fn a_client_cut_off_while_it_starts_finds_one_run() {
    let Some(node) = Sshd::start("cutoff", "127.0.3.6") else {
        return;
    };
    let calm = spec("r.calm.1", "true");
    run(&session(&node).await, &calm).await;
    for n in 0..12 {
        let job = spec(
            &format!("r.cutoff.{n}"),
            "echo ran >>\"$HOME/count\"; sleep 0.2",
        );
        let first = session(&node).await;
        let starting = tokio::spawn({
            let (session, job) = (first.clone(), job.clone());
            async move { job::start(&session, &job).await }
        });
        // Not a wait for something: each round cuts at another moment.
        tokio::time::sleep(Duration::from_millis(4 * n)).await;
        node.kill_connections();
        let _ = starting.await.unwrap();
        // In doubt: the very same start again is the answer.
        let again = session(&node).await;
        start(&again, &job).await;
        assert_eq!(finish(&again, &job).await.0.exit.unwrap().code, 0);
        let count = fs::read_to_string(node.home.join("count")).unwrap();
        assert_eq!(
            count.lines().count() as u64,
            n + 1,
            "cut after {} ms",
            4 * n
        );
    }
}

#[tokio::test]
async fn binary_output_is_identical_from_any_offset() {
    let Some(node) = Sshd::start("binary", "127.0.3.7") else {
        return;
    };
    let session = session(&node).await;
    let job = spec(
        "r.binary.1",
        "head -c 3000001 /dev/urandom | tee \"$HOME/copy\"",
    );
    let (answer, output) = run(&session, &job).await;
    let copy = fs::read(node.home.join("copy")).unwrap();
    assert_eq!(answer.size, copy.len() as u64);
    assert!(output == copy, "the output differs");
    for (offset, most) in [
        (0, 1),
        (1, 4095),
        (4095, 2),
        (4096, 4096),
        (4097, 100_000),
        (2_999_990, 4096),
        (3_000_001, 10),
        (9_000_000, 10),
        (12_345, 9_000_000),
    ] {
        let ask = Ask {
            offset,
            most,
            ..Ask::default()
        };
        let answer = job::report(&session, &job.id, ask).await.unwrap();
        let from = copy.len().min(offset as usize);
        let to = copy.len().min(from + most);
        assert!(answer.log == copy[from..to], "{most} bytes from {offset}");
    }
}

#[tokio::test]
async fn news_come_without_hammering() {
    let Some(node) = Sshd::start("news", "127.0.3.8") else {
        return;
    };
    let session = session(&node).await;
    let job = spec(
        "r.news.1",
        "while [ ! -e \"$HOME/go\" ]; do sleep 0.05; done; echo here; sleep 20",
    );
    start(&session, &job).await;
    until(&session, &job, JobState::Running).await;
    let ask = Ask {
        most: 100,
        known: Some(JobState::Running),
        wait: Duration::from_secs(2),
        ..Ask::default()
    };
    let began = Instant::now();
    let quiet = job::report(&session, &job.id, ask).await.unwrap();
    assert_eq!(quiet.log, b"");
    assert!(
        began.elapsed() >= Duration::from_secs(2),
        "it came too early"
    );
    let ask = Ask {
        wait: Duration::from_secs(30),
        ..ask
    };
    let began = Instant::now();
    fs::write(node.home.join("go"), "").unwrap();
    let news = job::report(&session, &job.id, ask).await.unwrap();
    assert_eq!(news.log, b"here\n");
    assert!(
        began.elapsed() < Duration::from_secs(20),
        "{:?}",
        began.elapsed()
    );
}

#[tokio::test]
async fn signals_to_the_supervisor_do_not_spoil_the_record() {
    let Some(node) = Sshd::start("signals", "127.0.3.14") else {
        return;
    };
    let session = session(&node).await;
    let job = spec(
        "r.signals.1",
        "while [ ! -e \"$HOME/go\" ]; do sleep 0.05; done; exit 9",
    );
    start(&session, &job).await;
    until(&session, &job, JobState::Running).await;
    let run_file = fs::read_to_string(folder(&node, &job).join("run")).unwrap();
    let supervisor = run_file.split(' ').next().unwrap().to_owned();
    for signal in ["HUP", "HUP", "PIPE", "QUIT", "INT"] {
        read(&session, &format!("kill -{signal} {supervisor}")).await;
    }
    assert_eq!(state(&session, &job).await, JobState::Running);
    fs::write(node.home.join("go"), "").unwrap();
    assert_eq!(finish(&session, &job).await.0.exit.unwrap().code, 9);
}

#[test]
fn the_library_is_plain_sh() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/src/transport/job");
    let files = [
        "library",
        "lock",
        "session",
        "supervisor",
        "asking",
        "wheel",
        "verbs",
    ]
    .map(|file| format!("{folder}/{file}.sh"));
    let ways: &[&[&str]] = &[
        &["dash", "-n"],
        &["bash", "--posix", "-n"],
        &["busybox", "sh", "-n"],
        &["shellcheck", "-s", "sh"],
    ];
    for way in ways {
        let found = match way[0] {
            "shellcheck" => tools::find(way[0]),
            shell => tool(shell),
        };
        let Some(program) = found else { continue };
        for file in &files {
            let mut check = Command::new(&program);
            let output = check.args(&way[1..]).arg(file).output().unwrap();
            let said = String::from_utf8_lossy(&output.stdout);
            assert!(output.status.success(), "{way:?} {file}: {said}");
        }
    }
}

#[tokio::test]
async fn the_protocol_holds_under_every_shell() {
    for (name, shell) in [("dash", "dash"), ("bash", "bash"), ("busybox", "busybox")] {
        let Some(program) = tool(shell) else { continue };
        let Some(node) = Sshd::start(name, "127.0.3.15") else {
            return;
        };
        // As sh, for the login and everything below it.
        fs::create_dir(node.home.join("bin")).unwrap();
        std::os::unix::fs::symlink(program, node.home.join("bin/sh")).unwrap();
        fs::write(node.home.join(".bashrc"), "PATH=$HOME/bin:$PATH\n").unwrap();
        let session = session(&node).await;
        let which = read(&session, "readlink /proc/$$/exe").await.stdout;
        assert!(String::from_utf8_lossy(&which).contains(name), "{which:?}");
        let mut job = spec(
            "r.code.1",
            "read -r s; printf '%s\\n' \"got $s\"; kill -9 $$",
        );
        job.secrets = vec![SecretString::from("a 'b' \\c")];
        let (answer, output) = run(&session, &job).await;
        assert_eq!(output, b"got a 'b' \\c\n", "{name}");
        assert_eq!(answer.exit.unwrap().signal(), Some(9), "{name}");
        let long = spec("r.long.1", "echo on; sleep 600 & sleep 600");
        start(&session, &long).await;
        until(&session, &long, JobState::Running).await;
        let answer = job::cancel(&session, &long.id, long.grace).await.unwrap();
        assert_eq!(answer.exit.unwrap().code, 143, "{name}");
        let once = spec("r.once.1", "echo ran >>\"$HOME/count\"");
        let starts = [(); 8].map(|()| {
            let (session, once) = (session.clone(), once.clone());
            tokio::spawn(async move { start(&session, &once).await })
        });
        for start in starts {
            start.await.unwrap();
        }
        finish(&session, &once).await;
        assert_eq!(
            fs::read_to_string(node.home.join("count")).unwrap(),
            "ran\n",
            "{name}"
        );
        assert!(job::ack(&session, &once.id).await.unwrap().acked, "{name}");
    }
}

#[test]
fn without_a_named_folder_an_ordinary_users_jobs_lie_in_its_home() {
    let home = tempfile::tempdir().unwrap();
    let text = start_text(None, &spec("r.base.1", "id -u")).unwrap();
    let mut shell = Command::new("sh");
    if rustix::process::getuid().is_root() {
        let Some(setpriv) = tools::find("setpriv") else {
            eprintln!("skipped: no setpriv to become an ordinary user");
            return;
        };
        std::os::unix::fs::chown(home.path(), Some(65534), Some(65534)).unwrap();
        shell = Command::new(setpriv);
        shell.args(["--reuid=65534", "--regid=65534", "--clear-groups", "sh"]);
    }
    let mut shell = shell
        .arg("-s")
        .env("HOME", home.path())
        .current_dir("/")
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    shell.stdin.take().unwrap().write_all(&text).unwrap();
    assert!(shell.wait().unwrap().success());
    let job = home.path().join(".holdpoint/jobs/r.base.1");
    eventually("the result is recorded", || job.join("rc").exists());
    assert_ne!(fs::read(job.join("log")).unwrap(), b"0\n");
}
