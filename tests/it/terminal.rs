//! The terminal is given back in every way out. Each story runs this test binary again on a pseudo-terminal of its own.

use std::io::{Read, Write};
use std::path::Path;
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use holdpoint::ui::term::{Reports, Term, is_ours};
use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, native_pty_system};
use ratatui::widgets::Paragraph;

/// Says which story the child plays; unset in an ordinary test run.
const STORY: &str = "HOLDPOINT_TEST_TERMINAL_STORY";
/// File that the child writes its last word to.
const WORD: &str = "HOLDPOINT_TEST_TERMINAL_WORD";

const HANG_UP: &str = "hang-up";

const PATIENCE: Duration = Duration::from_secs(120);

const ENTER: &str = "\x1b[?1049h";
const LEAVE: &str = "\x1b[?1049l";

/// The child's side. Does nothing unless a story is asked for.
#[test]
fn child() {
    let Ok(story) = std::env::var(STORY) else {
        return;
    };
    let (told, panics) = channel();
    let (gone, hang_up) = channel();
    let told = Mutex::new(told);
    let reports = Reports {
        gone: Box::new(move || gone.send(()).unwrap()),
        panicked: Arc::new(move |text| told.lock().unwrap().send(text).unwrap()),
    };
    let mut term = Term::open("holdpoint\x07 test", reports).unwrap();
    term.draw(|frame| frame.render_widget(Paragraph::new("screen-up"), frame.area()))
        .unwrap();
    match story.as_str() {
        "leave" => wait_for_key(&term),
        "panic" => {
            wait_for_key(&term);
            panic!("the drawing thread broke");
        }
        "other panic" => other_panic(&mut term, &panics),
        "suspend" => suspend(&mut term),
        HANG_UP => hung_up(&term, &hang_up),
        other => panic!("unknown story {other}"),
    }
}

fn wait_for_key(term: &Term) {
    let deadline = Instant::now() + PATIENCE;
    while Instant::now() < deadline {
        if term.event(Duration::from_millis(50)).unwrap().is_some() {
            return;
        }
    }
    panic!("no key came");
}

fn other_panic(term: &mut Term, panics: &Receiver<String>) {
    let worker = std::thread::Builder::new().name("worker".to_owned());
    assert!(
        worker
            .spawn(|| panic!("a worker broke"))
            .unwrap()
            .join()
            .is_err()
    );
    let text = panics.recv_timeout(PATIENCE).unwrap();
    assert!(is_ours(), "the screen stays up");
    term.draw(|frame| {
        frame.render_widget(Paragraph::new(format!("told {}", text.len())), frame.area())
    })
    .unwrap();
    assert!(
        text.starts_with("thread worker: ") && text.contains("a worker broke"),
        "{text}"
    );
    wait_for_key(term);
}

fn suspend(term: &mut Term) {
    term.suspended(|| {
        assert!(!is_ours());
        println!("in the shell");
    })
    .unwrap();
    term.draw(|frame| frame.render_widget(Paragraph::new("back-again"), frame.area()))
        .unwrap();
    wait_for_key(term);
}

/// Reading must come to rest after the hang-up: without the watchdog the first wait never returns.
fn hung_up(term: &Term, hang_up: &Receiver<()>) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    let _guard = runtime.enter();
    let _ignored = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::hangup()).unwrap();
    std::fs::write(std::env::var(WORD).unwrap(), "ready").unwrap();
    let deadline = Instant::now() + PATIENCE;
    while hang_up.try_recv().is_err() {
        assert!(Instant::now() < deadline, "no hang-up was told");
        let _ = term.event(Duration::from_millis(20));
    }
    for _ in 0..5 {
        assert!(matches!(term.event(Duration::from_millis(20)), Ok(None)));
    }
    std::fs::write(std::env::var(WORD).unwrap(), "gone, reading rests").unwrap();
}

/// A child on a terminal, and everything that it has printed so far.
struct Stage {
    master: Option<Box<dyn MasterPty + Send>>,
    keyboard: Option<Box<dyn Write + Send>>,
    child: Box<dyn Child + Send + Sync>,
    printed: Arc<Mutex<Vec<u8>>>,
}

impl Stage {
    fn play(story: &str, word: &Path) -> Self {
        let size = PtySize {
            rows: 24,
            cols: 80,
            pixel_width: 0,
            pixel_height: 0,
        };
        let pair = native_pty_system().openpty(size).unwrap();
        let mut command = CommandBuilder::new(std::env::current_exe().unwrap());
        command.args(["terminal::child", "--exact", "--nocapture"]);
        command.env(STORY, story);
        command.env(WORD, word);
        command.env("NO_COLOR", "1");
        let child = pair.slave.spawn_command(command).unwrap();
        drop(pair.slave);
        let printed = Arc::new(Mutex::new(Vec::new()));
        // A reader keeps the terminal open, so the story of the hang-up goes without one.
        if story != HANG_UP {
            read_all(pair.master.try_clone_reader().unwrap(), printed.clone());
        }
        let keyboard = pair.master.take_writer().unwrap();
        Self {
            master: Some(pair.master),
            keyboard: Some(keyboard),
            child,
            printed,
        }
    }

    fn output(&self) -> String {
        String::from_utf8_lossy(&self.printed.lock().unwrap()).into_owned()
    }

    fn wait_for(&self, wanted: &str) {
        self.until(wanted, || self.output().contains(wanted));
    }

    fn until(&self, what: &str, mut reached: impl FnMut() -> bool) {
        let deadline = Instant::now() + PATIENCE;
        while !reached() {
            assert!(
                Instant::now() < deadline,
                "waited for {what:?}, have {:?}",
                self.output()
            );
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    fn press(&mut self, keys: &[u8]) {
        let keyboard = self.keyboard.as_mut().unwrap();
        keyboard.write_all(keys).unwrap();
        keyboard.flush().unwrap();
    }

    /// Waits for the end; true when the child's story went well.
    fn ended(&mut self) -> bool {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status.success();
            }
            if Instant::now() > deadline {
                self.child.kill().unwrap();
                panic!("the child did not end: {:?}", self.output());
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// True when the terminal handles lines and echoes again.
    fn is_cooked(&self) -> bool {
        let flags = self
            .master
            .as_ref()
            .unwrap()
            .get_termios()
            .unwrap()
            .local_flags;
        let wanted = cooked_flags();
        flags.bits() & wanted == wanted
    }
}

/// Collects what is printed until the terminal closes.
fn read_all(mut reader: Box<dyn Read + Send>, sink: Arc<Mutex<Vec<u8>>>) {
    std::thread::spawn(move || {
        let mut buf = [0; 4096];
        while let Ok(n @ 1..) = reader.read(&mut buf) {
            sink.lock().unwrap().extend_from_slice(&buf[..n]);
        }
    });
}

/// ICANON and ECHO, as termios(3) of Linux numbers them.
fn cooked_flags() -> u32 {
    0o2 | 0o10
}

fn play(story: &str) -> (Stage, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let stage = Stage::play(story, &folder.path().join("word"));
    (stage, folder)
}

#[test]
fn leaving_gives_the_terminal_back_once() {
    let (mut stage, _folder) = play("leave");
    stage.wait_for("screen-up");
    assert!(!stage.is_cooked());
    stage.press(b"x");
    assert!(stage.ended());
    stage.wait_for("test result: ok");
    assert!(stage.is_cooked());
    let output = stage.output();
    for (on, off) in [
        (ENTER, LEAVE),
        ("\x1b[?2004h", "\x1b[?2004l"),
        ("\x1b[?25l", "\x1b[?25h"),
        ("\x1b[22;0t", "\x1b[23;0t"),
    ] {
        assert!(output.rfind(on) < output.rfind(off), "{on:?} then {off:?}");
    }
    assert_eq!(output.matches(LEAVE).count(), 1);
    assert!(
        output.contains("\x1b]0;holdpoint test\x07"),
        "the title is cleaned"
    );
    assert!(
        output.contains("\x1b[?2026h") && output.contains("\x1b[?2026l"),
        "draws are synchronized"
    );
}

#[test]
fn a_panic_of_the_drawing_thread_is_read_on_a_restored_terminal() {
    let (mut stage, _folder) = play("panic");
    stage.wait_for("screen-up");
    stage.press(b"x");
    assert!(!stage.ended());
    stage.wait_for("the drawing thread broke");
    assert!(stage.is_cooked());
    let output = stage.output();
    assert!(
        output.find(LEAVE) < output.find("the drawing thread broke"),
        "{output:?}"
    );
    assert_eq!(output.matches(LEAVE).count(), 1);
}

#[test]
fn a_panic_of_another_thread_leaves_the_screen_alone() {
    let (mut stage, _folder) = play("other panic");
    stage.wait_for("told");
    assert!(!stage.output().contains(LEAVE));
    assert!(
        !stage.output().contains("a worker broke"),
        "nothing is printed over the screen"
    );
    stage.press(b"x");
    assert!(stage.ended());
}

#[test]
fn suspending_gives_the_terminal_back_and_takes_it_again() {
    let (mut stage, _folder) = play("suspend");
    stage.wait_for("back-again");
    assert!(!stage.is_cooked());
    stage.press(b"x");
    assert!(stage.ended());
    let output = stage.output();
    assert_eq!(output.matches(ENTER).count(), 2);
    assert!(output.find(LEAVE) < output.find("in the shell"));
}

#[test]
fn a_terminal_that_goes_away_is_told_and_reading_comes_to_rest() {
    let (mut stage, folder) = play(HANG_UP);
    let word = folder.path().join("word");
    let said = |wanted: &str| std::fs::read_to_string(&word).is_ok_and(|text| text == wanted);
    stage.until("ready", || said("ready"));
    drop(stage.keyboard.take());
    drop(stage.master.take());
    stage.until("the last word", || said("gone, reading rests"));
    stage.ended();
}
