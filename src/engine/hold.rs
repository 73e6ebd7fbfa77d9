//! Hold points: everything that waits for a human, derived from the state, with what may be answered. The full-screen
//! wizard, the line protocol and the JSON protocol all show these and nothing else.

use serde::Serialize;

use super::checks;
use super::event::{Doubt, FailureKind, InvariantState, Verdict};
use super::input::Says;
use super::plan::Work;
use super::state::{ActionRecord, ActionState, CheckState, Late, LinkState, Part, RunState};
use super::unwind;
use crate::model::ids::{ActionId, CheckId, GateId, NodeId};
use crate::model::procedure::{Again, Severity};

/// One hold point.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hold {
    pub kind: HoldKind,
    pub id: String,
    /// What the operator must read.
    pub text: Vec<String>,
    pub expect: Expect,
}

/// The kinds of the line protocol. Their names are a promise.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum HoldKind {
    Gate,
    Manual,
    Attest,
    Decide,
    Failure,
    Doubt,
    HostKey,
    Secret,
}

impl HoldKind {
    /// The kind's name in the line protocol.
    pub fn name(self) -> &'static str {
        match self {
            HoldKind::Gate => "gate",
            HoldKind::Manual => "manual",
            HoldKind::Attest => "attest",
            HoldKind::Decide => "decide",
            HoldKind::Failure => "failure",
            HoldKind::Doubt => "doubt",
            HoldKind::HostKey => "host-key",
            HoldKind::Secret => "secret",
        }
    }
}

/// What may be answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expect {
    /// This phrase, typed.
    Type(String),
    /// The fingerprint, `yes` or `no`.
    Fingerprint(String),
    /// One of these words, with a note where it wants one.
    Options(Vec<HoldOption>),
    /// A secret; it is not echoed and not kept.
    Secret,
}

/// One way on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HoldOption {
    pub id: &'static str,
    pub title: String,
    /// What must follow the word, if anything: `NOTE`, `REASON`, `OPTION`.
    pub note: Option<&'static str>,
}

fn option(id: &'static str, title: impl Into<String>) -> HoldOption {
    HoldOption {
        id,
        title: title.into(),
        note: None,
    }
}

fn noted(id: &'static str, note: &'static str, title: impl Into<String>) -> HoldOption {
    HoldOption {
        id,
        title: title.into(),
        note: Some(note),
    }
}

fn leave() -> HoldOption {
    option(
        "leave",
        "leave it waiting: this session ends, the run can be resumed",
    )
}

impl Expect {
    /// The last line of a hold in the line protocol, after `expect: `.
    pub fn line(&self, kind: HoldKind) -> String {
        match self {
            Expect::Type(phrase) => format!("type \"{phrase}\""),
            Expect::Fingerprint(_) => "the fingerprint, yes or no".into(),
            Expect::Secret => "the secret (not echoed, not kept)".into(),
            Expect::Options(options) => {
                let pairs = matches!(kind, HoldKind::Manual | HoldKind::Attest);
                if pairs {
                    let words: Vec<String> = options.iter().map(HoldOption::usage).collect();
                    return words.join(" | ");
                }
                let words: Vec<&str> = options.iter().map(|option| option.id).collect();
                format!("one of {}", words.join(", "))
            }
        }
    }
}

impl HoldOption {
    /// The word with what must follow it.
    pub fn usage(&self) -> String {
        match self.note {
            Some(note) => format!("{} {note}", self.id),
            None => self.id.to_string(),
        }
    }
}

/// All hold points that are open, the one to answer first first.
pub fn holds(state: &RunState) -> Vec<Hold> {
    if state.ending.is_some() || state.left.is_some() {
        return Vec::new();
    }
    let mut holds = Vec::new();
    if state.stuck > 0 {
        connection_holds(state, &mut holds);
    }
    match state.part {
        Part::Opening | Part::Connect | Part::Ended => {}
        // Told when every script has answered, so that all that stands in the way is told at once.
        Part::Readiness if state.checks_waiting > 0 => {}
        Part::Readiness => readiness_holds(state, &mut holds),
        Part::Review => {
            if let Some(asking) = state.gate.as_ref().and_then(|gate| gate.asking.as_ref()) {
                holds.push(gate_hold("plan", asking));
            }
        }
        Part::Execute => execute_holds(state, &mut holds),
    }
    holds
}

/// Turns the line that answers a hold into what the operator says by it, or tells why it is no answer.
pub fn answer(hold: &Hold, line: &str) -> Result<Says, String> {
    let line = line.trim();
    match &hold.expect {
        Expect::Type(_) => Ok(Says::Confirm {
            gate: GateId::new(&hold.id),
            typed: line.to_string(),
        }),
        Expect::Fingerprint(_) => Ok(Says::HostKey {
            node: NodeId::new(&hold.id),
            typed: line.to_string(),
        }),
        Expect::Secret => Ok(Says::SecretGiven {
            node: NodeId::new(&hold.id),
        }),
        Expect::Options(options) => {
            let (word, rest) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
            let chosen = options.iter().find(|option| option.id == word);
            let Some(chosen) = chosen else {
                return Err(format!(
                    "`{word}` is not offered here; expected {}",
                    hold.expect.line(hold.kind)
                ));
            };
            let note = rest.trim().to_string();
            if let (Some(wanted), true) = (chosen.note, note.is_empty()) {
                return Err(format!(
                    "{word} wants a {}: {}",
                    wanted.to_lowercase(),
                    chosen.usage()
                ));
            }
            Ok(says(hold, chosen.id, note))
        }
    }
}

fn says(hold: &Hold, word: &str, note: String) -> Says {
    if word == "leave" {
        return Says::Choose {
            hold: hold.id.clone(),
            option: "leave".into(),
            note,
        };
    }
    if let Some(rest) = hold.id.strip_prefix("readiness/") {
        let (check, node) = match rest.split_once('@') {
            Some((check, node)) => (CheckId::new(check), Some(NodeId::new(node))),
            None => (CheckId::new(rest), None),
        };
        return match word {
            "waive" => Says::Waive {
                check,
                node,
                reason: note,
            },
            "yes" | "no" => Says::Attest {
                check,
                so: word == "yes",
                note,
            },
            _ => Says::Recheck {
                check: Some(check),
                node,
            },
        };
    }
    match (hold.kind, word) {
        (HoldKind::Manual, "done") | (HoldKind::Attest, "yes") => Says::Done {
            action: ActionId::new(&hold.id),
            done: true,
            note,
        },
        (HoldKind::Manual, "not-done") | (HoldKind::Attest, "no") => Says::Done {
            action: ActionId::new(&hold.id),
            done: false,
            note,
        },
        (HoldKind::Decide, "go-on") if hold.id == "pause" => Says::GoOn,
        _ => Says::Choose {
            hold: hold.id.clone(),
            option: word.into(),
            note,
        },
    }
}

fn connection_holds(state: &RunState, holds: &mut Vec<Hold>) {
    let down = state.nodes.iter().filter(|(_, node)| !node.link.is_up());
    for (name, node) in down {
        let host = state
            .brief
            .cluster
            .node(name)
            .map_or("", |node| node.host.as_str());
        match &node.link {
            LinkState::AsksHostKey { key } => holds.push(Hold {
                kind: HoldKind::HostKey,
                id: name.to_string(),
                text: vec![
                    format!("The host key of {name} ({host}) was not seen before."),
                    format!("{}  {}", key.algorithm, key.fingerprint),
                    "Compare it with the value from the console or the inventory. Only the key exchange was done with this host.".into(),
                ],
                expect: Expect::Fingerprint(key.fingerprint.clone()),
            }),
            LinkState::WantsSecret { secret } => holds.push(Hold {
                kind: HoldKind::Secret,
                id: name.to_string(),
                text: vec![format!("{name} ({host}) wants the {secret}.")],
                expect: Expect::Secret,
            }),
            LinkState::Refused { why, .. } => holds.push(Hold {
                kind: HoldKind::Failure,
                id: format!("connect/{name}"),
                text: vec![format!("{name} ({host}) cannot be used: {why}.")],
                expect: Expect::Options(vec![option("retry", "try again"), leave()]),
            }),
            LinkState::Down { why, .. } if state.part == Part::Connect => holds.push(Hold {
                kind: HoldKind::Failure,
                id: format!("connect/{name}"),
                text: vec![format!("{name} ({host}) is unreachable: {why}. It is tried again by itself.")],
                expect: Expect::Options(vec![option("retry", "try again now"), leave()]),
            }),
            LinkState::Idle | LinkState::Connecting | LinkState::Up { .. } | LinkState::Down { .. } => {}
        }
    }
}

fn readiness_holds(state: &RunState, holds: &mut Vec<Hold>) {
    let mut questions = Vec::new();
    for (key, check) in checks::open_keys(state) {
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
                    Verdict::Fail | Verdict::Pass => "FAILS",
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
                    text,
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

fn gate_hold(id: &str, asking: &super::state::Asking) -> Hold {
    Hold {
        kind: HoldKind::Gate,
        id: id.to_string(),
        text: asking.shown.clone(),
        expect: Expect::Type(asking.phrase.clone()),
    }
}

fn execute_holds(state: &RunState, holds: &mut Vec<Hold>) {
    if state.resume_review {
        resume_hold(state, holds);
        return;
    }
    for id in &state.troubled {
        if let Some(hold) = state
            .actions
            .get(id)
            .and_then(|record| action_hold(state, id, record))
        {
            holds.push(hold);
        }
    }
    alarm_holds(state, holds);
    late_hold(state, holds);

    if let Some(gate) = &state.gate
        && let Some(asking) = &gate.asking
    {
        holds.push(gate_hold(gate.gate.as_str(), asking));
    }
    let running = || {
        state
            .active
            .iter()
            .filter_map(|id| state.actions.get(id))
            .any(is_under_way)
    };
    if let Some(by) = state.paused.as_ref().filter(|_| !running()) {
        let text = vec![format!("Paused by {by}. Nothing runs.")];
        let options = vec![option("go-on", "go on with the next step"), leave()];
        holds.push(Hold {
            kind: HoldKind::Decide,
            id: "pause".into(),
            text,
            expect: Expect::Options(options),
        });
    }
}

/// Shown when every node has answered, or cannot, and every job was asked after.
fn resume_hold(state: &RunState, holds: &mut Vec<Hold>) {
    let reached = |node: &super::state::NodeState| node.link.is_up() || node.link.is_stuck();
    let asked = |id: &ActionId| {
        let Some(record) = state.actions.get(id) else {
            return true;
        };
        let linked = record
            .action()
            .node
            .as_ref()
            .and_then(|node| state.nodes.get(node))
            .is_some_and(|node| node.link.is_up());
        !(linked
            && matches!(
                &record.state,
                ActionState::InDoubt {
                    doubt: Doubt::WeWereAway,
                    ..
                }
            ))
    };
    let linked_unread = state
        .sight
        .unread
        .keys()
        .any(|node| state.nodes.get(node).is_some_and(|node| node.link.is_up()));
    if linked_unread || !state.nodes.values().all(reached) || !state.active.iter().all(asked) {
        return;
    }
    let mut text = vec!["The run was resumed. Nothing runs before you say so.".to_string()];
    text.extend(super::recover::findings(state));
    let options = vec![
        option(
            "go-on",
            "what is in doubt is settled first, then the run goes on",
        ),
        leave(),
    ];
    holds.push(Hold {
        kind: HoldKind::Decide,
        id: "resume".into(),
        text,
        expect: Expect::Options(options),
    });
}

fn late_hold(state: &RunState, holds: &mut Vec<Hold>) {
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

fn alarm_holds(state: &RunState, holds: &mut Vec<Hold>) {
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
            .is_some_and(|record| matches!(record.action().work, Work::Change { .. }))
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
    let lasting = state.held_long
        || state
            .held
            .iter()
            .any(|reason| !reason.contains("out of sight"));
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

fn action_hold(state: &RunState, id: &ActionId, record: &ActionRecord) -> Option<Hold> {
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
            Work::Change { .. } | Work::Read { .. } | Work::Wait { .. } => None,
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
        ActionState::Running { attempt, .. } | ActionState::InDoubt { attempt, .. }
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
fn explained(mut text: Vec<String>, options: &[HoldOption]) -> Vec<String> {
    text.extend(
        options
            .iter()
            .map(|option| format!("{}: {}", option.usage(), option.title)),
    );
    text
}

/// What is known of the nodes that the action concerns.
fn known_lines(state: &RunState, record: &ActionRecord) -> Vec<String> {
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
