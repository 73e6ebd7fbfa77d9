//! Hands on real nodes: the eyes, and jobs.

use std::collections::BTreeMap;
use std::sync::Arc;

use secrecy::SecretString;
use tokio::sync::Semaphore;
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use tokio::task::JoinSet;

use super::giving::Given;
use super::job::{Job, JobAsk};
use super::keys::Keys;
use super::lock::Locker;
use super::looks::SshLooks;
use super::tell::words;
use super::upload::{AT_ONCE, LocalFiles, Upload};
use crate::model::dialogue::Answer;
use crate::model::ids::NodeId;
use crate::model::lock::LockAsk;
use crate::model::time::Stamp;
use crate::transport::job::AnswerLine;
use crate::transport::{Acts, Arrival, Change, Claimant, Due, Errand, Look, Looks, Order};

/// Changes real nodes over SSH, by detached jobs and by files put in place, and by nothing else.
#[derive(Debug)]
pub struct SshActs {
    looks: SshLooks,
    /// What is asked about each job goes to its own task.
    jobs: BTreeMap<String, UnboundedSender<JobAsk>>,
    /// What is asked of each node's lock goes to its own task.
    locks: BTreeMap<NodeId, UnboundedSender<(Claimant, LockAsk)>>,
    keys: Keys,
    /// What is uploaded, measured once for all nodes.
    files: LocalFiles,
    /// So many uploads at once.
    turns: Arc<Semaphore>,
    /// Ended when this is dropped; the jobs go on.
    tasks: JoinSet<()>,
}

impl SshActs {
    /// The same, able to act.
    pub fn new(looks: SshLooks) -> SshActs {
        SshActs {
            keys: looks.keys(),
            looks,
            jobs: BTreeMap::new(),
            locks: BTreeMap::new(),
            files: LocalFiles::default(),
            turns: Arc::new(Semaphore::new(AT_ONCE)),
            tasks: JoinSet::new(),
        }
    }

    /// As [`SshLooks::secret`].
    pub fn secret(&mut self, node: &NodeId, secret: SecretString) {
        self.looks.secret(node, secret);
    }

    /// Hands the request to the job's task, which begins with the first one.
    fn ask(&mut self, order: &Order, ask: JobAsk) {
        let ask = match self.jobs.get(&order.job) {
            None => ask,
            Some(task) => match task.send(ask) {
                Ok(()) => return,
                // It has ended: what it knew is on the node.
                Err(unsent) => unsent.0,
            },
        };
        let Some(session) = self.looks.session(&order.node) else {
            return;
        };
        let (task, asks) = unbounded_channel();
        // The task that takes it begins below.
        let _ = task.send(ask);
        self.jobs.insert(order.job.clone(), task);
        while self.tasks.try_join_next().is_some() {}
        let (order, teller) = (order.clone(), self.looks.teller());
        match order.errand.clone() {
            Errand::Script(_) => {
                let job = Job::new(order, asks, session, teller);
                self.tasks.spawn(job.run());
            }
            Errand::Upload(spec) => {
                let shared = (self.files.clone(), Arc::clone(&self.turns));
                let upload = Upload::new(order, *spec, asks, session, teller, shared);
                self.tasks.spawn(upload.run());
            }
        }
    }

    fn ask_lock(&mut self, node: &NodeId, claimant: Claimant, ask: LockAsk) {
        if !self.locks.contains_key(node) {
            let Some(session) = self.looks.session(node) else {
                return;
            };
            let (task, asks) = unbounded_channel();
            let locker = Locker {
                node: node.clone(),
                asks,
                session,
                teller: self.looks.teller(),
            };
            self.tasks.spawn(locker.run());
            self.locks.insert(node.clone(), task);
        }
        if let Some(task) = self.locks.get(node) {
            // It lives as long as this does.
            let _ = task.send((claimant, ask));
        }
    }

    /// The line that answers a question, or why there is none.
    fn line_of(&self, order: &Order, answer: Answer) -> Result<AnswerLine, String> {
        let line = match answer {
            Answer::Text(text) | Answer::Hidden(text) => SecretString::from(text),
            Answer::Secret(name) => {
                let keys = self.keys.borrow();
                let known = keys.secrets.get(&order.node, name.as_str());
                known.cloned().ok_or_else(|| {
                    format!("nobody gave the secret {name}; the program waits for it")
                })?
            }
        };
        AnswerLine::new(line).map_err(|bad| words(&bad))
    }

    /// The secrets that a script names, in its order; or the first that nobody gave.
    fn secrets_of(&self, order: &Order) -> Result<Vec<SecretString>, String> {
        let keys = self.keys.borrow();
        let value = |name: &String| {
            let known = keys.secrets.get(&order.node, name);
            known.cloned().ok_or_else(|| name.clone())
        };
        let named = order.script().map_or(&[][..], |script| &script.secrets);
        named.iter().map(value).collect()
    }
}

impl Looks for SshActs {
    fn look(&mut self, look: Look, now: Stamp) {
        self.looks.look(look, now);
    }

    fn due(&self) -> Due {
        self.looks.due()
    }

    async fn arrival(&mut self, now: Stamp) -> Arrival {
        self.looks.arrival(now).await
    }
}

impl Acts for SshActs {
    fn change(&mut self, change: Change, now: Stamp) {
        self.looks.note(now);
        match change {
            Change::Start { order } => {
                let secrets = self.secrets_of(&order);
                self.ask(&order, JobAsk::Start(secrets));
            }
            Change::Attach { order } => self.ask(&order, JobAsk::Attach),
            Change::Cancel { order } => self.ask(&order, JobAsk::Cancel),
            Change::Acknowledge { order } => self.ask(&order, JobAsk::Acknowledge),
            Change::Answer { order, at, answer } => {
                if let Answer::Hidden(typed) = &answer {
                    self.looks.hide(typed);
                }
                let line = self.line_of(&order, answer);
                let turn = None;
                self.ask(&order, JobAsk::Answer(Given { at, turn, line }));
            }
            Change::Wheel { order, act } => self.ask(&order, JobAsk::Wheel(act)),
            Change::Lock {
                node,
                claimant,
                ask,
            } => self.ask_lock(&node, claimant, ask),
            // The world does it, not we.
            Change::Performed {
                action: _,
                effects: _,
                typical: _,
            } => {}
        }
    }
}
