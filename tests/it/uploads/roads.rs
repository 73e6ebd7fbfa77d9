//! The ways a file may take: SFTP, the shell, and what stands in for missing tools.

use super::*;
use crate::support::eventually;

/// What the scripts need on a node, without anything that computes a checksum.
const PLAIN_TOOLS: &[&str] = &[
    "sh", "bash", "cat", "wc", "dd", "date", "ls", "tr", "mkdir", "ln", "mv", "rm", "id", "df",
    "sync", "chmod", "sleep",
];

#[tokio::test(flavor = "multi_thread")]
async fn without_sftp_the_shell_carries_it_and_goes_on_after_a_cut() {
    let Some(node) = Sshd::start("st1", "127.0.10.6") else {
        return;
    };
    let dd = format!(
        "PATH=${{PATH#*:}}; DD=dd; case $1 in of=*) {STALL} | dd \"$@\" ;; *) exec dd \"$@\" ;; esac"
    );
    let dd = dd.replace("count=1000", "count=300");
    replace_program(&node, "dd", &dd);
    let package = package(40 * MIB + 12_345);
    let order = uploading(&node, spec(&package, &node));
    let mut hands = acts(&[&node]);
    hands.connect(&node).await;
    hands.start(&order);
    hands.job(&order, is_accepted).await;
    let half = || part(&node).is_some_and(|part| fs::metadata(part).unwrap().len() > 1_000_000);
    eventually("some of it is there", half);
    node.kill_connections();
    go_on(&node);
    assert_eq!(hands.end(&order).await, DONE);
    assert_there(&node, &package);
    assert!(said(&hands, &order).contains("are there and right"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_with_one_channel_and_a_node_without_checksums_get_it_too() {
    let Some(node) = Sshd::start_with("st1", "127.0.10.7", &["MaxSessions 1", WITH_SFTP]) else {
        return;
    };
    leave_only(&node, PLAIN_TOOLS);
    let package = package(9 * MIB + 1);
    let order = uploading(&node, spec(&package, &node));
    let mut hands = acts(&[&node]);
    hands.connect(&node).await;
    hands.start(&order);
    assert_eq!(hands.end(&order).await, DONE, "{}", said(&hands, &order));
    assert_there(&node, &package);
    hands.start(&order);
    assert_eq!(hands.end(&order).await, DONE);
    assert!(
        said(&hands, &order).ends_with(&format!("there already, SHA-256 {}", sha256(&package)))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_file_arrives_on_both_roads() {
    for (name, config) in [("sftp", vec![WITH_SFTP]), ("shell", vec![])] {
        let Some(node) = Sshd::start_with(name, "127.0.10.8", &config) else {
            return;
        };
        let package = package(0);
        let order = uploading(&node, spec(&package, &node));
        let mut hands = acts(&[&node]);
        hands.connect(&node).await;
        hands.start(&order);
        assert_eq!(hands.end(&order).await, DONE, "{}", said(&hands, &order));
        assert_there(&node, &package);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_comes_after_us_goes_on_with_what_is_right_and_with_nothing_else() {
    let Some((sftp, _folder)) = stalling_sftp() else {
        return;
    };
    let Some(node) = Sshd::start_with("st1", "127.0.10.9", &[&sftp]) else {
        return;
    };
    let package = package(40 * MIB);
    let order = uploading(&node, spec(&package, &node));
    let mut before = acts(&[&node]);
    before.connect(&node).await;
    before.start(&order);
    before
        .until("some of it", |arrival| percent(arrival, "2"))
        .await;
    drop(before);
    go_on(&node);

    let mut after = acts(&[&node]);
    after.connect(&node).await;
    after.attach(&order);
    let why = after.job(&order, is_not_started).await;
    assert!(format!("{why:?}").contains("have arrived"), "{why:?}");
    // Somebody has spoilt what had arrived: not a byte of it is taken.
    let part = part(&node).expect("it is there");
    let mut arrived = fs::read(&part).unwrap();
    arrived[7] ^= 1;
    fs::write(&part, arrived).unwrap();
    after.start(&order);
    assert_eq!(after.end(&order).await, DONE);
    assert_there(&node, &package);
    assert!(!said(&after, &order).contains("are there and right"));
    after.attach(&order);
    assert_eq!(after.end(&order).await, DONE, "it is there");
}

/// Takes away programs from the node: what is left of them lies in one folder.
fn leave_only(node: &Sshd, programs: &[&str]) {
    let bin = node.home.join("bin");
    fs::create_dir(&bin).unwrap();
    for name in programs {
        if let Some(program) = crate::support::tools::find(name) {
            std::os::unix::fs::symlink(program, bin.join(name)).unwrap();
        }
    }
    let path = format!("PATH={}\n", bin.display());
    fs::write(node.home.join(".bashrc"), path).unwrap();
}
