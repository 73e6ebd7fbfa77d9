//! Holds over single actions: asked, failed, in doubt.

use super::*;
use crate::engine::event::{Doubt, FailureKind};
use crate::engine::plan::Work;
use crate::engine::state::{ActionRecord, ActionState, RunState};
use crate::engine::unwind;
use crate::model::ids::{ActionId, NodeId};
use crate::model::procedure::Again;

pub(super) fn action_hold(state: &RunState, id: &ActionId, record: &ActionRecord) -> Option<Hold> {
    let stage = &record.stage;
    let action = record.action();
    let at = action
        .node
        .as_ref()
        .map_or(String::new(), |node| format!(" on {node}"));
    let hold = |kind, text, options| {
        Some(Hold {
            kind,
            id: id.to_string(),
            text,
            expect: Expect::Options(options),
        })
    };
    match &record.state {
        ActionState::Asked { .. } => match &action.work {
            Work::Manual { instructions } => {
                let mut text = vec![format!("{}{at}", stage.title)];
                text.extend(instructions.lines().map(str::to_string));
                let options = vec![
                    noted(
                        "done",
                        "NOTE",
                        "done; it is looked at before the run goes on",
                    ),
                    noted("not-done", "NOTE", "it cannot be done now"),
                ];
                hold(HoldKind::Manual, text, options)
            }
            Work::Attest { instructions } => {
                let mut text = vec![format!("{}{at}", stage.title)];
                text.extend(instructions.lines().map(str::to_string));
                hold(
                    HoldKind::Attest,
                    text,
                    vec![
                        noted("yes", "NOTE", "it is so"),
                        noted("no", "NOTE", "it is not so"),
                    ],
                )
            }
            Work::Decide { question, options } => {
                let mut text = vec![question.clone()];
                text.extend(
                    options
                        .iter()
                        .map(|choice| format!("{}: {}", choice.id, choice.title)),
                );
                hold(
                    HoldKind::Decide,
                    text,
                    vec![noted("choose", "OPTION", "one of the above"), leave()],
                )
            }
            Work::Change { .. } | Work::Upload(_) | Work::Read { .. } | Work::Wait { .. } => None,
        },
        ActionState::Failed {
            attempt, failure, ..
        } => {
            let word = match failure.kind {
                FailureKind::Contradiction => "CONTRADICTION",
                FailureKind::Failed
                | FailureKind::NotDone
                | FailureKind::NotStarted
                | FailureKind::TimedOut => "FAILED",
            };
            let mut text = vec![
                format!("{word}: {}{at}, attempt {attempt}.", stage.title),
                failure.message.clone(),
            ];
            text.extend(stage.on_failure.clone());
            text.extend(known_lines(state, record));
            hold(
                HoldKind::Failure,
                explained(text, &failure_options(state, record)),
                failure_options(state, record),
            )
        }
        ActionState::InDoubt {
            doubt: Doubt::Vanished { why },
            attempt,
            ..
        } => {
            let text = vec![
                format!(
                    "IN DOUBT: {}{at}, attempt {attempt}, was started and its end was not seen.",
                    stage.title
                ),
                why.clone(),
            ];
            let text = text.into_iter().chain(known_lines(state, record)).collect();
            let options = failure_options(state, record);
            hold(HoldKind::Doubt, explained(text, &options), options)
        }
        ActionState::Running { .. } | ActionState::InDoubt { .. } if record.wheel.is_held() => {
            super::wheel::wheel_hold(id, record)
        }
        ActionState::Running { .. } if record.asking.is_some() => {
            super::prompts::prompt_hold(id, record)
        }
        ActionState::Running { attempt, .. }
        | ActionState::InDoubt { attempt, .. }
        | ActionState::Verifying { attempt, .. }
            if record.overdue =>
        {
            let text = vec![
                format!(
                    "IN DOUBT: {}{at}, attempt {attempt}, has taken longer than its limit of {}.",
                    stage.title, stage.timeout
                ),
                "It is not stopped by us. It may still end.".into(),
            ];
            let mut options = vec![option("wait", "give it the same time again")];
            if matches!(action.work, Work::Change { cancel: true, .. }) {
                options.push(noted(
                    "cancel",
                    "REASON",
                    "ask it to stop; its end is looked at like any other",
                ));
            }
            if action.work.reboots() {
                options.push(noted(
                    "give-up",
                    "REASON",
                    "take it as failed: the node does not come back as it should",
                ));
            }
            options.push(leave());
            hold(HoldKind::Doubt, explained(text, &options), options)
        }
        ActionState::Running { .. }
        | ActionState::InDoubt { .. }
        | ActionState::Verifying { .. }
        | ActionState::Pending
        | ActionState::Done { .. }
        | ActionState::NotRun { .. } => None,
    }
}

/// The options with what each does, below the text.
pub(super) fn explained(mut text: Vec<String>, options: &[HoldOption]) -> Vec<String> {
    text.extend(
        options
            .iter()
            .map(|option| format!("{}: {}", option.usage(), option.title)),
    );
    text
}

/// What is known of the nodes that the action concerns.
pub(super) fn known_lines(state: &RunState, record: &ActionRecord) -> Vec<String> {
    let action = record.action();
    let line = |node: &NodeId| {
        let facts = state.facts.node(node)?;
        let known = action.then.keys().map(|fact| {
            let value = facts
                .get(fact)
                .map_or("unknown".to_string(), ToString::to_string);
            format!("{fact}={value} (wanted {})", action.then[fact])
        });
        Some(format!(
            "known of {node}: {}",
            known.collect::<Vec<_>>().join(", ")
        ))
    };
    if action.then.is_empty() {
        Vec::new()
    } else {
        action.then_on.iter().take(8).filter_map(line).collect()
    }
}

/// The ways out of a failure or a doubt. What is not offered has no place here; the text says why.
pub fn failure_options(state: &RunState, record: &ActionRecord) -> Vec<HoldOption> {
    let action = record.action();
    let mut options = Vec::new();
    let in_doubt = matches!(record.state, ActionState::InDoubt { .. });
    let proven_not_run = matches!(&record.state, ActionState::Failed { failure, .. } if failure.kind == FailureKind::NotStarted);
    if in_doubt {
        options.push(option(
            "look",
            "look at the node again; nothing is sent that changes it",
        ));
    }
    match record.stage.again {
        Again::Safe => options.push(option(
            "retry",
            "do it again: it is declared safe to repeat",
        )),
        Again::VerifyFirst => {
            options.push(option(
                "retry",
                "look first, and do it again only if it is not so already; a gate comes first",
            ));
        }
        Again::Never if proven_not_run => options.push(option("retry", "do it: nothing of it ran")),
        Again::Never => {}
    }
    if action.undo.is_some() {
        options.push(noted(
            "undo",
            "REASON",
            "undo this step; the run then waits in front of it (a gate comes first)",
        ));
    }
    if !action.then.is_empty() {
        options.push(noted(
            "by-hand",
            "NOTE",
            "you did it outside; its postcondition is proved first",
        ));
    }
    options.extend(unwind::offer(state).map(|how| noted("turn-back", "REASON", how)));
    options.push(leave());
    options
}

/// Whether something is still happening that may settle the action without a human.
pub fn is_under_way(record: &ActionRecord) -> bool {
    match &record.state {
        ActionState::Running { .. } | ActionState::Verifying { .. } => true,
        ActionState::InDoubt { doubt, .. } => !matches!(doubt, Doubt::Vanished { .. }),
        ActionState::Pending
        | ActionState::Asked { .. }
        | ActionState::Failed { .. }
        | ActionState::Done { .. }
        | ActionState::NotRun { .. } => false,
    }
}
