//! The built program on a terminal of its own, a real OpenSSH server, and a menu that only a human can answer: reached in line
//! mode, taken by the wheel on the full screen after a resume, handed back, finished by the procedure.

use std::fs;
use std::io::{Read, Write};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use portable_pty::{CommandBuilder, PtySize, native_pty_system};

use super::over_links::holds_nowhere;
use crate::support::site::Site;
use crate::support::tool;
use crate::support::walk::{Walk, diligent, run};

const PATIENCE: Duration = Duration::from_secs(120);

/// The program on a terminal, and everything that it has drawn so far.
struct Seat {
    keyboard: Box<dyn Write + Send>,
    child: Box<dyn portable_pty::Child + Send + Sync>,
    drawn: Arc<Mutex<Vec<u8>>>,
    size: (u16, u16),
    _master: Box<dyn portable_pty::MasterPty + Send>,
}

impl Seat {
    fn at(state: &Path, arguments: &[&str], size: (u16, u16)) -> Seat {
        let pair = native_pty_system().openpty(PtySize {
            cols: size.0,
            rows: size.1,
            pixel_width: 0,
            pixel_height: 0,
        });
        let pair = pair.expect("a pseudo-terminal can be had");
        let mut command = CommandBuilder::new(env!("CARGO_BIN_EXE_holdpoint"));
        command.args(arguments);
        command.env("HOLDPOINT_STATE_DIR", state);
        command.env("XDG_CONFIG_HOME", state.join("config"));
        command.env("TERM", "xterm-256color");
        command.env("LANG", "C.UTF-8");
        let child = pair
            .slave
            .spawn_command(command)
            .expect("the program starts");
        drop(pair.slave);
        let drawn = Arc::new(Mutex::new(Vec::new()));
        let mut reader = pair.master.try_clone_reader().expect("it can be read");
        let sink = Arc::clone(&drawn);
        std::thread::spawn(move || {
            let mut buf = [0; 4096];
            while let Ok(n @ 1..) = reader.read(&mut buf) {
                sink.lock()
                    .expect("no panic while held")
                    .extend_from_slice(&buf[..n]);
            }
        });
        Seat {
            keyboard: pair.master.take_writer().expect("it can be written to"),
            child,
            drawn,
            size,
            _master: pair.master,
        }
    }

    fn screen(&self) -> String {
        let of = |n| std::num::NonZeroU16::new(n).expect("no terminal is empty");
        let mut parser = vt100::Parser::new(of(self.size.1), of(self.size.0), 0);
        parser.process(&self.drawn.lock().expect("no panic while held"));
        parser.screen().contents()
    }

    fn press(&mut self, keys: &str) {
        let pressed = self.keyboard.write_all(keys.as_bytes());
        pressed
            .and_then(|()| self.keyboard.flush())
            .expect("the terminal takes keys");
    }

    fn see(&mut self, wanted: &str) {
        let deadline = Instant::now() + PATIENCE;
        while !self.screen().contains(wanted) {
            assert!(
                Instant::now() < deadline,
                "waited for {wanted:?}, have:\n{}",
                self.screen()
            );
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Presses one key, and waits until this is seen.
    fn press_and_see(&mut self, key: &str, wanted: &str) {
        self.press(key);
        self.see(wanted);
    }

    /// As a hand types into a field: each key when the one before is on the screen.
    fn type_in(&mut self, text: &str) {
        for end in 1..=text.len() {
            self.press_and_see(&text[end - 1..end], &format!("[{}", &text[..end]));
        }
    }

    /// Enter, as a hand presses it: where the word matters it counts only some time after the last key.
    fn enter_and_see(&mut self, wanted: &str) {
        std::thread::sleep(Duration::from_millis(400));
        self.press_and_see("\r", wanted);
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn menu_cluster(ip: u8) -> Option<Site> {
    tool("script")?;
    let site = Site::start(&["m1"], ip)?;
    fs::write(site.servers[0].home.join("version"), "1.0\n").expect("the node's version");
    let procedure = site.folder.path().join("menu.toml");
    fs::write(procedure, include_str!("menu.toml")).expect("the procedure");
    let text = format!(
        "[cluster]\nname = \"menu-lab\"\nprocedure = \"menu.toml\"\ntarget = \"2.0\"\nplace = \"lab\"\n\n{}{}",
        site.ssh_table(),
        site.node_table(0, &["server"], &[]),
    );
    site.write(&text);
    Some(site)
}

#[test]
fn a_human_takes_the_wheel_of_a_real_menu_and_hands_it_back() {
    let Some(site) = menu_cluster(132) else {
        return;
    };
    // In line mode the menu is a question that nobody there can answer with a line; the job waits on the node.
    let mut walk = Walk::start(&site.state(), &["run", &site.file_arg(), "--plain"]);
    walk.type_line(":wheel");
    let lines = walk.answer(diligent);
    assert!(
        lines
            .transcript
            .contains("there is no terminal pane in line mode"),
        "{}",
        lines.transcript
    );
    assert!(
        lines.transcript.contains("HOLD prompt upgrade/menu@m1"),
        "{}\n{}",
        lines.transcript,
        lines.errors
    );
    assert_eq!(lines.code, Some(10), "{}", lines.errors);

    let mut seat = Seat::at(&site.state(), &["resume"], (80, 24));
    seat.see("The run was resumed");
    seat.press_and_see("o", "1-9 or Enter");
    seat.press_and_see("1", "does it.");
    seat.press("\r");
    seat.see("waits for an answer");
    seat.see("opens it");
    seat.press_and_see("o", "The procedure does not know");
    seat.press_and_see("v", "watching");
    seat.see("chosen: keep");
    seat.press_and_see("t", "every key goes to the program");
    seat.type_in("take");
    seat.enter_and_see("YOU HAVE THE WHEEL");
    seat.press_and_see("\x1b[B", "chosen: replace");
    seat.press_and_see("\r", "Password:");
    seat.press("canary-5519");
    seat.press_and_see("\r", "11 characters");
    // The question came while the human had the wheel: it stays theirs.
    seat.press_and_see("\x1d", "watching");
    seat.press_and_see("\x1b", "opens it");
    seat.press_and_see("o", "The procedure does not know");
    seat.press_and_see("1", "Enter sends");
    seat.type_in("y");
    seat.press_and_see("\r", "The run has ended");
    seat.press("q");
    let ended = seat.child.wait().expect("it ends");
    assert!(ended.success(), "{}", seat.screen());
    let version = fs::read_to_string(site.servers[0].home.join("version")).expect("the version");
    assert_eq!(version, "2.0\n");

    let runs = run(&site.state(), &["runs"]);
    let id = runs
        .transcript
        .lines()
        .find(|line| line.contains("menu-lab"));
    let id = id
        .and_then(|line| line.split_whitespace().next())
        .expect("the run is listed");
    let report = run(&site.state(), &["report", id]).transcript;
    assert!(report.contains("wheel taken"), "{report}");
    assert!(report.contains("wheel handed back"), "{report}");
    holds_nowhere(site.folder.path(), b"canary");
    holds_nowhere(&site.servers[0].dir, b"canary");
}
