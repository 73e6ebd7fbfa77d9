//! Whether the procedure can be rehearsed: every fact starts with something, and a healthy cluster passes the checks.

use std::collections::BTreeMap;

use super::Lint;
use crate::model::condition::{Condition, Members, Truth, View};
use crate::model::ids::FactId;
use crate::model::procedure::{CheckKind, Procedure, Rehearsed};
use crate::model::value::Value;

/// How many nodes the imagined cluster has: a first one and two others.
const NODES: usize = 3;

pub(super) fn check(lint: &mut Lint<'_>) {
    facts(lint);
    let twin = Twin::of(lint.procedure());
    for (at, check) in lint.procedure().checks.iter().enumerate() {
        let (passes, outputs) = match &check.kind {
            CheckKind::Script {
                passes, rehearse, ..
            } => (passes, Some(rehearse)),
            CheckKind::Facts { passes } => (passes, None),
            CheckKind::Attest => continue,
        };
        let truth = twin.weigh(passes, outputs);
        let place = lint.value(&format!("check[{at}].passes"));
        let why = match truth {
            Truth::Yes => continue,
            Truth::No => "it does not hold".to_string(),
            Truth::Unknown(why) => format!("it is unknown: {why}"),
        };
        let message = format!(
            "the check `{}` would not pass in a rehearsal: {why}",
            check.id
        );
        let help = if outputs.is_some() {
            "add `rehearse` with the outputs of a healthy node, such as `rehearse = { free_kb = 61000000 }`"
        } else {
            "correct `rehearse` of the facts that it speaks of"
        };
        lint.warn(&place, message, help);
    }
}

fn facts(lint: &mut Lint<'_>) {
    for (fact, spec) in &lint.procedure().facts {
        if spec.rehearse.is_none() {
            let place = lint.parsed.places.key(&format!("facts.{fact}"));
            let message = format!("the fact `{fact}` has no value to rehearse with");
            let help =
                "add `rehearse` with what a healthy node shows, or { first = .., other = .. }";
            lint.error(&place, message, help);
        }
    }
}

/// The healthy cluster that a rehearsal starts with.
struct Twin {
    nodes: Vec<Members>,
    params: BTreeMap<String, Value>,
    target: String,
}

impl Twin {
    fn of(procedure: &Procedure) -> Twin {
        let default =
            |(id, param): (&crate::model::ids::ParamId, &crate::model::procedure::Param)| {
                Some((id.to_string(), param.default.clone()?))
            };
        let rules = &procedure.versions;
        let last = || rules.rules.last().map(|rule| rule.to.clone());
        Twin {
            nodes: (0..NODES).map(|at| node(procedure, at)).collect(),
            params: procedure.params.iter().filter_map(default).collect(),
            target: (rules.rehearse_target.clone())
                .or_else(last)
                .unwrap_or_else(|| "1".into()),
        }
    }

    /// The worst that a condition comes to on any of the nodes.
    fn weigh(&self, passes: &Condition, outputs: Option<&BTreeMap<String, Value>>) -> Truth {
        let run = outputs.map(|outputs| members(outputs.iter()));
        let runs: Vec<Members> = run.iter().cycle().take(NODES).cloned().collect();
        let on = |node: &Members| {
            passes.evaluate(&View {
                node: Some(node.clone()),
                nodes: &self.nodes,
                params: Some(&self.params),
                target: Some(&self.target),
                check: run.clone(),
                checks: &runs,
                ..View::default()
            })
        };
        let mut truths = self.nodes.iter().map(on);
        truths.find(|truth| !truth.is_yes()).unwrap_or(Truth::Yes)
    }
}

fn members<'a>(values: impl Iterator<Item = (&'a String, &'a Value)>) -> Members {
    Members::new(values.map(|(name, value)| (name.as_str(), value)), [])
}

fn node(procedure: &Procedure, at: usize) -> Members {
    let name = Value::text(format!("node{}", at + 1));
    let start = |(fact, spec): (&'_ FactId, &'_ crate::model::procedure::FactSpec)| {
        let value = match spec.rehearse.as_ref()? {
            Rehearsed::Same(value) => value.clone(),
            Rehearsed::FirstOther { first, .. } if at == 0 => first.clone(),
            Rehearsed::FirstOther { other, .. } => other.clone(),
        };
        Some((fact.to_string(), value))
    };
    let facts: BTreeMap<String, Value> = procedure.facts.iter().filter_map(start).collect();
    let facts = facts.iter().map(|(name, value)| (name.as_str(), value));
    let roles = procedure.roles.keys().map(ToString::to_string).collect();
    Members::new(
        facts.chain([("name", &name), ("host", &name)]),
        [("roles", roles)],
    )
}
