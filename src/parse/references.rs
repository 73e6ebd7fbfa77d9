//! What the parts of a procedure say of each other: facts, words, roles, parameters and ids that must exist, and only once.

mod conditions;

use std::collections::BTreeMap;
use std::ops::Range;

use super::complaint::Complaint;
use super::mentions::{self, Mention};
use super::places::{Places, within};
use super::reader::Desk;
use super::suggest::advice;
use crate::model::dialogue::Reply;
use crate::model::ids::FactId;
use crate::model::procedure::{Does, FactKind, FactSpec, ParamKind, Procedure, Rehearsed, Undo};
use crate::model::script::variable_name;
use crate::model::template::holes;
use crate::model::value::Value;

/// Members of `node` that are no facts.
const NODE_MEMBERS: &[&str] = &["name", "host", "roles"];

/// Variables that stand above every script, or that a shell keeps for itself.
const SHELL_NAMES: &[&str] = &[
    "target", "node", "host", "cluster", "PATH", "HOME", "IFS", "USER", "SHELL", "PWD", "LANG",
];

/// Names that mean something in every text.
pub(super) const TEXT_NAMES: &[&str] = &["node", "host", "cluster", "target"];

pub(super) fn check(procedure: &Procedure, places: &Places, desk: &Desk<'_>) {
    let check = Check {
        procedure,
        places,
        desk,
    };
    check.ids();
    check.names();
    check.probes();
    check.rehearsed();
    check.steps();
    for mention in mentions::conditions(procedure) {
        let (condition, scope) = mention.what;
        check.condition(&mention.path, condition, scope);
    }
}

struct Check<'a> {
    procedure: &'a Procedure,
    places: &'a Places,
    desk: &'a Desk<'a>,
}

impl Check<'_> {
    fn error(&self, path: &str, message: String, help: impl Into<String>) {
        self.desk.error(&self.places.value(path), message, help);
    }

    fn facts(&self) -> impl Iterator<Item = &str> + Clone {
        self.procedure.facts.keys().map(FactId::as_str)
    }

    /// A fact's vocabulary, unless its kind could not be read, which has been said.
    fn spec(&self, fact: &str) -> Option<&FactSpec> {
        let kind = self.places.value(&format!("facts.{fact}.kind"));
        let spec = self.procedure.facts.get(fact);
        spec.filter(|_| !self.desk.has_said(&kind))
    }

    /// Ids that are looked up must be there only once.
    fn ids(&self) {
        let p = self.procedure;
        self.once("probe", p.probes.iter().map(|probe| probe.id.as_str()));
        self.once("check", p.checks.iter().map(|check| check.id.as_str()));
        let invariants = p.invariants.iter();
        self.once(
            "invariant",
            invariants.map(|invariant| invariant.id.as_str()),
        );
        let phases = p.phases.iter().enumerate();
        let branches = p.branches.iter().enumerate();
        let owners = phases
            .map(|(at, phase)| (format!("phase[{at}].id"), phase.id.as_str()))
            .chain(branches.map(|(at, branch)| (format!("branch[{at}].id"), branch.id.as_str())));
        self.unique(owners, "phases and branches need ids of their own");
        let steps = mentions::steps(p);
        let paths = steps
            .iter()
            .map(|step| (format!("{}.id", step.path), step.what.id.as_str()));
        self.unique(paths, "the steps of one phase need ids of their own");
        for step in &steps {
            if let Does::Decide { options, .. } = &step.what.does {
                let option = |(at, id)| (format!("{}.options[{at}].id", step.path), id);
                let ids = options.iter().map(|option| option.id.as_str()).enumerate();
                self.unique(
                    ids.map(option),
                    "the options of one step need ids of their own",
                );
            }
        }
        let decisions = decisions(p).map(|(path, id)| (format!("{path}.id"), id));
        self.unique(
            decisions,
            "conditions see the answer as `choices.<step>`, whatever the phase",
        );
    }

    fn once<'b>(&self, list: &str, ids: impl Iterator<Item = &'b str>) {
        let ids = ids
            .enumerate()
            .map(|(at, id)| (format!("{list}[{at}].id"), id));
        self.unique(ids, "give it another id");
    }

    fn unique<'b>(&self, ids: impl Iterator<Item = (String, &'b str)>, help: &str) {
        let mut seen: BTreeMap<&str, String> = BTreeMap::new();
        for (path, id) in ids {
            let Some(first) = seen.get(id) else {
                seen.insert(id, path);
                continue;
            };
            let shown = id.rsplit('/').next().unwrap_or(id);
            if !shown.is_empty() {
                self.twice(&path, first, shown, help);
            }
        }
    }

    fn twice(&self, path: &str, first: &str, id: &str, help: &str) {
        let source = self.desk.source;
        let message = format!("the id `{id}` is taken");
        let complaint = Complaint::error(source, &self.places.value(path), message, help);
        self.desk
            .say(complaint.also(&self.places.value(first), "first here"));
    }

    /// Names that become CEL members and shell variables.
    fn names(&self) {
        for fact in self.facts() {
            let key = self.places.key(&format!("facts.{fact}"));
            if NODE_MEMBERS.contains(&fact) {
                let message = format!(
                    "a fact cannot be called `{fact}`: conditions know `node.{fact}` from the cluster file"
                );
                self.desk.error(&key, message, "choose another name");
            } else if !is_identifier(fact) {
                let message = format!("conditions could not speak of a fact called `{fact}`");
                self.desk.error(
                    &key,
                    message,
                    "use letters, digits and `_`, and begin with a letter",
                );
            }
        }
        let mut variables: BTreeMap<String, &str> = BTreeMap::new();
        for param in self.procedure.params.keys() {
            self.variable(param.as_str(), &mut variables);
        }
        for name in self.procedure.lookups.keys() {
            if TEXT_NAMES.contains(&name.as_str())
                || self.procedure.params.contains_key(name.as_str())
            {
                let key = self.places.key(&format!("lookups.{name}"));
                let message = format!("`{{{name}}}` already means something else in texts");
                self.desk
                    .error(&key, message, "choose another name for the lookup");
            }
        }
    }

    fn variable<'b>(&self, param: &'b str, seen: &mut BTreeMap<String, &'b str>) {
        let key = self.places.key(&format!("params.{param}"));
        let variable = variable_name(param);
        if !is_identifier(&variable) || SHELL_NAMES.contains(&variable.as_str()) {
            let message = format!(
                "a parameter cannot be called `{param}`: scripts could not have it as a variable of their own"
            );
            self.desk.error(
                &key,
                message,
                "choose another name, beginning with a letter",
            );
        } else if let Some(other) = seen.insert(variable, param) {
            let message = format!("`{param}` and `{other}` are the same variable in scripts");
            self.desk.error(&key, message, "choose another name");
        }
    }

    fn probes(&self) {
        for (at, probe) in self.procedure.probes.iter().enumerate() {
            for (member, fact) in probe.gives.iter().enumerate() {
                self.declared(
                    &self.places.value(&format!("probe[{at}].gives[{member}]")),
                    fact,
                );
            }
        }
        let Some(fact) = &self.procedure.versions.fact else {
            return;
        };
        self.declared(&self.places.value("versions.fact"), fact);
        let kind = self.spec(fact.as_str()).map(|spec| &spec.kind);
        if kind.is_some_and(|kind| *kind != FactKind::Version) {
            let message = format!("the fact `{fact}` is not of kind `version`");
            self.error(
                "versions.fact",
                message,
                "name the fact that holds a node's version",
            );
        }
    }

    fn declared(&self, place: &Range<usize>, fact: &FactId) -> bool {
        let declared = self.procedure.facts.contains_key(fact);
        if !declared {
            let message = format!("the fact `{fact}` is not declared");
            let none = format!("declare it under [facts.{fact}]");
            self.desk
                .error(place, message, advice(fact.as_str(), self.facts(), &none));
        }
        declared
    }

    fn rehearsed(&self) {
        for (fact, spec) in &self.procedure.facts {
            let path = format!("facts.{fact}.rehearse");
            match &spec.rehearse {
                Some(Rehearsed::Same(value)) => self.fits(&path, fact, value, false),
                Some(Rehearsed::FirstOther { first, other }) => {
                    self.fits(&format!("{path}.first"), fact, first, false);
                    self.fits(&format!("{path}.other"), fact, other, false);
                }
                None => {}
            }
        }
    }

    fn steps(&self) {
        for Mention { path, what: step } in mentions::steps(self.procedure) {
            self.then(&format!("{path}.then"), &step.then);
            if let Some(Undo::Script { then, .. } | Undo::Manual { then, .. }) = &step.undo {
                self.then(&format!("{path}.undo.then"), then);
            }
            let Does::Change {
                secrets, dialogue, ..
            } = &step.does
            else {
                continue;
            };
            let prompts = dialogue.iter().flat_map(|dialogue| &dialogue.prompts);
            for (at, prompt) in prompts.enumerate() {
                if let Reply::Secret(secret) = &prompt.reply {
                    self.secret(&format!("{path}.prompts[{at}].secret"), secret.as_str());
                }
            }
            for (at, secret) in secrets.iter().enumerate() {
                self.secret(&format!("{path}.secrets[{at}]"), secret.as_str());
            }
        }
    }

    fn then(&self, path: &str, then: &BTreeMap<FactId, Value>) {
        for (fact, value) in then {
            let path = format!("{path}.{fact}");
            if self.declared(&self.places.key(&path), fact) {
                self.fits(&path, fact, value, true);
            }
        }
    }

    /// Whether a fact can have this value; a postcondition may say `{target}` or `{param}` instead.
    fn fits(&self, path: &str, fact: &FactId, value: &Value, holes_allowed: bool) {
        let Some(spec) = self.spec(fact.as_str()) else {
            return;
        };
        if let (true, Value::Text(text)) = (holes_allowed, value)
            && !holes(text).is_empty()
        {
            return self.then_holes(path, text);
        }
        match (&spec.kind, value) {
            (FactKind::Values(words), Value::Text(word)) if !words.contains(word) => {
                let message = format!("`{word}` is not one of the values of `{fact}`");
                let words = words.iter().map(String::as_str);
                self.error(path, message, advice(word, words, ""));
            }
            (FactKind::Values(_) | FactKind::Version | FactKind::Text, Value::Text(_))
            | (FactKind::Bool, Value::Bool(_))
            | (FactKind::Number, Value::Number(_)) => {}
            (FactKind::Values(_) | FactKind::Version | FactKind::Text, _) => {
                let message = format!("`{fact}` holds texts, and this is none");
                self.error(path, message, "put it in quotes");
            }
            (FactKind::Bool, _) => {
                let message = format!("`{fact}` is of kind `bool`, and this is not true or false");
                self.error(path, message, "write true or false, without quotes");
            }
            (FactKind::Number, _) => {
                let message = format!("`{fact}` is of kind `number`, and this is no whole number");
                self.error(path, message, "write a whole number, without quotes");
            }
        }
    }

    fn then_holes(&self, path: &str, text: &str) {
        let place = self.places.value(path);
        for hole in holes(text) {
            let param = self.procedure.params.get(hole.name);
            if hole.name == "target" || param.is_some_and(|param| param.kind != ParamKind::Secret) {
                continue;
            }
            let part = within(self.desk.source, &place, text, hole.start..hole.end);
            let message = format!("`{{{}}}` cannot stand in a postcondition", hole.name);
            self.desk.error(
                &part,
                message,
                "only {target} and parameters that are no secrets can",
            );
        }
    }

    fn secret(&self, path: &str, name: &str) {
        let kind = self.procedure.params.get(name).map(|param| &param.kind);
        if kind == Some(&ParamKind::Secret) {
            return;
        }
        let params = self.procedure.params.iter();
        let known = params.filter(|(_, param)| param.kind == ParamKind::Secret);
        let known = known.map(|(id, _)| id.as_str());
        let message = format!("`{name}` is not a parameter of kind `secret`");
        let none = format!("declare it under [params.{name}] with `kind = \"secret\"`");
        self.error(path, message, advice(name, known, &none));
    }
}

/// Paths and plain ids of the steps in which a human chooses.
fn decisions(procedure: &Procedure) -> impl Iterator<Item = (String, &str)> {
    let steps = mentions::steps(procedure).into_iter();
    steps
        .filter(|step| matches!(step.what.does, Does::Decide { .. }))
        .map(|step| {
            let id = step.what.id.as_str();
            (step.path, id.split_once('/').map_or(id, |(_, id)| id))
        })
}

fn is_identifier(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}
