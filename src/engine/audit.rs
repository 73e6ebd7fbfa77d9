//! Walks a plan symbolically, applying each step's postcondition, and says where it would break a rule or leave a debt.
//! It shares no code with the planner, so that one's mistake is not the other's.

use std::collections::{BTreeMap, BTreeSet};

use super::brief::Brief;
use super::plan::{Action, Plan, Stage, Work};
use crate::model::condition::{Truth, View};
use crate::model::facts::ClusterFacts;
use crate::model::ids::{DebtId, FactId};
use crate::model::time::Stamp;
use crate::model::value::Value;

/// Everything that is wrong with a plan; nothing if it may be frozen.
pub fn audit(plan: &Plan, brief: &Brief, facts: &ClusterFacts, view: &View<'_>) -> Vec<String> {
    let mut audit = Audit {
        brief,
        view,
        facts: facts.clone(),
        wrong: Vec::new(),
        kinds: None,
    };
    audit.rules("before the first step");
    audit.names(plan);
    let mut debts: BTreeMap<DebtId, String> = BTreeMap::new();
    for stage in &plan.stages {
        audit.stage(stage);
        if let Some(debt) = &stage.opens {
            debts.insert(debt.clone(), stage.step.to_string());
        }
        if let Some(debt) = &stage.closes {
            debts.remove(debt);
        }
    }
    for (debt, step) in debts {
        audit.wrong.push(format!(
            "the plan leaves the debt {debt}, opened by {step}, unpaid"
        ));
    }
    audit.target(plan);
    audit.gates(plan);
    audit.wrong
}

struct Audit<'a> {
    brief: &'a Brief,
    view: &'a View<'a>,
    facts: ClusterFacts,
    wrong: Vec<String>,
    /// The kinds of nodes for which the rules were asked last.
    kinds: Option<u64>,
}

impl Audit<'_> {
    fn say(&mut self, wrong: String) {
        if !self.wrong.contains(&wrong) && self.wrong.len() < 50 {
            self.wrong.push(wrong);
        }
    }

    fn rules(&mut self, when: &str) {
        let kinds = self.facts.kinds();
        let same = self.kinds.replace(kinds) == Some(kinds);
        for invariant in &self.brief.procedure.invariants {
            if same && invariant.holds.sees_kinds_only() {
                continue;
            }
            match self.facts.holds(&invariant.holds, None, self.view) {
                Truth::Yes => {}
                Truth::No => self.say(format!(
                    "{when}, rule {} would be broken: {}",
                    invariant.id, invariant.why
                )),
                Truth::Unknown(why) => self.say(format!(
                    "{when}, rule {} could not be told: {why}",
                    invariant.id
                )),
            }
        }
    }

    fn names(&mut self, plan: &Plan) {
        let mut seen = BTreeSet::new();
        for action in plan.stages.iter().flat_map(|stage| &stage.actions) {
            if !seen.insert(&action.id) {
                self.say(format!("the action {} stands in the plan twice", action.id));
            }
        }
    }

    fn stage(&mut self, stage: &Stage) {
        self.preconditions(stage);
        let acting: Vec<&Action> = stage
            .actions
            .iter()
            .filter(|action| !action.already_so)
            .collect();
        // The actions of a stage end in any order: both the given order and its reverse must be harmless.
        if acting.len() > 1 {
            let before = self.facts.clone();
            acting
                .iter()
                .rev()
                .for_each(|action| self.take(action, stage));
            self.facts = before;
            self.kinds = None;
        }
        acting.iter().for_each(|action| self.take(action, stage));
    }

    fn preconditions(&mut self, stage: &Stage) {
        let per_node = stage
            .requires
            .as_ref()
            .is_some_and(|requires| requires.is_per_node());
        let asked = if per_node { stage.actions.len() } else { 1 };
        for action in stage.actions.iter().take(asked) {
            let wanted = match &action.work {
                Work::Wait { until: Some(until) } if action.then.is_empty() => {
                    Some((until, "waits for"))
                }
                _ => None,
            };
            let wanted = wanted.into_iter().chain(
                stage
                    .requires
                    .as_ref()
                    .map(|requires| (requires, "requires")),
            );
            for (condition, word) in wanted {
                match self.facts.holds(condition, action.node.as_ref(), self.view) {
                    Truth::Yes => {}
                    Truth::No => self.say(format!(
                        "{} {word} {condition}, which would not hold then",
                        action.id
                    )),
                    Truth::Unknown(why) => {
                        self.say(format!(
                            "{} {word} {condition}, which could not be told then: {why}",
                            action.id
                        ));
                    }
                }
            }
        }
    }

    fn take(&mut self, action: &Action, stage: &Stage) {
        if action.then.is_empty() {
            return;
        }
        let changes: BTreeMap<FactId, Option<Value>> = action
            .then
            .iter()
            .map(|(fact, value)| (fact.clone(), Some(value.clone())))
            .collect();
        for node in &action.then_on {
            self.facts.set(node, &changes, Stamp::default());
        }
        self.rules(&format!(
            "after {}",
            if stage.actions.len() > 64 {
                stage.step.as_str()
            } else {
                action.id.as_str()
            }
        ));
    }

    fn target(&mut self, plan: &Plan) {
        let Some(fact) = &self.brief.procedure.versions.fact else {
            return;
        };
        let off: Vec<String> = self
            .facts
            .nodes()
            .filter(|node| {
                node.get(fact)
                    .is_none_or(|version| version.to_string() != plan.target)
            })
            .map(|node| node.name.to_string())
            .collect();
        if !off.is_empty() {
            self.say(format!(
                "the plan leaves {} off the target {}",
                off.join(", "),
                plan.target
            ));
        }
    }

    fn gates(&mut self, plan: &Plan) {
        let mut opened: BTreeSet<&str> = BTreeSet::new();
        for stage in plan.stages.iter().filter(|stage| stage.changes()) {
            if stage.gate.is_some() {
                opened.insert(&stage.owner);
            } else if !opened.contains(stage.owner.as_str()) {
                self.say(format!(
                    "{} changes nodes before any gate of {}",
                    stage.step, stage.owner
                ));
            }
        }
    }
}
