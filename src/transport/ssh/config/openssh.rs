//! Asks the ssh program of the machine: `ssh -G` is the truth where it can be had.

use std::ffi::OsString;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use super::answer::{Answer, Value};
use super::machine::{Ask, ConfigRefused, Files, Origin};
use super::options::is_followed;

/// `Match exec` and name lookups take their time; more than this and somebody has forgotten us.
const LIMIT: Duration = Duration::from_secs(30);
/// More output than this (bytes) is no answer.
const MOST: u64 = 1 << 20;
/// Options whose value is a list of paths on one line.
const PATHS: [&str; 2] = ["userknownhostsfile", "globalknownhostsfile"];

/// The ssh program on `path` (a `PATH`), if there is one.
pub fn find(path: &std::ffi::OsStr) -> Option<PathBuf> {
    use std::os::unix::fs::PermissionsExt as _;
    let runs = |file: &PathBuf| {
        file.metadata()
            .is_ok_and(|data| data.is_file() && data.permissions().mode() & 0o111 != 0)
    };
    std::env::split_paths(path)
        .filter(|folder| folder.is_absolute())
        .map(|folder| folder.join("ssh"))
        .find(runs)
}

/// What `ssh -G` says about one host; every value counts as said by somebody.
pub(super) fn ask(program: &Path, files: &Files, ask: &Ask) -> Result<Answer, ConfigRefused> {
    let refused = |why: String| {
        ConfigRefused::plain(format!(
            "ssh -G {} fails: {why}; put the ssh configuration right, so that ssh itself takes it",
            ask.host
        ))
    };
    let mut command = Command::new(program);
    command.arg("-G").args(arguments(files, ask));
    let (text, said, good) = answer_of(command).map_err(&refused)?;
    if !good {
        return Err(refused(last_line(&said)));
    }
    Ok(parse(&text))
}

fn arguments(files: &Files, ask: &Ask) -> Vec<OsString> {
    let mut arguments: Vec<OsString> = Vec::new();
    match files {
        Files::Usual => {}
        Files::Only(path) => arguments.extend(["-F".into(), path.into()]),
        Files::None => arguments.extend(["-F".into(), "none".into()]),
    }
    if let Some(user) = &ask.user {
        arguments.extend(["-l".into(), user.into()]);
    }
    if let Some(port) = ask.port {
        arguments.extend(["-p".into(), port.to_string().into()]);
    }
    if let Some(jump) = &ask.jump {
        arguments.extend(["-J".into(), jump.into()]);
    }
    arguments.extend(["--".into(), (&ask.host).into()]);
    arguments
}

/// Runs it to its end or to the limit: what it printed, what it complained of, whether it ended well.
fn answer_of(mut command: Command) -> Result<(String, String, bool), String> {
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| error.to_string())?;
    let (sender, texts) = mpsc::channel();
    let reading = |at: usize, stream: Option<Box<dyn Read + Send>>| {
        let sender = sender.clone();
        std::thread::spawn(move || {
            let mut bytes = Vec::new();
            // What was read before an error is all there is; nobody takes it when the time was over.
            let _ = stream.map(|stream| stream.take(MOST).read_to_end(&mut bytes));
            let _ = sender.send((at, String::from_utf8_lossy(&bytes).into_owned()));
        });
    };
    reading(0, child.stdout.take().map(|out| Box::new(out) as _));
    reading(1, child.stderr.take().map(|err| Box::new(err) as _));
    let deadline = Instant::now() + LIMIT;
    let mut found = [String::new(), String::new()];
    for _ in 0..2 {
        let left = deadline.saturating_duration_since(Instant::now());
        let Ok((at, text)) = texts.recv_timeout(left) else {
            // It may have ended by itself just now.
            let _ = child.kill();
            let _ = child.wait();
            return Err(format!("it took longer than {} s", LIMIT.as_secs()));
        };
        found[at] = text;
    }
    let status = child.wait().map_err(|error| error.to_string())?;
    let [output, errors] = found;
    Ok((output, errors, status.success()))
}

fn last_line(said: &str) -> String {
    let lines: Vec<&str> = said.lines().filter(|line| !line.is_empty()).collect();
    match lines.as_slice() {
        [] => "it says nothing".into(),
        lines => lines[lines.len().saturating_sub(3)..].join("; "),
    }
}

/// The lines of `ssh -G`.
pub(super) fn parse(text: &str) -> Answer {
    let mut answer = Answer {
        by_ssh: true,
        ..Answer::default()
    };
    for line in text.lines() {
        let (option, value) = line.split_once(' ').unwrap_or((line, ""));
        let option = option.to_ascii_lowercase();
        let words = if PATHS.contains(&option.as_str()) {
            value.split(' ').map(str::to_owned).collect()
        } else {
            vec![value.to_owned()]
        };
        answer.set(&option, words, Origin::Ssh);
    }
    answer
}

/// Marks what holds anyway, by what ssh says without any file.
pub(super) fn mark_defaults(answer: &mut Answer, bare: &Answer) {
    for (option, values) in &mut answer.values {
        let same = bare.values.get(option).is_some_and(|default| {
            let texts =
                |values: &[Value]| -> Vec<String> { values.iter().map(Value::text).collect() };
            texts(default) == texts(values)
        });
        if same {
            values
                .iter_mut()
                .for_each(|value| value.origin = Origin::Default);
        }
    }
}

/// Shows where values come from, as far as our own reading says the same as ssh.
pub(super) fn explain(answer: &mut Answer, own: &Answer) {
    for (option, values) in &mut answer.values {
        let Some(known) = own.values.get(option) else {
            continue;
        };
        let same =
            |at: usize, value: &Value| known.get(at).filter(|own| own.text() == value.text());
        for (at, value) in values.iter_mut().enumerate() {
            if let Some(own) = same(at, value)
                && (is_followed(option) || value.origin == Origin::Ssh)
            {
                value.words.clone_from(&own.words);
                if own.origin != Origin::Default {
                    value.origin = own.origin.clone();
                }
            }
        }
    }
    answer.unknown = own.unknown.clone();
}
