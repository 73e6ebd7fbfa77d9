//! Runs contenders in turn, takes their times, prints them and holds them against the limits.

use std::fs::{self, File};
use std::os::unix::process::CommandExt as _;
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group};

use super::farm::{Farm, ticks};

/// What one run took.
#[derive(Clone, Copy, Debug)]
pub struct Taken {
    /// Seconds from the start of the process to its end.
    pub wall: f64,
    /// Seconds of processor time of the process and what it started and waited for.
    pub client: f64,
    /// The same of the servers.
    pub servers: f64,
}

/// One who takes part.
pub struct Contender<'a> {
    pub name: String,
    /// One run; its end is awaited and what it printed is looked at.
    pub run: Box<dyn FnMut() -> Result<Taken, String> + 'a>,
}

/// The median of each contender.
pub struct Results {
    pub rows: Vec<(String, Taken)>,
}

impl Results {
    /// By the name.
    pub fn of(&self, name: &str) -> Option<Taken> {
        let row = self.rows.iter().find(|(known, _)| known == name);
        row.map(|(_, taken)| *taken)
    }
}

/// Lets everybody run in turn, and prints the medians.
///
/// # Errors
/// Whoever fails to do what was asked: a time of that would mean nothing.
pub fn contest(
    title: &str,
    rounds: usize,
    mut contenders: Vec<Contender<'_>>,
) -> Result<Results, String> {
    println!("\n{title}");
    // Not counted: the servers' time is told in hundredths of a second of each, rounded down, and would seem less at first.
    if let Some(first) = contenders.first_mut() {
        (first.run)().map_err(|why| format!("{}: {why}", first.name))?;
    }
    let mut taken = vec![Vec::new(); contenders.len()];
    for _ in 0..rounds {
        for (contender, taken) in contenders.iter_mut().zip(&mut taken) {
            let run = (contender.run)();
            taken.push(run.map_err(|why| format!("{}: {why}", contender.name))?);
        }
    }
    let rows: Vec<(String, Taken)> = contenders
        .into_iter()
        .zip(taken)
        .map(|(contender, taken)| (contender.name, median(taken)))
        .collect();
    println!(
        "  {:<26} {:>9} {:>8} {:>12} {:>12}",
        "", "time", "ratio", "its own CPU", "servers' CPU"
    );
    let ours = rows.first().map_or(0.0, |(_, taken)| taken.wall);
    for (name, taken) in &rows {
        println!(
            "  {name:<26} {:>7.2} s {:>8.2} {:>10.2} s {:>10.2} s",
            taken.wall,
            taken.wall / ours,
            taken.client,
            taken.servers
        );
    }
    Ok(Results { rows })
}

fn median(mut taken: Vec<Taken>) -> Taken {
    taken.sort_by(|one, other| one.wall.total_cmp(&other.wall));
    taken[taken.len() / 2]
}

/// One run of a command to its end, within `limit`. `fits` judges what it printed.
///
/// # Errors
/// It did not end, or not well, or printed something else.
pub fn timed(
    farm: &Farm,
    mut command: Command,
    limit: Duration,
    fits: impl Fn(&str) -> Result<(), String>,
) -> Result<Taken, String> {
    farm.settle()?;
    let (output, errors) = (farm.path("output"), farm.path("errors"));
    let create = |path| File::create(path).map_err(|error| error.to_string());
    command
        .stdin(Stdio::null())
        .stdout(create(&output)?)
        .stderr(create(&errors)?)
        .process_group(0);
    let before = (farm.cpu(), ticks("self", 13..15));
    let began = Instant::now();
    let mut child = command.spawn().map_err(|error| error.to_string())?;
    let watch = watch(child.id(), limit);
    let status = child.wait().map_err(|error| error.to_string())?;
    let wall = began.elapsed().as_secs_f64();
    drop(watch);
    let client = (ticks("self", 13..15) - before.1) / 100.0;
    let said = String::from_utf8_lossy(&fs::read(&output).unwrap_or_default()).into_owned();
    let complaint = String::from_utf8_lossy(&fs::read(&errors).unwrap_or_default()).into_owned();
    if !status.success() {
        let both = format!("{said}\n{complaint}");
        let tail: Vec<&str> = both.lines().rev().take(8).collect();
        return Err(format!("{status}: {}", tail.join(" | ")));
    }
    fits(&said)?;
    farm.settle()?;
    Ok(Taken {
        wall,
        client,
        servers: (farm.cpu() - before.0).max(0.0),
    })
}

/// Ends the group of a process that takes longer than `limit`. Dropping what is given back ends the watch.
pub fn watch(process: u32, limit: Duration) -> mpsc::Sender<()> {
    let (over, heard) = mpsc::channel::<()>();
    thread::spawn(move || {
        let late = heard.recv_timeout(limit) == Err(mpsc::RecvTimeoutError::Timeout);
        let group = i32::try_from(process).ok().and_then(Pid::from_raw);
        if let (true, Some(group)) = (late, group) {
            let _ = kill_process_group(group, Signal::KILL);
        }
    });
    over
}

/// That a text holds `what` at least `times` times.
///
/// # Errors
/// It does not.
pub fn holds(text: &str, what: &str, times: usize) -> Result<(), String> {
    let found = text.matches(what).count();
    if found >= times {
        return Ok(());
    }
    let end: Vec<&str> = text.lines().rev().take(5).collect();
    Err(format!(
        "{found} answers of {times}; it ends with {:?}",
        end.join(" | ")
    ))
}

/// Limits that were looked at.
#[derive(Default)]
pub struct Limits {
    missed: usize,
}

impl Limits {
    /// So many times faster than one or several peers; those that are not here do not count.
    pub fn faster(&mut self, results: &Results, peers: &[&str], least: f64) {
        let Some(ours) = results.of("holdpoint") else {
            return;
        };
        for peer in peers {
            match results.of(peer) {
                Some(theirs) => {
                    let ratio = theirs.wall / ours.wall;
                    let fits = ratio >= least;
                    self.judge(
                        fits,
                        &format!("{ratio:.2} times faster than {peer} (at least {least})"),
                    );
                }
                None => println!("  --   {peer} is not here"),
            }
        }
    }

    /// At most this much.
    pub fn at_most(&mut self, what: &str, measured: f64, most: f64) {
        self.judge(
            measured <= most,
            &format!("{what}: {measured:.2} (at most {most})"),
        );
    }

    fn judge(&mut self, fits: bool, what: &str) {
        println!("  {} {what}", if fits { "ok  " } else { "MISS" });
        self.missed += usize::from(!fits);
    }

    /// Whether none was missed.
    pub fn kept(&self) -> bool {
        self.missed == 0
    }
}
