//! The screen while a node floods us with output that would like to move the cursor.

use std::io::{Read as _, Write as _};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use portable_pty::{CommandBuilder, PtySize, native_pty_system};

use super::sequences::nasty_site;
use super::*;

/// Guards against hanging, and nothing else.
const PATIENCE: Duration = Duration::from_secs(120);
/// A key that takes longer than this is not answered, it is endured.
const ANSWERED: Duration = Duration::from_secs(10);

struct Screen {
    keyboard: Box<dyn std::io::Write + Send>,
    child: Box<dyn portable_pty::Child + Send + Sync>,
    printed: Arc<Mutex<Vec<u8>>>,
    terminal: vt100::Parser,
    shown: usize,
    _master: Box<dyn portable_pty::MasterPty + Send>,
}

impl Screen {
    fn open(site: &Site, arguments: &[&str]) -> Screen {
        let size = PtySize {
            rows: 40,
            cols: 120,
            pixel_width: 0,
            pixel_height: 0,
        };
        let pair = native_pty_system()
            .openpty(size)
            .expect("a pseudo-terminal");
        let mut command = CommandBuilder::new(env!("CARGO_BIN_EXE_holdpoint"));
        command.args(arguments);
        command.env("TERM", "xterm-256color");
        command.env("HOLDPOINT_STATE_DIR", site.state());
        command.env("XDG_CONFIG_HOME", site.state().join("config"));
        let child = pair
            .slave
            .spawn_command(command)
            .expect("the built program starts");
        drop(pair.slave);
        let printed = Arc::new(Mutex::new(Vec::new()));
        let mut reader = pair.master.try_clone_reader().expect("it can be read");
        let sink = Arc::clone(&printed);
        std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(count @ 1..) = reader.read(&mut buffer) {
                let mut sink = sink.lock().expect("no panic while held");
                sink.extend_from_slice(&buffer[..count]);
            }
        });
        let cells = |count| std::num::NonZero::new(count).expect("not zero");
        Screen {
            keyboard: pair.master.take_writer().expect("it can be written to"),
            child,
            printed,
            terminal: vt100::Parser::new(cells(40), cells(120), 0),
            shown: 0,
            _master: pair.master,
        }
    }

    fn text(&mut self) -> String {
        let printed = self.printed.lock().expect("no panic while held");
        self.terminal.process(&printed[self.shown..]);
        self.shown = printed.len();
        self.terminal.screen().contents()
    }

    fn press(&mut self, keys: &str) {
        let pressed = self.keyboard.write_all(keys.as_bytes());
        pressed
            .and_then(|()| self.keyboard.flush())
            .expect("the terminal takes keys");
    }

    /// Waits until the screen shows what is wanted, pressing `keys` again every second if there are any.
    fn until(&mut self, what: &str, keys: &str, wanted: impl Fn(&str) -> bool) -> Duration {
        let began = Instant::now();
        let mut pressed = None::<Instant>;
        loop {
            if !keys.is_empty() && pressed.is_none_or(|at| at.elapsed() > Duration::from_secs(1)) {
                self.press(keys);
                pressed = Some(Instant::now());
            }
            let text = self.text();
            if wanted(&text) {
                return began.elapsed();
            }
            assert!(
                began.elapsed() < PATIENCE,
                "waited for {what}, have:\n{text}"
            );
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    fn see(&mut self, wanted: &str) -> Duration {
        self.until(wanted, "", |text| text.contains(wanted))
    }

    /// Opens the gate that waits: types its phrase as a hand does, each key when the one before is shown.
    fn open_gate(&mut self, key: &str, begins: &str) {
        self.until("a gate", key, |text| phrase_in(text, begins).is_some());
        let text = self.text();
        let phrase = phrase_in(&text, begins).expect("it is shown");
        for end in 1..=phrase.len() {
            let typed = format!("[{}", phrase[..end].trim_end());
            self.press(&phrase[end - 1..end]);
            self.see(&typed);
        }
        self.see("complete: Enter");
        self.until("the gate to open", "\r", |text| {
            !text.contains(&format!("[{phrase}"))
        });
    }
}

/// The phrase that begins so and ends with the cluster's name, where it stands on one line.
fn phrase_in(text: &str, begins: &str) -> Option<String> {
    text.lines().find_map(|line| {
        let (_, rest) = line.split_once(begins)?;
        let (middle, _) = rest.split_once(" of floods")?;
        Some(format!("{begins}{middle} of floods"))
    })
}

impl Drop for Screen {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn the_screen_answers_and_stays_whole_while_a_node_floods_it() {
    let Some(site) = nasty_site(122) else {
        return;
    };
    let node = &site.servers[0];
    let payload = fs::read_to_string(node.home.join("payload.sh")).expect("its payload");
    let flood = format!(
        "until [ -e \"$HOME/stop\" ]; do yes \"$({})\" | head -n 20000; sleep 0.1; done\n{payload}",
        super::sequences::nasty()
    );
    fs::write(node.home.join("payload.sh"), flood).expect("its payload");
    fs::write(node.home.join("check.sh"), "echo word=good\n").expect("its check");
    let file = site.file_arg();
    let mut screen = Screen::open(&site, &["run", &file]);
    screen.see("The plan waits for your approval");
    screen.open_gate("\r", "approve plan ");
    screen.see("GATE waits for you");
    screen.open_gate("o", "talk ");
    screen.see("U+202E");
    // In the middle of it every key is answered.
    screen.press("?");
    let help = screen.see("j/k scroll");
    assert!(help < ANSWERED, "the help came after {help:?}");
    fs::write(node.home.join("stop"), "").expect("a file");
    let printed = screen.printed.lock().expect("no panic while held").clone();
    let printed = String::from_utf8_lossy(&printed);
    for never in [
        "pwned",
        "\x1b]52",
        "\x1bP",
        "\x1b_",
        "\u{9b}",
        "\u{202e}",
        "\u{200b}",
        "\u{2066}",
        "\u{e0041}",
    ] {
        assert!(!printed.contains(never), "{never:?} reached the terminal");
    }
}
