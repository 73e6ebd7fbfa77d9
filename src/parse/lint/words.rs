//! What texts and scripts speak of: holes that mean something, no secrets, no parameter that nobody uses.

use std::collections::BTreeSet;

use super::Lint;
use crate::model::dialogue::Reply;
use crate::model::procedure::{Does, ParamKind, Procedure};
use crate::model::script::variable_name;
use crate::model::template::{Hole, holes};
use crate::model::value::Value;
use crate::parse::mentions;
use crate::parse::places::within;
use crate::parse::references::TEXT_NAMES;
use crate::parse::suggest::advice;

pub(super) fn check(lint: &mut Lint<'_>) {
    for text in mentions::texts(lint.procedure()) {
        for hole in holes(text.what) {
            self::hole(lint, &text.path, text.what, &hole);
        }
    }
    let used = used(lint.procedure());
    for id in lint.procedure().params.keys() {
        if !used.contains(id.as_str()) {
            let place = lint.parsed.places.key(&format!("params.{id}"));
            let message = format!("nothing uses the parameter `{id}`");
            lint.warn(&place, message, "use it in a script as a variable, in a text as {name} or in a condition as params.name, or remove it");
        }
    }
}

fn hole(lint: &mut Lint<'_>, path: &str, text: &str, hole: &Hole<'_>) {
    let procedure = lint.procedure();
    let param = procedure.params.get(hole.name);
    let secret = param.is_some_and(|param| param.kind == ParamKind::Secret);
    let known = TEXT_NAMES.contains(&hole.name) || procedure.lookups.contains_key(hole.name);
    if known || (param.is_some() && !secret) {
        return;
    }
    let place = within(
        &lint.parsed.source,
        &lint.value(path),
        text,
        hole.start..hole.end,
    );
    if secret {
        let message = format!(
            "`{{{}}}` is a secret and must not stand in a text",
            hole.name
        );
        lint.error(
            &place,
            message,
            "leave it out: texts are shown, journalled and printed",
        );
        return;
    }
    let params = procedure.params.keys().map(|id| id.as_str());
    let lookups = procedure.lookups.keys().map(String::as_str);
    let names = TEXT_NAMES.iter().copied().chain(params).chain(lookups);
    let message = format!("`{{{}}}` means nothing here", hole.name);
    lint.error(&place, message, advice(hole.name, names, ""));
}

/// The parameters that something speaks of.
fn used(procedure: &Procedure) -> BTreeSet<&str> {
    let mut words: BTreeSet<String> = BTreeSet::new();
    for text in mentions::texts(procedure) {
        words.extend(holes(text.what).iter().map(|hole| hole.name.to_string()));
    }
    for condition in mentions::conditions(procedure) {
        let fields = condition.what.0.uses().fields.keys();
        words.extend(
            fields
                .filter(|(root, _)| root == "params")
                .map(|(_, field)| field.clone()),
        );
    }
    for step in mentions::steps(procedure) {
        for value in step.what.then.values() {
            if let Value::Text(text) = value {
                words.extend(holes(text).iter().map(|hole| hole.name.to_string()));
            }
        }
        if let Does::Change {
            secrets, dialogue, ..
        } = &step.what.does
        {
            words.extend(secrets.iter().map(ToString::to_string));
            let prompts = dialogue.iter().flat_map(|dialogue| &dialogue.prompts);
            words.extend(prompts.filter_map(|prompt| match &prompt.reply {
                Reply::Secret(secret) => Some(secret.to_string()),
                Reply::Text(_) | Reply::Operator(_) => None,
            }));
        }
    }
    let mut variables: BTreeSet<&str> = BTreeSet::new();
    let bodies = mentions::scripts(procedure);
    for body in &bodies {
        variables.extend(
            body.what
                .text
                .split(|c: char| !c.is_ascii_alphanumeric() && c != '_'),
        );
    }
    let params = procedure.params.keys().map(|id| id.as_str());
    params
        .filter(|id| words.contains(*id) || variables.contains(variable_name(id).as_str()))
        .collect()
}
