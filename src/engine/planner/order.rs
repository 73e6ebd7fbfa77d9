//! Which nodes, and in which order.

use super::*;
use crate::engine::plan::OrderRule;
use crate::model::condition::{Condition, Truth};
use crate::model::ids::NodeId;

impl<'a> Planner<'a> {
    /// The nodes for which a condition holds; an unknown one refuses the plan.
    pub(super) fn chosen(
        &mut self,
        on: Option<&Condition>,
        what: &str,
        among: Option<&[NodeId]>,
    ) -> Vec<NodeId> {
        let all: Vec<NodeId> = match among {
            Some(among) => among.to_vec(),
            None => self
                .ground
                .brief
                .cluster
                .nodes
                .iter()
                .map(|node| node.name.clone())
                .collect(),
        };
        let Some(on) = on else { return all };
        let mut chosen = Vec::new();
        for node in all {
            match self.ahead.holds(on, Some(&node), &self.ground.view) {
                Truth::Yes => chosen.push(node),
                Truth::No => {}
                Truth::Unknown(why) => {
                    self.refuse(format!(
                        "{node}: cannot tell whether {what} concerns it ({on}): {why}"
                    ));
                }
            }
        }
        chosen
    }

    pub(super) fn ordered(&mut self, group: &Group<'_>, nodes: Vec<NodeId>) -> Vec<NodeId> {
        let what = format!("the order of phase {}", group.id);
        let first = group
            .first
            .map(|on| self.chosen(Some(on), &what, Some(&nodes)))
            .unwrap_or_default();
        let last = group
            .last
            .map(|on| self.chosen(Some(on), &what, Some(&nodes)))
            .unwrap_or_default();
        let class = |node: &NodeId| match (first.contains(node), last.contains(node)) {
            (true, _) => 0,
            (false, false) => 1,
            (false, true) => 2,
        };
        let mut ordered = nodes;
        ordered.sort_by_key(class);
        ordered
    }

    pub(super) fn order_rules(&mut self, group: &Group<'_>, batch: &[NodeId], from: usize) {
        let mut rules = Vec::new();
        for node in batch {
            if let Some(first) = group.first
                && self.ahead_says(first, node)
            {
                let why = format!("{node} comes first because of {first}");
                rules.push(OrderRule {
                    node: node.clone(),
                    must: first.clone(),
                    so: true,
                    why,
                });
            }
            if let Some(last) = group.last {
                let so = self.ahead_says(last, node);
                let why = if so {
                    format!("{node} comes last because of {last}")
                } else {
                    format!("{node} is not the last one ({last})")
                };
                rules.push(OrderRule {
                    node: node.clone(),
                    must: last.clone(),
                    so,
                    why,
                });
            }
        }
        if let Some(stage) = self.stages[from..].iter_mut().find(|stage| stage.changes()) {
            stage.order = rules;
        }
    }

    pub(super) fn ahead_says(&self, condition: &Condition, node: &NodeId) -> bool {
        self.ground
            .facts
            .holds(condition, Some(node), &self.ground.view)
            .is_yes()
    }
}
