//! Hands on the pretended nodes, as the program has them, and a patient reader of what arrives.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use holdpoint::model::ids::{ActionId, FactId, NodeId};
use holdpoint::model::lines::Lines;
use holdpoint::model::procedure::FactKind;
use holdpoint::model::reply::{Claim, JobReport, LinkReport, Reading};
use holdpoint::model::script::{Class, Script};
use holdpoint::model::telemetry::Telemetry;
use holdpoint::model::time::{Span, Stamp};
use holdpoint::model::value::Value;
use holdpoint::transport::nodes::{CheckSetup, NodeSetup, ProbeSetup, Secrets, SshActs, SshLooks};
use holdpoint::transport::ssh::{Credentials, Endpoint};
use holdpoint::transport::{Acts, Arrival, Change, Errand, Look, Looks, Order};

use super::endpoint::friend;
use super::sshd::Sshd;

/// How long anything may take; a silent link is noticed after twenty seconds.
const PATIENCE: Duration = Duration::from_secs(150);

/// Something that looks, and everything that arrived.
pub struct Watcher<T> {
    pub hands: T,
    pub seen: Vec<Arrival>,
    began: Instant,
}

/// One probe that prints the node's file `facts`, and one check that does the same.
pub fn setup(node: &Sshd, endpoint: Endpoint) -> NodeSetup {
    let script = format!("cat '{}/facts'", node.home.display());
    let probe = ProbeSetup {
        id: "state".into(),
        gives: vec![
            ("service".into(), FactKind::Text),
            ("level".into(), FactKind::Version),
        ],
        every: Span(200),
        timeout: Span::seconds(10),
        script: script.clone(),
    };
    let check = CheckSetup {
        timeout: Span::seconds(10),
        script: script.into(),
        is_part: false,
    };
    set_facts(node, "service=running\nlevel=5\n");
    NodeSetup {
        node: NodeId::new(&node.name),
        endpoint,
        probes: vec![probe],
        checks: BTreeMap::from([("facts".into(), check)]),
        seed: 1,
    }
}

/// What the node's probe prints from now on.
pub fn set_facts(node: &Sshd, text: &str) {
    std::fs::write(node.home.join("facts"), text).expect("the node's facts");
}

/// Eyes on these nodes, whose host keys are known.
pub fn looks(nodes: &[&Sshd]) -> SshLooks {
    let setups = nodes.iter().map(|node| setup(node, friend(node)));
    SshLooks::new(setups.collect(), Credentials::default(), Secrets::default())
}

/// Hands on these nodes, whose host keys are known.
pub fn acts(nodes: &[&Sshd]) -> Watcher<SshActs> {
    Watcher::new(SshActs::new(looks(nodes)))
}

/// A change of one node: a script under the name of a job.
pub fn order(node: &Sshd, job: &str, script: &str) -> Order {
    Order {
        action: ActionId::new(job),
        attempt: 1,
        node: NodeId::new(&node.name),
        job: job.into(),
        errand: Errand::Script(Script::assemble(Class::Change, &[], &[], script).expect("no NUL")),
        dialogue: None,
        fence: None,
        reboots: false,
        timeout: Span::seconds(30),
        then: BTreeMap::from([("service".into(), Value::text("stopped"))]),
        also_on: Vec::new(),
        typical: Span::seconds(1),
        output: vec![],
    }
}

impl<T: Looks> Watcher<T> {
    pub fn new(hands: T) -> Watcher<T> {
        Watcher {
            hands,
            seen: Vec::new(),
            began: Instant::now(),
        }
    }

    pub fn now(&self) -> Stamp {
        Stamp(u64::try_from(self.began.elapsed().as_millis()).expect("not that long"))
    }

    pub fn look(&mut self, look: Look) {
        let now = self.now();
        self.hands.look(look, now);
    }

    /// Reads on until something arrives of which `wanted` makes something.
    pub async fn until<R>(
        &mut self,
        what: &str,
        mut wanted: impl FnMut(&Arrival) -> Option<R>,
    ) -> R {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let now = self.now();
            let arrival = tokio::time::timeout(left, self.hands.arrival(now)).await;
            let Ok(arrival) = arrival else {
                panic!("never arrived: {what}; seen: {:#?}", self.seen);
            };
            let found = wanted(&arrival);
            self.seen.push(arrival);
            if let Some(found) = found {
                return found;
            }
        }
    }

    /// The next report about the node's link that is one of those wanted.
    pub async fn link(&mut self, node: &Sshd, wanted: fn(&LinkReport) -> bool) -> LinkReport {
        let name = node.name.clone();
        let report = |arrival: &Arrival| match arrival {
            Arrival::Link { node, report } if node.as_str() == name && wanted(report) => {
                Some(report.clone())
            }
            _ => None,
        };
        self.until("a link report", report).await
    }

    /// As [`Watcher::link`], and what has arrived already counts: the `nth` such report of the node.
    pub async fn link_again(
        &mut self,
        node: &Sshd,
        wanted: fn(&LinkReport) -> bool,
        nth: usize,
    ) -> LinkReport {
        let name = node.name.clone();
        let fits = |arrival: &Arrival| match arrival {
            Arrival::Link { node, report } if node.as_str() == name && wanted(report) => {
                Some(report.clone())
            }
            _ => None,
        };
        let found: Vec<LinkReport> = self.seen.iter().filter_map(fits).collect();
        if let Some(report) = found.get(nth - 1) {
            return report.clone();
        }
        let mut missing = nth - found.len();
        let next = |arrival: &Arrival| {
            let report = fits(arrival)?;
            missing -= 1;
            (missing == 0).then_some(report)
        };
        self.until("a link report", next).await
    }

    /// Connects and waits for it.
    pub async fn connect(&mut self, node: &Sshd) -> LinkReport {
        self.look(Look::Connect {
            node: NodeId::new(&node.name),
        });
        self.link(node, is_up).await
    }

    /// Waits until a reading of the node says so.
    pub async fn fact(&mut self, node: &Sshd, fact: &str, value: &str) {
        let name = node.name.clone();
        let wanted = Some(Some(Value::text(value)));
        let says = |arrival: &Arrival| match arrival {
            Arrival::Reading {
                node,
                reading: Reading::Ok(facts),
                ..
            } if node.as_str() == name => {
                (facts.get(&FactId::new(fact)).cloned() == wanted).then_some(())
            }
            _ => None,
        };
        self.until(&format!("{fact}={value} of {}", node.name), says)
            .await;
    }

    /// The next report about the job that is one of those wanted.
    pub async fn job(&mut self, order: &Order, wanted: fn(&JobReport) -> bool) -> JobReport {
        let action = order.action.clone();
        let says = |arrival: &Arrival| match arrival {
            Arrival::Job {
                action: of, report, ..
            } if *of == action && wanted(report) => Some(report.clone()),
            _ => None,
        };
        self.until("a job report", says).await
    }

    /// How the job ended.
    pub async fn end(&mut self, order: &Order) -> Claim {
        match self
            .job(order, |report| matches!(report, JobReport::Ended { .. }))
            .await
        {
            JobReport::Ended { claim } => claim,
            other => unreachable!("{other:?}"),
        }
    }

    /// Waits until the job has printed this line.
    pub async fn line(&mut self, order: &Order, line: &str) {
        let action = order.action.clone();
        let says = |arrival: &Arrival| match arrival {
            Arrival::Telemetry(Telemetry::Output {
                action: of, lines, ..
            }) => (*of == action && lines.iter().any(|told| told == line)).then_some(()),
            _ => None,
        };
        self.until(line, says).await;
    }

    /// Everything that the job has printed so far.
    pub fn lines(&self, order: &Order) -> Vec<String> {
        let lines = |arrival: &Arrival| match arrival {
            Arrival::Telemetry(Telemetry::Output { action, lines, .. })
                if *action == order.action =>
            {
                Some(lines.clone())
            }
            _ => None,
        };
        let told: Vec<Lines> = self.seen.iter().filter_map(lines).collect();
        let lines = told.iter().flat_map(Lines::iter);
        lines.map(str::to_owned).collect()
    }
}

impl<T: Acts> Watcher<T> {
    pub fn change(&mut self, change: Change) {
        let now = self.now();
        self.hands.change(change, now);
    }

    pub fn start(&mut self, order: &Order) {
        self.change(Change::Start {
            order: order.clone(),
        });
    }

    pub fn attach(&mut self, order: &Order) {
        self.change(Change::Attach {
            order: order.clone(),
        });
    }
}

pub fn is_up(report: &LinkReport) -> bool {
    matches!(report, LinkReport::Up { .. })
}

pub fn is_down(report: &LinkReport) -> bool {
    matches!(report, LinkReport::Down { .. })
}
