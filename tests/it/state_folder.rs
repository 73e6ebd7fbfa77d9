//! The state folder: private, refused when it cannot be trusted, one writer a run, and a listing that tells who.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use holdpoint::journal::{
    Durability, Journal, LockError, LockState, Meta, NetworkFs, Owner, RunDir, RunId, RunLock,
    StateDir, StateError, lock, runid,
};

use super::journal::write_private;

fn meta(run: RunId, created: &str) -> Meta {
    Meta {
        run,
        mode: "rehearse".to_owned(),
        procedure: "securetransport/standard-cluster".to_owned(),
        cluster: "st-prod".to_owned(),
        target: "5.5-20240627".to_owned(),
        created: created.parse().unwrap(),
        operator: "ana@jump-1".to_owned(),
        program: "0.1.0".to_owned(),
        more: serde_json::Map::new(),
    }
}

pub(crate) fn new_run(state: &StateDir) -> RunDir {
    state
        .create(runid::entropy(), |id| meta(id, "2026-11-21T22:00:00Z"))
        .unwrap()
}

pub(crate) fn open(folder: &Path) -> Result<StateDir, StateError> {
    StateDir::open(folder, NetworkFs::Accept)
}

/// A state folder that goes away with the test.
fn fresh() -> (tempfile::TempDir, StateDir) {
    let folder = tempfile::tempdir().unwrap();
    let state = open(&folder.path().join("state")).unwrap();
    (folder, state)
}

/// This test binary again, running one test only, as a process of its own.
pub(crate) fn this_test_alone(wrapper: &str, name: &str) -> Command {
    let mut command = Command::new("sh");
    command
        .args(["-c", wrapper])
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", name, "--nocapture"]);
    command
}

#[test]
fn everything_in_the_state_folder_is_private_even_without_a_umask() {
    const FOLDER: &str = "HOLDPOINT_TEST_STATE_FOLDER";
    if let Ok(folder) = std::env::var(FOLDER) {
        return fill(Path::new(&folder));
    }
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("deep/er/state");
    let name = "state_folder::everything_in_the_state_folder_is_private_even_without_a_umask";
    let output = this_test_alone("umask 000; exec \"$0\" \"$@\"", name)
        .env(FOLDER, &state)
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    let mut files = 0;
    let mut folders = vec![folder.path().join("deep")];
    while let Some(folder) = folders.pop() {
        let mode = fs::metadata(&folder).unwrap().mode() & 0o7777;
        assert_eq!(mode, 0o700, "{}", folder.display());
        for entry in fs::read_dir(&folder).unwrap().map(Result::unwrap) {
            let mode = entry.metadata().unwrap().mode() & 0o7777;
            if entry.file_type().unwrap().is_dir() {
                folders.push(entry.path());
            } else {
                assert_eq!(mode, 0o600, "{}", entry.path().display());
                files += 1;
            }
        }
    }
    assert_eq!(
        files, 7,
        "journal, ballast, torn tail, lock, meta, plan, transcript"
    );
}

/// Makes one of every kind of file.
fn fill(folder: &Path) {
    let run = new_run(&open(folder).unwrap());
    let lock = run.lock().unwrap();
    drop(Journal::create(&run.journal(), Durability::Synced).unwrap());
    fs::write(run.journal(), "torn").unwrap();
    drop(Journal::open(&run.journal(), Durability::Synced).unwrap());
    run.freeze(&run.plan_json(), b"{}").unwrap();
    let mut transcript = run.new_transcript("stop/stop-all@st1", 1).unwrap();
    transcript.line("stopped").unwrap();
    drop(lock);
}

#[test]
fn a_folder_that_others_could_change_is_refused_with_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let real = folder.path().join("real");
    drop(open(&real).unwrap());
    let check = |path: &Path, hint: &str| {
        let error = open(path).unwrap_err().to_string();
        assert!(error.contains(&*path.to_string_lossy()), "{error}");
        assert!(error.contains(hint), "{error} does not say {hint:?}");
    };

    let link = folder.path().join("link");
    symlink(&real, &link).unwrap();
    check(&link, "symbolic link");

    let open_to_all = folder.path().join("open");
    fs::create_dir(&open_to_all).unwrap();
    fs::set_permissions(&open_to_all, fs::Permissions::from_mode(0o770)).unwrap();
    check(&open_to_all, "chmod 700");

    let file = folder.path().join("file");
    fs::write(&file, "").unwrap();
    check(&file, "not a folder");

    check(&foreign(folder.path()), "belongs to user id");

    let inner = folder.path().join("inner");
    fs::create_dir(&inner).unwrap();
    fs::set_permissions(&inner, fs::Permissions::from_mode(0o700)).unwrap();
    symlink(&real, inner.join("runs")).unwrap();
    let error = open(&inner).unwrap_err().to_string();
    assert!(
        error.contains("inner/runs") && error.contains("symbolic link"),
        "{error}"
    );
}

/// A folder of somebody else: made over to another user if we may, else one of the system's.
fn foreign(within: &Path) -> PathBuf {
    let path = within.join("foreign");
    fs::create_dir(&path).unwrap();
    match std::os::unix::fs::chown(&path, Some(12_345), None) {
        Ok(()) => path,
        Err(_) => PathBuf::from("/usr"),
    }
}

#[test]
fn a_folder_that_cannot_be_made_is_named_with_the_cause() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "").unwrap();
    let error = open(&file.join("state")).unwrap_err();
    let trouble = std::error::Error::source(&error).unwrap().to_string();
    assert!(
        trouble.contains("file/state") && trouble.contains("--state-dir"),
        "{trouble}"
    );
}

#[test]
fn planted_links_are_not_followed() {
    let (folder, state) = fresh();
    let run = new_run(&state);
    let victim = folder.path().join("victim");
    fs::write(&victim, "precious").unwrap();
    let transcript = run.transcript_path("stop/stop-all@st1", 1);
    for planted in [run.journal(), run.lock_file(), run.plan_json(), transcript] {
        symlink(&victim, planted).unwrap();
    }
    assert!(Journal::create(&run.journal(), Durability::Unsynced).is_err());
    assert!(Journal::open(&run.journal(), Durability::Unsynced).is_err());
    assert!(run.lock().is_err());
    assert!(run.freeze(&run.plan_json(), b"{}").is_err());
    assert!(run.new_transcript("stop/stop-all@st1", 1).is_err());
    fs::remove_file(run.journal()).unwrap();
    fs::write(&victim, "").unwrap();
    fs::hard_link(&victim, run.journal()).unwrap();
    assert!(Journal::open(&run.journal(), Durability::Unsynced).is_err());
    assert_eq!(fs::read_to_string(&victim).unwrap(), "");
}

#[test]
fn a_second_writer_is_told_who_the_first_one_is() {
    let (_folder, state) = fresh();
    let run = new_run(&state);
    let first = run.lock().unwrap();
    let error = run.lock().unwrap_err();
    let LockError::Locked { owner, .. } = &error else {
        panic!("{error:?}");
    };
    let owner = owner.as_deref().unwrap();
    assert_eq!(owner.pid, std::process::id());
    let text = error.to_string();
    assert!(
        text.contains(&format!("{}@{}", owner.user, owner.host)),
        "{text}"
    );
    assert!(
        text.contains(&owner.started) && text.contains(run.id().as_str()),
        "{text}"
    );
    assert!(matches!(
        lock::look(&run.lock_file()).unwrap(),
        LockState::Held { by: Some(_) }
    ));
    drop(first);
    assert_eq!(
        run.lock().unwrap().previous_owner(),
        None,
        "let go in order"
    );
}

#[test]
fn an_owner_that_was_killed_is_recognised_and_does_not_keep_the_run() {
    const LOCK: &str = "HOLDPOINT_TEST_LOCK";
    if let Ok(path) = std::env::var(LOCK) {
        let _lock = RunLock::take(Path::new(&path), &Owner::current()).unwrap();
        println!("\nholding");
        // Ends when the parent kills us, or at the latest when it is gone.
        std::io::stdin().read_to_end(&mut Vec::new()).unwrap();
        return;
    }
    let (_folder, state) = fresh();
    let run = new_run(&state);
    let name = "state_folder::an_owner_that_was_killed_is_recognised_and_does_not_keep_the_run";
    let mut child = this_test_alone("exec \"$0\" \"$@\"", name)
        .env(LOCK, run.lock_file())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert!(lines.map_while(Result::ok).any(|line| line == "holding"));

    let Err(LockError::Locked { owner, .. }) = run.lock() else {
        panic!("the child holds the lock");
    };
    assert_eq!(owner.unwrap().pid, child.id());
    let listed = state.list().unwrap().remove(0);
    assert!(matches!(listed.lock, Ok(LockState::Held { by: Some(_) })));

    child.kill().unwrap();
    child.wait().unwrap();
    let LockState::Free { died: Some(died) } = lock::look(&run.lock_file()).unwrap() else {
        panic!("a killed owner holds nothing, and left its name");
    };
    assert_eq!(died.pid, child.id());
    let lock = run.lock().unwrap();
    assert_eq!(lock.previous_owner(), Some(&died));
}

#[test]
fn a_lock_file_with_anything_in_it_can_be_taken() {
    let (_folder, state) = fresh();
    let run = new_run(&state);
    for text in ["", "{", "{\"user\":1}", "\u{0}\u{0}"] {
        write_private(&run.lock_file(), text.as_bytes());
        assert_eq!(run.lock().unwrap().previous_owner(), None, "{text:?}");
    }
}

#[test]
fn runs_are_listed_newest_first_and_the_latest_unfinished_is_found() {
    let (_folder, state) = fresh();
    let days = [
        "2026-11-03T00:00:00Z",
        "2026-11-01T00:00:00Z",
        "2026-11-02T00:00:00Z",
    ];
    let ids: Vec<_> = (0..)
        .zip(days)
        .map(|(n, day)| state.create(n, |id| meta(id, day)).unwrap().id().clone())
        .collect();
    fs::create_dir(state.runs().join("no run at all")).unwrap();
    let bare = state.runs().join("bad2");
    fs::create_dir(&bare).unwrap();
    fs::set_permissions(&bare, fs::Permissions::from_mode(0o700)).unwrap();
    let listed = state.list().unwrap();
    let order: Vec<_> = listed
        .iter()
        .filter(|l| l.meta.is_ok())
        .map(|l| l.dir.id())
        .collect();
    assert_eq!(order, [&ids[0], &ids[2], &ids[1]]);
    assert_eq!(
        listed.len(),
        4,
        "a run without its meta.json is shown as such"
    );

    let finished = &ids[0];
    let latest = state
        .latest(|l| l.meta.is_ok() && l.dir.id() != finished)
        .unwrap();
    assert_eq!(latest.unwrap().dir.id(), &ids[2]);
    assert_eq!(
        state.run(&ids[1]).unwrap().meta().unwrap(),
        meta(ids[1].clone(), days[1])
    );

    let error = state.run(&"zzzz".parse().unwrap()).unwrap_err().to_string();
    assert!(
        error.contains("zzzz") && error.contains("holdpoint runs"),
        "{error}"
    );
}

#[test]
fn the_same_entropy_never_gives_two_runs_one_folder() {
    let (_folder, state) = fresh();
    let mut ids: Vec<_> = (0..20)
        .map(|_| {
            state
                .create(7, |id| meta(id, "2026-11-21T22:00:00Z"))
                .unwrap()
                .id()
                .clone()
        })
        .collect();
    assert_eq!(ids[0].as_str().len(), 4);
    assert!(ids.iter().all(|id| id.as_str().parse::<RunId>().is_ok()));
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 20);
    for bad in ["", "abc", "7k2mabc", "7K2M", "../x", "a.bc", "0000"] {
        assert!(bad.parse::<RunId>().is_err(), "{bad}");
    }
}

#[test]
fn a_frozen_file_stays_and_a_report_is_replaced_whole() {
    let (_folder, state) = fresh();
    let run = new_run(&state);
    run.freeze(&run.plan_text(), b"the plan").unwrap();
    let error = run
        .freeze(&run.plan_text(), b"another")
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("plan.txt") && error.contains("never overwritten"),
        "{error}"
    );
    assert_eq!(fs::read(run.plan_text()).unwrap(), b"the plan");
    for text in ["first", "second"] {
        run.replace(&run.report("md"), text.as_bytes()).unwrap();
        assert_eq!(fs::read_to_string(run.report("md")).unwrap(), text);
    }
    let names = fs::read_dir(run.path())
        .unwrap()
        .map(|e| e.unwrap().file_name());
    let left: Vec<_> = names
        .filter(|n| n.to_string_lossy().starts_with(".new"))
        .collect();
    assert!(left.is_empty(), "{left:?}");
}
