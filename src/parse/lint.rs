//! Whether a procedure that can be read can also be relied on, rehearsed and left again.

mod rehearsal;
mod words;

use std::collections::BTreeMap;
use std::ops::Range;

use super::Parsed;
use super::complaint::{Complaint, Complaints};
use super::mentions::{self, Mention};
use crate::model::ids::DebtId;
use crate::model::procedure::{Does, Procedure, Step};

/// Everything that the linter has to say about a procedure, errors and warnings, in the order of the file. A procedure with
/// errors must not be run. That a plan breaks no invariant is proven when the plan is made; scripts are held against `sh -n`
/// through [`super::scripts`].
pub fn lint(procedure: &Parsed<Procedure>) -> Vec<Complaint> {
    let mut lint = Lint {
        parsed: procedure,
        found: Vec::new(),
    };
    lint.emptiness();
    lint.probes();
    lint.standing();
    for step in mentions::steps(&procedure.value) {
        lint.step(&step);
    }
    lint.way_back();
    lint.debts();
    rehearsal::check(&mut lint);
    words::check(&mut lint);
    Complaints::new(lint.found).0
}

struct Lint<'a> {
    parsed: &'a Parsed<Procedure>,
    found: Vec<Complaint>,
}

impl<'a> Lint<'a> {
    fn procedure(&self) -> &'a Procedure {
        &self.parsed.value
    }

    fn value(&self, path: &str) -> Range<usize> {
        self.parsed.places.value(path)
    }

    fn error(&mut self, place: &Range<usize>, message: impl Into<String>, help: impl Into<String>) {
        let complaint = Complaint::error(&self.parsed.source, place, message, help);
        self.found.push(complaint);
    }

    fn warn(&mut self, place: &Range<usize>, message: impl Into<String>, help: impl Into<String>) {
        let complaint = Complaint::error(&self.parsed.source, place, message, help);
        self.found.push(complaint.warning());
    }

    fn emptiness(&mut self) {
        let procedure = self.procedure();
        if procedure.phases.is_empty() {
            let place = self.parsed.places.value("id");
            self.error(
                &place,
                "this procedure has no phases",
                "add a [[phase]] with steps",
            );
        }
        for (at, phase) in procedure.phases.iter().enumerate() {
            if phase.steps.is_empty() {
                let message = format!("the phase `{}` has no steps", phase.id);
                self.error(
                    &self.value(&format!("phase[{at}]")),
                    message,
                    "add a [[phase.step]], or remove the phase",
                );
            }
        }
        for (at, branch) in procedure.branches.iter().enumerate() {
            if branch.steps.is_empty() {
                let message = format!("the branch `{}` has no steps", branch.id);
                self.error(
                    &self.value(&format!("branch[{at}]")),
                    message,
                    "add a [[branch.step]], or remove the branch",
                );
            }
        }
    }

    /// Every fact has exactly one probe: two could disagree, none leaves it unknown for ever.
    fn probes(&mut self) {
        let procedure = self.procedure();
        let mut given: BTreeMap<&str, String> = BTreeMap::new();
        for (at, probe) in procedure.probes.iter().enumerate() {
            for (member, fact) in probe.gives.iter().enumerate() {
                let path = format!("probe[{at}].gives[{member}]");
                let Some(first) = given.get(fact.as_str()) else {
                    given.insert(fact.as_str(), path);
                    continue;
                };
                let message = format!("the fact `{fact}` is given twice");
                let help = "let exactly one probe give it: two could disagree";
                let complaint =
                    Complaint::error(&self.parsed.source, &self.value(&path), message, help);
                let complaint = complaint.also(&self.value(first), "first here");
                self.found.push(complaint);
            }
        }
        for fact in procedure.facts.keys() {
            if !given.contains_key(fact.as_str()) {
                let place = self.parsed.places.key(&format!("facts.{fact}"));
                let message =
                    format!("no probe gives the fact `{fact}`, so it stays unknown for ever");
                self.error(
                    &place,
                    message,
                    "add it to `gives` of the probe whose script prints it",
                );
            }
        }
    }

    /// Where probes and checks run must be settled before anything was seen, or they would wait for themselves.
    fn standing(&mut self) {
        let procedure = self.procedure();
        let probes = procedure.probes.iter().map(|probe| probe.on.as_ref());
        let checks = procedure.checks.iter().map(|check| check.on.as_ref());
        let probes = probes
            .enumerate()
            .map(|(at, on)| (format!("probe[{at}].on"), on));
        let checks = checks
            .enumerate()
            .map(|(at, on)| (format!("check[{at}].on"), on));
        for (path, on) in probes.chain(checks) {
            let Some(on) = on else { continue };
            let known = ["name", "host", "roles"];
            let fact = on
                .uses()
                .members
                .keys()
                .find(|member| !known.contains(&member.as_str()));
            if let Some(fact) = fact {
                let message =
                    format!("`on` speaks of `{fact}`, which is not known before probes have run");
                let help = "probes and checks are placed by node.name, node.host and node.roles; let the script itself look further";
                self.error(&self.value(&path), message, help);
            }
        }
    }

    fn step(&mut self, mention: &Mention<&'a Step>) {
        let Mention { path, what: step } = mention;
        let place = self.value(path);
        let timed = match &step.does {
            Does::Change { .. } | Does::Upload(_) => {
                self.change(&place, step);
                true
            }
            Does::Manual { .. } => {
                if step.then.is_empty() {
                    let message =
                        format!("nothing shows that the manual step `{}` was done", step.id);
                    let help = "add `then` with the facts that it brings about; if nothing can be probed, use `does = \"attest\"`";
                    self.warn(&place, message, help);
                }
                true
            }
            Does::Wait { until } => {
                if until.is_none() && step.then.is_empty() {
                    let message = format!("the step `{}` waits for nothing", step.id);
                    self.error(&place, message, "add `until` with a condition, or `then`");
                }
                true
            }
            Does::Decide { options, .. } => {
                if options.len() < 2 {
                    let message = format!("the step `{}` leaves no choice", step.id);
                    self.error(
                        &place,
                        message,
                        "add `options` with at least two of { id = \"..\", title = \"..\" }",
                    );
                }
                false
            }
            Does::Read { .. } | Does::Attest { .. } => false,
        };
        if timed && !self.parsed.places.has(&format!("{path}.typical")) {
            let message = format!(
                "how long the step `{}` typically takes is not said",
                step.id
            );
            self.warn(
                &place,
                message,
                "add `typical = \"5m\"`; estimates and the turn-back time are made from it",
            );
        }
    }

    fn change(&mut self, place: &Range<usize>, step: &Step) {
        if step.then.is_empty() {
            let message = format!(
                "the step `{}` changes a node and has no postcondition",
                step.id
            );
            let help =
                "add `then` with the facts that it brings about: an exit code is only a claim";
            self.error(place, message, help);
        }
        if step.undo.is_none() && step.point_of_no_return.is_none() {
            let message = format!("nothing says how to undo the step `{}`", step.id);
            let help = "add `undo` with a script or instructions, or `point_of_no_return` with what remains then";
            self.warn(place, message, help);
        }
    }

    fn way_back(&mut self) {
        let procedure = self.procedure();
        if procedure.branches.iter().any(|branch| branch.way_back) {
            return;
        }
        let steps = mentions::steps(procedure);
        let passed = steps
            .iter()
            .find(|step| step.what.point_of_no_return.is_some());
        if let Some(step) = passed {
            let place = self.value(&format!("{}.point_of_no_return", step.path));
            let message = "past this point the procedure knows no way back";
            self.warn(
                &place,
                message,
                "add a [[branch]] with `way_back = true` that restores the backup",
            );
        }
    }

    /// Every debt that a walk opens is closed by a later or the same walk; branches may also pay what the phases owe.
    fn debts(&mut self) {
        let steps = mentions::steps(self.procedure());
        let in_phases = |path: &str| path.starts_with("phase[");
        let part = |at: usize, debt: &Option<DebtId>| debt.clone().map(|debt| (at, debt));
        let opened: Vec<_> = steps
            .iter()
            .enumerate()
            .filter_map(|(at, s)| part(at, &s.what.opens))
            .collect();
        let closed: Vec<_> = steps
            .iter()
            .enumerate()
            .filter_map(|(at, s)| part(at, &s.what.closes))
            .collect();
        for (at, debt) in &opened {
            let path = &steps[*at].path;
            let pays = |(by, closed): &(usize, DebtId)| {
                closed == debt && (!in_phases(path) || (by >= at && in_phases(&steps[*by].path)))
            };
            if !closed.iter().any(pays) {
                let message = format!("the debt `{debt}` is opened here and never closed");
                let place = self.value(&format!("{path}.opens"));
                self.error(&place, message, format!("add `closes = \"{debt}\"` to the later step that undoes it: a run cannot finish with an open debt"));
            }
        }
        for (at, debt) in &closed {
            if !opened.iter().any(|(_, opened)| opened == debt) {
                let message = format!("the debt `{debt}` is closed here and never opened");
                let place = self.value(&format!("{}.closes", steps[*at].path));
                let known = opened.iter().map(|(_, opened)| opened.as_str());
                let help = super::suggest::advice(
                    debt.as_str(),
                    known,
                    "add `opens` to the step that makes the temporary change",
                );
                self.error(&place, message, help);
            }
        }
    }
}
