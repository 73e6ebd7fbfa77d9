//! What a run knows. Changed by [`RunState::apply`](crate::engine::apply) alone, so that a replay knows the same.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::engine::brief::{Brief, Person};
use crate::engine::event::{
    Doubt, Ending, Failure, InvariantState, Opening, Outcome, Said, Verdict,
};
use crate::engine::lock::ClusterLock;
use crate::engine::plan::{Action, Plan, Stage};
use crate::model::condition::View;
use crate::model::facts::ClusterFacts;
use crate::model::ids::{ActionId, CheckId, DebtId, FactId, GateId, InvariantId, NodeId};
use crate::model::reply::{Claim, HostKey, KeyChange, Refusal};
use crate::model::time::{Span, Stamp};
use crate::model::value::Value;

mod jumps;
mod sight;
mod wheel;

pub use jumps::JumpKey;
pub use sight::Sight;
pub use wheel::{Holder, Wheel, WheelTurn};

/// How old a fact may be when a gate or an action relies on it. Older ones are read again first (rule 3).
pub const FRESH: Span = Span::seconds(60);

/// Everything that a run knows.
#[derive(Clone, Debug)]
pub struct RunState {
    pub brief: Arc<Brief>,
    /// Sequence number of the newest event; the first one is 1.
    pub seq: u64,
    /// Moment of the newest event.
    pub at: Stamp,
    /// Sequence number of the newest event that changed what is known about the nodes. Gates are bound to it.
    pub facts_seq: u64,
    pub opening: Option<Opening>,
    pub part: Part,
    pub nodes: BTreeMap<NodeId, NodeState>,
    /// Keys of the hosts on the way, by host and way: `[bastion]:2222 through gate`.
    pub jump_keys: BTreeMap<String, JumpKey>,
    pub facts: ClusterFacts,
    pub checks: BTreeMap<CheckKey, CheckState>,
    /// Checks that nobody has judged yet.
    pub checks_waiting: usize,
    /// Checks that stand in the way.
    pub checks_open: usize,
    /// Checks of each id that nobody has judged yet.
    pub waiting_of: BTreeMap<CheckId, usize>,
    /// Raw outputs of script checks, as far as they have come.
    pub outputs: BTreeMap<CheckId, BTreeMap<NodeId, BTreeMap<String, Value>>>,
    pub plan: Option<Arc<Plan>>,
    pub plan_hash: Option<String>,
    pub plan_refused: Vec<String>,
    pub stages: Vec<StageState>,
    /// The stage that runs or comes next.
    pub cursor: usize,
    pub actions: BTreeMap<ActionId, ActionRecord>,
    pub actions_done: usize,
    /// Actions that were begun and are not settled: running, looked at, asked, in doubt or failed.
    pub active: BTreeSet<ActionId>,
    /// Those of them that wait for a human, or soon will: asked, failed, in doubt or overdue.
    pub troubled: BTreeSet<ActionId>,
    /// Links that will not come up without a human, or that are down.
    pub stuck: usize,
    pub gate: Option<GateState>,
    pub debts: BTreeMap<(DebtId, Option<NodeId>), ActionId>,
    /// Ids of open debts, each once, as conditions see them.
    pub debt_names: Vec<String>,
    pub invariants: BTreeMap<InvariantId, InvariantState>,
    /// What finished actions have established, and which did.
    pub established: BTreeMap<(NodeId, FactId), (Value, ActionId)>,
    pub resurrected: BTreeMap<(NodeId, FactId), Alarm>,
    /// Why the stage at the cursor cannot begin.
    pub held: Vec<String>,
    /// The hold has lasted longer than a passing disturbance.
    pub held_long: bool,
    pub paused: Option<Person>,
    pub choices: BTreeMap<String, String>,
    /// Everything that was overridden, with the reason: waived checks, accepted drift, given-up steps.
    pub overrides: Vec<Override>,
    /// Who approved the plan that is walked, and when.
    pub approved: Option<(Person, Stamp)>,
    /// Every time that a human had the wheel of a program, in order.
    pub wheel_turns: Vec<WheelTurn>,
    pub turning_back: bool,
    /// The turn-back time has passed; a human must give a reason before the next gate opens.
    pub late: Late,
    /// Resumed, and a human has not yet looked at what is in doubt.
    pub resume_review: bool,
    pub left: Option<String>,
    pub ending: Option<Ending>,
    /// The cluster lock, as far as this run knows.
    pub lock: ClusterLock,
    /// How fresh it all is. Not journaled: after a replay nothing has been seen.
    pub sight: Sight,
}

/// Where in the walk a run is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    Opening,
    Connect,
    Readiness,
    Review,
    Execute,
    Ended,
}

#[derive(Clone, Debug)]
pub struct NodeState {
    pub link: LinkState,
    pub incarnation: Option<String>,
    pub host_key: Option<HostKey>,
    /// When this run saw that key first.
    pub host_key_at: Option<Stamp>,
    /// The last other key that a human has let hold in this run: it holds whatever known_hosts says.
    pub let_in: Option<Box<KeyChange>>,
    pub user: String,
}

/// A node's connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LinkState {
    Idle,
    Connecting,
    Up {
        since: Stamp,
    },
    Down {
        why: String,
        since: Stamp,
    },
    AsksHostKey {
        key: HostKey,
        /// The host on the way whose key it is, if it is not the node's own.
        jump: Option<String>,
    },
    /// Another key than before, where that may have come of what the run did to the node.
    AsksChangedKey {
        change: Box<KeyChange>,
    },
    WantsSecret {
        secret: String,
    },
    Refused {
        refusal: Refusal,
        why: String,
    },
}

impl LinkState {
    pub fn is_up(&self) -> bool {
        matches!(self, LinkState::Up { .. })
    }

    /// Whether it will not come up without a human.
    pub fn is_stuck(&self) -> bool {
        matches!(
            self,
            LinkState::Down { .. }
                | LinkState::Refused { .. }
                | LinkState::AsksHostKey { .. }
                | LinkState::AsksChangedKey { .. }
                | LinkState::WantsSecret { .. }
        )
    }
}

/// A check, on one node or for the whole cluster.
pub type CheckKey = (CheckId, Option<NodeId>);

#[derive(Clone, Debug, PartialEq)]
pub enum CheckState {
    Waiting,
    /// A human is to say so.
    Asked,
    Judged {
        verdict: Verdict,
        found: String,
        output: BTreeMap<String, Value>,
    },
    Attested {
        so: bool,
        note: String,
        by: Person,
    },
    Waived {
        found: String,
        reason: String,
        by: Person,
    },
}

#[derive(Clone, Debug)]
pub struct StageState {
    pub stage: Arc<Stage>,
    /// Actions not yet begun.
    pub pending: usize,
    /// Actions not yet settled well.
    pub left: usize,
    pub confirmed: Option<Person>,
    pub began: Option<Stamp>,
    pub ended: Option<Stamp>,
}

#[derive(Clone, Debug)]
pub struct ActionRecord {
    pub stage: Arc<Stage>,
    pub index: usize,
    pub state: ActionState,
    pub attempts: u32,
    pub began: Option<Stamp>,
    pub ended: Option<Stamp>,
    pub overdue: bool,
    /// A human says that it was done by hand; it is being proved.
    pub by_hand: Option<String>,
    /// The node's boot identity when the attempt was sent.
    pub boot: Option<String>,
    /// What its program waits to be answered by a human.
    pub asking: Option<Question>,
    /// What this attempt's program was answered, by how much it had printed then.
    pub answered: BTreeMap<u64, (Option<String>, Said)>,
    /// Who types into its program.
    pub wheel: Wheel,
    /// What its postcondition's facts were before its first attempt: what an undo brings back.
    pub before: BTreeMap<FactId, Value>,
}

impl ActionRecord {
    pub fn action(&self) -> &Action {
        &self.stage.actions[self.index]
    }
}

/// A question of an action's program that the procedure does not answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    pub at: u64,
    /// The expected question that it is, if it is one.
    pub prompt: Option<String>,
    /// What was printed last.
    pub text: String,
}

/// An action's state carries its reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ActionState {
    Pending,
    Asked {
        since: Stamp,
    },
    Running {
        attempt: u32,
        since: Stamp,
        accepted: bool,
    },
    Verifying {
        attempt: u32,
        since: Stamp,
        claim: Option<Claim>,
    },
    InDoubt {
        attempt: u32,
        since: Stamp,
        doubt: Doubt,
    },
    Failed {
        attempt: u32,
        since: Stamp,
        failure: Failure,
    },
    Done {
        outcome: Outcome,
    },
    NotRun {
        why: String,
    },
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GateState {
    pub gate: GateId,
    pub asking: Option<Asking>,
    /// Why it did not open at the last answer, or was closed.
    pub said: Option<String>,
}

/// An open gate's question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asking {
    pub phrase: String,
    pub shown: Vec<String>,
    pub bound: u64,
}

/// Where the run stands with its turn-back time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Late {
    No,
    /// Passed; the next gate waits for a typed reason.
    Passed {
        by: Stamp,
    },
    /// A human gave the reason.
    Accepted,
}

/// Something that came back behind our back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alarm {
    pub was: Value,
    pub now: Option<Value>,
    pub by: ActionId,
    pub at: Stamp,
}

#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Override {
    pub what: String,
    pub reason: String,
    pub by: Person,
    pub at: Stamp,
}

impl RunState {
    /// A run about which nothing is known but its givens.
    pub fn new(brief: Arc<Brief>) -> RunState {
        let idle = || NodeState {
            link: LinkState::Idle,
            incarnation: None,
            host_key: None,
            host_key_at: None,
            let_in: None,
            user: String::new(),
        };
        let nodes = brief
            .cluster
            .nodes
            .iter()
            .map(|node| (node.name.clone(), idle()))
            .collect();
        let mut state = RunState {
            facts: ClusterFacts::new(&brief.cluster),
            brief,
            seq: 0,
            at: Stamp::default(),
            facts_seq: 0,
            opening: None,
            part: Part::Opening,
            nodes,
            jump_keys: BTreeMap::new(),
            checks: BTreeMap::new(),
            checks_waiting: 0,
            checks_open: 0,
            waiting_of: BTreeMap::new(),
            outputs: BTreeMap::new(),
            plan: None,
            plan_hash: None,
            plan_refused: Vec::new(),
            stages: Vec::new(),
            cursor: 0,
            actions: BTreeMap::new(),
            actions_done: 0,
            active: BTreeSet::new(),
            troubled: BTreeSet::new(),
            stuck: 0,
            gate: None,
            debts: BTreeMap::new(),
            debt_names: Vec::new(),
            invariants: BTreeMap::new(),
            established: BTreeMap::new(),
            resurrected: BTreeMap::new(),
            held: Vec::new(),
            held_long: false,
            paused: None,
            choices: BTreeMap::new(),
            overrides: Vec::new(),
            approved: None,
            wheel_turns: Vec::new(),
            turning_back: false,
            late: Late::No,
            resume_review: false,
            left: None,
            ending: None,
            lock: ClusterLock::default(),
            sight: Sight::default(),
        };
        let names: Vec<NodeId> = state.nodes.keys().cloned().collect();
        names.iter().for_each(|node| state.must_read(node));
        state
    }

    /// The stage at the cursor.
    pub fn stage(&self) -> Option<&StageState> {
        self.stages.get(self.cursor)
    }

    /// Whether an action failed in a stage that a detour was put in front of: it is settled when the detour is done.
    pub fn waits_behind_detour(&self, record: &ActionRecord) -> bool {
        let here = self.stage().map(|at| &at.stage);
        let failed = matches!(record.state, ActionState::Failed { .. });
        failed && here.is_some_and(|stage| !Arc::ptr_eq(stage, &record.stage))
    }

    /// The next stage that does something on `node`.
    pub fn next_on(&self, node: &NodeId) -> Option<&Stage> {
        let on_node = |stage: &&StageState| {
            stage.left > 0
                && stage
                    .stage
                    .actions
                    .iter()
                    .any(|action| action.node.as_ref() == Some(node))
        };
        self.stages
            .get(self.cursor..)?
            .iter()
            .find(on_node)
            .map(|stage| &*stage.stage)
    }

    /// What conditions see besides the nodes.
    pub fn view(&self) -> View<'_> {
        View {
            target: Some(&self.brief.cluster.target),
            params: Some(&self.brief.shared),
            debts: &self.debt_names,
            choices: Some(&self.choices),
            ..View::default()
        }
    }

    /// Whether something is wrong that holds every next step: a rule that is known to be broken, or something back.
    pub fn has_alarm(&self) -> bool {
        !self.resurrected.is_empty()
            || self
                .invariants
                .values()
                .any(|state| matches!(state, InvariantState::Broken { .. }))
    }

    /// Active actions that concern a node.
    pub fn active_on<'a>(&'a self, node: &'a NodeId) -> impl Iterator<Item = &'a ActionRecord> {
        // One command may concern the whole cluster: its effect on the other nodes is no more behind our back than on its own.
        let of = move |record: &&ActionRecord| {
            let action = record.action();
            action.node.as_ref() == Some(node) || action.then_on.contains(node)
        };
        self.active
            .iter()
            .filter_map(|id| self.actions.get(id))
            .filter(of)
    }

    /// The job id of an attempt: derived, never random, so that a repeated start meets the node's own claim.
    pub fn job_id(&self, action: &ActionId, attempt: u32) -> String {
        let run = self
            .opening
            .as_ref()
            .map_or("run", |opening| opening.run.as_str());
        let plain = |c: char| {
            if c.is_ascii_alphanumeric() || c == '-' {
                c.to_ascii_lowercase()
            } else {
                '_'
            }
        };
        let action: String = action
            .as_str()
            .replace(['/', '@'], ".")
            .chars()
            .map(|c| if c == '.' { c } else { plain(c) })
            .collect();
        format!("{run}.{action}.{attempt}")
    }
}
