//! An ssh configuration that the cluster file names: it alone is read, for the node and for the hosts on its way.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use holdpoint::model::cluster::Node;
use holdpoint::parse;
use holdpoint::transport::nodes::{Surroundings, Ways};
use holdpoint::transport::ssh::config::{Files, Machine, Resolver};

use crate::support::ssh_g::Truth;

/// What the operator's own file says: nothing of it may hold where another file is named.
const USUAL: &str = "Host *\n  User usual\n  Port 1\n";
const ONE: &str = "Host st*\n  User ana\n  ProxyJump bastion\nHost bastion\n  HostName 192.0.2.1\n  User gate\n  Port 2200\n";
const TWO: &str = "Host *\n  Port 2022\n";

struct Desk {
    folder: tempfile::TempDir,
}

impl Desk {
    fn new() -> Desk {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in [("usual", USUAL), ("one", ONE), ("two", TWO)] {
            fs::write(folder.path().join(name), text).unwrap();
        }
        Desk { folder }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn ways(&self, machine: Machine, ssh: Option<PathBuf>) -> Ways {
        let around = Surroundings {
            home: Some(machine.home.clone()),
            ..Surroundings::default()
        };
        let resolver = Resolver::new(machine, Files::Only(self.path("usual")), ssh);
        Ways::new(resolver, around)
    }
}

/// A cluster file with these lines in `[ssh]` and in its two nodes.
fn text(all: &str, first: &str, second: &str) -> String {
    format!(
        "[cluster]\nname = \"c\"\nprocedure = \"procedure.toml\"\ntarget = \"2.0\"\nplace = \"lab\"\n\n[ssh]\n{all}\n\n\
[[node]]\nname = \"st1\"\nhost = \"st1\"\nroles = [\"server\"]\n{first}\n\n\
[[node]]\nname = \"st2\"\nhost = \"st2\"\nroles = [\"server\"]\n{second}\n"
    )
}

fn nodes(text: &str) -> Vec<Node> {
    let cluster = parse::cluster(text, "c.toml").unwrap_or_else(|said| panic!("{said}"));
    cluster.value.nodes
}

/// Login, port and host on the way of a node.
fn reached(ways: &mut Ways, node: &Node) -> (String, u16, Option<String>) {
    let endpoint = ways.endpoint(node).unwrap_or_else(|why| panic!("{why}"));
    (endpoint.user, endpoint.port, endpoint.route.through())
}

#[test]
fn two_nodes_go_by_two_configurations_and_a_third_by_none_of_them() {
    let files = Desk::new();
    let (one, two) = (files.path("one"), files.path("two"));
    let here = Machine {
        user: "me".into(),
        home: "/home/me".into(),
        ..Machine::default()
    };
    let mut by = vec![(here, None)];
    if let Some(truth) = Truth::find() {
        by.push((truth.machine().clone(), Some(truth.program().into())));
    }
    for (machine, ssh) in by {
        let me = machine.user.clone();
        let mut ways = files.ways(machine, ssh);
        let all = format!("config = {one:?}");
        let said = text(&all, "", &format!("ssh.config = {two:?}"));
        let some = nodes(&said);
        ways.look_up(&some);
        let through = Some("gate@192.0.2.1:2200".to_owned());
        assert_eq!(reached(&mut ways, &some[0]), ("ana".into(), 22, through));
        assert_eq!(reached(&mut ways, &some[1]), (me.clone(), 2022, None));
        // What the cluster file says besides wins over its configuration; `none` reads no file; without it the usual one.
        let said = text(
            "",
            &format!("ssh.config = {one:?}\nssh.user = \"eve\"\nssh.jump = \"none\""),
            "ssh.config = \"none\"",
        );
        let others = nodes(&said);
        assert_eq!(reached(&mut ways, &others[0]), ("eve".into(), 22, None));
        assert_eq!(reached(&mut ways, &others[1]), (me, 22, None));
        let usual = nodes(&text("", "", ""));
        assert_eq!(reached(&mut ways, &usual[0]), ("usual".into(), 1, None));
    }
}

#[test]
fn a_path_that_begins_with_a_tilde_is_in_the_home() {
    let files = Desk::new();
    let machine = Machine {
        user: "me".into(),
        home: files.folder.path().to_owned(),
        ..Machine::default()
    };
    let some = nodes(&text("config = \"~/two\"", "", ""));
    let (_, port, _) = reached(&mut files.ways(machine, None), &some[0]);
    assert_eq!(port, 2022);
}

#[test]
fn what_is_no_whole_path_is_said_with_its_place() {
    for (wrong, said) in [
        ("\"ssh_config\"", "`ssh_config` is not a whole path"),
        ("\"./ssh_config\"", "is not a whole path"),
        ("\"~ben/ssh_config\"", "is not a whole path"),
        ("\"\"", "`config` is empty"),
        ("7", "`config` is a whole number"),
    ] {
        let of_all = text(&format!("config = {wrong}"), "", "");
        let of_node = text("", "", &format!("ssh.config = {wrong}"));
        for (text, place) in [(of_all, "c.toml:8:10"), (of_node, "c.toml:20:14")] {
            let complaints = parse::cluster(&text, "c.toml").unwrap_err().to_string();
            assert!(
                complaints.contains(said) && complaints.contains(place),
                "no {said:?} at {place} in:\n{complaints}"
            );
        }
    }
}

#[test]
fn a_file_that_is_not_there_is_told_with_the_place_in_the_cluster_file() {
    let files = Desk::new();
    let gone = files.path("gone");
    for (named, why) in [
        (gone.as_path(), "No such file"),
        (files.folder.path(), "it is a folder"),
    ] {
        let some = nodes(&text("", "", &format!("ssh.config = {named:?}")));
        let mut ways = files.ways(Machine::default(), None);
        ways.look_up(&some);
        let said = ways.endpoint(&some[1]).unwrap_err();
        for part in [
            "node st2: c.toml:20:14: ",
            &named.display().to_string(),
            why,
        ] {
            assert!(said.contains(part), "no {part:?} in: {said}");
        }
        // Who does not name it does not miss it.
        reached(&mut ways, &some[0]);
    }
}

fn holdpoint(home: &Path, arguments: &[&str]) -> (Option<i32>, String) {
    let output: Output = Command::new(env!("CARGO_BIN_EXE_holdpoint"))
        .args(arguments)
        .env("HOME", home)
        .env("USER", "me")
        .env("HOLDPOINT_STATE_DIR", home.join("state"))
        .env("XDG_CONFIG_HOME", home.join("xdg"))
        .env_remove("SSH_AUTH_SOCK")
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (
        output.status.code(),
        text(&output.stdout) + &text(&output.stderr),
    )
}

#[test]
fn ssh_config_shows_by_which_file_each_node_goes() {
    let files = Desk::new();
    let home = files.folder.path();
    fs::create_dir(home.join(".ssh")).unwrap();
    fs::write(home.join(".ssh/config"), USUAL).unwrap();
    fs::write(home.join("procedure.toml"), include_str!("procedure.toml")).unwrap();
    let cluster = home.join("cluster.toml");
    fs::write(&cluster, text("config = \"~/one\"", "", "")).unwrap();
    let cluster = cluster.display().to_string();

    let (code, said) = holdpoint(home, &["ssh-config", &cluster]);
    assert_eq!(code, Some(0), "{said}");
    let one = files.path("one").display().to_string();
    for part in [
        format!("from {one} alone"),
        format!("{one}:2"),
        "# through gate@192.0.2.1:2200".into(),
    ] {
        assert!(said.contains(&part), "no {part:?} in:\n{said}");
    }
    assert!(!said.contains("usual"), "{said}");
    // What is asked for on the command line wins.
    let two = files.path("two").display().to_string();
    let (code, said) = holdpoint(home, &["ssh-config", &cluster, "-F", &two]);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("2022") && !said.contains("gate"), "{said}");

    fs::remove_file(files.path("one")).unwrap();
    for command in ["ssh-config", "check", "plan"] {
        let (code, said) = holdpoint(home, &[command, &cluster]);
        assert_eq!(code, Some(2), "{command}: {said}");
        let place = format!("{cluster}:8:10: ");
        assert!(said.contains(&place), "{command}: no {place} in:\n{said}");
    }
}
