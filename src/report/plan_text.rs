//! The plan as text for a change board: what happens, where, in which order, what it costs and how to get back.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use crate::engine::brief::Brief;
use crate::engine::plan::{Action, Plan, PlannedUndo, Stage, Work};
use crate::model::dialogue::{Prompt, Reply};
use crate::model::ids::{FactId, NodeId, StepId};
use crate::model::procedure::{Again, UploadSpec};
use crate::model::script::Script;
use crate::model::time::Span;
use crate::model::value::Value;

/// The whole plan. Scripts stand in it byte for byte as they are sent; what differs on further nodes is shown below the first.
pub fn plan_text(brief: &Brief, plan: &Plan) -> String {
    let mut text = Text::default();
    head(&mut text, brief, plan);
    rules(&mut text, brief);
    let mut shown = BTreeMap::new();
    let mut owner = "";
    for (number, stage) in plan.stages.iter().enumerate() {
        if stage.owner != owner {
            owner = &stage.owner;
            phase(&mut text, plan, owner);
        }
        stage_text(&mut text, number + 1, stage, &mut shown);
    }
    left_out(&mut text, plan);
    text.0
}

/// What the procedure has and this cluster does not need.
fn left_out(text: &mut Text, plan: &Plan) {
    if plan.left_out.is_empty() {
        return;
    }
    text.blank();
    text.line(0, "LEFT OUT: it does not concern this cluster");
    for left in &plan.left_out {
        text.line(2, format_args!("{}: {}", left.what, left.title));
        text.line(5, format_args!("only when {}", left.when));
    }
}

/// How long the stages take one after another, if each takes its typical time.
pub fn typical_time(plan: &Plan) -> Span {
    let spans = plan.stages.iter().map(|stage| stage.typical);
    spans.fold(Span::default(), |sum, span| sum + span)
}

#[derive(Default)]
struct Text(String);

impl Text {
    fn line(&mut self, indent: usize, text: impl std::fmt::Display) {
        writeln!(self.0, "{:indent$}{text}", "").expect("writing to a string cannot fail");
    }

    fn blank(&mut self) {
        self.0.push('\n');
    }

    fn several(&mut self, indent: usize, name: &str, text: &str) {
        for (at, part) in text.lines().enumerate() {
            if at == 0 {
                self.line(indent, format_args!("{name}: {part}"));
            } else {
                self.line(indent + 2, part);
            }
        }
    }
}

fn head(text: &mut Text, brief: &Brief, plan: &Plan) {
    text.line(
        0,
        format_args!(
            "PLAN: {} of {} to {}",
            plan.title, plan.cluster, plan.target
        ),
    );
    text.line(0, format_args!("procedure: {}", plan.procedure));
    text.line(0, format_args!("source: {}", brief.procedure.source));
    text.line(0, format_args!("hash: {}", plan.hash()));
    let nodes: Vec<&str> = plan.nodes.iter().map(NodeId::as_str).collect();
    text.line(0, format_args!("nodes: {}", nodes.join(", ")));
    text.line(
        0,
        format_args!(
            "size: {} stages, {} actions; about {} if every step takes its typical time and every gate opens at once",
            plan.stages.len(),
            plan.action_count(),
            typical_time(plan)
        ),
    );
    if !brief.procedure.about.is_empty() {
        text.blank();
        brief
            .procedure
            .about
            .lines()
            .for_each(|line| text.line(0, line));
    }
}

fn rules(text: &mut Text, brief: &Brief) {
    let list = |text: &mut Text, title: &str, items: Vec<String>| {
        if !items.is_empty() {
            text.blank();
            text.line(0, title);
            items
                .iter()
                .for_each(|item| text.line(2, format_args!("- {item}")));
        }
    };
    let invariants = brief.procedure.invariants.iter();
    let invariants = invariants.map(|rule| format!("{}: {} ({})", rule.id, rule.why, rule.holds));
    list(text, "RULES, WATCHED ALL THE TIME", invariants.collect());
    list(text, "ASSUMED, PLEASE CONFIRM", brief.assumptions.clone());
    list(text, "NOTES", brief.procedure.notes.clone());
}

fn phase(text: &mut Text, plan: &Plan, owner: &str) {
    let place = plan.phases.iter().position(|phase| phase.id == owner);
    text.blank();
    match place {
        Some(at) => {
            let phase = &plan.phases[at];
            text.line(
                0,
                format_args!("PHASE {} {}: {}", at + 1, phase.id, phase.title),
            );
            phase.about.lines().for_each(|line| text.line(2, line));
        }
        None => text.line(0, format_args!("BRANCH {owner}")),
    }
}

type Shown = BTreeMap<(StepId, &'static str), (usize, Script)>;

fn stage_text(text: &mut Text, number: usize, stage: &Stage, shown: &mut Shown) {
    text.blank();
    text.line(
        2,
        format_args!("{number}. {} - {}", stage.step, stage.title),
    );
    text.line(5, format_args!("where: {}", places(stage)));
    if !stage.waits_for.is_empty() {
        text.line(5, format_args!("waits for: {}", stage.waits_for));
    }
    warnings(text, stage);
    let mut told = BTreeSet::new();
    for action in &stage.actions {
        work(text, number, stage, action, shown, &mut told);
    }
    then(text, stage);
    let already: Vec<&str> = stage
        .actions
        .iter()
        .filter(|action| action.already_so)
        .map(|action| action.id.as_str())
        .collect();
    if !already.is_empty() {
        text.line(
            5,
            format_args!(
                "already so, looked at again and not run: {}",
                already.join(", ")
            ),
        );
    }
    text.line(5, format_args!("time: {}", times(stage)));
}

fn places(stage: &Stage) -> String {
    let nodes: Vec<&str> = stage
        .actions
        .iter()
        .filter_map(|action| action.node.as_ref().map(NodeId::as_str))
        .collect();
    match nodes.len() {
        0 => "once for the cluster".into(),
        1 => nodes.join(""),
        _ => format!("{}, at the same time", nodes.join(", ")),
    }
}

fn warnings(text: &mut Text, stage: &Stage) {
    if let Some(gate) = &stage.gate {
        text.line(
            5,
            format_args!(
                "GATE {}: opens to a typed phrase that begins with \"{}\"",
                gate.id, gate.verb
            ),
        );
    }
    if let Some(consequence) = &stage.consequence {
        text.several(5, "consequence", consequence);
    }
    if let Some(point) = &stage.point_of_no_return {
        text.several(5, "POINT OF NO RETURN", point);
    }
    if let Some(requires) = &stage.requires {
        text.line(5, format_args!("only if: {requires}"));
    }
    for rule in &stage.order {
        let must = if rule.so { "still" } else { "still not" };
        text.line(
            5,
            format_args!(
                "only if {must}, on {}: {} ({})",
                rule.node, rule.must, rule.why
            ),
        );
    }
    if let Some(debt) = &stage.opens {
        text.line(
            5,
            format_args!("opens the debt {debt}: the run does not finish before it is paid"),
        );
    }
    if let Some(debt) = &stage.closes {
        text.line(5, format_args!("pays the debt {debt}"));
    }
}

/// What an action does. What is the same on every node of the stage is said once.
fn work(
    text: &mut Text,
    number: usize,
    stage: &Stage,
    action: &Action,
    shown: &mut Shown,
    told: &mut BTreeSet<String>,
) {
    let mut once = |text: &mut Text, name: &str, words: &str| {
        if told.insert(format!("{name}:{words}")) {
            text.several(5, name, words);
        }
    };
    match &action.work {
        Work::Change {
            script: sent,
            dialogue,
            reboots,
            ..
        } => {
            script(text, number, stage, action, sent, "changes", shown);
            if *reboots {
                once(text, "reboots", "the node goes down and is waited for");
            }
            for prompt in dialogue.iter().flat_map(|dialogue| &dialogue.prompts) {
                once(text, "asked", &prompt_words(prompt));
            }
        }
        Work::Upload(upload) => once(text, "uploads", &upload_words(upload)),
        Work::Read { script: sent, .. } => {
            script(text, number, stage, action, sent, "reads", shown)
        }
        Work::Manual { instructions } => once(text, "by hand", instructions),
        Work::Attest { instructions } => once(text, "attested", instructions),
        Work::Wait { until: Some(until) } => once(text, "waits until", until.source()),
        Work::Wait { until: None } => once(text, "waits", "until the result is observed"),
        Work::Decide { question, options } => {
            once(text, "decision", question);
            for option in options {
                once(text, &format!("  {}", option.id), &option.title);
            }
        }
    }
    match &action.undo {
        Some(PlannedUndo::Script { script: sent, .. }) => {
            script(text, number, stage, action, sent, "undo", shown);
        }
        Some(PlannedUndo::Manual { instructions, .. }) => once(text, "undo by hand", instructions),
        None => {}
    }
}

/// `"Continue\? \[y/N\]" is answered "y"`.
fn prompt_words(prompt: &Prompt) -> String {
    let pattern = &prompt.pattern;
    match &prompt.reply {
        Reply::Text(text) if text.is_empty() => format!("/{pattern}/ is answered with Enter"),
        Reply::Text(text) => format!("/{pattern}/ is answered \"{text}\""),
        Reply::Secret(param) => format!("/{pattern}/ is answered with the secret {param}"),
        Reply::Operator(_) => format!("/{pattern}/ is answered by the operator"),
    }
}

/// What is put where.
fn upload_words(upload: &UploadSpec) -> String {
    let sum = upload.sha256.as_ref();
    let sum = sum.map_or(String::new(), |sum| format!(", SHA-256 {sum}"));
    format!("{} to {}{sum}", upload.from, upload.to)
}

fn script(
    text: &mut Text,
    number: usize,
    stage: &Stage,
    action: &Action,
    sent: &Script,
    what: &'static str,
    shown: &mut Shown,
) {
    let node = action.node.as_ref().map_or("cluster", NodeId::as_str);
    let key = (stage.step.clone(), what);
    let Some((first, before)) = shown.get(&key) else {
        text.line(5, format_args!("{what} {node}:"));
        sent.text
            .lines()
            .for_each(|line| text.line(7, format_args!("| {line}")));
        if !sent.secrets.is_empty() {
            let names = sent.secrets.join(", ");
            text.line(
                7,
                format_args!("on its standard input, one a line, never shown or kept: {names}"),
            );
        }
        shown.insert(key, (number, sent.clone()));
        return;
    };
    let place = if *first == number {
        "above".to_string()
    } else {
        format!("in {first}")
    };
    let known: BTreeSet<&str> = before.text.lines().collect();
    let other: Vec<&str> = sent
        .text
        .lines()
        .filter(|line| !known.contains(line))
        .collect();
    if other.is_empty() {
        text.line(5, format_args!("{what} {node}: as {place}"));
    } else {
        text.line(5, format_args!("{what} {node}: as {place}, but with"));
        other
            .iter()
            .for_each(|line| text.line(7, format_args!("| {line}")));
    }
}

fn then(text: &mut Text, stage: &Stage) {
    let results: BTreeSet<String> = stage
        .actions
        .iter()
        .map(|action| wanted(&action.then))
        .collect();
    for result in results.iter().filter(|result| !result.is_empty()) {
        text.line(5, format_args!("done when observed: {result}"));
    }
}

fn wanted(then: &BTreeMap<FactId, Value>) -> String {
    let pairs: Vec<String> = then
        .iter()
        .map(|(fact, value)| format!("{fact}={value}"))
        .collect();
    pairs.join(", ")
}

fn times(stage: &Stage) -> String {
    let again = match stage.again {
        Again::Safe => "may be repeated",
        Again::VerifyFirst => "repeated only after a look",
        Again::Never => "never repeated",
    };
    format!(
        "typical {}, limit {}; {again}",
        stage.typical, stage.timeout
    )
}
