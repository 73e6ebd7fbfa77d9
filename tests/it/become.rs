//! Becoming another user on a real node: by sudo, su and doas, with a password and without, for questions and for jobs.

use std::sync::{Mutex, MutexGuard, PoisonError};

use holdpoint::model::ids::NodeId;
use holdpoint::model::reply::{Claim, LinkReport};
use holdpoint::transport::Look;
use holdpoint::transport::nodes::{Secrets, SshActs, SshLooks};
use holdpoint::transport::ssh::{Become, ConnectFailure, Credentials, Endpoint, Method, Session};
use secrecy::SecretString;

use crate::support::endpoint::{friend, read};
use crate::support::hands::{Watcher, is_up, order, setup};
use crate::support::human::Human;
use crate::support::sshd::Sshd;
use crate::support::tool;
use crate::support::users::TestUser;

const PASSWORD: &str = "it's a \"long\" $HOME \\n one";

fn become_root(node: &Sshd, user: &TestUser, method: Method) -> Endpoint {
    user.at_home_in(node);
    let mut endpoint = friend(node);
    endpoint.user = user.name.clone();
    endpoint.become_user = Some(Become {
        method,
        user: "root".into(),
        password: true,
    });
    endpoint
}

async fn is_root(session: &Session) {
    let said = read(session, "id -un; echo here >&2; cat").await;
    assert_eq!(said.stdout, b"root\n");
    assert_eq!(said.stderr, b"here\n", "both streams stay apart");
    let long = read(session, "yes 0123456789 | head -c 300000").await;
    assert_eq!(long.stdout.len(), 300_000);
}

/// A node and a user whom sudo knows by `rules`.
fn sudo_node(name: &str, ip: &str, rules: &str) -> Option<(Sshd, TestUser)> {
    tool("sudo")?;
    let node = Sshd::start(name, ip)?;
    let mut user = TestUser::new(PASSWORD)?;
    user.sudoers(rules);
    Some((node, user))
}

#[tokio::test]
async fn sudo_without_a_password_is_found_out_and_asks_nothing() {
    let Some((node, user)) = sudo_node("sudo1", "127.0.5.1", "$USER ALL=(ALL) NOPASSWD: ALL")
    else {
        return;
    };
    let endpoint = become_root(&node, &user, Method::Sudo);
    let session = Session::connect(&endpoint, &Credentials::default()).await;
    is_root(&session.unwrap()).await;
}

#[tokio::test]
async fn sudo_with_a_password_asks_for_it_at_the_login() {
    let Some((node, user)) = sudo_node("sudo2", "127.0.5.2", "$USER ALL=(ALL) ALL") else {
        return;
    };
    let endpoint = become_root(&node, &user, Method::Sudo);
    let human = Human::who_answers(&[("was refused", PASSWORD), ("to become", "wrong")]);
    let mut credentials = Credentials::default();
    let session = human.connect(&endpoint, &mut credentials).await.unwrap();
    is_root(&session).await;
    assert_eq!(human.questions().len(), 2);
    // Nobody to ask: refused with what helps, and nothing is tried.
    let refused = Session::connect(&endpoint, &Credentials::default()).await;
    let refused = refused.unwrap_err();
    assert!(
        matches!(refused, ConnectFailure::BecomeRefused { .. }),
        "{refused:?}"
    );
    assert!(refused.to_string().contains("NOPASSWD"), "{refused}");
}

#[tokio::test]
async fn sudo_that_wants_a_terminal_gets_one_for_its_question() {
    for (name, ip, rule) in [
        ("tty1", "127.0.5.3", "$USER ALL=(ALL) ALL"),
        ("tty2", "127.0.5.4", "$USER ALL=(ALL) NOPASSWD: ALL"),
    ] {
        let rules = format!("Defaults:$USER requiretty\n{rule}");
        let Some((node, user)) = sudo_node(name, ip, &rules) else {
            return;
        };
        let Some(_) = tool("script") else {
            return;
        };
        let endpoint = become_root(&node, &user, Method::Sudo);
        let human = Human::who_answers(&[("to become", PASSWORD)]);
        let mut credentials = Credentials::default();
        let session = human.connect(&endpoint, &mut credentials).await;
        is_root(&session.unwrap_or_else(|e| panic!("{name}: {e}"))).await;
    }
}

#[tokio::test]
async fn a_user_whom_sudo_does_not_know_is_refused_in_its_words() {
    let Some((node, user)) = sudo_node("sudo3", "127.0.5.5", "# $USER") else {
        return;
    };
    let endpoint = become_root(&node, &user, Method::Sudo);
    let human = Human::who_answers(&[("to become", PASSWORD)]);
    let refused = human.connect(&endpoint, &mut Credentials::default()).await;
    let refused = refused.unwrap_err();
    assert!(
        matches!(refused, ConnectFailure::BecomeRefused { .. }),
        "{refused:?}"
    );
    assert!(refused.to_string().contains("sudoers"), "{refused}");
}

#[tokio::test]
async fn su_takes_the_other_users_password() {
    let Some(node) = Sshd::start("su1", "127.0.5.6") else {
        return;
    };
    let (Some(user), Some(other)) = (TestUser::new("mine"), TestUser::new(PASSWORD)) else {
        return;
    };
    let mut endpoint = become_root(&node, &user, Method::Su);
    let become_user = endpoint.become_user.as_mut().unwrap();
    become_user.user = other.name.clone();
    let human = Human::who_answers(&[("was refused", PASSWORD), ("to become", "wrong")]);
    let mut credentials = Credentials::default();
    let session = human.connect(&endpoint, &mut credentials).await.unwrap();
    assert!(human.questions()[0].contains(&other.name));
    let said = read(&session, "id -un; cat").await;
    assert_eq!(said.stdout, format!("{}\n", other.name).into_bytes());
    become_user_without_password(&mut endpoint);
    let refused = Session::connect(&endpoint, &credentials).await.unwrap_err();
    assert!(
        refused.to_string().contains("su wants a password"),
        "{refused}"
    );
}

/// The su of busybox asks on its standard output. Debian's busybox has none, so the system's own stands behind one that does.
const ASKS_ON_OUTPUT: &str = "#!/bin/sh
printf 'Password: '
IFS= read -r password
echo
exec 3<&0 4>&1
{ printf '%s\\n' \"$password\"; exec cat <&3; } |
  { { SU \"$@\" 2>&1 >&4 || kill 0; } | sed -u 's/^Password: //' >&2; }
";

#[tokio::test]
async fn su_that_asks_on_its_output_is_answered_too() {
    use std::os::unix::fs::PermissionsExt;
    let Some(su) = tool("su") else { return };
    let Some(node) = Sshd::start_with("su2", "127.0.233.31", &["PermitUserEnvironment yes"]) else {
        return;
    };
    let (Some(user), Some(other)) = (TestUser::new("mine"), TestUser::new(PASSWORD)) else {
        return;
    };
    let mut endpoint = become_root(&node, &user, Method::Su);
    endpoint.become_user.as_mut().unwrap().user = other.name.clone();
    let bin = node.dir.join("bin");
    std::fs::create_dir(&bin).unwrap();
    let script = ASKS_ON_OUTPUT.replace("SU", &su.display().to_string());
    std::fs::write(bin.join("su"), script).unwrap();
    std::fs::set_permissions(bin.join("su"), PermissionsExt::from_mode(0o755)).unwrap();
    let keys = node.dir.join("authorized_keys");
    let key = std::fs::read_to_string(&keys).unwrap();
    let path = format!("environment=\"PATH={}:/usr/bin:/bin\"", bin.display());
    std::fs::write(&keys, format!("{path} {key}")).unwrap();
    let human = Human::who_answers(&[("was refused", PASSWORD), ("to become", "wrong")]);
    let mut credentials = Credentials::default();
    let session = human.connect(&endpoint, &mut credentials).await.unwrap();
    assert_eq!(human.questions().len(), 2);
    let said = read(&session, "id -un; cat").await;
    assert_eq!(said.stdout, format!("{}\n", other.name).into_bytes());
}

fn become_user_without_password(endpoint: &mut Endpoint) {
    if let Some(other) = &mut endpoint.become_user {
        other.password = false;
    }
}

/// The rules of doas are one file of the machine: used only where there is none, and by one story at a time.
struct Doas {
    _one: MutexGuard<'static, ()>,
}

static DOAS: Mutex<()> = Mutex::new(());
const DOAS_RULES: &str = "/etc/doas.conf";

impl Doas {
    fn allow(rules: &str) -> Option<Self> {
        tool("doas")?;
        tool("script")?;
        let one = DOAS.lock().unwrap_or_else(PoisonError::into_inner);
        let made = std::fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .open(DOAS_RULES);
        let Ok(mut file) = made else {
            eprintln!("skipped: {DOAS_RULES} is in use");
            return None;
        };
        let doas = Self { _one: one };
        std::io::Write::write_all(&mut file, rules.as_bytes()).expect("rules for doas");
        Some(doas)
    }
}

impl Drop for Doas {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(DOAS_RULES);
    }
}

#[tokio::test]
async fn doas_is_asked_without_a_password_first_and_then_on_a_terminal_of_the_node() {
    let Some(node) = Sshd::start("doas1", "127.0.5.7") else {
        return;
    };
    let Some(user) = TestUser::new(PASSWORD) else {
        return;
    };
    let endpoint = become_root(&node, &user, Method::Doas);
    let Some(silent) = Doas::allow(&format!("permit nopass {} as root\n", user.name)) else {
        return;
    };
    let session = Session::connect(&endpoint, &Credentials::default()).await;
    is_root(&session.unwrap()).await;
    drop(silent);
    let Some(_asks) = Doas::allow(&format!("permit {} as root\n", user.name)) else {
        return;
    };
    let human = Human::who_answers(&[("was refused", PASSWORD), ("to become", "wrong")]);
    let mut credentials = Credentials::default();
    let session = human.connect(&endpoint, &mut credentials).await.unwrap();
    is_root(&session).await;
}

/// Whether any process shows the text in its arguments or its environment. Our own would show what the story gave it.
fn shown_by_a_process(text: &str) -> bool {
    let own = std::process::id().to_string();
    let pids = std::fs::read_dir("/proc").unwrap().flatten();
    pids.filter(|pid| pid.file_name().to_str() != Some(own.as_str()))
        .flat_map(|pid| ["cmdline", "environ"].map(|file| pid.path().join(file)))
        .filter_map(|file| std::fs::read(file).ok())
        .any(|bytes| String::from_utf8_lossy(&bytes).contains(text))
}

/// Whether any file below the folder holds the text.
fn written_below(folder: &std::path::Path, text: &str) -> bool {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries.into_iter().any(|entry| {
        let path = entry.path();
        match path.is_dir() {
            true => written_below(&path, text),
            false => std::fs::read(&path)
                .is_ok_and(|bytes| String::from_utf8_lossy(&bytes).contains(text)),
        }
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_runs_as_root_and_the_password_is_nowhere_to_be_seen() {
    let Some((node, user)) = sudo_node("sudo4", "127.0.5.8", "$USER ALL=(ALL) ALL") else {
        return;
    };
    let endpoint = become_root(&node, &user, Method::Sudo);
    let setup = setup(&node, endpoint);
    let looks = SshLooks::new(vec![setup], Credentials::default(), Secrets::default());
    let mut hands = Watcher::new(SshActs::new(looks));
    let name = NodeId::new(&node.name);
    hands.look(Look::Connect { node: name.clone() });
    let asks = |report: &LinkReport| matches!(report, LinkReport::WantsSecret { .. });
    hands.link(&node, asks).await;
    hands.hands.secret(&name, SecretString::from("wrong"));
    let again = format!("{:?}", hands.link(&node, asks).await);
    assert!(again.contains("refused by sudo4"), "{again}");
    hands.hands.secret(&name, SecretString::from(PASSWORD));
    hands.link(&node, is_up).await;
    let script = "id -un; echo ready; while [ ! -e \"$1\" ] && [ ! -e /tmp/none ]; do [ -e GATE ] && break; sleep 0.1; done";
    let gate = node.home.join("gate");
    let script = script.replace("GATE", &format!("'{}'", gate.display()));
    let order = order(&node, "r1.step.sudo4.1", &script);
    hands.start(&order);
    hands.line(&order, "ready").await;
    assert!(!shown_by_a_process(PASSWORD));
    assert!(!written_below(&node.home, PASSWORD));
    node.kill_connections();
    hands.link(&node, is_up).await;
    std::fs::write(&gate, "").unwrap();
    assert_eq!(hands.end(&order).await, Claim::Exited { code: 0 });
    assert_eq!(hands.lines(&order)[0], "root");
    assert!(!node.log().contains(PASSWORD));
}
