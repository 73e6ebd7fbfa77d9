//! The loop on a real terminal: a person's keys open a gate, a paste does not, leaving leaves in order, and waiting costs
//! next to nothing. The story runs this test binary again on a pseudo-terminal.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::io::{Read, Write};
use std::rc::Rc;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use holdpoint::engine::brief::Mode;
use holdpoint::engine::hold::HoldKind;
use holdpoint::engine::update::Update;
use holdpoint::model::telemetry::Telemetry;
use holdpoint::model::time::{Span, Stamp};
use holdpoint::ui::{self, Intent, Leave, Next, Options, Session, Speed, signs};
use portable_pty::{CommandBuilder, PtySize, native_pty_system};

use super::theatre::{Theatre, relay, theme};
use crate::support::pure::PureRun;

/// Set for the child only.
const STORY: &str = "HOLDPOINT_TEST_SCREENS_STORY";

const PATIENCE: Duration = Duration::from_secs(120);
const GATE: &str = "upgrade/drain@r2";

/// The child's side. Does nothing unless a story is asked for.
#[test]
fn child() {
    if std::env::var(STORY).is_err() {
        return;
    }
    let mut theatre = Theatre::new(relay(), Mode::Run).open();
    theatre.walk_to(HoldKind::Gate, GATE);
    let run = Rc::new(RefCell::new(theatre.run));
    let brief = Arc::clone(&run.borrow().brief);
    let (told, said) = (Rc::clone(&run), Rc::clone(&run));
    let left = ui::run(Session {
        brief,
        updates: Box::new(updates(told)),
        intents: Box::new(move |intent| {
            if let Intent::Says(says) = intent {
                let mut run = said.borrow_mut();
                run.says(says);
                // The nodes give their locks at once.
                run.run_for(Span(0));
            }
        }),
        options: Options {
            themes: vec![theme("mono")],
            signs: &signs::UNICODE,
            speed: Speed::Times(1.0),
            files: Vec::new(),
            keep: None,
        },
    });
    assert_eq!(left.expect("the terminal can be used"), Leave::Left);
    let sent = run.borrow().sent.len();
    println!(
        "left in order, {sent} sent, {} ms of work",
        worked().as_millis()
    );
}

/// What the run tells, and a tick four times a second of real time.
fn updates(run: Rc<RefCell<PureRun>>) -> impl FnMut() -> Next {
    let mut told = 0;
    let mut waiting: VecDeque<Update> = VecDeque::new();
    let start = Instant::now();
    let base = run.borrow().now.0;
    let mut ticked = start;
    move || {
        let run = run.borrow();
        for entry in &run.entries[told..] {
            waiting.push_back(Update::Entry(Arc::new(entry.clone())));
        }
        told = run.entries.len();
        if ticked.elapsed() >= Duration::from_millis(250) {
            ticked = Instant::now();
            let gone = u64::try_from(start.elapsed().as_millis()).unwrap_or(0);
            waiting.push_back(Update::Telemetry(Telemetry::Tick {
                at: Stamp(base + gone),
            }));
        }
        waiting.pop_front().map_or(Next::Nothing, Next::Update)
    }
}

/// Processor time of this process so far, from /proc/self/stat (proc(5)): fields 14 and 15, in ticks of 10 ms.
fn worked() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields: Vec<&str> = stat
        .rsplit(')')
        .next()
        .unwrap_or_default()
        .split_whitespace()
        .collect();
    let ticks = |at: usize| {
        fields
            .get(at)
            .and_then(|field| field.parse::<u64>().ok())
            .unwrap_or(0)
    };
    Duration::from_millis((ticks(11) + ticks(12)) * 10)
}

struct Pty {
    keyboard: Box<dyn Write + Send>,
    child: Box<dyn portable_pty::Child + Send + Sync>,
    printed: Arc<Mutex<Vec<u8>>>,
    _master: Box<dyn portable_pty::MasterPty + Send>,
}

impl Pty {
    fn play() -> Pty {
        let size = PtySize {
            rows: 24,
            cols: 80,
            pixel_width: 0,
            pixel_height: 0,
        };
        let pair = native_pty_system()
            .openpty(size)
            .expect("a pseudo-terminal can be had");
        let mut command =
            CommandBuilder::new(std::env::current_exe().expect("the test binary has a path"));
        command.args(["screens::on_a_terminal::child", "--exact", "--nocapture"]);
        command.env(STORY, "1");
        let child = pair.slave.spawn_command(command).expect("the child starts");
        drop(pair.slave);
        let printed = Arc::new(Mutex::new(Vec::new()));
        let (mut reader, sink) = (
            pair.master.try_clone_reader().expect("it can be read"),
            Arc::clone(&printed),
        );
        std::thread::spawn(move || {
            let mut buf = [0; 4096];
            while let Ok(n @ 1..) = reader.read(&mut buf) {
                sink.lock().unwrap().extend_from_slice(&buf[..n]);
            }
        });
        Pty {
            keyboard: pair.master.take_writer().expect("it can be written to"),
            child,
            printed,
            _master: pair.master,
        }
    }

    fn screen(&self) -> String {
        let rows = std::num::NonZero::new(24).unwrap();
        let columns = std::num::NonZero::new(80).unwrap();
        let mut parser = vt100::Parser::new(rows, columns, 0);
        parser.process(&self.printed.lock().unwrap());
        parser.screen().contents()
    }

    fn press(&mut self, keys: &str) {
        self.keyboard
            .write_all(keys.as_bytes())
            .expect("the terminal takes keys");
        self.keyboard.flush().expect("the terminal takes keys");
    }

    /// As a hand types: each key when the one before is on the screen.
    fn type_in(&mut self, text: &str) {
        for end in 1..=text.len() {
            self.press(&text[end - 1..end]);
            let typed = format!("[{}", text[..end].trim_end());
            self.until(&typed, |screen| screen.contains(&typed));
        }
    }

    fn until(&mut self, what: &str, reached: impl Fn(&str) -> bool) {
        let deadline = Instant::now() + PATIENCE;
        while !reached(&self.screen()) {
            if Instant::now() > deadline {
                let _ = self.child.kill();
                panic!("waited for {what:?}, have:\n{}", self.screen());
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    fn see(&mut self, wanted: &str) {
        self.until(wanted, |screen| screen.contains(wanted));
    }
}

#[test]
fn a_person_opens_a_gate_and_leaves() {
    let mut pty = Pty::play();
    pty.see("GATE waits for you");
    pty.press("o");
    pty.see("stop r2 of relay-lab at 1.4");
    pty.press("\x1b[200~stop r2 of relay-lab at 1.4\x1b[201~");
    pty.see("Pasting is not accepted here");
    pty.press("stop r2 of relay-lab at 1.4\r");
    pty.see("Pasting is not accepted here");
    // The rest of a refused burst is dropped until the keyboard was calm for a while.
    let deadline = Instant::now() + PATIENCE;
    while !pty.screen().contains("[s ") {
        assert!(
            Instant::now() < deadline,
            "no key gets in:\n{}",
            pty.screen()
        );
        pty.press("s");
        let until = Instant::now() + Duration::from_millis(400);
        while Instant::now() < until && !pty.screen().contains("[s ") {
            std::thread::sleep(Duration::from_millis(5));
        }
    }
    pty.press("\x7f");
    pty.until("an empty field", |screen| !screen.contains("[s "));
    pty.type_in("stop r2 of relay-lab at 1.4");
    pty.see("complete: Enter");
    // Enter counts only some time after the last key; until then it is ignored.
    let deadline = Instant::now() + PATIENCE;
    while pty.screen().contains("GATE upgrade") {
        assert!(
            Instant::now() < deadline,
            "the gate stays shut:\n{}",
            pty.screen()
        );
        pty.press("\r");
        let until = Instant::now() + Duration::from_millis(100);
        while Instant::now() < until && pty.screen().contains("GATE upgrade") {
            std::thread::sleep(Duration::from_millis(5));
        }
    }
    pty.see("r2 is working");
    pty.press("q");
    pty.see("Leaving stops nothing on any node");
    pty.press("3");
    pty.see("left in order, 1 sent");
    assert!(pty.child.wait().expect("the child ends").success());
}
