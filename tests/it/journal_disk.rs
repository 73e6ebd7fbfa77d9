//! A disk that fails at any write or sync leaves exactly what was acknowledged, and a journal that says so.

use std::fs;
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use holdpoint::journal::reader::scan;
use holdpoint::journal::{Disk, Durability, Journal, JournalError, Meta, read};

use super::journal::chain;
use super::state_folder::{new_run, open, this_test_alone};

/// What goes wrong on the pretend disk, and when.
#[derive(Clone, Copy, Debug)]
enum Fault {
    /// The write with this number takes `takes` bytes; the rest fails with the error, or succeeds if there is none.
    Write {
        number: usize,
        takes: usize,
        error: Option<io::ErrorKind>,
    },
    /// The sync with this number fails.
    Sync { number: usize, error: io::ErrorKind },
    /// The sync of the folder fails.
    Dir,
}

/// A disk in memory that fails once, as told.
#[derive(Default)]
struct Memory {
    bytes: Vec<u8>,
    synced: usize,
    writes: usize,
    syncs: usize,
    dir_synced: bool,
    ballast_freed: bool,
    fault: Option<Fault>,
    pending: Option<io::ErrorKind>,
    cannot_cut: bool,
    sync_takes: Duration,
}

#[derive(Clone, Default)]
struct FakeDisk(Arc<Mutex<Memory>>);

impl Disk for FakeDisk {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut memory = self.0.lock().unwrap();
        if let Some(error) = memory.pending.take() {
            return Err(error.into());
        }
        memory.writes += 1;
        let takes = match memory.fault {
            Some(Fault::Write {
                number,
                takes,
                error,
            }) if number == memory.writes => {
                memory.pending = error;
                takes.min(bytes.len() - 1)
            }
            _ => bytes.len(),
        };
        if takes == 0
            && let Some(error) = memory.pending.take()
        {
            return Err(error.into());
        }
        memory.bytes.extend_from_slice(&bytes[..takes]);
        Ok(takes)
    }

    fn sync_data(&mut self) -> io::Result<Duration> {
        let mut memory = self.0.lock().unwrap();
        memory.syncs += 1;
        match memory.fault {
            Some(Fault::Sync { number, error }) if number == memory.syncs => Err(error.into()),
            _ => {
                memory.synced = memory.bytes.len();
                Ok(memory.sync_takes)
            }
        }
    }

    fn sync_dir(&mut self) -> io::Result<()> {
        let mut memory = self.0.lock().unwrap();
        if matches!(memory.fault, Some(Fault::Dir)) {
            return Err(io::Error::other("the folder is gone"));
        }
        memory.dir_synced = true;
        Ok(())
    }

    fn truncate(&mut self, len: u64) -> io::Result<()> {
        let mut memory = self.0.lock().unwrap();
        if memory.cannot_cut {
            return Err(io::Error::other("cannot cut"));
        }
        memory.bytes.truncate(len as usize);
        Ok(())
    }

    fn free_ballast(&mut self) -> io::Result<()> {
        self.0.lock().unwrap().ballast_freed = true;
        Ok(())
    }
}

impl FakeDisk {
    fn journal(&self) -> Journal {
        let path = Path::new("/state/runs/7k2m/journal");
        Journal::on_disk(Box::new(self.clone()), path, Durability::Synced)
    }
}

/// Decision `n` has one to three records.
fn decision(n: usize) -> Vec<String> {
    (0..=n % 3)
        .map(|part| format!(r#"{{"decision":{n},"part":{part}}}"#))
        .collect()
}

const DECISIONS: usize = 6;

/// Appends all decisions to a disk with one fault and checks the promise; returns the journal and what it holds.
fn check_fault(fault: Fault, cannot_cut: bool) -> (FakeDisk, Journal, usize) {
    let disk = FakeDisk::default();
    disk.0.lock().unwrap().fault = Some(fault);
    disk.0.lock().unwrap().cannot_cut = cannot_cut;
    let mut journal = disk.journal();
    let (mut acknowledged, mut first) = (Vec::new(), None);
    for n in 0..DECISIONS {
        let syncs = disk.0.lock().unwrap().syncs;
        match (journal.append(&decision(n)), &first) {
            (Ok(()), None) => {
                acknowledged.extend(decision(n));
                let memory = disk.0.lock().unwrap();
                assert_eq!(
                    memory.synced,
                    memory.bytes.len(),
                    "acknowledged before the sync"
                );
                assert!(memory.dir_synced);
            }
            (Err(error), None) => first = Some(chain(&error)),
            (Err(error @ JournalError::Poisoned { .. }), Some(first)) => {
                assert!(
                    error.to_string().contains(first),
                    "{error} does not name {first}"
                );
                let memory = disk.0.lock().unwrap();
                assert_eq!(memory.syncs, syncs, "a failed sync was tried again");
            }
            (result, Some(_)) => panic!("{fault:?}: {result:?} after a failure"),
        }
    }
    let (reading, broken) = scan(&disk.0.lock().unwrap().bytes);
    assert_eq!(broken, None, "{fault:?}");
    let found: Vec<_> = reading.records.iter().map(|r| r.payload.clone()).collect();
    let attempted: Vec<_> = (0..DECISIONS)
        .flat_map(decision)
        .map(String::into_bytes)
        .collect();
    assert_eq!(found, attempted[..found.len()], "{fault:?}");
    assert!(
        found.len() >= acknowledged.len(),
        "{fault:?} lost an acknowledged record"
    );
    if !cannot_cut {
        assert_eq!(
            found.len(),
            acknowledged.len(),
            "{fault:?} kept an unacknowledged record"
        );
        assert_eq!(reading.torn_tail, None);
    }
    assert_eq!(journal.stopped_by().is_some(), first.is_some());
    (disk, journal, acknowledged.len())
}

#[test]
fn a_failure_at_any_write_leaves_the_acknowledged_records_and_a_poisoned_journal() {
    for number in 1..=DECISIONS {
        for kind in [
            io::ErrorKind::StorageFull,
            io::ErrorKind::Other,
            io::ErrorKind::PermissionDenied,
        ] {
            for takes in [0, 1, 20, 60, 130, 1000] {
                for cannot_cut in [false, true] {
                    let error = Some(kind);
                    let (_, journal, _) = check_fault(
                        Fault::Write {
                            number,
                            takes,
                            error,
                        },
                        cannot_cut,
                    );
                    assert!(journal.stopped_by().is_some());
                }
            }
        }
    }
}

#[test]
fn a_write_that_takes_nothing_poisons_and_one_that_takes_a_part_is_completed() {
    for number in 1..=DECISIONS {
        let error = None;
        let (_, journal, _) = check_fault(
            Fault::Write {
                number,
                takes: 0,
                error,
            },
            false,
        );
        assert!(journal.stopped_by().is_some());
        let (_, journal, kept) = check_fault(
            Fault::Write {
                number,
                takes: 33,
                error,
            },
            false,
        );
        assert_eq!(journal.stopped_by(), None);
        assert_eq!(kept, (0..DECISIONS).flat_map(decision).count());
    }
}

#[test]
fn a_failure_at_any_sync_poisons_and_is_never_tried_again() {
    for number in 1..=DECISIONS {
        for error in [io::ErrorKind::StorageFull, io::ErrorKind::Other] {
            for cannot_cut in [false, true] {
                let (_, mut journal, _) = check_fault(Fault::Sync { number, error }, cannot_cut);
                assert!(
                    journal.last_word(b"{}").is_err(),
                    "a sync after a failed sync proves nothing"
                );
            }
        }
    }
    check_fault(Fault::Dir, false);
}

#[test]
fn on_a_full_disk_the_reserve_takes_one_last_word() {
    let error = Some(io::ErrorKind::StorageFull);
    let (disk, mut journal, kept) = check_fault(
        Fault::Write {
            number: 4,
            takes: 30,
            error,
        },
        false,
    );
    assert!(disk.0.lock().unwrap().ballast_freed);
    assert!(journal.stopped_by().unwrap().contains("free some space"));
    journal.last_word(br#"{"stopped":"disk full"}"#).unwrap();
    assert!(journal.last_word(b"{}").is_err(), "only one");
    assert!(journal.append(&[b"{}"]).is_err(), "still poisoned");
    let (reading, broken) = scan(&disk.0.lock().unwrap().bytes);
    assert_eq!((broken, reading.torn_tail), (None, None));
    assert_eq!(reading.records.len(), kept + 1);
    assert_eq!(reading.records[kept].payload, br#"{"stopped":"disk full"}"#);
}

#[test]
fn a_decision_is_one_write_and_one_sync_and_a_bad_payload_costs_nothing() {
    let disk = FakeDisk::default();
    let mut journal = disk.journal();
    journal.append(&["{}", "{}", "{}"]).unwrap();
    journal.append(&[] as &[&str]).unwrap();
    assert!(matches!(
        journal.append(&["{}", "two\nlines"]),
        Err(JournalError::Payload { record: 5, .. })
    ));
    journal.append(&["{}"]).unwrap();
    let memory = disk.0.lock().unwrap();
    assert_eq!((memory.writes, memory.syncs), (2, 2));
    assert_eq!(journal.last_seq(), 4);
    assert_eq!(scan(&memory.bytes).0.head, journal.head());
}

#[test]
fn a_slow_sync_is_told_once_and_the_slowest_wins() {
    let disk = FakeDisk::default();
    let mut journal = disk.journal();
    for millis in [250, 400, 300] {
        disk.0.lock().unwrap().sync_takes = Duration::from_millis(millis);
        journal.append(&["{}"]).unwrap();
    }
    let slow = journal.take_slow_sync().unwrap();
    assert_eq!((slow.record, slow.took), (2, Duration::from_millis(400)));
    assert_eq!(journal.take_slow_sync(), None);
}

#[test]
fn a_journal_on_a_real_disk_reads_back_and_is_never_created_over_another() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal");
    let mut journal = Journal::create(&path, Durability::Synced).unwrap();
    for n in 0..DECISIONS {
        journal.append(&decision(n)).unwrap();
    }
    let reserve = fs::metadata(folder.path().join("journal.ballast")).unwrap();
    assert_eq!(reserve.len(), 1024 * 1024);
    assert!(Journal::create(&path, Durability::Synced).is_err());
    let reading = read(&path).unwrap();
    assert_eq!(reading.head, journal.head());
    assert_eq!(reading.records.len() as u64, journal.last_seq());
    assert!(
        reading
            .records
            .iter()
            .all(|record| record.wall_ms > 1_700_000_000_000)
    );
}

#[test]
fn a_disk_that_is_really_full_stops_the_run_with_a_last_word_and_resumes_when_there_is_room() {
    const FOLDER: &str = "HOLDPOINT_TEST_SMALL_DISK";
    if let Ok(folder) = std::env::var(FOLDER) {
        return fill_the_disk(Path::new(&folder));
    }
    let folder = tempfile::tempdir().unwrap();
    let name = "journal_disk::a_disk_that_is_really_full_stops_the_run_with_a_last_word_and_resumes_when_there_is_room";
    // A disk of its own that nobody else sees and that goes away with the process.
    let wrapper = format!(
        "unshare -Urm sh -c 'mount -t tmpfs -o size=3m,mode=700 none \"${FOLDER}\" || exit 77; exec \"$0\" \"$@\"' \"$0\" \"$@\" || exit $?"
    );
    let allowed = std::process::Command::new("unshare")
        .args(["-Urm", "sh", "-c", "mount -t tmpfs none \"$0\""])
        .arg(folder.path())
        .output();
    if !allowed.is_ok_and(|output| output.status.success()) {
        println!("skipped: mounting a small disk in a namespace is not allowed here");
        return;
    }
    let output = this_test_alone(&wrapper, name)
        .env(FOLDER, folder.path())
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
}

/// Runs on a disk of 3 MiB.
fn fill_the_disk(folder: &Path) {
    let state = open(folder).unwrap();
    let run = new_run(&state);
    let mut journal = Journal::create(&run.journal(), Durability::Synced).unwrap();
    journal.append(&decision(2)).unwrap();
    let filler = folder.join("filler");
    let full = fs::write(&filler, vec![b'x'; 4 << 20]).unwrap_err();
    assert_eq!(full.kind(), io::ErrorKind::StorageFull);

    let large = format!("\"{}\"", "x".repeat(10_000));
    let error = journal.append(&[&large]).unwrap_err();
    assert!(
        chain(&error).contains("free some space"),
        "{}",
        chain(&error)
    );
    journal.last_word(br#"{"stopped":"disk full"}"#).unwrap();
    let before = read(&run.journal()).unwrap();
    assert_eq!((before.records.len(), before.torn_tail), (4, None));

    fs::write(folder.join("more"), vec![b'x'; 4 << 20]).unwrap_err();
    let refused = Journal::open(&run.journal(), Durability::Synced)
        .err()
        .unwrap();
    assert!(
        chain(&refused).contains("free some space"),
        "{}",
        chain(&refused)
    );
    let refused = state.create(1, |id| {
        run.meta().map(|meta| Meta { run: id, ..meta }).unwrap()
    });
    assert!(chain(&refused.unwrap_err()).contains("free some space"));
    assert_eq!(state.list().unwrap().len(), 1, "no half-made run is left");

    fs::remove_file(filler).unwrap();
    let mut opened = Journal::open(&run.journal(), Durability::Synced).unwrap();
    opened.journal.append(&[&large]).unwrap();
    assert_eq!(read(&run.journal()).unwrap().records.len(), 5);
}
