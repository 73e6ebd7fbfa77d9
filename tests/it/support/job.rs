//! Jobs of the stories, and the node's own files about them.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use holdpoint::transport::job::{
    self, Ask, Followed, Follower, JobAnswer, JobId, JobSpec, JobState,
};
use holdpoint::transport::ssh::Session;

use super::sshd::Sshd;

/// A job without secrets and with a grace of one second.
pub fn spec(id: &str, payload: &str) -> JobSpec {
    JobSpec {
        id: JobId::new(id).expect("a job's name"),
        payload: payload.into(),
        secrets: vec![],
        grace: Duration::from_secs(1),
        asks: false,
        terminal: false,
        fence: None,
    }
}

/// The job's directory on the node.
pub fn folder(node: &Sshd, spec: &JobSpec) -> PathBuf {
    node.home.join("jobs").join(spec.id.as_str())
}

/// Starts the job; it must be answered.
pub async fn start(session: &Session, spec: &JobSpec) -> JobAnswer {
    let answer = job::start(session, spec).await;
    answer.unwrap_or_else(|failure| panic!("{failure}: {failure:?}"))
}

/// The state of the job now.
pub async fn state(session: &Session, spec: &JobSpec) -> JobState {
    let answer = job::report(session, &spec.id, Ask::default()).await;
    answer
        .unwrap_or_else(|failure| panic!("{failure}: {failure:?}"))
        .state
}

/// Waits until the job is in `wanted`.
pub async fn until(session: &Session, spec: &JobSpec, wanted: JobState) {
    let deadline = Instant::now() + Duration::from_secs(120);
    loop {
        let state = state(session, spec).await;
        if state == wanted {
            return;
        }
        assert!(Instant::now() < deadline, "still {state:?}, not {wanted:?}");
    }
}

/// Follows the job to its end: the final answer and all of the output.
pub async fn finish(session: &Session, spec: &JobSpec) -> (JobAnswer, Vec<u8>) {
    let mut follower = Follower::new(spec.id.clone(), 0, Duration::from_secs(5));
    let mut output = Vec::new();
    for _ in 0..10_000 {
        let Followed {
            log, answer, last, ..
        } = follower.next(session).await.expect("an answer");
        output.extend(log);
        if last {
            return (answer, output);
        }
    }
    panic!("the job did not end");
}

/// Runs the job from start to end.
pub async fn run(session: &Session, spec: &JobSpec) -> (JobAnswer, Vec<u8>) {
    start(session, spec).await;
    finish(session, spec).await
}
