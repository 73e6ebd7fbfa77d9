//! Files on their way to nodes: whole or not at all, only what is missing, and compared on both ends.

mod roads;
mod trouble;

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use holdpoint::model::procedure::UploadSpec;
use holdpoint::model::reply::{Claim, JobReport};
use holdpoint::model::telemetry::Telemetry;
use holdpoint::transport::nodes::SshActs;
use holdpoint::transport::{Arrival, Change, Errand, Order};

use crate::support::hands::{Watcher, acts, is_up, order};
use crate::support::sshd::Sshd;

const MIB: usize = 1 << 20;

/// A server with the usual SFTP subsystem.
const WITH_SFTP: &str = "Subsystem sftp internal-sftp";

/// A shell command that hands on its input piece by piece, up to 32 MB, and the rest when the node's file `go` is there.
const STALL: &str = "{ \"$DD\" bs=32768 count=1000 2>/dev/null; while [ ! -e \"$HOME/go\" ]; do sleep 0.05; done; cat; }";

/// An SFTP subsystem that stalls in the middle of a file, and the folder where it lies.
fn stalling_sftp() -> Option<(String, tempfile::TempDir)> {
    let places = [
        "/usr/lib/openssh",
        "/usr/libexec/openssh",
        "/usr/lib/ssh",
        "/usr/libexec",
    ];
    let servers = places.map(|place| Path::new(place).join("sftp-server"));
    let Some(server) = servers.iter().find(|server| server.exists()) else {
        eprintln!("skipped: no sftp-server is installed");
        return None;
    };
    let folder = tempfile::tempdir().expect("a folder");
    let script = folder.path().join("sftp.sh");
    fs::write(&script, format!("DD=dd\n{STALL} | {}\n", server.display())).expect("a script");
    Some((format!("Subsystem sftp sh {}", script.display()), folder))
}

fn go_on(node: &Sshd) {
    fs::write(node.home.join("go"), "").expect("a file");
}

/// Puts a script in the place of one of the node's programs.
fn replace_program(node: &Sshd, name: &str, script: &str) {
    let bin = node.home.join("bin");
    fs::create_dir_all(&bin).unwrap();
    fs::write(bin.join(name), format!("#!/bin/sh\n{script}\n")).unwrap();
    fs::set_permissions(bin.join(name), fs::Permissions::from_mode(0o755)).unwrap();
    fs::write(node.home.join(".bashrc"), "PATH=$HOME/bin:$PATH\n").unwrap();
}

/// Makes the node wait, before anything is sent to it, until the file `go` is there; `asked` says that it waits.
fn wait_before_sending(node: &Sshd) {
    let df = "PATH=${PATH#*:}; df \"$@\"; : >\"$HOME/asked\"; while [ ! -e \"$HOME/go\" ]; do sleep 0.05; done";
    replace_program(node, "df", df);
}

/// Bytes that compress badly and differ from block to block.
fn noise(bytes: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut noise = Vec::with_capacity(bytes + 8);
    while noise.len() < bytes {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        noise.extend(state.to_le_bytes());
    }
    noise.truncate(bytes);
    noise
}

/// A package on the operator's machine.
struct Package {
    path: PathBuf,
    bytes: Vec<u8>,
    _folder: tempfile::TempDir,
}

fn package(bytes: usize) -> Package {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("pack.bin");
    let bytes = noise(bytes);
    fs::write(&path, &bytes).expect("a package");
    Package {
        path,
        bytes,
        _folder: folder,
    }
}

fn spec(package: &Package, node: &Sshd) -> UploadSpec {
    UploadSpec {
        from: package.path.display().to_string(),
        to: target(node).display().to_string(),
        sha256: None,
        mode: Some(0o640),
    }
}

fn target(node: &Sshd) -> PathBuf {
    node.home.join("it's here/pack.bin")
}

fn uploading(node: &Sshd, spec: UploadSpec) -> Order {
    let _ = fs::create_dir(node.home.join("it's here"));
    Order {
        errand: Errand::Upload(Box::new(spec)),
        ..order(node, &format!("r1.upload.{}.1", node.name), "")
    }
}

/// What lies in the target's folder.
fn lying(node: &Sshd) -> Vec<String> {
    let folder = fs::read_dir(node.home.join("it's here")).expect("the folder");
    let mut names: Vec<String> = folder
        .map(|file| file.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

fn assert_there(node: &Sshd, package: &Package) {
    assert!(
        fs::read(target(node)).unwrap() == package.bytes,
        "{} differs",
        node.name
    );
    assert_eq!(lying(node), ["pack.bin"]);
    let mode = fs::metadata(target(node)).unwrap().permissions().mode();
    assert_eq!(mode & 0o7777, 0o640);
}

fn is_accepted(report: &JobReport) -> bool {
    *report == JobReport::Accepted
}

fn is_not_started(report: &JobReport) -> bool {
    matches!(report, JobReport::NotStarted { .. })
}

fn said(hands: &Watcher<SshActs>, order: &Order) -> String {
    hands.lines(order).join("\n")
}

const DONE: Claim = Claim::Exited { code: 0 };
const FAILED: Claim = Claim::Exited { code: 1 };

#[tokio::test(flavor = "multi_thread")]
async fn three_nodes_get_the_file_and_one_that_has_it_gets_nothing() {
    let Some(st1) = Sshd::start_with("st1", "127.0.10.2", &[WITH_SFTP]) else {
        return;
    };
    let st2 = Sshd::start_with("st2", "127.0.10.3", &[WITH_SFTP]).expect("there was an sshd");
    let st3 = Sshd::start_with("st3", "127.0.10.4", &[WITH_SFTP]).expect("there was an sshd");
    let nodes = [&st1, &st2, &st3];
    let package = package(50 * MIB);
    let orders = nodes.map(|node| uploading(node, spec(&package, node)));
    fs::write(target(&st3), &package.bytes).unwrap();
    fs::write(target(&st2), "an older one").unwrap();
    let mut hands = acts(&nodes);
    for node in nodes {
        hands.connect(node).await;
    }
    for order in &orders {
        hands.start(order);
    }
    let mut open: Vec<&str> = vec!["st1", "st2", "st3"];
    while !open.is_empty() {
        let ended = |arrival: &Arrival| match arrival {
            Arrival::Job {
                node,
                report: JobReport::Ended { claim },
                ..
            } => Some((node.to_string(), claim.clone())),
            _ => None,
        };
        let (node, claim) = hands.until("an end", ended).await;
        assert_eq!(claim, DONE);
        open.retain(|name| *name != node);
    }
    for node in nodes {
        assert_there(node, &package);
    }
    assert!(
        said(&hands, &orders[0]).contains("50 %"),
        "{}",
        said(&hands, &orders[0])
    );
    assert!(said(&hands, &orders[2]).contains("there already"));
    assert!(!said(&hands, &orders[2]).contains('%'), "nothing was sent");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cut_in_the_middle_costs_only_what_was_not_there() {
    let Some((sftp, _folder)) = stalling_sftp() else {
        return;
    };
    let Some(node) = Sshd::start_with("st1", "127.0.10.5", &[&sftp]) else {
        return;
    };
    let package = package(50 * MIB);
    let order = uploading(&node, spec(&package, &node));
    let mut hands = acts(&[&node]);
    hands.connect(&node).await;
    hands.start(&order);
    hands
        .until("some of it", |arrival| percent(arrival, "2"))
        .await;
    assert!(!target(&node).exists(), "never half under its name");
    node.kill_connections();
    go_on(&node);
    hands
        .job(&order, |report| {
            matches!(report, JobReport::OutOfSight { .. })
        })
        .await;
    hands.link(&node, is_up).await;
    // As the engine does it, on top of what goes on by itself.
    hands.attach(&order);
    assert_eq!(hands.end(&order).await, DONE);
    assert_there(&node, &package);
    let said = said(&hands, &order);
    assert!(said.contains("bytes are there and right"), "{said}");
    let sent = said.lines().last().unwrap().split(' ').next().unwrap();
    assert!(sent.parse::<usize>().unwrap() < 45 * MIB, "{said}");
}

fn percent(arrival: &Arrival, tens: &str) -> Option<()> {
    match arrival {
        Arrival::Telemetry(Telemetry::Output { lines, .. }) => {
            let told = format!("{tens}0 %");
            lines
                .iter()
                .any(|line| line.starts_with(&told))
                .then_some(())
        }
        _ => None,
    }
}

fn sha256(package: &Package) -> String {
    use sha2::{Digest as _, Sha256};
    let digest = Sha256::digest(&package.bytes);
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// What has arrived so far.
fn part(node: &Sshd) -> Option<PathBuf> {
    let name = lying(node)
        .into_iter()
        .find(|name| name.ends_with(".part"))?;
    Some(node.home.join("it's here").join(name))
}

fn cancel(hands: &mut Watcher<SshActs>, order: &Order) {
    hands.change(Change::Cancel {
        order: order.clone(),
    });
}
