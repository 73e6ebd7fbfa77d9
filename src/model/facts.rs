//! What probes reported about the nodes, arranged so that conditions over many alike nodes stay cheap.

use std::collections::{BTreeMap, BTreeSet};

use super::cluster::Cluster;
use super::condition::{Condition, Members, Truth, View};
use super::ids::{FactId, NodeId, RoleId};
use super::time::Stamp;
use super::value::Value;

/// One observed thing, and since when it has been so. How long ago it was last looked at is not kept here but in
/// the run state's sight of the nodes: "seen again, unchanged" is no event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fact {
    pub value: Value,
    pub since: Stamp,
}

/// What is known about one node. A fact that is absent is unknown; on a dark node all of them are.
#[derive(Clone, Debug)]
pub struct NodeFacts {
    pub name: NodeId,
    host: String,
    roles: BTreeSet<RoleId>,
    known: BTreeMap<FactId, Fact>,
    dark: Option<String>,
    members: Members,
}

/// What is known about all nodes.
///
/// Nodes that look alike (same roles, same facts) form one class. `all` and `exists` cannot tell one node from two alike
/// ones, so conditions are held against classes; a cluster of a thousand nodes rarely has more than a handful.
#[derive(Clone, Debug)]
pub struct ClusterFacts {
    nodes: BTreeMap<NodeId, NodeFacts>,
    classes: BTreeMap<ClassKey, Class>,
    kinds: u64,
}

type ClassKey = (Vec<RoleId>, Vec<(FactId, Value)>);

#[derive(Clone, Debug)]
struct Class {
    count: usize,
    members: Members,
}

impl ClusterFacts {
    /// Every node of the cluster, with nothing known yet.
    pub fn new(cluster: &Cluster) -> ClusterFacts {
        let mut facts = ClusterFacts {
            nodes: BTreeMap::new(),
            classes: BTreeMap::new(),
            kinds: 0,
        };
        for node in &cluster.nodes {
            let mut known = NodeFacts {
                name: node.name.clone(),
                host: node.host.clone(),
                roles: node.roles.clone(),
                known: BTreeMap::new(),
                dark: Some("not looked at yet".into()),
                members: Members::new([], []),
            };
            known.refresh();
            facts.enter(&known);
            facts.nodes.insert(node.name.clone(), known);
        }
        facts
    }

    /// Changes whenever the kinds of nodes that there are change, and not when a node merely goes over from one kind to
    /// another that exists already: what `all` and `exists` said before, they still say.
    pub fn kinds(&self) -> u64 {
        self.kinds
    }

    /// What is known about one node.
    pub fn node(&self, node: &NodeId) -> Option<&NodeFacts> {
        self.nodes.get(node)
    }

    /// All nodes, by name.
    pub fn nodes(&self) -> impl Iterator<Item = &NodeFacts> {
        self.nodes.values()
    }

    /// Takes in what a probe reported: a value, or `None` for what is no longer known.
    pub fn set(&mut self, node: &NodeId, changes: &BTreeMap<FactId, Option<Value>>, at: Stamp) {
        self.change(node, |facts| {
            for (fact, value) in changes {
                match value {
                    Some(value) => {
                        facts.known.insert(
                            fact.clone(),
                            Fact {
                                value: value.clone(),
                                since: at,
                            },
                        );
                    }
                    None => {
                        facts.known.remove(fact);
                    }
                }
            }
        });
    }

    /// Marks a node as out of sight, with the reason, or back in sight.
    pub fn set_dark(&mut self, node: &NodeId, why: Option<String>) {
        self.change(node, |facts| facts.dark = why);
    }

    /// Holds a condition against what is known; `node` is what the condition's `node` means.
    pub fn holds(&self, condition: &Condition, node: Option<&NodeId>, base: &View<'_>) -> Truth {
        self.holds_if(condition, node, base, &[])
    }

    /// The same, supposing that `changes` were observed. The interlocks and the audit ask this before anything is sent.
    pub fn holds_if(
        &self,
        condition: &Condition,
        node: Option<&NodeId>,
        base: &View<'_>,
        changes: &[(NodeId, &BTreeMap<FactId, Value>)],
    ) -> Truth {
        let nodes = if condition.uses().roots.contains("nodes") {
            self.ranged(condition, changes)
        } else {
            Vec::new()
        };
        let node = node.and_then(|name| {
            let facts = self.nodes.get(name)?;
            let mine: Vec<_> = changes
                .iter()
                .filter(|(changed, _)| changed == name)
                .collect();
            if mine.is_empty() {
                return Some(facts.members.clone());
            }
            Some(
                mine.iter()
                    .fold(facts.clone(), |facts, (_, then)| facts.supposing(then))
                    .members,
            )
        });
        condition.evaluate(&View {
            node,
            nodes: &nodes,
            ..base.clone()
        })
    }

    /// What `nodes` ranges over: one of each class, or every node where the condition tells alike nodes apart.
    fn ranged(
        &self,
        condition: &Condition,
        changes: &[(NodeId, &BTreeMap<FactId, Value>)],
    ) -> Vec<Members> {
        let apart = !condition.sees_kinds_only();
        if apart {
            let mut all: BTreeMap<&NodeId, NodeFacts> = BTreeMap::new();
            for (name, then) in changes {
                if let Some(facts) = self.nodes.get(name) {
                    let before = all.remove(name).unwrap_or_else(|| facts.clone());
                    all.insert(name, before.supposing(then));
                }
            }
            let members = |(name, facts): (&NodeId, &NodeFacts)| {
                all.get(name).unwrap_or(facts).members.clone()
            };
            return self.nodes.iter().map(members).collect();
        }
        if changes.is_empty() {
            return self
                .classes
                .values()
                .map(|class| class.members.clone())
                .collect();
        }
        let mut left: BTreeMap<ClassKey, usize> = BTreeMap::new();
        let mut changed: BTreeMap<&NodeId, NodeFacts> = BTreeMap::new();
        for (name, then) in changes {
            let Some(facts) = self.nodes.get(name) else {
                continue;
            };
            let before = match changed.remove(name) {
                Some(before) => before,
                None => {
                    *left.entry(facts.class()).or_default() += 1;
                    facts.clone()
                }
            };
            changed.insert(name, before.supposing(then));
        }
        let stays = self
            .classes
            .iter()
            .filter(|(key, class)| left.get(*key).is_none_or(|gone| *gone < class.count));
        let stays = stays.map(|(_, class)| class.members.clone());
        let comes: BTreeMap<ClassKey, Members> = changed
            .into_values()
            .map(|facts| (facts.class(), facts.members))
            .collect();
        stays.chain(comes.into_values()).collect()
    }

    fn change(&mut self, node: &NodeId, edit: impl FnOnce(&mut NodeFacts)) {
        let Some(mut facts) = self.nodes.remove(node) else {
            return;
        };
        self.leave(&facts.class());
        edit(&mut facts);
        facts.refresh();
        self.enter(&facts);
        self.nodes.insert(node.clone(), facts);
    }

    fn enter(&mut self, facts: &NodeFacts) {
        let class = || Class {
            count: 0,
            members: facts.members.clone(),
        };
        let class = self.classes.entry(facts.class()).or_insert_with(class);
        class.count += 1;
        self.kinds += u64::from(class.count == 1);
    }

    fn leave(&mut self, key: &ClassKey) {
        if let Some(class) = self.classes.get_mut(key) {
            class.count -= 1;
            if class.count == 0 {
                self.classes.remove(key);
                self.kinds += 1;
            }
        }
    }
}

impl NodeFacts {
    /// The value of a fact, if it is known and the node is in sight.
    pub fn get(&self, fact: &FactId) -> Option<&Value> {
        self.dark
            .is_none()
            .then(|| self.last(fact))
            .flatten()
            .map(|fact| &fact.value)
    }

    /// The value that was observed last, even if the node is out of sight since. For showing, never for relying on.
    pub fn last(&self, fact: &FactId) -> Option<&Fact> {
        self.known.get(fact)
    }

    /// Why the node is out of sight, if it is.
    pub fn dark(&self) -> Option<&str> {
        self.dark.as_deref()
    }

    /// Whether every value in `then` is observed: yes, no, or the facts that are not known.
    pub fn matches(&self, then: &BTreeMap<FactId, Value>) -> Truth {
        let mut unknown = Vec::new();
        for (fact, wanted) in then {
            match self.get(fact) {
                Some(value) if value == wanted => {}
                Some(_) => return Truth::No,
                None => unknown.push(fact.as_str()),
            }
        }
        match (&self.dark, unknown.is_empty()) {
            (_, true) => Truth::Yes,
            (Some(why), false) => Truth::Unknown(format!("{} is out of sight: {why}", self.name)),
            (None, false) => Truth::Unknown(format!(
                "{} of {} is not known",
                unknown.join(", "),
                self.name
            )),
        }
    }

    /// All values last observed.
    pub fn known(&self) -> &BTreeMap<FactId, Fact> {
        &self.known
    }

    fn supposing(mut self, then: &BTreeMap<FactId, Value>) -> NodeFacts {
        for (fact, value) in then {
            self.known.insert(
                fact.clone(),
                Fact {
                    value: value.clone(),
                    since: Stamp::default(),
                },
            );
        }
        self.refresh();
        self
    }

    fn visible(&self) -> impl Iterator<Item = (&FactId, &Value)> {
        let lit = self.dark.is_none();
        self.known
            .iter()
            .filter(move |_| lit)
            .map(|(id, fact)| (id, &fact.value))
    }

    fn class(&self) -> ClassKey {
        (
            self.roles.iter().cloned().collect(),
            self.visible()
                .map(|(id, value)| (id.clone(), value.clone()))
                .collect(),
        )
    }

    fn refresh(&mut self) {
        let (name, host) = (Value::text(self.name.as_str()), Value::text(&self.host));
        let visible = self.visible().map(|(id, value)| (id.as_str(), value));
        let own = [("name", &name), ("host", &host)];
        let roles = self
            .roles
            .iter()
            .map(|role| role.as_str().to_string())
            .collect();
        self.members = Members::new(visible.chain(own), [("roles", roles)]);
    }
}
