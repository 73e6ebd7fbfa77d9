//! What an idle connection costs in memory: a run that waits at its first gate, with few nodes and with many.

use std::fs;
use std::thread;
use std::time::Duration;

use super::contest::Limits;
use super::farm::Farm;
use super::holdpoint::{self, Walk};

const FEW: usize = 20;
const MANY: usize = 120;
const LIMIT: Duration = Duration::from_secs(120);
/// What was needed for the logins is given back after a while.
const REST: Duration = Duration::from_secs(3);

/// Measures it.
///
/// # Errors
/// What could not be measured, in words.
pub fn measure(limits: &mut Limits) -> Result<(), String> {
    let farm = Farm::start(MANY)?;
    println!("\nmemory of a run that waits at its first gate");
    let mut resident = Vec::new();
    for count in [FEW, MANY] {
        let file = holdpoint::cluster(&farm, count, "output", |node| {
            let folder = farm.path(&format!("{node}.jobs"));
            format!("params.folder = {folder:?}\nparams.text = \"/dev/null\"")
        })?;
        let mut walk = Walk::start(holdpoint::command(&farm, "run", &file), LIMIT)?;
        walk.up_to("gate")?;
        thread::sleep(REST);
        let kilobytes = resident_kb(walk.id()).ok_or("this system has no /proc")?;
        println!("  {count:>4} connections {kilobytes:>10} kB");
        resident.push(kilobytes);
        drop(walk);
        farm.settle()?;
    }
    let each = (resident[1] as f64 - resident[0] as f64) / (MANY - FEW) as f64;
    limits.at_most("kB for each idle connection", each, 150.0);
    Ok(())
}

fn resident_kb(process: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find(|line| line.starts_with("VmRSS:"))?;
    line.split_whitespace().nth(1)?.parse().ok()
}
