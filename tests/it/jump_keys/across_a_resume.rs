//! The built program is killed at a gate; meanwhile the jump host shows another key.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use rustix::process::{Pid, Signal, kill_process};

use super::hosts::{Desk, JumpHost, Node};
use crate::support::sshd::Sshd;
use crate::support::walk::{Walk, run, tail, usual};

/// A machine of the story, whatever serves it.
struct Machine<'a> {
    ip: &'a str,
    port: u16,
    user: &'a str,
    login: PathBuf,
    home: &'a Path,
}

impl<'a> Machine<'a> {
    fn of_openssh(server: &'a Sshd) -> Machine<'a> {
        Machine {
            ip: &server.ip,
            port: server.port,
            user: &server.user,
            login: server.login_key.clone(),
            home: &server.home,
        }
    }
}

/// Two boxes behind a bastion, known to the cluster file by alias only: everything else stands in the ssh configuration that
/// it names.
struct Boxes {
    desk: Desk,
}

impl Boxes {
    fn write(&self, bastion: &Machine<'_>, boxes: [&Machine<'_>; 2]) {
        let mut config = String::new();
        let hosts = [("bastion", bastion), ("b1", boxes[0]), ("b2", boxes[1])];
        for (alias, machine) in hosts {
            let known = self.desk.known_hosts();
            writeln!(
                config,
                "Host {alias}\n HostName {}\n Port {}\n User {}\n IdentityFile {}\n IdentitiesOnly yes\n IdentityAgent none\n UserKnownHostsFile {}",
                machine.ip,
                machine.port,
                machine.user,
                machine.login.display(),
                known.display(),
            )
            .expect("writing to a text");
        }
        config += "Host b1 b2\n ProxyJump bastion\n";
        fs::write(self.config(), config).expect("the configuration");
        let mut cluster = format!(
            "[cluster]\nname = \"boxes\"\nprocedure = \"{}/tests/fixtures/levels.toml\"\ntarget = \"2\"\nplace = \"lab\"\n\n[ssh]\nconfig = {:?}\n",
            env!("CARGO_MANIFEST_DIR"),
            self.config(),
        );
        for (name, machine) in [("b1", boxes[0]), ("b2", boxes[1])] {
            fs::write(machine.home.join("level"), "1\n").expect("a level");
            write!(
                cluster,
                "\n[[node]]\nname = \"{name}\"\nhost = \"{name}\"\nroles = [\"box\"]\nssh.job_dir = \"{}/jobs\"\n",
                machine.home.display()
            )
            .expect("writing to a text");
        }
        fs::write(self.file(), cluster).expect("the cluster file");
    }

    fn config(&self) -> PathBuf {
        self.desk.folder.path().join("ssh_config")
    }

    fn file(&self) -> PathBuf {
        self.desk.folder.path().join("cluster.toml")
    }

    fn state(&self, name: &str) -> PathBuf {
        self.desk.folder.path().join(name)
    }

    fn start(&self, state: &str, command: &str) -> Walk {
        let file = self.file().display().to_string();
        Walk::start(&self.state(state), &[command, &file, "--plain"])
    }

    fn resume(&self, state: &str) -> Walk {
        Walk::start(&self.state(state), &["resume", "--plain"])
    }

    /// The only run's report, as JSON and as people read it.
    fn reports(&self, state: &str) -> (serde_json::Value, String) {
        let runs = fs::read_dir(self.state(state).join("runs")).expect("there was a run");
        let names = runs.map(|entry| entry.expect("an entry").file_name());
        let name = names.map(|name| name.to_string_lossy().into_owned()).next();
        let name = name.expect("a run");
        let state = self.state(state);
        let json = run(&state, &["report", &name, "--format", "json"]).transcript;
        let json = serde_json::from_str(&json).expect("a report in JSON");
        (json, run(&state, &["report", &name]).transcript)
    }

    /// A run, killed where it asks for the second box.
    fn killed(&self, state: &str) {
        let mut walk = self.start(state, "run");
        let mut hold = String::new();
        loop {
            let Some(line) = walk.line() else {
                panic!("it ended before the gate:\n{}", tail(&walk.transcript));
            };
            if line.starts_with("HOLD ") {
                hold = line.clone();
            }
            let Some(expected) = line.strip_prefix("  expect: ") else {
                continue;
            };
            if hold == "HOLD gate raise/lift@b2" {
                break;
            }
            walk.type_line(&usual(expected));
        }
        let pid = Pid::from_raw(i32::try_from(walk.pid()).expect("a pid")).expect("a pid");
        kill_process(pid, Signal::KILL).expect("it is ours");
        assert_eq!(walk.end().code, None, "it was killed");
    }

    /// Takes the run up while the bastion shows the key `shown` instead of `first`: no node is reached.
    fn is_refused(&self, state: &str, first: &str, shown: &str) {
        let leave = |hold: &str, _: &str| {
            let stuck = hold.starts_with("HOLD failure connect/b");
            stuck.then(|| "leave".to_owned())
        };
        let refused = self.resume(state).guide(leave);
        let told = &refused.transcript;
        assert_eq!(refused.code, Some(6), "{}\n{}", tail(told), refused.errors);
        for part in [
            "the jump host ",
            first,
            shown,
            "was seen first on the way to b",
        ] {
            assert!(told.contains(part), "no {part:?} in:\n{}", tail(told));
        }
        assert!(!told.contains("HOLD host-key"), "{}", tail(told));
    }

    /// Takes the run up to its end; the report tells one key of one jump host.
    fn finishes(&self, state: &str, place: &str, key: &str, homes: [&Path; 2]) {
        let finished = self.resume(state).guide(|_, _| None);
        let told = &finished.transcript;
        assert_eq!(
            finished.code,
            Some(0),
            "{}\n{}",
            tail(told),
            finished.errors
        );
        for home in homes {
            let level = fs::read_to_string(home.join("level")).expect("a level");
            assert_eq!(level, "2\n");
        }
        let (json, text) = self.reports(state);
        let jumps = json["jumps"].as_array().expect("a list").clone();
        assert_eq!(jumps.len(), 1, "{jumps:?}");
        assert_eq!(jumps[0]["jump"], place);
        let host_key = jumps[0]["host_key"].as_str().expect("a key");
        assert_eq!(host_key, format!("ssh-ed25519 {key}"));
        let timeline = json["timeline"].as_array().expect("a list");
        let told = timeline.iter().filter_map(|line| line.as_str());
        let told = told.filter(|line| line.contains("held to from now on"));
        assert_eq!(told.count(), 1, "{timeline:#?}");
        assert!(text.contains(key) && text.contains("Host keys"), "{text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_jump_host_that_changes_between_kill_and_resume_is_refused_within_the_test() {
    let desk = Desk::new();
    let bastion = JumpHost::start("127.0.162.20", 11).await;
    let b1 = Node::start(desk.folder.path(), "b1", "127.0.162.21", 21).await;
    let b2 = Node::start(desk.folder.path(), "b2", "127.0.162.22", 22).await;
    let lines = |bastion: &JumpHost| {
        [
            bastion.known_hosts_line(),
            b1.known_hosts_line(),
            b2.known_hosts_line(),
        ]
    };
    desk.knows(&lines(&bastion));
    let boxes = Boxes { desk };
    let folder = boxes.desk.folder.path().to_owned();
    let login = boxes.desk.login();
    let machine = |ip, port, home| Machine {
        ip,
        port,
        user: "ana",
        login: login.clone(),
        home,
    };
    boxes.write(
        &machine(&bastion.ip, bastion.port, &folder),
        [
            &machine(&b1.ip, b1.port, &b1.home),
            &machine(&b2.ip, b2.port, &b2.home),
        ],
    );
    let (place, first) = (bastion.place(), bastion.fingerprint());
    boxes.killed("state");
    let bastion = bastion.with_key(12).await;
    // The files vouch for the new key by now; the run does not.
    boxes.desk.knows(&lines(&bastion));
    boxes.is_refused("state", &first, &bastion.fingerprint());

    // A file that the run goes by and that is gone is missed with its place in the frozen cluster file.
    let config = fs::read(boxes.config()).expect("the configuration");
    fs::remove_file(boxes.config()).expect("it was there");
    let missed = boxes.resume("state").end();
    assert_eq!(missed.code, Some(2), "{}", missed.errors);
    assert!(
        missed.errors.contains("cluster.toml of the run:8:10: "),
        "{}",
        missed.errors
    );
    fs::write(boxes.config(), config).expect("the configuration");

    let bastion = bastion.with_key(11).await;
    boxes.desk.knows(&lines(&bastion));
    boxes.finishes("state", &place, &first, [&b1.home, &b2.home]);

    // A dry run keeps the same record.
    for node in [&b1, &b2] {
        fs::write(node.home.join("level"), "1\n").expect("a level");
    }
    let left = boxes
        .start("dry", "dry-run")
        .guide(|hold, _| hold.starts_with("HOLD gate").then(|| ":leave".into()));
    assert_eq!(left.code, Some(4), "{}", tail(&left.transcript));
    let (json, _) = boxes.reports("dry");
    assert_eq!(json["jumps"][0]["jump"], place);
}

#[test]
fn an_openssh_jump_host_that_changes_between_kill_and_resume_is_refused() {
    let Some(bastion) = Sshd::start("bastion", "127.0.162.30") else {
        return;
    };
    let b1 = Sshd::start("b1", "127.0.162.31").expect("there was an sshd before");
    let b2 = Sshd::start("b2", "127.0.162.32").expect("there was an sshd before");
    let boxes = Boxes { desk: Desk::new() };
    let know_all = || {
        let line = |server: &Sshd| server.known_hosts_line() + "\n";
        boxes.desk.knows(&[line(&bastion), line(&b1), line(&b2)]);
    };
    know_all();
    boxes.write(
        &Machine::of_openssh(&bastion),
        [&Machine::of_openssh(&b1), &Machine::of_openssh(&b2)],
    );
    let print = || {
        let key = russh::keys::PublicKey::from_openssh(&bastion.host_key());
        holdpoint::transport::ssh::fingerprint(&key.expect("a public key"))
    };
    let place = format!("[{}]:{}", bastion.ip, bastion.port);
    let (key, kept) = (bastion.dir.join("host_key"), bastion.dir.join("kept"));
    let first = print();
    boxes.killed("state");
    fs::copy(&key, &kept).expect("a copy of the key");
    fs::copy(key.with_extension("pub"), kept.with_extension("pub")).expect("a copy of the key");
    bastion.change_host_key();
    know_all();
    boxes.is_refused("state", &first, &print());
    fs::copy(&kept, &key).expect("the key");
    fs::copy(kept.with_extension("pub"), key.with_extension("pub")).expect("the key");
    bastion.restart();
    know_all();

    // So is a node, and when its right key was seen first is told of it too.
    let (key, kept) = (b1.dir.join("host_key"), b1.dir.join("kept"));
    for end in ["", "pub"] {
        fs::copy(key.with_extension(end), kept.with_extension(end)).expect("a copy of the key");
    }
    b1.change_host_key();
    know_all();
    let leave = |hold: &str, _: &str| {
        let stuck = hold.starts_with("HOLD failure connect/b1");
        stuck.then(|| "leave".to_owned())
    };
    let refused = boxes.resume("state").guide(leave);
    assert_eq!(refused.code, Some(6), "{}", tail(&refused.transcript));
    for part in ["(seen first 20", "begin a new run"] {
        let told = &refused.transcript;
        assert!(told.contains(part), "no {part:?} in:\n{}", tail(told));
    }
    for end in ["", "pub"] {
        fs::copy(kept.with_extension(end), key.with_extension(end)).expect("the key");
    }
    b1.restart();
    know_all();
    boxes.finishes("state", &place, &first, [&b1.home, &b2.home]);
}
