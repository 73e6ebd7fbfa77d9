//! 10 MB of output from each of 10 nodes: lines of text, kept in a file each.
//!
//! Twice for holdpoint. A check that prints so much is the same work as the peer's: all of it comes over the connection
//! (the answer counts only with its end mark), and holdpoint keeps as much as it keeps of a check. A changing step does
//! more: the script runs detached on the node and prints into a file there, from which holdpoint fetches it, cleans it line
//! by line and writes transcripts of up to 8 MiB; the whole run is timed, with its checks, gates, locks, journal and probes.
//! What the output takes of this is seen beside the same run with a step that prints one word: the difference counts.
//! The peer is ssh under xargs, whose output goes into a file for each node.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use super::contest::{Contender, Limits, contest, holds, timed};
use super::farm::Farm;
use super::holdpoint::{self, timed_walk};
use super::peers::{Peer, ssh_options};

const NODES: usize = 10;
const LINES: usize = 100_000;
const LINE: usize = 100;
/// A transcript keeps so many bytes and says that there were more.
const KEPT: usize = 8 << 20;
const STEP: &str = "holdpoint, a changing step";
const QUIET: &str = "  one that prints a word";
const LIMIT: Duration = Duration::from_secs(300);

/// Measures it.
///
/// # Errors
/// What could not be measured, in words.
pub fn measure(rounds: usize, limits: &mut Limits) -> Result<(), String> {
    let farm = Farm::start(NODES)?;
    let line = |number: usize| format!("{number:>8} {:-<1$}\n", "unpacking ", LINE - 10);
    let text: String = (0..LINES).map(line).collect();
    let text = farm.write("text", &text)?;
    let word = farm.write("word", "done\n")?;
    let shown = farm.path("shown");
    let file = holdpoint::cluster(&farm, NODES, "output", |node| {
        let folder = farm.path(&format!("{node}.jobs"));
        format!("params.folder = {folder:?}\nparams.text = {shown:?}")
    })?;
    let talk = holdpoint::cluster(&farm, NODES, "talk", |_| format!("params.text = {text:?}"))?;
    let check = Contender {
        name: "holdpoint".into(),
        run: Box::new(|| {
            let command = holdpoint::command(&farm, "check", &talk);
            timed(&farm, command, LIMIT, |said| {
                holds(said, "facts: service=running", NODES)
            })
        }),
    };
    let walk = |text: &Path| {
        for node in &farm.nodes {
            let _ = fs::remove_file(farm.path(&format!("{}.jobs/printed", node.name)));
        }
        let _ = fs::remove_dir_all(farm.path("state"));
        let _ = fs::remove_file(&shown);
        symlink(text, &shown).map_err(|error| error.to_string())?;
        timed_walk(&farm, holdpoint::command(&farm, "run", &file), LIMIT)
    };
    let step = Contender {
        name: STEP.into(),
        run: Box::new(|| {
            let taken = walk(&text)?;
            transcripts_are_whole(&farm)?;
            Ok(taken)
        }),
    };
    let quiet = Contender {
        name: QUIET.into(),
        run: Box::new(|| walk(&word)),
    };
    let mut contenders = vec![check, step, quiet];
    if Peer::Xargs.is_here() {
        let kept = farm.folder_in("kept")?;
        let script = format!(
            "xargs -a {hosts} -P {NODES} -I{{}} sh -c 'ssh -n {options} -l {user} {{}} cat {text} >{kept}/{{}}'",
            hosts = farm.addresses().display(),
            options = ssh_options(&farm).join(" "),
            user = farm.user,
            text = text.display(),
            kept = kept.display(),
        );
        let farm = &farm;
        contenders.push(Contender {
            name: Peer::Xargs.name().into(),
            run: Box::new(move || {
                let mut command = Command::new("sh");
                command.args(["-c", &script]);
                timed(farm, command, LIMIT, |_| Ok(()))
            }),
        });
    }
    let title = format!("10 MB of output from each of {NODES} nodes, kept in files");
    let results = contest(&title, rounds, contenders)?;
    limits.faster(&results, &[Peer::Xargs.name()], 1.8);
    let walls = [STEP, QUIET, Peer::Xargs.name()].map(|name| results.of(name));
    if let [Some(step), Some(quiet), Some(peer)] = walls {
        let times = (step.wall - quiet.wall) / peer.wall;
        let what = "the output of a changing step, in times of ssh under xargs";
        limits.at_most(what, times, 1.0);
    }
    Ok(())
}

/// That as much of every node was kept as a transcript keeps.
fn transcripts_are_whole(farm: &Farm) -> Result<(), String> {
    let found = Command::new("find")
        .arg(farm.path("state"))
        .args(["-name", "*print*", "-type", "f", "-printf", "%s\\n"])
        .output()
        .map_err(|error| format!("find: {error}"))?;
    let sizes = String::from_utf8_lossy(&found.stdout).into_owned();
    let whole = sizes
        .lines()
        .filter_map(|size| size.parse::<usize>().ok())
        .filter(|size| *size >= KEPT)
        .count();
    if whole == NODES {
        return Ok(());
    }
    Err(format!("{whole} whole transcripts of {NODES}: {sizes:?}"))
}
