//! A cluster held against its procedure: roles, counts, parameters, target.

use std::collections::BTreeMap;

use super::complaint::Complaint;
use super::places::Places;
use super::reader::Desk;
use super::suggest::{advice, nearest};
use crate::model::cluster::{Cluster, Given};
use crate::model::ids::{ParamId, RoleId};
use crate::model::params::{fit, wanted};
use crate::model::procedure::{Param, ParamKind, Procedure, Role};
use crate::model::version::in_series;

pub(super) fn check(procedure: &Procedure, cluster: &Cluster, places: &Places, desk: &Desk<'_>) {
    let binding = Binding {
        procedure,
        cluster,
        places,
        desk,
    };
    binding.target();
    binding.roles();
    for (id, role) in &procedure.roles {
        binding.count(id, role);
    }
    binding.given("params", &cluster.params);
    for (at, node) in cluster.nodes.iter().enumerate() {
        binding.given(&format!("node[{at}].params"), &node.params);
    }
    for (id, param) in &procedure.params {
        binding.missing(id, param);
    }
}

struct Binding<'a> {
    procedure: &'a Procedure,
    cluster: &'a Cluster,
    places: &'a Places,
    desk: &'a Desk<'a>,
}

impl Binding<'_> {
    fn error(&self, path: &str, message: String, help: impl Into<String>) {
        self.desk.error(&self.places.value(path), message, help);
    }

    fn target(&self) {
        let target = &self.cluster.target;
        let rules = &self.procedure.versions.rules;
        let reachable = rules.iter().any(|rule| in_series(target, &rule.to));
        if !rules.is_empty() && !reachable {
            let mut series: Vec<_> = rules.iter().map(|rule| rule.to.as_str()).collect();
            series.sort_unstable();
            series.dedup();
            self.error(
                "cluster.target",
                format!(
                    "the procedure `{}` does not lead to {target}",
                    self.procedure.id
                ),
                format!("it leads to versions of {}", series.join(", ")),
            );
        }
    }

    fn roles(&self) {
        let known = self.procedure.roles.keys().map(RoleId::as_str);
        for (at, node) in self.cluster.nodes.iter().enumerate() {
            let path = format!("node[{at}].roles");
            if node.roles.is_empty() && !self.procedure.roles.is_empty() {
                let message = format!("the node `{}` has no role", node.name);
                self.error(&path, message, advice("", known.clone(), ""));
            }
            for role in &node.roles {
                if self.procedure.roles.contains_key(role) {
                    continue;
                }
                self.error(
                    &self.member(&path, role.as_str()),
                    format!(
                        "`{role}` is not a role of the procedure `{}`",
                        self.procedure.id
                    ),
                    advice(
                        role.as_str(),
                        known.clone(),
                        "the procedure declares no roles",
                    ),
                );
            }
        }
    }

    /// The path of the list member that says `word`; the model keeps roles in an order of its own.
    fn member(&self, path: &str, word: &str) -> String {
        let text = &self.desk.source.text;
        let says = |path: &String| {
            let raw = text.get(self.places.value(path)).unwrap_or_default();
            raw.trim_matches(['"', '\'']) == word
        };
        let members = (0..).map(|at| format!("{path}[{at}]"));
        let mut members = members.take_while(|path| self.places.has(path));
        members.find(says).unwrap_or_else(|| path.to_string())
    }

    fn count(&self, id: &RoleId, role: &Role) {
        let nodes = self.cluster.nodes.iter();
        let having: Vec<&str> = nodes
            .filter(|node| node.roles.contains(id))
            .map(|node| node.name.as_str())
            .collect();
        if having.len() >= role.min && role.max.is_none_or(|max| having.len() <= max) {
            return;
        }
        let wanted = match (role.min, role.max) {
            (min, None) => format!("at least {min} nodes"),
            (min, Some(max)) if min == max => format!("exactly {min} nodes"),
            (0, Some(max)) => format!("at most {max} nodes"),
            (min, Some(max)) => format!("{min} to {max} nodes"),
        };
        let who = match having.as_slice() {
            [] => "no node has it".to_string(),
            [one] => format!("only {one} has it"),
            many => format!("{} have it: {}", many.len(), many.join(", ")),
        };
        self.desk.error(
            &self.places.key("node"),
            format!(
                "the procedure wants {wanted} with the role `{id}` ({}), and {who}",
                role.about
            ),
            "correct `roles` of the nodes, or choose another procedure",
        );
    }

    fn given(&self, path: &str, params: &BTreeMap<ParamId, Given>) {
        for (id, given) in params {
            let path = format!("{path}.{id}");
            let Some(param) = self.procedure.params.get(id) else {
                self.unknown(&path, id);
                continue;
            };
            self.kind(&path, id, param, given);
        }
    }

    /// Its value is hidden if it was meant to be a secret.
    fn unknown(&self, path: &str, id: &ParamId) {
        let params = &self.procedure.params;
        let known = params.keys().map(ParamId::as_str);
        let meant = nearest(id.as_str(), known.clone()).and_then(|near| params.get(near));
        let complaint = Complaint::error(
            self.desk.source,
            &self.places.key(path),
            format!(
                "`{id}` is not a parameter of the procedure `{}`",
                self.procedure.id
            ),
            advice(id.as_str(), known, "the procedure declares no parameters"),
        );
        self.desk.say(match meant {
            Some(param) if param.kind == ParamKind::Secret => {
                complaint.mask(self.places.value(path))
            }
            Some(_) | None => complaint,
        });
    }

    fn kind(&self, path: &str, id: &ParamId, param: &Param, given: &Given) {
        match given {
            Given::Value(_) if param.kind == ParamKind::Secret => self.plain_secret(path, id),
            Given::Value(value) => {
                if let Err(wanted) = fit(&param.kind, value) {
                    let message = format!("`{value}` does not fit the parameter `{id}`");
                    self.error(path, message, format!("write {wanted}"));
                }
            }
            Given::Secret(_) if param.kind == ParamKind::Secret => {}
            Given::Secret(_) => self.error(
                path,
                format!("`{id}` is not a secret"),
                format!("write {}", wanted(&param.kind)),
            ),
        }
    }

    /// The secret itself is not shown again.
    fn plain_secret(&self, path: &str, id: &ParamId) {
        let complaint = Complaint::error(
            self.desk.source,
            &self.places.key(path),
            format!("`{id}` is a secret and must not stand in a file"),
            format!(
                "write {} instead, and change the secret if others could read this file",
                wanted(&ParamKind::Secret)
            ),
        );
        self.desk.say(complaint.mask(self.places.value(path)));
    }

    fn missing(&self, id: &ParamId, param: &Param) {
        if param.default.is_some() || self.cluster.params.contains_key(id) {
            return;
        }
        let nodes = self.cluster.nodes.iter().enumerate();
        let without: Vec<_> = nodes
            .filter(|(_, node)| !node.params.contains_key(id))
            .collect();
        let help = format!(
            "add `{id} = ..` under [params]; it wants {}",
            wanted(&param.kind)
        );
        let about = &param.about;
        if without.len() == self.cluster.nodes.len() {
            let place = if self.places.has("params") {
                "params"
            } else {
                "cluster"
            };
            self.error(
                place,
                format!("the parameter `{id}` is missing: {about}"),
                help,
            );
            return;
        }
        for (at, node) in without {
            let message = format!("the parameter `{id}` is missing for {}: {about}", node.name);
            self.error(&format!("node[{at}]"), message, help.clone());
        }
    }
}
