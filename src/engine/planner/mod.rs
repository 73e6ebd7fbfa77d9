//! Makes the plan: every placement, ordering and "one at a time" is settled here, synchronously, so that execution has
//! nothing left to choose. A refusal names all its reasons at once.

use std::cell::RefCell;
use std::collections::BTreeMap;

use crate::engine::brief::Brief;
use crate::engine::plan::{Action, FORMAT, GateSpec, LeftOut, Origin, Plan, PlannedPhase, Stage};
use crate::model::condition::{Condition, Truth, View};
use crate::model::facts::ClusterFacts;
use crate::model::ids::{FactId, GateId, NodeId, StepId};
use crate::model::procedure::{Branch, On, Phase, Step, Walk};
use crate::model::time::Stamp;
use crate::model::value::Value;

mod actions;
mod order;
mod texts;

use texts::Texts;
pub use texts::variables;

/// What a plan is made from.
pub struct Ground<'a> {
    pub brief: &'a Brief,
    /// What is known now; the planner walks a copy of it ahead, step by step.
    pub facts: &'a ClusterFacts,
    pub view: View<'a>,
}

/// Makes the plan of the whole procedure, or says everything that stands in its way.
pub fn plan(ground: &Ground<'_>) -> Result<Plan, Vec<String>> {
    let brief = ground.brief;
    let mut planner = Planner::new(ground);
    planner.version_paths();
    for phase in &brief.procedure.phases {
        planner.phase(phase);
    }
    let phases = brief.procedure.phases.iter().map(|phase| PlannedPhase {
        id: phase.id.to_string(),
        title: phase.title.clone(),
        about: phase.about.clone(),
    });
    let plan = Plan {
        format: FORMAT,
        cluster: brief.cluster.name.clone(),
        procedure: brief.procedure.id.clone(),
        title: brief.procedure.title.clone(),
        target: brief.cluster.target.clone(),
        nodes: brief
            .cluster
            .nodes
            .iter()
            .map(|node| node.name.clone())
            .collect(),
        phases: phases.collect(),
        left_out: std::mem::take(&mut planner.left_out),
        stages: std::mem::take(&mut planner.stages),
    };
    if planner.reasons.is_empty() {
        Ok(plan)
    } else {
        Err(planner.reasons)
    }
}

/// The stages of a branch, as of what is known now.
pub fn branch(ground: &Ground<'_>, branch: &Branch) -> Result<Vec<Stage>, Vec<String>> {
    let mut planner = Planner::new(ground);
    planner.origin = Origin::Branch(branch.id.clone());
    planner.walk(&Group::of_branch(branch));
    if planner.reasons.is_empty() {
        Ok(planner.stages)
    } else {
        Err(planner.reasons)
    }
}

/// A phase's or branch's shape.
struct Group<'a> {
    id: &'a str,
    title: &'a str,
    walk: Walk,
    on: Option<&'a Condition>,
    first: Option<&'a Condition>,
    last: Option<&'a Condition>,
    steps: &'a [Step],
}

impl<'a> Group<'a> {
    fn of_phase(phase: &'a Phase) -> Group<'a> {
        Group {
            id: phase.id.as_str(),
            title: &phase.title,
            walk: phase.walk,
            on: phase.on.as_ref(),
            first: phase.first.as_ref(),
            last: phase.last.as_ref(),
            steps: &phase.steps,
        }
    }

    fn of_branch(branch: &'a Branch) -> Group<'a> {
        Group {
            id: branch.id.as_str(),
            title: &branch.title,
            walk: branch.walk,
            on: None,
            first: None,
            last: None,
            steps: &branch.steps,
        }
    }
}

struct Planner<'a> {
    ground: &'a Ground<'a>,
    /// What will be known at this point of the plan.
    ahead: ClusterFacts,
    origin: Origin,
    stages: Vec<Stage>,
    left_out: Vec<LeftOut>,
    reasons: Vec<String>,
    /// Nodes that lookups have found; forgotten when a step changes what a lookup speaks of.
    found: RefCell<BTreeMap<String, String>>,
}

impl<'a> Planner<'a> {
    fn new(ground: &'a Ground<'a>) -> Planner<'a> {
        Planner {
            ground,
            ahead: ground.facts.clone(),
            origin: Origin::Procedure,
            stages: Vec::new(),
            left_out: Vec::new(),
            reasons: Vec::new(),
            found: RefCell::default(),
        }
    }

    fn refuse(&mut self, reason: String) {
        if !self.reasons.contains(&reason) {
            self.reasons.push(reason);
        }
    }

    /// Every node must have a known version from which the target can be reached.
    fn version_paths(&mut self) {
        let rules = &self.ground.brief.procedure.versions;
        let Some(fact) = &rules.fact else { return };
        let target = &self.ground.brief.cluster.target;
        let mut reasons: Vec<String> = rules.judge_target(target).err().into_iter().collect();
        for node in self.ground.facts.nodes() {
            match node.get(fact) {
                None => {
                    let why = node.dark().map_or("no probe told it".to_string(), |why| {
                        format!("out of sight: {why}")
                    });
                    reasons.push(format!("{}: its {fact} is not known ({why})", node.name));
                }
                Some(from) => {
                    if let Err(why) = rules.judge(&from.to_string(), target) {
                        reasons.push(format!("{}: {why}", node.name));
                    }
                }
            }
        }
        self.reasons.extend(reasons);
    }

    fn phase(&mut self, phase: &Phase) {
        let what = format!("phase {}", phase.id);
        if self.concerns(phase.when.as_ref(), &what, &phase.title) {
            self.walk(&Group::of_phase(phase));
        }
    }

    /// Whether something is part of the plan. What is not stands in the plan as left out; what cannot be told refuses it.
    fn concerns(&mut self, when: Option<&Condition>, what: &str, title: &str) -> bool {
        let Some(when) = when else { return true };
        match self.ground.facts.holds(when, None, &self.ground.view) {
            Truth::Yes => true,
            Truth::No => {
                let left_out = LeftOut {
                    what: what.to_string(),
                    title: title.to_string(),
                    when: when.to_string(),
                };
                if !self.left_out.contains(&left_out) {
                    self.left_out.push(left_out);
                }
                false
            }
            Truth::Unknown(why) => {
                self.refuse(format!(
                    "cannot tell whether {what} is part of the plan ({when}): {why}"
                ));
                false
            }
        }
    }

    fn walk(&mut self, group: &Group<'_>) {
        let from = self.stages.len();
        let nodes = self.chosen(group.on, &format!("phase {}", group.id), None);
        match group.walk {
            Walk::Together => {
                for step in group.steps {
                    self.step(group, step, &nodes, false);
                }
            }
            Walk::NodeByNode => self.in_batches(group, nodes, 1),
            Walk::Batch(size) => self.in_batches(group, nodes, size.max(1)),
        }
        self.give_gates(group, from);
    }

    fn in_batches(&mut self, group: &Group<'_>, nodes: Vec<NodeId>, size: usize) {
        let ordered = self.ordered(group, nodes);
        for batch in ordered.chunks(size) {
            let from = self.stages.len();
            for step in group.steps {
                if step.on == On::Cluster {
                    self.refuse(format!(
                        "step {} is done once for the cluster, but its phase goes node by node; give it a phase of its own",
                        step.id
                    ));
                    continue;
                }
                self.step(group, step, batch, size == 1);
            }
            self.order_rules(group, batch, from);
        }
    }

    fn step(&mut self, group: &Group<'_>, step: &Step, nodes: &[NodeId], alone: bool) {
        let what = format!("step {}", step.id);
        if !self.concerns(step.when.as_ref(), &what, &step.title) {
            return;
        }
        let actions = match &step.on {
            On::Each(on) => {
                let chosen = self.chosen(on.as_ref(), &format!("step {}", step.id), Some(nodes));
                chosen
                    .into_iter()
                    .map(|node| (Some(node.clone()), vec![node]))
                    .collect::<Vec<_>>()
            }
            On::Any => {
                let reachable = |node: &&NodeId| {
                    self.ahead
                        .node(node)
                        .is_some_and(|facts| facts.dark().is_none())
                };
                match nodes.iter().find(reachable) {
                    Some(node) => vec![(Some(node.clone()), nodes.to_vec())],
                    None => {
                        self.refuse(format!("step {}: no node can be reached for it", step.id));
                        Vec::new()
                    }
                }
            }
            On::Cluster => vec![(None, nodes.to_vec())],
        };
        let mut planned = Vec::new();
        for (node, then_on) in actions {
            planned.extend(self.action(step, node, then_on));
        }
        if planned.is_empty() {
            return;
        }
        self.go_ahead(&planned);
        let texts = Texts {
            planner: self,
            node: if alone { planned[0].node.clone() } else { None },
        };
        let stage = Stage {
            owner: group.id.to_string(),
            step: step.id.clone(),
            title: texts.fill(&step.title),
            origin: self.origin.clone(),
            gate: None,
            requires: step.requires.clone(),
            order: self.choice_rules(group, step, &planned),
            consequence: step.consequence.as_ref().map(|text| texts.fill(text)),
            point_of_no_return: step
                .point_of_no_return
                .as_ref()
                .map(|text| texts.fill(text)),
            opens: step.opens.clone(),
            closes: step.closes.clone(),
            again: step.again,
            typical: step.typical,
            timeout: step.timeout,
            settle: step.settle,
            on_failure: step.on_failure.as_ref().map(|text| texts.fill(text)),
            waits_for: self.waits_for(group),
            actions: planned,
        };
        self.stages.push(stage);
    }

    /// Supposes that the actions went well.
    fn go_ahead(&mut self, actions: &[Action]) {
        let lookups = &self.ground.brief.procedure.lookups;
        let changed = |name: &String| {
            let uses = lookups.get(name).map(|lookup| lookup.uses());
            uses.is_none_or(|uses| {
                actions
                    .iter()
                    .flat_map(|action| action.then.keys())
                    .any(|fact| uses.members.contains_key(fact.as_str()))
            })
        };
        self.found.borrow_mut().retain(|name, _| !changed(name));
        for action in actions {
            let changes: BTreeMap<FactId, Option<Value>> = action
                .then
                .iter()
                .map(|(fact, value)| (fact.clone(), Some(value.clone())))
                .collect();
            for node in &action.then_on {
                self.ahead.set(node, &changes, Stamp::default());
            }
        }
    }

    fn waits_for(&self, group: &Group<'_>) -> String {
        match self.stages.last() {
            None => "nothing: it is the first step".into(),
            Some(last) if last.owner == group.id => match last.actions.as_slice() {
                [one] => format!("{}", one.id),
                _ => format!("{} on all its nodes", last.step),
            },
            Some(last) => format!("the end of {}", last.owner),
        }
    }

    /// A phase that changes something opens with a gate; a consequence or a point of no return has its own.
    fn give_gates(&mut self, group: &Group<'_>, from: usize) {
        let mut opened = false;
        let each = !matches!(group.walk, Walk::Together);
        for stage in &mut self.stages[from..] {
            if !stage.changes() {
                continue;
            }
            let own = stage.consequence.is_some() || stage.point_of_no_return.is_some();
            if own || !opened {
                let id = match (each, stage.actions.as_slice()) {
                    (true, [one]) => one.id.as_str().to_string(),
                    (true, [one, ..]) => format!(
                        "{}@{}..",
                        stage.step,
                        one.node.as_ref().map_or("", |n| n.as_str())
                    ),
                    (false, _) | (true, []) => stage.step.to_string(),
                };
                let verb = group
                    .steps
                    .iter()
                    .find(|step| step.id == stage.step)
                    .map(|step| step.verb.clone());
                let verb = verb.unwrap_or_else(|| group.title.to_lowercase());
                stage.gate = Some(GateSpec {
                    id: GateId::new(id),
                    verb,
                });
            }
            opened = true;
        }
    }
}

/// A step id within a detour, distinct from every action that exists.
pub fn fresh_step(taken: impl Fn(&StepId) -> bool, owner: &str, step: &StepId) -> StepId {
    let base = step.as_str().rsplit('/').next().unwrap_or(step.as_str());
    let name = |round: usize| {
        if round == 1 {
            StepId::of(owner, base)
        } else {
            StepId::of(owner, &format!("{base}.{round}"))
        }
    };
    (1..)
        .map(name)
        .find(|step| !taken(step))
        .expect("there are endlessly many names")
}
