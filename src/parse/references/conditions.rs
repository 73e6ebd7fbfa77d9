//! What conditions speak of: facts and their words, roles, parameters, choices, and what there is at their place.

use std::ops::Range;

use super::{Check, NODE_MEMBERS, decisions};
use crate::model::condition::{Condition, FUNCTIONS};
use crate::model::procedure::{FactKind, ParamKind};
use crate::parse::complaint::boundary;
use crate::parse::mentions::Scope;
use crate::parse::places::within;
use crate::parse::suggest::advice;

impl Check<'_> {
    pub(super) fn condition(&self, path: &str, condition: &Condition, scope: Scope) {
        let held = Held {
            check: self,
            value: self.places.value(path),
            text: condition.source(),
        };
        let uses = condition.uses();
        held.roots(condition, scope);
        for (member, at) in &uses.members {
            held.member(member, *at);
        }
        for (member, word, at) in &uses.compared {
            held.word(member, word, *at);
        }
        for ((root, field), at) in &uses.fields {
            held.field(root, field, *at);
        }
        for call in &uses.calls {
            if !FUNCTIONS.contains(&call.as_str()) {
                let help = advice(call, FUNCTIONS.iter().copied(), "");
                held.error(call, 0, format!("no function is called `{call}`"), help);
            }
        }
    }
}

/// One condition, and where its text stands.
struct Held<'a> {
    check: &'a Check<'a>,
    value: Range<usize>,
    text: &'a str,
}

impl Held<'_> {
    /// Complains with the carets below the first `word` at or behind `at`.
    fn error(&self, word: &str, at: usize, message: String, help: impl Into<String>) {
        let at = boundary(self.text, at);
        let found = self.text[at..].find(word).map(|found| at + found);
        let start = found.or_else(|| self.text.find(word));
        let place = match start {
            Some(start) => within(
                self.check.desk.source,
                &self.value,
                self.text,
                start..start + word.len(),
            ),
            None => self.value.clone(),
        };
        self.check.desk.error(&place, message, help);
    }

    fn roots(&self, condition: &Condition, scope: Scope) {
        let roots = &condition.uses().roots;
        let speaks_of = |root: &str| roots.contains(root);
        if scope == Scope::Cluster && speaks_of("node") {
            let message = "there is no `node` here: this holds for the cluster as a whole";
            let help = "speak of `nodes`, such as `nodes.all(n, n.service == 'stopped')`";
            self.error("node", 0, message.into(), help);
        }
        if scope != Scope::CheckRun
            && let Some(root) = ["checks", "check"].into_iter().find(|root| speaks_of(root))
        {
            let message = format!(
                "there is no `{root}` here: only `passes` of a check with a script sees what the script printed"
            );
            self.error(
                root,
                0,
                message,
                "speak of facts, through `node` or `nodes`",
            );
        }
        if scope == Scope::Pick && !speaks_of("node") {
            let message = "this picks all nodes or none, because it does not speak of `node`";
            let help = "speak of `node`, such as `node.primary`, or remove the key";
            self.check.desk.error(&self.value, message, help);
        }
    }

    fn member(&self, member: &str, at: usize) {
        let check = self.check;
        if NODE_MEMBERS.contains(&member) || check.procedure.facts.contains_key(member) {
            return;
        }
        let known = check.facts().chain(NODE_MEMBERS.iter().copied());
        let help = advice(member, known, "declare it as a fact");
        self.error(
            member,
            at,
            format!("the fact `{member}` is not declared"),
            help,
        );
    }

    fn word(&self, member: &str, word: &str, at: usize) {
        let check = self.check;
        if member == "roles" {
            let roles = check.procedure.roles.keys().map(|role| role.as_str());
            if !check.procedure.roles.contains_key(word) {
                let help = advice(word, roles, "declare it under [roles]");
                self.error(word, at, format!("the role `{word}` is not declared"), help);
            }
            return;
        }
        let Some(spec) = check.spec(member) else {
            return;
        };
        match &spec.kind {
            FactKind::Values(words) if !words.iter().any(|known| known == word) => {
                let words = words.iter().map(String::as_str);
                let help = advice(word, words, "");
                let message = format!("`{member}` is never `{word}`: it is not one of its values");
                self.error(word, at, message, help);
            }
            FactKind::Bool | FactKind::Number => {
                let message = format!("`{member}` is compared with a text, and it never holds one");
                self.error(
                    word,
                    at,
                    message,
                    "compare it with a value of its kind, without quotes",
                );
            }
            FactKind::Values(_) | FactKind::Version | FactKind::Text => {}
        }
    }

    fn field(&self, root: &str, field: &str, at: usize) {
        let procedure = self.check.procedure;
        match root {
            "params" => {
                let param = procedure.params.get(field);
                if param.is_some_and(|param| param.kind == ParamKind::Secret) {
                    let message =
                        format!("`{field}` is a secret, and conditions never see secrets");
                    self.error(field, at, message, "leave it out");
                } else if param.is_none() {
                    let known = procedure.params.keys().map(|id| id.as_str());
                    let help = advice(field, known, "declare it under [params]");
                    self.error(
                        field,
                        at,
                        format!("the parameter `{field}` is not declared"),
                        help,
                    );
                }
            }
            "choices" => {
                let known: Vec<_> = decisions(procedure).map(|(_, id)| id).collect();
                if !known.contains(&field) {
                    let help = advice(field, known, "add a step that does `decide`");
                    self.error(
                        field,
                        at,
                        format!("no step that does `decide` is called `{field}`"),
                        help,
                    );
                }
            }
            "window" => {
                let known = ["minutes_left", "minutes_to_turn_back"];
                if !known.contains(&field) {
                    let help = advice(field, known, "");
                    self.error(field, at, format!("the window has no `{field}`"), help);
                }
            }
            _ => {}
        }
    }
}
