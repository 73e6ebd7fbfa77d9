//! What the pretend nodes say about themselves: probes, checks, and facts that change.

use std::collections::BTreeMap;

use super::world::{Cause, Event, Reply, SimWorld};
use crate::model::condition::{Members, View};
use crate::model::drill::Effect;
use crate::model::ids::{CheckId, FactId, NodeId};
use crate::model::procedure::CheckKind;
use crate::model::reply::{CheckOutput, Reading};
use crate::model::time::{Span, Stamp};
use crate::model::value::Value;

impl SimWorld {
    /// Runs every probe of the node and tells what each says, changed or not.
    pub fn probe(&mut self, node: &NodeId, now: Stamp) {
        self.arrive(now);
        let Some(node) = self.place(node).filter(|node| self.nodes[*node].is_up()) else {
            return;
        };
        for probe in 0..self.procedure.probes.len() {
            if self.applies(node, probe) {
                let wait = self.takes(node, probe);
                self.after(wait, Event::Probed { node, probe });
            }
        }
    }

    /// Looks again and again from here on. What was not told yet is told at each probe's next pace; after that only
    /// changes are, so that a quiet cluster costs nothing.
    pub fn watch(&mut self, node: &NodeId, now: Stamp) {
        self.arrive(now);
        if let Some(node) = self.place(node) {
            self.nodes[node].watched = true;
            for probe in 0..self.procedure.probes.len() {
                self.look_at_pace(node, probe);
            }
        }
    }

    /// Runs a check on the node.
    pub fn check(&mut self, node: &NodeId, check: &CheckId, now: Stamp) {
        self.arrive(now);
        let node = self.place(node).filter(|node| self.nodes[*node].is_up());
        let place = |check: &CheckId| self.procedure.checks.iter().position(|c| c.id == *check);
        if let (Some(node), Some(check)) = (node, place(check)) {
            let latency = self.latency(node, self.procedure.checks[check].id.as_str());
            self.after(latency, Event::Checked { node, check });
        }
    }

    pub(super) fn probed(&mut self, node: usize, probe: usize) -> Option<Reply> {
        if !self.nodes[node].is_up() {
            return None;
        }
        self.nodes[node].probes[probe].stale = false;
        Some(Reply::Reading {
            node: self.nodes[node].name.clone(),
            probe: self.procedure.probes[probe].id.clone(),
            reading: self.reading(node, probe),
        })
    }

    /// A watched probe looks; it has something to tell only if something changed.
    pub(super) fn pace(&mut self, node: usize, probe: usize) -> Option<Reply> {
        let now = self.now();
        let it = &mut self.nodes[node];
        let sight = &mut it.probes[probe];
        if sight.coming.is_some_and(|coming| coming <= now) {
            sight.coming = None;
        }
        if !it.watched || !it.probes[probe].stale {
            return None;
        }
        self.probed(node, probe)
    }

    pub(super) fn checked(&mut self, node: usize, check: usize) -> Option<Reply> {
        self.nodes[node].is_up().then(|| Reply::Check {
            node: self.nodes[node].name.clone(),
            check: self.procedure.checks[check].id.clone(),
            output: self.output(node, check),
        })
    }

    /// A job's end, or the world, makes a postcondition so, or part of it.
    pub(super) fn take_effect(
        &mut self,
        node: usize,
        then: &BTreeMap<FactId, Value>,
        effect: Effect,
        cause: Cause,
    ) {
        let changes: BTreeMap<_, _> = match effect {
            Effect::Nothing => return,
            Effect::Whole => whole(then).collect(),
            Effect::Half if then.len() < 2 => then.keys().map(|f| (f.clone(), None)).collect(),
            Effect::Half => whole(then).take(then.len() / 2).collect(),
        };
        if !changes.is_empty() {
            self.nodes[node].before = self.change(node, changes, cause);
        }
    }

    /// What the last effect changed goes back to what it was.
    pub(super) fn revert(&mut self, node: usize) {
        let before = std::mem::take(&mut self.nodes[node].before);
        self.change(node, before, Cause::World);
    }

    /// Facts change; gives back what they were.
    pub(super) fn change(
        &mut self,
        node: usize,
        changes: BTreeMap<FactId, Option<Value>>,
        cause: Cause,
    ) -> BTreeMap<FactId, Option<Value>> {
        let facts = &mut self.nodes[node].facts;
        let mut before = BTreeMap::new();
        let mut seen_by = Vec::new();
        for (fact, value) in changes {
            let old = match value.clone() {
                Some(new) => facts.insert(fact.clone(), new),
                None => facts.remove(&fact),
            };
            if let Some(probe) = self.probe_of.get(&fact).filter(|_| old != value) {
                seen_by.push(*probe);
            }
            before.insert(fact, old);
        }
        seen_by.sort_unstable();
        seen_by.dedup();
        for probe in seen_by {
            self.look_again(node, probe, cause);
        }
        before
    }

    /// A probe would say something else now.
    pub(super) fn look_again(&mut self, node: usize, probe: usize, cause: Cause) {
        self.nodes[node].probes[probe].stale = true;
        match cause {
            Cause::World => self.look_at_pace(node, probe),
            Cause::Job => {
                let at = self.now() + self.takes(node, probe);
                self.look(node, probe, at);
            }
        }
    }

    /// The probe of a fact would say something else now.
    pub(super) fn look_at(&mut self, node: usize, fact: &FactId) {
        if let Some(probe) = self.probe_of.get(fact).copied() {
            self.look_again(node, probe, Cause::World);
        }
    }

    /// A stale probe looks when its pace comes next.
    pub(super) fn look_at_pace(&mut self, node: usize, probe: usize) {
        let every = self.procedure.probes[probe].every.0.max(1);
        let next = Stamp(
            (self.now().0 / every)
                .saturating_add(1)
                .saturating_mul(every),
        );
        self.look(node, probe, next);
    }

    fn look(&mut self, node: usize, probe: usize, at: Stamp) {
        let it = &mut self.nodes[node];
        let sight = &mut it.probes[probe];
        let earlier = sight.coming.is_some_and(|coming| coming <= at);
        if !it.watched || !it.is_up() || !it.probes[probe].stale || earlier {
            return;
        }
        if self.applies(node, probe) {
            self.nodes[node].probes[probe].coming = Some(at);
            self.queue.push(at, Event::Pace { node, probe });
        }
    }

    /// How long a probe takes to answer, or to be given up.
    fn takes(&self, node: usize, probe: usize) -> Span {
        let spec = &self.procedure.probes[probe];
        if self.nodes[node].wrong.silent.contains(&probe) {
            return spec.timeout;
        }
        self.latency(node, spec.id.as_str())
    }

    /// What a probe says now.
    fn reading(&self, node: usize, probe: usize) -> Reading {
        let (node, spec) = (&self.nodes[node], &self.procedure.probes[probe]);
        if node.wrong.silent.contains(&probe) {
            return Err(format!("no answer within {}", spec.timeout));
        }
        let value = |fact: &FactId| {
            let told = !node.wrong.unknown.contains(fact);
            node.facts.get(fact).filter(|_| told).cloned()
        };
        Ok(spec
            .gives
            .iter()
            .map(|fact| (fact.clone(), value(fact)))
            .collect())
    }

    /// Whether a probe runs on this node: not where its condition certainly says no.
    fn applies(&self, node: usize, probe: usize) -> bool {
        let Some(on) = &self.procedure.probes[probe].on else {
            return true;
        };
        let node = Some(self.members(node));
        !on.evaluate(&View {
            node,
            ..self.view()
        })
        .is_no()
    }

    fn output(&self, node: usize, check: usize) -> CheckOutput {
        let spec = &self.procedure.checks[check];
        let CheckKind::Script {
            passes, rehearse, ..
        } = &spec.kind
        else {
            return Err(format!("check {} runs no script", spec.id));
        };
        if !self.nodes[node].wrong.checks.contains(&spec.id) {
            return Ok(rehearse.clone());
        }
        let members = Some(self.members(node));
        let fails = |output: &BTreeMap<String, Value>| {
            let said = Members::new(output.iter().map(|(k, v)| (k.as_str(), v)), []);
            let view = View {
                node: members.clone(),
                checks: std::slice::from_ref(&said),
                check: Some(said.clone()),
                ..self.view()
            };
            passes.evaluate(&view).is_no()
        };
        spoilt(rehearse)
            .find(fails)
            .ok_or_else(|| format!("check {} ended with exit code 1", spec.id))
    }

    fn members(&self, node: usize) -> Members {
        let node = &self.nodes[node];
        let (name, host) = (Value::text(node.name.as_str()), Value::text(&node.host));
        let own = [("name", &name), ("host", &host)];
        let roles = node.roles.iter().map(|role| role.as_str().to_string());
        let facts = node.facts.iter().map(|(id, value)| (id.as_str(), value));
        Members::new(facts.chain(own), [("roles", roles.collect())])
    }

    fn view(&self) -> View<'_> {
        View {
            params: Some(&self.params),
            target: Some(&self.target),
            ..View::default()
        }
    }
}

fn whole(then: &BTreeMap<FactId, Value>) -> impl Iterator<Item = (FactId, Option<Value>)> {
    then.iter()
        .map(|(fact, value)| (fact.clone(), Some(value.clone())))
}

/// Outputs that a check would rather not see: each of its values spoilt alone, then all of them.
fn spoilt(good: &BTreeMap<String, Value>) -> impl Iterator<Item = BTreeMap<String, Value>> {
    const HUGE: i64 = i64::MAX / 1024;
    let bad = |value: &Value, low: bool| match value {
        Value::Bool(value) => Value::Bool(!value),
        Value::Number(_) => Value::Number(if low { 0 } else { HUGE }),
        Value::Text(_) if low => Value::text(""),
        Value::Text(text) => Value::text(format!("not-{text}")),
    };
    let one = move |key: &String, low: bool| {
        let mut output = good.clone();
        if let Some(value) = output.get_mut(key) {
            *value = bad(value, low);
        }
        output
    };
    let all = move |low: bool| good.iter().map(|(k, v)| (k.clone(), bad(v, low))).collect();
    let alone = good
        .keys()
        .flat_map(move |key| [one(key, true), one(key, false)]);
    alone.chain([all(true), all(false)])
}
