//! Networks that fail at every moment: what is told of jobs and files stays what happened, and links come back.
//!
//! Most stories have many nodes on one server, each reached by a [`Faulty`] way of its own.

mod deep;
mod handshake;
mod herd;
mod job_start;
mod login;
mod namespace;
mod rekey;
mod replaced;
mod slow;
mod uploads;

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};

use holdpoint::model::ids::{ActionId, NodeId};
use holdpoint::model::procedure::UploadSpec;
use holdpoint::model::reply::{CheckOutput, JobReport, LinkReport};
use holdpoint::model::telemetry::Telemetry;
use holdpoint::sim::rng::Rng;
use holdpoint::transport::nodes::{NodeSetup, Secrets, SshActs, SshLooks};
use holdpoint::transport::ssh::{Credentials, Tuning};
use holdpoint::transport::{Acts as _, Arrival, Change, Errand, Look, Looks as _, Order};

use crate::support::faulty::{Direction, Fault, Faulty, Kind};
use crate::support::hands::{order, setup};
use crate::support::sshd::Sshd;

/// Guards against hanging, and nothing else.
const PATIENCE: Duration = Duration::from_secs(150);

/// What was told about one node's link.
#[derive(Debug, Default)]
struct Told {
    up: bool,
    ups: Vec<LinkReport>,
    downs: Vec<String>,
    refusals: Vec<String>,
    readings: usize,
    checks: Vec<CheckOutput>,
}

/// Everything that was told.
#[derive(Debug, Default)]
struct Board {
    links: BTreeMap<NodeId, Told>,
    reports: BTreeMap<ActionId, Vec<JobReport>>,
    lines: BTreeMap<ActionId, Vec<String>>,
}

impl Board {
    fn link(&self, node: &NodeId) -> &Told {
        &self.links[node]
    }

    fn is_up(&self, node: &NodeId) -> bool {
        self.links.get(node).is_some_and(|told| told.up)
    }

    /// What ends a job's story, however often it was told.
    fn ends(&self, order: &Order) -> Vec<&JobReport> {
        let reports = self.reports.get(&order.action).into_iter().flatten();
        reports
            .filter(|report| {
                matches!(
                    report,
                    JobReport::Ended { .. }
                        | JobReport::NotStarted { .. }
                        | JobReport::Vanished { .. }
                )
            })
            .collect()
    }

    fn lines(&self, order: &Order) -> &[String] {
        self.lines.get(&order.action).map_or(&[], Vec::as_slice)
    }

    fn take(&mut self, arrival: Arrival) {
        match arrival {
            Arrival::Link { node, report } => {
                let told = self.links.entry(node).or_default();
                told.up = matches!(report, LinkReport::Up { .. });
                match report {
                    LinkReport::Up { .. } => told.ups.push(report),
                    LinkReport::Down { why } => told.downs.push(why),
                    other => told.refusals.push(format!("{other:?}")),
                }
            }
            Arrival::Reading { node, reading, .. } => {
                let told = self.links.entry(node).or_default();
                told.readings += usize::from(reading.is_ok());
            }
            Arrival::Check { node, output, .. } => {
                self.links.entry(node).or_default().checks.push(output);
            }
            Arrival::Job { action, report, .. } => {
                self.reports.entry(action).or_default().push(report);
            }
            Arrival::Telemetry(Telemetry::Output { action, lines, .. }) => {
                let told = self.lines.entry(action).or_default();
                told.extend(lines.iter().map(str::to_owned));
            }
            _ => {}
        }
    }
}

/// Hands on nodes behind ways that can be disturbed. All nodes are one server.
struct Field {
    server: Sshd,
    ways: Vec<Faulty>,
    nodes: Vec<NodeId>,
    hands: SshActs,
    board: Board,
    began: Instant,
}

/// A lost link shows after three seconds instead of twenty.
fn watchful(mut setup: NodeSetup) -> NodeSetup {
    setup.endpoint.tuning.keepalive = Some(Duration::from_secs(1));
    setup.endpoint.tuning.keepalives_lost = Some(2);
    setup
}

impl Field {
    /// `count` nodes on `server`, with ways that begin on `ip`. Nothing is connected yet.
    async fn new(server: Sshd, ip: &str, count: usize) -> Field {
        Field::tuned(server, ip, count, |_| {}).await
    }

    /// As [`Field::new`], connections being made as `tune` has it.
    async fn tuned(server: Sshd, ip: &str, count: usize, tune: impl Fn(&mut Tuning)) -> Field {
        let (mut ways, mut nodes, mut setups) = (Vec::new(), Vec::new(), Vec::new());
        for number in 0..count {
            let way = Faulty::to(&server, ip).await;
            let node = NodeId::new(format!("n{number}"));
            let mut setup = setup(&server, way.endpoint(&server));
            // More would let a handshake stall for longer.
            setup.endpoint.connect_timeout = Duration::from_secs(15);
            tune(&mut setup.endpoint.tuning);
            setups.push(NodeSetup {
                node: node.clone(),
                seed: number as u64,
                ..watchful(setup)
            });
            nodes.push(node);
            ways.push(way);
        }
        let looks = SshLooks::new(setups, Credentials::default(), Secrets::default());
        Field {
            server,
            ways,
            nodes,
            hands: SshActs::new(looks),
            board: Board::default(),
            began: Instant::now(),
        }
    }

    /// As [`Field::new`], everything connected.
    async fn connected(server: Sshd, ip: &str, count: usize) -> Field {
        let mut field = Field::new(server, ip, count).await;
        field.connect_all();
        field.all_up("the first connection").await;
        field
    }

    fn connect_all(&mut self) {
        for node in self.nodes.clone() {
            self.look(Look::Connect { node });
        }
    }

    fn look(&mut self, look: Look) {
        self.hands.look(look, self.now());
    }

    fn change(&mut self, change: Change) {
        self.hands.change(change, self.now());
    }

    fn now(&self) -> holdpoint::model::time::Stamp {
        let passed = self.began.elapsed().as_millis();
        holdpoint::model::time::Stamp(u64::try_from(passed).expect("not that long"))
    }

    /// A script on the node with this number.
    fn order(&self, number: usize, job: &str, script: &str) -> Order {
        Order {
            node: self.nodes[number].clone(),
            ..order(&self.server, job, script)
        }
    }

    /// A file of this machine for the node with this number.
    fn upload(&self, number: usize, job: &str, from: &Path, to: &Path) -> Order {
        let spec = UploadSpec {
            from: from.display().to_string(),
            to: to.display().to_string(),
            sha256: None,
            mode: None,
        };
        Order {
            errand: Errand::Upload(Box::new(spec)),
            ..self.order(number, job, "")
        }
    }

    async fn all_up(&mut self, what: &str) {
        let nodes = self.nodes.clone();
        self.until(what, |board| nodes.iter().all(|node| board.is_up(node)))
            .await;
    }

    /// Reads on until the board shows it. A server that closed before its greeting is left alone for half a minute by
    /// the program; the operator, who knows better here, has it tried again at once.
    async fn until(&mut self, what: &str, shown: impl Fn(&Board) -> bool) {
        let deadline = Instant::now() + PATIENCE;
        while !shown(&self.board) {
            let left = deadline.saturating_duration_since(Instant::now());
            let arrival = tokio::time::timeout(left, self.hands.arrival(self.now())).await;
            let Ok(arrival) = arrival else {
                panic!(
                    "never came: {what}\n{:#?}\n{}",
                    self.board,
                    self.server.log()
                );
            };
            if let Arrival::Link {
                node,
                report: LinkReport::Down { why },
            } = &arrival
                && why.contains("before its SSH greeting")
            {
                let node = node.clone();
                self.look(Look::Reconnect { node });
            }
            self.board.take(arrival);
        }
    }

    /// A round trip with every node: whatever was on its way before has arrived afterwards.
    async fn round_trip(&mut self) {
        let before: Vec<usize> = self.readings();
        for node in self.nodes.clone() {
            self.look(Look::Probe { node });
        }
        let nodes = self.nodes.clone();
        self.until("an answer of every node", |board| {
            let mut both = nodes.iter().zip(&before);
            both.all(|(node, before)| board.link(node).readings > *before)
        })
        .await;
    }

    fn readings(&self) -> Vec<usize> {
        let readings = |node| self.board.link(node).readings;
        self.nodes.iter().map(readings).collect()
    }

    /// No link was ever given up.
    fn assert_nobody_was_asked(&self) {
        for (node, told) in &self.board.links {
            assert!(told.refusals.is_empty(), "{node}: {told:#?}");
        }
    }
}

/// Numbers that depend on a seed alone, which every failure names.
struct Dice(Rng);

impl Dice {
    fn new(seed: u64, about: &str) -> Dice {
        Dice(Rng::keyed(seed, &[about]))
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.0.draw() % limit
    }
}

/// A fault somewhere in the first `to_node` or `from_node` bytes from now; the seed decides.
fn somewhere(seed: u64, kind: Kind, to_node: u64, from_node: u64) -> Fault {
    let mut dice = Dice::new(seed, "fault");
    if dice.below(2) == 0 {
        Fault::new(kind, Direction::ToNode, dice.below(to_node))
    } else {
        Fault::new(kind, Direction::FromNode, dice.below(from_node))
    }
}
