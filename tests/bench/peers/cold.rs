//! Nodes that nobody is connected to: connect, check the host key, log in, ask one thing, leave.

use std::path::Path;
use std::time::Duration;

use super::contest::{Contender, Limits, contest, holds, timed};
use super::farm::Farm;
use super::holdpoint;
use super::peers::{ALL, Peer};

const LIMIT: Duration = Duration::from_secs(300);
const WORD: &str = "echo service=running";
const SAID: &str = "service=running";

/// Measures it on `count` nodes.
///
/// # Errors
/// What could not be measured, in words.
pub fn measure(count: usize, rounds: usize, limits: &mut Limits) -> Result<(), String> {
    let farm = Farm::start(count)?;
    let file = holdpoint::cluster(&farm, count, "cold", |_| String::new())?;
    let ground = holdpoint::cluster(&farm, count, "ground", |_| String::new())?;
    let running = "facts: service=running";
    let mut contenders = vec![
        check("holdpoint", &farm, &file, running),
        // Not what the peers do: tools, folder, space, clock, lock and session of each node besides.
        check(
            "holdpoint, jobs ahead",
            &farm,
            &ground,
            "check node-session: passes",
        ),
    ];
    for peer in ALL.into_iter().filter(|peer| peer.is_here()) {
        let farm = &farm;
        contenders.push(Contender {
            name: peer.name().into(),
            run: Box::new(move || {
                // Ansible prints each answer twice, the others once.
                timed(farm, peer.once(farm, WORD)?, LIMIT, |said| {
                    holds(said, SAID, count)
                })
            }),
        });
    }
    let title = format!("{count} cold nodes: connect, check the host key, log in, one command");
    let results = contest(&title, rounds, contenders)?;
    limits.faster(&results, &["clush", "pdsh", "pssh"], 4.0);
    limits.faster(
        &results,
        &[Peer::AnsibleRaw.name(), Peer::AnsibleShell.name()],
        8.0,
    );
    limits.faster(&results, &["fabric", "asyncssh"], 1.3);
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    if let (Some(plain), Some(raw)) = (results.of("asyncssh"), results.of("ansible raw")) {
        let floor = plain.servers / cores as f64;
        println!(
            "  --   one plain command costs the servers {floor:.2} s here: a client that costs nothing would be {:.2} times \
             faster than ansible raw",
            raw.wall / floor
        );
    }
    if let Some(ours) = results.of("holdpoint") {
        let busy = ours.servers / cores as f64;
        limits.at_most(
            &format!("times the servers' CPU on {cores} cores ({busy:.2} s)"),
            ours.wall / busy,
            1.3,
        );
    }
    Ok(())
}

fn check<'a>(name: &str, farm: &'a Farm, file: &'a Path, wanted: &'static str) -> Contender<'a> {
    Contender {
        name: name.into(),
        run: Box::new(move || {
            let command = holdpoint::command(farm, "check", file);
            let count = farm.nodes.len();
            timed(farm, command, LIMIT, |said| holds(said, wanted, count))
        }),
    }
}
