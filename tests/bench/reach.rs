//! How far holdpoint reaches: whole rehearsals of 3, 100 and 1,000 nodes, the first frame, and what an idle screen costs.
//!
//! Run it with `cargo bench`. It measures the built program as a whole process, needs no network and nothing installed, and
//! gives every figure also as a ratio to something measured in the same run: figures of two machines, or of a busy and a
//! quiet one, cannot be compared otherwise. It exits with 1 when a limit is passed.

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use portable_pty::{CommandBuilder, PtySize, native_pty_system};

const PROGRAM: &str = env!("CARGO_BIN_EXE_holdpoint");
const PROCEDURE: &str = "securetransport/standard-cluster";
const ROUNDS: usize = 5;

fn main() {
    let state = tempfile::tempdir().expect("a folder for the runs can be made");
    let state = state.path().to_str().expect("its path is text").to_string();
    let mut passed = true;

    let start = median(|| {
        let began = Instant::now();
        let done = Command::new(PROGRAM)
            .arg("--version")
            .stdout(Stdio::null())
            .status()
            .expect("the program starts");
        assert!(done.success());
        began.elapsed()
    });
    println!("process start (--version)      {:>9.1} ms", ms(start));

    let walks: Vec<Walk> = [3, 100, 1000]
        .into_iter()
        .map(|nodes| rehearse(&state, nodes))
        .collect();
    let base = walks[1].time.as_secs_f64() / walks[1].events as f64;
    for walk in &walks {
        let each = walk.time.as_secs_f64() / walk.events as f64;
        println!(
            "rehearsal of {:>4} nodes         {:>9.1} ms   {:>6} events   {:>5.2} x the time per event at 100 nodes",
            walk.nodes,
            ms(walk.time),
            walk.events,
            each / base
        );
    }
    passed &= limit("3 nodes under 1 s", ms(walks[0].time), 1_000.0);
    passed &= limit("100 nodes under 5 s", ms(walks[1].time), 5_000.0);
    let growth = (walks[2].time.as_secs_f64() / walks[2].events as f64) / base;
    passed &= limit(
        "1,000 nodes: time per event at most 1.5 x that of 100 nodes",
        growth,
        1.5,
    );

    let frame = median(|| first_frame(&state));
    println!(
        "first frame in a terminal      {:>9.1} ms   {:>5.2} x a process start",
        ms(frame),
        ms(frame) / ms(start)
    );
    passed &= limit("first frame under 50 ms", ms(frame), 50.0);

    if let Some(share) = idle_share(&state) {
        println!(
            "idle in a rehearsal's screen   {:>9.2} % of one core",
            share * 100.0
        );
        passed &= limit("idle under 1 % of one core", share * 100.0, 1.0);
    } else {
        println!("idle in a rehearsal's screen   not measured: this system has no /proc");
    }
    std::process::exit(i32::from(!passed));
}

fn limit(what: &str, measured: f64, at_most: f64) -> bool {
    let fits = measured <= at_most;
    println!(
        "  {} {what}: {measured:.2} (limit {at_most})",
        if fits { "ok  " } else { "MISS" }
    );
    fits
}

fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1_000.0
}

fn median(mut measure: impl FnMut() -> Duration) -> Duration {
    let mut times: Vec<Duration> = (0..ROUNDS).map(|_| measure()).collect();
    times.sort();
    times[ROUNDS / 2]
}

struct Walk {
    nodes: usize,
    time: Duration,
    events: usize,
}

/// One whole rehearsal, every hold point answered as soon as it is read.
fn rehearse(state: &str, nodes: usize) -> Walk {
    let began = Instant::now();
    let count = nodes.to_string();
    let mut child = Command::new(PROGRAM)
        .args([
            "rehearse",
            PROCEDURE,
            "--plain",
            "--speed",
            "max",
            "--seed",
            "1",
            "--nodes",
            &count,
            "--state-dir",
            state,
        ])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("the program starts");
    let mut answers = child.stdin.take().expect("its input is piped");
    let lines = BufReader::new(child.stdout.take().expect("its output is piped")).lines();
    let mut events = 0;
    for line in lines {
        let line = line.expect("its output is text");
        match line.strip_prefix("  expect: ") {
            Some(expect) => writeln!(answers, "{}", answer(expect)).expect("it reads its answers"),
            None => events += usize::from(line.starts_with('+')),
        }
    }
    let done = child.wait().expect("it ends");
    assert!(
        done.success(),
        "the rehearsal of {nodes} nodes ended with {done}"
    );
    Walk {
        nodes,
        time: began.elapsed(),
        events,
    }
}

/// What a patient operator answers.
fn answer(expect: &str) -> String {
    if let Some(phrase) = expect.strip_prefix("type \"") {
        return phrase.trim_end_matches('"').to_string();
    }
    let first = expect
        .trim_start_matches("one of ")
        .split([' ', ','])
        .next()
        .unwrap_or_default();
    format!("{first} measured")
}

/// From the start of the process to the first thing drawn.
fn first_frame(state: &str) -> Duration {
    let screen = Screen::open(&["--state-dir", state]);
    let (began, drawn) = (screen.began, screen.wait(|seen| seen.contains("holdpoint")));
    drawn.duration_since(began)
}

/// The share of one core that the screen of a rehearsal takes while it waits at a hold point.
fn idle_share(state: &str) -> Option<f64> {
    let screen = Screen::open(&["rehearse", PROCEDURE, "--state-dir", state]);
    let pid = screen.pid?;
    screen.wait(|seen| seen.contains("Checks") || seen.contains("Readiness"));
    screen.quiet(Duration::from_secs(3));
    let before = cpu(pid)?;
    let began = Instant::now();
    screen.quiet(Duration::from_secs(10));
    Some((cpu(pid)? - before) / began.elapsed().as_secs_f64())
}

/// Seconds of processor time that a process has used, by Linux's count of 100 ticks a second.
fn cpu(pid: u32) -> Option<f64> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let fields: Vec<&str> = stat.rsplit(')').next()?.split_whitespace().collect();
    let ticks = |at: usize| fields.get(at)?.parse::<f64>().ok();
    Some((ticks(11)? + ticks(12)?) / 100.0)
}

/// The program in a terminal of 120 x 36.
struct Screen {
    began: Instant,
    pid: Option<u32>,
    output: mpsc::Receiver<(Instant, Vec<u8>)>,
    child: Box<dyn portable_pty::Child + Send + Sync>,
    _terminal: Box<dyn portable_pty::MasterPty + Send>,
}

impl Screen {
    fn open(arguments: &[&str]) -> Screen {
        let size = PtySize {
            rows: 36,
            cols: 120,
            pixel_width: 0,
            pixel_height: 0,
        };
        let pair = native_pty_system()
            .openpty(size)
            .expect("a terminal can be had");
        let mut command = CommandBuilder::new(PROGRAM);
        command.args(arguments);
        command.env("TERM", "xterm-256color");
        let began = Instant::now();
        let child = pair
            .slave
            .spawn_command(command)
            .expect("the program starts");
        let mut reader = pair
            .master
            .try_clone_reader()
            .expect("the terminal can be read");
        let (sender, output) = mpsc::channel();
        thread::spawn(move || {
            let mut buffer = [0; 65536];
            while let Ok(count @ 1..) = reader.read(&mut buffer) {
                if sender
                    .send((Instant::now(), buffer[..count].to_vec()))
                    .is_err()
                {
                    return;
                }
            }
        });
        Screen {
            began,
            pid: child.process_id(),
            output,
            child,
            _terminal: pair.master,
        }
    }

    /// The moment at which what was drawn so far satisfies `seen`.
    fn wait(&self, seen: impl Fn(&str) -> bool) -> Instant {
        let mut drawn = Vec::new();
        let deadline = Instant::now() + Duration::from_secs(20);
        while let Ok((at, bytes)) = self
            .output
            .recv_timeout(deadline.saturating_duration_since(Instant::now()))
        {
            drawn.extend(bytes);
            if seen(&String::from_utf8_lossy(&drawn)) {
                return at;
            }
        }
        panic!(
            "the screen never showed it: {}",
            String::from_utf8_lossy(&drawn)
        );
    }

    /// Lets time pass while reading whatever is drawn.
    fn quiet(&self, time: Duration) {
        let deadline = Instant::now() + time;
        while self
            .output
            .recv_timeout(deadline.saturating_duration_since(Instant::now()))
            .is_ok()
        {}
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        // Its own child, by its handle; that it may have ended already is no matter.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
