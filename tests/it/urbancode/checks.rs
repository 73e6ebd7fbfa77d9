//! The readiness checks: a healthy cluster passes them all, a broken one fails exactly the check that is about it.

use std::collections::BTreeMap;
use std::fs;

use holdpoint::model::condition::{Condition, Members, Truth, View};
use holdpoint::model::value::Value;

use super::{Bench, Facts, lines};
use crate::support::procedure_file::text;
use crate::support::urbancode::{Servers, TARGET};

/// What this machine cannot promise to a test, or what needs more than a check's own output.
const OF_THE_MACHINE: [&str; 1] = ["open-files"];

fn guessed(facts: &Facts) -> BTreeMap<String, Value> {
    let guess = |(name, value): (&String, &String)| (name.clone(), Value::guess(value));
    facts.iter().map(guess).collect()
}

fn members(facts: &BTreeMap<String, Value>) -> Members {
    Members::new(facts.iter().map(|(name, value)| (name.as_str(), value)), [])
}

impl Bench {
    /// What a check with a script comes to on each server.
    fn check(&self, id: &str) -> Vec<Truth> {
        let body = self.file.body("check", id);
        let printed: Vec<_> = (0..self.servers.nodes.len())
            .map(|index| members(&guessed(&lines(&self.run(index, &body, "").stdout))))
            .collect();
        let checks = self.file.list("check");
        let check = checks.iter().find(|check| text(check, "id") == id);
        let passes = Condition::parse(text(check.expect(id), "passes")).expect(id);
        let mut params = self.file.defaults();
        params.extend(self.params.clone());
        let params = guessed(&params);
        let hold = |output: &Members| {
            passes.evaluate(&View {
                check: Some(output.clone()),
                checks: &printed,
                params: Some(&params),
                target: Some(TARGET),
                ..View::default()
            })
        };
        printed.iter().map(hold).collect()
    }

    fn passes(&self, id: &str) {
        let came = self.check(id);
        assert!(came.iter().all(Truth::is_yes), "{id} should pass: {came:?}");
    }

    fn fails(&self, id: &str) {
        let came = self.check(id);
        assert!(came.iter().any(Truth::is_no), "{id} should fail: {came:?}");
    }
}

#[test]
fn a_healthy_cluster_passes() {
    let Some(bench) = Bench::running(2) else {
        return;
    };
    let checks = bench.file.list("check");
    let ids = checks
        .iter()
        .filter(|check| check.contains_key("script"))
        .map(|check| text(check, "id"));
    for id in ids.filter(|id| !OF_THE_MACHINE.contains(id)) {
        bench.passes(id);
    }
}

#[test]
fn each_fault_fails_its_own_check() {
    let Some(servers) = Servers::new(2) else {
        return;
    };
    let mut bench = Bench::new(servers, &["dash"]);
    let home = bench.node(1).home();

    // Package: archives alike, then one extracted and one not, then different ones.
    bench.passes("package-there");
    bench.passes("packages-alike");
    bench.node(0).extract();
    bench.fails("packages-alike");
    bench.node(1).extract();
    fs::write(
        bench.node(1).package().join("install.properties"),
        "own=answers\n",
    )
    .expect("written");
    bench.passes("packages-alike");
    fs::write(bench.node(1).package().join("version.txt"), "7.0.4.0.1\n").expect("written");
    bench.fails("packages-alike");
    let inside = home.join("package").display().to_string();
    bench.set("package_dir", &inside);
    bench.fails("package-there");
    bench.params.remove("package_dir");

    // One cluster.
    bench.node(1).set_property(
        "hibernate.connection.url",
        "jdbc\\:mysql\\://elsewhere\\:3306/ucd",
    );
    bench.fails("one-cluster");
    bench
        .node(1)
        .set_property("hibernate.connection.url", "jdbc\\:derby\\:database");
    bench.fails("one-cluster");
    bench
        .node(1)
        .set_property("server.appdata.dir", "/somewhere/else");
    bench.fails("one-cluster");
    bench
        .node(1)
        .set_property("com.urbancode.ds.UDeployServer.multiserver", "false");
    bench.fails("multiserver");

    // Agents.
    bench.passes("agent-address");
    bench
        .node(1)
        .set_property("agentcomm.uri", "wss\\://first.example.net\\:7919");
    bench.fails("agent-address");
    bench.node(1).set_property("agentcomm.uri", "");
    bench.passes("agent-address");
    bench.set("installer", "silent");
    bench.fails("agent-address");

    // The machine.
    bench.set("min_java", "17");
    bench.fails("java");
    fs::remove_file(home.join("lib/ext/driver.jar")).expect("removed");
    bench.fails("jdbc-jar");
    fs::write(bench.servers.appdata().join("patches/fix.jar"), "").expect("written");
    bench.fails("test-fixes");
    bench.set("min_free_gb", "999999");
    bench.fails("disk");
    bench.set("curl_config", "/nowhere/curl");
    bench.fails("curl-there");
    bench.set("service_user", "nobody");
    bench.fails("start-as");
    bench.set("control", "service");
    bench.passes("start-as");
}
