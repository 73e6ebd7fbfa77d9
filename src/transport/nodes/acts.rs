//! Hands on real nodes: the eyes, and jobs.

use std::collections::BTreeMap;

use secrecy::SecretString;
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use tokio::task::JoinSet;

use super::job::{Job, JobAsk};
use super::keys::Keys;
use super::looks::SshLooks;
use crate::model::ids::NodeId;
use crate::model::time::Stamp;
use crate::transport::{Acts, Arrival, Change, Due, Look, Looks, Order};

/// Changes real nodes over SSH, by detached jobs and by nothing else.
#[derive(Debug)]
pub struct SshActs {
    looks: SshLooks,
    /// What is asked about each job goes to its own task.
    jobs: BTreeMap<String, UnboundedSender<JobAsk>>,
    keys: Keys,
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
        let job = Job::new(order.clone(), asks, session, self.looks.teller());
        self.tasks.spawn(job.run());
    }

    /// The secrets that a script names, in its order; or the first that nobody gave.
    fn secrets_of(&self, order: &Order) -> Result<Vec<SecretString>, String> {
        let keys = self.keys.borrow();
        let value = |name: &String| {
            let known = keys.secrets.get(&order.node, name);
            known.cloned().ok_or_else(|| name.clone())
        };
        order.script.secrets.iter().map(value).collect()
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
            // The world does it, not we.
            Change::Performed {
                action: _,
                effects: _,
                typical: _,
            } => {}
        }
    }
}
