//! The node's part: plain `sh` and files over a real SSH server.

use std::fs;
use std::time::Duration;

use holdpoint::model::lock::{Fence, Holder, LockAsk, LockReport};
use holdpoint::transport::job::{self, Claimant, JobFailure, JobSpec, JobState, Refusal, Standing};
use holdpoint::transport::ssh::Session;

use crate::support::double::eventually;
use crate::support::endpoint::session;
use crate::support::job::{finish, folder, spec, start, state};
use crate::support::sshd::Sshd;
use crate::support::tool;

fn claimant(run: &str) -> Claimant {
    Claimant {
        run: run.into(),
        by: format!("ana of {run}@jump-1"),
    }
}

async fn ask(session: &Session, run: &str, ask: LockAsk) -> LockReport {
    let answer = job::lock(session, &claimant(run), ask).await;
    answer.unwrap_or_else(|failure| panic!("{failure}: {failure:?}"))
}

fn ours(report: &LockReport) -> Option<u64> {
    match report {
        LockReport::Ours { generation } => Some(*generation),
        _ => None,
    }
}

fn held(report: LockReport) -> Holder {
    match report {
        LockReport::Held { by } => by,
        other => panic!("it is not held by another: {other:?}"),
    }
}

fn fenced(id: &str, run: &str, generation: u64) -> JobSpec {
    let mut job = spec(id, "echo ran >>\"$HOME/ran\"");
    let run = run.into();
    job.fence = Some(Fence { run, generation });
    job
}

/// Who has the lock that this start does not have.
async fn refused(session: &Session, job: &JobSpec) -> Option<Holder> {
    match job::start(session, job).await {
        Err(JobFailure::Refused {
            refusal: Refusal::Locked(by),
            ..
        }) => by,
        other => panic!("{} was not refused: {other:?}", job.id),
    }
}

#[tokio::test]
async fn of_many_who_take_it_at_once_exactly_one_has_it_under_every_shell() {
    for (name, ip) in [
        ("dash", "127.0.160.1"),
        ("bash", "127.0.160.2"),
        ("busybox", "127.0.160.3"),
    ] {
        let Some(program) = tool(name) else { continue };
        let Some(node) = Sshd::start(name, ip) else {
            return;
        };
        fs::create_dir(node.home.join("bin")).unwrap();
        std::os::unix::fs::symlink(program, node.home.join("bin/sh")).unwrap();
        fs::write(node.home.join(".bashrc"), "PATH=$HOME/bin:$PATH\n").unwrap();
        let session = session(&node).await;
        let runs = ["r1", "r2", "r3", "r4", "r5", "r6"];
        let all_at_once = |what: LockAsk| {
            runs.map(|run| {
                let session = session.clone();
                tokio::spawn(async move { (run, ask(&session, run, what).await) })
            })
        };
        let mut winner = None;
        for taking in all_at_once(LockAsk::Take) {
            let (run, report) = taking.await.unwrap();
            if let Some(generation) = ours(&report) {
                assert_eq!((winner, generation), (None, 1), "{name}: {run} has it too");
                winner = Some(run);
            }
        }
        let first = winner.expect("somebody has it");
        assert_eq!(
            held(ask(&session, "r7", LockAsk::Look).await).run,
            first,
            "{name}"
        );
        // Asked again it is the same lock. All the others take it over at once from that generation: one succeeds.
        assert_eq!(
            ours(&ask(&session, first, LockAsk::Take).await),
            Some(1),
            "{name}"
        );
        let mut winners = vec![];
        for taking in all_at_once(LockAsk::TakeOver { generation: 1 }) {
            let (run, report) = taking.await.unwrap();
            if run != first
                && let Some(generation) = ours(&report)
            {
                winners.push((run, generation));
            }
        }
        assert_eq!(winners.len(), 1, "{name}: {winners:?}");
        assert_eq!(winners[0].1, 2, "{name}");
        // What comes too late does nothing.
        let late = LockAsk::Release {
            generation: Some(1),
        };
        ask(&session, first, late).await;
        let over = LockAsk::TakeOver { generation: 1 };
        assert_eq!(
            held(ask(&session, "r7", over).await).run,
            winners[0].0,
            "{name}"
        );
        let back = LockAsk::Release {
            generation: Some(2),
        };
        assert_eq!(
            ask(&session, winners[0].0, back).await,
            LockReport::Free,
            "{name}"
        );
        assert_eq!(
            ours(&ask(&session, "r7", LockAsk::Take).await),
            Some(4),
            "{name}"
        );
    }
}

#[tokio::test]
async fn whoever_was_taken_over_starts_nothing_more_there() {
    let Some(node) = Sshd::start("st1", "127.0.160.4") else {
        return;
    };
    let session = session(&node).await;
    assert_eq!(
        refused(&session, &fenced("old.a.1", "old", 1)).await,
        None,
        "nobody gave it a lock"
    );
    assert!(
        !node.home.join("jobs/old.a.1").exists(),
        "a refused start leaves nothing"
    );
    ask(&session, "old", LockAsk::Take).await;
    let first = fenced("old.a.1", "old", 1);
    start(&session, &first).await;
    finish(&session, &first).await;
    let slow = JobSpec {
        payload: "while [ ! -e \"$HOME/go\" ]; do sleep 0.1; done".into(),
        ..fenced("old.b.1", "old", 1)
    };
    start(&session, &slow).await;

    let holder = held(ask(&session, "new", LockAsk::Take).await);
    assert_eq!(
        (holder.run.as_str(), holder.generation, holder.jobs),
        ("old", 1, 1)
    );
    assert_eq!(holder.by, "ana of old@jump-1");
    let over = LockAsk::TakeOver { generation: 1 };
    assert_eq!(ours(&ask(&session, "new", over).await), Some(2));

    let by = refused(&session, &fenced("old.c.1", "old", 1))
        .await
        .expect("somebody has it");
    assert_eq!((by.run.as_str(), by.generation), ("new", 2));
    // What ran runs on and is answered for, its start as well.
    assert_eq!(state(&session, &slow).await, JobState::Running);
    assert_eq!(start(&session, &first).await.state, JobState::Done);
    let new = fenced("new.a.1", "new", 2);
    start(&session, &new).await;
    finish(&session, &new).await;
    assert_eq!(
        fs::read_to_string(node.home.join("ran")).unwrap(),
        "ran\nran\n"
    );
    fs::write(node.home.join("go"), "").unwrap();
    finish(&session, &slow).await;
}

#[tokio::test]
async fn a_start_that_is_overtaken_on_the_node_itself_never_runs() {
    let Some(node) = Sshd::start("st1", "127.0.160.5") else {
        return;
    };
    // Every supervisor is late: it begins when it may.
    fs::create_dir(node.home.join("bin")).unwrap();
    let setsid = node.home.join("bin/setsid");
    let late = "#!/bin/sh\n: >\"$HOME/late\"\nwhile [ ! -e \"$HOME/go\" ]; do sleep 0.05; done\nexec /usr/bin/setsid \"$@\"\n";
    fs::write(&setsid, late).unwrap();
    fs::set_permissions(&setsid, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    fs::write(node.home.join(".bashrc"), "PATH=$HOME/bin:$PATH\n").unwrap();
    let session = session(&node).await;
    ask(&session, "old", LockAsk::Take).await;
    let job = fenced("old.a.1", "old", 1);
    let starting = {
        let (session, job) = (session.clone(), job.clone());
        tokio::spawn(async move { job::start(&session, &job).await })
    };
    let launched = node.home.join("late");
    tokio::task::spawn_blocking(move || {
        eventually(
            "the supervisor is launched",
            Duration::from_secs(60),
            || launched.exists(),
        );
    })
    .await
    .unwrap();
    let over = LockAsk::TakeOver { generation: 1 };
    assert_eq!(ours(&ask(&session, "new", over).await), Some(2));
    fs::write(node.home.join("go"), "").unwrap();
    match starting.await.unwrap() {
        Err(JobFailure::Refused {
            refusal: Refusal::Locked(Some(by)),
            ..
        }) => assert_eq!(by.run, "new"),
        // On a slow machine the start was answered before the supervisor had begun, or before it had found the fence.
        Ok(answer) => assert!(
            matches!(
                answer.state.standing(),
                Standing::NotBegun | Standing::Going
            ),
            "{answer:?}"
        ),
        other => panic!("{other:?}"),
    }
    crate::support::job::until(&session, &job, JobState::DiedBeforeExec).await;
    assert!(!node.home.join("ran").exists(), "it ran all the same");
    assert!(
        folder(&node, &job).join("run").exists(),
        "its name is used up"
    );
}

#[tokio::test]
async fn where_no_lock_can_be_kept_the_node_says_why() {
    let Some(node) = Sshd::start("st1", "127.0.160.6") else {
        return;
    };
    fs::create_dir(node.home.join("bin")).unwrap();
    let ln = node.home.join("bin/ln");
    fs::write(
        &ln,
        "#!/bin/sh\necho 'ln: Operation not permitted' >&2\nexit 1\n",
    )
    .unwrap();
    fs::set_permissions(&ln, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    fs::write(node.home.join(".bashrc"), "PATH=$HOME/bin:$PATH\n").unwrap();
    let session = session(&node).await;
    let failure = job::lock(&session, &claimant("r1"), LockAsk::Take)
        .await
        .unwrap_err();
    let said = failure.to_string();
    assert!(
        said.contains("hard link") && said.contains("Operation not permitted"),
        "{said}"
    );
    assert_eq!(ask(&session, "r1", LockAsk::Look).await, LockReport::Free);
    // A record that is none is told, and never taken for a free lock.
    fs::write(node.home.join("jobs/_lock.7"), "rubbish\n").unwrap();
    fs::remove_file(&ln).unwrap();
    let failure = job::lock(&session, &claimant("r1"), LockAsk::Take)
        .await
        .unwrap_err();
    assert!(failure.to_string().contains("_lock.7"), "{failure}");
    assert_eq!(refused(&session, &fenced("r1.a.1", "r1", 7)).await, None);
}
