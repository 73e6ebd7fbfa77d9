//! Lines about actions.

use super::{Detail, note, stray, subject};
use crate::engine::event::{Doubt, Event, FailureKind, Outcome};
use crate::engine::summary::{keys_given, keys_settled};
use crate::model::ids::ActionId;

pub(super) fn of_action(event: &Event, detail: Detail) -> String {
    let tell = |action: &ActionId, text: String| format!("{}: {text}", subject(action));
    let again = |attempt: u32| match attempt {
        0 | 1 => String::new(),
        more => format!(", attempt {more}"),
    };
    match event {
        Event::ActionAsked { action } => tell(action, "asks".into()),
        Event::ActionStarted {
            action, attempt, ..
        } => tell(action, format!("started{}", again(*attempt))),
        Event::ActionAccepted { action, .. } => tell(action, "accepted by the node".into()),
        Event::ActionClaimed { action, claim, .. } => {
            tell(action, format!("claims: {}; being looked at", claim))
        }
        Event::ActionInDoubt {
            action,
            doubt: Doubt::Rebooting { why },
            ..
        } => tell(action, format!("waits for its node to come back: {why}")),
        Event::ActionInDoubt { action, doubt, .. } => {
            tell(action, format!("IN DOUBT: {}", doubted(doubt)))
        }
        Event::ActionOverdue { action, .. } => tell(
            action,
            "OVERDUE: it has taken its limit; it is not stopped".into(),
        ),
        Event::Prompted { action, text, .. } => {
            let last = text.lines().last().unwrap_or_default();
            tell(action, format!("it asks: {last}"))
        }
        Event::PromptAnswered {
            action, said, by, ..
        } => {
            let by = by.as_ref().map_or(String::new(), |by| detail.by(by));
            tell(action, format!("answered with {said}{by}"))
        }
        Event::WheelTaken { action, by, .. } => {
            tell(action, format!("wheel taken{}", detail.by(by)))
        }
        Event::KeysGiven { action, keys, .. } => tell(
            action,
            format!("{} typed; which ones is not kept", keys_given(*keys)),
        ),
        Event::KeysInDoubt {
            action, keys, why, ..
        } => {
            let keys = keys_given(*keys);
            tell(
                action,
                format!("{keys} IN DOUBT, and not sent again: {why}"),
            )
        }
        Event::KeysSettled {
            action,
            typed,
            lost,
            unknown,
            ..
        } => tell(action, keys_settled(*typed, *lost, *unknown)),
        Event::WheelReturned {
            action,
            keys,
            by,
            why,
            ..
        } => {
            let by = by.as_ref().map_or(String::new(), |by| detail.by(by));
            let why = why
                .as_ref()
                .map_or(String::new(), |why| format!(" by itself: {why}"));
            let keys = keys_given(*keys);
            tell(action, format!("wheel handed back{by}{why}; {keys} in all"))
        }
        Event::CancelAsked { action, by, .. } => {
            tell(action, format!("asked to stop{}", detail.by(by)))
        }
        Event::ActionDone { action, outcome } => tell(action, format!("done, {}", done(outcome))),
        Event::ActionFailed {
            action,
            attempt,
            failure,
        } => {
            let word = match failure.kind {
                FailureKind::Contradiction => "CONTRADICTION",
                FailureKind::Failed
                | FailureKind::NotStarted
                | FailureKind::NotDone
                | FailureKind::TimedOut => "FAILED",
            };
            let message = &failure.message;
            tell(action, format!("{word}{}: {message}", again(*attempt)))
        }
        Event::ActionReopened { action } => tell(action, "waits for its turn again".into()),
        Event::ByHandSaid {
            action,
            note: said,
            by,
        } => tell(
            action,
            format!(
                "said to be done by hand{}{}; being looked at",
                detail.by(by),
                note(said)
            ),
        ),
        other => stray(other),
    }
}

fn doubted(doubt: &Doubt) -> String {
    match doubt {
        Doubt::OutOfSight { why } | Doubt::Rebooting { why } => {
            format!("the node cannot be asked now: {why}")
        }
        Doubt::Vanished { why } => format!("its end was not recorded: {why}"),
        Doubt::WeWereAway => "we were away when it ended, or did not".into(),
    }
}

fn done(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Observed => "observed".into(),
        Outcome::AlreadySo => "already so, not run".into(),
        Outcome::ObservedAfterDoubt => "observed after doubt".into(),
        Outcome::ByHand { note: said } => format!("by hand, observed{}", note(said)),
        Outcome::Attested { note: said } => format!("attested{}", note(said)),
        Outcome::Read => "read".into(),
        Outcome::Chose { option } => format!("chosen: {option}"),
    }
}
