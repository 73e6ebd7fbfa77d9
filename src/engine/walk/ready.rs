//! Connect, check, plan, review.

use std::sync::Arc;

use super::*;
use crate::engine::brief::Goal;
use crate::engine::decide::Turn;
use crate::engine::effect::Effect;
use crate::engine::event::Event;
use crate::engine::gate;
use crate::engine::planner::{self, Ground};
use crate::engine::state::{CheckState, Part};
use crate::engine::summary::Exit;
use crate::engine::{audit, checks};
use crate::model::ids::GateId;
use crate::model::procedure::CheckKind;

/// Every node answers and every probe was read: the checks begin.
pub(super) fn connected(turn: &mut Turn<'_>) -> bool {
    let state = &turn.state;
    let all = state.sight.unread.is_empty() && state.nodes.values().all(|node| node.link.is_up());
    if !all || state.opening.is_none() {
        return false;
    }
    let approved =
        state.plan_hash.is_some() && state.stages.iter().any(|stage| stage.began.is_some());
    debug_assert!(
        !approved,
        "a run that executes never goes back to connecting"
    );
    turn.tell(Event::ReadinessBegan);
    ask_checks(turn);
    true
}

/// Sends the script checks out and judges those over facts.
pub(in crate::engine) fn ask_checks(turn: &mut Turn<'_>) {
    let waiting = turn
        .state
        .checks
        .iter()
        .filter(|(_, state)| **state == CheckState::Waiting);
    let keys: Vec<_> = waiting.map(|(key, _)| key.clone()).collect();
    for (id, node) in keys {
        let Some(check) = turn.state.brief.procedure.check(&id) else {
            continue;
        };
        match (&check.kind, node) {
            (CheckKind::Script { .. }, Some(node)) => turn.ask(Effect::Check { node, check: id }),
            (CheckKind::Facts { passes }, node) => {
                let (verdict, found) = checks::judge_facts(turn.state, passes, node.as_ref());
                let output = Default::default();
                turn.tell(Event::CheckJudged {
                    check: id,
                    node,
                    verdict,
                    found,
                    output,
                });
            }
            (CheckKind::Script { .. }, None) | (CheckKind::Attest, _) => {}
        }
    }
}

pub(super) fn ready(turn: &mut Turn<'_>) -> bool {
    if turn.state.checks_waiting > 0 || !turn.state.plan_refused.is_empty() {
        return false;
    }
    match turn.goal() {
        Goal::Check => {
            let exit = if checks::blocks(turn.state) {
                Exit::Blocked
            } else {
                Exit::Finished
            };
            end(turn, exit, "the checks were run");
            false
        }
        Goal::Plan => {
            let made = freeze(turn);
            let exit = if made { Exit::Finished } else { Exit::Blocked };
            end(turn, exit, "the plan was made");
            false
        }
        Goal::Walk if turn.state.checks_open == 0 => freeze(turn),
        Goal::Walk => false,
    }
}

/// Makes the plan, has it audited, and freezes it; or says everything that is in the way.
pub(super) fn freeze(turn: &mut Turn<'_>) -> bool {
    let made = {
        let state = &turn.state;
        let ground = Ground {
            brief: &state.brief,
            facts: &state.facts,
            view: state.view(),
        };
        planner::plan(&ground).and_then(|plan| {
            let wrong = audit::audit(&plan, &state.brief, &state.facts, &state.view());
            if wrong.is_empty() {
                Ok(plan)
            } else {
                Err(wrong)
            }
        })
    };
    match made {
        Ok(plan) => {
            let (hash, stages, actions) = (plan.hash(), plan.stages.len(), plan.action_count());
            if turn.state.plan_hash.as_ref() != Some(&hash) || turn.state.part != Part::Review {
                turn.tell(Event::PlanFrozen {
                    hash,
                    stages,
                    actions,
                    plan: Some(Arc::new(plan)),
                });
            }
            turn.rules();
            true
        }
        Err(reasons) => {
            if turn.state.plan_refused != reasons {
                turn.tell(Event::PlanRefused { reasons });
            }
            false
        }
    }
}

/// The plan is shown and waits for its approval. If what is known changes meanwhile, it is made anew.
pub(super) fn review(turn: &mut Turn<'_>) -> bool {
    let Some(hash) = turn.state.plan_hash.clone() else {
        return false;
    };
    let plan = GateId::new("plan");
    match turn.state.gate.as_ref().filter(|gate| gate.gate == plan) {
        None => turn.tell(Event::GateOpening { gate: plan }),
        Some(open) => match &open.asking {
            Some(asking) if asking.bound == turn.state.facts_seq => return false,
            Some(_) => {
                turn.tell(Event::GateClosed {
                    gate: plan,
                    why: "what is known has changed; the plan was made again".into(),
                });
                if !freeze(turn) {
                    return false;
                }
            }
            None => {
                if read_stale(turn) {
                    return false;
                }
                let asking = gate::asking_plan(turn.state, &hash);
                let (phrase, shown, bound) = (asking.phrase, asking.shown, asking.bound);
                turn.tell(Event::GateOpened {
                    gate: plan,
                    phrase,
                    shown,
                    bound,
                });
            }
        },
    }
    true
}

/// Ends a session that was only to look.
pub(super) fn end(turn: &mut Turn<'_>, exit: Exit, why: &str) {
    turn.tell(Event::Left {
        by: None,
        why: why.into(),
    });
    turn.ask(Effect::End(exit));
}
