//! Variables above scripts, and what the holes of texts mean.

use super::*;
use crate::engine::brief::Brief;
use crate::model::dialogue::{Dialogue, Prompt, Reply};
use crate::model::ids::NodeId;
use crate::model::script::variable_name;
use crate::model::template;
use crate::model::value::Value;

/// The variables above every script on a node: its parameters, then what it is.
pub fn variables(brief: &Brief, node: Option<&NodeId>) -> Vec<(String, String)> {
    let mut variables = Vec::new();
    let params = node.and_then(|node| brief.params.get(node));
    for (param, value) in params.into_iter().flatten() {
        variables.push((variable_name(param.as_str()), value.to_string()));
    }
    let known = node.and_then(|node| brief.cluster.node(node));
    variables.push(("target".into(), brief.cluster.target.clone()));
    variables.push(("cluster".into(), brief.cluster.name.clone()));
    if let Some(known) = known {
        variables.push(("node".into(), known.name.as_str().to_string()));
        variables.push(("host".into(), known.host.clone()));
    }
    variables
}

/// Fills `{name}` in texts.
pub(super) struct Texts<'p, 'a> {
    pub planner: &'p Planner<'a>,
    pub node: Option<NodeId>,
}

impl Texts<'_, '_> {
    pub fn fill_value(&self, value: &Value) -> Value {
        match value {
            Value::Text(text) => Value::text(self.fill(text)),
            Value::Bool(_) | Value::Number(_) => value.clone(),
        }
    }

    /// The dialogue of a step as it is held: questions and answers are about one node.
    pub fn dialogue(&self, dialogue: &Dialogue) -> Dialogue {
        let prompt = |prompt: &Prompt| Prompt {
            reply: match &prompt.reply {
                Reply::Text(text) => Reply::Text(self.fill(text)),
                Reply::Secret(param) => Reply::Secret(param.clone()),
                Reply::Operator(text) => Reply::Operator(self.fill(text)),
            },
            says: prompt.says.as_ref().map(|says| self.fill(says)),
            ..prompt.clone()
        };
        Dialogue {
            prompts: dialogue.prompts.iter().map(prompt).collect(),
            ..dialogue.clone()
        }
    }

    pub fn fill(&self, text: &str) -> String {
        template::fill(text, |name| self.meaning(name))
    }

    fn meaning(&self, name: &str) -> Option<String> {
        let brief = self.planner.ground.brief;
        if let Some(lookup) = brief.procedure.lookups.get(name) {
            if let Some(found) = self.planner.found.borrow().get(name) {
                return Some(found.clone());
            }
            let ahead = &self.planner.ahead;
            let view = &self.planner.ground.view;
            let named = ahead
                .nodes()
                .filter(|facts| ahead.holds(lookup, Some(&facts.name), view).is_yes());
            let names: Vec<&str> = named.map(|facts| facts.name.as_str()).collect();
            let found = if names.is_empty() {
                format!("({name} not known)")
            } else {
                names.join(", ")
            };
            self.planner
                .found
                .borrow_mut()
                .insert(name.to_string(), found.clone());
            return Some(found);
        }
        brief.meaning(name, self.node.as_ref())
    }
}
