//! Every mistake is said with its place and what to do, and all of them at once.
//!
//! Each case is one edit of a good file. What is said about it is kept word for word in `snapshots/`; after a wanted change run
//! the tests with `INSTA_UPDATE=always` and read the difference.

use std::fmt::Write as _;

use holdpoint::parse;

use super::{CLUSTER, PROCEDURE, good_procedure};

/// One edit: what stands in the good file, and what stands there instead.
type Edit = (&'static str, &'static str);
fn edited(good: &str, (from, to): Edit) -> String {
    assert!(good.contains(from), "the good file has no `{from}`");
    good.replacen(from, to, 1)
}

/// Applies every edit to a good file and writes down what is said.
fn transcript(good: &str, edits: &[Edit], say: impl Fn(&str) -> String) -> String {
    let mut transcript = String::new();
    for edit in edits {
        let said = say(&edited(good, *edit));
        assert!(!said.is_empty(), "nothing is said about `{}`", edit.1);
        writeln!(transcript, "=== {} -> {}\n{said}\n", edit.0, edit.1).unwrap();
    }
    transcript
}

fn procedure_complaints(text: &str) -> String {
    let read = parse::procedure(text, "relay.toml");
    read.err().map(|said| said.to_string()).unwrap_or_default()
}

fn cluster_complaints(text: &str) -> String {
    let read = parse::cluster(text, "cluster.toml");
    read.err().map(|said| said.to_string()).unwrap_or_default()
}

pub(super) fn bind_complaints(text: &str) -> String {
    let cluster = parse::cluster(text, "cluster.toml").unwrap_or_else(|said| panic!("{said}"));
    let bound = parse::bind(&good_procedure().value, &cluster);
    bound.err().map(|said| said.to_string()).unwrap_or_default()
}

pub(super) fn lint_complaints(text: &str) -> String {
    let procedure = parse::procedure(text, "relay.toml").unwrap_or_else(|said| panic!("{said}"));
    let said: Vec<String> = parse::lint(&procedure)
        .iter()
        .map(ToString::to_string)
        .collect();
    said.join("\n\n")
}
#[test]
fn bad_procedures_are_refused_with_their_places() {
    let edits: &[Edit] = &[
        // Not TOML at all.
        ("id = \"relay/rolling\"", "id = relay/rolling"),
        (
            "title = \"Relay, one",
            "id = \"again\"\ntitle = \"Relay, one",
        ),
        // Keys and kinds.
        ("schema = 1", "schema = 2"),
        ("product = \"Relay\"\n", ""),
        ("id = \"relay/rolling\"", "id = \"relay rolling\""),
        ("default = \"/opt/relay\"", "defualt = \"/opt/relay\""),
        ("default = \"/opt/relay\"", "default = \"opt/relay\""),
        ("default = \"90s\"", "default = 90"),
        ("default = \"full\"", "default = \"fall\""),
        ("kind = \"one-of\"", "kind = \"oneof\""),
        (
            "kind = \"secret\"",
            "kind = \"secret\"\ndefault = \"hunter2\"",
        ),
        ("count = \"2..\"", "count = \"two\""),
        ("kind = \"bool\"", "kind = \"bol\""),
        ("every = \"3s\"", "every = \"3 seconds\""),
        ("severity = \"warn\"", "severity = \"warning\""),
        ("attest = true", "attest = true\npasses = \"true\""),
        ("attest = true", "attest = false"),
        ("walk = \"node-by-node\"", "walk = { batch = 0 }"),
        ("does = \"wait\"", "does = \"wiat\""),
        ("  until = ", "  script = \"true\"\n  until = "),
        ("title = \"Drain and stop\"", "title = \"\""),
        ("verb = \"stop\"", "verb = \"stop it\""),
        ("timeout = \"10m\"", "timeout = \"ten minutes\""),
        (
            "undo = '\"$home/bin/relay\" start'",
            "undo = { then = { service = \"running\" } }",
        ),
        ("opens = \"node-stopped\"", "opens = \"node stopped\""),
        // Conditions.
        (
            "nodes.exists_one(n, n.leader)\"\n\n[[check",
            "nodes.exists_one(n, n.leader))\"\n\n[[check",
        ),
        ("\"'relay' in node.roles\"", "\"node.servcie == 'running'\""),
        ("\"'relay' in node.roles\"", "\"node.service == 'runing'\""),
        ("\"'relay' in node.roles\"", "\"node.leader == 'yes'\""),
        ("\"'relay' in node.roles\"", "\"'raley' in node.roles\""),
        ("\"'relay' in node.roles\"", "\"nods.size() > 1\""),
        (
            "\"'relay' in node.roles\"",
            "\"node.version.startWith('1')\"",
        ),
        (
            "\"'relay' in node.roles\"",
            "'''\n  node.service == 'running'\n  && node.sessions = 0'''",
        ),
        (
            "\"'relay' in node.roles\"",
            "\"node.service == \\\"runing\\\"\"",
        ),
        ("\"'relay' in node.roles\"", "\"check.free_kb > 1\""),
        ("params.edition ==", "params.editoin =="),
        ("params.edition ==", "params.admin_password =="),
        ("choices.keep", "choices.keeep"),
        ("holds = \"!nodes", "holds = \"node.leader || !nodes"),
        (
            "leader = \"node.leader\"",
            "leader = \"nodes.exists(n, n.leader)\"",
        ),
        ("until = \"nodes", "until = \"window.minutes > 3 && nodes"),
        // What the parts say of each other.
        ("gives = [\"sessions\"]", "gives = [\"sesions\"]"),
        (
            "then = { service = \"stopped\" }",
            "then = { servce = \"stopped\" }",
        ),
        (
            "then = { service = \"stopped\" }",
            "then = { service = \"stoped\" }",
        ),
        (
            "then = { service = \"stopped\" }",
            "then = { leader = \"false\" }",
        ),
        (
            "then = { version = \"{target}\" }",
            "then = { version = \"{admin_password}\" }",
        ),
        ("rehearse = 0", "rehearse = \"none\""),
        (
            "secrets = [\"admin_password\"]",
            "secrets = [\"admin_pasword\"]",
        ),
        ("id = \"sessions\"", "id = \"state\""),
        ("id = \"install\"", "id = \"drain\""),
        ("id = \"restore\"", "id = \"finish\""),
        ("id = \"drop\"", "id = \"keep\""),
        ("[params.package]", "[params.host]"),
        ("[params.package]", "[params.admin_port]"),
        ("[facts.sessions]", "[facts.name]"),
        ("leader = \"node.leader\"", "target = \"node.leader\""),
        ("fact = \"version\"", "fact = \"service\""),
    ];
    insta::assert_snapshot!(
        "procedure",
        transcript(PROCEDURE, edits, procedure_complaints)
    );
}

#[test]
fn bad_cluster_files_are_refused_with_their_places() {
    let edits: &[Edit] = &[
        ("name = \"relay-lab\"", "name = relay-lab"),
        ("name = \"relay-lab\"", "name = \"relay lab\""),
        ("[cluster]", "[clutser]"),
        ("target = \"1.5.2\"", "target = \"\""),
        ("target = \"1.5.2\"", "target = \"1.5 final\""),
        ("place = \"lab\"", "place = \"prod\""),
        ("22:00:00+01:00", "22:00:00"),
        (
            "\"2026-11-22T04:00:00+01:00\"",
            "\"2026-11-21T04:00:00+01:00\"",
        ),
        ("\"2026-11-22T04:00:00+01:00\"", "\"four in the morning\""),
        ("user = \"relay\"", "usr = \"relay\""),
        ("connect_timeout = \"10s\"", "connect_timeout = 10"),
        ("method = \"sudo\"", "method = \"pfexec\""),
        ("user = \"root\"", "user = \"root\", password = \"hunter2\""),
        ("user = \"relay\"", "password = { prompt = false }"),
        (
            "{ command = \"pass show relay\" }",
            "{ command = \"pass\", env = \"P\" }",
        ),
        (
            "{ command = \"pass show relay\" }",
            "{ comand = \"pass show relay\" }",
        ),
        ("{ command = \"pass show relay\" }", "{ prompt = false }"),
        ("drain = \"2m\"", "drain = 1.5"),
        ("ssh.port = 2222", "ssh.port = 70000"),
        ("name = \"r2\"", "name = \"r1\""),
        ("name = \"r2\"", "name = \"-r2\""),
        ("host = \"192.0.2.7\"", "host = \"-oProxyCommand=x\""),
        ("host = \"192.0.2.7\"", "host = \"root@192.0.2.7\""),
        ("host = \"192.0.2.7\"", "host = \"192.0.2.7:2222\""),
        ("host = \"192.0.2.7\"\n", ""),
        ("host = \"192.0.2.7\"", "host = \"two words\\u001b[2J\""),
        (
            "\"192.0.2.7\"\nroles = [\"relay\"]\nssh.port = 2222",
            "\"R1.example.net\"\nroles = [\"relay\"]\nssh.port = 22",
        ),
        ("roles = [\"relay\"]", "roles = \"relay\""),
        ("roles = [\"relay\"]", "role = [\"relay\"]"),
    ];
    insta::assert_snapshot!("cluster", transcript(CLUSTER, edits, cluster_complaints));
    let empty = "[cluster]\nname = \"a\"\nprocedure = \"b\"\ntarget = \"1\"\n";
    assert!(cluster_complaints(empty).contains("this cluster has no nodes"));
    assert!(cluster_complaints("").contains("the table `[cluster]` is missing"));
}

#[test]
fn a_cluster_that_does_not_fit_its_procedure_is_refused() {
    let edits: &[Edit] = &[
        ("target = \"1.5.2\"", "target = \"1.6\""),
        ("roles = [\"relay\"]", "roles = [\"raley\"]"),
        ("roles = [\"relay\"]", "roles = []"),
        ("package = \"/tmp/relay-1.5.2.run\"\n", ""),
        (
            "package = \"/tmp/relay-1.5.2.run\"",
            "package = \"relay-1.5.2.run\"",
        ),
        ("drain = \"2m\"", "drian = \"2m\""),
        ("drain = \"2m\"", "drain = 2"),
        ("drain = \"2m\"", "drain = \"1500ms\""),
        ("drain = \"2m\"", "edition = \"ful\""),
        ("drain = \"2m\"", "admin-port = \"8443\""),
        ("drain = \"2m\"", "admin-port = { env = \"PORT\" }"),
        ("{ command = \"pass show relay\" }", "\"hunter2\""),
        (
            "params.home = \"/srv/relay\"",
            "params.home = \"srv/relay\"",
        ),
        (
            "params.home = \"/srv/relay\"",
            "params.hom = \"/srv/relay\"",
        ),
    ];
    insta::assert_snapshot!("bind", transcript(CLUSTER, edits, bind_complaints));
    let only_one = CLUSTER
        .replace("package =", "# package =")
        .replace("params.home", "params.package");
    assert!(bind_complaints(&only_one).contains("`package` is missing for r1"));
}

#[test]
fn a_procedure_that_cannot_be_relied_on_is_linted() {
    let edits: &[Edit] = &[
        (
            "gives = [\"sessions\"]",
            "gives = [\"sessions\", \"leader\"]",
        ),
        ("gives = [\"sessions\"]", "gives = []"),
        ("  then = { service = \"stopped\" }\n  undo", "  undo"),
        ("  undo = '\"$home/bin/relay\" start'\n", ""),
        ("way_back = true\n", ""),
        ("  typical = \"5m\"\n", ""),
        ("closes = \"node-stopped\"", "closes = \"node-stoped\""),
        ("  closes = \"node-stopped\"\n", ""),
        ("rehearse = 0\n", ""),
        (
            "rehearse = { free_kb = 5000000 }",
            "rehearse = { free_kb = 5 }",
        ),
        (
            "rehearse = { free_kb = 5000000 }",
            "rehearse = { fre_kb = 5000000 }",
        ),
        (
            "rehearse = { first = true, other = false }",
            "rehearse = true",
        ),
        (
            "Free space in {home} on {node}.",
            "Free space in {hom} on {node}.",
        ),
        (
            "Sessions on {node} end.",
            "Sessions end; tell them {admin_password}.",
        ),
        (
            "  then = { service = \"stopped\" }\n  typical = \"30m\"",
            "  typical = \"30m\"",
        ),
        (", { id = \"drop\", title = \"Drop it\" }", ""),
        ("  until = \"nodes.exists_one(n, n.leader)\"\n", ""),
        ("--drain \"$drain\"", ""),
        (
            "[[phase]]\nid = \"finish\"",
            "[[phase]]\nid = \"nothing\"\ntitle = \"Nothing\"\n\n[[phase]]\nid = \"finish\"",
        ),
    ];
    insta::assert_snapshot!("lint", transcript(PROCEDURE, edits, lint_complaints));
}

#[test]
fn all_complaints_come_at_once_and_in_the_order_of_the_file() {
    let text = PROCEDURE
        .replace("title = \"Relay, one", "titel = \"Relay, one")
        .replace("every = \"3s\"", "every = \"often\"")
        .replace("then = { version", "then = { vresion");
    let complaints = parse::procedure(&text, "relay.toml").unwrap_err();
    let places: Vec<_> = complaints.0.iter().map(|c| (c.line, c.column)).collect();
    assert_eq!(complaints.0.len(), 4, "{complaints}");
    assert!(places.is_sorted(), "{places:?}");
}

#[test]
fn control_characters_of_a_file_never_reach_the_terminal() {
    let text = edited(
        CLUSTER,
        ("name = \"r2\"", "name = \"\u{9b}2J\u{9d}0;x\\u001b[2J\""),
    );
    let said = cluster_complaints(&text);
    assert!(said.contains("cannot be a name"), "{said}");
    assert!(
        !said.chars().any(|c| c.is_control() && c != '\n'),
        "{said:?}"
    );
}

#[test]
fn a_secret_in_a_file_is_not_shown_again() {
    let text = edited(
        CLUSTER,
        ("{ command = \"pass show relay\" }", "\"hunter2\""),
    );
    let said = bind_complaints(&text);
    assert!(said.contains("admin_password = ********"), "{said}");
    assert!(!said.contains("hunter2"), "{said}");
    let text = text.replace("admin_password", "admin_pasword");
    assert!(!bind_complaints(&text).contains("hunter2"));
    let text = edited(
        PROCEDURE,
        (
            "kind = \"secret\"",
            "kind = \"secret\"\ndefault = 'hunter2'",
        ),
    );
    assert!(!procedure_complaints(&text).contains("hunter2"));
    let complaints = parse::procedure(&text, "relay.toml").unwrap_err();
    assert!(!format!("{complaints:?}").contains("hunter2"));
}
