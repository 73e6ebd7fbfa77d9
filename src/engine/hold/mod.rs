//! Hold points: everything that waits for a human, derived from the state, with what may be answered. The full-screen
//! wizard, the line protocol and the JSON protocol all show these and nothing else.

use serde::Serialize;

use crate::engine::brief::Goal;
use crate::engine::event::Doubt;
use crate::engine::input::Says;
use crate::engine::plan::Origin;
use crate::engine::state::{ActionState, Part, RunState};
use crate::model::ids::{ActionId, CheckId, GateId, NodeId};

mod actions;
mod alarms;
mod lock;
mod prompts;
mod ready;
mod wheel;

use actions::{action_hold, explained};
use alarms::{alarm_holds, late_hold};
use lock::lock_hold;
use ready::{connection_holds, readiness_holds};

pub use actions::{failure_options, is_under_way};
pub use wheel::wheel_refused;

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
    /// A running program waits for an answer that the procedure does not give.
    Prompt,
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
            HoldKind::Prompt => "prompt",
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
    /// This phrase, typed; or one of these words, which let nothing happen on the node.
    TypeOr(String, Vec<HoldOption>),
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

/// What leaving means where nothing but looking was asked for.
const LOOKED_ONLY: &str = "leave it at that: nothing was changed on any node";

fn leave() -> HoldOption {
    option(
        "leave",
        "leave it waiting: this session ends, the run can be resumed",
    )
}

impl Expect {
    /// The words that may be answered.
    pub fn options(&self) -> &[HoldOption] {
        match self {
            Expect::Options(options) | Expect::TypeOr(_, options) => options,
            Expect::Type(_) | Expect::Fingerprint(_) | Expect::Secret => &[],
        }
    }

    /// The last line of a hold in the line protocol, after `expect: `.
    pub fn line(&self, kind: HoldKind) -> String {
        match self {
            Expect::Type(phrase) => format!("type \"{phrase}\""),
            Expect::Fingerprint(_) => "the fingerprint, yes or no".into(),
            Expect::Secret => "the secret (not echoed, not kept)".into(),
            Expect::TypeOr(phrase, options) => {
                let words: Vec<&str> = options.iter().map(|option| option.id).collect();
                format!("type \"{phrase}\", or one of {}", words.join(", "))
            }
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
    if state.brief.goal != Goal::Walk {
        holds.iter_mut().for_each(leaves_nothing_behind);
    }
    holds
}

/// A look at the nodes keeps no run that could be resumed.
fn leaves_nothing_behind(hold: &mut Hold) {
    for text in &mut hold.text {
        if text.starts_with("leave: ") {
            *text = format!("leave: {LOOKED_ONLY}");
        }
    }
    if let Expect::Options(options) | Expect::TypeOr(_, options) = &mut hold.expect {
        let leave = options.iter_mut().filter(|option| option.id == "leave");
        leave.for_each(|option| option.title = LOOKED_ONLY.into());
    }
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
        Expect::TypeOr(_, options) => Ok(match options.iter().find(|way| way.id == line) {
            Some(way) => says(hold, way.id, String::new()),
            None => Says::HostKey {
                node: NodeId::new(&hold.id),
                typed: line.to_string(),
            },
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

fn gate_hold(id: &str, asking: &crate::engine::state::Asking) -> Hold {
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
    lock_hold(state, holds);
    for id in &state.troubled {
        if let Some(hold) = state
            .actions
            .get(id)
            .filter(|record| !state.waits_behind_detour(record))
            .and_then(|record| action_hold(state, id, record))
        {
            holds.push(hold);
        }
    }
    let gate = state.gate.as_ref();
    let gate = gate.and_then(|gate| Some((gate.gate.as_str(), gate.asking.as_ref()?)));
    let gate = gate.map(|(gate, asking)| gate_hold(gate, asking));
    // A detour goes on while what it repairs is still wrong: its gate is what is to be answered first.
    let detour = state
        .stage()
        .is_some_and(|at| at.stage.origin != Origin::Procedure);
    let (first, last) = if detour { (gate, None) } else { (None, gate) };
    holds.extend(first);
    let running = || {
        state
            .active
            .iter()
            .filter_map(|id| state.actions.get(id))
            .any(is_under_way)
    };
    // What it is at work on just now is asked about when that has ended.
    if !(detour && running()) {
        alarm_holds(state, holds);
    }
    late_hold(state, holds);
    holds.extend(last);
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
    let reached =
        |node: &crate::engine::state::NodeState| node.link.is_up() || node.link.is_stuck();
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
    text.extend(crate::engine::recover::findings(state));
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
