//! The readiness checks: a healthy cluster passes them all, a broken one fails exactly the check that is about it.

use std::collections::BTreeMap;
use std::fs;

use holdpoint::model::condition::{Condition, Members, Truth, View};
use holdpoint::model::value::Value;
use toml::Table;

use super::{Bench, Facts, lines};
use crate::support::procedure_file::{ProcedureFile, text};

fn members(facts: &BTreeMap<String, Value>) -> Members {
    let roles = [("roles", vec!["server".to_string()])];
    Members::new(
        facts.iter().map(|(name, value)| (name.as_str(), value)),
        roles,
    )
}

fn guessed(facts: &Facts) -> BTreeMap<String, Value> {
    facts
        .iter()
        .map(|(name, value)| (name.clone(), Value::guess(value)))
        .collect()
}

impl Bench {
    /// What a check with a script comes to on each node.
    fn check(&self, id: &str) -> Vec<Truth> {
        let body = self.file.body("check", id);
        let runs = 0..self.cluster.nodes.len();
        let printed: Vec<_> = runs
            .map(|index| members(&guessed(&lines(&self.run(index, &body).stdout))))
            .collect();
        let check = find(&self.file, id);
        let passes = Condition::parse(text(check, "passes")).expect(id);
        let mut params = self.file.defaults();
        params.extend(self.params.clone());
        let params = guessed(&params);
        let hold = |output: &Members| {
            passes.evaluate(&View {
                check: Some(output.clone()),
                checks: &printed,
                params: Some(&params),
                ..View::default()
            })
        };
        printed.iter().map(hold).collect()
    }

    fn fails(&self, id: &str) {
        let came = self.check(id);
        assert!(came.iter().any(Truth::is_no), "{id} should fail: {came:?}");
    }
}

fn find<'a>(file: &'a ProcedureFile, id: &str) -> &'a Table {
    let found = file
        .list("check")
        .into_iter()
        .find(|check| text(check, "id") == id);
    found.unwrap_or_else(|| panic!("no check {id}"))
}

/// What this machine cannot promise to a test: its memory and disk, and one path for three nodes.
const OF_THE_MACHINE: [&str; 4] = ["path-alike", "disk-product", "owner-home", "umask"];

#[test]
fn a_healthy_cluster_passes() {
    let mut bench = Bench::running(3);
    bench.set("required_free_gb", "0");
    bench.set("required_ram_gb", "0");
    for check in bench.file.list("check") {
        let id = text(check, "id");
        if check.contains_key("script") && !OF_THE_MACHINE.contains(&id) {
            for truth in bench.check(id) {
                assert!(truth.is_yes(), "{id}: {truth:?}");
            }
        }
    }
}

#[test]
fn each_fault_fails_its_own_check() {
    let mut bench = Bench::running(2);
    let home = bench.node(1).home();
    let axway = bench.node(1).axway_home();

    fs::write(home.join("bin/taeh"), "another secret\n").expect("written");
    bench.fails("secret-file-alike");
    fs::write(axway.join("Installer/xercesImpl-2.6.2.jar"), "").expect("written");
    bench.fails("chained-upgrade-jar");
    fs::create_dir(home.join("var/db/hist/2024")).expect("made");
    bench.fails("db-history");
    fs::write(home.join("bin/start_tm"), "#!/bin/sh\n# more memory\n").expect("written");
    bench.fails("start-scripts");
    fs::write(
        home.join("conf/STStartScriptsConfig"),
        "TM_JAVA_MEM_MAX=4G\n",
    )
    .expect("written");
    assert!(bench.check("start-scripts").iter().all(Truth::is_yes));
    let xml = home.join("tomcat/admin/conf/server.xml");
    let text = fs::read_to_string(&xml).expect("readable");
    fs::write(&xml, text.replace("\"8009\"", "\"809\"")).expect("written");
    bench.fails("jk2-port");
    bench.set("required_free_gb", "900000000");
    bench.fails("disk");
    bench.set("required_ram_gb", "900000000");
    bench.fails("memory");

    let inside = axway.join("UpgradeStep2.jar");
    fs::write(&inside, "SecureTransport\nV5.5\n").expect("written");
    let outside = bench.params["upgrade_step2"].clone();
    bench.set("upgrade_step2", &inside.display().to_string());
    bench.fails("packs-readable");
    bench.set("upgrade_step2", "/nowhere/UpgradeStep2.jar");
    bench.fails("packs-readable");
    bench.set("upgrade_step2", &outside);

    let servers = home.join("lib/admin/config/servers");
    fs::write(&servers, "st2\thttps://st2:444\nst1\thttps://st1:444\n").expect("written");
    bench.fails("servers-alike");
    bench.fails("primary-listed-first");
    fs::write(&servers, "localhost\thttps://localhost:444\n").expect("written");
    bench.fails("member-name");
    bench.set("member_name", "localhost");
    bench.fails("member-name");
}

#[test]
fn what_a_rehearsal_starts_with_passes_every_check_and_speaks_the_vocabulary() {
    let file = ProcedureFile::built_in("securetransport/standard-cluster");
    let facts = file.table["facts"].as_table().expect("facts");
    let mut nodes = [BTreeMap::new(), BTreeMap::new(), BTreeMap::new()];
    for (name, fact) in facts {
        let start = fact
            .get("rehearse")
            .unwrap_or_else(|| panic!("{name} cannot be rehearsed"));
        for (index, node) in nodes.iter_mut().enumerate() {
            let key = if index == 0 { "first" } else { "other" };
            let value = plain(start.get(key).unwrap_or(start));
            if let Some(values) = fact.get("values").and_then(toml::Value::as_array) {
                let known = values.iter().any(|known| plain(known) == value);
                assert!(
                    known,
                    "{name} starts with {value:?}, which is none of its values"
                );
            }
            node.insert(name.clone(), value);
        }
    }
    let nodes = nodes.map(|facts| members(&facts));
    let defaults = guessed(&file.defaults());
    for check in file
        .list("check")
        .into_iter()
        .filter(|check| check.contains_key("passes"))
    {
        let output = check
            .get("rehearse")
            .and_then(toml::Value::as_table)
            .map(|output| {
                let values = output
                    .iter()
                    .map(|(name, value)| (name.clone(), plain(value)));
                members(&values.collect())
            });
        assert_eq!(
            check.contains_key("script"),
            output.is_some(),
            "{}",
            text(check, "id")
        );
        let outputs: Vec<Members> = output.iter().cloned().collect();
        let passes = Condition::parse(text(check, "passes")).expect("a condition");
        for node in &nodes {
            let truth = passes.evaluate(&View {
                node: Some(node.clone()),
                nodes: &nodes,
                params: Some(&defaults),
                target: Some("5.5-20240627"),
                check: output.clone(),
                checks: &outputs,
                ..View::default()
            });
            assert!(truth.is_yes(), "{}: {truth:?}", text(check, "id"));
        }
    }
    for invariant in file.list("invariant") {
        let holds = Condition::parse(text(invariant, "holds")).expect("a condition");
        let truth = holds.evaluate(&View {
            nodes: &nodes,
            target: Some("5.5-20240627"),
            ..View::default()
        });
        assert!(truth.is_yes(), "{}: {truth:?}", text(invariant, "id"));
    }
}

fn plain(value: &toml::Value) -> Value {
    match value {
        toml::Value::Boolean(value) => Value::Bool(*value),
        toml::Value::Integer(value) => Value::Number(*value),
        other => Value::text(other.as_str().expect("a text")),
    }
}
