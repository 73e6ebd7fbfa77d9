//! Conditions: CEL, parsed once when a file is loaded, three-valued when evaluated.
//!
//! CEL's `&&`, `||`, `all` and `exists` absorb errors. An absent fact is an absent key, which evaluates to an error, and
//! an error that nothing absorbed means *unknown*: exactly the three-valued logic that rule 3 asks for.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;
use std::sync::{Arc, LazyLock};

use cel::{Context, Env, Program};

use crate::model::value::Value;

mod reader;

use reader::Reader;

/// The names that a condition may speak of.
pub const NAMES: &[&str] = &[
    "node", "nodes", "params", "target", "window", "debts", "choices", "check", "checks",
];

/// The functions that a condition may call, besides the macros `all`, `exists`, `exists_one`, `filter`, `map` and `has`.
pub const FUNCTIONS: &[&str] = &[
    "size",
    "contains",
    "startsWith",
    "endsWith",
    "string",
    "int",
    "double",
    "version",
];

/// What a condition came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Truth {
    Yes,
    No,
    /// Neither could be shown; holds why. Unknown never opens a gate and never satisfies a check.
    Unknown(String),
}

impl Truth {
    /// Whether it is certainly so. This is the only way to rely on a condition.
    pub fn is_yes(&self) -> bool {
        matches!(self, Truth::Yes)
    }

    /// Whether it is certainly not so.
    pub fn is_no(&self) -> bool {
        matches!(self, Truth::No)
    }
}

/// One condition, with the text that it was written as.
#[derive(Clone)]
pub struct Condition {
    source: Arc<str>,
    program: Arc<Program>,
    uses: Arc<Uses>,
}

/// What a condition speaks of: the linter checks it, the evaluator saves work by it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Uses {
    /// Root names, such as `node` and `target`.
    pub roots: BTreeSet<String>,
    /// Members of `node` and of the variables that range over `nodes`, with where they stand (character offset).
    pub members: BTreeMap<String, usize>,
    /// Members compared with a text: (member, text, offset of the text).
    pub compared: Vec<(String, String, usize)>,
    /// Fields of the other roots, such as `params.axway_home`: (root, field), with where they stand.
    pub fields: BTreeMap<(String, String), usize>,
    /// Names of called functions, without operators.
    pub calls: BTreeSet<String>,
    /// Whether it counts nodes or picks single ones, so that two alike nodes are not the same as one.
    pub counts: bool,
}

/// Why a text is not a condition: what is wrong and where (character offsets into the text).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ConditionError {
    pub message: String,
    pub start: usize,
    pub end: usize,
}

/// What a condition is held against.
#[derive(Clone, Debug, Default)]
pub struct View<'a> {
    /// The node that `node` means, where there is one.
    pub node: Option<Members>,
    /// What `nodes` ranges over. Alike members may be given once, unless the condition counts ([`Uses::counts`]).
    pub nodes: &'a [Members],
    pub params: Option<&'a BTreeMap<String, Value>>,
    pub target: Option<&'a str>,
    pub debts: &'a [String],
    pub choices: Option<&'a BTreeMap<String, String>>,
    /// Outputs of this node's run of a check.
    pub check: Option<Members>,
    /// Outputs of every node's run of that check.
    pub checks: &'a [Members],
    /// `minutes_left` and `minutes_to_turn_back`, where the cluster file has a window.
    pub window: Option<&'a BTreeMap<String, Value>>,
}

/// Named values as CEL sees them. Cheap to clone. An absent name is unknown.
#[derive(Clone, Debug, PartialEq)]
pub struct Members(cel::Value);

impl Members {
    /// From names and values, and from names and lists of texts.
    pub fn new<'a>(
        values: impl IntoIterator<Item = (&'a str, &'a Value)>,
        lists: impl IntoIterator<Item = (&'a str, Vec<String>)>,
    ) -> Members {
        let mut map: HashMap<cel::objects::Key, cel::Value> = values
            .into_iter()
            .map(|(name, value)| (name.into(), to_cel(value)))
            .collect();
        for (name, list) in lists {
            let list = list.into_iter().map(cel::Value::from).collect::<Vec<_>>();
            map.insert(name.into(), cel::Value::List(Arc::new(list)));
        }
        Members(cel::Value::Map(cel::objects::Map { map: Arc::new(map) }))
    }
}

impl Condition {
    /// Parses a condition and notes what it speaks of.
    pub fn parse(source: &str) -> Result<Condition, ConditionError> {
        let program = Program::compile(source).map_err(|errors| parse_error(source, &errors))?;
        let mut uses = Uses::default();
        let mut reader = Reader {
            program: &program,
            uses: &mut uses,
            ranging: Vec::new(),
        };
        reader.read(program.expression());
        if let Some(unknown) = uses
            .roots
            .iter()
            .find(|root| !NAMES.contains(&root.as_str()))
        {
            let start = source.find(unknown.as_str()).unwrap_or(0);
            return Err(ConditionError {
                message: format!(
                    "`{unknown}` means nothing here; a condition may speak of {}",
                    NAMES.join(", ")
                ),
                start,
                end: start + unknown.len(),
            });
        }
        Ok(Condition {
            source: source.into(),
            program: Arc::new(program),
            uses: Arc::new(uses),
        })
    }

    /// The text as it was written.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// What it speaks of.
    pub fn uses(&self) -> &Uses {
        &self.uses
    }

    /// Whether alike nodes are the same to it, so that it can be held against kinds of nodes.
    pub fn sees_kinds_only(&self) -> bool {
        let apart = self.uses.counts
            || self.uses.members.contains_key("name")
            || self.uses.members.contains_key("host");
        !apart
    }

    /// Whether it speaks of `node`, so that it means something for each node apart.
    pub fn is_per_node(&self) -> bool {
        self.uses.roots.contains("node") || self.uses.roots.contains("check")
    }

    /// Holds it against a view.
    pub fn evaluate(&self, view: &View<'_>) -> Truth {
        static ENV: LazyLock<Arc<Env>> = LazyLock::new(|| Arc::new(Env::stdlib()));
        let mut context = Context::with_env(Arc::clone(&ENV));
        for root in &self.uses.roots {
            if let Some(value) = root_value(root, view) {
                context.add_variable_from_value(root.clone(), value);
            }
        }
        if self.uses.calls.contains("version") {
            // `version(a) < version(b)`: versions as texts that sort as they do.
            let added = context.add_function("version", |version: Arc<String>| {
                crate::model::version::sortable(&version)
            });
            if let Err(why) = added {
                return Truth::Unknown(format!("versions cannot be compared: {why:?}"));
            }
        }
        match self.program.execute(&context) {
            Ok(cel::Value::Bool(true)) => Truth::Yes,
            Ok(cel::Value::Bool(false)) => Truth::No,
            Ok(other) => Truth::Unknown(format!(
                "the condition gives {other:?} instead of yes or no"
            )),
            Err(why) => Truth::Unknown(plain_reason(&why)),
        }
    }
}

impl fmt::Debug for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Condition({:?})", self.source)
    }
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.source)
    }
}

impl serde::Serialize for Condition {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.source)
    }
}

impl<'de> serde::Deserialize<'de> for Condition {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Condition, D::Error> {
        let source = String::deserialize(deserializer)?;
        Condition::parse(&source).map_err(serde::de::Error::custom)
    }
}

impl PartialEq for Condition {
    fn eq(&self, other: &Condition) -> bool {
        self.source == other.source
    }
}

fn to_cel(value: &Value) -> cel::Value {
    match value {
        Value::Bool(value) => cel::Value::Bool(*value),
        Value::Number(value) => cel::Value::Int(*value),
        Value::Text(value) => cel::Value::from(value.as_str()),
    }
}

fn root_value(root: &str, view: &View<'_>) -> Option<cel::Value> {
    let list = |members: &[Members]| {
        cel::Value::List(Arc::new(members.iter().map(|m| m.0.clone()).collect()))
    };
    let map = |values: &BTreeMap<String, Value>| {
        Members::new(values.iter().map(|(k, v)| (k.as_str(), v)), []).0
    };
    match root {
        "node" => view.node.as_ref().map(|members| members.0.clone()),
        "nodes" => Some(list(view.nodes)),
        "check" => view.check.as_ref().map(|members| members.0.clone()),
        "checks" => Some(list(view.checks)),
        "target" => view.target.map(cel::Value::from),
        "params" => view.params.map(map),
        "window" => view.window.map(map),
        "debts" => Some(cel::Value::List(Arc::new(
            view.debts.iter().map(|d| d.as_str().into()).collect(),
        ))),
        "choices" => view.choices.map(|choices| {
            let texts: BTreeMap<String, Value> = choices
                .iter()
                .map(|(k, v)| (k.clone(), Value::text(v)))
                .collect();
            map(&texts)
        }),
        _ => None,
    }
}

fn plain_reason(why: &cel::ExecutionError) -> String {
    match why {
        cel::ExecutionError::NoSuchKey(name) => format!("`{name}` is not known"),
        cel::ExecutionError::UndeclaredReference(name) => format!("`{name}` is not known"),
        other => other.to_string(),
    }
}

fn parse_error(source: &str, errors: &cel::ParseErrors) -> ConditionError {
    let Some(first) = errors.errors.first() else {
        return ConditionError {
            message: "not a condition".into(),
            start: 0,
            end: source.len(),
        };
    };
    let (line, column) = (first.pos.0.max(1) as usize, first.pos.1.max(1) as usize);
    let before: usize = source
        .split_inclusive('\n')
        .take(line - 1)
        .map(str::len)
        .sum();
    let start = (before + column - 1).min(source.len());
    ConditionError {
        message: format!("not a condition: {}", first.msg),
        start,
        end: (start + 1).min(source.len()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(facts: &[(&str, &str)]) -> Members {
        let values: Vec<_> = facts
            .iter()
            .map(|(name, value)| (*name, Value::text(*value)))
            .collect();
        Members::new(values.iter().map(|(name, value)| (*name, value)), [])
    }

    fn check(source: &str, nodes: &[Members], expected: &str) {
        let condition = Condition::parse(source).expect(source);
        let truth = condition.evaluate(&View {
            nodes,
            target: Some("2"),
            ..View::default()
        });
        let word = match &truth {
            Truth::Yes => "yes",
            Truth::No => "no",
            Truth::Unknown(_) => "unknown",
        };
        assert_eq!(word, expected, "{source}: {truth:?}");
    }

    #[test]
    fn an_absent_fact_is_unknown_unless_it_cannot_matter() {
        let nodes = [
            node(&[("service", "stopped"), ("version", "1")]),
            node(&[("version", "2")]),
        ];
        check("nodes.all(n, n.service == 'stopped')", &nodes, "unknown");
        check("nodes.all(n, n.version == '3')", &nodes, "no");
        check("nodes.exists(n, n.service == 'stopped')", &nodes, "yes");
        check("nodes.exists(n, n.service == 'running')", &nodes, "unknown");
        check(
            "nodes.exists(n, n.service == 'running' && n.version == '9')",
            &nodes,
            "no",
        );
        check(
            "!nodes.exists(a, a.service == 'running' && nodes.exists(b, b.version != a.version))",
            &nodes,
            "unknown",
        );
        check("nodes.exists(n, n.version == target)", &nodes, "yes");
    }

    #[test]
    fn what_it_speaks_of_is_noted() {
        let uses = |source: &str| Condition::parse(source).expect(source).uses().clone();
        let a = uses(
            "!nodes.exists(a, a.service == 'running' && nodes.exists(b, b.version != a.version))",
        );
        assert_eq!(a.members.keys().collect::<Vec<_>>(), ["service", "version"]);
        assert_eq!(a.compared, [("service".into(), "running".into(), 30)]);
        assert!(!a.counts);
        assert!(uses("nodes.filter(n, n.service == 'x').size() > 1").counts);
        assert!(uses("nodes.exists_one(n, n.primary)").counts);
        assert!(uses("size(nodes) > 1").counts);
        let c =
            uses("checks.all(c, c.taeh == check.taeh) && node.service in ['stopped', 'running']");
        assert_eq!(c.members.keys().collect::<Vec<_>>(), ["service"]);
        assert_eq!(c.compared.len(), 2);
        assert!(c.fields.contains_key(&("check".into(), "taeh".into())));
        let d = uses("size(nodes) > 1 && node.version.startsWith(params.series)");
        assert!(d.fields.contains_key(&("params".into(), "series".into())));
        assert_eq!(d.calls.iter().collect::<Vec<_>>(), ["size", "startsWith"]);
    }

    #[test]
    fn a_wrong_text_is_refused_with_its_place() {
        let error = Condition::parse("nodes.all(n, n.service == )").unwrap_err();
        assert!(error.start >= 20, "{error:?}");
        let error = Condition::parse("nods.all(n, n.service == 'x')").unwrap_err();
        assert!(
            error.message.contains("`nods` means nothing here"),
            "{error}"
        );
    }

    #[test]
    fn versions_are_compared_by_their_numbers_and_an_absent_one_is_unknown() {
        let nodes = [
            node(&[("version", "6.1.1.4")]),
            node(&[("version", "7.0.10")]),
        ];
        check(
            "nodes.exists(n, version(n.version) < version('6.1.1.5'))",
            &nodes,
            "yes",
        );
        check(
            "nodes.all(n, version(n.version) > version('6.1.1.3'))",
            &nodes,
            "yes",
        );
        check(
            "nodes.all(n, version(n.version) >= version('7.0.9'))",
            &nodes,
            "no",
        );
        let nodes = [node(&[])];
        check(
            "nodes.exists(n, version(n.version) < version('6.1.1.5'))",
            &nodes,
            "unknown",
        );
    }
}
