//! What keeps a job from running twice, from running at all when it must not, and from being tampered with.

use std::fs;
use std::io::Write as _;
use std::process::{Command, Stdio};

use holdpoint::transport::job::{self, JobFailure, JobState, Refusal, start_text};
use secrecy::SecretString;

use crate::support::endpoint::session;
use crate::support::eventually;
use crate::support::job::{finish, folder, run, spec, start, until};
use crate::support::sshd::Sshd;

#[test]
fn a_start_that_is_cut_short_runs_nothing() {
    let home = tempfile::tempdir().unwrap();
    let base = home.path().join("jobs");
    let mut job = spec(
        "r.cut.1",
        "echo ran >>\"$HOME/count\"\necho 'quotes \" and ` and $('",
    );
    job.secrets = vec![SecretString::from("hush")];
    let text = start_text(base.to_str(), &job).unwrap();
    let feed = |bytes: &[u8]| {
        let mut shell = Command::new("sh")
            .arg("-s")
            .env("HOME", home.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        // A shell that has seen an error may be gone before it has read everything.
        let _ = shell.stdin.take().unwrap().write_all(bytes);
        shell.wait().unwrap();
    };
    // The last newline is not needed: it ends the one word that starts everything.
    let last = text.len() - 2;
    let effort = std::env::var("HOLDPOINT_EFFORT").ok();
    let effort: usize = effort.and_then(|times| times.parse().ok()).unwrap_or(1);
    let every = (97 / effort.max(1)).max(1);
    let cuts = (0..last).step_by(every).chain(last - 64..=last);
    for cut in cuts {
        feed(&text[..cut]);
        assert!(
            !base.exists(),
            "something ran with the first {cut} of {} bytes",
            text.len()
        );
    }
    feed(&text);
    eventually("the whole of it runs", || {
        home.path().join("count").exists()
    });
}

#[tokio::test]
async fn cancel_ends_the_whole_group_and_is_recorded() {
    let Some(node) = Sshd::start("cancel", "127.0.3.9") else {
        return;
    };
    let session = session(&node).await;
    let polite = spec(
        "r.polite.1",
        "sh -c 'echo $$ >\"$HOME/child\"; exec sleep 600' & sleep 600",
    );
    start(&session, &polite).await;
    until(&session, &polite, JobState::Running).await;
    eventually("the child runs", || node.home.join("child").exists());
    let answer = job::cancel(&session, &polite.id, polite.grace)
        .await
        .unwrap();
    let exit = answer.exit.expect("done");
    assert_eq!(
        (exit.code, exit.signal(), exit.cancelled),
        (143, Some(15), true)
    );
    let child = fs::read_to_string(node.home.join("child")).unwrap();
    let stat = format!("/proc/{}/stat", child.trim());
    let gone = || fs::read_to_string(&stat).map_or(true, |stat| stat.contains(") Z "));
    eventually("the child is gone too", gone);
    let stubborn = spec(
        "r.stubborn.1",
        "trap '' TERM; echo deaf; while :; do sleep 1; done",
    );
    start(&session, &stubborn).await;
    eventually("it is deaf", || {
        fs::read(folder(&node, &stubborn).join("log")).is_ok_and(|log| log == b"deaf\n")
    });
    let answer = job::cancel(&session, &stubborn.id, stubborn.grace)
        .await
        .unwrap();
    assert_eq!(answer.exit.expect("done").code, 137);
    let again = job::cancel(&session, &stubborn.id, stubborn.grace)
        .await
        .unwrap();
    assert_eq!(again.state, JobState::Done);
}

#[tokio::test]
async fn what_was_cancelled_before_it_began_never_runs() {
    let Some(node) = Sshd::start("never", "127.0.3.10") else {
        return;
    };
    let session = session(&node).await;
    let job = spec("r.never.1", "echo ran >>\"$HOME/count\"");
    let answer = job::cancel(&session, &job.id, job.grace).await.unwrap();
    assert_eq!(answer.state, JobState::Cancelled);
    // The start that was under way when the operator changed their mind.
    assert_eq!(start(&session, &job).await.state, JobState::Cancelled);
    assert!(!node.home.join("count").exists());
}

#[tokio::test]
async fn an_acknowledged_job_is_small_and_still_blocks_a_late_start() {
    let Some(node) = Sshd::start("ack", "127.0.3.11") else {
        return;
    };
    let session = session(&node).await;
    let job = spec("r.ack.1", "echo ran >>\"$HOME/count\"; echo output; exit 5");
    let early = spec("r.early.1", "sleep 600");
    start(&session, &early).await;
    let refused = job::ack(&session, &early.id).await.unwrap_err();
    assert!(
        matches!(
            refused,
            JobFailure::Refused {
                refusal: Refusal::NotFinished,
                ..
            }
        ),
        "{refused:?}"
    );
    run(&session, &job).await;
    for _ in 0..2 {
        let answer = job::ack(&session, &job.id).await.unwrap();
        assert!(answer.acked);
        assert_eq!(answer.exit.unwrap().code, 5);
    }
    let mut left: Vec<_> = fs::read_dir(folder(&node, &job))
        .unwrap()
        .map(|file| file.unwrap().file_name().into_string().unwrap())
        .collect();
    left.sort();
    assert_eq!(left, ["done", "exec", "rc", "run", "spec"]);
    let late = start(&session, &job).await;
    assert_eq!((late.state, late.acked), (JobState::Done, true));
    assert_eq!(finish(&session, &job).await.1, b"");
    assert_eq!(
        fs::read_to_string(node.home.join("count")).unwrap(),
        "ran\n"
    );
}

#[tokio::test]
async fn a_name_stands_for_one_job_only() {
    let Some(node) = Sshd::start("name", "127.0.3.12") else {
        return;
    };
    let session = session(&node).await;
    run(&session, &spec("r.name.1", "true")).await;
    let other = spec("r.name.1", "echo ran >>\"$HOME/count\"");
    let refused = job::start(&session, &other).await.unwrap_err();
    assert!(
        matches!(
            refused,
            JobFailure::Refused {
                refusal: Refusal::SpecMismatch,
                ..
            }
        ),
        "{refused:?}"
    );
    assert!(!node.home.join("count").exists());
}

#[tokio::test]
async fn a_folder_that_others_control_is_refused() {
    use std::os::unix::fs::{PermissionsExt, chown, symlink};
    let Some(node) = Sshd::start("folder", "127.0.3.13") else {
        return;
    };
    let session = session(&node).await;
    let job = spec("r.folder.1", "echo ran >>\"$HOME/count\"");
    let refused = async |what: &str| {
        for failure in [
            job::start(&session, &job).await.unwrap_err(),
            job::cancel(&session, &job.id, job.grace).await.unwrap_err(),
        ] {
            let base = matches!(
                failure,
                JobFailure::Refused {
                    refusal: Refusal::Base,
                    ..
                }
            );
            assert!(base, "{what}: {failure:?}");
        }
        assert!(!node.home.join("count").exists(), "{what}");
    };
    let base = node.home.join("jobs");
    let elsewhere = node.home.join("elsewhere");
    fs::create_dir(&elsewhere).unwrap();
    symlink(&elsewhere, &base).unwrap();
    refused("a link as base").await;
    fs::remove_file(&base).unwrap();
    symlink("/nowhere", &base).unwrap();
    refused("a dangling link as base").await;
    fs::remove_file(&base).unwrap();
    fs::write(&base, "").unwrap();
    refused("a file as base").await;
    fs::remove_file(&base).unwrap();
    fs::create_dir(&base).unwrap();
    for mode in [0o770, 0o707, 0o777] {
        fs::set_permissions(&base, PermissionsExt::from_mode(mode)).unwrap();
        refused("a base that others can write").await;
    }
    fs::set_permissions(&base, PermissionsExt::from_mode(0o700)).unwrap();
    symlink(&elsewhere, folder(&node, &job)).unwrap();
    refused("a link as job folder").await;
    fs::remove_file(folder(&node, &job)).unwrap();
    if chown(&base, Some(65534), None).is_ok() {
        refused("a base of somebody else").await;
        chown(&base, Some(0), None).unwrap();
    }
    assert_eq!(run(&session, &job).await.0.state, JobState::Done);
}
