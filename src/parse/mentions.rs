//! Everything in a procedure that speaks of something else, with its path in the file: steps, conditions, texts, scripts.

use crate::model::condition::Condition;
use crate::model::dialogue::{Dialogue, Reply};
use crate::model::procedure::{CheckKind, Does, On, Procedure, Step, Undo};

/// One part of a procedure and its path in the file.
pub(crate) struct Mention<T> {
    pub path: String,
    pub what: T,
}

/// What a condition at its place may speak of, besides `nodes`, `params`, `target`, `window`, `debts` and `choices`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scope {
    /// The cluster as a whole: there is no `node`.
    Cluster,
    /// One node at a time.
    Node,
    /// Picks nodes: one that does not speak of `node` would pick all or none.
    Pick,
    /// One node's run of a check's script.
    CheckRun,
}

type Held<'a> = (&'a Condition, Scope);

/// A script, and what it is for a reader: `the script of step stop/stop-all`.
pub(crate) struct Body<'a> {
    pub what: String,
    pub text: &'a str,
}

/// All steps, those of the phases first.
pub(crate) fn steps(procedure: &Procedure) -> Vec<Mention<&Step>> {
    let phases = procedure.phases.iter().map(|phase| &phase.steps);
    let branches = procedure.branches.iter().map(|branch| &branch.steps);
    let mut found = of_owners("phase", phases);
    found.extend(of_owners("branch", branches));
    found
}

/// All conditions.
pub(crate) fn conditions(procedure: &Procedure) -> Vec<Mention<Held<'_>>> {
    let mut found = of_vocabulary(procedure);
    found.extend(of_walks(procedure));
    for step in steps(procedure) {
        found.extend(of_step(&step));
    }
    found
}

/// All texts that people read, which may hold `{holes}`.
pub(crate) fn texts(procedure: &Procedure) -> Vec<Mention<&str>> {
    let mut found = Texts(Vec::new());
    found.add("title", &procedure.title);
    found.add("about", &procedure.about);
    for (at, note) in procedure.notes.iter().enumerate() {
        found.add(format!("notes[{at}]"), note);
    }
    for (at, check) in procedure.checks.iter().enumerate() {
        found.add(format!("check[{at}].title"), &check.title);
        found.add(format!("check[{at}].why"), &check.why);
        found.add(format!("check[{at}].advice"), &check.advice);
    }
    for (at, invariant) in procedure.invariants.iter().enumerate() {
        found.add(format!("invariant[{at}].why"), &invariant.why);
    }
    for (at, phase) in procedure.phases.iter().enumerate() {
        found.add(format!("phase[{at}].title"), &phase.title);
        found.add(format!("phase[{at}].about"), &phase.about);
    }
    for (at, branch) in procedure.branches.iter().enumerate() {
        found.add(format!("branch[{at}].title"), &branch.title);
        found.add(format!("branch[{at}].about"), &branch.about);
        if let Some(said) = &branch.said {
            found.add(format!("branch[{at}].said"), said);
        }
    }
    for step in steps(procedure) {
        found.step(&step.path, step.what);
    }
    found.0
}

/// All scripts.
pub(crate) fn scripts(procedure: &Procedure) -> Vec<Mention<Body<'_>>> {
    let mut found = Vec::new();
    for (at, probe) in procedure.probes.iter().enumerate() {
        let what = format!("the script of probe {}", probe.id);
        found.push(body(format!("probe[{at}].script"), what, &probe.script));
    }
    for (at, check) in procedure.checks.iter().enumerate() {
        if let CheckKind::Script { script, .. } = &check.kind {
            let what = format!("the script of check {}", check.id);
            found.push(body(format!("check[{at}].script"), what, script));
        }
    }
    for Mention { path, what: step } in steps(procedure) {
        if let Does::Change { script, .. } | Does::Read { script, .. } = &step.does {
            let what = format!("the script of step {}", step.id);
            found.push(body(format!("{path}.script"), what, script));
        }
        if let Some(Undo::Script { script, .. }) = &step.undo {
            let what = format!("the undo of step {}", step.id);
            found.push(body(format!("{path}.undo.script"), what, script));
        }
    }
    found
}

fn of_owners<'a>(
    list: &str,
    owners: impl Iterator<Item = &'a Vec<Step>>,
) -> Vec<Mention<&'a Step>> {
    let mut found = Vec::new();
    for (owner, steps) in owners.enumerate() {
        for (at, what) in steps.iter().enumerate() {
            let path = format!("{list}[{owner}].step[{at}]");
            found.push(Mention { path, what });
        }
    }
    found
}

fn of_vocabulary(procedure: &Procedure) -> Vec<Mention<Held<'_>>> {
    let mut found = Vec::new();
    for (at, probe) in procedure.probes.iter().enumerate() {
        found.extend(held(
            format!("probe[{at}].on"),
            probe.on.as_ref(),
            Scope::Node,
        ));
    }
    for (at, check) in procedure.checks.iter().enumerate() {
        found.extend(held(
            format!("check[{at}].on"),
            check.on.as_ref(),
            Scope::Node,
        ));
        let passes = match &check.kind {
            CheckKind::Script { passes, .. } => Some((passes, Scope::CheckRun)),
            CheckKind::Facts { passes } => Some((passes, Scope::Node)),
            CheckKind::Attest => None,
        };
        if let Some((passes, scope)) = passes {
            found.extend(held(format!("check[{at}].passes"), Some(passes), scope));
        }
    }
    for (at, invariant) in procedure.invariants.iter().enumerate() {
        let path = format!("invariant[{at}].holds");
        found.extend(held(path, Some(&invariant.holds), Scope::Cluster));
    }
    for (name, lookup) in &procedure.lookups {
        found.extend(held(format!("lookups.{name}"), Some(lookup), Scope::Pick));
    }
    found
}

fn of_walks(procedure: &Procedure) -> Vec<Mention<Held<'_>>> {
    let mut found = Vec::new();
    for (at, phase) in procedure.phases.iter().enumerate() {
        let parts = [
            ("when", &phase.when, Scope::Cluster),
            ("on", &phase.on, Scope::Node),
            ("first", &phase.first, Scope::Pick),
            ("last", &phase.last, Scope::Pick),
        ];
        for (key, condition, scope) in parts {
            found.extend(held(
                format!("phase[{at}].{key}"),
                condition.as_ref(),
                scope,
            ));
        }
    }
    for (at, branch) in procedure.branches.iter().enumerate() {
        found.extend(held(
            format!("branch[{at}].when"),
            branch.when.as_ref(),
            Scope::Cluster,
        ));
    }
    found
}

fn of_step<'a>(step: &Mention<&'a Step>) -> Vec<Mention<Held<'a>>> {
    let Mention { path, what } = step;
    let (on, scope) = match &what.on {
        On::Each(on) => (on.as_ref(), Scope::Node),
        On::Any => (None, Scope::Node),
        On::Cluster => (None, Scope::Cluster),
    };
    let until = match &what.does {
        Does::Wait { until } => until.as_ref(),
        Does::Change { .. }
        | Does::Upload(_)
        | Does::Read { .. }
        | Does::Manual { .. }
        | Does::Attest { .. }
        | Does::Decide { .. } => None,
    };
    let when = held(format!("{path}.when"), what.when.as_ref(), Scope::Cluster);
    let on = held(format!("{path}.on"), on, Scope::Node);
    let requires = held(format!("{path}.requires"), what.requires.as_ref(), scope);
    let until = held(format!("{path}.until"), until, scope);
    let conditions = [when, on, requires, until];
    conditions.into_iter().flatten().collect()
}

fn held(path: String, condition: Option<&Condition>, scope: Scope) -> Option<Mention<Held<'_>>> {
    let what = (condition?, scope);
    Some(Mention { path, what })
}

fn body(path: String, what: String, text: &str) -> Mention<Body<'_>> {
    let what = Body { what, text };
    Mention { path, what }
}

struct Texts<'a>(Vec<Mention<&'a str>>);

impl<'a> Texts<'a> {
    fn dialogue(&mut self, path: &str, dialogue: &'a Dialogue) {
        for (at, prompt) in dialogue.prompts.iter().enumerate() {
            let path = format!("{path}.prompts[{at}]");
            match &prompt.reply {
                Reply::Text(text) => self.add(format!("{path}.answer"), text),
                Reply::Operator(text) => self.add(format!("{path}.ask"), text),
                Reply::Secret(_) => {}
            }
            if let Some(says) = &prompt.says {
                self.add(format!("{path}.says"), says);
            }
        }
    }

    fn add(&mut self, path: impl Into<String>, what: &'a str) {
        let path = path.into();
        self.0.push(Mention { path, what });
    }

    fn step(&mut self, path: &str, step: &'a Step) {
        self.add(format!("{path}.title"), &step.title);
        let parts = [
            ("consequence", &step.consequence),
            ("point_of_no_return", &step.point_of_no_return),
            ("on_failure", &step.on_failure),
        ];
        for (key, text) in parts {
            if let Some(text) = text {
                self.add(format!("{path}.{key}"), text);
            }
        }
        match &step.does {
            Does::Manual { instructions } | Does::Attest { instructions } => {
                self.add(format!("{path}.instructions"), instructions);
            }
            Does::Decide { question, options } => {
                self.add(format!("{path}.question"), question);
                for (at, option) in options.iter().enumerate() {
                    self.add(format!("{path}.options[{at}].title"), &option.title);
                }
            }
            Does::Change {
                dialogue: Some(dialogue),
                ..
            } => self.dialogue(path, dialogue),
            Does::Upload(upload) => {
                self.add(format!("{path}.from"), &upload.from);
                self.add(format!("{path}.to"), &upload.to);
                if let Some(sum) = &upload.sha256 {
                    self.add(format!("{path}.sha256"), sum);
                }
            }
            Does::Change { dialogue: None, .. } | Does::Read { .. } | Does::Wait { .. } => {}
        }
        if let Some(Undo::Manual { instructions, .. }) = &step.undo {
            self.add(format!("{path}.undo.instructions"), instructions);
        }
    }
}
