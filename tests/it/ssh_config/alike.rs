//! One question to ssh(1) serves all hosts that the configuration does not tell apart, and no others.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use holdpoint::transport::ssh::config::{Answer, Ask, Files, Machine, Resolver};

use super::dice::Dice;
use super::write_configuration;
use crate::support::ssh_g::Truth;

/// An ssh that keeps a line for each time it is asked.
fn counting(program: &Path, folder: &Path) -> PathBuf {
    let counting = folder.join("ssh");
    let text = format!(
        "#!/bin/sh\necho \"$*\" >>'{}/asked'\nexec '{}' \"$@\"\n",
        folder.display(),
        program.display()
    );
    fs::write(&counting, text).unwrap();
    fs::set_permissions(&counting, fs::Permissions::from_mode(0o755)).unwrap();
    counting
}

fn asked(folder: &Path) -> usize {
    let kept = fs::read_to_string(folder.join("asked")).unwrap_or_default();
    kept.lines()
        .filter(|line| !line.contains("-F none"))
        .count()
}

fn ask(host: &str) -> Ask {
    Ask {
        host: host.into(),
        ..Ask::default()
    }
}

/// The answer of a resolver that nobody has asked before.
fn alone(truth: &Truth, file: &Path, ask: &Ask) -> Result<Answer, String> {
    let resolver = Resolver::new(
        truth.machine().clone(),
        Files::Only(file.into()),
        Some(truth.program().into()),
    );
    resolver.answer(ask).map_err(|refused| refused.to_string())
}

#[test]
fn two_hundred_hosts_that_are_alike_ask_ssh_once_for_each_kind() {
    let Some(truth) = Truth::find() else { return };
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("config");
    let text = "Host web*\n User www\n IdentityFile ~/.ssh/%r\nHost db1\n HostName 10.9.8.7\nHost *\n Ciphers aes256-ctr\n";
    fs::write(&file, text).unwrap();
    let resolver = Resolver::new(
        truth.machine().clone(),
        Files::Only(file.clone()),
        Some(counting(truth.program(), folder.path())),
    );
    let mut hosts: Vec<String> = (1..=100).map(|number| format!("web{number}")).collect();
    hosts.extend((1..=100).map(|number| format!("127.0.3.{number}")));
    hosts.push("db1".into());
    for host in &hosts {
        let answer = resolver.answer(&ask(host)).unwrap();
        assert_eq!(
            answer.by_ssh.then(|| answer.text("ciphers")),
            Some(Some("aes256-ctr".into()))
        );
        let name = if host == "db1" { "10.9.8.7" } else { host };
        assert_eq!(answer.text("hostname").as_deref(), Some(name));
        assert_eq!(answer.is_set("user"), host.starts_with("web"));
    }
    assert_eq!(asked(folder.path()), 3, "web*, addresses, db1");
    for host in ["web1", "web100", "127.0.3.9", "db1"] {
        let shared = resolver.answer(&ask(host)).unwrap();
        assert_eq!(Ok(shared), alone(&truth, &file, &ask(host)), "{host}");
    }
}

#[test]
fn names_that_are_looked_up_are_not_alike() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("config");
    fs::write(
        &file,
        "CanonicalizeHostname yes\nCanonicalDomains lab.test\n",
    )
    .unwrap();
    // The name service of this story knows one of the two hosts as one of the domain.
    let ssh = folder.path().join("ssh");
    let text = r#"#!/bin/sh
for host; do :; done
name=$host
[ "$host" = bb ] && name=bb.lab.test
printf 'user ana\nport 22\nhostname %s\n' "$name"
case "$*" in *"-F none"*) ;; *) printf 'canonicalizehostname true\ncanonicaldomains lab.test\n' ;; esac
"#;
    fs::write(&ssh, text).unwrap();
    fs::set_permissions(&ssh, fs::Permissions::from_mode(0o755)).unwrap();
    let machine = Machine {
        user: "ana".into(),
        home: "/home/ana".into(),
        ..Machine::default()
    };
    let resolver = Resolver::new(machine, Files::Only(file), Some(ssh));
    let name = |host: &str| resolver.answer(&ask(host)).unwrap().text("hostname");
    assert_eq!(name("aa").as_deref(), Some("aa"));
    assert_eq!(name("bb").as_deref(), Some("bb.lab.test"));
}

#[test]
fn what_is_shared_is_what_ssh_would_have_said() {
    let Some(truth) = Truth::find() else { return };
    let folder = tempfile::tempdir().unwrap();
    let hosts = [
        "st1",
        "st2",
        "st3.example.net",
        "web1",
        "db",
        "10.0.0.7",
        "10.0.0.8",
        "St1",
    ];
    for number in 0..20 {
        let file = write_configuration(&mut Dice(1_000_000 + number as u64), folder.path(), number);
        let resolver = Resolver::new(
            truth.machine().clone(),
            Files::Only(file.clone()),
            Some(truth.program().into()),
        );
        for host in hosts {
            let shared = resolver
                .answer(&ask(host))
                .map_err(|refused| refused.to_string());
            let alone = alone(&truth, &file, &ask(host));
            assert_eq!(
                shared,
                alone,
                "{host} by\n{}",
                fs::read_to_string(&file).unwrap()
            );
        }
    }
}
