//! Our own reading of ssh_config and `ssh -G` say the same about ten thousand generated configurations; and the program
//! reaches hosts that its cluster file names by alias only.

mod alike;
mod cases;
mod desk;
pub mod dice;
mod named;
mod tables;

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use dice::Dice;
use holdpoint::transport::ssh::config::{Ask, Files, Machine, Resolver};

use crate::support::ssh_g::Truth;

/// How many configurations are resolved by both.
const CONFIGURATIONS: usize = 10_000;
/// So many hosts are asked for by each file.
const HOSTS_OF_A_FILE: usize = 4;
/// Mostly they wait for ssh to start.
const THREADS: usize = 6;

#[test]
fn ten_thousand_generated_configurations_say_the_same_as_ssh() {
    let Some(truth) = Truth::find() else { return };
    let folder = tempfile::tempdir().unwrap();
    let next = AtomicUsize::new(0);
    let (taken, resolved) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let differing = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    let enough = differing.lock().unwrap().len() > 4;
                    if number * HOSTS_OF_A_FILE >= CONFIGURATIONS || enough {
                        return;
                    }
                    let mut dice = Dice(number as u64);
                    let file = write_configuration(&mut dice, folder.path(), number);
                    for _ in 0..HOSTS_OF_A_FILE {
                        let ask = dice.ask();
                        resolved.fetch_add(1, Ordering::Relaxed);
                        match truth.difference(&file, &ask) {
                            Some(why) => differing.lock().unwrap().push(told(&file, &ask, &why)),
                            None if number.is_multiple_of(10) && truth.takes(&file, &ask) => {
                                taken.fetch_add(1, Ordering::Relaxed);
                            }
                            None => {}
                        }
                    }
                    fs::remove_file(file).unwrap();
                }
            });
        }
    });
    let differing = differing.into_inner().unwrap();
    assert!(differing.is_empty(), "{}", differing.join("\n=====\n"));
    assert_eq!(resolved.into_inner(), CONFIGURATIONS);
    // Most are taken by ssh, or the whole would show little.
    let taken = taken.into_inner();
    assert!(taken > CONFIGURATIONS / 20, "ssh took {taken} of a tenth");
}

/// Writes the configuration and, for every third, files that it may include.
fn write_configuration(dice: &mut Dice, folder: &Path, number: usize) -> PathBuf {
    let mut includes = Vec::new();
    if number.is_multiple_of(3) {
        let part = folder.join(format!("part{number}"));
        fs::create_dir(&part).unwrap();
        for name in ["one.conf", "two.conf"] {
            let text = dice.configuration(&includes);
            fs::write(part.join(name), text).unwrap();
            includes.push(part.join(name));
        }
        includes.push(part.join("*.conf"));
    }
    let file = folder.join(format!("config{number}"));
    fs::write(&file, dice.configuration(&includes)).unwrap();
    file
}

fn told(file: &Path, ask: &Ask, why: &str) -> String {
    let mut text = format!("{ask:?}: {why}\n{}", fs::read_to_string(file).unwrap());
    let part = file.display().to_string().replace("/config", "/part");
    for name in ["one.conf", "two.conf"] {
        if let Ok(included) = fs::read_to_string(format!("{part}/{name}")) {
            write!(text, "-- {name}:\n{included}").unwrap();
        }
    }
    text
}

#[test]
fn no_text_makes_the_reading_panic_or_hang() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("config");
    let mut dice = Dice(4711);
    let alphabet: Vec<char> = "HostMatchPort= \t\"'\\#%${}~!*?,@[]:\n\r\u{0}é\u{202e}0123"
        .chars()
        .collect();
    for _ in 0..3000 {
        let mut text: String = (0..dice.roll(80)).map(|_| dice.pick(&alphabet)).collect();
        if dice.one_in(2) {
            text = format!("{}{text}", dice.line(&[]));
        }
        fs::write(&file, text).unwrap();
        let resolver = Resolver::new(Machine::default(), Files::Only(file.clone()), None);
        // Refused or not is all the same here.
        let _ = resolver.answer(&dice.ask());
    }
}
