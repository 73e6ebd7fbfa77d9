//! Walks the built program as somebody at a terminal without screens would: reads what is asked, types the answer.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread::JoinHandle;
use std::time::Duration;

/// How long any single line may take before the story is given up.
const PATIENCE: Duration = Duration::from_secs(300);

/// The program under way, with its input open.
pub struct Walk {
    child: Child,
    input: Option<ChildStdin>,
    lines: Receiver<String>,
    errors: Option<JoinHandle<String>>,
    /// Everything that it printed on standard output, and what was typed as `> answer`.
    pub transcript: String,
}

/// How a walk ended.
pub struct Ended {
    pub code: Option<i32>,
    pub transcript: String,
    pub errors: String,
}

impl Walk {
    /// Starts `holdpoint` with these arguments and `state` as its state folder.
    pub fn start(state: &Path, arguments: &[&str]) -> Walk {
        let mut child = command(state, arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the built program starts");
        let output = child.stdout.take().expect("it is piped");
        let errors = child.stderr.take().expect("it is piped");
        let (sender, lines) = mpsc::channel();
        std::thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        let errors = std::thread::spawn(move || {
            std::io::read_to_string(errors).expect("what it says is text")
        });
        Walk {
            input: child.stdin.take(),
            child,
            lines,
            errors: Some(errors),
            transcript: String::new(),
        }
    }

    /// The next line that it prints; nothing at the end of its output.
    pub fn line(&mut self) -> Option<String> {
        match self.lines.recv_timeout(PATIENCE) {
            Ok(line) => {
                self.transcript.push_str(&line);
                self.transcript.push('\n');
                Some(line)
            }
            Err(mpsc::RecvTimeoutError::Disconnected) => None,
            Err(mpsc::RecvTimeoutError::Timeout) => {
                self.child.kill().expect("it is ours");
                panic!("nothing came any more after:\n{}", self.transcript);
            }
        }
    }

    /// Reads until a line begins with `start`, and returns it.
    pub fn until(&mut self, start: &str) -> String {
        while let Some(line) = self.line() {
            if line.starts_with(start) {
                return line;
            }
        }
        panic!("`{start}` never came:\n{}", self.transcript);
    }

    pub fn type_line(&mut self, text: &str) {
        self.transcript.push_str(&format!("> {text}\n"));
        let input = self.input.as_mut().expect("its input is open");
        // If it is gone already its output tells why.
        let _ = writeln!(input, "{text}").and_then(|()| input.flush());
    }

    /// Answers every hold point with what `answer` makes of its `expect:` line, until the end; without one, the input ends
    /// there.
    pub fn answer(mut self, answer: impl Fn(&str) -> Option<String>) -> Ended {
        while let Some(line) = self.line() {
            let Some(expected) = expected(&line) else {
                continue;
            };
            match answer(&expected) {
                Some(text) => self.type_line(&text),
                None => self.input = None,
            }
        }
        self.end()
    }

    /// Answers every hold point: with what `other` makes of its `HOLD` line and of what is expected, else as the usual
    /// operator does (types the phrase, says yes and done, waives, takes the first way out). Without an answer, or past
    /// 250 answers, the story is given up.
    pub fn guide(mut self, mut other: impl FnMut(&str, &str) -> Option<String>) -> Ended {
        let (mut hold, mut answers) = (String::new(), 0);
        while let Some(line) = self.line() {
            if line.starts_with("HOLD ") {
                hold = line.clone();
            }
            let Some(expected) = line.strip_prefix("  expect: ").map(str::to_string) else {
                continue;
            };
            let answer = other(&hold, &expected).unwrap_or_else(|| usual(&expected));
            self.type_line(&answer);
            answers += 1;
            assert!(
                answers < 250,
                "the walk goes round in circles:\n{}",
                tail(&self.transcript)
            );
        }
        self.end()
    }

    /// Closes the input, reads what is left and waits for the end.
    pub fn end(mut self) -> Ended {
        self.input = None;
        while self.line().is_some() {}
        let code = self.child.wait().expect("it is ours").code();
        let errors = self.errors.take().expect("taken once");
        Ended {
            code,
            transcript: std::mem::take(&mut self.transcript),
            errors: errors.join().expect("the reader of a pipe does not fail"),
        }
    }

    /// The process, for signals.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Walk {
    fn drop(&mut self) {
        // A story that fails half way leaves nothing running. That it may have ended already is no matter.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What may be answered, if the line tells: in line mode, or as the JSON of a hold.
fn expected(line: &str) -> Option<String> {
    if let Some(text) = line.strip_prefix("  expect: ") {
        return Some(text.to_string());
    }
    let value: serde_json::Value = serde_json::from_str(line).ok()?;
    let expect = value.get("expect").filter(|_| value["event"] == "hold")?;
    if let Some(phrase) = expect["type"].as_str() {
        return Some(format!("type \"{phrase}\""));
    }
    let words: Vec<&str> = expect["options"]
        .as_array()?
        .iter()
        .filter_map(|word| word.as_str())
        .collect();
    Some(match words.first() {
        Some(&"yes") => "yes NOTE".into(),
        Some(&"done") => "done NOTE".into(),
        _ => format!("one of {}", words.join(", ")),
    })
}

/// What a diligent operator of a healthy cluster answers.
pub fn diligent(expected: &str) -> Option<String> {
    if let Some(phrase) = expected.strip_prefix("type \"") {
        return phrase.strip_suffix('"').map(str::to_string);
    }
    let answer = match expected.split(' ').next()? {
        "yes" => "yes seen on paper",
        "done" => "done pressed it",
        _ if expected.contains("go-on") => "go-on",
        _ if expected.contains("choose") => "choose keep",
        _ => return None,
    };
    Some(answer.into())
}

/// What the usual operator answers to any hold point.
pub fn usual(expected: &str) -> String {
    if let Some(phrase) = expected.strip_prefix("type \"") {
        return phrase.trim_end_matches('"').to_string();
    }
    let words = expected.trim_start_matches("one of ");
    match words.split([' ', ',']).next() {
        Some("waive") => "waive a test machine".into(),
        Some(word) => format!("{word} seen"),
        None => "leave".into(),
    }
}

/// The last lines of a transcript, for the message of a failed assertion.
pub fn tail(text: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(40)..].join("\n")
}

/// Runs the program to its end with nothing on its input.
pub fn run(state: &Path, arguments: &[&str]) -> Ended {
    Walk::start(state, arguments).end()
}

fn command(state: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_holdpoint"));
    command
        .args(arguments)
        .env("HOLDPOINT_STATE_DIR", state)
        .env("XDG_CONFIG_HOME", state.join("config"))
        .env_remove("HOLDPOINT_THEME");
    command
}
