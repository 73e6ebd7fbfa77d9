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
            stage.order.extend(rules);
        }
    }

    /// Nodes that were chosen by what no step ever changes, such as being the primary, must still be so before the act.
    pub(super) fn choice_rules(
        &self,
        group: &Group<'_>,
        step: &Step,
        actions: &[Action],
    ) -> Vec<OrderRule> {
        let of_step = match &step.on {
            On::Each(on) => on.as_ref(),
            On::Any | On::Cluster => None,
        };
        let lasting = [group.on, of_step].into_iter().flatten();
        let lasting: Vec<&Condition> = lasting.filter(|on| self.is_lasting(on)).collect();
        let nodes = actions.iter().filter_map(|action| action.node.as_ref());
        let rule = |node: &NodeId, on: &Condition| OrderRule {
            node: node.clone(),
            must: on.clone(),
            so: true,
            why: format!("{node} was chosen because of {on}"),
        };
        nodes
            .flat_map(|node| lasting.iter().map(move |on| rule(node, on)))
            .collect()
    }

    /// Whether a condition speaks of facts, and of none that a step of the procedure changes.
    fn is_lasting(&self, on: &Condition) -> bool {
        let procedure = &self.ground.brief.procedure;
        let steps = || procedure.phases.iter().flat_map(|phase| &phase.steps);
        let changed = |fact: &FactId| steps().any(|step| step.then.contains_key(fact));
        let members = on.uses().members.keys();
        let facts: Vec<FactId> = members
            .map(|member| FactId::new(member.as_str()))
            .filter(|fact| procedure.facts.contains_key(fact))
            .collect();
        !facts.is_empty() && !facts.iter().any(changed)
    }

    pub(super) fn ahead_says(&self, condition: &Condition, node: &NodeId) -> bool {
        self.ground
            .facts
            .holds(condition, Some(node), &self.ground.view)
            .is_yes()
    }
}
