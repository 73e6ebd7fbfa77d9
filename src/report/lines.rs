//! One plain line for each event: for terminals without screens, logs, screen readers and `grep`. Their form is stable.
//!
//! `+00:12:34 st2 upgrade/update: claims to have ended with exit code 0; being looked at`

mod action;
mod lock;

use std::borrow::Cow;

use crate::engine::brief::{Mode, Person};
use crate::engine::event::{Cause, Ending, Entry, Event, InvariantState, Verdict};
use crate::model::ids::{ActionId, CheckId, NodeId};
use crate::model::lines::Lines;
use crate::model::reply::LinkReport;
use crate::model::value::Value;

/// Whether a line may say what differs from one session to the next: run ids, people, wall-clock times.
///
/// The same seed gives the same transcript, so a rehearsal's lines leave them out. Its journal holds them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Detail {
    Full,
    Repeatable,
}

impl Detail {
    /// What the lines of such a run say.
    pub fn of(mode: Mode) -> Detail {
        match mode {
            Mode::Rehearse => Detail::Repeatable,
            Mode::DryRun | Mode::Run => Detail::Full,
        }
    }

    fn by(self, person: &Person) -> String {
        match self {
            Detail::Full => format!(" by {person}"),
            Detail::Repeatable => String::new(),
        }
    }
}

/// The line of one entry, without its line break. It holds none itself.
pub fn line(entry: &Entry, detail: Detail) -> String {
    let text = words(&entry.event, detail);
    format!("{} {}", entry.at, one_line(&text))
}

/// Lines that an action's script printed, each with its line break.
pub fn output(action: &ActionId, lines: &Lines) -> String {
    let subject = subject(action);
    let room = lines.as_str().len() + lines.count() * (subject.len() + 3);
    let mut text = String::with_capacity(room);
    for line in lines.iter() {
        text.push_str(&subject);
        text.push_str(" | ");
        text.push_str(&one_line(line));
        text.push('\n');
    }
    text
}

/// What a node printed may stand in a text: whatever could move a cursor becomes a blank.
pub(super) fn one_line(text: &str) -> Cow<'_, str> {
    let is_plain = |byte| matches!(byte, b' '..=b'~');
    if text.bytes().all(is_plain) || !text.contains(char::is_control) {
        return Cow::Borrowed(text);
    }
    let plain = |c: char| if c.is_control() { ' ' } else { c };
    Cow::Owned(text.chars().map(plain).collect())
}

/// `upgrade/update@st2` as `st2 upgrade/update`; what is done once for the cluster is `cluster sync/synchronise`.
fn subject(action: &ActionId) -> String {
    match action.as_str().split_once('@') {
        Some((step, node)) => format!("{node} {step}"),
        None => format!("cluster {action}"),
    }
}

fn words(event: &Event, detail: Detail) -> String {
    match event {
        Event::Opened(_) | Event::Resumed { .. } | Event::Left { .. } | Event::Finished { .. } => {
            of_session(event, detail)
        }
        Event::Linked { .. }
        | Event::HostKeyAnswered { .. }
        | Event::JumpKeySeen { .. }
        | Event::SecretGiven { .. }
        | Event::Rebooted { .. }
        | Event::FactsChanged { .. }
        | Event::WentDark { .. }
        | Event::CameToLight { .. } => of_node(event, detail),
        Event::ReadinessBegan
        | Event::CheckJudged { .. }
        | Event::CheckAgain { .. }
        | Event::Attested { .. }
        | Event::Waived { .. } => of_check(event, detail),
        Event::PlanFrozen { .. }
        | Event::PlanRefused { .. }
        | Event::PlanApproved { .. }
        | Event::DetourTaken { .. } => of_plan(event, detail),
        Event::Held { .. }
        | Event::Released { .. }
        | Event::HeldLong { .. }
        | Event::TurnBackTimePassed { .. }
        | Event::GateOpening { .. }
        | Event::GateOpened { .. }
        | Event::GateClosed { .. }
        | Event::GateRefused { .. }
        | Event::GateConfirmed { .. } => of_gate(event, detail),
        Event::ActionAsked { .. }
        | Event::ActionStarted { .. }
        | Event::ActionAccepted { .. }
        | Event::ActionClaimed { .. }
        | Event::ActionInDoubt { .. }
        | Event::ActionOverdue { .. }
        | Event::CancelAsked { .. }
        | Event::Prompted { .. }
        | Event::PromptAnswered { .. }
        | Event::WheelTaken { .. }
        | Event::KeysGiven { .. }
        | Event::KeysInDoubt { .. }
        | Event::KeysSettled { .. }
        | Event::WheelReturned { .. }
        | Event::ActionDone { .. }
        | Event::ActionFailed { .. }
        | Event::ActionReopened { .. }
        | Event::ByHandSaid { .. } => action::of_action(event, detail),
        Event::Lock(told) => lock::of_lock(told, detail),
        Event::DebtOpened { .. }
        | Event::DebtPaid { .. }
        | Event::InvariantTold { .. }
        | Event::Resurrected { .. }
        | Event::Subsided { .. } => of_rule(event),
        Event::Chosen { .. }
        | Event::ResumeAccepted { .. }
        | Event::Paused { .. }
        | Event::WentOn { .. }
        | Event::Noted { .. }
        | Event::Fault { .. } => of_operator(event, detail),
    }
}

fn of_session(event: &Event, detail: Detail) -> String {
    match event {
        Event::Opened(opening) => {
            let run = match detail {
                Detail::Full => format!(" {}", opening.run),
                Detail::Repeatable => String::new(),
            };
            let seed = opening
                .seed
                .map_or(String::new(), |seed| format!(", seed {seed}"));
            format!(
                "run{run}: {} of {} to {} by {}{seed}{}",
                opening.mode.name(),
                opening.cluster,
                opening.target,
                opening.procedure,
                match detail {
                    Detail::Full => format!("; opened by {}", opening.by),
                    Detail::Repeatable => String::new(),
                }
            )
        }
        Event::Resumed {
            by, reason, torn, ..
        } => {
            let reason = note(reason.as_deref().unwrap_or_default());
            let torn = note(torn.as_deref().unwrap_or_default());
            format!("run: resumed{}{reason}{torn}", detail.by(by))
        }
        Event::Left { by, why } => {
            let by = by.as_ref().map_or(String::new(), |by| detail.by(by));
            format!("run: left{by}{}", note(why))
        }
        Event::Finished { outcome } => match outcome {
            Ending::Upgraded => "run: finished, upgraded, no open debt".into(),
            Ending::TurnedBack => "run: finished, turned back, no open debt".into(),
        },
        other => stray(other),
    }
}

fn of_node(event: &Event, detail: Detail) -> String {
    match event {
        Event::Linked { node, report } => format!("{node} link: {}", link(report)),
        Event::HostKeyAnswered {
            node,
            jump,
            fingerprint,
            instead_of,
            accepted,
            by,
        } => {
            let word = if *accepted { "accepted" } else { "refused" };
            let was = instead_of
                .as_ref()
                .map_or(String::new(), |was| format!(" instead of {was}"));
            let of = jump
                .as_ref()
                .map_or(String::new(), |jump| format!("jump host {jump}, "));
            format!(
                "{node} {of}host key {fingerprint}: {word}{was}{}",
                detail.by(by)
            )
        }
        Event::JumpKeySeen { jump, key, node } => format!(
            "{node} jump host {jump}: shows {} {}, held to from now on",
            key.algorithm, key.fingerprint
        ),
        Event::SecretGiven { node, by } => format!("{node} secret: given{}", detail.by(by)),
        Event::Rebooted { node, .. } => format!("{node} boot: answers as another boot than before"),
        Event::FactsChanged { node, facts, .. } => {
            let facts = facts.iter().map(|(fact, value)| {
                let value = value.as_ref().map_or("unknown".into(), Value::to_string);
                format!("{fact}={value}")
            });
            format!("{node} facts: {}", facts.collect::<Vec<_>>().join(" "))
        }
        Event::WentDark { node, why } => format!("{node} sight: lost, nothing is known now: {why}"),
        Event::CameToLight { node } => format!("{node} sight: back"),
        other => stray(other),
    }
}

fn link(report: &LinkReport) -> String {
    match report {
        LinkReport::Up { user, .. } if user.is_empty() => "up".into(),
        LinkReport::Up { user, .. } => format!("up as {user}"),
        LinkReport::Down { why } => format!("down: {why}"),
        LinkReport::UnknownHostKey { key, jump } => {
            let of = jump
                .as_ref()
                .map_or(String::new(), |jump| format!(" of the jump host {jump}"));
            format!("unknown host key{of} {} {}", key.algorithm, key.fingerprint)
        }
        LinkReport::JumpKey { jump, key } => format!(
            "jump host {jump} shows {} {}",
            key.algorithm, key.fingerprint
        ),
        LinkReport::ChangedHostKey { change } => format!(
            "another host key: {} {} instead of {}",
            change.shown.algorithm, change.shown.fingerprint, change.known.fingerprint
        ),
        LinkReport::WantsSecret { secret } => format!("wants the {secret}"),
        LinkReport::Refused { why, .. } => format!("refused: {why}"),
    }
}

fn of_check(event: &Event, detail: Detail) -> String {
    match event {
        Event::ReadinessBegan => "readiness: the checks begin".into(),
        Event::CheckJudged {
            check,
            node,
            verdict,
            found,
            ..
        } => {
            let word = match verdict {
                Verdict::Pass => "passes",
                Verdict::Fail => "FAILS",
                Verdict::Unknown => "UNKNOWN",
            };
            format!(
                "{}: {word}{}",
                check_name(check, node.as_ref()),
                note(found)
            )
        }
        Event::CheckAgain { check, node } => {
            format!("{}: looked at again", check_name(check, node.as_ref()))
        }
        Event::Attested {
            check,
            so,
            note: said,
            by,
        } => {
            let word = if *so { "attested" } else { "denied" };
            format!(
                "{}: {word}{}{}",
                check_name(check, None),
                detail.by(by),
                note(said)
            )
        }
        Event::Waived {
            check,
            node,
            reason,
            by,
        } => format!(
            "{}: WAIVED{}{}",
            check_name(check, node.as_ref()),
            detail.by(by),
            note(reason)
        ),
        other => stray(other),
    }
}

fn check_name(check: &CheckId, node: Option<&NodeId>) -> String {
    node.map_or_else(
        || format!("cluster check {check}"),
        |node| format!("{node} check {check}"),
    )
}

fn of_plan(event: &Event, detail: Detail) -> String {
    match event {
        Event::PlanFrozen {
            hash,
            stages,
            actions,
            ..
        } => format!(
            "plan: frozen, {stages} stages, {actions} actions, hash {}",
            short(hash)
        ),
        Event::PlanRefused { reasons } => format!("plan: refused: {}", reasons.join("; ")),
        Event::PlanApproved { hash, by } => {
            format!("plan: approved, hash {}{}", short(hash), detail.by(by))
        }
        Event::DetourTaken {
            cause,
            by,
            reason,
            stages,
        } => {
            let what = match cause {
                Cause::Branch { branch } => format!("branch {branch}"),
                Cause::Undo { action } => format!("undo {action}"),
                Cause::Repeat { action } => format!("repeat {action}"),
                Cause::TurnBack => "turn back".into(),
            };
            let count = stages.len();
            format!(
                "plan: {what}, {count} stages{}{}",
                detail.by(by),
                note(reason)
            )
        }
        other => stray(other),
    }
}

/// A hash, short enough to be read out.
pub(super) fn short(hash: &str) -> &str {
    hash.get(..12).unwrap_or(hash)
}

fn of_gate(event: &Event, detail: Detail) -> String {
    match event {
        Event::Held { stage, reasons } => {
            format!("stage {}: held: {}", stage + 1, reasons.join("; "))
        }
        Event::Released { stage } => format!("stage {}: no longer held", stage + 1),
        Event::HeldLong { stage } => {
            format!(
                "stage {}: held for longer than a passing disturbance",
                stage + 1
            )
        }
        Event::TurnBackTimePassed { by } => {
            format!("window: the turn-back time {by} has passed")
        }
        Event::GateOpening { gate } => format!("gate {gate}: its facts are read again"),
        Event::GateOpened { gate, .. } => format!("gate {gate}: asks"),
        Event::GateClosed { gate, why } => format!("gate {gate}: CLOSED: {why}"),
        Event::GateRefused { gate, why } => format!("gate {gate}: not opened: {why}"),
        Event::GateConfirmed { gate, by, .. } => {
            format!("gate {gate}: confirmed{}", detail.by(by))
        }
        other => stray(other),
    }
}

fn of_rule(event: &Event) -> String {
    let at = |node: &Option<NodeId>| node.as_ref().map_or("cluster".into(), NodeId::to_string);
    match event {
        Event::DebtOpened { debt, node, by } => {
            format!("{} debt {debt}: opened by {by}", at(node))
        }
        Event::DebtPaid { debt, node, how } => format!("{} debt {debt}: paid: {how}", at(node)),
        Event::InvariantTold { invariant, state } => match state {
            InvariantState::Holds => format!("rule {invariant}: holds"),
            InvariantState::Broken { detail } => format!("rule {invariant}: BROKEN: {detail}"),
            InvariantState::Unknown { why } => format!("rule {invariant}: unknown: {why}"),
        },
        Event::Resurrected {
            node,
            fact,
            was,
            now,
            by,
        } => {
            let now = now.as_ref().map_or("unknown".into(), Value::to_string);
            format!("{node} RESURRECTED: {fact} is {now}; {by} had made it {was}")
        }
        Event::Subsided {
            node,
            fact,
            accepted,
        } => {
            let how = if *accepted {
                "accepted as it is"
            } else {
                "it is so again"
            };
            format!("{node} {fact}: alarm over: {how}")
        }
        other => stray(other),
    }
}

fn of_operator(event: &Event, detail: Detail) -> String {
    match event {
        Event::Chosen {
            hold,
            option,
            note: said,
            by,
        } => format!("hold {hold}: {option}{}{}", detail.by(by), note(said)),
        Event::ResumeAccepted { by } => format!("run: goes on after the resume{}", detail.by(by)),
        Event::Paused { by } => format!("run: paused{}", detail.by(by)),
        Event::WentOn { by } => format!("run: goes on{}", detail.by(by)),
        Event::Noted { text, by } => format!("note{}: {text}", detail.by(by)),
        Event::Fault { text } => format!("fault: {text}"),
        other => stray(other),
    }
}

fn note(text: &str) -> String {
    if text.is_empty() {
        String::new()
    } else {
        format!(": {text}")
    }
}

/// An event that was sent to the wrong part of the table; shown raw rather than lost.
fn stray(event: &Event) -> String {
    debug_assert!(false, "routed to the wrong place: {event:?}");
    format!("{event:?}")
}
