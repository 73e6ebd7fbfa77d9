//! What follows by itself: connect, check, plan, review, then stage after stage. Nothing here runs that a gate guards and
//! nobody opened.

use std::sync::Arc;

use crate::engine::decide::Turn;
use crate::engine::effect::Effect;
use crate::engine::event::{Ending, Event, FailureKind};
use crate::engine::gate;
use crate::engine::interlock;
use crate::engine::state::Part;
use crate::engine::summary::Exit;
use crate::model::ids::{ActionId, NodeId};
use crate::model::time::Span;

mod ready;
mod stage;

use ready::{connected, ready as checked, review};
use stage::{begin_stage, failed_or_doubted, gate_flow, hold, is_pending, late, must_run, release};

pub(super) use ready::ask_checks;
pub(super) use stage::look_at_waits;

/// How long a node out of sight holds a stage before a human is asked.
const PATIENCE: Span = Span::seconds(60);

/// How long an asked node is given before it is asked again.
const ASK_AGAIN: Span = Span::seconds(10);

/// Lets everything follow that follows now.
pub(super) fn advance(turn: &mut Turn<'_>) {
    if turn.state.left.is_some() || turn.state.ending.is_some() {
        return;
    }
    judge_ready(turn);
    // Every round settles something; a plan has finitely many things to settle.
    while round(turn) {
        judge_ready(turn);
    }
}

fn judge_ready(turn: &mut Turn<'_>) {
    for id in std::mem::take(&mut turn.state.sight.ready) {
        turn.judge(&id);
    }
}

fn round(turn: &mut Turn<'_>) -> bool {
    match turn.state.part {
        Part::Opening | Part::Ended => false,
        Part::Connect => connected(turn),
        Part::Readiness => checked(turn),
        Part::Review => review(turn),
        Part::Execute => execute(turn),
    }
}

fn execute(turn: &mut Turn<'_>) -> bool {
    if turn.state.resume_review || turn.state.paused.is_some() {
        return false;
    }
    let Some(at) = turn.state.stage() else {
        return finish(turn);
    };
    let stage = Arc::clone(&at.stage);
    if at.pending == 0 || turn.state.lock.stands_in_the_way() {
        return false;
    }
    let (confirmed, cursor) = (at.confirmed.is_some(), turn.state.cursor);
    // Attempts of this stage that are open or failed are settled before others of it begin again.
    let unsettled = turn
        .state
        .active
        .iter()
        .any(|id| failed_or_doubted(turn, id));
    if unsettled && !confirmed {
        return false;
    }
    let reasons = interlock::review(turn.state, &stage);
    if !reasons.is_empty() {
        return hold(turn, cursor, reasons);
    }
    let acting = stage.actions.iter().any(|action| {
        is_pending(turn, &action.id) && must_run(action) && !gate::holds_already(turn.state, action)
    });
    if acting && !confirmed && late(turn, &stage) {
        return false;
    }
    if let (Some(spec), true, false) = (&stage.gate, acting, confirmed) {
        return gate_flow(turn, &stage, &spec.id, &spec.verb);
    }
    if read_stale(turn) || (acting && !turn.has_lock()) {
        return false;
    }
    release(turn, cursor);
    begin_stage(turn, &stage)
}

/// Asks nodes whose facts are too old; whether there are any.
fn read_stale(turn: &mut Turn<'_>) -> bool {
    let stale: Vec<NodeId> = interlock::stale(turn.state, turn.now);
    for node in &stale {
        let asked = turn
            .state
            .sight
            .asked
            .get(node)
            .is_some_and(|at| turn.now.since(*at) < ASK_AGAIN);
        if !asked {
            turn.ask(Effect::Probe { node: node.clone() });
        }
    }
    !stale.is_empty()
}

/// Nothing is left: the run is over, unless it owes something.
fn finish(turn: &mut Turn<'_>) -> bool {
    if turn.state.has_alarm() {
        let mut reasons = Vec::new();
        reasons.extend(
            turn.state
                .resurrected
                .keys()
                .map(|(node, fact)| format!("{fact} of {node} came back by itself")),
        );
        reasons.extend(
            turn.state
                .invariants
                .keys()
                .map(|id| format!("rule {id} must hold at the end")),
        );
        let cursor = turn.state.cursor;
        return hold(turn, cursor, reasons);
    }
    let owed: Vec<String> = turn
        .state
        .debts
        .iter()
        .map(|((debt, node), by)| {
            let on = node
                .as_ref()
                .map_or(String::new(), |node| format!(" on {node}"));
            format!("the debt {debt}{on}, opened by {by}, is not paid")
        })
        .collect();
    if !owed.is_empty() {
        let cursor = turn.state.cursor;
        return hold(turn, cursor, owed);
    }
    if !turn.gave_lock_back() {
        return false;
    }
    let outcome = if turn.state.turning_back {
        Ending::TurnedBack
    } else {
        Ending::Upgraded
    };
    turn.tell(Event::Finished { outcome });
    turn.ask(Effect::End(Exit::Finished));
    false
}

/// A human gave an action's bad end in words.
pub(super) fn not_done(turn: &mut Turn<'_>, id: &ActionId, note: &str) {
    let attempt = turn
        .state
        .actions
        .get(id)
        .map_or(1, |record| record.attempts.max(1));
    turn.failed(
        id.clone(),
        attempt,
        FailureKind::NotDone,
        format!("said not to be done: {note}"),
    );
}
