//! What checks report.

use std::collections::BTreeMap;

use super::*;
use crate::engine::checks;
use crate::engine::event::{Event, Verdict};
use crate::engine::state::CheckState;
use crate::model::ids::{CheckId, NodeId};
use crate::model::procedure::CheckKind;
use crate::model::reply::CheckOutput;
use crate::model::value::Value;

impl Turn<'_> {
    pub(in crate::engine) fn check(&mut self, node: &NodeId, id: &CheckId, output: &CheckOutput) {
        let Some(check) = self.state.brief.procedure.check(id) else {
            return;
        };
        let CheckKind::Script { passes, .. } = &check.kind else {
            return;
        };
        let passes = passes.clone();
        let key = (id.clone(), Some(node.clone()));
        if self.state.checks.get(&key) != Some(&CheckState::Waiting) {
            return;
        }
        match output {
            Err(why) => self.judged(
                id,
                node,
                Verdict::Unknown,
                format!("no answer: {why}"),
                BTreeMap::new(),
            ),
            Ok(values) => {
                let outputs = self.state.outputs.entry(id.clone()).or_default();
                if outputs.insert(node.clone(), values.clone()).is_none() {
                    *self.state.sight.arrived.entry(id.clone()).or_default() += 1;
                }
                if !passes.uses().roots.contains("checks") {
                    let (verdict, found) =
                        checks::judge_output(self.state, &passes, node, Some(values), &[]);
                    return self.judged(id, node, verdict, found, values.clone());
                }
            }
        }
        self.judge_together(id, &passes);
    }

    /// A check that compares nodes is judged when every node has answered.
    pub(in crate::engine) fn judge_together(
        &mut self,
        id: &CheckId,
        passes: &crate::model::condition::Condition,
    ) {
        if !passes.uses().roots.contains("checks") {
            return;
        }
        let arrived = self
            .state
            .sight
            .arrived
            .get(id)
            .copied()
            .unwrap_or_default();
        if arrived < self.state.waiting_of.get(id).copied().unwrap_or_default() {
            return;
        }
        self.state.sight.arrived.remove(id);
        let from = (id.clone(), None);
        let of_check = self
            .state
            .checks
            .range(from..)
            .take_while(|(key, _)| key.0 == *id);
        let waiting: Vec<NodeId> = of_check
            .filter(|(_, state)| **state == CheckState::Waiting)
            .filter_map(|(key, _)| key.1.clone())
            .collect();
        let outputs = self.state.outputs.get(id).cloned().unwrap_or_default();
        let all = checks::distinct(&outputs);
        for node in waiting {
            let own = outputs.get(&node);
            let (verdict, found) = checks::judge_output(self.state, passes, &node, own, &all);
            self.judged(id, &node, verdict, found, own.cloned().unwrap_or_default());
        }
    }

    pub(in crate::engine) fn judged(
        &mut self,
        id: &CheckId,
        node: &NodeId,
        verdict: Verdict,
        found: String,
        output: BTreeMap<String, Value>,
    ) {
        let (check, node) = (id.clone(), Some(node.clone()));
        self.tell(Event::CheckJudged {
            check,
            node,
            verdict,
            found,
            output,
        });
    }
}
