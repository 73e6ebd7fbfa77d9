//! Every built-in procedure: planned and audited for every shape of cluster, walked to its end with every choice that its
//! parameters give, and complete against the document that it follows.

mod coverage;
mod crashes;
mod guide;

use std::collections::{BTreeMap, BTreeSet};

use holdpoint::catalog;
use holdpoint::engine::event::Ending;
use holdpoint::engine::hold::HoldKind;
use holdpoint::model::cluster::{Cluster, Given};
use holdpoint::model::ids::{NodeId, RoleId};
use holdpoint::model::procedure::{ParamKind, Procedure};
use holdpoint::model::value::Value;
use holdpoint::sim::twin;

use crate::support::pure::{PureRun, procedure};

/// Every way to give so many nodes their roles.
fn shapes(procedure: &Procedure, nodes: usize) -> Vec<BTreeMap<RoleId, usize>> {
    let mut shapes = vec![(BTreeMap::new(), nodes)];
    for (id, role) in &procedure.roles {
        let mut longer = Vec::new();
        for (shape, left) in shapes {
            for count in role.min..=role.max.unwrap_or(left).min(left) {
                let mut shape: BTreeMap<RoleId, usize> = shape.clone();
                shape.insert(id.clone(), count);
                longer.push((shape, left - count));
            }
        }
        shapes = longer;
    }
    let whole = shapes.into_iter().filter(|(_, left)| *left == 0);
    whole.map(|(shape, _)| shape).collect()
}

/// A pretend cluster of this shape.
fn cluster(procedure: &Procedure, shape: &BTreeMap<RoleId, usize>) -> Cluster {
    let mut wide = procedure.clone();
    for (id, role) in &mut wide.roles {
        (role.min, role.max) = (shape[id], Some(shape[id]));
    }
    twin(&wide, shape.values().sum()).expect("the shape was made to fit")
}

/// The clusters that differ in one choice from what the procedure takes by itself.
fn choices(procedure: &Procedure, usual: &Cluster) -> Vec<(String, Cluster)> {
    let mut found = vec![("as it is".to_string(), usual.clone())];
    for (id, param) in &procedure.params {
        let values: Vec<Value> = match &param.kind {
            ParamKind::OneOf(words) => words.iter().map(Value::text).collect(),
            ParamKind::Bool => vec![Value::Bool(true), Value::Bool(false)],
            ParamKind::Text
            | ParamKind::Path
            | ParamKind::File
            | ParamKind::Number
            | ParamKind::Duration
            | ParamKind::Secret => Vec::new(),
        };
        for value in values
            .into_iter()
            .filter(|value| param.default.as_ref() != Some(value))
        {
            let mut other = usual.clone();
            let what = format!("{id} = {value}");
            other.params.insert(id.clone(), Given::Value(value));
            found.push((what, other));
        }
    }
    found
}

/// The plan that a run on this cluster comes to, or what stands in its way.
fn planned(procedure: &Procedure, cluster: Cluster) -> Result<PureRun, String> {
    let mut run = PureRun::on(procedure.clone(), cluster, 1);
    run.open();
    run.walk(|run| run.state.plan.is_some() || run.holds().iter().any(|hold| hold.id == "plan"));
    match run.holds().first() {
        Some(hold) if hold.kind == HoldKind::Failure => Err(hold.text.join("\n")),
        Some(_) | None => Ok(run),
    }
}

#[test]
fn all_procedures_of_the_five_documents_are_built_in() {
    let wanted = [
        "github-enterprise-server/hotpatch",
        "github-enterprise-server/upgrade-package",
        "securetransport/enterprise-cluster",
        "securetransport/standard-cluster",
        "securetransport/standard-cluster-disjoin",
        "securetransport/streaming",
        "smc/management-servers",
        "urbancode-deploy/high-availability",
    ];
    assert_eq!(catalog::ids(), wanted);
}

#[test]
fn every_procedure_can_be_planned_for_every_shape_of_two_to_twelve_nodes() {
    let mut shapes_seen = 0;
    for id in catalog::ids() {
        let procedure = procedure(id);
        let mut seen = 0;
        for nodes in 2..=12 {
            for shape in shapes(&procedure, nodes) {
                let run = planned(&procedure, cluster(&procedure, &shape));
                let run = run.unwrap_or_else(|why| panic!("{id} on {shape:?}: {why}"));
                let plan = run.state.plan.as_ref().expect("it was made");
                every_node_comes_to_the_target(id, &run, plan.nodes.iter().collect());
                seen += 1;
            }
        }
        assert!(seen > 0, "{id} takes no cluster of 2 to 12 nodes");
        shapes_seen += seen;
    }
    assert!(shapes_seen >= 80, "{shapes_seen}");
}

/// The audit has seen to it; this looks once more, from the plan alone.
fn every_node_comes_to_the_target(id: &str, run: &PureRun, nodes: BTreeSet<&NodeId>) {
    let Some(fact) = &run.brief.procedure.versions.fact else {
        return;
    };
    let plan = run.state.plan.as_ref().expect("it was made");
    let target = Value::text(&plan.target);
    let actions = plan.stages.iter().flat_map(|stage| &stage.actions);
    let raised = actions.filter(|action| action.then.get(fact) == Some(&target));
    let raised: BTreeSet<&NodeId> = raised.flat_map(|action| &action.then_on).collect();
    assert_eq!(raised, nodes, "{id}");
}

#[test]
fn every_procedure_is_walked_to_its_end_with_every_choice() {
    for id in catalog::ids() {
        let procedure = procedure(id);
        let least: usize = procedure.roles.values().map(|role| role.min).sum();
        let most = procedure.roles.values().map(|role| role.max);
        let most = most.sum::<Option<usize>>().unwrap_or(usize::MAX);
        let usual = twin(&procedure, least.max(3).min(most)).expect("so many fit");
        for (what, cluster) in choices(&procedure, &usual) {
            let mut run = PureRun::on(procedure.clone(), cluster, 1);
            run.open();
            let met = run.walk(|_| false);
            let last = &met[met.len().saturating_sub(5)..];
            let ending = Some(Ending::Upgraded);
            assert_eq!(run.state.ending, ending, "{id} with {what}: {last:?}");
            assert!(run.state.debts.is_empty(), "{id} with {what}");
        }
    }
}
