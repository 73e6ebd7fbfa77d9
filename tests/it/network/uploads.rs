//! Faults in the middle of an upload: the file is there whole or not at all, and gets there in the end.

use super::*;
use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use holdpoint::model::reply::Claim;

const SIZE: usize = 3 << 20;

fn noise() -> Vec<u8> {
    let mut dice = Dice::new(1, "noise");
    (0..SIZE / 4)
        .flat_map(|_| (dice.below(1 << 32) as u32).to_le_bytes())
        .collect()
}

/// Looks at the files again and again, and says which of them ever stood under its name without being whole.
fn watch_for_torn(
    files: Vec<PathBuf>,
) -> (Arc<AtomicBool>, std::thread::JoinHandle<BTreeSet<PathBuf>>) {
    let over = Arc::new(AtomicBool::new(false));
    let seen = Arc::clone(&over);
    let watcher = std::thread::spawn(move || {
        let mut torn = BTreeSet::new();
        while !seen.load(Ordering::Relaxed) {
            for file in &files {
                if fs::metadata(file).is_ok_and(|found| found.len() != SIZE as u64) {
                    torn.insert(file.clone());
                }
            }
            std::thread::sleep(Duration::from_millis(3));
        }
        torn
    });
    (over, watcher)
}

async fn strike_while_uploading(ip: &str, config: &[&str], faults: Vec<Fault>) {
    let Some(server) = Sshd::start_with("uploading", ip, config) else {
        return;
    };
    let package = server.dir.join("pack.bin");
    let bytes = noise();
    fs::write(&package, &bytes).expect("a package");
    let mut field = Field::connected(server, ip, faults.len()).await;
    let (mut orders, mut targets) = (Vec::new(), Vec::new());
    for number in 0..faults.len() {
        let folder = field.server.home.join(format!("there{number}"));
        fs::create_dir(&folder).expect("a folder");
        let target = folder.join("pack.bin");
        orders.push(field.upload(number, &format!("r1.up{number}.1"), &package, &target));
        targets.push(target);
    }
    let (over, watcher) = watch_for_torn(targets.clone());
    for (number, order) in orders.iter().enumerate() {
        field.ways[number].strike(faults[number]);
        field.change(Change::Start {
            order: order.clone(),
        });
    }
    field
        .until("every upload's end", |board| {
            orders.iter().all(|order| !board.ends(order).is_empty())
        })
        .await;
    field.all_up("every link again").await;
    field.round_trip().await;
    field.ways.iter().for_each(Faulty::release);
    field.round_trip().await;
    over.store(true, Ordering::Relaxed);
    let torn = watcher.join().expect("it only looks");
    assert!(torn.is_empty(), "half under their names: {torn:?}");
    field.assert_nobody_was_asked();
    let done = JobReport::Ended {
        claim: Claim::Exited { code: 0 },
    };
    for (number, order) in orders.iter().enumerate() {
        let fault = faults[number];
        let lines = field.board.lines(order).join("\n");
        assert_eq!(field.board.ends(order), [&done], "{fault:?}: {lines}");
        assert_eq!(field.ways[number].struck(), 1, "{fault:?} never struck");
        assert!(
            fs::read(&targets[number]).expect("it is there") == bytes,
            "{fault:?}: {lines}"
        );
        let beside = fs::read_dir(targets[number].parent().expect("a folder")).expect("a folder");
        assert_eq!(beside.count(), 1, "{fault:?} left something behind");
    }
}

/// Most of them among the file's bytes, some among the answers.
fn faults(kinds: [Kind; 2], seeds: std::ops::Range<u64>) -> Vec<Fault> {
    let fault = |(seed, kind)| {
        let mut dice = Dice::new(seed, "upload");
        if dice.below(4) == 0 {
            Fault::new(kind, Direction::FromNode, dice.below(1500))
        } else {
            Fault::new(kind, Direction::ToNode, dice.below(SIZE as u64))
        }
    };
    seeds.zip(kinds.into_iter().cycle()).map(fault).collect()
}

const SFTP: &str = "Subsystem sftp internal-sftp";

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_over_sftp_that_is_cut_or_reset_gets_there_whole() {
    strike_while_uploading(
        "127.0.122.11",
        &[SFTP],
        faults([Kind::Cut, Kind::Reset], 0..12),
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_over_sftp_that_stalls_gets_there_whole() {
    strike_while_uploading(
        "127.0.122.12",
        &[SFTP],
        faults([Kind::Stall, Kind::HalfOpen], 12..22),
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_through_the_shell_that_is_cut_or_reset_gets_there_whole() {
    strike_while_uploading(
        "127.0.122.13",
        &[],
        faults([Kind::Cut, Kind::Reset], 22..34),
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_through_the_shell_that_stalls_gets_there_whole() {
    strike_while_uploading(
        "127.0.122.14",
        &[],
        faults([Kind::Stall, Kind::HalfOpen], 34..44),
    )
    .await;
}
