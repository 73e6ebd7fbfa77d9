//! Holds before anything runs: connections, checks, the plan.

use super::*;
use crate::engine::checks;
use crate::engine::event::Verdict;
use crate::engine::state::{CheckKey, CheckState, LinkState, Part, RunState};
use crate::model::procedure::{Check, Severity};
use crate::model::reply::{HostKey, KeyChange};

pub(super) fn connection_holds(state: &RunState, holds: &mut Vec<Hold>) {
    // What can be answered now comes before what can only be waited for or mended elsewhere.
    let mut failures = Vec::new();
    let down = state.nodes.iter().filter(|(_, node)| !node.link.is_up());
    for (name, node) in down {
        let host = state
            .brief
            .cluster
            .node(name)
            .map_or("", |node| node.host.as_str());
        match &node.link {
            LinkState::AsksHostKey { key, jump } => holds.push(Hold {
                kind: HoldKind::HostKey,
                id: name.to_string(),
                text: vec![
                    match jump {
                        None => format!("The host key of {name} ({host}) was not seen before."),
                        Some(jump) => format!("The host key of the jump host {jump}, on the way to {name} ({host}), was not seen before."),
                    },
                    format!("{}  {}", key.algorithm, key.fingerprint),
                    "Compare it with the value from the console or the inventory. Only the key exchange was done with this host.".into(),
                ],
                expect: Expect::Fingerprint(key.fingerprint.clone()),
            }),
            LinkState::AsksChangedKey { change } => holds.push(Hold {
                kind: HoldKind::HostKey,
                id: name.to_string(),
                text: changed_key_text(name, host, change),
                expect: Expect::TypeOr(
                    change.phrase(name),
                    vec![option("retry", "look again at what it shows"), leave()],
                ),
            }),
            LinkState::WantsSecret { secret } => {
                let same = wanting(state, secret);
                // One question for all who ask the same, under the name of the first.
                if same.first() == Some(&name) {
                    holds.push(Hold {
                        kind: HoldKind::Secret,
                        id: name.to_string(),
                        text: vec![secret_text(&same, host, secret)],
                        expect: Expect::Secret,
                    });
                }
            }
            LinkState::Refused { why, .. } => failures.push(Hold {
                kind: HoldKind::Failure,
                id: format!("connect/{name}"),
                text: vec![format!("{name} ({host}) cannot be used: {why}.")],
                expect: Expect::Options(vec![option("retry", "try again"), leave()]),
            }),
            LinkState::Down { why, .. } if state.part == Part::Connect => failures.push(Hold {
                kind: HoldKind::Failure,
                id: format!("connect/{name}"),
                text: vec![format!("{name} ({host}) is unreachable: {why}. It is tried again by itself.")],
                expect: Expect::Options(vec![option("retry", "try again now"), leave()]),
            }),
            LinkState::Idle | LinkState::Connecting | LinkState::Up { .. } | LinkState::Down { .. } => {}
        }
    }
    holds.extend(failures);
}

/// What must be read before another key may hold.
fn changed_key_text(name: &NodeId, host: &str, change: &KeyChange) -> Vec<String> {
    let place = change.place.as_deref().unwrap_or("seen in this run");
    let of = |key: &HostKey| format!("{}  {}", key.algorithm, key.fingerprint);
    let mut text = vec![
        format!("{name} ({host}) shows another host key since it was taken down."),
        format!("known  {}  ({place})", of(&change.known)),
        format!("now    {}", of(&change.shown)),
    ];
    text.extend(
        change
            .vouched
            .iter()
            .map(|by| format!("{by} vouches for the new key.")),
    );
    text.push("An upgrade or a new installation that made new keys looks like this. So does somebody in between who reads and changes all that is sent.".into());
    text.push(format!(
        "On the console of {name}, not over SSH, this must print the new one:"
    ));
    text.push(format!("  {}", change.shown.command()));
    text.push(
        match (change.mend.is_empty(), &change.place) {
            (false, _) => "Accepted, it holds for this run, also when it is resumed. Your known_hosts files are not written: the report tells how to correct them.",
            (true, Some(_)) => "Accepted, it takes the old one's place in holdpoint's own known_hosts.",
            (true, None) => "Accepted, it holds for this run, also when it is resumed.",
        }
        .into(),
    );
    text
}

/// The nodes that want this very secret.
fn wanting<'a>(state: &'a RunState, secret: &str) -> Vec<&'a NodeId> {
    let wants = |link: &LinkState| matches!(link, LinkState::WantsSecret { secret: other } if other == secret);
    let nodes = state.nodes.iter().filter(|(_, node)| wants(&node.link));
    nodes.map(|(name, _)| name).collect()
}

fn secret_text(nodes: &[&NodeId], host: &str, secret: &str) -> String {
    match nodes {
        [] | [_] => {
            let name = nodes.first().map(|name| name.as_str()).unwrap_or_default();
            format!("{name} ({host}) wants the {secret}.")
        }
        several => {
            let names: Vec<&str> = several.iter().map(|name| name.as_str()).collect();
            let (count, names) = (names.len(), names.join(", "));
            format!("{count} nodes want the {secret}; it is asked once for all of them: {names}.")
        }
    }
}

/// The open checks as the list shows them: by section, as the procedure has them. Whoever answers one after the other goes
/// down the list.
fn in_the_order_of_the_list(state: &RunState) -> Vec<(&CheckKey, &Check)> {
    let all = &state.brief.procedure.checks;
    let first = |same: &dyn Fn(&Check) -> bool| all.iter().position(same);
    let mut open: Vec<_> = checks::open_keys(state).collect();
    open.sort_by_cached_key(|(_, check)| {
        (
            first(&|other| other.section == check.section),
            first(&|other| other.id == check.id),
        )
    });
    open
}

pub(super) fn readiness_holds(state: &RunState, holds: &mut Vec<Hold>) {
    let mut questions = Vec::new();
    for (key, check) in in_the_order_of_the_list(state) {
        let at = key
            .1
            .as_ref()
            .map_or(String::new(), |node| format!("@{node}"));
        let id = format!("readiness/{}{at}", key.0);
        let on = key
            .1
            .as_ref()
            .map_or(String::new(), |node| format!(" on {node}"));
        let full = |text: &str| checks::in_full(&state.brief, text, key.1.as_ref());
        let (title, why, advice) = (full(&check.title), full(&check.why), full(&check.advice));
        match state.checks.get(key) {
            Some(CheckState::Asked | CheckState::Attested { .. }) => {
                let mut text = vec![format!("{}.", title.trim_end_matches('.'))];
                text.extend([why, advice].into_iter().filter(|line| !line.is_empty()));
                let options = vec![
                    noted("yes", "NOTE", "it is so"),
                    noted("no", "NOTE", "it is not so"),
                ];
                let mut options = options;
                if let Some(CheckState::Attested { note, .. }) = state.checks.get(key) {
                    text.push(format!("Answered with no: {note}"));
                    options.push(leave());
                }
                questions.push(Hold {
                    kind: HoldKind::Attest,
                    id,
                    text,
                    expect: Expect::Options(options),
                });
            }
            Some(CheckState::Judged { verdict, found, .. }) => {
                let word = match verdict {
                    Verdict::Unknown => "UNKNOWN",
                    Verdict::Fail | Verdict::Pass if check.severity == Severity::Block => "FAILS",
                    Verdict::Fail | Verdict::Pass => "WARNS",
                };
                let mut text = vec![format!("{word}{on}: {title}"), found.clone()];
                text.extend([why, advice].into_iter().filter(|line| !line.is_empty()));
                let recheck = option("recheck", "run this check again");
                let (kind, options) = match check.severity {
                    Severity::Block => {
                        text.push("A block cannot be waived.".into());
                        (HoldKind::Failure, vec![recheck, leave()])
                    }
                    Severity::Warn | Severity::Info => {
                        let waive = noted(
                            "waive",
                            "REASON",
                            "go on all the same; the reason is printed in the report",
                        );
                        (HoldKind::Decide, vec![waive, recheck, leave()])
                    }
                };
                holds.push(Hold {
                    kind,
                    id,
                    text: explained(text, &options),
                    expect: Expect::Options(options),
                });
            }
            Some(CheckState::Waiting | CheckState::Waived { .. }) | None => {}
        }
    }
    holds.extend(questions);
    if !state.plan_refused.is_empty() {
        let mut text = vec!["No plan can be made:".to_string()];
        text.extend(
            state
                .plan_refused
                .iter()
                .map(|reason| format!("- {reason}")),
        );
        let options = vec![
            option("look", "look at the nodes again and plan again"),
            leave(),
        ];
        holds.push(Hold {
            kind: HoldKind::Failure,
            id: "plan".into(),
            text,
            expect: Expect::Options(options),
        });
    }
}
