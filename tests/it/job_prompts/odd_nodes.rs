//! Nodes that are not as one would like them: strange login shells, full disks, homes that cannot be written.

use std::fs;
use std::path::Path;

use holdpoint::transport::job::{self, AnswerLine, JobFailure, JobSpec, Refusal};
use holdpoint::transport::ssh::{Credentials, Session};
use secrecy::SecretString;

use crate::support::endpoint::{friend, session};
use crate::support::eventually;
use crate::support::job::{finish, run, spec, start};
use crate::support::small_disk::SmallDisk;
use crate::support::sshd::Sshd;
use crate::support::tools::find;

fn asking(id: &str, payload: &str) -> JobSpec {
    JobSpec {
        asks: true,
        ..spec(id, payload)
    }
}

async fn answer(
    session: &Session,
    job: &JobSpec,
    log: &Path,
    line: &str,
) -> Result<(), JobFailure> {
    eventually("it asks", || {
        fs::read_to_string(log).is_ok_and(|log| log.ends_with("? "))
    });
    let at = fs::metadata(log).unwrap().len();
    let line = AnswerLine::new(SecretString::from(line)).unwrap();
    job::answer(session, &job.id, at, &line).await.map(|_| ())
}

#[tokio::test]
async fn login_shells_that_are_no_sh_do_not_matter() {
    for (name, shell) in [
        ("dash", "dash"),
        ("bash", "bash"),
        ("busybox", "busybox"),
        ("csh", "csh"),
        ("tcsh", "tcsh"),
        ("fish", "fish"),
    ] {
        let Some(program) = find(shell) else {
            eprintln!("skipped: {shell} is not installed");
            continue;
        };
        // What a server does with a login shell: it hands the command to its -c.
        let applet = if shell == "busybox" { " sh" } else { "" };
        let force = format!(
            "ForceCommand exec {}{applet} -c \"$SSH_ORIGINAL_COMMAND\"",
            program.display()
        );
        let Some(node) = Sshd::start_with(name, "127.0.9.22", &[&force]) else {
            return;
        };
        let session = session(&node).await;
        let mut job = asking(
            "r.login.1",
            "read -r s; printf 'name? '; read -r a; printf '%s\\n' \"$s $a\"; exit 3",
        );
        job.secrets = vec![SecretString::from("it's `x` $HOME !")];
        start(&session, &job).await;
        let log = node.home.join("jobs/r.login.1/log");
        answer(&session, &job, &log, "b'o'b \\c !").await.unwrap();
        let (end, output) = finish(&session, &job).await;
        assert_eq!(
            String::from_utf8(output).unwrap(),
            "name? it's `x` $HOME ! b'o'b \\c !\n",
            "{name}"
        );
        assert_eq!(end.exit.unwrap().code, 3, "{name}");
    }
}

#[tokio::test]
async fn a_home_that_cannot_be_written_is_said_before_anything_runs() {
    let Some(node) = Sshd::start("ro", "127.0.9.23") else {
        return;
    };
    let mut endpoint = friend(&node);
    // Even root makes no folder here.
    endpoint.job_dir = Some("/proc/holdpoint/jobs".into());
    let session = Session::connect(&endpoint, &Credentials::default())
        .await
        .unwrap();
    let refused = job::start(&session, &asking("r.ro.1", "touch \"$HOME/ran\"")).await;
    let Err(JobFailure::Refused {
        refusal: Refusal::Base,
        detail,
    }) = refused
    else {
        panic!("{refused:?}");
    };
    assert!(detail.contains("/proc/holdpoint/jobs"), "{detail}");
    assert!(!node.home.join("ran").exists());
}

#[tokio::test]
async fn a_full_disk_loses_no_claim_and_takes_no_new_job() {
    let Some(node) = Sshd::start("full", "127.0.9.24") else {
        return;
    };
    let jobs = node.home.join("jobs");
    let Some(_small) = SmallDisk::mount(&jobs, "size=256k,mode=700") else {
        return;
    };
    let session = session(&node).await;
    let job = asking(
        "r.fill.1",
        "printf 'go? '; read -r a; head -c 900000 /dev/zero; printf 'again? '; read -r b; exit 4",
    );
    start(&session, &job).await;
    let log = jobs.join("r.fill.1/log");
    answer(&session, &job, &log, "y").await.unwrap();
    let full = || fs::metadata(&log).is_ok_and(|data| data.len() > 100_000);
    eventually("the disk is full", full);
    let refused = job::start(&session, &spec("r.new.1", "touch \"$HOME/ran\"")).await;
    let Err(JobFailure::Refused {
        refusal: Refusal::Write | Refusal::Base,
        ..
    }) = refused
    else {
        panic!("{refused:?}");
    };
    // It asks once more, and what it says cannot be kept: it is answered all the same, or refused with the reason.
    let line = AnswerLine::new(SecretString::from("y")).unwrap();
    let mut answered =
        job::answer(&session, &job.id, fs::metadata(&log).unwrap().len(), &line).await;
    if let Err(JobFailure::Refused { refusal, .. }) = &answered {
        assert!(
            matches!(refusal, Refusal::Write | Refusal::MovedOn),
            "{refusal:?}"
        );
        fs::File::options()
            .write(true)
            .open(&log)
            .unwrap()
            .set_len(4096)
            .unwrap();
        answered = job::answer(&session, &job.id, 4096, &line).await;
    }
    answered.unwrap();
    let (end, _) = finish(&session, &job).await;
    assert_eq!(end.exit.unwrap().code, 4);
    assert!(!node.home.join("ran").exists());
}

#[tokio::test]
async fn a_folder_where_nothing_may_be_executed_is_good_enough() {
    let Some(node) = Sshd::start("noexec", "127.0.9.25") else {
        return;
    };
    let jobs = node.home.join("jobs");
    let Some(_small) = SmallDisk::mount(&jobs, "noexec,mode=700") else {
        return;
    };
    let session = session(&node).await;
    let mut job = asking("r.noexec.1", "echo ran; exit 5");
    job.terminal = find("script").is_some();
    let (end, output) = run(&session, &job).await;
    assert!(output.starts_with(b"ran"), "{output:?}");
    assert_eq!(end.exit.unwrap().code, 5);
}
