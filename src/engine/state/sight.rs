//! How fresh it all is: ages, and what must be looked at before it can be relied on.

use std::collections::{BTreeMap, BTreeSet};

use super::*;
use crate::engine::brief::Brief;
use crate::model::ids::{ActionId, CheckId, FactId, NodeId, ProbeId};
use crate::model::time::{Span, Stamp};

/// When things were last looked at, and what must be looked at before it can be relied on. Renewed by readings, which
/// are no events when nothing changed.
#[derive(Clone, Debug, Default)]
pub struct Sight {
    pub seen: BTreeMap<NodeId, BTreeMap<ProbeId, Stamp>>,
    pub heartbeat: Option<Stamp>,
    /// Probes not read since the node went dark.
    pub unread: BTreeMap<NodeId, BTreeSet<ProbeId>>,
    /// Readings that an action's proof still waits for.
    pub awaited: BTreeMap<(NodeId, ProbeId), BTreeSet<ActionId>>,
    pub awaited_left: BTreeMap<ActionId, usize>,
    /// Nodes that were asked and have not answered, and when.
    pub asked: BTreeMap<NodeId, Stamp>,
    /// Actions whose awaited readings have all come: to be judged now.
    pub ready: BTreeSet<ActionId>,
    /// Outputs of a check that have come since it was last judged.
    pub arrived: BTreeMap<CheckId, usize>,
    /// Nodes whose lock this run had when it was left, and that have not said since whether it has it still.
    pub lock_unsure: BTreeSet<NodeId>,
    /// For which kinds of nodes the invariants were held last.
    pub ruled: Option<u64>,
}

impl RunState {
    /// How long ago a node's oldest relied-on reading was, if all its probes were read at all.
    pub fn age(&self, node: &NodeId, now: Stamp) -> Option<Span> {
        let seen = self.sight.seen.get(node)?;
        let oldest = seen.values().min().copied()?;
        let up = self.nodes.get(node).is_some_and(|node| node.link.is_up());
        let vouched = self.sight.heartbeat.filter(|_| up).unwrap_or_default();
        Some(now.since(oldest.max(vouched)))
    }

    /// Takes note that a probe of a node was read. Renews ages; decides nothing.
    pub fn saw(&mut self, node: &NodeId, probe: &ProbeId, now: Stamp) {
        self.sight
            .seen
            .entry(node.clone())
            .or_default()
            .insert(probe.clone(), now);
        if let Some(unread) = self.sight.unread.get_mut(node) {
            unread.remove(probe);
            if unread.is_empty() {
                self.sight.unread.remove(node);
            }
        }
        self.sight.asked.remove(node);
        if let Some(actions) = self.sight.awaited.remove(&(node.clone(), probe.clone())) {
            for action in actions {
                if let Some(left) = self.sight.awaited_left.get_mut(&action) {
                    *left = left.saturating_sub(1);
                    if *left == 0 {
                        self.sight.ready.insert(action);
                    }
                }
            }
        }
    }

    /// From now on nothing of `node` counts as seen until every probe was read again.
    pub(in crate::engine) fn must_read(&mut self, node: &NodeId) {
        let probes = self.brief.probes_on(node);
        self.sight.asked.remove(node);
        self.sight.unread.insert(node.clone(), probes);
    }

    /// An action's proof needs readings taken from now on.
    pub(in crate::engine) fn must_prove(&mut self, action: &ActionId) {
        let Some(record) = self.actions.get(action) else {
            return;
        };
        let wanted: BTreeSet<(NodeId, ProbeId)> = {
            let action = record.action();
            let probes = |fact: &FactId| {
                self.brief
                    .procedure
                    .probe_of(fact)
                    .map(|probe| probe.id.clone())
            };
            let pairs = |node: &NodeId| {
                action
                    .then
                    .keys()
                    .filter_map(probes)
                    .map(|probe| (node.clone(), probe))
                    .collect::<Vec<_>>()
            };
            action.then_on.iter().flat_map(pairs).collect()
        };
        self.sight.awaited_left.insert(action.clone(), wanted.len());
        if wanted.is_empty() {
            self.sight.ready.insert(action.clone());
        }
        for key in wanted {
            self.sight
                .awaited
                .entry(key)
                .or_default()
                .insert(action.clone());
        }
    }
}

impl Brief {
    /// The probes that run on a node.
    pub fn probes_on(&self, node: &NodeId) -> BTreeSet<ProbeId> {
        let Some(node) = self.cluster.node(node) else {
            return BTreeSet::new();
        };
        let runs = |probe: &&crate::model::procedure::Probe| {
            probe.on.as_ref().is_none_or(|on| node.satisfies(on))
        };
        self.procedure
            .probes
            .iter()
            .filter(runs)
            .map(|probe| probe.id.clone())
            .collect()
    }
}
