//! The one place that decides: one input in, what is now true and what is to be done out.
//!
//! [`turn`] lets the input tell its events, then lets everything follow that follows (`walk`), folding each event into
//! the state as it is told. It reads no clock, file or network; the same state and input give the same decision.

use std::collections::BTreeMap;

use super::brief::Goal;
use super::effect::Effect;
use super::event::{Doubt, Entry, Event, Failure, FailureKind, InvariantState, Outcome, Verdict};
use super::input::{Input, Timer};
use super::plan::Work;
use super::state::{ActionState, CheckState, Part, RunState};
use super::{answers, checks, interlock, walk};
use crate::model::condition::Truth;
use crate::model::ids::{ActionId, CheckId, FactId, NodeId, ProbeId};
use crate::model::procedure::{Again, CheckKind, FactKind};
use crate::model::reply::{CheckOutput, Claim, JobReport, LinkReport, Reading};
use crate::model::time::{Span, Stamp};
use crate::model::value::Value;

/// How long between two looks at a postcondition that is not observed yet.
const LOOK_AGAIN: Span = Span::seconds(3);

/// What one input came to: what is now true, and what the shell is asked to do once that is on disk.
#[derive(Clone, Debug, Default)]
pub struct Decision {
    pub events: Vec<Entry>,
    pub effects: Vec<Effect>,
}

/// Takes one input in and everything that follows from it. The events are folded into `state` already; the caller
/// journals them before any effect leaves, and stops if it cannot.
pub fn turn(state: &mut RunState, input: &Input, now: Stamp) -> Decision {
    let mut turn = Turn {
        state,
        now,
        decision: Decision::default(),
    };
    turn.take(input);
    walk::advance(&mut turn);
    turn.decision
}

/// One turn under way.
pub(super) struct Turn<'a> {
    pub state: &'a mut RunState,
    pub now: Stamp,
    decision: Decision,
}

impl Turn<'_> {
    /// Tells an event: it is folded into the state at once.
    pub fn tell(&mut self, event: Event) {
        let entry = Entry {
            seq: self.state.seq + 1,
            at: self.now.max(self.state.at),
            event,
        };
        self.state.apply(&entry);
        self.decision.events.push(entry);
    }

    /// Asks the shell for something.
    pub fn ask(&mut self, effect: Effect) {
        if let Effect::Probe { node } = &effect {
            self.state.sight.asked.insert(node.clone(), self.now);
        }
        self.decision.effects.push(effect);
    }

    /// Asks for a timer.
    pub fn wake(&mut self, timer: Timer, after: Span) {
        self.ask(Effect::Timer {
            timer,
            at: self.now + after,
        });
    }

    fn take(&mut self, input: &Input) {
        if self.state.ending.is_some() {
            return;
        }
        match input {
            Input::Open(opening) => {
                self.tell(Event::Opened(opening.clone()));
                self.connect_all();
            }
            Input::Resume {
                by,
                reason,
                wall,
                torn,
            } => {
                let (by, reason, torn) = (by.clone(), reason.clone(), torn.clone());
                self.tell(Event::Resumed {
                    by,
                    reason,
                    wall: *wall,
                    torn,
                });
                self.connect_all();
                self.wake_again();
            }
            Input::Operator { by, says } => answers::take(self, by, says),
            Input::Link { node, report } => self.link(node, report),
            Input::Reading {
                node,
                probe,
                reading,
            } => self.reading(node, probe, reading),
            Input::Check {
                node,
                check,
                output,
            } => self.check(node, check, output),
            Input::Job {
                action,
                attempt,
                report,
                ..
            } => self.job(action, *attempt, report),
            Input::Timer(timer) => self.timer(timer),
            Input::Heartbeat => self.state.sight.heartbeat = Some(self.now),
        }
    }

    fn connect_all(&mut self) {
        let nodes: Vec<NodeId> = self.state.nodes.keys().cloned().collect();
        nodes
            .into_iter()
            .for_each(|node| self.ask(Effect::Connect { node }));
    }

    /// Timers do not outlive a session: what was under way is given its time again.
    fn wake_again(&mut self) {
        for id in self.state.active.clone() {
            let Some(record) = self.state.actions.get(&id) else {
                continue;
            };
            let (attempt, timeout, typical) =
                (record.attempts, record.stage.timeout, record.stage.typical);
            match &record.state {
                ActionState::Verifying { .. } => self.wake(
                    Timer::Verify {
                        action: id,
                        attempt,
                    },
                    LOOK_AGAIN,
                ),
                ActionState::Running { .. } | ActionState::InDoubt { .. } => {
                    let action = record.action();
                    let waits = matches!(action.work, Work::Wait { .. });
                    let effects = action
                        .then_on
                        .iter()
                        .map(|node| (node.clone(), action.then.clone()))
                        .collect();
                    if waits {
                        self.ask(Effect::Performed {
                            action: id.clone(),
                            effects,
                            typical,
                        });
                    }
                    self.wake(
                        Timer::Overdue {
                            action: id,
                            attempt,
                        },
                        timeout,
                    );
                }
                ActionState::Pending
                | ActionState::Asked { .. }
                | ActionState::Failed { .. }
                | ActionState::Done { .. }
                | ActionState::NotRun { .. } => {}
            }
        }
    }

    fn link(&mut self, node: &NodeId, report: &LinkReport) {
        let Some(known) = self.state.nodes.get(node) else {
            return;
        };
        match report {
            LinkReport::Up { incarnation, .. } => {
                let was = known.incarnation.clone().filter(|was| was != incarnation);
                self.tell(Event::Linked {
                    node: node.clone(),
                    report: report.clone(),
                });
                if let Some(was) = was {
                    self.tell(Event::Rebooted {
                        node: node.clone(),
                        was,
                        now: incarnation.clone(),
                    });
                }
                self.ask(Effect::Probe { node: node.clone() });
                self.ask(Effect::Watch { node: node.clone() });
                self.ask_after_jobs(node);
            }
            LinkReport::Down { why }
            | LinkReport::Refused { why, .. }
            | LinkReport::WantsSecret { secret: why } => self.link_lost(node, report, why),
            LinkReport::UnknownHostKey { key } => {
                self.link_lost(
                    node,
                    report,
                    &format!("its host key {} is not known", key.fingerprint),
                );
            }
        }
    }

    fn link_lost(&mut self, node: &NodeId, report: &LinkReport, why: &str) {
        use super::state::LinkState;
        let link = self.state.nodes.get(node).map(|known| &known.link);
        let told = matches!((link, report), (Some(LinkState::Down { why: told, .. }), LinkReport::Down { .. }) if told == why);
        if told {
            return;
        }
        self.tell(Event::Linked {
            node: node.clone(),
            report: report.clone(),
        });
        self.went_dark(node, why);
        for (action, attempt) in self.running_on(node) {
            let doubt = Doubt::OutOfSight {
                why: why.to_string(),
            };
            self.tell(Event::ActionInDoubt {
                action,
                attempt,
                doubt,
            });
        }
    }

    fn running_on(&self, node: &NodeId) -> Vec<(ActionId, u32)> {
        let running = |id: &ActionId| {
            let record = self.state.actions.get(id)?;
            match (&record.state, record.action().node.as_ref() == Some(node)) {
                (ActionState::Running { attempt, .. }, true) => Some((id.clone(), *attempt)),
                _ => None,
            }
        };
        self.state.active.iter().filter_map(running).collect()
    }

    /// After a link is back, or after a resume: what became of what was under way there?
    fn ask_after_jobs(&mut self, node: &NodeId) {
        for id in self.state.active.clone() {
            let Some(record) = self.state.actions.get(&id) else {
                continue;
            };
            if record.action().node.as_ref() != Some(node) {
                continue;
            }
            if let ActionState::InDoubt { attempt, .. } = record.state {
                match record.action().work {
                    Work::Change { .. } => self.ask(Effect::Attach {
                        action: id,
                        attempt,
                    }),
                    Work::Read { .. } => self.ask(Effect::Read {
                        action: id,
                        attempt,
                    }),
                    Work::Manual { .. }
                    | Work::Attest { .. }
                    | Work::Wait { .. }
                    | Work::Decide { .. } => {}
                }
            }
        }
    }

    fn went_dark(&mut self, node: &NodeId, why: &str) {
        let dark = self
            .state
            .facts
            .node(node)
            .and_then(|facts| facts.dark().map(str::to_string));
        if dark.as_deref() != Some(why) {
            self.tell(Event::WentDark {
                node: node.clone(),
                why: why.to_string(),
            });
            self.rules();
        }
    }

    fn reading(&mut self, node: &NodeId, probe: &ProbeId, reading: &Reading) {
        if self
            .state
            .nodes
            .get(node)
            .is_none_or(|known| !known.link.is_up())
        {
            return;
        }
        let facts = match reading {
            Ok(facts) => facts,
            Err(why) => {
                return self.went_dark(node, &format!("probe {probe} gives no answer: {why}"));
            }
        };
        self.state.saw(node, probe, self.now);
        let changes = self.changes(node, probe, facts);
        let changed = !changes.is_empty();
        let gone: Vec<FactId> = changes.keys().cloned().collect();
        if changed {
            self.tell(Event::FactsChanged {
                node: node.clone(),
                probe: probe.clone(),
                facts: changes,
            });
        }
        let dark = self
            .state
            .facts
            .node(node)
            .is_some_and(|facts| facts.dark().is_some());
        if dark && !self.state.sight.unread.contains_key(node) {
            self.tell(Event::CameToLight { node: node.clone() });
            self.compare_established(node, None);
        } else if changed && !dark {
            self.compare_established(node, Some(&gone));
        }
        if changed || dark {
            self.rules();
            walk::look_at_waits(self);
        }
    }

    /// What is new in a reading. A word outside a fact's vocabulary is as good as none.
    fn changes(
        &self,
        node: &NodeId,
        probe: &ProbeId,
        facts: &BTreeMap<FactId, Option<Value>>,
    ) -> BTreeMap<FactId, Option<Value>> {
        let procedure = &self.state.brief.procedure;
        let Some(known) = self.state.facts.node(node) else {
            return BTreeMap::new();
        };
        let gives = procedure
            .probes
            .iter()
            .find(|known| known.id == *probe)
            .map(|probe| &probe.gives);
        let told = |fact: &FactId| {
            let kind = &procedure.facts.get(fact)?.kind;
            facts
                .get(fact)?
                .clone()
                .and_then(|value| of_kind(kind, value))
        };
        gives
            .into_iter()
            .flatten()
            .map(|fact| (fact.clone(), told(fact)))
            .filter(|(fact, value)| known.last(fact).map(|fact| &fact.value) != value.as_ref())
            .collect()
    }

    /// What finished actions established must still be so, unless something of ours is at work on the node.
    pub fn compare_established(&mut self, node: &NodeId, only: Option<&[FactId]>) {
        let at_work = self
            .state
            .active_on(node)
            .any(|record| !matches!(record.state, ActionState::Failed { .. }));
        let Some(facts) = self.state.facts.node(node) else {
            return;
        };
        if facts.dark().is_some() {
            return;
        }
        let mut told = Vec::new();
        for (fact, known) in self.state.brief.procedure.facts.keys().filter_map(|fact| {
            let key = (node.clone(), fact.clone());
            Some((fact, self.state.established.get(&key)?))
        }) {
            if only.is_some_and(|only| !only.contains(fact)) {
                continue;
            }
            let (wanted, by) = known;
            let value = facts.get(fact);
            let alarmed = self
                .state
                .resurrected
                .contains_key(&(node.clone(), fact.clone()));
            let (node, fact) = (node.clone(), fact.clone());
            match (value == Some(wanted), alarmed) {
                (true, true) => told.push(Event::Subsided {
                    node,
                    fact,
                    accepted: false,
                }),
                // What is not known has not come back: it holds the next step in its own right.
                (false, false) if !at_work && value.is_some() => {
                    let (was, now, by) = (wanted.clone(), value.cloned(), by.clone());
                    told.push(Event::Resurrected {
                        node,
                        fact,
                        was,
                        now,
                        by,
                    });
                }
                (true, false) | (false, true) | (false, false) => {}
            }
        }
        told.into_iter().for_each(|event| self.tell(event));
    }

    /// Invariants are watched all the time: each is told when it changes.
    pub fn rules(&mut self) {
        if self.state.part < Part::Review {
            return;
        }
        let kinds = self.state.facts.kinds();
        let same_kinds = self.state.sight.ruled.replace(kinds) == Some(kinds);
        let mut told = Vec::new();
        for invariant in &self.state.brief.procedure.invariants {
            if same_kinds && invariant.holds.sees_kinds_only() {
                continue;
            }
            let state = interlock::told(self.state, invariant);
            let same = match (self.state.invariants.get(&invariant.id), &state) {
                (Some(InvariantState::Holds), InvariantState::Holds)
                | (Some(InvariantState::Unknown { .. }), InvariantState::Unknown { .. }) => true,
                (
                    Some(InvariantState::Broken { detail: old }),
                    InvariantState::Broken { detail: new },
                ) => old == new,
                _ => false,
            };
            if !same {
                told.push(Event::InvariantTold {
                    invariant: invariant.id.clone(),
                    state,
                });
            }
        }
        told.into_iter().for_each(|event| self.tell(event));
    }

    fn check(&mut self, node: &NodeId, id: &CheckId, output: &CheckOutput) {
        let Some(check) = self.state.brief.procedure.check(id) else {
            return;
        };
        let CheckKind::Script { passes, .. } = &check.kind else {
            return;
        };
        let passes = passes.clone();
        let key = (id.clone(), Some(node.clone()));
        if self.state.checks.get(&key) != Some(&CheckState::Waiting) {
            return;
        }
        match output {
            Err(why) => self.judged(
                id,
                node,
                Verdict::Unknown,
                format!("no answer: {why}"),
                BTreeMap::new(),
            ),
            Ok(values) => {
                let outputs = self.state.outputs.entry(id.clone()).or_default();
                if outputs.insert(node.clone(), values.clone()).is_none() {
                    *self.state.sight.arrived.entry(id.clone()).or_default() += 1;
                }
                if !passes.uses().roots.contains("checks") {
                    let (verdict, found) =
                        checks::judge_output(self.state, &passes, node, Some(values), &[]);
                    return self.judged(id, node, verdict, found, values.clone());
                }
            }
        }
        self.judge_together(id, &passes);
    }

    /// A check that compares nodes is judged when every node has answered.
    fn judge_together(&mut self, id: &CheckId, passes: &crate::model::condition::Condition) {
        if !passes.uses().roots.contains("checks") {
            return;
        }
        let arrived = self
            .state
            .sight
            .arrived
            .get(id)
            .copied()
            .unwrap_or_default();
        if arrived < self.state.waiting_of.get(id).copied().unwrap_or_default() {
            return;
        }
        self.state.sight.arrived.remove(id);
        let from = (id.clone(), None);
        let of_check = self
            .state
            .checks
            .range(from..)
            .take_while(|(key, _)| key.0 == *id);
        let waiting: Vec<NodeId> = of_check
            .filter(|(_, state)| **state == CheckState::Waiting)
            .filter_map(|(key, _)| key.1.clone())
            .collect();
        let outputs = self.state.outputs.get(id).cloned().unwrap_or_default();
        let all = checks::distinct(&outputs);
        for node in waiting {
            let own = outputs.get(&node);
            let (verdict, found) = checks::judge_output(self.state, passes, &node, own, &all);
            self.judged(id, &node, verdict, found, own.cloned().unwrap_or_default());
        }
    }

    fn judged(
        &mut self,
        id: &CheckId,
        node: &NodeId,
        verdict: Verdict,
        found: String,
        output: BTreeMap<String, Value>,
    ) {
        let (check, node) = (id.clone(), Some(node.clone()));
        self.tell(Event::CheckJudged {
            check,
            node,
            verdict,
            found,
            output,
        });
    }

    /// A report is taken only if it belongs to the attempt that is open: a late answer cannot hurt.
    fn job(&mut self, action: &ActionId, attempt: u32, report: &JobReport) {
        let Some(record) = self.state.actions.get(action) else {
            return;
        };
        let id = action.clone();
        let (open, accepted, doubted) = match &record.state {
            ActionState::Running {
                attempt, accepted, ..
            } => (*attempt, *accepted, false),
            ActionState::InDoubt { attempt, .. } => (*attempt, false, true),
            ActionState::Pending
            | ActionState::Asked { .. }
            | ActionState::Verifying { .. }
            | ActionState::Failed { .. }
            | ActionState::Done { .. }
            | ActionState::NotRun { .. } => return,
        };
        if open != attempt {
            return;
        }
        let reads = matches!(record.action().work, Work::Read { .. });
        match report {
            JobReport::Accepted if accepted => {}
            JobReport::Accepted => self.tell(Event::ActionAccepted {
                action: id,
                attempt,
            }),
            JobReport::Ended { claim } => self.claimed(id, attempt, claim.clone(), reads),
            JobReport::NotStarted { .. } if doubted => {
                self.tell(Event::ActionReopened { action: id })
            }
            JobReport::NotStarted { why } => {
                self.failed(id, attempt, FailureKind::NotStarted, why.clone())
            }
            JobReport::OutOfSight { .. } if doubted => {}
            JobReport::OutOfSight { why } => {
                self.tell(Event::ActionInDoubt {
                    action: id,
                    attempt,
                    doubt: Doubt::OutOfSight { why: why.clone() },
                });
            }
            JobReport::Vanished { why } => {
                self.tell(Event::ActionInDoubt {
                    action: id.clone(),
                    attempt,
                    doubt: Doubt::Vanished { why: why.clone() },
                });
                self.prove(&id);
            }
        }
    }

    /// An end was claimed. For a change it is only a claim: the postcondition is looked at now.
    pub fn claimed(&mut self, id: ActionId, attempt: u32, claim: Claim, reads: bool) {
        let success = claim.is_success();
        let words = claim.to_string();
        self.tell(Event::ActionClaimed {
            action: id.clone(),
            attempt,
            claim,
        });
        if reads {
            self.state.sight.ready.remove(&id);
            return if success {
                self.done(&id, Outcome::Read)
            } else {
                self.failed(id, attempt, FailureKind::Failed, format!("it {words}"))
            };
        }
        self.ask(Effect::Acknowledge {
            action: id.clone(),
            attempt,
        });
        self.prove(&id);
    }

    /// Asks for readings that can prove an action's postcondition.
    pub fn prove(&mut self, id: &ActionId) {
        let Some(record) = self.state.actions.get(id) else {
            return;
        };
        let attempt = record.attempts;
        let nodes = if record.action().then.is_empty() {
            Vec::new()
        } else {
            record.action().then_on.clone()
        };
        nodes
            .into_iter()
            .for_each(|node| self.ask(Effect::Probe { node }));
        self.wake(
            Timer::Verify {
                action: id.clone(),
                attempt,
            },
            LOOK_AGAIN,
        );
    }

    /// Judges an action whose readings have come.
    pub fn judge(&mut self, id: &ActionId) {
        let Some(record) = self.state.actions.get(id) else {
            return;
        };
        let (attempt, since, claim) = match &record.state {
            ActionState::Verifying {
                attempt,
                since,
                claim,
            } => (*attempt, *since, claim.clone()),
            ActionState::InDoubt {
                doubt: Doubt::Vanished { .. },
                ..
            } => {
                if self.postcondition(id).is_yes() && record.stage.again != Again::Never {
                    self.done(id, Outcome::ObservedAfterDoubt);
                }
                return;
            }
            _ => return,
        };
        let by_hand = record.by_hand.clone();
        let settled = self.now.since(since) >= record.stage.settle;
        let observed = self.postcondition(id);
        let id = id.clone();
        match (observed, claim, by_hand) {
            (Truth::Yes, _, Some(note)) => self.done(&id, Outcome::ByHand { note }),
            (Truth::Yes, Some(claim), None) if claim.is_success() => {
                self.done(&id, Outcome::Observed)
            }
            (Truth::Yes, Some(claim), None) => {
                let message = format!("it {claim}, but what it was to bring about is observed");
                self.failed(id, attempt, FailureKind::Contradiction, message);
            }
            (_, Some(claim), None) if !claim.is_success() => {
                self.failed(id, attempt, FailureKind::Failed, format!("it {claim}"));
            }
            (Truth::No, claim, by_hand) if settled => {
                let said = match (claim, by_hand) {
                    (Some(claim), _) => format!("it {claim}"),
                    (None, Some(note)) => format!("said to be done by hand ({note})"),
                    (None, None) => "it is said to be done".into(),
                };
                let message = format!("{said}, but what it was to bring about is not observed");
                self.failed(id, attempt, FailureKind::Contradiction, message);
            }
            (Truth::Yes | Truth::No | Truth::Unknown(_), _, _) => {}
        }
    }

    fn postcondition(&self, id: &ActionId) -> Truth {
        let Some(record) = self.state.actions.get(id) else {
            return Truth::Unknown("no such action".into());
        };
        let action = record.action();
        if action.then.is_empty() {
            return Truth::No;
        }
        let mut unknown = None;
        for node in &action.then_on {
            match self
                .state
                .facts
                .node(node)
                .map(|facts| facts.matches(&action.then))
            {
                Some(Truth::Yes) => {}
                Some(Truth::No) => return Truth::No,
                Some(Truth::Unknown(why)) => unknown = Some(why),
                None => unknown = Some(format!("{node} is not known")),
            }
        }
        unknown.map_or(Truth::Yes, Truth::Unknown)
    }

    /// An action came to its good end: what it owed is booked.
    pub fn done(&mut self, id: &ActionId, outcome: Outcome) {
        let Some(record) = self.state.actions.get(id) else {
            return;
        };
        let (closes, node, then_on) = (
            record.stage.closes.clone(),
            record.action().node.clone(),
            record.action().then_on.clone(),
        );
        self.tell(Event::ActionDone {
            action: id.clone(),
            outcome,
        });
        if let Some(debt) = closes {
            let paid: Vec<_> = self
                .state
                .debts
                .keys()
                .filter(|(open, on)| {
                    *open == debt && (node.is_none() || on.is_none() || *on == node)
                })
                .cloned()
                .collect();
            for (debt, node) in paid {
                self.tell(Event::DebtPaid {
                    debt,
                    node,
                    how: format!("by {id}"),
                });
            }
        }
        for node in then_on {
            self.compare_established(&node, None);
        }
    }

    /// An action came to a bad end.
    pub fn failed(&mut self, action: ActionId, attempt: u32, kind: FailureKind, message: String) {
        self.tell(Event::ActionFailed {
            action,
            attempt,
            failure: Failure { kind, message },
        });
    }

    fn timer(&mut self, timer: &Timer) {
        match timer {
            Timer::Verify { action, attempt } => {
                let Some(record) = self.state.actions.get(action) else {
                    return;
                };
                let looked_at = match &record.state {
                    ActionState::Verifying { .. } => true,
                    ActionState::InDoubt {
                        doubt: Doubt::Vanished { .. },
                        ..
                    } => false,
                    _ => return,
                };
                if record.attempts == *attempt && looked_at {
                    self.state.must_prove(action);
                    self.prove(action);
                }
            }
            Timer::Overdue { action, attempt } => self.overdue(action, *attempt),
            Timer::Patience { stage, .. } => {
                let lasting = self.state.cursor == *stage
                    && !self.state.held.is_empty()
                    && !self.state.held_long;
                if lasting {
                    self.tell(Event::HeldLong { stage: *stage });
                }
            }
        }
    }

    fn overdue(&mut self, action: &ActionId, attempt: u32) {
        let Some(record) = self.state.actions.get(action) else {
            return;
        };
        let open = match &record.state {
            ActionState::Running { attempt, .. } | ActionState::InDoubt { attempt, .. } => *attempt,
            _ => return,
        };
        if open != attempt || record.overdue {
            return;
        }
        let timeout = record.stage.timeout;
        if matches!(record.action().work, Work::Wait { .. }) {
            let message = format!("what was waited for did not come within {timeout}");
            return self.failed(action.clone(), attempt, FailureKind::TimedOut, message);
        }
        self.tell(Event::ActionOverdue {
            action: action.clone(),
            attempt,
        });
    }

    /// Whether this session is only to look.
    pub fn goal(&self) -> Goal {
        self.state.brief.goal
    }
}

/// A value, if it is of the declared kind.
fn of_kind(kind: &FactKind, value: Value) -> Option<Value> {
    match (kind, value) {
        (FactKind::Values(words), value) => {
            let word = value.to_string();
            words.contains(&word).then_some(Value::Text(word))
        }
        (FactKind::Bool, Value::Bool(value)) => Some(Value::Bool(value)),
        (FactKind::Number, Value::Number(value)) => Some(Value::Number(value)),
        (FactKind::Version | FactKind::Text, value) => {
            let text = value.to_string();
            (!text.is_empty()).then_some(Value::Text(text))
        }
        (FactKind::Bool | FactKind::Number, _) => None,
    }
}
