//! What an operator says, taken in. Every answer goes to a hold point that is open and offers it; everything else is
//! refused with the reason, and nothing happens.

use super::brief::Person;
use super::checks;
use super::decide::Turn;
use super::effect::Effect;
use super::event::{Cause, Event, Outcome};
use super::gate;
use super::hold::{self, Expect};
use super::input::{Says, Timer};
use super::plan::Work;
use super::state::{ActionState, CheckState, LinkState, RunState};
use super::summary;
use super::unwind;
use super::walk;
use crate::model::condition::Truth;
use crate::model::ids::{ActionId, BranchId, CheckId, FactId, GateId, NodeId};
use crate::model::procedure::Severity;
use crate::model::reply::Claim;
use crate::model::time::Span;

/// Takes in what `by` says.
pub(super) fn take(turn: &mut Turn<'_>, by: &Person, says: &Says) {
    match says {
        Says::Confirm { gate, typed } => confirm(turn, by, gate, typed),
        Says::HostKey { node, typed } => host_key(turn, by, node, typed),
        Says::SecretGiven { node } => {
            turn.tell(Event::SecretGiven {
                node: node.clone(),
                by: by.clone(),
            });
            turn.ask(Effect::Reconnect { node: node.clone() });
        }
        Says::Attest { check, so, note } => attest(turn, by, check, *so, note),
        Says::Waive {
            check,
            node,
            reason,
        } => waive(turn, by, check, node.as_ref(), reason),
        Says::Recheck { check, node } => recheck(turn, check.as_ref(), node.as_ref()),
        Says::Done {
            action,
            done: so,
            note,
        } => done(turn, action, *so, note),
        Says::Choose { hold, option, note } => choose(turn, by, hold, option, note),
        Says::Pause => {
            if turn.state.paused.is_none() {
                turn.tell(Event::Paused { by: by.clone() });
            }
        }
        Says::GoOn => {
            if turn.state.paused.is_some() {
                turn.tell(Event::WentOn { by: by.clone() });
            }
        }
        Says::Note { text } => turn.tell(Event::Noted {
            text: text.clone(),
            by: by.clone(),
        }),
        Says::Branch { branch, reason } => take_branch(turn, by, branch, reason),
        Says::Leave => leave(turn, Some(by), "left by the operator"),
        Says::Fault { text } => turn.tell(Event::Fault { text: text.clone() }),
    }
}

/// Ends the session; what runs on the nodes goes on.
fn leave(turn: &mut Turn<'_>, by: Option<&Person>, why: &str) {
    let exit = summary::exit_now(turn.state);
    turn.tell(Event::Left {
        by: by.cloned(),
        why: why.into(),
    });
    turn.ask(Effect::End(exit));
}

fn refuse(turn: &mut Turn<'_>, what: &str, why: impl Into<String>) {
    turn.tell(Event::GateRefused {
        gate: GateId::new(what),
        why: why.into(),
    });
}

fn confirm(turn: &mut Turn<'_>, by: &Person, gate: &GateId, typed: &str) {
    if let Some(node) = gate::outdated(turn.state, gate, turn.now) {
        let why = format!("what is known about {node} is too old; it is read again");
        return turn.tell(Event::GateClosed {
            gate: gate.clone(),
            why,
        });
    }
    match gate::judge(turn.state, gate, typed) {
        Err(why) => refuse(turn, gate.as_str(), why),
        Ok(_) if gate.as_str() == "plan" => {
            let hash = turn.state.plan_hash.clone().unwrap_or_default();
            turn.tell(Event::PlanApproved {
                hash,
                by: by.clone(),
            });
            turn.rules();
        }
        Ok(confirmed) => {
            let plan = turn.state.plan_hash.clone().unwrap_or_default();
            turn.tell(confirmed.event(plan, by.clone()));
        }
    }
}

fn host_key(turn: &mut Turn<'_>, by: &Person, node: &NodeId, typed: &str) {
    let Some(LinkState::AsksHostKey { key }) =
        turn.state.nodes.get(node).map(|node| node.link.clone())
    else {
        return refuse(turn, node.as_str(), "no host key is asked for here");
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
        fingerprint: fingerprint.clone(),
        accepted,
        by: by.clone(),
    });
    turn.ask(Effect::HostKey {
        node: node.clone(),
        fingerprint,
        accept: accepted,
    });
}

fn attest(turn: &mut Turn<'_>, by: &Person, check: &CheckId, so: bool, note: &str) {
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

fn waive(turn: &mut Turn<'_>, by: &Person, id: &CheckId, node: Option<&NodeId>, reason: &str) {
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

fn recheck(turn: &mut Turn<'_>, check: Option<&CheckId>, node: Option<&NodeId>) {
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

fn done(turn: &mut Turn<'_>, id: &ActionId, so: bool, note: &str) {
    let Some(record) = turn
        .state
        .actions
        .get(id)
        .filter(|record| matches!(record.state, ActionState::Asked { .. }))
    else {
        return refuse(turn, id.as_str(), "nothing is asked here");
    };
    let action = record.action().clone();
    match &action.work {
        Work::Attest { .. } if so => turn.done(id, Outcome::Attested { note: note.into() }),
        Work::Manual { .. } if so => {
            let attempt = record.attempts;
            let effects = action
                .then_on
                .iter()
                .map(|node| (node.clone(), action.then.clone()))
                .collect();
            turn.ask(Effect::Performed {
                action: id.clone(),
                effects,
                typical: Span(0),
            });
            let claim = Claim::Said {
                done: true,
                note: note.into(),
            };
            if action.then.is_empty() {
                return turn.done(id, Outcome::Attested { note: note.into() });
            }
            turn.tell(Event::ActionClaimed {
                action: id.clone(),
                attempt,
                claim,
            });
            turn.prove(id);
        }
        Work::Manual { .. } | Work::Attest { .. } => walk::not_done(turn, id, note),
        Work::Change { .. } | Work::Read { .. } | Work::Wait { .. } | Work::Decide { .. } => {
            refuse(turn, id.as_str(), "this is not done by hand");
        }
    }
}

/// One of the ways on that an open hold offers.
fn choose(turn: &mut Turn<'_>, by: &Person, id: &str, option: &str, note: &str) {
    let holds = hold::holds(turn.state);
    let Some(open) = holds.iter().find(|hold| hold.id == id) else {
        return refuse(turn, id, "no such hold point is open");
    };
    let Expect::Options(options) = &open.expect else {
        return refuse(
            turn,
            id,
            format!("expected {}", open.expect.line(open.kind)),
        );
    };
    let Some(offered) = options.iter().find(|offered| offered.id == option) else {
        return refuse(
            turn,
            id,
            format!(
                "`{option}` is not offered here; expected {}",
                open.expect.line(open.kind)
            ),
        );
    };
    if let (Some(wanted), true) = (offered.note, note.trim().is_empty()) {
        return refuse(
            turn,
            id,
            format!(
                "{option} wants a {}: {}",
                wanted.to_lowercase(),
                offered.usage()
            ),
        );
    }
    let (hold, option, note) = (id.to_string(), option.to_string(), note.to_string());
    turn.tell(Event::Chosen {
        hold,
        option: option.clone(),
        note: note.clone(),
        by: by.clone(),
    });
    if option == "leave" {
        return leave(turn, Some(by), &format!("left waiting at {id}"));
    }
    act(turn, by, id, &option, &note);
}

fn act(turn: &mut Turn<'_>, by: &Person, id: &str, option: &str, note: &str) {
    match option {
        "turn-back" => return turn_back(turn, by, note),
        "paid" => return pay(turn, note),
        // Said and done: the choice itself lets the gate open.
        "late" => return,
        _ => {}
    }
    if let Some(node) = id.strip_prefix("connect/") {
        return turn.ask(Effect::Reconnect {
            node: NodeId::new(node),
        });
    }
    if let Some(rest) = id.strip_prefix("resurrected/")
        && let Some((fact, node)) = rest.split_once('@')
    {
        return resurrected(
            turn,
            by,
            &NodeId::new(node),
            &FactId::new(fact),
            option,
            note,
        );
    }
    match (id, option) {
        ("resume", "go-on") => return turn.tell(Event::ResumeAccepted { by: by.clone() }),
        ("plan", "look") => return look_and_plan(turn),
        _ => {}
    }
    let action = ActionId::new(id);
    if turn.state.actions.contains_key(&action) && turn.state.active.contains(&action) {
        return on_action(turn, by, &action, option, note);
    }
    look(turn, turn.state.nodes.keys().cloned().collect());
}

fn look(turn: &mut Turn<'_>, nodes: Vec<NodeId>) {
    nodes
        .into_iter()
        .for_each(|node| turn.ask(Effect::Probe { node }));
}

/// After a refused plan: every check is asked again, and the plan made again when they are in.
fn look_and_plan(turn: &mut Turn<'_>) {
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

fn resurrected(
    turn: &mut Turn<'_>,
    by: &Person,
    node: &NodeId,
    fact: &FactId,
    option: &str,
    note: &str,
) {
    let Some(alarm) = turn
        .state
        .resurrected
        .get(&(node.clone(), fact.clone()))
        .cloned()
    else {
        return;
    };
    match option {
        "accept" => turn.tell(Event::Subsided {
            node: node.clone(),
            fact: fact.clone(),
            accepted: true,
        }),
        "repeat" => match unwind::repeat_one(turn.state, &alarm.by) {
            Some(stages) => {
                let cause = Cause::Repeat { action: alarm.by };
                turn.tell(Event::DetourTaken {
                    cause,
                    by: by.clone(),
                    reason: note.into(),
                    stages,
                });
            }
            None => refuse(turn, alarm.by.as_str(), "it cannot be done again"),
        },
        _ => look(turn, vec![node.clone()]),
    }
}

fn on_action(turn: &mut Turn<'_>, by: &Person, id: &ActionId, option: &str, note: &str) {
    let Some(record) = turn.state.actions.get(id) else {
        return;
    };
    let (attempt, timeout) = (record.attempts, record.stage.timeout);
    let action = record.action().clone();
    match option {
        "retry" => turn.tell(Event::ActionReopened { action: id.clone() }),
        "undo" => match unwind::undo_one(turn.state, id) {
            Some(stages) => {
                let cause = Cause::Undo { action: id.clone() };
                turn.tell(Event::DetourTaken {
                    cause,
                    by: by.clone(),
                    reason: note.into(),
                    stages,
                });
            }
            None => refuse(turn, id.as_str(), "no undo is declared for it"),
        },
        "by-hand" => {
            turn.tell(Event::ByHandSaid {
                action: id.clone(),
                note: note.into(),
                by: by.clone(),
            });
            let effects = action
                .then_on
                .iter()
                .map(|node| (node.clone(), action.then.clone()))
                .collect();
            turn.ask(Effect::Performed {
                action: id.clone(),
                effects,
                typical: Span(0),
            });
            turn.prove(id);
        }
        "wait" => turn.wake(
            Timer::Overdue {
                action: id.clone(),
                attempt,
            },
            timeout,
        ),
        "cancel" => {
            turn.tell(Event::CancelAsked {
                action: id.clone(),
                attempt,
                by: by.clone(),
            });
            turn.ask(Effect::Cancel {
                action: id.clone(),
                attempt,
            });
            turn.wake(
                Timer::Overdue {
                    action: id.clone(),
                    attempt,
                },
                timeout,
            );
        }
        "choose" => decide(turn, id, &action.work, note),
        _ => {
            turn.state.must_prove(id);
            if matches!(action.work, Work::Change { .. }) && record_in_doubt(turn.state, id) {
                turn.ask(Effect::Attach {
                    action: id.clone(),
                    attempt,
                });
            }
            look(turn, action.then_on);
        }
    }
}

fn record_in_doubt(state: &RunState, id: &ActionId) -> bool {
    state
        .actions
        .get(id)
        .is_some_and(|record| matches!(record.state, ActionState::InDoubt { .. }))
}

fn decide(turn: &mut Turn<'_>, id: &ActionId, work: &Work, choice: &str) {
    let Work::Decide { options, .. } = work else {
        return;
    };
    match options.iter().find(|option| option.id == choice.trim()) {
        Some(option) => turn.done(
            id,
            Outcome::Chose {
                option: option.id.clone(),
            },
        ),
        None => {
            let offered: Vec<&str> = options.iter().map(|option| option.id.as_str()).collect();
            refuse(
                turn,
                id.as_str(),
                format!("`{choice}` is not one of {}", offered.join(", ")),
            );
        }
    }
}

/// Whether anything is still under way that must come to its end before the way changes.
fn busy(state: &RunState) -> Option<ActionId> {
    let under_way = |id: &&ActionId| state.actions.get(*id).is_some_and(hold::is_under_way);
    state.active.iter().find(under_way).cloned()
}

fn turn_back(turn: &mut Turn<'_>, by: &Person, reason: &str) {
    if let Some(action) = busy(turn.state) {
        return refuse(
            turn,
            "turn-back",
            format!("{action} is still under way; wait for its end first"),
        );
    }
    match unwind::back(turn.state) {
        Ok(stages) => turn.tell(Event::DetourTaken {
            cause: Cause::TurnBack,
            by: by.clone(),
            reason: reason.into(),
            stages,
        }),
        Err(why) => refuse(turn, "turn-back", why.join("; ")),
    }
}

fn take_branch(turn: &mut Turn<'_>, by: &Person, id: &BranchId, reason: &str) {
    let Some(branch) = turn
        .state
        .brief
        .procedure
        .branches
        .iter()
        .find(|branch| branch.id == *id)
        .cloned()
    else {
        return refuse(turn, id.as_str(), "there is no such branch");
    };
    if turn.state.plan.is_none() || turn.state.part < super::state::Part::Execute {
        return refuse(
            turn,
            id.as_str(),
            "a branch can be taken only while the plan is carried out",
        );
    }
    if reason.trim().is_empty() {
        return refuse(
            turn,
            id.as_str(),
            "a branch wants a reason: :branch ID REASON",
        );
    }
    if let Some(action) = busy(turn.state) {
        return refuse(
            turn,
            id.as_str(),
            format!("{action} is still under way; wait for its end first"),
        );
    }
    if let Some(when) = &branch.when
        && let Truth::No = turn.state.facts.holds(when, None, &turn.state.view())
    {
        return refuse(
            turn,
            id.as_str(),
            format!("its condition does not hold: {when}"),
        );
    }
    if branch.way_back {
        return turn_back(turn, by, reason);
    }
    match unwind::branch_stages(turn.state, &branch) {
        Ok(stages) => {
            let stages = stages.into_iter().map(std::sync::Arc::new).collect();
            let cause = Cause::Branch { branch: id.clone() };
            turn.tell(Event::DetourTaken {
                cause,
                by: by.clone(),
                reason: reason.into(),
                stages,
            });
        }
        Err(why) => refuse(turn, id.as_str(), why.join("; ")),
    }
}

fn pay(turn: &mut Turn<'_>, reason: &str) {
    let owed: Vec<_> = turn.state.debts.keys().cloned().collect();
    for (debt, node) in owed {
        turn.tell(Event::DebtPaid {
            debt,
            node,
            how: format!("outside: {reason}"),
        });
    }
}
