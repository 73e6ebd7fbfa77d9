//! What goes wrong is said with its reason, and nothing half is left behind.

use super::*;
use crate::support::eventually;
use crate::support::small_disk::SmallDisk;

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_begun_says_why_and_writes_nothing() {
    let Some(node) = Sshd::start_with("st1", "127.0.10.12", &[WITH_SFTP]) else {
        return;
    };
    let package = package(MIB);
    let usual = spec(&package, &node);
    let mut hands = acts(&[&node]);
    hands.connect(&node).await;
    fs::create_dir_all(node.home.join("it's here/folder")).unwrap();
    let cases = [
        (
            UploadSpec {
                from: "/nowhere/pack.bin".into(),
                ..usual.clone()
            },
            "/nowhere/pack.bin: No such file",
        ),
        (
            UploadSpec {
                from: node.home.display().to_string(),
                ..usual.clone()
            },
            "no regular file",
        ),
        (
            UploadSpec {
                sha256: Some("ab".repeat(32)),
                ..usual.clone()
            },
            "abab is wanted",
        ),
        (
            UploadSpec {
                to: node.home.join("not here/pack.bin").display().to_string(),
                ..usual.clone()
            },
            "there is no folder",
        ),
        (
            UploadSpec {
                to: node.home.join("it's here/folder").display().to_string(),
                ..usual.clone()
            },
            "is a folder",
        ),
    ];
    for (n, (spec, wanted)) in cases.into_iter().enumerate() {
        let mut order = uploading(&node, spec);
        order.job = format!("r1.bad.{n}");
        hands.start(&order);
        let why = format!("{:?}", hands.job(&order, is_not_started).await);
        assert!(why.contains(wanted), "{why}");
    }
    assert_eq!(lying(&node), ["folder"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn too_little_room_is_said_in_bytes_before_anything_is_sent() {
    let Some(node) = Sshd::start_with("st1", "127.0.10.13", &[WITH_SFTP]) else {
        return;
    };
    let Some(_small) = SmallDisk::mount(&node.home.join("it's here"), "size=8m") else {
        return;
    };
    let package = package(20 * MIB);
    let order = uploading(&node, spec(&package, &node));
    let mut hands = acts(&[&node]);
    hands.connect(&node).await;
    hands.start(&order);
    let why = format!("{:?}", hands.job(&order, is_not_started).await);
    assert!(
        why.contains("8388608 bytes free, and 22020096 are wanted"),
        "{why}"
    );
    assert!(lying(&node).is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_that_fills_up_meanwhile_fails_it_and_gets_its_room_back() {
    for (name, config) in [("sftp", vec![WITH_SFTP]), ("shell", vec![])] {
        let Some(node) = Sshd::start_with(name, "127.0.10.14", &config) else {
            return;
        };
        let here = node.home.join("it's here");
        let Some(_small) = SmallDisk::mount(&here, "size=40m") else {
            return;
        };
        let package = package(36 * MIB);
        let order = uploading(&node, spec(&package, &node));
        wait_before_sending(&node);
        let mut hands = acts(&[&node]);
        hands.connect(&node).await;
        hands.start(&order);
        eventually("it is asked for room", || node.home.join("asked").exists());
        // Somebody else takes it while the file is on its way.
        fs::write(here.join("other"), noise(16 * MIB)).unwrap();
        go_on(&node);
        assert_eq!(hands.end(&order).await, FAILED, "{name}");
        let said = said(&hands, &order);
        assert!(
            said.contains("bytes free, and") && said.contains("make room on"),
            "{name}: {said}"
        );
        assert_eq!(lying(&node), ["other"], "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_changes_under_our_hands_is_not_put_in_place() {
    let Some(node) = Sshd::start_with("st1", "127.0.10.15", &[WITH_SFTP]) else {
        return;
    };
    let package = package(4 * MIB);
    wait_before_sending(&node);
    let order = uploading(&node, spec(&package, &node));
    let mut hands = acts(&[&node]);
    hands.connect(&node).await;
    hands.start(&order);
    eventually("it is measured", || node.home.join("asked").exists());
    fs::write(&package.path, noise(4 * MIB)).unwrap();
    go_on(&node);
    assert_eq!(hands.end(&order).await, FAILED);
    let said = said(&hands, &order);
    assert!(
        said.contains("pack.bin: it changed while it was uploaded"),
        "{said}"
    );
    assert!(lying(&node).is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_arrived_wrong_is_taken_away_again() {
    let Some(node) = Sshd::start("st1", "127.0.10.16") else {
        return;
    };
    // A node whose disk lies: what it takes in is not what it keeps.
    let dd = "PATH=${PATH#*:}; case $1 in of=*) tr a b | dd \"$@\" ;; *) exec dd \"$@\" ;; esac";
    replace_program(&node, "dd", dd);
    let package = package(MIB);
    let order = uploading(&node, spec(&package, &node));
    let mut hands = acts(&[&node]);
    hands.connect(&node).await;
    hands.start(&order);
    assert_eq!(hands.end(&order).await, FAILED);
    assert!(said(&hands, &order).contains("it was taken away again"));
    assert!(lying(&node).is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancelled_upload_leaves_nothing() {
    let Some((sftp, _folder)) = stalling_sftp() else {
        return;
    };
    let Some(node) = Sshd::start_with("st1", "127.0.10.17", &[&sftp]) else {
        return;
    };
    let package = package(50 * MIB);
    let order = uploading(&node, spec(&package, &node));
    let mut hands = acts(&[&node]);
    hands.connect(&node).await;
    hands.start(&order);
    hands
        .until("some of it", |arrival| percent(arrival, "1"))
        .await;
    cancel(&mut hands, &order);
    assert_eq!(hands.end(&order).await, Claim::Cancelled);
    assert!(lying(&node).is_empty(), "{:?}", lying(&node));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_somebody_planted_under_the_name_is_refused() {
    let Some(node) = Sshd::start_with("st1", "127.0.10.18", &[WITH_SFTP]) else {
        return;
    };
    let package = package(MIB);
    let order = uploading(&node, spec(&package, &node));
    let mut hands = acts(&[&node]);
    hands.connect(&node).await;
    hands.start(&order);
    assert_eq!(hands.end(&order).await, DONE);
    let sum = &sha256(&package)[..16];
    fs::remove_file(target(&node)).unwrap();
    let victim = node.home.join("victim");
    fs::write(&victim, "precious").unwrap();
    let planted = node.home.join(format!("it's here/pack.bin.{sum}.part"));
    std::os::unix::fs::symlink(&victim, planted).unwrap();
    hands.start(&order);
    let why = format!("{:?}", hands.job(&order, is_not_started).await);
    assert!(
        why.contains("is a link or belongs to somebody else"),
        "{why}"
    );
    assert_eq!(fs::read(&victim).unwrap(), b"precious");
}
