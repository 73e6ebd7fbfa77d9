//! What a procedure declares before its phases: parameters, roles, facts, probes, checks, versions, invariants, lookups.

use std::collections::BTreeMap;

use super::reader::{Item, Table};
use crate::model::condition::Condition;
use crate::model::ids::{CheckId, FactId, InvariantId, ParamId, ProbeId, RoleId};
use crate::model::params;
use crate::model::procedure::{
    Access, Check, CheckKind, FactKind, FactSpec, Invariant, Param, ParamKind, Probe, Rehearsed,
    Role, Severity,
};
use crate::model::time::Span;
use crate::model::value::Value;
use crate::model::version::{PathRule, RefusedTarget, VersionRules};

pub(super) fn params(file: &mut Table<'_>) -> BTreeMap<ParamId, Param> {
    each(file, "params", "a parameter", |id, table| {
        (ParamId::new(id), param(table))
    })
}

pub(super) fn roles(file: &mut Table<'_>) -> BTreeMap<RoleId, Role> {
    each(file, "roles", "a role", |id, table| {
        (RoleId::new(id), role(table))
    })
}

pub(super) fn facts(file: &mut Table<'_>) -> BTreeMap<FactId, FactSpec> {
    each(file, "facts", "a fact", |id, table| {
        (FactId::new(id), fact(table))
    })
}

pub(super) fn probes(file: &mut Table<'_>) -> Vec<Probe> {
    let tables = file.tables("probe", "a probe");
    tables.into_iter().map(probe).collect()
}

pub(super) fn checks(file: &mut Table<'_>) -> Vec<Check> {
    let tables = file.tables("check", "a check");
    tables.into_iter().map(check).collect()
}

pub(super) fn invariants(file: &mut Table<'_>) -> Vec<Invariant> {
    let tables = file.tables("invariant", "an invariant");
    tables.into_iter().map(invariant).collect()
}

/// The product's way in, where nothing else says it.
pub(super) fn access(file: &mut Table<'_>) -> Access {
    let Some(mut table) = file.table("access", "the product's way in") else {
        return Access::default();
    };
    let access = Access {
        port: table.item("port").and_then(|item| port(&item)),
        user: table.optional_text("user"),
    };
    table.finish();
    access
}

fn port(item: &Item<'_>) -> Option<u16> {
    let port = u16::try_from(item.number()?).ok().filter(|port| *port > 0);
    if port.is_none() {
        item.complain("this is no port", "write a number from 1 to 65535");
    }
    port
}

/// Named pieces of `sh`, for every script that uses them.
pub(super) fn pieces(file: &mut Table<'_>) -> BTreeMap<String, String> {
    let Some(table) = file.table("scripts", "the pieces of scripts") else {
        return BTreeMap::new();
    };
    let piece = |(name, item): (String, Item<'_>)| Some((name, item.full_text()?));
    table.members().into_iter().filter_map(piece).collect()
}

pub(super) fn lookups(file: &mut Table<'_>) -> BTreeMap<String, Condition> {
    let Some(table) = file.table("lookups", "the lookups") else {
        return BTreeMap::new();
    };
    let lookup = |(name, item): (String, Item<'_>)| Some((name, item.condition()?));
    table.members().into_iter().filter_map(lookup).collect()
}

pub(super) fn versions(file: &mut Table<'_>) -> VersionRules {
    let Some(mut table) = file.table("versions", "the version rules") else {
        return VersionRules::default();
    };
    let rules = VersionRules {
        fact: table
            .need("fact", "\"version\"")
            .and_then(|item| item.name())
            .map(FactId::new),
        minimum: table.optional_text("minimum"),
        rehearse_target: table.optional_text("rehearse_target"),
        behind: behind(&mut table),
        refuse: table
            .tables("refuse", "a refused target")
            .into_iter()
            .map(refused_target)
            .collect(),
        rules: table
            .tables("rules", "a version rule")
            .into_iter()
            .map(rule)
            .collect(),
    };
    table.finish();
    rules
}

/// Reads every table of a table whose keys the author chooses.
fn each<K: Ord, V>(
    file: &mut Table<'_>,
    key: &'static str,
    what: &'static str,
    read: impl Fn(String, &mut Table<'_>) -> (K, V),
) -> BTreeMap<K, V> {
    let Some(table) = file.table(key, what) else {
        return BTreeMap::new();
    };
    let one = |(name, item): (String, Item<'_>)| {
        let mut table = item.table(what)?;
        let entry = read(name, &mut table);
        table.finish();
        Some(entry)
    };
    table.members().into_iter().filter_map(one).collect()
}

fn param(table: &mut Table<'_>) -> Param {
    let about = table.text("about");
    let kind = param_kind(table);
    let default = table.item("default");
    Param {
        about,
        default: default.and_then(|item| default_of(&item, kind.as_ref()?)),
        assumption: table.optional_text("assumption"),
        kind: kind.unwrap_or(ParamKind::Text),
    }
}

fn param_kind(table: &mut Table<'_>) -> Option<ParamKind> {
    let word = table.need("kind", "\"text\"").and_then(|item| {
        item.word(&[
            ("text", Some(ParamKind::Text)),
            ("path", Some(ParamKind::Path)),
            ("file", Some(ParamKind::File)),
            ("number", Some(ParamKind::Number)),
            ("bool", Some(ParamKind::Bool)),
            ("duration", Some(ParamKind::Duration)),
            ("secret", Some(ParamKind::Secret)),
            ("one-of", None),
        ])
    });
    if word == Some(None) {
        return Some(ParamKind::OneOf(words(table)));
    }
    let Some(word) = word.flatten() else {
        // Whether there may be values depends on the word that could not be read.
        table.item("values");
        return None;
    };
    table.misplaced(&["values"], "only a parameter of kind `one-of` has values");
    Some(word)
}

/// The list of words under `values`, which must be there.
fn words(table: &mut Table<'_>) -> Vec<String> {
    let Some(item) = table.need("values", "[\"a\", \"b\"]") else {
        return Vec::new();
    };
    let words = item.texts();
    if item.raw().as_array().is_some_and(|list| list.is_empty()) {
        item.complain("`values` is empty", "name the words that can stand here");
    }
    words
}

fn default_of(item: &Item<'_>, kind: &ParamKind) -> Option<Value> {
    if *kind == ParamKind::Secret {
        item.complain_masked(
            "a secret has no default: it would stand in this file",
            "remove it; the cluster file says where the secret comes from",
        );
        return None;
    }
    let value = item.value()?;
    let fitting = params::fit(kind, &value);
    if let Err(wanted) = &fitting {
        let message = format!("`{value}` does not fit this parameter");
        item.complain(message, format!("write {wanted}"));
    }
    fitting.ok()
}

fn role(table: &mut Table<'_>) -> Role {
    let about = table.text("about");
    let count = table.need("count", "\"1..\"").and_then(|item| count(&item));
    let (min, max) = count.unwrap_or((0, None));
    Role { about, min, max }
}

/// `"2.."`, `"1"`, `"1..3"` or `"..4"`; both ends are included.
fn count(item: &Item<'_>) -> Option<(usize, Option<usize>)> {
    let text = match item.raw().as_integer() {
        Some(number) => number.as_str(),
        None => item.text()?,
    };
    let range = match text.split_once("..") {
        None => text.parse().ok().map(|number| (number, Some(number))),
        Some((min, max)) => {
            let min = if min.is_empty() {
                Some(0)
            } else {
                min.parse().ok()
            };
            let max = if max.is_empty() {
                Some(None)
            } else {
                max.parse().ok().map(Some)
            };
            min.zip(max)
        }
    };
    let possible = range.filter(|(min, max)| max.is_none_or(|max| max >= *min));
    if possible.is_none() {
        item.complain(
            format!("`{text}` is not a number of nodes"),
            "write it like \"2..\" (two or more), \"1\", \"1..3\" or \"..4\"",
        );
    }
    possible
}

fn fact(table: &mut Table<'_>) -> FactSpec {
    FactSpec {
        about: table.text_or_empty("about"),
        kind: fact_kind(table),
        rehearse: table.item("rehearse").and_then(|item| rehearsed(&item)),
        follows: table.flag("follows"),
    }
}

fn fact_kind(table: &mut Table<'_>) -> FactKind {
    let kind = table.item("kind");
    let values = table.item("values");
    match (kind, values) {
        (None, Some(_)) => FactKind::Values(words(table)),
        (Some(kind), None) => kind
            .word(&[
                ("version", FactKind::Version),
                ("bool", FactKind::Bool),
                ("number", FactKind::Number),
                ("text", FactKind::Text),
            ])
            .unwrap_or(FactKind::Text),
        (Some(kind), Some(_)) => {
            kind.complain(
                "a fact has either `values` or a `kind`",
                "remove one of them",
            );
            FactKind::Text
        }
        (None, None) => {
            table.complain(
                "this fact has neither `values` nor a `kind`",
                "add `values = [\"a\", \"b\"]`, or `kind` with one of version, bool, number, text",
            );
            FactKind::Text
        }
    }
}

fn rehearsed(item: &Item<'_>) -> Option<Rehearsed> {
    if !item.is_table() {
        return item.value().map(Rehearsed::Same);
    }
    let mut table = item.table("the values of a rehearsal")?;
    let first = table.need("first", "true").and_then(|item| item.value());
    let other = table.need("other", "false").and_then(|item| item.value());
    table.finish();
    let (first, other) = (first?, other?);
    Some(Rehearsed::FirstOther { first, other })
}

fn probe(mut table: Table<'_>) -> Probe {
    let probe = Probe {
        id: ProbeId::new(table.name("id")),
        gives: table
            .need("gives", "[\"service\"]")
            .map(|item| item.texts())
            .unwrap_or_default()
            .into_iter()
            .map(FactId::new)
            .collect(),
        every: table.duration("every", Span::seconds(5)),
        timeout: table.duration("timeout", Span::seconds(10)),
        on: table.condition("on"),
        script: table.script("script"),
    };
    table.finish();
    probe
}

fn check(mut table: Table<'_>) -> Check {
    let severities = [
        ("block", Severity::Block),
        ("warn", Severity::Warn),
        ("info", Severity::Info),
    ];
    let section = table.text_or_empty("section");
    let check = Check {
        id: CheckId::new(table.name("id")),
        title: table.text("title"),
        section: if section.is_empty() {
            "readiness".into()
        } else {
            section
        },
        severity: table
            .need("severity", "\"block\"")
            .and_then(|item| item.word(&severities))
            .unwrap_or(Severity::Block),
        kind: check_kind(&mut table),
        on: table.condition("on"),
        why: table.text_or_empty("why"),
        advice: table.text_or_empty("advice"),
    };
    table.finish();
    check
}

fn check_kind(table: &mut Table<'_>) -> CheckKind {
    let attest = table.flag("attest");
    let script = table.optional_script("script");
    if attest {
        table.misplaced(
            &["script", "passes", "timeout", "rehearse"],
            "a human attests this check",
        );
        return CheckKind::Attest;
    }
    let Some(script) = script else {
        table.misplaced(&["timeout", "rehearse"], "this check has no script");
        if table.item("passes").is_none() {
            table.complain(
                "nothing tells whether this check passes",
                "add a `script` with `passes`, or `passes` over facts, or `attest = true`",
            );
            return CheckKind::Attest;
        }
        let passes = required(table, "passes");
        return CheckKind::Facts { passes };
    };
    CheckKind::Script {
        script,
        passes: required(table, "passes"),
        timeout: table.duration("timeout", Span::seconds(20)),
        rehearse: table
            .table("rehearse", "the outputs of a rehearsal")
            .map(|table| values(table))
            .unwrap_or_default(),
    }
}

fn values(table: Table<'_>) -> BTreeMap<String, Value> {
    let one = |(name, item): (String, Item<'_>)| Some((name, item.value()?));
    table.members().into_iter().filter_map(one).collect()
}

fn rule(mut table: Table<'_>) -> PathRule {
    let rule = PathRule {
        from: table.text("from"),
        to: table.text("to"),
        via: table
            .item("via")
            .map(|item| {
                if item.is_text() {
                    item.full_text().into_iter().collect()
                } else {
                    item.texts()
                }
            })
            .unwrap_or_default(),
        why: table.text_or_empty("why"),
    };
    table.finish();
    rule
}

fn behind(table: &mut Table<'_>) -> Option<u64> {
    let item = table.item("behind")?;
    let behind = u64::try_from(item.number()?).ok();
    if behind.is_none() {
        item.complain(
            "a node cannot be so far behind",
            "write the number of feature releases, from 0 on",
        );
    }
    behind
}

fn refused_target(mut table: Table<'_>) -> RefusedTarget {
    let refused = RefusedTarget {
        target: table.text("target"),
        below: table.optional_text("below"),
        why: table.text("why"),
    };
    table.finish();
    refused
}

fn invariant(mut table: Table<'_>) -> Invariant {
    let invariant = Invariant {
        id: InvariantId::new(table.name("id")),
        holds: required(&mut table, "holds"),
        why: table.text("why"),
    };
    table.finish();
    invariant
}

/// A condition that must be there. Where it cannot be read, which has been said, one that always holds stands in.
fn required(table: &mut Table<'_>, key: &'static str) -> Condition {
    table
        .need(key, "\"..\"")
        .and_then(|item| item.condition())
        .unwrap_or_else(|| Condition::parse("true").expect("`true` is a condition"))
}
