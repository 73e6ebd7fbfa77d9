//! `apply`: how each event changes what a run knows. The only way state changes, so a replay knows what the run knew.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::brief::Person;
use super::event::{Cause, Doubt, Ending, Entry, Event, Outcome};
use super::plan::{Action, Stage, Work};
use super::state::{
    ActionRecord, ActionState, Alarm, Asking, CheckKey, CheckState, GateState, Late, LinkState,
    Override, Part, RunState, StageState,
};
use crate::model::ids::{ActionId, FactId, NodeId};
use crate::model::procedure::CheckKind;
use crate::model::reply::LinkReport;
use crate::model::value::Value;

impl RunState {
    /// Folds one event in. Entries must come in order; one that was folded in already is passed over.
    pub fn apply(&mut self, entry: &Entry) {
        if entry.seq <= self.seq {
            return;
        }
        self.seq = entry.seq;
        self.at = entry.at;
        match &entry.event {
            Event::Opened(opening) => {
                self.opening = Some((**opening).clone());
                self.part = Part::Connect;
            }
            Event::Resumed { .. } => self.on_resumed(),
            Event::Linked { .. }
            | Event::HostKeyAnswered { .. }
            | Event::SecretGiven { .. }
            | Event::Rebooted { .. }
            | Event::FactsChanged { .. }
            | Event::WentDark { .. }
            | Event::CameToLight { .. }
            | Event::InvariantTold { .. }
            | Event::Resurrected { .. }
            | Event::Subsided { .. } => self.apply_observation(entry),
            Event::ReadinessBegan
            | Event::CheckJudged { .. }
            | Event::CheckAgain { .. }
            | Event::Attested { .. }
            | Event::Waived { .. }
            | Event::PlanFrozen { .. }
            | Event::PlanRefused { .. }
            | Event::PlanApproved { .. } => self.apply_preparation(entry),
            Event::Held { reasons, .. } => {
                self.held = reasons.clone();
                self.held_long = false;
            }
            Event::HeldLong { .. } => self.held_long = true,
            Event::Released { .. } => {
                self.held.clear();
                self.held_long = false;
            }
            Event::GateOpening { .. }
            | Event::GateOpened { .. }
            | Event::GateClosed { .. }
            | Event::GateRefused { .. }
            | Event::GateConfirmed { .. } => self.apply_gate(entry),
            Event::ActionAsked { .. }
            | Event::ActionStarted { .. }
            | Event::ActionAccepted { .. }
            | Event::ActionClaimed { .. }
            | Event::ActionInDoubt { .. }
            | Event::ActionOverdue { .. }
            | Event::CancelAsked { .. }
            | Event::ActionDone { .. }
            | Event::ActionFailed { .. }
            | Event::ActionReopened { .. }
            | Event::ByHandSaid { .. } => {
                self.apply_action(entry);
                self.note_trouble(&entry.event);
            }
            Event::Chosen {
                hold,
                option,
                note,
                by,
            } => self.on_chosen(hold, option, note, by, entry),
            Event::Noted { .. } | Event::Fault { .. } => {}

            Event::DebtOpened { debt, node, by } => {
                self.debts.insert((debt.clone(), node.clone()), by.clone());
                self.name_debts();
            }
            Event::DebtPaid { debt, node, .. } => {
                self.debts.remove(&(debt.clone(), node.clone()));
                self.name_debts();
            }
            Event::DetourTaken {
                cause,
                by,
                reason,
                stages,
            } => {
                self.overrides.push(Override {
                    what: detour_name(cause),
                    reason: reason.clone(),
                    by: by.clone(),
                    at: entry.at,
                });
                self.on_detour(cause, stages);
            }
            Event::ResumeAccepted { .. } => self.resume_review = false,
            Event::TurnBackTimePassed { by } => self.late = Late::Passed { by: *by },
            Event::Paused { by } => self.paused = Some(by.clone()),
            Event::WentOn { .. } => self.paused = None,
            Event::Left { why, .. } => self.left = Some(why.clone()),
            Event::Finished { outcome } => {
                self.ending = Some(*outcome);
                self.part = Part::Ended;
            }
        }
    }

    fn apply_observation(&mut self, entry: &Entry) {
        match &entry.event {
            Event::Linked { node, report } => self.on_link(node, report, entry),
            Event::HostKeyAnswered { node, accepted, .. } => {
                let link = if *accepted {
                    LinkState::Connecting
                } else {
                    LinkState::Refused {
                        refusal: crate::model::reply::Refusal::HostKey,
                        why: "its host key was not accepted".into(),
                    }
                };
                self.set_link(node, link);
            }
            Event::SecretGiven { node, .. } => self.set_link(node, LinkState::Connecting),
            Event::Rebooted { node, now, .. } => {
                if let Some(state) = self.nodes.get_mut(node) {
                    state.incarnation = Some(now.clone());
                }
            }
            Event::FactsChanged { node, facts, .. } => {
                self.facts.set(node, facts, entry.at);
                self.facts_seq = entry.seq;
            }
            Event::WentDark { node, why } => {
                self.facts.set_dark(node, Some(why.clone()));
                self.must_read(node);
                self.facts_seq = entry.seq;
            }
            Event::CameToLight { node } => {
                self.facts.set_dark(node, None);
                self.facts_seq = entry.seq;
            }
            Event::InvariantTold { invariant, state } => {
                self.invariants.insert(invariant.clone(), state.clone());
            }
            Event::Resurrected {
                node,
                fact,
                was,
                now,
                by,
            } => {
                let alarm = Alarm {
                    was: was.clone(),
                    now: now.clone(),
                    by: by.clone(),
                    at: entry.at,
                };
                self.resurrected.insert((node.clone(), fact.clone()), alarm);
            }
            Event::Subsided {
                node,
                fact,
                accepted,
            } => {
                self.resurrected.remove(&(node.clone(), fact.clone()));
                if *accepted {
                    self.established.remove(&(node.clone(), fact.clone()));
                }
            }
            other => unreachable_event(other),
        }
    }

    fn apply_preparation(&mut self, entry: &Entry) {
        match &entry.event {
            Event::ReadinessBegan => self.on_readiness(),
            Event::CheckJudged {
                check,
                node,
                verdict,
                found,
                output,
            } => {
                let judged = CheckState::Judged {
                    verdict: *verdict,
                    found: found.clone(),
                    output: output.clone(),
                };
                self.set_check((check.clone(), node.clone()), judged);
            }
            Event::CheckAgain { check, node } => {
                let attest = self
                    .brief
                    .procedure
                    .check(check)
                    .is_some_and(|c| matches!(c.kind, CheckKind::Attest));
                let state = if attest {
                    CheckState::Asked
                } else {
                    CheckState::Waiting
                };
                if let (Some(outputs), Some(node)) = (self.outputs.get_mut(check), node) {
                    outputs.remove(node);
                }
                self.set_check((check.clone(), node.clone()), state);
                self.plan_refused.clear();
            }
            Event::Attested {
                check,
                so,
                note,
                by,
            } => {
                let attested = CheckState::Attested {
                    so: *so,
                    note: note.clone(),
                    by: by.clone(),
                };
                self.set_check((check.clone(), None), attested);
            }
            Event::Waived {
                check,
                node,
                reason,
                by,
            } => {
                let key = (check.clone(), node.clone());
                let found = match self.checks.get(&key) {
                    Some(CheckState::Judged { found, .. }) => found.clone(),
                    _ => String::new(),
                };
                self.set_check(
                    key,
                    CheckState::Waived {
                        found,
                        reason: reason.clone(),
                        by: by.clone(),
                    },
                );
                let at_node = node
                    .as_ref()
                    .map_or(String::new(), |node| format!(" on {node}"));
                self.overrides.push(Override {
                    what: format!("check {check}{at_node} waived"),
                    reason: reason.clone(),
                    by: by.clone(),
                    at: entry.at,
                });
            }
            Event::PlanFrozen { hash, plan, .. } => {
                self.plan_hash = Some(hash.clone());
                self.plan_refused.clear();
                if let Some(plan) = plan {
                    self.plan = Some(Arc::clone(plan));
                    self.stages.clear();
                    self.actions.clear();
                    let stages: Vec<_> = plan.stages.iter().cloned().map(Arc::new).collect();
                    self.put_stages(0, &stages);
                }
                self.part = Part::Review;
            }
            Event::PlanRefused { reasons } => self.plan_refused = reasons.clone(),
            Event::PlanApproved { .. } => {
                self.part = Part::Execute;
                self.gate = None;
            }
            other => unreachable_event(other),
        }
    }

    fn apply_gate(&mut self, entry: &Entry) {
        match &entry.event {
            Event::GateOpening { gate } => {
                let said = self
                    .gate
                    .take()
                    .filter(|old| old.gate == *gate)
                    .and_then(|old| old.said);
                self.gate = Some(GateState {
                    gate: gate.clone(),
                    asking: None,
                    said,
                });
            }
            Event::GateOpened {
                gate,
                phrase,
                shown,
                bound,
            } => {
                let said = self.gate.take().and_then(|old| old.said);
                let asking = Asking {
                    phrase: phrase.clone(),
                    shown: shown.clone(),
                    bound: *bound,
                };
                self.gate = Some(GateState {
                    gate: gate.clone(),
                    asking: Some(asking),
                    said,
                });
            }
            Event::GateClosed { gate, why } => {
                self.gate = Some(GateState {
                    gate: gate.clone(),
                    asking: None,
                    said: Some(why.clone()),
                });
            }
            Event::GateRefused { why, .. } => {
                if let Some(gate) = &mut self.gate {
                    gate.said = Some(why.clone());
                }
            }
            Event::GateConfirmed { by, .. } => {
                self.gate = None;
                if let Some(stage) = self.stages.get_mut(self.cursor) {
                    stage.confirmed = Some(by.clone());
                }
            }
            other => unreachable_event(other),
        }
    }

    fn apply_action(&mut self, entry: &Entry) {
        let at = entry.at;
        match &entry.event {
            Event::ActionAsked { action } => {
                self.begin(action, entry, |_| ActionState::Asked { since: at })
            }
            Event::ActionStarted {
                action, attempt, ..
            } => {
                let attempt = *attempt;
                self.begin(action, entry, |record| {
                    record.attempts = record.attempts.max(attempt);
                    record.overdue = false;
                    ActionState::Running {
                        attempt,
                        since: at,
                        accepted: false,
                    }
                });
            }
            Event::ActionAccepted { action, attempt } => {
                let state = ActionState::Running {
                    attempt: *attempt,
                    since: self.since(action),
                    accepted: true,
                };
                self.set_action(action, state);
            }
            Event::ActionClaimed {
                action,
                attempt,
                claim,
            } => {
                let state = ActionState::Verifying {
                    attempt: *attempt,
                    since: at,
                    claim: Some(claim.clone()),
                };
                self.set_action(action, state);
                self.must_prove(action);
            }
            Event::ByHandSaid { action, note, .. } => {
                let attempt = self.actions.get(action).map_or(0, |record| record.attempts);
                if let Some(record) = self.actions.get_mut(action) {
                    record.by_hand = Some(note.clone());
                }
                self.set_action(
                    action,
                    ActionState::Verifying {
                        attempt,
                        since: at,
                        claim: None,
                    },
                );
                self.must_prove(action);
            }
            Event::ActionInDoubt {
                action,
                attempt,
                doubt,
            } => {
                let state = ActionState::InDoubt {
                    attempt: *attempt,
                    since: self.since(action),
                    doubt: doubt.clone(),
                };
                self.set_action(action, state);
                if matches!(doubt, Doubt::Vanished { .. }) {
                    self.must_prove(action);
                }
            }
            Event::ActionOverdue { action, .. } => {
                if let Some(record) = self.actions.get_mut(action) {
                    record.overdue = true;
                }
            }
            Event::CancelAsked { action, .. } => {
                if let Some(record) = self.actions.get_mut(action) {
                    record.overdue = false;
                }
            }

            Event::ActionDone { action, outcome } => self.on_done(action, outcome, entry),
            Event::ActionFailed {
                action,
                attempt,
                failure,
            } => {
                if let Some(failed) = self
                    .actions
                    .get(action)
                    .map(|record| record.action().clone())
                {
                    self.forget_changed(&failed);
                }
                let state = ActionState::Failed {
                    attempt: *attempt,
                    since: at,
                    failure: failure.clone(),
                };
                self.set_action(action, state);
            }
            Event::ActionReopened { action } => self.reopen(action),
            other => unreachable_event(other),
        }
    }

    fn on_resumed(&mut self) {
        self.left = None;
        self.gate = None;
        self.resume_review = self.part >= Part::Execute;
        self.held.clear();
        self.held_long = false;
        let names: Vec<NodeId> = self.nodes.keys().cloned().collect();
        for node in &names {
            self.set_link(node, LinkState::Connecting);
            self.facts
                .set_dark(node, Some("not looked at since the run was resumed".into()));
            self.must_read(node);
        }
        self.facts_seq = self.seq;
        self.invariants.clear();
        self.sight.ruled = None;
        for id in self.active.clone() {
            let Some(record) = self.actions.get_mut(&id) else {
                continue;
            };
            match &record.state {
                // Nobody executes a wait: it is looked at again when the nodes are.
                ActionState::Running { .. }
                    if matches!(record.action().work, Work::Wait { .. }) => {}
                ActionState::Running { attempt, since, .. } => {
                    record.state = ActionState::InDoubt {
                        attempt: *attempt,
                        since: *since,
                        doubt: Doubt::WeWereAway,
                    };
                }
                ActionState::Verifying { .. } => self.must_prove(&id),
                ActionState::InDoubt { .. }
                | ActionState::Asked { .. }
                | ActionState::Failed { .. }
                | ActionState::Pending
                | ActionState::Done { .. }
                | ActionState::NotRun { .. } => {}
            }
        }
        if self.part < Part::Execute {
            let judged = self
                .checks
                .iter()
                .filter(|(_, state)| matches!(state, CheckState::Judged { .. }));
            let keys: Vec<CheckKey> = judged.map(|(key, _)| key.clone()).collect();
            keys.into_iter()
                .for_each(|key| self.set_check(key, CheckState::Waiting));
            self.outputs.clear();
            self.part = self.part.min(Part::Connect);
        }
    }

    fn on_link(&mut self, node: &NodeId, report: &LinkReport, entry: &Entry) {
        let link = match report {
            LinkReport::Up { .. } => LinkState::Up { since: entry.at },
            LinkReport::Down { why } => LinkState::Down {
                why: why.clone(),
                since: entry.at,
            },
            LinkReport::UnknownHostKey { key } => LinkState::AsksHostKey { key: key.clone() },
            LinkReport::WantsSecret { secret } => LinkState::WantsSecret {
                secret: secret.clone(),
            },
            LinkReport::Refused { refusal, why } => LinkState::Refused {
                refusal: *refusal,
                why: why.clone(),
            },
        };
        self.set_link(node, link);
        if let (
            LinkReport::Up {
                incarnation,
                host_key,
                user,
            },
            Some(state),
        ) = (report, self.nodes.get_mut(node))
        {
            state.incarnation.get_or_insert_with(|| incarnation.clone());
            state.host_key = host_key.clone();
            state.user = user.clone();
        }
    }

    fn set_link(&mut self, node: &NodeId, link: LinkState) {
        if let Some(state) = self.nodes.get_mut(node) {
            let (was, is) = (state.link.is_stuck(), link.is_stuck());
            state.link = link;
            self.stuck = self.stuck + usize::from(is) - usize::from(was);
        }
    }

    fn on_readiness(&mut self) {
        self.part = Part::Readiness;
        for key in super::checks::keys(&self.brief) {
            let attest = self
                .brief
                .procedure
                .check(&key.0)
                .is_some_and(|c| matches!(c.kind, CheckKind::Attest));
            let fresh = if attest {
                CheckState::Asked
            } else {
                CheckState::Waiting
            };
            if !self.checks.contains_key(&key) {
                self.set_check(key, fresh);
            }
        }
    }

    /// Sets a check's state and keeps the counts that save looking through all of them.
    pub(super) fn set_check(&mut self, key: CheckKey, fresh: CheckState) {
        let brief = Arc::clone(&self.brief);
        let Some(check) = brief.procedure.check(&key.0) else {
            return;
        };
        let weight = |state: &CheckState| {
            (
                usize::from(*state == CheckState::Waiting),
                usize::from(!super::checks::settled(check, state)),
            )
        };
        let (waits, open) = weight(&fresh);
        let (waited, was_open) = self.checks.get(&key).map_or((0, 0), weight);
        let waiting = self.waiting_of.entry(key.0.clone()).or_default();
        *waiting = *waiting + waits - waited;
        self.checks_waiting = self.checks_waiting + waits - waited;
        self.checks_open = self.checks_open + open - was_open;
        self.checks.insert(key, fresh);
    }

    /// Puts stages in at `at`, and their actions into the register.
    fn put_stages(&mut self, at: usize, stages: &[Arc<Stage>]) {
        for (offset, stage) in stages.iter().enumerate() {
            let count = stage.actions.len();
            let put = StageState {
                stage: Arc::clone(stage),
                pending: count,
                left: count,
                confirmed: None,
                began: None,
                ended: None,
            };
            self.stages.insert(at + offset, put);
            for (index, action) in stage.actions.iter().enumerate() {
                let record = ActionRecord {
                    stage: Arc::clone(stage),
                    index,
                    state: ActionState::Pending,
                    attempts: 0,
                    began: None,
                    ended: None,
                    overdue: false,
                    by_hand: None,
                    before: BTreeMap::new(),
                };
                self.actions.insert(action.id.clone(), record);
            }
        }
    }

    fn on_detour(&mut self, cause: &Cause, stages: &[Arc<Stage>]) {
        match cause {
            Cause::TurnBack => {
                self.turning_back = true;
                for stage in self.stages.split_off(self.cursor) {
                    for action in &stage.stage.actions {
                        self.give_up(&action.id);
                    }
                }
            }
            Cause::Undo { action } => self.reopen(action),
            Cause::Branch { .. } | Cause::Repeat { .. } => {}
        }
        self.gate = None;
        self.held.clear();
        self.held_long = false;
        if let Some(stage) = self.stages.get_mut(self.cursor) {
            stage.confirmed = None;
        }
        self.put_stages(self.cursor, stages);
    }

    fn give_up(&mut self, action: &ActionId) {
        let Some(record) = self.actions.get_mut(action) else {
            return;
        };
        if !matches!(record.state, ActionState::Done { .. }) {
            record.state = ActionState::NotRun {
                why: "turned back".into(),
            };
            self.active.remove(action);
            self.troubled.remove(action);
        }
    }

    fn begin(
        &mut self,
        action: &ActionId,
        entry: &Entry,
        state: impl FnOnce(&mut ActionRecord) -> ActionState,
    ) {
        let before = self.known_before(action);
        let Some(record) = self.actions.get_mut(action) else {
            return;
        };
        if record.before.is_empty() {
            record.before = before;
        }

        let was_pending = record.state == ActionState::Pending;
        record.began.get_or_insert(entry.at);
        record.state = state(record);
        self.active.insert(action.clone());
        if let Some(stage) = self.stages.get_mut(self.cursor) {
            stage.began.get_or_insert(entry.at);
            if was_pending {
                stage.pending = stage.pending.saturating_sub(1);
            }
        }
    }

    fn known_before(&self, action: &ActionId) -> BTreeMap<FactId, Value> {
        let known = || {
            let action = self.actions.get(action)?.action();
            let facts = self.facts.node(action.then_on.first()?)?;
            let value = |fact: &FactId| Some((fact.clone(), facts.get(fact)?.clone()));
            Some(action.then.keys().filter_map(value).collect())
        };
        known().unwrap_or_default()
    }

    fn reopen(&mut self, action: &ActionId) {
        let Some(record) = self.actions.get_mut(action) else {
            return;
        };
        record.by_hand = None;
        record.overdue = false;
        if record.state != ActionState::Pending {
            record.state = ActionState::Pending;
            self.active.remove(action);
            self.troubled.remove(action);
            if let Some(stage) = self.stages.get_mut(self.cursor) {
                stage.pending += 1;
                stage.confirmed = None;
            }
        }
    }

    fn set_action(&mut self, action: &ActionId, state: ActionState) {
        if let Some(record) = self.actions.get_mut(action) {
            record.state = state;
            self.active.insert(action.clone());
        }
    }

    fn since(&self, action: &ActionId) -> crate::model::time::Stamp {
        match self.actions.get(action).map(|record| &record.state) {
            Some(
                ActionState::Running { since, .. }
                | ActionState::InDoubt { since, .. }
                | ActionState::Verifying { since, .. },
            ) => *since,
            _ => self.at,
        }
    }

    fn on_done(&mut self, id: &ActionId, outcome: &Outcome, entry: &Entry) {
        let Some(record) = self.actions.get_mut(id) else {
            return;
        };
        let was_pending = record.state == ActionState::Pending;
        record.state = ActionState::Done {
            outcome: outcome.clone(),
        };
        record.ended = Some(entry.at);
        record.began.get_or_insert(entry.at);
        let action = record.action().clone();
        let stage = Arc::clone(&record.stage);
        self.active.remove(id);
        self.sight.awaited_left.remove(id);
        self.actions_done += 1;
        self.forget_changed(&action);
        for node in &action.then_on {
            for (fact, value) in &action.then {
                self.established
                    .insert((node.clone(), fact.clone()), (value.clone(), id.clone()));
            }
        }
        if let Outcome::Chose { option } = outcome {
            let step = stage.step.as_str().rsplit('/').next().unwrap_or_default();
            self.choices.insert(step.to_string(), option.clone());
        }
        let Some(at) = self.stages.get_mut(self.cursor) else {
            return;
        };
        at.began.get_or_insert(entry.at);
        if was_pending {
            at.pending = at.pending.saturating_sub(1);
        }
        at.left = at.left.saturating_sub(1);
        if at.left == 0 {
            at.ended = Some(entry.at);
            self.cursor += 1;
            self.gate = None;
            self.held.clear();
            self.held_long = false;
        }
    }

    /// Keeps the register of what waits for a human.
    fn note_trouble(&mut self, event: &Event) {
        let (Event::ActionAsked { action }
        | Event::ActionStarted { action, .. }
        | Event::ActionAccepted { action, .. }
        | Event::ActionClaimed { action, .. }
        | Event::ActionInDoubt { action, .. }
        | Event::ActionOverdue { action, .. }
        | Event::CancelAsked { action, .. }
        | Event::ActionDone { action, .. }
        | Event::ActionFailed { action, .. }
        | Event::ActionReopened { action }
        | Event::ByHandSaid { action, .. }) = event
        else {
            return;
        };
        let troubled = self
            .actions
            .get(action)
            .is_some_and(|record| match &record.state {
                ActionState::Asked { .. } | ActionState::Failed { .. } => true,
                ActionState::InDoubt { doubt, .. } => {
                    matches!(doubt, Doubt::Vanished { .. }) || record.overdue
                }
                ActionState::Running { .. } => record.overdue,
                ActionState::Pending
                | ActionState::Verifying { .. }
                | ActionState::Done { .. }
                | ActionState::NotRun { .. } => false,
            });
        if troubled {
            self.troubled.insert(action.clone());
        } else {
            self.troubled.remove(action);
        }
    }

    /// What changed on a node while an action of ours was at work there was not done behind our back, even if the
    /// action does not declare it: it is no longer claimed to be as an earlier action left it.
    fn forget_changed(&mut self, action: &Action) {
        for node in &action.then_on {
            let Some(facts) = self.facts.node(node) else {
                continue;
            };
            let changed = |(key, (value, _)): &(&(NodeId, FactId), &(Value, ActionId))| {
                !self.resurrected.contains_key(key)
                    && facts.last(&key.1).map(|fact| &fact.value) != Some(value)
            };
            let from = (node.clone(), FactId::new(""));
            let of_node = self
                .established
                .range(from..)
                .take_while(|(key, _)| key.0 == *node);
            let gone: Vec<_> = of_node
                .filter(changed)
                .map(|(key, _)| key.clone())
                .collect();
            for key in gone {
                self.established.remove(&key);
            }
        }
    }

    fn on_chosen(&mut self, hold: &str, option: &str, note: &str, by: &Person, entry: &Entry) {
        match option {
            "wait" => {
                if let Some(record) = self.actions.get_mut(hold) {
                    record.overdue = false;
                    self.troubled.remove(hold);
                }
            }
            "late" => {
                self.late = Late::Accepted;
                self.overrides.push(Override {
                    what: "went on past the turn-back time".into(),
                    reason: note.into(),
                    by: by.clone(),
                    at: entry.at,
                });
            }
            "accept" | "paid" | "by-hand" => {
                let what = format!("{hold}: {option}");
                self.overrides.push(Override {
                    what,
                    reason: note.into(),
                    by: by.clone(),
                    at: entry.at,
                });
            }
            _ => {}
        }
    }

    fn name_debts(&mut self) {
        let mut names: Vec<String> = self
            .debts
            .keys()
            .map(|(debt, _)| debt.as_str().to_string())
            .collect();
        names.dedup();
        self.debt_names = names;
    }

    /// Whether the run ended well, or led back well.
    pub fn ended_well(&self) -> bool {
        matches!(self.ending, Some(Ending::Upgraded | Ending::TurnedBack))
    }
}

fn detour_name(cause: &Cause) -> String {
    match cause {
        Cause::Branch { branch } => format!("branch {branch} taken"),
        Cause::Undo { action } => format!("{action} undone"),
        Cause::Repeat { action } => format!("{action} done again"),
        Cause::TurnBack => "turned back".into(),
    }
}

fn unreachable_event(event: &Event) {
    debug_assert!(false, "routed to the wrong place: {event:?}");
}
