//! What a pretend cluster starts with: nodes for a procedure's roles, facts, and values for what nobody set.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::cluster::{Cluster, Given, Node, Place, Ssh};
use crate::model::condition::{Members, View};
use crate::model::ids::{FactId, NodeId, ParamId, RoleId};
use crate::model::procedure::{FactSpec, Param, ParamKind, Procedure, Rehearsed};
use crate::model::value::Value;

/// What the nodes of a twin are at when the procedure does not say what its target is.
const SOME_VERSION: &str = "2.0";

/// Why there is no twin of that size.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TwinError {
    #[error(
        "{procedure} needs at least {least} nodes ({roles}), and {nodes} are too few; give --nodes {least} or more"
    )]
    TooFew {
        procedure: String,
        nodes: usize,
        least: usize,
        roles: String,
    },
    #[error(
        "{procedure} takes at most {most} nodes ({roles}), and {nodes} are too many; give --nodes {most} or fewer"
    )]
    TooMany {
        procedure: String,
        nodes: usize,
        most: usize,
        roles: String,
    },
}

/// A synthetic cluster for rehearsing a procedure: nodes named by their roles (`server1`, `server2`), every role as often
/// as it must be, and the rest of the nodes in the first role that takes more.
pub fn twin(procedure: &Procedure, nodes: usize) -> Result<Cluster, TwinError> {
    let counts = share_out(procedure, nodes)?;
    let mut nodes: Vec<_> = counts
        .iter()
        .flat_map(|(role, count)| of_role(role, *count))
        .collect();
    for node in &mut nodes {
        node.roles.retain(|role| procedure.roles.contains_key(role));
    }
    Ok(Cluster {
        name: "rehearsal".into(),
        procedure: procedure.id.clone(),
        target: target(procedure),
        place: Place::Lab,
        window: None,
        nodes,
        params: procedure
            .params
            .iter()
            .filter(|(_, param)| param.default.is_none())
            .filter_map(|(id, param)| Some((id.clone(), plausible(id, param)?)))
            .collect(),
    })
}

fn share_out(procedure: &Procedure, nodes: usize) -> Result<Vec<(RoleId, usize)>, TwinError> {
    let roles = &procedure.roles;
    let said = |roles: Vec<String>| (procedure.id.clone(), roles.join(", "));
    let least: usize = roles.values().map(|role| role.min).sum();
    if nodes < least.max(1) {
        let needs =
            |(id, role): (&RoleId, &crate::model::procedure::Role)| format!("{} {id}", role.min);
        let (procedure, roles) = said(roles.iter().map(needs).collect());
        let least = least.max(1);
        return Err(TwinError::TooFew {
            procedure,
            nodes,
            least,
            roles,
        });
    }
    if roles.is_empty() {
        // Names only: a role that is not declared is given to no node.
        return Ok(vec![(RoleId::new("node"), nodes)]);
    }
    let mut left = nodes - least;
    let mut counts = Vec::new();
    for (id, role) in roles {
        let room = role
            .max
            .map_or(left, |max| max.saturating_sub(role.min).min(left));
        left -= room;
        counts.push((id.clone(), role.min + room));
    }
    if left > 0 {
        let takes = |(id, count): &(RoleId, usize)| format!("{count} {id}");
        let (procedure, roles) = said(counts.iter().map(takes).collect());
        let most = nodes - left;
        return Err(TwinError::TooMany {
            procedure,
            nodes,
            most,
            roles,
        });
    }
    Ok(counts)
}

/// Nodes of one role, their numbers padded so that names sort as they count.
fn of_role(role: &RoleId, count: usize) -> impl Iterator<Item = Node> {
    let width = count.to_string().len();
    let role = role.clone();
    (1..=count).map(move |number| {
        let name = NodeId::new(format!("{role}{number:0width$}"));
        Node {
            host: format!("{name}.rehearsal.invalid"),
            name,
            roles: BTreeSet::from([role.clone()]),
            ssh: Ssh::default(),
            params: BTreeMap::new(),
        }
    })
}

/// A target that the procedure's own rules take from what its nodes start with.
fn target(procedure: &Procedure) -> String {
    let rules = &procedure.versions;
    let start = rules
        .fact
        .as_ref()
        .and_then(|fact| procedure.facts.get(fact));
    let start = start.and_then(|spec| match spec.rehearse.as_ref()? {
        Rehearsed::Same(value) | Rehearsed::FirstOther { other: value, .. } => {
            Some(value.to_string())
        }
    });
    let direct = rules
        .rules
        .iter()
        .filter(|rule| rule.via.is_empty())
        .map(|rule| rule.to.clone());
    let takes = |to: &String| {
        start
            .as_ref()
            .is_none_or(|from| from != to && rules.judge(from, to).is_ok())
    };
    rules
        .rehearse_target
        .clone()
        .or_else(|| direct.into_iter().find(takes))
        .or_else(|| rules.minimum.clone())
        .unwrap_or_else(|| SOME_VERSION.into())
}

fn plausible(id: &ParamId, param: &Param) -> Option<Given> {
    let value = match &param.kind {
        ParamKind::Text => Value::text("rehearsal"),
        ParamKind::File => Value::text(format!("./{id}")),
        ParamKind::Path => Value::text(format!("/opt/{id}")),
        ParamKind::Number => Value::Number(1),
        ParamKind::Bool => Value::Bool(false),
        ParamKind::Duration => Value::text("60s"),
        ParamKind::OneOf(words) => Value::text(words.first()?),
        ParamKind::Secret => return None,
    };
    Some(Given::Value(value))
}

/// The parameters that conditions see, where their values stand in the files.
pub(super) fn plain_params(procedure: &Procedure, cluster: &Cluster) -> BTreeMap<String, Value> {
    let value = |(id, param): (&ParamId, &Param)| {
        let value = match cluster.params.get(id) {
            Some(Given::Value(value)) => Some(value.clone()),
            Some(Given::Secret(_)) => None,
            None => param.default.clone(),
        };
        Some((id.to_string(), value?))
    };
    procedure.params.iter().filter_map(value).collect()
}

/// What each node's facts are at the start, in the order of the cluster file.
pub(super) fn start_facts(
    procedure: &Procedure,
    cluster: &Cluster,
    version: Option<&str>,
) -> Vec<BTreeMap<FactId, Value>> {
    let mut facts = vec![BTreeMap::new(); cluster.nodes.len()];
    for (fact, spec) in &procedure.facts {
        let mut first = true;
        for (node, facts) in cluster.nodes.iter().zip(&mut facts) {
            if !is_told(procedure, fact, node) {
                continue;
            }
            if let Some(value) = start_value(spec, first) {
                facts.insert(fact.clone(), value);
            }
            first = false;
        }
    }
    if let (Some(version), Some(fact)) = (version, &procedure.versions.fact) {
        for facts in &mut facts {
            facts.insert(fact.clone(), Value::text(version));
        }
    }
    facts
}

fn start_value(spec: &FactSpec, first: bool) -> Option<Value> {
    match spec.rehearse.as_ref()? {
        Rehearsed::Same(value) => Some(value.clone()),
        Rehearsed::FirstOther { first: value, .. } if first => Some(value.clone()),
        Rehearsed::FirstOther { other, .. } => Some(other.clone()),
    }
}

/// Whether the fact's probe runs on this node, as far as its roles tell.
fn is_told(procedure: &Procedure, fact: &FactId, node: &Node) -> bool {
    let Some(on) = procedure.probe_of(fact).and_then(|probe| probe.on.as_ref()) else {
        return true;
    };
    let name = Value::text(node.name.as_str());
    let roles = node
        .roles
        .iter()
        .map(|role| role.as_str().to_string())
        .collect();
    let members = Members::new([("name", &name)], [("roles", roles)]);
    let view = View {
        node: Some(members),
        ..View::default()
    };
    !on.evaluate(&view).is_no()
}
