//! Hosts that are reached through others, or through a command, over real OpenSSH servers.

mod settings;

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::time::Duration;

use holdpoint::model::ids::NodeId;
use holdpoint::model::reply::LinkReport;
use holdpoint::transport::nodes::{NodeSetup, Secrets, SshLooks};
use holdpoint::transport::ssh::{
    ConnectFailure, Credentials, Endpoint, Jumps, ProxyCommand, Route, Session, append_known_host,
};
use holdpoint::transport::{Arrival, Look};

use crate::support::endpoint::{friend, own_file, read, stranger};
use crate::support::hands::Watcher;
use crate::support::sshd::Sshd;
use crate::support::{eventually, tool};

async fn connect(endpoint: &Endpoint) -> Result<Session, ConnectFailure> {
    Session::connect(endpoint, &Credentials::default()).await
}

async fn connected(endpoint: &Endpoint) -> Session {
    match connect(endpoint).await {
        Ok(session) => session,
        Err(failure) => panic!("{failure}"),
    }
}

/// The target, reached through `jump` as that endpoint says.
fn through(jump: Endpoint, target: &Sshd) -> Endpoint {
    Endpoint {
        route: Route::Through(Jumps::default().through(jump)),
        ..friend(target)
    }
}

/// How often somebody logged in to this server.
fn logins(server: &Sshd) -> usize {
    server.log().matches("Accepted publickey").count()
}

fn two(name: &str, number: u8) -> Option<(Sshd, Sshd)> {
    let jump = Sshd::start(&format!("{name}-jump"), &format!("127.0.70.{number}"))?;
    let target = Sshd::start(name, &format!("127.0.71.{number}"))?;
    Some((jump, target))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_is_reached_through_two_others() {
    let Some((first, second)) = two("chain", 1) else {
        return;
    };
    let third = Sshd::start("chain-end", "127.0.72.1").expect("there was an sshd before");
    let mut jumps = Jumps::default();
    let first_hop = friend(&first);
    let second_hop = Endpoint {
        route: Route::Through(jumps.through(first_hop)),
        ..friend(&second)
    };
    let target = Endpoint {
        route: Route::Through(jumps.through(second_hop)),
        ..friend(&third)
    };
    let session = connected(&target).await;
    let said = read(
        &session,
        "echo $SSH_CONNECTION; head -c 3000000 /dev/zero | wc -c",
    )
    .await;
    let said = String::from_utf8(said.stdout).unwrap();
    assert!(
        said.contains(&third.ip) && said.contains("3000000"),
        "{said}"
    );
    assert_eq!([&first, &second, &third].map(logins), [1, 1, 1]);
    // With the last session through them the hosts on the way are left too.
    drop(session);
    eventually("both hosts on the way are left", || {
        [&first, &second].iter().all(|hop| {
            hop.log().contains("Disconnected from") || hop.log().contains("Connection closed by")
        })
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn the_jump_hosts_key_is_judged_like_any_other() {
    let Some((jump, target)) = two("judged", 2) else {
        return;
    };
    let endpoint = through(stranger(&jump), &target);
    let asked = connect(&endpoint).await.expect_err("nobody vouched for it");
    let text = asked.to_string();
    assert!(
        text.contains("jump host") && text.contains(&jump.ip),
        "{text}"
    );
    let ConnectFailure::Jump { failure, .. } = asked else {
        panic!("{text}");
    };
    let ConnectFailure::HostKeyUnknown { name, key, .. } = *failure else {
        panic!("{failure}");
    };
    append_known_host(&own_file(&jump), &name, &key).unwrap();
    drop(connected(&endpoint).await);

    jump.change_host_key();
    let changed = connect(&through(stranger(&jump), &target))
        .await
        .expect_err("changed");
    let text = changed.to_string();
    assert!(
        text.contains("has changed") && !changed.is_transient(),
        "{text}"
    );
    // Whoever reached it before does not even look at the files: the key of this run was another one.
    let pinned = connect(&endpoint).await.expect_err("changed").to_string();
    assert!(pinned.contains("seen earlier in this run"), "{pinned}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_jump_host_ends_what_goes_through_it_and_is_taken_up_again() {
    let Some((jump, target)) = two("lost", 3) else {
        return;
    };
    let endpoint = through(friend(&jump), &target);
    let session = connected(&endpoint).await;
    jump.stop();
    let why = tokio::time::timeout(Duration::from_secs(90), session.closed()).await;
    assert!(why.is_ok(), "the session through the lost host lives on");
    let gone = connect(&endpoint).await.expect_err("the jump host is away");
    assert!(
        gone.is_transient() && gone.to_string().contains("jump host"),
        "{gone}"
    );
    jump.restart();
    let session = connected(&endpoint).await;
    assert_eq!(read(&session, "echo back").await.stdout, b"back\n");
    // The target's own end is not the jump host's.
    target.kill_connections();
    let ended = tokio::time::timeout(Duration::from_secs(90), session.closed()).await;
    assert!(ended.is_ok(), "the target's end is not seen");
    assert_eq!(
        read(&connected(&endpoint).await, "echo again").await.stdout,
        b"again\n"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_jump_host_that_does_not_forward_says_so() {
    let Some(jump) = Sshd::start_with("closed", "127.0.70.4", &["AllowTcpForwarding no"]) else {
        return;
    };
    let target = Sshd::start("behind", "127.0.71.4").expect("there was an sshd before");
    let forbidden = connect(&through(friend(&jump), &target))
        .await
        .expect_err("forbidden");
    assert!(
        matches!(forbidden, ConnectFailure::JumpForbids { .. }),
        "{forbidden}"
    );
    assert!(
        forbidden.to_string().contains("AllowTcpForwarding"),
        "{forbidden}"
    );

    let open = Sshd::start("open", "127.0.70.5").expect("there was an sshd before");
    target.stop();
    let away = connect(&through(friend(&open), &target))
        .await
        .expect_err("away");
    assert!(matches!(away, ConnectFailure::Unreachable { .. }), "{away}");
    assert!(away.to_string().contains(&open.ip), "{away}");
}

/// Twenty nodes that are one server, behind one jump host; and what a jump endpoint says about it.
fn twenty(jump: Endpoint, target: &Sshd) -> SshLooks {
    let mut jumps = Jumps::default();
    let node = |number: u64| NodeSetup {
        node: NodeId::new(format!("n{number}")),
        endpoint: Endpoint {
            node: format!("n{number}"),
            route: Route::Through(jumps.through(jump.clone())),
            ..friend(target)
        },
        probes: vec![],
        checks: Default::default(),
        seed: number,
    };
    let setups = (0..20).map(node).collect();
    SshLooks::new(setups, Credentials::default(), Secrets::default())
}

fn connect_all(hands: &mut Watcher<SshLooks>) {
    for number in 0..20 {
        let node = NodeId::new(format!("n{number}"));
        hands.look(Look::Connect { node });
    }
}

async fn all_are_up(hands: &mut Watcher<SshLooks>) {
    let mut up = std::collections::BTreeSet::new();
    let says = |arrival: &Arrival| match arrival {
        Arrival::Link {
            node,
            report: LinkReport::Up { .. },
        } => {
            up.insert(node.clone());
            (up.len() == 20).then_some(())
        }
        _ => None,
    };
    hands.until("twenty connections", says).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn twenty_nodes_go_through_one_connection_to_the_jump_host() {
    let Some((jump, target)) = two("twenty", 6) else {
        return;
    };
    let mut hands = Watcher::new(twenty(friend(&jump), &target));
    connect_all(&mut hands);
    all_are_up(&mut hands).await;
    assert_eq!(logins(&target), 20, "{}", target.log());
    assert_eq!(logins(&jump), 1, "{}", jump.log());
    // The shared connection is lost: all are down, and come back through one new connection.
    hands.seen.clear();
    jump.kill_connections();
    all_are_up(&mut hands).await;
    assert_eq!(logins(&jump), 2, "{}", jump.log());
}

#[tokio::test(flavor = "multi_thread")]
async fn one_answer_about_the_jump_hosts_key_is_enough_for_all() {
    let Some((jump, target)) = two("asked", 7) else {
        return;
    };
    let mut unknown = stranger(&jump);
    // There is one file for all keys that were accepted.
    unknown.known_hosts.own = own_file(&target);
    let mut hands = Watcher::new(twenty(unknown, &target));
    connect_all(&mut hands);
    let question = |arrival: &Arrival| match arrival {
        Arrival::Link {
            node,
            report: LinkReport::UnknownHostKey { key, jump },
        } => Some((node.clone(), key.clone(), jump.clone())),
        _ => None,
    };
    let (node, key, asked) = hands.until("a question", question).await;
    let name = format!("{}@{}:{}", jump.user, jump.ip, jump.port);
    assert_eq!(asked, Some(name), "{key:?}");
    hands.look(Look::HostKey {
        node,
        fingerprint: key.fingerprint,
        accept: true,
    });
    all_are_up(&mut hands).await;
    assert_eq!(logins(&jump), 1, "{}", jump.log());
}

/// A command of the test's own, written to a file of the node's folder.
fn command(node: &Sshd, name: &str, script: &str) -> (Route, PathBuf) {
    let file = node.dir.join(name);
    fs::write(&file, script).unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).unwrap();
    let route = Route::Command(ProxyCommand {
        command: format!("{} {} {}", file.display(), node.ip, node.port),
        shell: "/bin/sh".into(),
    });
    (route, file)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_carries_the_connection_and_ends_with_it() {
    let Some(node) = Sshd::start("carried", "127.0.71.8") else {
        return;
    };
    if tool("bash").is_none() {
        return;
    }
    let pid_file = node.dir.join("pid");
    let script = format!(
        "#!/bin/bash\necho $$ > {}\nexec 3<>/dev/tcp/$1/$2\ncat <&3 &\nexec cat >&3\n",
        pid_file.display()
    );
    let (route, _) = command(&node, "carry", &script);
    let endpoint = Endpoint {
        route,
        ..friend(&node)
    };
    let session = connected(&endpoint).await;
    assert_eq!(read(&session, "echo in").await.stdout, b"in\n");
    let pid = fs::read_to_string(&pid_file).unwrap();
    let running = PathBuf::from(format!("/proc/{}", pid.trim()));
    assert!(running.exists());
    drop(session);
    eventually("the command has ended", || !running.exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn ssh_itself_can_be_the_command() {
    let Some((jump, target)) = two("dashw", 9) else {
        return;
    };
    let Some(ssh) = tool("ssh") else { return };
    let known = jump.dir.join("known");
    fs::write(&known, jump.known_hosts_line() + "\n").unwrap();
    let command = format!(
        "{} -F none -i {} -o IdentitiesOnly=yes -o UserKnownHostsFile={} -l {} -p {} -W {}:{} {}",
        ssh.display(),
        jump.login_key.display(),
        known.display(),
        jump.user,
        jump.port,
        target.ip,
        target.port,
        jump.ip,
    );
    let shell = "/bin/sh".into();
    let endpoint = Endpoint {
        route: Route::Command(ProxyCommand { command, shell }),
        ..friend(&target)
    };
    let session = connected(&endpoint).await;
    assert_eq!(read(&session, "echo in").await.stdout, b"in\n");
    assert_eq!(logins(&jump), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_that_fails_is_quoted() {
    let Some(node) = Sshd::start("failing", "127.0.71.10") else {
        return;
    };
    let (route, _) = command(&node, "fail", "#!/bin/sh\necho no way to $1 >&2\nexit 3\n");
    let endpoint = Endpoint {
        route,
        ..friend(&node)
    };
    let failure = connect(&endpoint).await.expect_err("it fails");
    let text = failure.to_string();
    assert!(
        text.contains(&format!("no way to {}", node.ip)) && text.contains('3'),
        "{text}"
    );
    assert!(failure.is_transient(), "a host that is away may come back");
    let absent = Endpoint {
        route: Route::Command(ProxyCommand {
            command: "/holdpoint/is/not/there %h".into(),
            shell: "/bin/sh".into(),
        }),
        ..friend(&node)
    };
    let failure = connect(&absent)
        .await
        .expect_err("there is no such command");
    assert!(!failure.is_transient(), "{failure}");
    assert!(failure.to_string().contains("127"), "{failure}");
}
