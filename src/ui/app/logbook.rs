//! What the log pane shows: output lines and what the run tells, kept in rings of bounded size.

use std::borrow::Cow;
use std::collections::{BTreeMap, VecDeque};

use crate::engine::event::{Doubt, Event, LockEvent, Outcome};
use crate::engine::state::RunState;
use crate::model::ids::{ActionId, NodeId};
use crate::model::telemetry;
use crate::model::text;
use crate::model::time::Stamp;
use crate::ui::format;
use crate::ui::widget::{LogLine, LogSource, Stream};

/// Most lines that one ring keeps; older ones are in the transcript.
const KEPT: usize = 10_000;

/// Lines of all nodes, and of each node apart.
#[derive(Debug, Default)]
pub struct LogBook {
    all: Ring,
    nodes: BTreeMap<NodeId, Ring>,
    /// Columns of the longest node name so far.
    widest: usize,
}

#[derive(Debug, Default)]
struct Ring {
    lines: VecDeque<Kept>,
    dropped: u64,
}

#[derive(Clone, Debug)]
struct Kept {
    at: Stamp,
    /// When the attempt began that printed it.
    began: Option<Stamp>,
    stream: Stream,
    /// A script printed it; else the run tells it.
    printed: bool,
    text: String,
}

/// How the moments of lines are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TimeFormat {
    /// Since the attempt began.
    #[default]
    Elapsed,
    /// Since the run began.
    Run,
    Utc,
}

impl TimeFormat {
    /// The one after it.
    pub fn next(self) -> TimeFormat {
        match self {
            TimeFormat::Elapsed => TimeFormat::Run,
            TimeFormat::Run => TimeFormat::Utc,
            TimeFormat::Utc => TimeFormat::Elapsed,
        }
    }

    /// What it is called.
    pub fn name(self) -> &'static str {
        match self {
            TimeFormat::Elapsed => "since the step began",
            TimeFormat::Run => "since the run began",
            TimeFormat::Utc => "UTC",
        }
    }
}

impl LogBook {
    /// Takes in lines that a script printed.
    pub fn output(&mut self, run: &RunState, output: &telemetry::Telemetry) {
        let telemetry::Telemetry::Output {
            action,
            node,
            stream,
            lines,
            at,
            ..
        } = output
        else {
            return;
        };
        let stream = match stream {
            telemetry::Stream::Out => Stream::Out,
            telemetry::Stream::Err => Stream::Err,
        };
        let began = run.actions.get(action).and_then(|record| record.began);
        for line in lines.iter() {
            self.push(
                Some(node),
                Kept {
                    at: *at,
                    began,
                    stream,
                    printed: true,
                    text: if text::is_clean_line(line) {
                        line.to_owned()
                    } else {
                        text::clean_line(line)
                    },
                },
            );
        }
    }

    /// Takes in what the run tells, where it belongs into a log.
    pub fn event(&mut self, run: &RunState, event: &Event, at: Stamp) {
        if let Some(told) = told(run, event) {
            let record = told.action.and_then(|action| run.actions.get(action));
            let began = record.and_then(|record| record.began);
            self.push(
                told.node.as_ref(),
                Kept {
                    at,
                    began,
                    stream: told.stream,
                    printed: false,
                    text: text::clean_line(&told.text),
                },
            );
        }
    }

    /// A mark that the operator set.
    pub fn mark(&mut self, at: Stamp) {
        self.remark(at, "---- mark ----");
    }

    /// Something that changes nothing and should be known.
    pub fn remark(&mut self, at: Stamp, text: &str) {
        self.push(
            None,
            Kept {
                at,
                began: None,
                stream: Stream::Note,
                printed: false,
                text: text::clean_line(text),
            },
        );
    }

    /// The lines of one node, or of all.
    pub fn view(&self, node: Option<&NodeId>, time: TimeFormat, wall: Option<i64>) -> LogView<'_> {
        let ring = match node {
            Some(node) => self.nodes.get(node),
            None => Some(&self.all),
        };
        LogView { ring, time, wall }
    }

    /// The last lines that scripts printed on a node.
    pub fn tail(&self, node: &NodeId, count: usize) -> Vec<(Stamp, Option<Stamp>, Stream, &str)> {
        let Some(ring) = self.nodes.get(node) else {
            return Vec::new();
        };
        let printed = ring.lines.iter().rev().filter(|line| line.printed);
        let mut last: Vec<_> = printed
            .take(count)
            .map(|line| (line.at, line.began, line.stream, line.text.as_str()))
            .collect();
        last.reverse();
        last
    }

    fn push(&mut self, node: Option<&NodeId>, line: Kept) {
        let Some(node) = node else {
            return self.all.push(line);
        };
        match self.nodes.get_mut(node) {
            Some(ring) => ring.push(line.clone()),
            None => {
                let mut ring = Ring::default();
                ring.push(line.clone());
                self.nodes.insert(node.clone(), ring);
            }
        }
        self.widest = self.widest.max(node.as_str().len());
        let text = format!("{node:<width$} {}", line.text, width = self.widest);
        self.all.push(Kept { text, ..line });
    }
}

impl Ring {
    fn push(&mut self, line: Kept) {
        if self.lines.len() == KEPT {
            self.lines.pop_front();
            self.dropped += 1;
        }
        self.lines.push_back(line);
    }
}

/// One ring with the wanted way to write moments.
#[derive(Clone, Copy, Debug)]
pub struct LogView<'a> {
    ring: Option<&'a Ring>,
    time: TimeFormat,
    wall: Option<i64>,
}

impl LogView<'_> {
    fn moment(&self, line: &Kept) -> String {
        match (self.time, self.wall, line.began) {
            (TimeFormat::Utc, Some(wall), _) => {
                format::clock(wall.saturating_add_unsigned(line.at.0))
            }
            (TimeFormat::Elapsed, _, Some(began)) => {
                format!("+{}", format::stopwatch(line.at.since(began).0))
            }
            (TimeFormat::Elapsed, _, None) => "      ".into(),
            (TimeFormat::Run | TimeFormat::Utc, _, _) => line.at.to_string(),
        }
    }
}

impl LogSource for LogView<'_> {
    fn first(&self) -> u64 {
        self.ring.map_or(0, |ring| ring.dropped)
    }

    fn end(&self) -> u64 {
        self.ring
            .map_or(0, |ring| ring.dropped + ring.lines.len() as u64)
    }

    fn line(&self, number: u64) -> Option<LogLine<'_>> {
        let ring = self.ring?;
        let at = usize::try_from(number.checked_sub(ring.dropped)?).ok()?;
        let line = ring.lines.get(at)?;
        Some(LogLine {
            time: Cow::Owned(self.moment(line)),
            stream: line.stream,
            text: &line.text,
        })
    }
}

/// An event as a line of the log.
struct Told<'a> {
    node: Option<NodeId>,
    action: Option<&'a ActionId>,
    stream: Stream,
    text: String,
}

impl<'a> Told<'a> {
    fn of(
        run: &RunState,
        action: &'a ActionId,
        stream: Stream,
        say: impl FnOnce(&str) -> String,
    ) -> Option<Told<'a>> {
        let record = run.actions.get(action)?;
        let node = record.action().node.clone();
        let text = say(&record.stage.title);
        Some(Told {
            node,
            action: Some(action),
            stream,
            text,
        })
    }

    fn at(node: &NodeId, stream: Stream, text: String) -> Option<Told<'a>> {
        Some(Told {
            node: Some(node.clone()),
            action: None,
            stream,
            text,
        })
    }

    fn note(text: String) -> Option<Told<'a>> {
        Some(Told {
            node: None,
            action: None,
            stream: Stream::Note,
            text,
        })
    }
}

/// What is said of an event, for those that tell what was done and seen.
fn told<'a>(run: &RunState, event: &'a Event) -> Option<Told<'a>> {
    match event {
        Event::ActionStarted {
            action, attempt, ..
        } => Told::of(run, action, Stream::Cmd, |title| {
            format!("sent: {title}, attempt {attempt}")
        }),
        Event::ActionClaimed { action, claim, .. } => Told::of(run, action, Stream::Obs, |_| {
            format!("claims: {claim}; now it is looked at")
        }),
        Event::ActionInDoubt {
            action,
            doubt: Doubt::Rebooting { .. },
            ..
        } => Told::of(run, action, Stream::Obs, |title| {
            format!("{title}: its node goes down and is waited for")
        }),
        Event::ActionInDoubt { action, .. } => Told::of(run, action, Stream::Obs, |title| {
            format!("IN DOUBT: {title}: sent, end not seen")
        }),
        Event::ActionDone { action, outcome } => Told::of(run, action, Stream::Obs, |title| {
            format!("{}: {title}", outcome_word(outcome))
        }),
        Event::ActionFailed {
            action, failure, ..
        } => Told::of(run, action, Stream::Err, |title| {
            format!("FAILED: {title}: {}", failure.message)
        }),
        Event::FactsChanged { node, facts, .. } => {
            let known = facts.iter().map(|(fact, value)| match value {
                Some(value) => format!("{fact}={value}"),
                None => format!("{fact} unknown"),
            });
            Told::at(
                node,
                Stream::Obs,
                format!("seen: {}", known.collect::<Vec<_>>().join("  ")),
            )
        }
        Event::WentDark { node, why } => {
            Told::at(node, Stream::Obs, format!("out of sight: {why}"))
        }
        Event::CameToLight { node } => Told::at(node, Stream::Obs, "in sight again".into()),
        Event::Resurrected {
            node, fact, was, ..
        } => Told::at(
            node,
            Stream::Err,
            format!("RESURRECTED: {fact} is no longer {was}"),
        ),
        Event::GateConfirmed { gate, by, .. } => {
            Told::note(format!("gate {gate} opened by {}", by.user))
        }
        Event::Rebooted { node, .. } => Told::at(node, Stream::Obs, "has booted anew".into()),
        Event::Lock(LockEvent::Refused { node, by }) => {
            Told::at(node, Stream::Err, format!("LOCKED by {by}"))
        }
        Event::Lock(LockEvent::Lost { node, by }) => {
            let to = by
                .as_ref()
                .map_or(": no run has it".into(), |by| format!(" to {by}"));
            Told::at(node, Stream::Err, format!("its lock is LOST{to}"))
        }
        Event::Lock(LockEvent::Unusable { node, why } | LockEvent::Left { node, why }) => {
            Told::at(node, Stream::Err, format!("its lock: {why}"))
        }
        Event::Lock(LockEvent::Wanted {
            over: Some(run),
            reason,
            ..
        }) => {
            let reason = reason.as_deref().unwrap_or_default();
            Told::note(format!(
                "the cluster lock is taken over from run {run}: {reason}"
            ))
        }
        Event::DetourTaken { reason, by, .. } => {
            Told::note(format!("{} takes another way: {reason}", by.user))
        }
        Event::Prompted { action, text, .. } => Told::of(run, action, Stream::Obs, |_| {
            format!("asks: {}", text.lines().last().unwrap_or_default())
        }),
        Event::PromptAnswered { action, said, .. } => Told::of(run, action, Stream::Cmd, |_| {
            format!("answered with {said}")
        }),
        Event::WheelTaken { action, by, .. } => Told::of(run, action, Stream::Note, |_| {
            format!("{} has the wheel", by.user)
        }),
        Event::WheelReturned {
            action, by, why, ..
        } => Told::of(run, action, Stream::Note, |_| {
            let by = by
                .as_ref()
                .map_or("by itself".into(), |by| format!("by {}", by.user));
            let why = why.as_ref().map_or(String::new(), |why| format!(": {why}"));
            format!("the wheel was handed back {by}{why}")
        }),
        Event::KeysInDoubt {
            action, keys, why, ..
        } => Told::of(run, action, Stream::Err, |_| {
            format!("keys IN DOUBT, not sent again ({keys}): {why}")
        }),
        Event::KeysSettled {
            action,
            typed,
            lost,
            unknown,
            ..
        } => Told::of(run, action, Stream::Obs, |_| {
            crate::engine::summary::keys_settled(*typed, *lost, *unknown)
        }),
        Event::Noted { text, by } => Told::note(format!("{}: {text}", by.user)),
        Event::Fault { text } => Told::note(format!("fault injected: {text}")),
        Event::Lock(
            LockEvent::Wanted { over: None, .. }
            | LockEvent::Taken { .. }
            | LockEvent::Releasing
            | LockEvent::GivenBack { .. },
        )
        | Event::Opened(_)
        | Event::Resumed { .. }
        | Event::Linked { .. }
        | Event::HostKeyAnswered { .. }
        | Event::JumpKeySeen { .. }
        | Event::SecretGiven { .. }
        | Event::ReadinessBegan
        | Event::CheckJudged { .. }
        | Event::CheckAgain { .. }
        | Event::Attested { .. }
        | Event::Waived { .. }
        | Event::PlanFrozen { .. }
        | Event::PlanRefused { .. }
        | Event::PlanApproved { .. }
        | Event::Held { .. }
        | Event::Released { .. }
        | Event::GateOpening { .. }
        | Event::GateOpened { .. }
        | Event::GateClosed { .. }
        | Event::GateRefused { .. }
        | Event::ActionAsked { .. }
        | Event::ActionAccepted { .. }
        | Event::ActionOverdue { .. }
        | Event::CancelAsked { .. }
        | Event::KeysGiven { .. }
        | Event::Chosen { .. }
        | Event::ActionReopened { .. }
        | Event::ByHandSaid { .. }
        | Event::DebtOpened { .. }
        | Event::DebtPaid { .. }
        | Event::InvariantTold { .. }
        | Event::Subsided { .. }
        | Event::HeldLong { .. }
        | Event::ResumeAccepted { .. }
        | Event::TurnBackTimePassed { .. }
        | Event::Paused { .. }
        | Event::WentOn { .. }
        | Event::Left { .. }
        | Event::Finished { .. } => None,
    }
}

fn outcome_word(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Observed => "done, observed",
        Outcome::AlreadySo => "already so, not run",
        Outcome::ObservedAfterDoubt => "done: observed after doubt",
        Outcome::ByHand { .. } => "done by hand, observed",
        Outcome::Attested { .. } => "attested",
        Outcome::Read => "read",
        Outcome::Chose { .. } => "chosen",
    }
}
