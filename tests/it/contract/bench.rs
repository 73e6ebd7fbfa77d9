//! One clause's bench: hands on one node of one kind, everything that arrived, and what a story can do to the node.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use holdpoint::model::drill::{Effect, Fault, JobFault, KeyFault};
use holdpoint::model::ids::{ActionId, NodeId};
use holdpoint::model::lines::Lines;
use holdpoint::model::reply::{Claim, JobReport, LinkReport};
use holdpoint::model::script::{Class, Script};
use holdpoint::model::telemetry::Telemetry;
use holdpoint::model::time::{Span, Stamp};
use holdpoint::transport::nodes::SshActs;
use holdpoint::transport::sim::SimTransport;
use holdpoint::transport::ssh::fingerprint;
use holdpoint::transport::{Acts as _, Arrival, Change, Due, Errand, Look, Looks as _, Order};

use super::far::{Far, Meeting, NODE, jobs};
use super::servers::Server;
use crate::support::small::Stage;

/// How long anything may take on a slow and busy machine.
const PATIENCE: Duration = Duration::from_secs(90);
/// More than this of virtual time or arrivals, and a pretended node never comes to an end.
const ARRIVALS: usize = 100_000;

enum Hands {
    Twin(Box<SimTransport>),
    Ssh(Box<SshActs>),
}

pub struct Bench {
    hands: Hands,
    far: Option<Far>,
    /// Tells this clause's jobs and files from those of the others.
    slug: String,
    pub seen: Vec<Arrival>,
    began: Instant,
    /// The moment of a pretended cluster.
    now: Stamp,
}

impl Bench {
    /// A pretended node.
    pub fn twin(slug: String) -> Bench {
        let world = Stage::new(2, 1).world;
        Bench::new(Hands::Twin(Box::new(SimTransport::new(world))), None, slug)
    }

    /// A node behind a real server; our way to it begins at `ip`.
    pub async fn real(server: Arc<Server>, ip: &str, slug: String) -> Bench {
        let far = Far::new(server, ip).await;
        let hands = far.hands(&slug, Meeting::Known);
        Bench::new(Hands::Ssh(Box::new(hands)), Some(far), slug)
    }

    fn new(hands: Hands, far: Option<Far>, slug: String) -> Bench {
        Bench {
            hands,
            far,
            slug,
            seen: Vec::new(),
            began: Instant::now(),
            now: Stamp::default(),
        }
    }

    /// Begins anew, with nothing connected and nothing known of what was before.
    pub fn meet(&mut self, how: Meeting) -> Result<()> {
        if let Some(far) = &self.far {
            self.hands = Hands::Ssh(Box::new(far.hands(&self.slug, how)));
            return Ok(());
        }
        match how {
            Meeting::Unknown => self.inflict(Fault::HostKey(KeyFault::Unknown)),
            Meeting::Changed => self.inflict(Fault::HostKey(KeyFault::Changed)),
            Meeting::Known => bail!("the pretended cluster ends with its hands"),
            Meeting::ForeignLogin => bail!("nobody logs in to a pretended node"),
            Meeting::Impatient => bail!("a pretended link sends no life signs"),
            Meeting::Rekeying => bail!("a pretended link has no keys"),
        }
    }

    pub fn node(&self) -> NodeId {
        NodeId::new(NODE)
    }

    pub fn user(&self) -> &str {
        self.far.as_ref().map_or("operator", |far| &far.server.user)
    }

    /// The fingerprint of the key that the server has.
    pub fn fingerprint(&self) -> String {
        let far = self.far.as_ref();
        far.map_or("SHA256:simulated-server1-1".into(), |far| {
            fingerprint(&far.server.key())
        })
    }

    pub fn look(&mut self, look: Look) {
        let now = self.moment();
        match &mut self.hands {
            Hands::Twin(twin) => twin.look(look, now),
            Hands::Ssh(acts) => acts.look(look, now),
        }
    }

    pub fn change(&mut self, change: Change) {
        let now = self.moment();
        match &mut self.hands {
            Hands::Twin(twin) => twin.change(change, now),
            Hands::Ssh(acts) => acts.change(change, now),
        }
    }

    pub fn start(&mut self, order: &Order) {
        let order = order.clone();
        self.change(Change::Start { order });
    }

    pub fn attach(&mut self, order: &Order) {
        let order = order.clone();
        self.change(Change::Attach { order });
    }

    fn moment(&self) -> Stamp {
        match self.hands {
            Hands::Twin(_) => self.now,
            Hands::Ssh(_) => Stamp(u64::try_from(self.began.elapsed().as_millis()).unwrap_or(0)),
        }
    }

    /// The next arrival; `None` when nothing is under way or nothing came in time.
    async fn next(&mut self, deadline: Instant) -> Option<Arrival> {
        let now = self.moment();
        match &mut self.hands {
            Hands::Twin(twin) => {
                let Due::At(at) = twin.due() else {
                    return None;
                };
                self.now = at.max(now);
                Some(twin.arrival(self.now).await)
            }
            Hands::Ssh(acts) => {
                let left = deadline.saturating_duration_since(Instant::now());
                tokio::time::timeout(left, acts.arrival(now)).await.ok()
            }
        }
    }

    /// Reads on until something arrives of which `wanted` makes something.
    pub async fn until<R>(
        &mut self,
        what: &str,
        mut wanted: impl FnMut(&Arrival) -> Option<R>,
    ) -> Result<R> {
        let deadline = Instant::now() + PATIENCE;
        for _ in 0..ARRIVALS {
            let Some(arrival) = self.next(deadline).await else {
                break;
            };
            let found = wanted(&arrival);
            self.seen.push(arrival);
            if let Some(found) = found {
                return Ok(found);
            }
        }
        let last = &self.seen[self.seen.len().saturating_sub(12)..];
        bail!("{what} never came; last came {last:?}")
    }

    /// The next report about the link that is one of those wanted.
    pub async fn link(
        &mut self,
        what: &str,
        wanted: fn(&LinkReport) -> bool,
    ) -> Result<LinkReport> {
        self.until(what, |arrival| {
            link(arrival).filter(|report| wanted(report)).cloned()
        })
        .await
    }

    /// Connects and waits for it.
    pub async fn connect(&mut self) -> Result<LinkReport> {
        let node = self.node();
        self.look(Look::Connect { node });
        self.link("a link", is_up).await
    }

    /// The next report about the job that is one of those wanted.
    pub async fn job(
        &mut self,
        order: &Order,
        what: &str,
        wanted: fn(&JobReport) -> bool,
    ) -> Result<JobReport> {
        let says = |arrival: &Arrival| match arrival {
            Arrival::Job { action, report, .. } if *action == order.action && wanted(report) => {
                Some(report.clone())
            }
            _ => None,
        };
        self.until(what, says).await
    }

    /// How the job ended.
    pub async fn end(&mut self, order: &Order) -> Result<Claim> {
        let says = |arrival: &Arrival| match arrival {
            Arrival::Job {
                action,
                report: JobReport::Ended { claim },
                ..
            } => (*action == order.action).then(|| claim.clone()),
            _ => None,
        };
        self.until("the job's end", says).await
    }

    /// Waits until the job has printed this line.
    pub async fn line(&mut self, order: &Order, line: &str) -> Result<()> {
        let says = |arrival: &Arrival| {
            let mut lines = printed(arrival, order)?.iter();
            lines.any(|told| told == line).then_some(())
        };
        self.until(line, says).await
    }

    /// Everything that the job has printed so far.
    pub fn lines(&self, order: &Order) -> Vec<String> {
        let lines = self
            .seen
            .iter()
            .filter_map(|arrival| printed(arrival, order))
            .flat_map(Lines::iter);
        lines.map(str::to_owned).collect()
    }

    /// How many reports about the link were of this sort.
    pub fn links(&self, wanted: fn(&LinkReport) -> bool) -> usize {
        let links = self.seen.iter().filter_map(link);
        links.filter(|report| wanted(report)).count()
    }

    /// A job: what runs on a real node, and the lines that it prints.
    pub fn order(&self, name: &str, script: &str, prints: &[&str]) -> Order {
        let script = format!(
            "echo ran >>\"$HOME/{}\"\n{script}\n",
            self.file("runs", name)
        );
        let script = Script::assemble(Class::Change, &[], &[], &script).expect("no NUL");
        Order {
            action: ActionId::new(format!("{}/{name}@{NODE}", self.slug)),
            attempt: 1,
            node: self.node(),
            job: format!("{}.{name}.{NODE}.1", self.slug),
            errand: Errand::Script(script),
            dialogue: None,
            fence: None,
            reboots: false,
            timeout: Span::minutes(2),
            then: BTreeMap::new(),
            also_on: Vec::new(),
            typical: Span::seconds(60),
            output: prints.iter().map(|line| (*line).to_owned()).collect(),
        }
    }

    /// A job that goes on until it is released, or for a minute on a pretended node.
    pub fn waiting_order(&self, name: &str, code: u8) -> Order {
        let go = self.file("go", name);
        let script = format!(
            "echo begun\nwhile [ ! -e \"$HOME/{go}\" ]; do sleep 0.1; done\necho done\nexit {code}"
        );
        self.order(name, &script, &["begun", "done"])
    }

    /// Lets a job go on that waits.
    pub fn release(&self, name: &str) -> Result<()> {
        if let Some(far) = &self.far {
            fs::write(far.server.home.join(self.file("go", name)), "")?;
        }
        Ok(())
    }

    /// The next job of a pretended node ends with this code; that of a real one does by itself.
    pub fn will_exit(&mut self, code: i32) -> Result<()> {
        if self.far.is_some() {
            return Ok(());
        }
        let effect = Effect::Whole;
        self.inflict(Fault::Job(JobFault::Ends { code, effect }))
    }

    /// How often the job's script was really run.
    pub fn runs(&self, name: &str, order: &Order) -> usize {
        match (&self.hands, &self.far) {
            (Hands::Twin(twin), _) => twin.world().executions(&order.action) as usize,
            (Hands::Ssh(_), Some(far)) => {
                let file = far.server.home.join(self.file("runs", name));
                fs::read_to_string(file).unwrap_or_default().lines().count()
            }
            (Hands::Ssh(_), None) => 0,
        }
    }

    fn file(&self, what: &str, name: &str) -> String {
        format!("{what}.{}.{name}", self.slug)
    }

    /// Whether the folder of the jobs is there.
    pub fn has_jobs(&self) -> bool {
        self.far
            .as_ref()
            .is_some_and(|far| far.server.home.join(jobs(&self.slug)).exists())
    }

    /// The link drops. The node can be reached again at once, or soon.
    pub fn cut(&mut self) -> Result<()> {
        match &self.far {
            Some(far) => far.wire.cut(),
            None => self.inflict(Fault::LinkLost {
                lasts: Span::seconds(5),
            })?,
        }
        Ok(())
    }

    /// Nothing gets through any more, or everything again; no connection is closed.
    pub fn silent(&mut self, silent: bool) -> Result<()> {
        match &self.far {
            Some(far) => far.wire.silent(silent),
            None => bail!("a pretended link has no bytes that could fail to come"),
        }
        Ok(())
    }

    /// The node loses everything that runs, and boots.
    pub fn boot(&mut self) -> Result<()> {
        match &self.far {
            Some(far) => {
                far.server.boot_again();
                far.wire.cut();
            }
            None => self.inflict(Fault::PowerCut {
                lasts: Span::seconds(5),
                effect: Effect::Nothing,
            })?,
        }
        Ok(())
    }

    /// How many connections were made to the node; a pretended one counts its links.
    pub fn connections(&self) -> usize {
        let far = self.far.as_ref();
        far.map_or_else(|| self.links(is_up), |far| far.wire.connections())
    }

    /// A file of the operator's with this content, and its place on the node. Only real nodes hold files.
    pub fn package(&self, bytes: &[u8]) -> Result<(PathBuf, PathBuf)> {
        let Some(far) = &self.far else {
            bail!("a pretended node holds no files");
        };
        let from = far.desk.path().join("pack.bin");
        fs::write(&from, bytes)?;
        Ok((from, far.server.home.join(self.file("pack", "bin"))))
    }

    fn inflict(&mut self, fault: Fault) -> Result<()> {
        let (node, now) = (self.node(), self.moment());
        let Hands::Twin(twin) = &mut self.hands else {
            bail!("only a pretended node takes faults");
        };
        Ok(twin.world_mut().inflict(&node, fault, now)?)
    }
}

fn link(arrival: &Arrival) -> Option<&LinkReport> {
    match arrival {
        Arrival::Link { report, .. } => Some(report),
        _ => None,
    }
}

fn printed<'a>(arrival: &'a Arrival, order: &Order) -> Option<&'a Lines> {
    match arrival {
        Arrival::Telemetry(Telemetry::Output { action, lines, .. }) => {
            (*action == order.action).then_some(lines)
        }
        _ => None,
    }
}

pub fn is_up(report: &LinkReport) -> bool {
    matches!(report, LinkReport::Up { .. })
}

pub fn is_down(report: &LinkReport) -> bool {
    matches!(report, LinkReport::Down { .. })
}
