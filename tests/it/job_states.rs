//! Every state that a node may answer, each made by what causes it; where the cause cannot be had (a reboot), by its traces.

use std::fs;
use std::path::Path;
use std::process::{Child, Command};

use holdpoint::transport::job::{self, JobSpec, JobState, Standing};
use holdpoint::transport::ssh::Session;

use crate::support::endpoint::session;
use crate::support::eventually;
use crate::support::job::{folder, run, spec, start, state, until};
use crate::support::sshd::Sshd;

const BOOT_BEFORE: &str = "00000000-0000-4000-8000-000000000000.1";

/// A job's folder with these files, as an interrupted protocol leaves it.
fn leave(node: &Sshd, job: &JobSpec, files: &[(&str, &str)]) {
    use std::os::unix::fs::DirBuilderExt as _;
    let folder = folder(node, job);
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true).mode(0o700).create(&folder).unwrap();
    for (name, text) in files {
        fs::write(folder.join(name), text).unwrap();
    }
}

fn first_word(file: &Path) -> String {
    let text = fs::read_to_string(file).unwrap();
    text.split_whitespace().next().unwrap().to_owned()
}

async fn kill(session: &Session, pid: &str) {
    let line = format!("kill -9 {pid}");
    session
        .read(line.as_bytes(), crate::support::endpoint::roomy())
        .await
        .unwrap();
    eventually("the process is gone", || {
        fs::read_to_string(format!("/proc/{pid}/stat")).map_or(true, |stat| stat.contains(") Z "))
    });
}

#[tokio::test]
async fn states_before_anything_ran() {
    let Some(node) = Sshd::start("before", "127.0.4.2") else {
        return;
    };
    let session = session(&node).await;
    let job = spec("r.none.1", "true");
    assert_eq!(state(&session, &job).await, JobState::None);
    assert!(!node.home.join("jobs").exists(), "asking makes nothing");
    leave(&node, &job, &[]);
    assert_eq!(
        state(&session, &job).await,
        JobState::None,
        "an empty folder"
    );
    leave(&node, &job, &[("spec", "v1 x\n")]);
    assert_eq!(state(&session, &job).await, JobState::New);
    let run_before = format!("77 5 {BOOT_BEFORE} 2026-01-01T00:00:00Z\n");
    leave(&node, &job, &[("run", &run_before)]);
    assert_eq!(state(&session, &job).await, JobState::RebootedBeforeExec);
    leave(&node, &job, &[("exec", "")]);
    assert_eq!(state(&session, &job).await, JobState::Rebooted);
    leave(&node, &job, &[("rc", "0 0 12 2026-01-01T00:00:00Z ok\n")]);
    assert_eq!(
        state(&session, &job).await,
        JobState::Done,
        "a result outlives a reboot"
    );
    leave(&node, &job, &[("rc", "0 0 12 2026-01-")]);
    let bad = state(&session, &job).await;
    assert_eq!(
        (bad, bad.standing()),
        (JobState::BadRecord, Standing::InDoubt)
    );
}

#[tokio::test]
async fn a_claim_whose_maker_lives_or_died_before_the_payload() {
    let Some(node) = Sshd::start("claim", "127.0.4.3") else {
        return;
    };
    let session = session(&node).await;
    let boot = session.identity().await.unwrap();
    let mut claimant: Child = Command::new("sleep").arg("600").spawn().unwrap();
    let pid = claimant.id();
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let ticks = stat
        .rsplit(") ")
        .next()
        .unwrap()
        .split(' ')
        .nth(19)
        .unwrap()
        .to_owned();
    let claim = |ticks: &str| format!("{pid} {ticks} {boot} 2026-01-01T00:00:00Z\n");
    let job = spec("r.claim.1", "true");
    leave(&node, &job, &[("spec", "v1 x\n"), ("run", &claim(&ticks))]);
    assert_eq!(state(&session, &job).await, JobState::Starting);
    leave(&node, &job, &[("run", &claim("1"))]);
    assert_eq!(
        state(&session, &job).await,
        JobState::DiedBeforeExec,
        "another process with that number"
    );
    leave(&node, &job, &[("run", &claim(&ticks))]);
    claimant.kill().unwrap();
    eventually("a zombie", || {
        fs::read_to_string(format!("/proc/{pid}/stat"))
            .unwrap()
            .contains(") Z ")
    });
    assert_eq!(
        state(&session, &job).await,
        JobState::DiedBeforeExec,
        "a zombie counts as gone"
    );
    claimant.wait().unwrap();
    assert_eq!(state(&session, &job).await, JobState::DiedBeforeExec);
    leave(&node, &job, &[("exec", "")]);
    assert_eq!(state(&session, &job).await, JobState::Vanished);
}

#[tokio::test]
async fn running_then_orphaned_then_vanished() {
    let Some(node) = Sshd::start("orphan", "127.0.4.4") else {
        return;
    };
    let session = session(&node).await;
    let job = spec("r.orphan.1", "echo ran >>\"$HOME/count\"; sleep 600");
    start(&session, &job).await;
    until(&session, &job, JobState::Running).await;
    let folder = folder(&node, &job);
    eventually("the payload is at work", || {
        node.home.join("count").exists()
    });
    kill(&session, &first_word(&folder.join("run"))).await;
    assert_eq!(state(&session, &job).await, JobState::Orphaned);
    assert_eq!(
        start(&session, &job).await.state,
        JobState::Orphaned,
        "no second run beside it"
    );
    let answer = job::cancel(&session, &job.id, job.grace).await.unwrap();
    assert_eq!(answer.state, JobState::Vanished);
    assert_eq!(answer.state.standing(), Standing::InDoubt);
    assert_eq!(
        start(&session, &job).await.state,
        JobState::Vanished,
        "never again by itself"
    );
    let acked = job::ack(&session, &job.id).await.unwrap();
    assert_eq!((acked.state, acked.acked), (JobState::Vanished, true));
    assert_eq!(start(&session, &job).await.state, JobState::Vanished);
    assert_eq!(
        fs::read_to_string(node.home.join("count")).unwrap(),
        "ran\n"
    );
}

#[tokio::test]
async fn a_power_cut_in_the_middle_is_in_doubt_and_a_result_survives_it() {
    let Some(node) = Sshd::start("power", "127.0.4.5") else {
        return;
    };
    let first = session(&node).await;
    let done = spec("r.done.1", "exit 4");
    run(&first, &done).await;
    let job = spec("r.power.1", "sleep 600");
    start(&first, &job).await;
    until(&first, &job, JobState::Running).await;
    node.power_cut();
    node.restart();
    let second = session(&node).await;
    assert_eq!(state(&second, &job).await, JobState::Vanished);
    let answer = job::report(&second, &done.id, job::Ask::default())
        .await
        .unwrap();
    assert_eq!(answer.exit.unwrap().code, 4);
}

/// A small file system in memory, gone with the story.
struct TinyDisk(std::path::PathBuf);

impl TinyDisk {
    fn mount(at: std::path::PathBuf) -> Option<Self> {
        fs::create_dir_all(&at).unwrap();
        let options = "size=160k,mode=700";
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", options, "tmpfs"]).arg(&at);
        let mounted = mount.output().is_ok_and(|output| output.status.success());
        if !mounted {
            eprintln!("skipped: this user may not mount");
        }
        mounted.then_some(Self(at))
    }
}

impl Drop for TinyDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

#[tokio::test]
async fn a_full_disk_keeps_the_result_and_refuses_new_jobs() {
    let Some(node) = Sshd::start("full", "127.0.4.6") else {
        return;
    };
    let Some(_disk) = TinyDisk::mount(node.home.join("jobs")) else {
        return;
    };
    let session = session(&node).await;
    let job = spec("r.full.1", "head -c 1000000 /dev/zero; exit 7");
    let (answer, output) = run(&session, &job).await;
    assert_eq!(answer.exit.unwrap().code, 7);
    assert!(output.len() < 160 << 10, "{}", output.len());
    let late = spec("r.full.2", "echo ran >>\"$HOME/count\"");
    let refused = job::start(&session, &late).await.unwrap_err();
    assert!(refused.to_string().contains("free space"), "{refused}");
    assert!(!node.home.join("count").exists());
    job::ack(&session, &job.id).await.unwrap();
    let (answer, _) = run(&session, &late).await;
    assert_eq!(answer.exit.unwrap().code, 0, "there is room again");
}
