//! Files that people write: what is read from good ones, what is said about bad ones.

mod complaints;

use holdpoint::catalog;
use holdpoint::model::ids::{NodeId, ParamId};
use holdpoint::model::params::resolve;
use holdpoint::model::procedure::{Does, On, Procedure, Rehearsed, Undo, Walk};
use holdpoint::model::time::Span;
use holdpoint::model::value::Value;
use holdpoint::parse::{self, Parsed};
use proptest::prelude::*;

use complaints::{bind_complaints, lint_complaints};

const PROCEDURE: &str = include_str!("../fixtures/relay.toml");
const CLUSTER: &str = include_str!("../fixtures/relay-cluster.toml");

fn good_procedure() -> Parsed<Procedure> {
    parse::procedure(PROCEDURE, "relay.toml").unwrap_or_else(|complaints| panic!("{complaints}"))
}

#[test]
fn a_good_procedure_is_read_completely() {
    let procedure = good_procedure().value;
    assert_eq!(procedure.id, "relay/rolling");
    assert_eq!(
        procedure.params[&ParamId::new("drain")].default,
        Some(Value::Number(90))
    );
    assert_eq!(procedure.roles["relay"].min, 2);
    let leader = procedure.facts["leader"].rehearse.clone();
    let (first, other) = (Value::Bool(true), Value::Bool(false));
    assert_eq!(leader, Some(Rehearsed::FirstOther { first, other }));
    assert_eq!(procedure.probes[0].every, Span::seconds(3));
    assert_eq!(procedure.probes[1].timeout, Span::seconds(10));
    assert_eq!(procedure.versions.rules[0].via, ["1.2"]);
    assert_eq!(procedure.phases[0].walk, Walk::NodeByNode);
    let drain = &procedure.phases[0].steps[0];
    assert_eq!(
        (drain.id.as_str(), drain.verb.as_str()),
        ("upgrade/drain", "stop")
    );
    assert_eq!(
        (drain.typical, drain.timeout),
        (Span::seconds(60), Span::minutes(10))
    );
    assert_eq!(drain.on, On::Each(None));
    assert!(matches!(&drain.undo, Some(Undo::Script { script, .. }) if script.ends_with("start")));
    let start = &procedure.phases[0].steps[2];
    assert_eq!(start.verb, "start", "the first word of the title");
    assert!(matches!(&start.undo, Some(Undo::Manual { then, .. }) if then.len() == 1));
    let decide = &procedure.phases[1].steps[1];
    assert_eq!(decide.on, On::Cluster);
    assert!(matches!(&decide.does, Does::Decide { options, .. } if options.len() == 2));
    assert!(procedure.branches[0].way_back);
}

#[test]
fn a_good_procedure_leaves_the_linter_nothing_to_say() {
    assert_eq!(lint_complaints(PROCEDURE), "");
}

#[test]
fn a_good_cluster_is_read_completely() {
    let cluster = parse::cluster(CLUSTER, "cluster.toml").unwrap().value;
    let window = cluster.window.unwrap();
    assert_eq!(window.end - window.start, 6 * 3_600_000);
    assert_eq!(window.start, 1_795_294_800_000, "22:00 at +01:00");
    let [r1, r2] = cluster.nodes.as_slice() else {
        panic!("{:?}", cluster.nodes)
    };
    assert_eq!((r1.ssh.port, r2.ssh.port), (None, Some(2222)));
    assert_eq!(r2.ssh.user.as_deref(), Some("relay"), "from [ssh]");
    assert_eq!(r2.ssh.connect_timeout, Some(Span::seconds(10)));
    assert_eq!(r1.ssh.r#become.as_ref().unwrap().user, "root");
    assert_eq!(bind_complaints(CLUSTER), "");
}

#[test]
fn parameters_come_from_the_node_then_the_cluster_then_the_default() {
    let cluster = parse::cluster(CLUSTER, "cluster.toml").unwrap().value;
    let resolved = resolve(&good_procedure().value, &cluster);
    let of = |node: &str, param: &str| resolved.nodes[&NodeId::new(node)].get(param).cloned();
    assert_eq!(of("r1", "home"), Some(Value::text("/opt/relay")));
    assert_eq!(of("r2", "home"), Some(Value::text("/srv/relay")));
    assert_eq!(of("r1", "drain"), Some(Value::Number(120)), "whole seconds");
    assert_eq!(
        of("r1", "admin_password"),
        None,
        "secrets are never resolved"
    );
    assert_eq!(resolved.cluster["home"], Value::text("/opt/relay"));
    let [assumption] = resolved.assumptions.as_slice() else {
        panic!()
    };
    assert_eq!(assumption.nodes, [NodeId::new("r1")], "r2 says its own");
}

#[test]
fn a_shells_complaint_points_into_the_script() {
    let procedure = good_procedure();
    let scripts = parse::scripts(&procedure);
    let named = |what: &str| {
        scripts
            .iter()
            .find(|script| script.what.contains(what))
            .unwrap()
    };
    let install = named("step upgrade/install");
    assert_eq!(
        PROCEDURE.lines().nth(install.line - 1),
        Some("read -r password")
    );
    let said = install.complain(Some(2), "syntax error").to_string();
    assert!(said.contains("| \"$package\" --install"), "{said}");
    let said = named("undo of step upgrade/drain")
        .complain(None, "syntax error")
        .to_string();
    assert!(said.contains("undo = '"), "{said}");
    assert_eq!(scripts.len(), 7);
}

#[test]
fn a_sample_cluster_parses_and_fits() {
    let procedure = good_procedure().value;
    check_sample(&procedure);
    assert!(parse::sample_cluster(&procedure).contains("# drain = \"1m30s\""));
}

#[test]
fn every_built_in_procedure_is_clean_and_has_a_sample() {
    for id in catalog::ids() {
        let text = catalog::text(id).unwrap();
        let procedure = parse::procedure(text, id).unwrap_or_else(|said| panic!("{said}"));
        let said = parse::lint(&procedure);
        let errors: Vec<String> = said
            .iter()
            .filter(|c| c.is_error())
            .map(ToString::to_string)
            .collect();
        assert!(errors.is_empty(), "{}", errors.join("\n\n"));
        assert_eq!(procedure.value.id, id);
        check_sample(&procedure.value);
    }
    assert_eq!(catalog::text("no/such"), None);
    assert_eq!(catalog::text("mod"), None);
}

fn check_sample(procedure: &Procedure) {
    let text = parse::sample_cluster(procedure);
    let cluster = parse::cluster(&text, "sample.toml").unwrap_or_else(|said| panic!("{said}"));
    parse::bind(procedure, &cluster).unwrap_or_else(|said| panic!("{said}"));
    // Every commented value can be taken over as it is.
    let taken = text.replace("# [window]", "[window]");
    let value = |line: &str| {
        let words: Vec<&str> = line.split(' ').take(3).collect();
        matches!(words[..], ["#", _, "="])
    };
    let taken: Vec<&str> = taken
        .lines()
        .map(|line| {
            if value(line) {
                line.trim_start_matches("# ")
            } else {
                line
            }
        })
        .collect();
    let cluster =
        parse::cluster(&taken.join("\n"), "sample.toml").unwrap_or_else(|said| panic!("{said}"));
    parse::bind(procedure, &cluster).unwrap_or_else(|said| panic!("{said}"));
}

/// Overwrites, inserts and removes bytes, and keeps what is text.
fn mutated(good: &str, changes: &[(usize, u8, u8)]) -> String {
    let mut bytes = good.as_bytes().to_vec();
    for (at, kind, byte) in changes {
        let at = at % bytes.len();
        match kind % 3 {
            0 => bytes[at] = *byte,
            1 => bytes.insert(at, *byte),
            _ => {
                bytes.remove(at);
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn changes() -> impl Strategy<Value = Vec<(usize, u8, u8)>> {
    let byte = prop_oneof![
        any::<u8>(),
        prop::sample::select(b"\"'[]{}=.,()\\\n {}".to_vec())
    ];
    prop::collection::vec((0..100_000_usize, any::<u8>(), byte), 1..8)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_procedure_makes_the_reader_panic(changes in changes()) {
        match parse::procedure(&mutated(PROCEDURE, &changes), "relay.toml") {
            Ok(procedure) => {
                let said = parse::lint(&procedure);
                said.iter().for_each(|complaint| drop(complaint.to_string()));
                parse::scripts(&procedure).iter().for_each(|script| {
                    script.complain(Some(2), "x").to_string();
                });
                parse::sample_cluster(&procedure.value);
            }
            Err(said) => prop_assert!(!said.to_string().is_empty()),
        }
    }

    #[test]
    fn no_cluster_file_makes_the_reader_panic(changes in changes()) {
        match parse::cluster(&mutated(CLUSTER, &changes), "cluster.toml") {
            Ok(cluster) => {
                let bound = parse::bind(&good_procedure().value, &cluster);
                bound.err().iter().for_each(|said| drop(said.to_string()));
                resolve(&good_procedure().value, &cluster.value);
            }
            Err(said) => prop_assert!(!said.to_string().is_empty()),
        }
    }
}
