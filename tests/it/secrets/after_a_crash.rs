//! What the program leaves behind when it is ended in the hardest way: no core file that its memory could be read from.

use std::os::unix::process::ExitStatusExt as _;
use std::process::{Child, Command, ExitStatus, Stdio};

use rustix::process::{Pid, Resource, Rlimit, Signal, kill_process, prlimit};

use crate::support::eventually;

/// `sh` with core files of any size wanted, in a folder that goes away.
fn wants_a_core(folder: &tempfile::TempDir, script: &str) -> Child {
    Command::new("sh")
        .args(["-c", &format!("ulimit -c unlimited && {script}")])
        .arg(env!("CARGO_BIN_EXE_holdpoint"))
        .current_dir(folder.path())
        .env("HOLDPOINT_STATE_DIR", folder.path().join("state"))
        .env("XDG_CONFIG_HOME", folder.path().join("config"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("sh exists")
}

fn quit(child: &mut Child) -> ExitStatus {
    let pid = Pid::from_child(child);
    kill_process(pid, Signal::QUIT).expect("it is ours");
    child.wait().expect("it is ours")
}

/// A rehearsal that stands at its first hold point.
fn at_a_hold(folder: &tempfile::TempDir) -> Child {
    use std::io::{BufRead as _, BufReader};
    let script = "exec \"$0\" rehearse securetransport/standard-cluster --plain --speed max";
    let mut child = wants_a_core(folder, script);
    let output = BufReader::new(child.stdout.take().expect("it is piped"));
    let mut lines = output.lines().map_while(Result::ok);
    assert!(lines.any(|line| line.starts_with("HOLD ")), "it never held");
    // Read to its end, so that it is never kept waiting.
    std::thread::spawn(move || lines.count());
    child
}

fn cores_in(folder: &tempfile::TempDir) -> Vec<String> {
    let names = std::fs::read_dir(folder.path()).expect("a folder");
    let names = names.map(|entry| entry.expect("an entry").file_name());
    let names = names.map(|name| name.to_string_lossy().into_owned());
    names.filter(|name| name.starts_with("core")).collect()
}

#[test]
fn a_program_that_is_told_to_dump_its_memory_leaves_none() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut other = wants_a_core(&folder, "kill -QUIT $$");
    if !other.wait().expect("it is ours").core_dumped() {
        eprintln!("skipped: this machine makes no core of any program here");
        return;
    }

    let folder = tempfile::tempdir().expect("a folder");
    let mut child = at_a_hold(&folder);
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", child.id())).expect("limits");
    let of_cores = limits
        .lines()
        .find(|line| line.starts_with("Max core file"));
    let words: Vec<&str> = of_cores.expect("a limit").split_whitespace().collect();
    assert_eq!(words[4..6], ["0", "0"], "{limits}");
    let ended = quit(&mut child);
    assert_eq!(ended.signal(), Some(3));
    assert!(!ended.core_dumped());
    assert_eq!(cores_in(&folder), [""; 0]);
}

/// A machine may pipe cores into a program, where the limit does not count.
#[test]
fn whoever_lifts_the_limit_of_core_files_gets_none_either() {
    let folder = tempfile::tempdir().expect("a folder");
    let unlimited = || Rlimit {
        current: None,
        maximum: None,
    };
    let mut child = at_a_hold(&folder);
    let pid = Some(Pid::from_child(&child));
    if prlimit(pid, Resource::Core, unlimited()).is_err() {
        eprintln!("skipped: only root may lift the limits of a program that runs");
        let _ = child.kill();
        let _ = child.wait();
        return;
    }
    let ended = quit(&mut child);
    assert_eq!(ended.signal(), Some(3));
    assert!(!ended.core_dumped(), "{:?}", cores_in(&folder));
    // The same way with another program leaves one, where the machine makes any.
    let mut other = wants_a_core(&folder, "ulimit -c 0; echo; read -r _");
    let pid = Some(Pid::from_child(&other));
    eventually("its limit is lifted", || {
        prlimit(pid, Resource::Core, unlimited()).is_ok()
    });
    println!(
        "another program left a core: {}",
        quit(&mut other).core_dumped()
    );
}
