//! The built program, killed at random moments and resumed, again and again: every change runs once, nothing that was
//! acknowledged is lost, and what the journal says can be relied on.
//!
//! `HOLDPOINT_EFFORT=n` kills n times as often. The seed is in the message of whatever fails.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use holdpoint::sim::rng::Rng;
use rustix::process::{Pid, Signal, kill_process};

use crate::cluster_lock::two_operators::Boxes;
use crate::support::walk::{Walk, run, tail, usual};

const CLUSTERS: u8 = 3;
const KILLS: usize = 10;

/// Kills of one cluster's runs.
fn kills() -> usize {
    let effort = std::env::var("HOLDPOINT_EFFORT").ok();
    KILLS * effort.and_then(|times| times.parse().ok()).unwrap_or(1)
}

/// Walks on as a patient operator does, up to the end or to `lines` more lines, then `pause` longer, and then no further.
/// `None` if it was killed.
fn walk_and_kill(mut walk: Walk, lines: u64, pause: Duration) -> Option<(Option<i32>, String)> {
    let mut read = 0;
    while let Some(line) = walk.line() {
        if let Some(expected) = line.strip_prefix("  expect: ") {
            walk.type_line(&usual(expected));
        }
        read += 1;
        if read == lines {
            // Not a wait for something: each round dies at another moment.
            std::thread::sleep(pause);
            let pid = Pid::from_raw(i32::try_from(walk.pid()).expect("a pid")).expect("a pid");
            // It may have come to its end by itself: it is still ours.
            kill_process(pid, Signal::KILL).expect("it is ours");
            let ended = walk.end();
            return ended.code.map(|code| (Some(code), ended.transcript));
        }
    }
    let ended = walk.end();
    Some((
        ended.code,
        format!("{}\n{}", ended.transcript, ended.errors),
    ))
}

/// The run that `holdpoint runs` shows, if it shows one.
fn run_id(boxes: &Boxes, state: &str) -> Option<String> {
    let runs = run(&boxes.state(state), &["runs"]).transcript;
    let line = runs.lines().find(|line| line.contains("boxes"))?;
    line.split_whitespace().next().map(str::to_string)
}

fn verify(boxes: &Boxes, state: &str, told: &str) {
    let Some(id) = run_id(boxes, state) else {
        return;
    };
    let verdict = run(&boxes.state(state), &["verify", &id]);
    let said = format!("{}{}", verdict.transcript, verdict.errors);
    assert!(!said.contains("BROKEN"), "{told}: {said}");
}

/// Runs the cluster to its end, again and again, until it was killed so often; each run is a new operator's.
fn until_killed_enough(boxes: &Boxes, seed: u64, killed: &AtomicUsize) {
    let mut dice = Rng::keyed(seed, &["kills"]);
    let (mut here, mut round) = (0, 0);
    while here < kills() {
        round += 1;
        let state = format!("operator{round}");
        boxes.lower();
        loop {
            let (lines, pause) = (
                1 + dice.draw() % 45,
                Duration::from_millis(dice.draw() % 60),
            );
            let told = format!(
                "seed {seed}, round {round}, kill {here}: after {lines} lines and {pause:?}"
            );
            let begun = run_id(boxes, &state).is_some();
            let walk = if begun {
                boxes.resume(&state)
            } else {
                boxes.run(&state)
            };
            let lines = if here < kills() { lines } else { u64::MAX };
            let Some((code, transcript)) = walk_and_kill(walk, lines, pause) else {
                here += 1;
                killed.fetch_add(1, Ordering::Relaxed);
                verify(boxes, &state, &told);
                for index in 0..2 {
                    assert!(
                        boxes.lifted(index) <= 1,
                        "{told}: box {index} was lifted twice"
                    );
                }
                continue;
            };
            // The one before may have come to its end in the very moment in which it was killed.
            let over = begun && transcript.contains("every run is finished");
            assert!(
                code == Some(0) || over,
                "{told}: {code:?}\n{}",
                tail(&transcript)
            );
            break;
        }
        for index in 0..2 {
            assert_eq!(boxes.lifted(index), 1, "seed {seed}, round {round}");
            assert!(
                boxes.lock(index).contains(" v1 free "),
                "{}",
                boxes.lock(index)
            );
        }
        verify(boxes, &state, "at the end");
    }
}

#[test]
fn killed_at_random_moments_it_goes_on_and_changes_each_node_once() {
    let clusters: Vec<Boxes> = (0..CLUSTERS)
        .filter_map(|at| Boxes::start_at(234, 21 + 2 * at))
        .collect();
    if clusters.len() < usize::from(CLUSTERS) {
        return;
    }
    let killed = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for (seed, boxes) in (1..).zip(&clusters) {
            let killed = &killed;
            scope.spawn(move || until_killed_enough(boxes, seed, killed));
        }
    });
    let killed = killed.into_inner();
    println!("killed {killed} times");
    assert_eq!(killed, usize::from(CLUSTERS) * kills());
}
