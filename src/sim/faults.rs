//! Faults as they strike: those typed live, and those of a drill.

use std::collections::BTreeMap;

use super::jobs::JobState;
use super::world::{Event, SimWorld};
use crate::model::drill::{
    Drill, Effect, Fault, FaultError, JobFault, KeyFault, NodePick, PlannedFault, When,
};
use crate::model::ids::{ActionId, FactId, NodeId};
use crate::model::procedure::FactKind;
use crate::model::time::{Span, Stamp};
use crate::model::value::Value;

/// A fault of the drill, and how often it may still strike.
#[derive(Clone, Debug)]
pub(super) struct Planned {
    fault: PlannedFault,
    left: u32,
}

impl SimWorld {
    /// Lets a fault strike now. Refused, with the reason, if it names what is not there.
    pub fn inflict(&mut self, node: &NodeId, fault: Fault, now: Stamp) -> Result<(), FaultError> {
        let node = self.pick(&NodePick::Named(node.clone()))?;
        let fault = self.fit(fault)?;
        self.arrive(now);
        self.strike(node, &fault);
        Ok(())
    }

    /// Takes a drill in, in place of an earlier one's faults that wait for an action. Times count from the run's opening.
    pub fn set_drill(&mut self, drill: Drill) -> Result<(), FaultError> {
        let mut waiting = Vec::new();
        let mut timed = Vec::new();
        for mut fault in drill.faults {
            fault.what = self.fit(fault.what)?;
            let node = fault
                .node
                .as_ref()
                .map(|node| self.pick(node))
                .transpose()?;
            match &fault.when {
                When::At(after) => {
                    let node = node.ok_or(FaultError::NoNode)?;
                    timed.push((Stamp::default() + *after, node, fault.what));
                }
                When::Action { times, .. } => waiting.push(Planned {
                    left: *times,
                    fault,
                }),
            }
        }
        for (at, node, fault) in timed {
            let fault = Box::new(fault);
            self.queue.push(at, Event::Strike { node, fault });
        }
        self.drill = waiting;
        Ok(())
    }

    /// Faults of the drill that still wait for an action: after a run, those that never struck.
    pub fn waiting_faults(&self) -> impl Iterator<Item = &PlannedFault> {
        let waiting = self
            .drill
            .iter()
            .filter(|planned| match planned.fault.when {
                When::Action { times, .. } => planned.left == times && times > 0,
                When::At(_) => false,
            });
        waiting.map(|planned| &planned.fault)
    }

    /// The drill's faults for an action that starts now: where, what, and how long after. Counts them as struck.
    pub(super) fn faults_of(
        &mut self,
        action: &ActionId,
        attempt: u32,
        own: Option<usize>,
    ) -> Vec<(usize, Fault, Option<Span>)> {
        let mut due = Vec::new();
        for place in 0..self.drill.len() {
            let planned = &self.drill[place];
            let Some(after) = planned.fits(action, attempt) else {
                continue;
            };
            let node = match &planned.fault.node {
                Some(node) => self.pick(node).ok(),
                None => own.or((!self.nodes.is_empty()).then_some(0)),
            };
            if let Some(node) = node {
                due.push((node, planned.fault.what.clone(), after));
                self.drill[place].left -= 1;
            }
        }
        due
    }

    /// A fault strikes.
    pub(super) fn strike(&mut self, node: usize, fault: &Fault) {
        match fault {
            Fault::LinkLost { lasts } => self.cut(node, "the connection was lost", Some(*lasts)),
            Fault::Unreachable { lasts } => self.cut(node, "the node does not answer", *lasts),
            Fault::PowerCut { lasts, effect } => self.power_cut(node, *lasts, *effect),
            Fault::HostKey(KeyFault::AtBoot) => self.nodes[node].wrong.key_at_boot = true,
            Fault::HostKey(key) => {
                self.nodes[node].wrong.key = Some(*key);
                self.nodes[node].wrong.keys += 1;
                let soon = Some(Span::seconds(5));
                self.cut(node, "the connection was closed by the node", soon);
            }
            Fault::Job(fault) => self.spoil_or_arm(node, *fault),
            Fault::ComesBack { changes, after } if changes.is_empty() => {
                self.after(*after, Event::Reverts { node });
            }
            Fault::ComesBack { changes, after } => {
                let change = |(fact, value): (&FactId, &Value)| (fact.clone(), Some(value.clone()));
                let changes = changes.iter().map(change).collect();
                self.after(*after, Event::Flips { node, changes });
            }
            Fault::PrimaryMoves { fact } => self.swap(node, fact),
            Fault::ProbeSilent { probe, lasts } => {
                let probes = 0..self.procedure.probes.len();
                let all = probe.is_none();
                let meant =
                    |i: &usize| all || probe.as_ref() == Some(&self.procedure.probes[*i].id);
                for probe in probes.filter(meant).collect::<Vec<_>>() {
                    self.silence(node, probe, *lasts);
                }
            }
            Fault::Unknown { fact, lasts } => {
                self.nodes[node].wrong.unknown.insert(fact.clone());
                self.look_at(node, fact);
                if let Some(span) = lasts {
                    let fact = fact.clone();
                    self.after(*span, Event::Tells { node, fact });
                }
            }
            Fault::CheckFails { check } => {
                self.nodes[node].wrong.checks.insert(check.clone());
            }
            Fault::Locked => self.foreign_lock(node),
            Fault::Mended => self.mend(node),
        }
    }

    fn power_cut(&mut self, node: usize, lasts: Span, effect: Effect) {
        self.go_down(node, "the node lost power", lasts, effect);
    }

    /// The node goes down and boots again after `lasts`.
    pub(super) fn go_down(&mut self, node: usize, why: &str, lasts: Span, effect: Effect) {
        self.jobs_vanish(node, effect);
        let it = &mut self.nodes[node];
        it.boots += 1;
        if std::mem::take(&mut it.wrong.key_at_boot) {
            it.wrong.key = Some(KeyFault::Changed);
            it.wrong.keys += 1;
        }
        it.incarnation = format!("{} boot {}", it.name, it.boots);
        self.cut(node, why, Some(lasts));
    }

    /// Spoils the jobs that run, or else the next one to start.
    fn spoil_or_arm(&mut self, node: usize, fault: JobFault) {
        let jobs = self.nodes[node].jobs.iter();
        let running: Vec<_> = jobs
            .filter(|(_, job)| job.state == JobState::Running)
            .map(|(id, _)| id.clone())
            .collect();
        if running.is_empty() {
            self.nodes[node].wrong.armed.push(fault);
        }
        for id in running {
            self.spoil(node, &id, fault);
        }
    }

    /// The node and the one that stands out by this fact exchange their values; one that is it already stays it.
    fn swap(&mut self, node: usize, fact: &FactId) {
        let mine = self.nodes[node].facts.get(fact).cloned();
        if mine == Some(Value::Bool(true)) {
            return;
        }
        let theirs = |other: &usize| self.nodes[*other].facts.get(fact);
        let Some(other) = (0..self.nodes.len()).find(|other| theirs(other) != mine.as_ref()) else {
            return;
        };
        let gets = |value| BTreeMap::from([(fact.clone(), value)]);
        let (to_me, to_other) = (gets(theirs(&other).cloned()), gets(mine));
        for (node, changes) in [(node, to_me), (other, to_other)] {
            self.after(Span(0), Event::Flips { node, changes });
        }
    }

    fn silence(&mut self, node: usize, probe: usize, lasts: Option<Span>) {
        self.nodes[node].wrong.silent.insert(probe);
        self.look_again(node, probe, super::world::Cause::World);
        if let Some(span) = lasts {
            self.after(span, Event::Speaks { node, probe });
        }
    }

    fn mend(&mut self, node: usize) {
        let wrong = std::mem::take(&mut self.nodes[node].wrong);
        self.nodes[node].wrong.keys = wrong.keys.saturating_sub(u32::from(wrong.key.is_some()));
        self.nodes[node].cuts += 1;
        self.let_in(node);
        self.unhang(node);
        self.foreign_unlock(node);
        for probe in wrong.silent {
            self.look_again(node, probe, super::world::Cause::World);
        }
        for fact in wrong.unknown {
            self.look_at(node, &fact);
        }
    }

    fn pick(&self, pick: &NodePick) -> Result<usize, FaultError> {
        let found = match pick {
            NodePick::Named(name) => self.place(name),
            NodePick::Nth(nth) => nth.checked_sub(1).filter(|place| *place < self.nodes.len()),
        };
        let name = match pick {
            NodePick::Named(name) => name.to_string(),
            NodePick::Nth(nth) => nth.to_string(),
        };
        let known = self.nodes.iter().map(|node| &node.name);
        found.ok_or_else(|| no_such("node", name, known))
    }

    /// The fault with its names found and its values in their kinds.
    fn fit(&self, mut fault: Fault) -> Result<Fault, FaultError> {
        let procedure = &self.procedure;
        let fact = |fact: &FactId| match procedure.facts.contains_key(fact) {
            true => Ok(()),
            false => Err(no_such("fact", fact, procedure.facts.keys())),
        };
        match &mut fault {
            Fault::PrimaryMoves { fact: moved } => fact(moved)?,
            Fault::Unknown { fact: hidden, .. } => fact(hidden)?,
            Fault::ComesBack { changes, .. } => {
                for (id, value) in changes {
                    fact(id)?;
                    *value = fit_value(id, &procedure.facts[id].kind, value)?;
                }
            }
            Fault::ProbeSilent {
                probe: Some(probe), ..
            } => {
                let mut known = procedure.probes.iter().map(|known| &known.id);
                if !known.clone().any(|id| id == probe) {
                    return Err(no_such("probe", probe, &mut known));
                }
            }
            Fault::CheckFails { check } => {
                let mut known = procedure.checks.iter().map(|known| &known.id);
                if procedure.check(check).is_none() {
                    return Err(no_such("check", check, &mut known));
                }
            }
            Fault::LinkLost { .. }
            | Fault::Unreachable { .. }
            | Fault::PowerCut { .. }
            | Fault::HostKey(_)
            | Fault::Job(_)
            | Fault::ProbeSilent { probe: None, .. }
            | Fault::Locked
            | Fault::Mended => {}
        }
        Ok(fault)
    }
}

impl Planned {
    /// Whether it strikes at this attempt of this action; if so, how long after, where that is said.
    fn fits(&self, action: &ActionId, attempt: u32) -> Option<Option<Span>> {
        let When::Action {
            glob,
            attempt: wanted,
            after,
            ..
        } = &self.fault.when
        else {
            return None;
        };
        let fits = self.left > 0
            && wanted.is_none_or(|wanted| wanted == attempt)
            && globs(glob, action.as_str());
        fits.then_some(*after)
    }
}

/// Whether a text fits a pattern in which `*` stands for any run of characters.
fn globs(glob: &str, text: &str) -> bool {
    let Some((start, rest)) = glob.split_once('*') else {
        return glob == text;
    };
    let Some(mut text) = text.strip_prefix(start) else {
        return false;
    };
    let mut parts: Vec<_> = rest.split('*').collect();
    let end = parts.pop().unwrap_or_default();
    for part in parts {
        let Some(at) = text.find(part) else {
            return false;
        };
        text = &text[at + part.len()..];
    }
    text.ends_with(end)
}

fn fit_value(fact: &FactId, kind: &FactKind, value: &Value) -> Result<Value, FaultError> {
    let bad = |takes: &str| FaultError::BadValue {
        fact: fact.clone(),
        value: value.to_string(),
        takes: takes.into(),
    };
    let text = value.to_string();
    match (kind, value) {
        (FactKind::Values(words), _) if words.contains(&text) => Ok(Value::Text(text)),
        (FactKind::Values(words), _) => Err(bad(&words.join(", "))),
        (FactKind::Version | FactKind::Text, _) => Ok(Value::Text(text)),
        (FactKind::Bool, Value::Bool(_)) | (FactKind::Number, Value::Number(_)) => {
            Ok(value.clone())
        }
        (FactKind::Bool, Value::Number(_) | Value::Text(_)) => Err(bad("true or false")),
        (FactKind::Number, Value::Bool(_) | Value::Text(_)) => Err(bad("a whole number")),
    }
}

fn no_such(
    kind: &'static str,
    name: impl ToString,
    known: impl IntoIterator<Item: ToString>,
) -> FaultError {
    // Enough to see what names look like here; a thousand of them help nobody.
    let known = known.into_iter().take(12).map(|name| name.to_string());
    FaultError::NoSuchName {
        kind,
        name: name.to_string(),
        known: known.collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_any_run_of_characters() {
        for (glob, text, fits) in [
            ("upgrade/update@st2", "upgrade/update@st2", true),
            ("upgrade/update@st2", "upgrade/update@st22", false),
            ("upgrade/*@st2", "upgrade/update@st2", true),
            ("*@st2", "upgrade/update@st2", true),
            ("upgrade/*", "upgrade/update@st2", true),
            ("*", "", true),
            ("*a*a", "a", false),
            ("a*b*c", "a-b-b-c", true),
            ("a*b*c", "a-c-b", false),
        ] {
            assert_eq!(globs(glob, text), fits, "{glob} {text}");
        }
    }
}
