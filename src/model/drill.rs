//! Disturbances of a rehearsal: what can go wrong, and when. Only a simulated cluster takes them.

use std::collections::BTreeMap;
use std::fmt;

use super::ids::{CheckId, FactId, NodeId, ProbeId};
use super::time::Span;
use super::value::Value;

/// A list of faults with a name: what a drill file says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Drill {
    pub title: String,
    /// What to look for.
    pub about: String,
    pub faults: Vec<PlannedFault>,
}

/// One fault of a drill, and when it strikes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlannedFault {
    pub when: When,
    /// Which node; without it the node of the action. A fault at a time needs one.
    pub node: Option<NodePick>,
    pub what: Fault,
}

/// When a fault of a drill strikes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum When {
    /// When an action starts whose id fits.
    Action {
        /// `upgrade/update@st2`; a `*` stands for any run of characters.
        glob: String,
        /// Only at this attempt, counted from one; without it at any.
        attempt: Option<u32>,
        /// So long after its start; without it at a third of its time, or at its end for what happens behind our back.
        after: Option<Span>,
        /// How often it strikes, at most.
        times: u32,
    },
    /// So long after the run was opened.
    At(Span),
}

/// A node of a drill, which may not know the cluster's names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NodePick {
    Named(NodeId),
    /// By its place in the cluster file, counted from one.
    Nth(usize),
}

/// Something that goes wrong on a node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The connection drops; the node runs on and can be reached again after `lasts`.
    LinkLost { lasts: Span },
    /// Nothing of the node can be reached, for a time or until it is mended.
    Unreachable { lasts: Option<Span> },
    /// The node loses power and boots again: another incarnation, jobs without a recorded end.
    PowerCut { lasts: Span, effect: Effect },
    /// The node shows another host key than before when it is connected next; its link drops so that this is soon.
    HostKey(KeyFault),
    /// The job that runs now, or the next one, does not do what it should.
    Job(JobFault),
    /// Something changes behind our back: these facts, or whatever the last job changed goes back to what it was.
    ComesBack {
        changes: BTreeMap<FactId, Value>,
        after: Span,
    },
    /// The node and the one that stands out by this fact exchange their values: the primary moves here.
    PrimaryMoves { fact: FactId },
    /// A probe, or every probe, gives no answer in time.
    ProbeSilent {
        probe: Option<ProbeId>,
        lasts: Option<Span>,
    },
    /// A probe answers, but says nothing usable about this fact.
    Unknown { fact: FactId, lasts: Option<Span> },
    /// A check finds what it should not find.
    CheckFails { check: CheckId },
    /// Another run takes the node's lock, or takes it over.
    Locked,
    /// Everything that is wrong with the node is put right.
    Mended,
}

/// What is wrong with a host key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyFault {
    /// Never seen: a human is asked.
    Unknown,
    /// Another key than the known one: refused.
    Changed,
    /// As `Changed`, from the node's next boot on.
    AtBoot,
}

/// What is wrong with a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JobFault {
    /// Never ends by itself.
    Hangs,
    /// Asks something that nobody expects, and waits.
    Asks,
    /// Takes so many times as long.
    Slow { times: u32 },
    /// Ends with this exit code, and with this effect, whatever the code claims.
    Ends { code: i32, effect: Effect },
}

/// How much of a step's postcondition really came about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    Nothing,
    /// Some of its facts changed; where it declares only one, that one is unknown now.
    Half,
    Whole,
}

/// Why a fault was not accepted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FaultError {
    #[error("`{word}` is no fault; known are {}", known.join(", "))]
    NoSuchFault { word: String, known: Vec<String> },
    #[error("`{given}` does not fit; write it as `{usage}`")]
    BadWords { given: String, usage: String },
    #[error("there is no {kind} `{name}` here; known are {}", list(known))]
    NoSuchName {
        kind: &'static str,
        name: String,
        known: Vec<String>,
    },
    #[error("`{value}` is no value of the fact `{fact}`; it takes {takes}")]
    BadValue {
        fact: FactId,
        value: String,
        takes: String,
    },
    #[error("a fault at a time needs a `node`")]
    NoNode,
}

impl Fault {
    /// What it does, as a sentence for a person, without the node.
    pub fn explain(&self) -> String {
        match self {
            Fault::LinkLost { lasts } => format!("The link drops for {lasts}."),
            Fault::Unreachable { lasts: Some(span) } => format!("Cannot be reached for {span}."),
            Fault::Unreachable { lasts: None } => "Cannot be reached until it is mended.".into(),
            Fault::PowerCut { lasts, effect } => {
                format!("Loses power for {lasts}; a running job had {effect}.")
            }
            Fault::HostKey(KeyFault::Unknown) => "Shows a host key that is not known.".into(),
            Fault::HostKey(KeyFault::Changed) => "Shows another host key than before.".into(),
            Fault::HostKey(KeyFault::AtBoot) => {
                "Shows another host key once it was booted again.".into()
            }
            Fault::Job(job) => job.explain(),
            Fault::ComesBack { changes, after } if changes.is_empty() => {
                format!("What the last job changed goes back by itself, {after} later.")
            }
            Fault::ComesBack { changes, after } => {
                format!("Becomes {} by itself, {after} later.", pairs(changes))
            }
            Fault::PrimaryMoves { fact } => format!("Takes over `{fact}` from the other node."),
            Fault::ProbeSilent { probe, lasts } => {
                let which = probe
                    .as_ref()
                    .map_or("Every probe".into(), |probe| format!("Probe `{probe}`"));
                format!("{which} gives no answer{}.", during(*lasts))
            }
            Fault::Unknown { fact, lasts } => {
                format!("Nothing usable is said about `{fact}`{}.", during(*lasts))
            }
            Fault::CheckFails { check } => format!("Check `{check}` fails."),
            Fault::Locked => "Another run takes its lock.".into(),
            Fault::Mended => "Everything is put right.".into(),
        }
    }
}

impl JobFault {
    fn explain(self) -> String {
        match self {
            JobFault::Hangs => "The job hangs.".into(),
            JobFault::Asks => "The job asks something that nobody expects.".into(),
            JobFault::Slow { times } => format!("The job takes {times} times as long."),
            JobFault::Ends { code, effect } => {
                format!("The job ends with exit code {code} and has {effect}.")
            }
        }
    }
}

impl fmt::Display for Effect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Effect::Nothing => "no effect",
            Effect::Half => "half its effect",
            Effect::Whole => "its whole effect",
        })
    }
}

fn during(lasts: Option<Span>) -> String {
    lasts.map_or_else(String::new, |span| format!(" for {span}"))
}

fn list(known: &[String]) -> String {
    if known.is_empty() {
        return "none".into();
    }
    known.join(", ")
}

/// `service=running version=5.4`, as it is typed and shown.
pub(super) fn pairs(changes: &BTreeMap<FactId, Value>) -> String {
    let pairs: Vec<_> = changes.iter().map(|(k, v)| format!("{k}={v}")).collect();
    pairs.join(" ")
}
