//! holdpoint as an operator runs it: a cluster file, a procedure, the built program.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use super::contest::{Taken, watch};
use super::farm::{Farm, ticks};

pub const PROGRAM: &str = env!("CARGO_BIN_EXE_holdpoint");

/// Writes the cluster file for the first `count` nodes; `more` stands in the table of each node.
///
/// # Errors
/// In words.
pub fn cluster(
    farm: &Farm,
    count: usize,
    procedure: &str,
    more: impl Fn(&str) -> String,
) -> Result<PathBuf, String> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/bench/peers");
    let mut text = format!(
        "[cluster]\nname = \"peers\"\nprocedure = \"{folder}/{procedure}.toml\"\ntarget = \"2\"\n\n\
         [ssh]\nuser = {:?}\nport = {}\nidentities = [{:?}]\nidentities_only = true\nagent = \"none\"\nknown_hosts = [{:?}]\n",
        farm.user,
        farm.port,
        farm.key(),
        farm.known_hosts(),
    );
    for node in farm.nodes.iter().take(count) {
        text += &format!(
            "\n[[node]]\nname = {:?}\nhost = {:?}\nroles = [\"node\"]\nssh.job_dir = {:?}\n{}\n",
            node.name,
            node.address,
            farm.folder_in(&format!("{}.jobs", node.name))?,
            more(&node.name)
        );
    }
    farm.write(&format!("{procedure}-{count}.toml"), &text)
}

/// `holdpoint VERB FILE --plain`.
pub fn command(farm: &Farm, verb: &str, file: &Path) -> Command {
    let mut command = Command::new(PROGRAM);
    command.arg(verb).arg(file).arg("--plain");
    command.arg("--state-dir").arg(farm.path("state"));
    command
}

/// A walk in line mode whose hold points are answered as soon as they are asked.
pub struct Walk {
    child: Child,
    answers: ChildStdin,
    lines: std::io::Lines<BufReader<ChildStdout>>,
    _watch: std::sync::mpsc::Sender<()>,
}

impl Walk {
    /// Starts it; it is ended when it takes longer than `limit`.
    ///
    /// # Errors
    /// In words.
    pub fn start(mut command: Command, limit: Duration) -> Result<Walk, String> {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()
            .map_err(|error| error.to_string())?;
        let answers = child.stdin.take().ok_or("its input is not piped")?;
        let output = child.stdout.take().ok_or("its output is not piped")?;
        Ok(Walk {
            _watch: watch(child.id(), limit),
            child,
            answers,
            lines: BufReader::new(output).lines(),
        })
    }

    /// The process.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Answers until a hold of this kind is asked, which stays open.
    ///
    /// # Errors
    /// It ended before.
    pub fn up_to(&mut self, kind: &str) -> Result<(), String> {
        let wanted = format!("HOLD {kind} ");
        let mut here = false;
        let mut last = Vec::new();
        while let Some(line) = self.line()? {
            here |= line.starts_with(&wanted);
            match line.strip_prefix("  expect: ") {
                Some(_) if here => return Ok(()),
                Some(expected) => self.answer(expected)?,
                None => {}
            }
            last.push(line);
        }
        let end: Vec<String> = last.into_iter().rev().take(8).collect();
        Err(format!("it ended before a {kind}: {}", end.join(" | ")))
    }

    /// Answers until it is over.
    ///
    /// # Errors
    /// It did not end well.
    pub fn run_out(mut self) -> Result<(), String> {
        let mut last = std::collections::VecDeque::new();
        while let Some(line) = self.line()? {
            if let Some(expected) = line.strip_prefix("  expect: ") {
                self.answer(expected)?;
            }
            last.push_back(line);
            if last.len() > 12 {
                last.pop_front();
            }
        }
        let status = self.child.wait().map_err(|error| error.to_string())?;
        if status.success() {
            return Ok(());
        }
        let end: Vec<String> = last.into();
        Err(format!("{status}: {}", end.join(" | ")))
    }

    fn line(&mut self) -> Result<Option<String>, String> {
        self.lines
            .next()
            .transpose()
            .map_err(|error| error.to_string())
    }

    fn answer(&mut self, expected: &str) -> Result<(), String> {
        let answer = match expected.strip_prefix("type \"") {
            Some(phrase) => phrase.trim_end_matches('"').to_owned(),
            None => {
                let first = expected
                    .trim_start_matches("one of ")
                    .split([' ', ','])
                    .next();
                format!("{} measured", first.unwrap_or_default())
            }
        };
        writeln!(self.answers, "{answer}").map_err(|error| error.to_string())
    }
}

impl Drop for Walk {
    fn drop(&mut self) {
        // Its own child, by its handle; that it may have ended already is no matter.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A whole walk with its times.
///
/// # Errors
/// It did not end well.
pub fn timed_walk(farm: &Farm, command: Command, limit: Duration) -> Result<Taken, String> {
    farm.settle()?;
    let before = (farm.cpu(), ticks("self", 13..15));
    let began = Instant::now();
    Walk::start(command, limit)?.run_out()?;
    let wall = began.elapsed().as_secs_f64();
    let client = (ticks("self", 13..15) - before.1) / 100.0;
    farm.settle()?;
    Ok(Taken {
        wall,
        client,
        servers: (farm.cpu() - before.0).max(0.0),
    })
}
