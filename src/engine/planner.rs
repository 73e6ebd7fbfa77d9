//! Makes the plan: every placement, ordering and "one at a time" is settled here, synchronously, so that execution has
//! nothing left to choose. A refusal names all its reasons at once.

use std::cell::RefCell;
use std::collections::BTreeMap;

use super::brief::Brief;
use super::plan::{
    Action, FORMAT, GateSpec, OrderRule, Origin, Plan, PlannedPhase, PlannedUndo, Stage, Work,
};
use crate::model::condition::{Condition, Truth, View};
use crate::model::facts::ClusterFacts;
use crate::model::ids::{ActionId, FactId, GateId, NodeId, StepId};
use crate::model::procedure::{Branch, Does, On, Phase, Step, Undo, Walk};
use crate::model::script::{Class, Script, variable_name};
use crate::model::template;
use crate::model::time::Stamp;
use crate::model::value::Value;

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
        let mut reasons = Vec::new();
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
        self.walk(&Group::of_phase(phase));
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

    /// The nodes for which a condition holds; an unknown one refuses the plan.
    fn chosen(
        &mut self,
        on: Option<&Condition>,
        what: &str,
        among: Option<&[NodeId]>,
    ) -> Vec<NodeId> {
        let all: Vec<NodeId> = match among {
            Some(among) => among.to_vec(),
            None => self
                .ground
                .brief
                .cluster
                .nodes
                .iter()
                .map(|node| node.name.clone())
                .collect(),
        };
        let Some(on) = on else { return all };
        let mut chosen = Vec::new();
        for node in all {
            match self.ahead.holds(on, Some(&node), &self.ground.view) {
                Truth::Yes => chosen.push(node),
                Truth::No => {}
                Truth::Unknown(why) => {
                    self.refuse(format!(
                        "{node}: cannot tell whether {what} concerns it ({on}): {why}"
                    ));
                }
            }
        }
        chosen
    }

    fn ordered(&mut self, group: &Group<'_>, nodes: Vec<NodeId>) -> Vec<NodeId> {
        let what = format!("the order of phase {}", group.id);
        let first = group
            .first
            .map(|on| self.chosen(Some(on), &what, Some(&nodes)))
            .unwrap_or_default();
        let last = group
            .last
            .map(|on| self.chosen(Some(on), &what, Some(&nodes)))
            .unwrap_or_default();
        let class = |node: &NodeId| match (first.contains(node), last.contains(node)) {
            (true, _) => 0,
            (false, false) => 1,
            (false, true) => 2,
        };
        let mut ordered = nodes;
        ordered.sort_by_key(class);
        ordered
    }

    fn order_rules(&mut self, group: &Group<'_>, batch: &[NodeId], from: usize) {
        let mut rules = Vec::new();
        for node in batch {
            if let Some(first) = group.first
                && self.ahead_says(first, node)
            {
                let why = format!("{node} comes first because of {first}");
                rules.push(OrderRule {
                    node: node.clone(),
                    must: first.clone(),
                    so: true,
                    why,
                });
            }
            if let Some(last) = group.last {
                let so = self.ahead_says(last, node);
                let why = if so {
                    format!("{node} comes last because of {last}")
                } else {
                    format!("{node} is not the last one ({last})")
                };
                rules.push(OrderRule {
                    node: node.clone(),
                    must: last.clone(),
                    so,
                    why,
                });
            }
        }
        if let Some(stage) = self.stages[from..].iter_mut().find(|stage| stage.changes()) {
            stage.order = rules;
        }
    }

    fn ahead_says(&self, condition: &Condition, node: &NodeId) -> bool {
        self.ground
            .facts
            .holds(condition, Some(node), &self.ground.view)
            .is_yes()
    }

    fn step(&mut self, group: &Group<'_>, step: &Step, nodes: &[NodeId], alone: bool) {
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
            order: Vec::new(),
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

    fn action(
        &mut self,
        step: &Step,
        node: Option<NodeId>,
        then_on: Vec<NodeId>,
    ) -> Option<Action> {
        let id = ActionId::of(&step.id, node.as_ref());
        let texts = Texts {
            planner: self,
            node: node.clone(),
        };
        let then: BTreeMap<FactId, Value> = step
            .then
            .iter()
            .map(|(fact, value)| (fact.clone(), texts.fill_value(value)))
            .collect();
        let script = |class, body: &str, secrets: &[crate::model::ids::ParamId]| {
            self.script(class, body, secrets, node.as_ref(), &step.needs)
        };
        let work = match &step.does {
            Does::Change {
                script: body,
                secrets,
                output,
                cancel,
            } => script(Class::Change, body, secrets).map(|script| Work::Change {
                script,
                output: output.clone(),
                cancel: *cancel,
            }),
            Does::Read {
                script: body,
                output,
            } => script(Class::Read, body, &[]).map(|script| Work::Read {
                script,
                output: output.clone(),
            }),
            Does::Manual { instructions } => Ok(Work::Manual {
                instructions: texts.fill(instructions),
            }),
            Does::Attest { instructions } => Ok(Work::Attest {
                instructions: texts.fill(instructions),
            }),
            Does::Wait { until } => Ok(Work::Wait {
                until: until.clone(),
            }),
            Does::Decide { question, options } => Ok(Work::Decide {
                question: texts.fill(question),
                options: options.clone(),
            }),
        };
        let fill_then = |then: &BTreeMap<FactId, Value>| {
            then.iter()
                .map(|(fact, value)| (fact.clone(), texts.fill_value(value)))
                .collect::<BTreeMap<_, _>>()
        };
        let undo = match &step.undo {
            None => Ok(None),
            Some(Undo::Script { script: body, then }) => {
                script(Class::Change, body, &[]).map(|script| {
                    Some(PlannedUndo::Script {
                        script,
                        then: fill_then(then),
                    })
                })
            }
            Some(Undo::Manual { instructions, then }) => Ok(Some(PlannedUndo::Manual {
                instructions: texts.fill(instructions),
                then: fill_then(then),
            })),
        };
        let holds_already = |node: &NodeId| {
            self.ahead
                .node(node)
                .is_some_and(|facts| facts.matches(&then).is_yes())
        };
        let already_so = !then.is_empty() && then_on.iter().all(holds_already);
        match (work, undo) {
            (Ok(work), Ok(undo)) => Some(Action {
                id,
                node,
                work,
                then,
                then_on,
                already_so,
                undo,
            }),
            (Err(why), _) | (_, Err(why)) => {
                self.refuse(format!("{id}: {why}"));
                None
            }
        }
    }

    fn script(
        &self,
        class: Class,
        body: &str,
        secrets: &[crate::model::ids::ParamId],
        node: Option<&NodeId>,
        needs: &[String],
    ) -> Result<Script, String> {
        let secrets: Vec<String> = secrets
            .iter()
            .map(|secret| secret.as_str().to_string())
            .collect();
        let mut text = String::new();
        if !needs.is_empty() {
            let needs = needs.join(" ");
            text.push_str(&format!(
                "for need in {needs}; do\n  command -v \"$need\" >/dev/null 2>&1 || {{ echo \"missing command: $need\" >&2; exit 127; }}\ndone\n"
            ));
        }
        text.push_str(body.trim_start_matches('\n'));
        Script::assemble(class, &variables(self.ground.brief, node), &secrets, &text)
            .map_err(|why| why.to_string())
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

/// The variables above every script on a node: its parameters, then what it is.
pub fn variables(brief: &Brief, node: Option<&NodeId>) -> Vec<(String, String)> {
    let mut variables = Vec::new();
    let params = node.and_then(|node| brief.params.get(node));
    for (param, value) in params.into_iter().flatten() {
        variables.push((variable_name(param.as_str()), value.to_string()));
    }
    let known = node.and_then(|node| brief.cluster.node(node));
    variables.push(("target".into(), brief.cluster.target.clone()));
    variables.push(("cluster".into(), brief.cluster.name.clone()));
    if let Some(known) = known {
        variables.push(("node".into(), known.name.as_str().to_string()));
        variables.push(("host".into(), known.host.clone()));
    }
    variables
}

/// Fills `{name}` in texts.
struct Texts<'p, 'a> {
    planner: &'p Planner<'a>,
    node: Option<NodeId>,
}

impl Texts<'_, '_> {
    fn fill_value(&self, value: &Value) -> Value {
        match value {
            Value::Text(text) => Value::text(self.fill(text)),
            Value::Bool(_) | Value::Number(_) => value.clone(),
        }
    }

    fn fill(&self, text: &str) -> String {
        template::fill(text, |name| self.meaning(name))
    }

    fn meaning(&self, name: &str) -> Option<String> {
        let brief = self.planner.ground.brief;
        match name {
            "target" => return Some(brief.cluster.target.clone()),
            "cluster" => return Some(brief.cluster.name.clone()),
            "node" => {
                return Some(
                    self.node
                        .as_ref()
                        .map_or("each node".into(), ToString::to_string),
                );
            }
            "host" => {
                let node = self.node.as_ref().and_then(|node| brief.cluster.node(node));
                return Some(node.map_or("each host".into(), |node| node.host.clone()));
            }
            _ => {}
        }
        if let Some(lookup) = brief.procedure.lookups.get(name) {
            if let Some(found) = self.planner.found.borrow().get(name) {
                return Some(found.clone());
            }
            let ahead = &self.planner.ahead;
            let view = &self.planner.ground.view;
            let named = ahead
                .nodes()
                .filter(|facts| ahead.holds(lookup, Some(&facts.name), view).is_yes());
            let names: Vec<&str> = named.map(|facts| facts.name.as_str()).collect();
            let found = if names.is_empty() {
                format!("({name} not known)")
            } else {
                names.join(", ")
            };
            self.planner
                .found
                .borrow_mut()
                .insert(name.to_string(), found.clone());
            return Some(found);
        }
        let of_node = self
            .node
            .as_ref()
            .and_then(|node| brief.params.get(node))
            .or_else(|| brief.params.values().next());
        of_node?
            .iter()
            .find(|(param, _)| param.as_str() == name)
            .map(|(_, value)| value.to_string())
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
