//! A dry run: real looks, and changes that go nowhere.
//!
//! It holds something that only [`Looks`], so there is nothing in it that could send a change (rule 9). What a change
//! would have made so is laid over what is really observed, so that the walk can go on.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::{Acts, Arrival, Change, Due, Look, Looks, Order};
use crate::model::ids::{FactId, NodeId, ProbeId};
use crate::model::lines::Lines;
use crate::model::reply::{Claim, JobReport, LinkReport};
use crate::model::telemetry::{Stream, Telemetry};
use crate::model::time::Stamp;
use crate::model::value::Value;

/// What every action of a dry run prints instead of its output.
pub const NOT_SENT: &str = "dry run: not sent";

/// What a dry run prints in place of what a read-only step would print about a node that was not changed.
const NOT_LOOKED: &str = "dry run: not run; the node is only supposed to have been changed";

/// Effects that were supposed so far: node by node, fact by fact.
pub type Overlay = BTreeMap<NodeId, BTreeMap<FactId, Value>>;

/// Looks through `L`; keeps changes to itself.
#[derive(Debug)]
pub struct DryRun<L> {
    looks: L,
    overlay: Overlay,
    /// The last real reading of each probe, to be told again under a new overlay.
    seen: BTreeMap<NodeId, BTreeMap<ProbeId, BTreeMap<FactId, Option<Value>>>>,
    linked: BTreeSet<NodeId>,
    /// How the link of each node came up last.
    links: BTreeMap<NodeId, LinkReport>,
    /// How often each node would have been rebooted.
    reboots: BTreeMap<NodeId, u32>,
    /// Jobs that were not sent, so that a second request for one is no second execution.
    supposed: BTreeSet<String>,
    waiting: VecDeque<(Stamp, Arrival)>,
}

impl<L: Looks> DryRun<L> {
    /// A dry run over these eyes. A resumed one hands in what was supposed before.
    pub fn new(looks: L, overlay: Overlay) -> DryRun<L> {
        DryRun {
            looks,
            overlay,
            seen: BTreeMap::new(),
            linked: BTreeSet::new(),
            links: BTreeMap::new(),
            reboots: BTreeMap::new(),
            supposed: BTreeSet::new(),
            waiting: VecDeque::new(),
        }
    }

    /// The eyes it looks through.
    pub fn looks(&self) -> &L {
        &self.looks
    }

    /// The eyes it looks through, to give them what they ask for.
    pub fn looks_mut(&mut self) -> &mut L {
        &mut self.looks
    }

    /// What is supposed so far.
    pub fn overlay(&self) -> &Overlay {
        &self.overlay
    }

    fn start(&mut self, order: Order, now: Stamp) {
        if !self.linked.contains(&order.node) {
            let why = format!("no connection to {}", order.node);
            return self.tell(&order, JobReport::NotStarted { why }, now);
        }
        let first = self.supposed.insert(order.job.clone());
        self.tell(&order, JobReport::Accepted, now);
        if first {
            self.waiting.push_back((now, said(&order, NOT_SENT, now)));
        }
        self.tell_end(&order, now);
        if first {
            self.suppose(&order.node, &order.then, now);
            for other in &order.also_on {
                self.suppose(other, &order.then, now);
            }
            if order.reboots {
                self.suppose_reboot(&order.node, now);
            }
        }
    }

    /// A step that reboots is done only when another boot answers: supposed, too.
    fn suppose_reboot(&mut self, node: &NodeId, now: Stamp) {
        *self.reboots.entry(node.clone()).or_default() += 1;
        if let Some(link) = self.links.get(node) {
            let report = self.rebooted(node, link.clone());
            let node = node.clone();
            self.waiting
                .push_back((now, Arrival::Link { node, report }));
        }
    }

    /// How a link would come up on a node that would have been rebooted.
    fn rebooted(&self, node: &NodeId, mut report: LinkReport) -> LinkReport {
        if let (LinkReport::Up { incarnation, .. }, Some(times)) =
            (&mut report, self.reboots.get(node))
        {
            incarnation.push_str(&format!(", supposed reboot {times}"));
        }
        report
    }

    /// A read-only step that looks at what was only supposed would find the node as it really is. It is supposed, too.
    fn suppose_read(&mut self, order: &Order, now: Stamp) {
        self.tell(order, JobReport::Accepted, now);
        self.waiting.push_back((now, said(order, NOT_LOOKED, now)));
        self.tell_end(order, now);
    }

    fn attach(&mut self, order: &Order, now: Stamp) {
        if self.supposed.contains(&order.job) {
            return self.tell_end(order, now);
        }
        let why = "a dry run sends nothing".into();
        self.tell(order, JobReport::NotStarted { why }, now);
    }

    fn perform(&mut self, effects: BTreeMap<NodeId, BTreeMap<FactId, Value>>, now: Stamp) {
        for (node, then) in effects {
            self.suppose(&node, &then, now);
        }
    }

    /// Lays a postcondition over what is observed, and tells the readings that look different now.
    fn suppose(&mut self, node: &NodeId, then: &BTreeMap<FactId, Value>, now: Stamp) {
        let supposed = self.overlay.entry(node.clone()).or_default();
        supposed.extend(
            then.iter()
                .map(|(fact, value)| (fact.clone(), value.clone())),
        );
        if !self.linked.contains(node) {
            return;
        }
        let Some(seen) = self.seen.get(node) else {
            return;
        };
        for (probe, facts) in seen {
            if !facts.keys().any(|fact| then.contains_key(fact)) {
                continue;
            }
            let mut facts = facts.clone();
            lay_over(&mut facts, self.overlay.get(node));
            let arrival = Arrival::Reading {
                node: node.clone(),
                probe: probe.clone(),
                reading: Ok(facts),
            };
            self.waiting.push_back((now, arrival));
        }
    }

    fn tell_end(&mut self, order: &Order, now: Stamp) {
        let claim = Claim::Exited { code: 0 };
        self.tell(order, JobReport::Ended { claim }, now);
    }

    fn tell(&mut self, order: &Order, report: JobReport, now: Stamp) {
        let arrival = Arrival::Job {
            action: order.action.clone(),
            attempt: order.attempt,
            node: order.node.clone(),
            report,
        };
        self.waiting.push_back((now, arrival));
    }

    /// Lays what is supposed over what was really seen.
    fn overlaid(&mut self, arrival: Arrival) -> Arrival {
        match arrival {
            Arrival::Link { node, report } => {
                if matches!(report, LinkReport::Up { .. }) {
                    self.linked.insert(node.clone());
                    self.links.insert(node.clone(), report.clone());
                } else {
                    self.linked.remove(&node);
                }
                let report = self.rebooted(&node, report);
                Arrival::Link { node, report }
            }
            Arrival::Reading {
                node,
                probe,
                reading: Ok(mut facts),
            } => {
                let seen = self.seen.entry(node.clone()).or_default();
                seen.insert(probe.clone(), facts.clone());
                lay_over(&mut facts, self.overlay.get(&node));
                Arrival::Reading {
                    node,
                    probe,
                    reading: Ok(facts),
                }
            }
            other @ (Arrival::Reading { .. }
            | Arrival::Check { .. }
            | Arrival::Job { .. }
            | Arrival::Lock { .. }
            | Arrival::Telemetry(_)) => other,
        }
    }
}

impl<L: Looks> Looks for DryRun<L> {
    fn look(&mut self, look: Look, now: Stamp) {
        if let Look::Disconnect { node } = &look {
            self.linked.remove(node);
        }
        if let Look::Read { order } = &look
            && self.overlay.contains_key(&order.node)
        {
            return self.suppose_read(order, now);
        }
        self.looks.look(look, now);
    }

    fn due(&self) -> Due {
        match self.waiting.front() {
            Some((at, _)) => Due::At(*at),
            None => self.looks.due(),
        }
    }

    async fn arrival(&mut self, now: Stamp) -> Arrival {
        if let Some((_, arrival)) = self.waiting.pop_front() {
            return arrival;
        }
        let arrival = self.looks.arrival(now).await;
        self.overlaid(arrival)
    }
}

impl<L: Looks> Acts for DryRun<L> {
    fn change(&mut self, change: Change, now: Stamp) {
        match change {
            Change::Start { order } => self.start(order, now),
            Change::Attach { order } => self.attach(&order, now),
            // Nothing runs that could be stopped, and nothing is kept that could be forgotten.
            Change::Cancel { order: _ } | Change::Acknowledge { order: _ } => {}
            // Nothing runs that could ask, or be typed into.
            Change::Wheel { order: _, act: _ } => {}
            // It starts nothing, so it locks nobody out.
            Change::Lock {
                node: _,
                claimant: _,
                ask: _,
            } => {}
            Change::Answer {
                order: _,
                at: _,
                answer: _,
            } => {}
            Change::Performed {
                action: _,
                effects,
                typical: _,
            } => self.perform(effects, now),
        }
    }
}

fn lay_over(
    facts: &mut BTreeMap<FactId, Option<Value>>,
    supposed: Option<&BTreeMap<FactId, Value>>,
) {
    let Some(supposed) = supposed else {
        return;
    };
    for (fact, value) in facts {
        if let Some(supposed) = supposed.get(fact) {
            *value = Some(supposed.clone());
        }
    }
}

fn said(order: &Order, text: &str, at: Stamp) -> Arrival {
    Arrival::Telemetry(Telemetry::Output {
        action: order.action.clone(),
        attempt: order.attempt,
        node: order.node.clone(),
        stream: Stream::Out,
        lines: Lines::one(text),
        at,
    })
}
