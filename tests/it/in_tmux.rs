//! The built program in tmux, as many an operator has it: what the emulated terminals of other stories do not show.

use std::path::Path;
use std::process::Command;

use crate::support::{eventually, tool};

/// A server of its own with one window; it ends with this.
struct Tmux<'a> {
    program: &'a Path,
    folder: tempfile::TempDir,
}

impl Tmux<'_> {
    fn start(program: &Path) -> Tmux<'_> {
        let folder = tempfile::tempdir().expect("a folder");
        let tmux = Tmux { program, folder };
        tmux.run(&[
            "-f",
            "/dev/null",
            "new-session",
            "-d",
            "-x",
            "80",
            "-y",
            "24",
            "sh",
        ]);
        tmux
    }

    fn run(&self, words: &[&str]) -> String {
        let socket = self.folder.path().join("tmux");
        let mut command = Command::new(self.program);
        command.arg("-S").arg(socket).args(words);
        command.env_remove("TMUX").env("LC_ALL", "C.UTF-8");
        command.env("HOLDPOINT_STATE_DIR", self.folder.path().join("state"));
        command.env("XDG_CONFIG_HOME", self.folder.path());
        let done = command.output().expect("tmux runs");
        assert!(done.status.success(), "{words:?}: {done:?}");
        String::from_utf8_lossy(&done.stdout).into_owned()
    }

    fn keys(&self, keys: &[&str]) {
        self.run(&[&["send-keys"], keys].concat());
    }

    fn screen(&self) -> String {
        self.run(&["capture-pane", "-p"])
    }

    fn shows(&self, text: &str) {
        eventually(text, || self.screen().contains(text));
    }
}

impl Drop for Tmux<'_> {
    fn drop(&mut self) {
        let socket = self.folder.path().join("tmux");
        let mut command = Command::new(self.program);
        // It may have ended already.
        let _ = command.arg("-S").arg(socket).arg("kill-server").output();
    }
}

#[test]
fn a_window_that_grew_shows_nothing_of_the_wizard_after_its_end() {
    let Some(program) = tool("tmux") else {
        return;
    };
    let tmux = Tmux::start(&program);
    let holdpoint = format!("'{}' rehearse", env!("CARGO_BIN_EXE_holdpoint"));
    tmux.keys(&["-l", &holdpoint]);
    tmux.keys(&["Enter"]);
    tmux.shows("REHEARSAL");
    tmux.run(&["resize-window", "-x", "120", "-y", "36"]);
    eventually("the whole window is drawn", || {
        let screen = tmux.screen();
        screen
            .lines()
            .filter(|line| line.chars().count() == 120)
            .count()
            > 30
    });
    tmux.keys(&["q"]);
    tmux.shows("Leave?");
    tmux.keys(&["2"]);
    tmux.shows("is not finished");
    let left = tmux.screen();
    assert!(!left.contains("REHEARSAL") && !left.contains('│'), "{left}");
}
