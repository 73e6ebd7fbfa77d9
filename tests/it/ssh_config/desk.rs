//! The built program at the desk of an operator with an ssh configuration of their own.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use crate::support::sshd::Sshd;
use crate::support::tool;

/// An operator whose home holds an ssh configuration, and a cluster that is named by aliases only.
struct Desk {
    folder: tempfile::TempDir,
}

impl Desk {
    fn new(config: &str, known_hosts: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let ssh = folder.path().join(".ssh");
        fs::create_dir(&ssh).unwrap();
        fs::write(ssh.join("config"), config).unwrap();
        fs::write(ssh.join("known_hosts"), known_hosts).unwrap();
        Self { folder }
    }

    fn config(&self) -> PathBuf {
        self.folder.path().join(".ssh/config")
    }

    fn holdpoint(&self, arguments: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_holdpoint"))
            .args(arguments)
            .env("HOME", self.folder.path())
            .env("HOLDPOINT_STATE_DIR", self.folder.path().join("state"))
            .env("XDG_CONFIG_HOME", self.folder.path().join("xdg"))
            .env_remove("SSH_AUTH_SOCK")
            .stdin(Stdio::null())
            .output()
            .unwrap()
    }
}

fn both(output: &Output) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    text(&output.stdout) + &text(&output.stderr)
}

const CLUSTER: &str = r#"[cluster]
name = "st-test"
procedure = "procedure.toml"
target = "2.0"
place = "lab"

[[node]]
name = "one"
host = "alias-one"
roles = ["server"]
[[node]]
name = "two"
host = "alias-two"
roles = ["server"]
"#;

#[test]
fn a_cluster_of_aliases_is_checked_by_the_operators_configuration() {
    let Some(one) = Sshd::start("one", "127.0.73.1") else {
        return;
    };
    let two = Sshd::start("two", "127.0.73.2").expect("there was an sshd before");
    let jump = Sshd::start("jump", "127.0.73.3").expect("there was an sshd before");
    let host = |alias: &str, node: &Sshd, more: &str| {
        format!(
            "Host {alias}\n  HostName {}\n  Port {}\n  IdentityFile {}\n  {more}\n",
            node.ip,
            node.port,
            node.login_key.display()
        )
    };
    let config = [
        host("alias-one", &one, "ServerAliveInterval 10"),
        host("alias-two", &two, "ProxyJump bastion"),
        host("bastion", &jump, "IdentitiesOnly yes"),
        format!("Match all\n  User {}\n  ForwardAgent yes\n", one.user),
    ]
    .concat();
    let known = [&one, &two, &jump]
        .map(|node| node.known_hosts_line() + "\n")
        .concat();
    let desk = Desk::new(&config, &known);
    let file = desk.folder.path().join("cluster.toml");
    fs::write(&file, CLUSTER).unwrap();
    let procedure = include_str!("procedure.toml");
    fs::write(desk.folder.path().join("procedure.toml"), procedure).unwrap();
    let file = file.display().to_string();

    let checked = desk.holdpoint(&["check", &file, "--plain"]);
    assert_eq!(checked.status.code(), Some(0), "{}", both(&checked));
    assert!(
        both(&checked).contains("forwardagent"),
        "{}",
        both(&checked)
    );
    assert!(jump.log().contains("Accepted publickey"), "{}", jump.log());

    let told = desk.holdpoint(&["ssh-config", &file]);
    let text = both(&told);
    assert_eq!(told.status.code(), Some(0), "{text}");
    let place = |line: usize| format!("{}:{line}", desk.config().display());
    for part in [
        "alias-two",
        &two.ip,
        &place(2),
        &place(10),
        "# through",
        &jump.ip,
    ] {
        assert!(text.contains(part), "no {part:?} in:\n{text}");
    }

    // What cannot be followed is refused before anything is connected, with its line.
    fs::write(desk.config(), format!("{config}BindInterface lo\n")).unwrap();
    let refused = desk.holdpoint(&["check", &file, "--plain"]);
    assert_eq!(refused.status.code(), Some(2), "{}", both(&refused));
    let text = both(&refused);
    assert!(
        text.contains("bindinterface") && text.contains("config:"),
        "{text}"
    );
}

#[test]
fn where_ssh_is_installed_it_is_asked_and_match_exec_works() {
    let Some(truth) = tool("ssh") else { return };
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("config");
    fs::write(
        &file,
        "Host st1\nHostName real.lab\nMatch exec \"test %h = real.lab\"\nPort 77\n",
    )
    .unwrap();
    let desk = Desk::new("", "");
    let mut command = Command::new(env!("CARGO_BIN_EXE_holdpoint"));
    command
        .args(["ssh-config", "st1", "-F", &file.display().to_string()])
        .env("HOLDPOINT_STATE_DIR", desk.folder.path().join("state"))
        .env("XDG_CONFIG_HOME", desk.folder.path().join("xdg"))
        .env("PATH", truth.parent().unwrap());
    let output = command.output().unwrap();
    let text = both(&output);
    assert!(
        text.contains("by ssh -G") && text.contains("77") && text.contains("real.lab"),
        "{text}"
    );
    // Without it the condition cannot be decided, and nothing is guessed.
    let output = command.env("PATH", "/nowhere").output().unwrap();
    let text = both(&output);
    assert_eq!(output.status.code(), Some(2), "{text}");
    assert!(
        text.contains("config:3: ") && text.contains("Match exec"),
        "{text}"
    );
}
