//! What the parameters come to on each node: the cluster file's values over the procedure's defaults.

use std::collections::BTreeMap;

use super::cluster::{Cluster, Given, Node};
use super::ids::{NodeId, ParamId};
use super::procedure::{Param, ParamKind, Procedure};
use super::time::Span;
use super::value::Value;

/// Every parameter that is not a secret, with its value. Lengths of time are whole seconds, as scripts see them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Resolved {
    /// For conditions about the cluster: a node's own values are not in it.
    pub cluster: BTreeMap<ParamId, Value>,
    pub nodes: BTreeMap<NodeId, BTreeMap<ParamId, Value>>,
    /// Defaults in use that the procedure's author only assumes.
    pub assumptions: Vec<Assumption>,
}

/// A default that somebody should confirm, and where it is in use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assumption {
    pub param: ParamId,
    pub value: Value,
    pub about: String,
    /// Why it is only assumed.
    pub why: String,
    pub nodes: Vec<NodeId>,
}

/// Resolves the parameters of a cluster that was bound to its procedure; what does not fit is left out.
pub fn resolve(procedure: &Procedure, cluster: &Cluster) -> Resolved {
    let of = |node: Option<&Node>| -> BTreeMap<ParamId, Value> {
        let value = |(id, param)| Some((ParamId::clone(id), one(cluster, node, id, param)?));
        procedure.params.iter().filter_map(value).collect()
    };
    let nodes = cluster.nodes.iter();
    Resolved {
        cluster: of(None),
        nodes: nodes.map(|n| (n.name.clone(), of(Some(n)))).collect(),
        assumptions: assumptions(procedure, cluster),
    }
}

/// Makes a value as written one of the parameter's kind, or says what is wanted instead: `an absolute path`.
pub fn fit(kind: &ParamKind, value: &Value) -> Result<Value, String> {
    match (kind, value) {
        (ParamKind::Text, Value::Text(_))
        | (ParamKind::Number, Value::Number(_))
        | (ParamKind::Bool, Value::Bool(_)) => Ok(value.clone()),
        (ParamKind::Path, Value::Text(path)) if path.starts_with('/') => Ok(value.clone()),
        (ParamKind::File, Value::Text(path)) if !path.is_empty() => Ok(value.clone()),
        (ParamKind::OneOf(words), Value::Text(word)) if words.contains(word) => Ok(value.clone()),
        (ParamKind::Duration, Value::Text(text)) => match text.parse::<Span>() {
            Ok(span) if span.0 % 1000 == 0 => seconds(span),
            Ok(_) => Err("a length of time in whole seconds".into()),
            Err(_) => Err(wanted(kind)),
        },
        (
            ParamKind::Text
            | ParamKind::Path
            | ParamKind::File
            | ParamKind::Number
            | ParamKind::Bool
            | ParamKind::Duration
            | ParamKind::Secret
            | ParamKind::OneOf(_),
            _,
        ) => Err(wanted(kind)),
    }
}

/// What a parameter of this kind wants, in words that read on from "wants ".
pub fn wanted(kind: &ParamKind) -> String {
    match kind {
        ParamKind::Text => "a text in quotes".into(),
        ParamKind::File => "the path of a file on this machine, in quotes".into(),
        ParamKind::Path => "an absolute path in quotes, such as \"/opt/product\"".into(),
        ParamKind::Number => "a whole number, without quotes".into(),
        ParamKind::Bool => "true or false, without quotes".into(),
        ParamKind::Duration => "a length of time, such as \"90s\", \"10m\" or \"1h30m\"".into(),
        ParamKind::Secret => {
            "a source, such as { prompt = true }, { env = \"NAME\" }, { file = \"path\" } or { command = \"..\" }".into()
        }
        ParamKind::OneOf(words) => format!("one of {}", words.join(", ")),
    }
}

fn seconds(span: Span) -> Result<Value, String> {
    i64::try_from(span.whole_seconds())
        .map(Value::Number)
        .map_err(|_| "a shorter length of time".into())
}

fn one(cluster: &Cluster, node: Option<&Node>, id: &ParamId, param: &Param) -> Option<Value> {
    if param.kind == ParamKind::Secret {
        return None;
    }
    match cluster.given(node, id) {
        Some(Given::Value(value)) => fit(&param.kind, value).ok(),
        Some(Given::Secret(_)) => None,
        None => param.default.clone(),
    }
}

fn assumptions(procedure: &Procedure, cluster: &Cluster) -> Vec<Assumption> {
    let assumed = |(id, param): (&ParamId, &Param)| {
        let (value, why) = (param.default.clone()?, param.assumption.clone()?);
        let without = |node: &&Node| cluster.given(Some(node), id).is_none();
        let nodes: Vec<NodeId> = cluster
            .nodes
            .iter()
            .filter(without)
            .map(|n| n.name.clone())
            .collect();
        (!nodes.is_empty()).then(|| Assumption {
            param: id.clone(),
            value,
            about: param.about.clone(),
            why,
            nodes,
        })
    };
    procedure.params.iter().filter_map(assumed).collect()
}
