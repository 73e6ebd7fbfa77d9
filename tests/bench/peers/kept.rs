//! Ten commands one after another on each node, over connections that are kept.
//!
//! holdpoint has no verb for a command: what an operator runs is a check. The procedure here has one probe and nine checks,
//! each a script of its own with a round trip of its own on every node; besides, holdpoint asks each node for its boot
//! identity. The programs that start ssh share connections by ControlMaster.

use std::time::Duration;

use super::contest::{Contender, Limits, contest, holds, timed};
use super::farm::Farm;
use super::holdpoint;
use super::peers::{ALL, Peer};

const NODES: usize = 50;
const TIMES: usize = 10;
const LIMIT: Duration = Duration::from_secs(300);
const WORD: &str = "echo service=running";
const SAID: &str = "service=running";

/// Measures it.
///
/// # Errors
/// What could not be measured, in words.
pub fn measure(rounds: usize, limits: &mut Limits) -> Result<(), String> {
    let farm = Farm::start(NODES)?;
    let file = holdpoint::cluster(&farm, NODES, "kept", |_| String::new())?;
    let mut contenders = vec![Contender {
        name: "holdpoint".into(),
        run: Box::new(|| {
            let command = holdpoint::command(&farm, "check", &file);
            timed(&farm, command, LIMIT, |said| {
                holds(said, "facts: service=running", NODES)
            })
        }),
    }];
    let peers = ALL.into_iter().filter(|peer| *peer != Peer::AnsibleShell);
    for peer in peers.filter(|peer| peer.is_here()) {
        let farm = &farm;
        contenders.push(Contender {
            name: peer.name().into(),
            run: Box::new(move || {
                timed(farm, peer.again(farm, WORD, TIMES)?, LIMIT, |said| {
                    holds(said, SAID, NODES * TIMES)
                })
            }),
        });
    }
    let title = format!("{TIMES} commands in a row on each of {NODES} nodes, connections kept");
    let results = contest(&title, rounds, contenders)?;
    let multiplexed = ["clush", "pdsh", "pssh", "ssh under xargs"];
    limits.faster(&results, &multiplexed, 3.5);
    limits.faster(&results, &["ansible raw"], 8.0);
    limits.faster(&results, &["fabric"], 1.3);
    Ok(())
}
