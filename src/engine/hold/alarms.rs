//! Holds over what is wrong with the whole: rules, things that came back, time.

use super::*;
use crate::engine::event::InvariantState;
use crate::engine::state::{Late, RunState};
use crate::engine::unwind;

pub(super) fn late_hold(state: &RunState, holds: &mut Vec<Hold>) {
    let Late::Passed { by } = state.late else {
        return;
    };
    let text = vec![
        format!("The turn-back time ({by}) has passed."),
        "What starts now can no longer be rolled back inside the window.".into(),
    ];
    let mut options = vec![noted(
        "late",
        "REASON",
        "go on all the same; the reason is printed in the report",
    )];
    options.extend(unwind::offer(state).map(|how| noted("turn-back", "REASON", how)));
    options.push(leave());
    let text = explained(text, &options);
    holds.push(Hold {
        kind: HoldKind::Decide,
        id: "window".into(),
        text,
        expect: Expect::Options(options),
    });
}

pub(super) fn alarm_holds(state: &RunState, holds: &mut Vec<Hold>) {
    // What turning back would take is worked out only where it is offered.
    let back = || unwind::offer(state).map(|how| noted("turn-back", "REASON", how));
    for (id, told) in &state.invariants {
        let InvariantState::Broken { detail } = told else {
            continue;
        };
        let why = state
            .brief
            .procedure
            .invariants
            .iter()
            .find(|invariant| invariant.id == *id);
        let mut text = vec![format!(
            "BROKEN RULE {id}: {}",
            why.map_or("", |invariant| invariant.why.as_str())
        )];
        text.push(detail.clone());
        text.push("Nothing more is started until it holds again.".into());
        let mut options = vec![option("look", "look at every node again")];
        options.extend(back());
        options.push(leave());
        let expect = Expect::Options(options);
        holds.push(Hold {
            kind: HoldKind::Failure,
            id: format!("invariant/{id}"),
            text,
            expect,
        });
    }
    for ((node, fact), alarm) in &state.resurrected {
        let now = alarm
            .now
            .as_ref()
            .map_or("unknown".to_string(), ToString::to_string);
        let text = vec![
            format!(
                "RESURRECTED: {fact} of {node} is {now}; {} had made it {}.",
                alarm.by, alarm.was
            ),
            "Nothing that this run started did that. Nothing more is started until it is settled."
                .into(),
        ];
        let mut options = vec![option("look", "look at the node again")];
        if state
            .actions
            .get(&alarm.by)
            .is_some_and(|record| record.action().work.changes())
        {
            options.push(noted(
                "repeat",
                "REASON",
                format!("do {} again (a gate comes first)", alarm.by),
            ));
        }
        options.push(noted(
            "accept",
            "REASON",
            "it may stay as it is; every rule is still watched",
        ));
        options.extend(back());
        options.push(leave());
        let expect = Expect::Options(options);
        holds.push(Hold {
            kind: HoldKind::Failure,
            id: format!("resurrected/{fact}@{node}"),
            text,
            expect,
        });
    }
    // What cannot be told while a node is out of sight passes with it, or lasts as long.
    let dark = || state.facts.nodes().any(|node| node.dark().is_some());
    let passes = |reason: &String| {
        reason.contains("out of sight") || (reason.contains("cannot be told") && dark())
    };
    let lasting = state.held_long || !state.held.iter().all(passes);
    if lasting && !state.has_alarm() && state.gate.as_ref().is_none_or(|gate| gate.asking.is_none())
    {
        let id = state
            .stage()
            .map_or("debts".to_string(), |stage| stage.stage.step.to_string());
        let mut text = Vec::new();
        match state.stage() {
            Some(stage) => text.push(format!("Cannot begin \"{}\":", stage.stage.title)),
            None => text.push("The run cannot finish:".into()),
        }
        text.extend(state.held.iter().map(|reason| format!("- {reason}")));
        let mut options = vec![option("look", "look at every node again")];
        if state.stage().is_none() {
            options.push(noted(
                "paid",
                "REASON",
                "the debt was paid outside; the reason is printed in the report",
            ));
        }
        options.extend(back());
        options.push(leave());
        holds.push(Hold {
            kind: HoldKind::Failure,
            id,
            text,
            expect: Expect::Options(options),
        });
    }
}
