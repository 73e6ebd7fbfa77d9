//! What a node must have before a job may run on it, found out without writing anything.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use holdpoint::engine::ground;
use holdpoint::model::procedure::CheckKind;
use holdpoint::transport::job::{self, JobFailure, JobState, Refusal};

use super::two_operators::{Boxes, walk_to};
use crate::support::endpoint::session;
use crate::support::job::{finish, spec, start};
use crate::support::sshd::Sshd;
use crate::support::walk::{Ended, run, tail};

fn program(folder: &Path, name: &str, text: &str) {
    let _ = fs::create_dir(folder);
    let path = folder.join(name);
    fs::write(&path, text).expect("a program of the node");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("its mode");
}

/// Puts these programs in front of the node's own.
fn overlay(node: &Sshd, programs: &[(&str, &str)]) {
    for (name, text) in programs {
        program(&node.home.join("bin"), name, text);
    }
    fs::write(node.home.join(".bashrc"), "PATH=$HOME/bin:$PATH\n").expect("a login script");
}

fn check(boxes: &Boxes) -> Ended {
    run(
        &boxes.state("ana"),
        &["check", &boxes.site.file_arg(), "--plain"],
    )
}

#[test]
fn every_check_of_the_ground_is_there() {
    let text = include_str!("../../fixtures/levels.toml");
    let read = holdpoint::parse::procedure(text, "levels.toml");
    let mut procedure = read.unwrap_or_else(|wrong| panic!("{wrong}")).value;
    ground::add(&mut procedure);
    let ids: Vec<&str> = procedure
        .checks
        .iter()
        .map(|check| check.id.as_str())
        .collect();
    let expected = [
        "node-tools",
        "node-folder",
        "node-session",
        "node-space",
        "node-space-share",
        "node-clock",
        "node-lock",
    ];
    assert_eq!(ids, expected);
    for check in &procedure.checks {
        assert!(ground::is_ours(&check.id), "{}", check.id);
        assert!(
            matches!(check.kind, CheckKind::Script { .. }),
            "{}",
            check.id
        );
    }
}

#[test]
fn where_nothing_is_changed_nothing_is_asked_of_the_ground() {
    let text = include_str!("../../bench/peers/kept.toml");
    let read = holdpoint::parse::procedure(text, "kept.toml");
    let mut procedure = read.unwrap_or_else(|wrong| panic!("{wrong}")).value;
    let before = procedure.checks.len();
    ground::add(&mut procedure);
    assert_eq!(procedure.checks.len(), before);
}

#[test]
fn a_good_node_passes_and_nothing_is_written_on_it() {
    let Some(boxes) = Boxes::start(163) else {
        return;
    };
    let ended = check(&boxes);
    assert_eq!(
        ended.code,
        Some(0),
        "{}\n{}",
        tail(&ended.transcript),
        ended.errors
    );
    assert!(!boxes.site.has_jobs(), "a check has written on a node");
}

#[test]
fn what_a_node_lacks_is_named_and_blocks() {
    let Some(boxes) = Boxes::start(164) else {
        return;
    };
    // A search path without setsid, an hour ahead, and a folder that others can write.
    let bin = boxes.site.servers[0].home.join("bin");
    fs::create_dir(&bin).expect("a folder");
    let words = "sh bash mkdir rmdir ln mv rm cat wc dd ls tr id sync sleep df";
    for word in words.split(' ') {
        let found = crate::support::tools::find(word);
        let found = found.unwrap_or_else(|| panic!("{word} is not installed here"));
        std::os::unix::fs::symlink(found, bin.join(word)).expect("a link");
    }
    program(&bin, "date", "#!/bin/sh\necho 1000000000\n");
    fs::write(
        boxes.site.servers[0].home.join(".bashrc"),
        format!("PATH='{}'\n", bin.display()),
    )
    .expect("a login script");
    let jobs = boxes.site.servers[1].dir.join("jobs");
    fs::create_dir(&jobs).expect("a folder");
    fs::set_permissions(&jobs, fs::Permissions::from_mode(0o777)).expect("its mode");
    let ended = check(&boxes);
    assert_eq!(
        ended.code,
        Some(3),
        "{}\n{}",
        tail(&ended.transcript),
        ended.errors
    );
    let told = |node: &str, check: &str, words: &str| {
        let line = ended
            .transcript
            .lines()
            .find(|line| line.contains(node) && line.contains(check) && line.contains(words));
        assert!(
            line.is_some(),
            "{node} {check} {words}:\n{}",
            tail(&ended.transcript)
        );
    };
    told("b1", "node-tools", "missing=setsid");
    told("b1", "node-clock", "apart=");
    told("b2", "node-folder", "can be written by others");
    // Once more at the end, with what usually helps.
    for line in [
        "FAILS: The commands that a job needs are installed, node-tools on b1",
        "  Install what is missing on b1: POSIX utilities, and setsid (util-linux or busybox).",
    ] {
        let told = ended.transcript.lines().any(|told| told == line);
        assert!(told, "{line}:\n{}", tail(&ended.transcript));
    }
}

const KILLS: &str = "#!/bin/sh
case \"$*\" in
  *KillUserProcesses*) echo KillUserProcesses=yes ;;
  *Linger*) echo Linger=no ;;
esac
";

/// In place of systemd, which no test machine needs to have: notes how it was asked, and runs the command in a session of its
/// own.
const SYSTEMD_RUN: &str = "#!/bin/sh
echo \"$@\" >>\"$HOME/asked\"
while [ $# -gt 0 ] && [ \"$1\" != -- ]; do
  case $1 in --setenv=*) export \"${1#--setenv=}\" ;; esac
  shift
done
shift
setsid \"$@\" </dev/null >/dev/null 2>&1 &
";

#[tokio::test]
async fn where_a_logout_would_end_it_a_job_is_started_by_systemd() {
    let Some(node) = Sshd::start("st1", "127.0.165.1") else {
        return;
    };
    overlay(&node, &[("loginctl", KILLS), ("systemd-run", SYSTEMD_RUN)]);
    let session = session(&node).await;
    let mut job = spec("r.a.1", "read -r secret; echo \"got $secret\"; echo $PATH");
    job.secrets = vec![secrecy::SecretString::from("canary")];
    let root = rustix::process::getuid().is_root();
    if !root {
        let refused = job::start(&session, &job).await;
        assert!(
            matches!(
                refused,
                Err(JobFailure::Refused {
                    refusal: Refusal::Session,
                    ..
                })
            ),
            "{refused:?}"
        );
        return;
    }
    start(&session, &job).await;
    let (answer, output) = finish(&session, &job).await;
    assert_eq!(answer.exit.expect("it ended").code, 0);
    let output = String::from_utf8_lossy(&output);
    assert!(output.starts_with("got canary\n"), "{output}");
    let asked = fs::read_to_string(node.home.join("asked")).expect("systemd was asked");
    for word in ["--collect", "--unit=holdpoint-r.a.1 ", "KillMode=process"] {
        assert!(asked.contains(word), "{word} in {asked}");
    }
    assert!(!asked.contains("canary"), "{asked}");
}

/// As systemd-run(1) does where it may not: a line on its error output, and a code.
const NOT_STARTED: &str = "#!/bin/sh
echo 'Failed to start transient service unit: Interactive authentication required.' >&2
exit 1
";

#[tokio::test]
async fn what_systemd_says_against_it_is_told_and_nothing_begins_later() {
    let Some(node) = Sshd::start("st1", "127.0.233.5") else {
        return;
    };
    if !rustix::process::getuid().is_root() {
        // Others are refused before systemd is asked.
        return;
    }
    overlay(&node, &[("loginctl", KILLS), ("systemd-run", NOT_STARTED)]);
    let session = session(&node).await;
    let plain = spec("r.a.1", "touch \"$HOME/ran\"");
    let mut secret = spec("r.b.1", "touch \"$HOME/ran\"");
    secret.secrets = vec![secrecy::SecretString::from("canary")];
    for job in [&plain, &secret] {
        let refused = job::start(&session, job).await;
        let Err(JobFailure::Refused {
            refusal: Refusal::Launch,
            detail,
        }) = refused
        else {
            panic!("{refused:?}");
        };
        assert!(detail.contains("Interactive authentication"), "{detail}");
    }
    // Systemd would do it now; under these names it is too late.
    overlay(&node, &[("systemd-run", SYSTEMD_RUN)]);
    for job in [&plain, &secret] {
        let answer = start(&session, job).await;
        assert_eq!(answer.state, JobState::Cancelled);
    }
    assert!(!node.home.join("ran").exists());
}

#[tokio::test]
async fn where_nothing_outlives_the_login_no_job_is_started() {
    let Some(node) = Sshd::start("st1", "127.0.165.2") else {
        return;
    };
    if !rustix::process::getuid().is_root() {
        // Then the story above tells it of whoever really logs in.
        return;
    }
    // Whoever logs in is not root here, and does not linger.
    let user = "#!/bin/sh\ncase $1 in -u) echo 4711 ;; *) echo ana ;; esac\n";
    overlay(&node, &[("loginctl", KILLS), ("systemd-run", SYSTEMD_RUN)]);
    let session = session(&node).await;
    let kept = spec("r.a.1", "true");
    start(&session, &kept).await;
    overlay(&node, &[("id", user)]);
    // The folder belongs to who it says.
    let own = "#!/bin/sh\n/bin/ls \"$@\" | sed 's/ 0 / 4711 /'\n";
    overlay(&node, &[("ls", own)]);
    let refused = job::start(&session, &spec("r.b.1", "touch \"$HOME/ran\"")).await;
    match refused {
        Err(JobFailure::Refused {
            refusal: Refusal::Session,
            detail,
        }) => assert!(detail.contains("KillUserProcesses=yes"), "{detail}"),
        other => panic!("{other:?}"),
    }
    assert!(!node.home.join("ran").exists());
}

#[test]
fn who_has_the_lock_is_told_before_anything_is_asked() {
    let Some(boxes) = Boxes::start(165) else {
        return;
    };
    let mut ana = boxes.run("ana");
    walk_to(&mut ana, "HOLD gate raise/lift@b2");
    let ended = run(
        &boxes.state("ben"),
        &["check", &boxes.site.file_arg(), "--plain"],
    );
    assert_eq!(
        ended.code,
        Some(0),
        "it only tells: {}",
        tail(&ended.transcript)
    );
    let told = ended
        .transcript
        .lines()
        .any(|line| line.contains("b1") && line.contains("node-lock") && line.contains("run "));
    assert!(told, "{}", tail(&ended.transcript));
    ana.type_line("leave");
}
