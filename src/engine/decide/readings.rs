//! What probes report: changes, what came back, rules.

use std::collections::BTreeMap;

use super::*;
use crate::engine::event::{Event, InvariantState};
use crate::engine::state::{ActionState, Part};
use crate::engine::{interlock, walk};
use crate::model::ids::{FactId, NodeId, ProbeId};
use crate::model::procedure::FactKind;
use crate::model::reply::Reading;
use crate::model::value::Value;

impl Turn<'_> {
    pub(in crate::engine) fn reading(&mut self, node: &NodeId, probe: &ProbeId, reading: &Reading) {
        if self
            .state
            .nodes
            .get(node)
            .is_none_or(|known| !known.link.is_up())
        {
            return;
        }
        let facts = match reading {
            Ok(facts) => facts,
            Err(why) => {
                return self.went_dark(node, &format!("probe {probe} gives no answer: {why}"));
            }
        };
        self.state.saw(node, probe, self.now);
        let changes = self.changes(node, probe, facts);
        let changed = !changes.is_empty();
        let gone: Vec<FactId> = changes.keys().cloned().collect();
        if changed {
            self.tell(Event::FactsChanged {
                node: node.clone(),
                probe: probe.clone(),
                facts: changes,
            });
        }
        let dark = self
            .state
            .facts
            .node(node)
            .is_some_and(|facts| facts.dark().is_some());
        if dark && !self.state.sight.unread.contains_key(node) {
            self.tell(Event::CameToLight { node: node.clone() });
            self.compare_established(node, None);
        } else if changed && !dark {
            self.compare_established(node, Some(&gone));
        }
        if changed || dark {
            self.rules();
            walk::look_at_waits(self);
        }
    }

    /// What is new in a reading. A word outside a fact's vocabulary is as good as none.
    pub(in crate::engine) fn changes(
        &self,
        node: &NodeId,
        probe: &ProbeId,
        facts: &BTreeMap<FactId, Option<Value>>,
    ) -> BTreeMap<FactId, Option<Value>> {
        let procedure = &self.state.brief.procedure;
        let Some(known) = self.state.facts.node(node) else {
            return BTreeMap::new();
        };
        let gives = procedure
            .probes
            .iter()
            .find(|known| known.id == *probe)
            .map(|probe| &probe.gives);
        let told = |fact: &FactId| {
            let kind = &procedure.facts.get(fact)?.kind;
            facts
                .get(fact)?
                .clone()
                .and_then(|value| of_kind(kind, value))
        };
        gives
            .into_iter()
            .flatten()
            .map(|fact| (fact.clone(), told(fact)))
            .filter(|(fact, value)| known.last(fact).map(|fact| &fact.value) != value.as_ref())
            .collect()
    }

    /// What finished actions established must still be so, unless something of ours is at work on the node.
    pub(in crate::engine) fn compare_established(
        &mut self,
        node: &NodeId,
        only: Option<&[FactId]>,
    ) {
        let at_work = self
            .state
            .active_on(node)
            .any(|record| !matches!(record.state, ActionState::Failed { .. }));
        let Some(facts) = self.state.facts.node(node) else {
            return;
        };
        if facts.dark().is_some() {
            return;
        }
        let mut told = Vec::new();
        let watched = self.state.brief.procedure.facts.iter();
        let watched = watched.filter(|(_, spec)| !spec.follows);
        for (fact, known) in watched.filter_map(|(fact, _)| {
            let key = (node.clone(), fact.clone());
            Some((fact, self.state.established.get(&key)?))
        }) {
            if only.is_some_and(|only| !only.contains(fact)) {
                continue;
            }
            let (wanted, by) = known;
            let value = facts.get(fact);
            let alarmed = self
                .state
                .resurrected
                .contains_key(&(node.clone(), fact.clone()));
            let (node, fact) = (node.clone(), fact.clone());
            match (value == Some(wanted), alarmed) {
                (true, true) => told.push(Event::Subsided {
                    node,
                    fact,
                    accepted: false,
                }),
                // What is not known has not come back: it holds the next step in its own right.
                (false, false) if !at_work && value.is_some() => {
                    let (was, now, by) = (wanted.clone(), value.cloned(), by.clone());
                    told.push(Event::Resurrected {
                        node,
                        fact,
                        was,
                        now,
                        by,
                    });
                }
                (true, false) | (false, true) | (false, false) => {}
            }
        }
        told.into_iter().for_each(|event| self.tell(event));
    }

    /// Invariants are watched all the time: each is told when it changes.
    pub(in crate::engine) fn rules(&mut self) {
        if self.state.part < Part::Review {
            return;
        }
        let kinds = self.state.facts.kinds();
        let same_kinds = self.state.sight.ruled.replace(kinds) == Some(kinds);
        let mut told = Vec::new();
        for invariant in &self.state.brief.procedure.invariants {
            if same_kinds && invariant.holds.sees_kinds_only() {
                continue;
            }
            let state = interlock::told(self.state, invariant);
            let same = match (self.state.invariants.get(&invariant.id), &state) {
                (Some(InvariantState::Holds), InvariantState::Holds)
                | (Some(InvariantState::Unknown { .. }), InvariantState::Unknown { .. }) => true,
                (
                    Some(InvariantState::Broken { detail: old }),
                    InvariantState::Broken { detail: new },
                ) => old == new,
                _ => false,
            };
            if !same {
                told.push(Event::InvariantTold {
                    invariant: invariant.id.clone(),
                    state,
                });
            }
        }
        told.into_iter().for_each(|event| self.tell(event));
    }
}

/// A value, if it is of the declared kind.
pub(super) fn of_kind(kind: &FactKind, value: Value) -> Option<Value> {
    match (kind, value) {
        (FactKind::Values(words), value) => {
            let word = value.to_string();
            words.contains(&word).then_some(Value::Text(word))
        }
        (FactKind::Bool, Value::Bool(value)) => Some(Value::Bool(value)),
        (FactKind::Number, Value::Number(value)) => Some(Value::Number(value)),
        (FactKind::Version | FactKind::Text, value) => {
            let text = value.to_string();
            (!text.is_empty()).then_some(Value::Text(text))
        }
        (FactKind::Bool | FactKind::Number, _) => None,
    }
}
