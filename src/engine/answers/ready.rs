//! Answers before anything runs: host keys, checks, the plan.

use super::*;
use crate::engine::brief::Person;
use crate::engine::checks;
use crate::engine::decide::Turn;
use crate::engine::effect::Effect;
use crate::engine::event::Event;
use crate::engine::state::{CheckState, LinkState};
use crate::engine::walk;
use crate::model::ids::{CheckId, NodeId};
use crate::model::procedure::Severity;
use crate::model::reply::KeyChange;

pub(super) fn host_key(turn: &mut Turn<'_>, by: &Person, node: &NodeId, typed: &str) {
    let link = turn.state.nodes.get(node).map(|node| node.link.clone());
    let (key, jump) = match link {
        Some(LinkState::AsksHostKey { key, jump }) => (key, jump),
        Some(LinkState::AsksChangedKey { change }) => {
            return changed_key(turn, by, node, &change, typed);
        }
        _ => return refuse(turn, node.as_str(), "no host key is asked for here"),
    };
    let accepted = match typed.trim() {
        "yes" => true,
        "no" => false,
        typed if typed == key.fingerprint => true,
        typed if typed.starts_with("SHA256:") => {
            return refuse(
                turn,
                node.as_str(),
                "that is another fingerprint than the server showed: do not go on before you know why",
            );
        }
        _ => return refuse(turn, node.as_str(), "type the fingerprint, yes or no"),
    };
    let fingerprint = key.fingerprint;
    turn.tell(Event::HostKeyAnswered {
        node: node.clone(),
        jump,
        fingerprint: fingerprint.clone(),
        instead_of: None,
        accepted,
        by: by.clone(),
    });
    turn.ask(Effect::HostKey {
        node: node.clone(),
        fingerprint,
        accept: accepted,
    });
}

/// Only the whole phrase lets another key hold.
fn changed_key(turn: &mut Turn<'_>, by: &Person, node: &NodeId, change: &KeyChange, typed: &str) {
    let phrase = change.phrase(node);
    if typed.trim() != phrase {
        let why = format!(
            "that does not let the new key hold; compare it with what the node's console shows, then type \"{phrase}\""
        );
        return refuse(turn, node.as_str(), why);
    }
    let fingerprint = change.shown.fingerprint.clone();
    turn.tell(Event::HostKeyAnswered {
        node: node.clone(),
        jump: None,
        fingerprint: fingerprint.clone(),
        instead_of: Some(change.known.fingerprint.clone()),
        accepted: true,
        by: by.clone(),
    });
    turn.ask(Effect::HostKey {
        node: node.clone(),
        fingerprint,
        accept: true,
    });
}

pub(super) fn attest(turn: &mut Turn<'_>, by: &Person, check: &CheckId, so: bool, note: &str) {
    let key = (check.clone(), None);
    match turn.state.checks.get(&key) {
        Some(CheckState::Asked | CheckState::Attested { .. }) => {
            turn.tell(Event::Attested {
                check: check.clone(),
                so,
                note: note.into(),
                by: by.clone(),
            });
        }
        _ => refuse(turn, check.as_str(), "no such question is open"),
    }
}

pub(super) fn waive(
    turn: &mut Turn<'_>,
    by: &Person,
    id: &CheckId,
    node: Option<&NodeId>,
    reason: &str,
) {
    let key = (id.clone(), node.cloned());
    let Some(check) = turn.state.brief.procedure.check(id) else {
        return refuse(turn, id.as_str(), "there is no such check");
    };
    if check.severity == Severity::Block {
        return refuse(turn, id.as_str(), "a block cannot be waived");
    }
    if reason.trim().is_empty() {
        return refuse(turn, id.as_str(), "a waived warning wants a reason");
    }
    match turn.state.checks.get(&key) {
        Some(state @ CheckState::Judged { .. }) if !checks::settled(check, state) => {
            let (check, node) = key;
            turn.tell(Event::Waived {
                check,
                node,
                reason: reason.into(),
                by: by.clone(),
            });
        }
        _ => refuse(turn, id.as_str(), "this check does not stand in the way"),
    }
}

pub(super) fn recheck(turn: &mut Turn<'_>, check: Option<&CheckId>, node: Option<&NodeId>) {
    let wanted: Vec<_> = checks::open_keys(turn.state)
        .map(|(key, _)| key.clone())
        .filter(|(id, on)| {
            check.is_none_or(|check| check == id) && (node.is_none() || on.as_ref() == node)
        })
        .filter(|key| matches!(turn.state.checks.get(key), Some(CheckState::Judged { .. })))
        .collect();
    // What one node printed may be what another is held against: such a check is run again on all its nodes.
    for (check, node) in wanted {
        turn.tell(Event::CheckAgain { check, node });
    }
    let nodes: Vec<NodeId> = turn.state.nodes.keys().cloned().collect();
    nodes
        .into_iter()
        .for_each(|node| turn.ask(Effect::Probe { node }));
    walk::ask_checks(turn);
}

/// After a refused plan: every check is asked again, and the plan made again when they are in.
pub(super) fn look_and_plan(turn: &mut Turn<'_>) {
    let judged: Vec<_> = turn
        .state
        .checks
        .iter()
        .filter(|(_, state)| matches!(state, CheckState::Judged { .. }))
        .map(|(key, _)| key.clone())
        .collect();
    look(turn, turn.state.nodes.keys().cloned().collect());
    turn.tell(Event::PlanRefused {
        reasons: Vec::new(),
    });
    for (check, node) in judged {
        turn.tell(Event::CheckAgain { check, node });
    }
    walk::ask_checks(turn);
}
