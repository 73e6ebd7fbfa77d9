//! Detached jobs on one node: started once, followed over as many connections as it takes, judged by the node's own record.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::look::Voice;
use super::{Node, lock};
use crate::model::reply::{Claim, JobReport};
use crate::model::telemetry::Stream;
use crate::model::text::Cleaner;
use crate::transport::Order;
use crate::transport::job::{self, Follower, JobAnswer, JobFailure, JobId, JobSpec, Standing};
use crate::transport::ssh::Session;

/// How long a question waits on the node for news.
const NEWS: Duration = Duration::from_secs(5);

/// How long a cancelled payload may take to end by itself.
const GRACE: Duration = Duration::from_secs(30);

/// What is wanted of a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    Start,
    Attach,
    Cancel,
    Acknowledge,
}

/// The jobs of a node that are followed, and how far each was read: asked for twice, one is followed once, and no line of
/// it is told twice.
#[derive(Default)]
pub struct Jobs {
    followed: Mutex<BTreeMap<String, Followed>>,
}

#[derive(Default)]
struct Followed {
    at_work: bool,
    offset: u64,
}

/// Takes a request on; what comes of it is told later.
pub fn take(node: &Arc<Node>, order: Order, what: What) {
    let node = Arc::clone(node);
    match what {
        What::Start | What::Attach => {
            let mut followed = lock(&node.jobs.followed);
            let entry = followed.entry(order.job.clone()).or_default();
            if std::mem::replace(&mut entry.at_work, true) {
                return;
            }
            drop(followed);
            tokio::spawn(async move {
                let report = pursue(&node, &order, what).await;
                if let Some(entry) = lock(&node.jobs.followed).get_mut(&order.job) {
                    entry.at_work = false;
                }
                if let Some(report) = report {
                    node.tell_job(&order.action, order.attempt, report);
                }
            });
        }
        What::Cancel => {
            tokio::spawn(async move { cancel(&node, &order).await });
        }
        What::Acknowledge => {
            tokio::spawn(async move { acknowledge(&node, &order).await });
        }
    }
}

/// Starts a job, or finds it, and follows it to its end. `None` when holdpoint's session is over.
async fn pursue(node: &Node, order: &Order, what: What) -> Option<JobReport> {
    let spec = match spec(node, order) {
        Ok(spec) => spec,
        Err(why) => return Some(JobReport::NotStarted { why }),
    };
    let mut pursuit = Pursuit::new(node, order, &spec, what == What::Start);
    loop {
        let session = match node.session_now() {
            Some(session) => session,
            None => {
                pursuit.out_of_sight("the node is not connected".into());
                node.session_then().await?
            }
        };
        match pursuit.go_on(&session).await {
            Ok(report) => return Some(report),
            Err(JobFailure::NoAnswer(why)) => {
                pursuit.out_of_sight(why.to_string());
                if !session.is_closed() {
                    tokio::time::sleep(Duration::from_secs(1)).await;
                }
            }
            Err(other) => return Some(pursuit.refused(&other)),
        }
    }
}

/// One job on its way.
struct Pursuit<'a> {
    node: &'a Node,
    order: &'a Order,
    spec: &'a JobSpec,
    /// A start may still be sent: repeating it is safe, the node starts a job once.
    starts: bool,
    follower: Follower,
    cleaner: Cleaner,
    in_sight: bool,
    /// Whether anything of it was ever known to be on the node.
    known: bool,
}

impl<'a> Pursuit<'a> {
    fn new(node: &'a Node, order: &'a Order, spec: &'a JobSpec, starts: bool) -> Pursuit<'a> {
        let offset = lock(&node.jobs.followed)
            .get(&order.job)
            .map_or(0, |followed| followed.offset);
        Pursuit {
            node,
            order,
            spec,
            starts,
            follower: Follower::new(spec.id.clone(), offset, NEWS),
            cleaner: Cleaner::new(),
            in_sight: false,
            known: false,
        }
    }

    async fn go_on(&mut self, session: &Session) -> Result<JobReport, JobFailure> {
        loop {
            if self.starts {
                let answer = job::start(session, self.spec).await?;
                // A node that still says "not begun" is asked for the very same start again.
                self.starts = answer.state.standing() == Standing::NotBegun;
                if self.starts {
                    continue;
                }
            }
            let news = self.follower.next(session).await?;
            self.tell_output(&news.log);
            if news.answer.state.standing() == Standing::Going {
                self.accepted();
            }
            if news.last
                && let Some(report) = self.judge(session, &news.answer).await?
            {
                return Ok(report);
            }
        }
    }

    /// What a standing that does not go on comes to.
    async fn judge(
        &mut self,
        session: &Session,
        answer: &JobAnswer,
    ) -> Result<Option<JobReport>, JobFailure> {
        let report = match answer.state.standing() {
            Standing::Going => return Ok(None),
            Standing::Claimed => match &answer.exit {
                Some(exit) => JobReport::Ended { claim: claim(exit) },
                None => JobReport::Vanished {
                    why: "its end is recorded, and the record cannot be read".into(),
                },
            },
            Standing::NotBegun => {
                // It must never begin after we have said that it did not: take the claim away from it.
                let answer = job::cancel(session, &self.spec.id, GRACE).await?;
                if answer.state.standing() == Standing::Going {
                    return Ok(None);
                }
                JobReport::NotStarted {
                    why: "the node knows of no start of it".into(),
                }
            }
            Standing::NeverRan => JobReport::NotStarted {
                why: format!(
                    "the node proves that nothing of it ran ({})",
                    answer.state.word()
                ),
            },
            Standing::InDoubt => JobReport::Vanished {
                why: format!(
                    "the node does not know how it ended ({})",
                    answer.state.word()
                ),
            },
        };
        let rest = self.cleaner.finish();
        rest.into_iter()
            .for_each(|line| self.voice().line(Stream::Out, line));
        Ok(Some(report))
    }

    fn accepted(&mut self) {
        self.known = true;
        if !std::mem::replace(&mut self.in_sight, true) {
            self.node
                .tell_job(&self.order.action, self.order.attempt, JobReport::Accepted);
        }
    }

    fn out_of_sight(&mut self, why: String) {
        if std::mem::replace(&mut self.in_sight, false) {
            self.node.tell_job(
                &self.order.action,
                self.order.attempt,
                JobReport::OutOfSight { why },
            );
        }
    }

    fn refused(&self, failure: &JobFailure) -> JobReport {
        let why = failure.to_string();
        if self.known {
            JobReport::Vanished { why }
        } else {
            JobReport::NotStarted { why }
        }
    }

    fn tell_output(&mut self, bytes: &[u8]) {
        let lines = self.cleaner.feed(bytes);
        lines
            .into_iter()
            .for_each(|line| self.voice().line(Stream::Out, line));
        if let Some(followed) = lock(&self.node.jobs.followed).get_mut(&self.order.job) {
            followed.offset = self.follower.offset();
        }
    }

    fn voice(&self) -> Voice<'a> {
        Voice {
            node: self.node,
            action: &self.order.action,
            attempt: self.order.attempt,
        }
    }
}

fn claim(exit: &job::JobExit) -> Claim {
    match (exit.cancelled, exit.signal()) {
        (true, _) => Claim::Cancelled,
        (false, Some(signal)) => Claim::Killed {
            signal: i32::from(signal),
        },
        (false, None) => Claim::Exited {
            code: i32::from(exit.code),
        },
    }
}

/// The job of an order, with the secrets that its script names.
fn spec(node: &Node, order: &Order) -> Result<JobSpec, String> {
    let given = lock(&node.common.secrets);
    let secret = |name: &String| {
        let secret = given.get(&node.setup.node, name).cloned();
        secret.ok_or_else(|| format!("the secret {name} was not given"))
    };
    Ok(JobSpec {
        id: JobId::new(&order.job).map_err(|why| why.to_string())?,
        payload: order.script.text.clone().into_bytes(),
        secrets: order
            .script
            .secrets
            .iter()
            .map(secret)
            .collect::<Result<_, _>>()?,
        grace: GRACE,
    })
}

/// Asks a job to stop. Its end is told by whoever follows it.
async fn cancel(node: &Node, order: &Order) {
    let Ok(id) = JobId::new(&order.job) else {
        return;
    };
    for _ in 0..5 {
        let Some(session) = node.session_then().await else {
            return;
        };
        if !matches!(
            job::cancel(&session, &id, GRACE).await,
            Err(JobFailure::NoAnswer(_))
        ) {
            return;
        }
    }
}

/// Lets the node tidy up. Failing that, a few files stay there; the tombstone is what matters and it is there already.
async fn acknowledge(node: &Node, order: &Order) {
    let Ok(id) = JobId::new(&order.job) else {
        return;
    };
    for _ in 0..5 {
        let Some(session) = node.session_then().await else {
            return;
        };
        if !matches!(job::ack(&session, &id).await, Err(JobFailure::NoAnswer(_))) {
            return;
        }
    }
}
