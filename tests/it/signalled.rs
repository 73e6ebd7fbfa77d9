//! The built program on its full screen, ended by a signal: the terminal is given back, and the run goes on later.

use std::io::Read as _;
use std::path::Path;
use std::sync::{Arc, Mutex};

use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, native_pty_system};
use rustix::process::{Pid, Signal, kill_process};

use crate::support::eventually;
use crate::support::walk::{Walk, diligent};

const ENTER: &str = "\x1b[?1049h";
const LEAVE: &str = "\x1b[?1049l";
/// ICANON and ECHO, as termios(3) of Linux numbers them.
const COOKED: u32 = 0o2 | 0o10;

struct Screen {
    master: Box<dyn MasterPty + Send>,
    child: Box<dyn Child + Send + Sync>,
    printed: Arc<Mutex<Vec<u8>>>,
}

impl Screen {
    fn of_a_rehearsal(state: &Path) -> Screen {
        let pair = native_pty_system().openpty(PtySize {
            rows: 30,
            cols: 100,
            pixel_width: 0,
            pixel_height: 0,
        });
        let pair = pair.expect("a pseudo-terminal can be had");
        let mut command = CommandBuilder::new(env!("CARGO_BIN_EXE_holdpoint"));
        command.args(["rehearse", "securetransport/standard-cluster"]);
        command.env("HOLDPOINT_STATE_DIR", state);
        command.env("XDG_CONFIG_HOME", state.join("config"));
        command.env("TERM", "xterm-256color");
        let child = pair.slave.spawn_command(command).expect("it starts");
        drop(pair.slave);
        let printed = Arc::new(Mutex::new(Vec::new()));
        let mut reader = pair.master.try_clone_reader().expect("it can be read");
        let sink = Arc::clone(&printed);
        std::thread::spawn(move || {
            let mut buf = [0; 4096];
            while let Ok(n @ 1..) = reader.read(&mut buf) {
                sink.lock().expect("no panic").extend_from_slice(&buf[..n]);
            }
        });
        Screen {
            master: pair.master,
            child,
            printed,
        }
    }

    fn output(&self) -> String {
        String::from_utf8_lossy(&self.printed.lock().expect("no panic")).into_owned()
    }

    fn is_cooked(&self) -> bool {
        let termios = self.master.get_termios().expect("it is a terminal");
        termios.local_flags.bits() & COOKED == COOKED
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn a_signal_gives_the_terminal_back_and_the_run_can_be_resumed() {
    for (signal, code) in [(Signal::TERM, 143), (Signal::INT, 130), (Signal::HUP, 129)] {
        let folder = tempfile::tempdir().expect("a folder");
        let mut screen = Screen::of_a_rehearsal(folder.path());
        eventually("the run is drawn", || screen.output().contains("server1"));
        assert!(!screen.is_cooked());
        let pid = screen.child.process_id().expect("it runs");
        let pid = Pid::from_raw(i32::try_from(pid).expect("a pid")).expect("a pid");
        kill_process(pid, signal).expect("it is ours");
        let mut ended = None;
        eventually("its end", || {
            ended = screen.child.try_wait().expect("it is ours");
            ended.is_some()
        });
        assert_eq!(ended.map(|status| status.exit_code()), Some(code));
        // After a hang-up nobody is there to give it back to, and a real one would not take it.
        if signal != Signal::HUP {
            assert!(screen.is_cooked(), "{signal:?}");
            eventually("the last word", || screen.output().contains(LEAVE));
            let output = screen.output();
            let count = |what: &str| output.matches(what).count();
            assert_eq!((count(ENTER), count(LEAVE)), (1, 1), "{signal:?}");
        }
        drop(screen);
        let resumed = Walk::start(folder.path(), &["resume", "--plain", "--speed", "max"]);
        let resumed = resumed.answer(diligent);
        assert_eq!(
            resumed.code,
            Some(0),
            "{}{}",
            resumed.transcript,
            resumed.errors
        );
    }
}

/// The state of the process, as /proc has it: `T` is stopped.
fn is_stopped(pid: Pid) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_nonzero()));
    let stat = stat.expect("it runs");
    stat.rsplit(") ")
        .next()
        .is_some_and(|rest| rest.starts_with('T'))
}

#[test]
fn whoever_stops_it_gets_the_terminal_back_and_it_goes_on_where_it_was() {
    let folder = tempfile::tempdir().expect("a folder");
    let screen = Screen::of_a_rehearsal(folder.path());
    eventually("the run is drawn", || screen.output().contains("server1"));
    let pid = screen.child.process_id().expect("it runs");
    let pid = Pid::from_raw(i32::try_from(pid).expect("a pid")).expect("a pid");
    for time in 1..=2 {
        kill_process(pid, Signal::TSTP).expect("it is ours");
        eventually("it stops", || is_stopped(pid));
        assert!(screen.is_cooked());
        let left = |count| screen.output().matches(LEAVE).count() == count;
        eventually("the shell's screen is back", || left(time));
        kill_process(pid, Signal::CONT).expect("it is ours");
        let entered = |count| screen.output().matches(ENTER).count() == count;
        eventually("it takes the terminal again", || entered(time + 1));
        eventually("its keys come unechoed", || !screen.is_cooked());
    }
}
