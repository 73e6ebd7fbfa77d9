//! Phases, branches and their steps.

use std::collections::BTreeMap;

use super::dialogue;
use super::reader::{Item, Table};
use crate::model::ids::{BranchId, DebtId, FactId, ParamId, PhaseId, StepId};
use crate::model::procedure::{
    Again, Branch, Choice, Does, On, Phase, Step, Undo, UploadSpec, Walk,
};
use crate::model::time::Span;
use crate::model::value::Value;

/// The words of `does`.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Change,
    Upload,
    Read,
    Manual,
    Attest,
    Wait,
    Decide,
}

const KINDS: &[(&str, Kind)] = &[
    ("change", Kind::Change),
    ("upload", Kind::Upload),
    ("read", Kind::Read),
    ("manual", Kind::Manual),
    ("attest", Kind::Attest),
    ("wait", Kind::Wait),
    ("decide", Kind::Decide),
];

pub(super) fn phases(file: &mut Table<'_>) -> Vec<Phase> {
    let tables = file.tables("phase", "a phase");
    tables.into_iter().map(phase).collect()
}

pub(super) fn branches(file: &mut Table<'_>) -> Vec<Branch> {
    let tables = file.tables("branch", "a branch");
    tables.into_iter().map(branch).collect()
}

fn phase(mut table: Table<'_>) -> Phase {
    let id = table.name("id");
    let phase = Phase {
        title: table.text("title"),
        about: table.text_or_empty("about"),
        walk: walk(&mut table),
        when: table.condition("when"),
        on: table.condition("on"),
        first: table.condition("first"),
        last: table.condition("last"),
        steps: steps(&mut table, &id),
        id: PhaseId::new(id),
    };
    table.finish();
    phase
}

fn branch(mut table: Table<'_>) -> Branch {
    let id = table.name("id");
    let branch = Branch {
        title: table.text("title"),
        about: table.text_or_empty("about"),
        when: table.condition("when"),
        said: table.optional_text("said"),
        way_back: table.flag("way_back"),
        walk: walk(&mut table),
        steps: steps(&mut table, &id),
        id: BranchId::new(id),
    };
    table.finish();
    branch
}

fn walk(table: &mut Table<'_>) -> Walk {
    let Some(item) = table.item("walk") else {
        return Walk::Together;
    };
    if item.is_text() {
        return item
            .word(&[
                ("together", Walk::Together),
                ("node-by-node", Walk::NodeByNode),
            ])
            .unwrap_or(Walk::Together);
    }
    let Some(mut table) = item.table("a walk: \"together\", \"node-by-node\" or { batch = 3 }")
    else {
        return Walk::Together;
    };
    let batch = table.need("batch", "3");
    table.finish();
    let size = batch.and_then(|item| {
        let size = item.number().map(usize::try_from)?;
        let size = size.ok().filter(|size| *size > 0);
        if size.is_none() {
            item.complain(
                "a batch of no nodes walks nowhere",
                "write a number from 1 on",
            );
        }
        size
    });
    size.map_or(Walk::Together, Walk::Batch)
}

fn steps(table: &mut Table<'_>, owner: &str) -> Vec<Step> {
    let tables = table.tables("step", "a step");
    tables.into_iter().map(|table| step(table, owner)).collect()
}

fn step(mut table: Table<'_>, owner: &str) -> Step {
    let id = table.name("id");
    let title = table.text("title");
    let kind = table
        .need("does", "\"change\"")
        .and_then(|item| item.word(KINDS));
    let Some(kind) = kind else {
        // What else may stand here depends on the word that could not be read.
        return empty(owner, &id);
    };
    let step = Step {
        id: StepId::of(owner, &id),
        verb: verb(&mut table, &title),
        title,
        does: does(&mut table, kind),
        when: table.condition("when"),
        on: on(&mut table, kind),
        requires: table.condition("requires"),
        then: then(&mut table),
        undo: undo(&mut table),
        consequence: table.optional_text("consequence"),
        point_of_no_return: table.optional_text("point_of_no_return"),
        opens: debt(&mut table, "opens"),
        closes: debt(&mut table, "closes"),
        again: again(&mut table),
        needs: table.texts("needs"),
        typical: table.duration("typical", Span::seconds(60)),
        timeout: table.duration("timeout", longest(kind)),
        settle: table.duration("settle", Span::seconds(30)),
        on_failure: table.optional_text("on_failure"),
    };
    misplaced(&mut table, kind);
    table.finish();
    step
}

fn empty(owner: &str, id: &str) -> Step {
    Step {
        id: StepId::of(owner, id),
        title: String::new(),
        verb: String::new(),
        does: Does::Wait { until: None },
        when: None,
        on: On::Cluster,
        requires: None,
        then: BTreeMap::new(),
        undo: None,
        consequence: None,
        point_of_no_return: None,
        opens: None,
        closes: None,
        again: Again::default(),
        needs: Vec::new(),
        typical: Span::default(),
        timeout: Span::default(),
        settle: Span::default(),
        on_failure: None,
    }
}

fn longest(kind: Kind) -> Span {
    match kind {
        Kind::Read => Span::minutes(5),
        Kind::Change | Kind::Upload | Kind::Manual | Kind::Attest | Kind::Wait | Kind::Decide => {
            Span::minutes(30)
        }
    }
}

/// The first word of the gate's phrase; the title's first word if the file does not say.
fn verb(table: &mut Table<'_>, title: &str) -> String {
    if let Some(item) = table.item("verb") {
        let verb = item.full_text().unwrap_or_default();
        if verb.contains(|c: char| c.is_whitespace() || c.is_control()) {
            item.complain(
                format!("`{verb}` is not one word"),
                "write one word, such as \"stop\"; it begins the phrase that opens the gate",
            );
        }
        return verb;
    }
    let first = title.split_whitespace().next().unwrap_or_default();
    first.to_lowercase()
}

fn does(table: &mut Table<'_>, kind: Kind) -> Does {
    match kind {
        Kind::Change => Does::Change {
            script: table.script("script"),
            secrets: table
                .texts("secrets")
                .into_iter()
                .map(ParamId::new)
                .collect(),
            output: table.texts("output"),
            cancel: table.flag("cancel"),
            dialogue: dialogue::dialogue(table),
            reboots: table.flag("reboots"),
        },
        Kind::Upload => Does::Upload(upload(table)),
        Kind::Read => Does::Read {
            script: table.script("script"),
            output: table.texts("output"),
        },
        Kind::Manual => Does::Manual {
            instructions: table.text("instructions"),
        },
        Kind::Attest => Does::Attest {
            instructions: table.text("instructions"),
        },
        Kind::Wait => Does::Wait {
            until: table.condition("until"),
        },
        Kind::Decide => Does::Decide {
            question: table.text("question"),
            options: options(table),
        },
    }
}

fn upload(table: &mut Table<'_>) -> UploadSpec {
    UploadSpec {
        from: table.text("from"),
        to: table.text("to"),
        sha256: table.optional_text("sha256"),
        mode: table.item("mode").and_then(|item| permissions(&item)),
    }
}

/// `"0644"`: octal, in quotes.
fn permissions(item: &Item<'_>) -> Option<u32> {
    let text = item.text()?;
    let bits = u32::from_str_radix(text, 8).ok();
    let bits = bits.filter(|bits| *bits <= 0o7777);
    if bits.is_none() {
        item.complain(
            format!("`{text}` are no permissions"),
            "write them in octal, such as \"0644\"",
        );
    }
    bits
}

fn options(table: &mut Table<'_>) -> Vec<Choice> {
    let tables = table.tables("options", "an option");
    let option = |mut table: Table<'_>| {
        let choice = Choice {
            id: table.name("id"),
            title: table.text("title"),
        };
        table.finish();
        choice
    };
    tables.into_iter().map(option).collect()
}

fn on(table: &mut Table<'_>, kind: Kind) -> On {
    let Some(item) = table.item("on") else {
        return match kind {
            Kind::Change | Kind::Upload | Kind::Read => On::Each(None),
            Kind::Manual | Kind::Attest | Kind::Wait | Kind::Decide => On::Cluster,
        };
    };
    match item.text() {
        Some("any") => On::Any,
        Some("cluster") => {
            if matches!(kind, Kind::Change | Kind::Upload | Kind::Read) {
                item.complain(
                    "a script runs on nodes, not on the cluster",
                    "write \"any\" for one reachable node, or a condition over `node`",
                );
            }
            On::Cluster
        }
        Some(_) | None => On::Each(item.condition()),
    }
}

fn then(table: &mut Table<'_>) -> BTreeMap<FactId, Value> {
    let Some(table) = table.table("then", "a postcondition, such as { service = \"stopped\" }")
    else {
        return BTreeMap::new();
    };
    let one = |(name, item): (String, Item<'_>)| Some((FactId::new(name), item.value()?));
    table.members().into_iter().filter_map(one).collect()
}

fn undo(table: &mut Table<'_>) -> Option<Undo> {
    let item = table.item("undo")?;
    if item.is_text() {
        let script = item.full_text()?;
        let then = BTreeMap::new();
        return Some(Undo::Script { script, then });
    }
    let mut table = item.table("an undo: a script, or a table with `script` or `instructions`")?;
    let (script, instructions) = (
        table.optional_script("script"),
        table.optional_text("instructions"),
    );
    let then = then(&mut table);
    let undo = match (script, instructions) {
        (Some(script), None) => Some(Undo::Script { script, then }),
        (None, Some(instructions)) => Some(Undo::Manual { instructions, then }),
        (Some(_), Some(_)) | (None, None) => {
            table.complain(
                "an undo is either a `script` or `instructions`",
                "write exactly one of them",
            );
            None
        }
    };
    table.finish();
    undo
}

fn debt(table: &mut Table<'_>, key: &'static str) -> Option<DebtId> {
    table.item(key)?.name().map(DebtId::new)
}

fn again(table: &mut Table<'_>) -> Again {
    let words = [
        ("safe", Again::Safe),
        ("verify-first", Again::VerifyFirst),
        ("never", Again::Never),
    ];
    let item = table.item("again");
    item.and_then(|item| item.word(&words)).unwrap_or_default()
}

/// Keys of other kinds of steps: named as such, because they are not slips of the pen.
fn misplaced(table: &mut Table<'_>, kind: Kind) {
    let rules: &[(&[&'static str], &[Kind], &str)] = &[
        (
            &["script", "output", "needs"],
            &[Kind::Change, Kind::Read],
            "only a step that does `change` or `read` runs a script",
        ),
        (
            &["again"],
            &[Kind::Change, Kind::Upload, Kind::Read],
            "only what we do ourselves is done again",
        ),
        (
            &["from", "to", "sha256", "mode"],
            &[Kind::Upload],
            "only a step that does `upload` puts a file on nodes",
        ),
        (
            &[
                "secrets", "cancel", "prompts", "terminal", "silence", "reboots",
            ],
            &[Kind::Change],
            "only a step that does `change` has it",
        ),
        (
            &["instructions"],
            &[Kind::Manual, Kind::Attest],
            "only a step that does `manual` or `attest` instructs somebody",
        ),
        (
            &["until"],
            &[Kind::Wait],
            "only a step that does `wait` waits for a condition",
        ),
        (
            &["question", "options"],
            &[Kind::Decide],
            "only a step that does `decide` asks",
        ),
        (
            &["then", "undo"],
            &[Kind::Change, Kind::Upload, Kind::Manual, Kind::Wait],
            "this step changes nothing",
        ),
    ];
    for (keys, kinds, why) in rules {
        if !kinds.contains(&kind) {
            table.misplaced(keys, why);
        }
    }
}
