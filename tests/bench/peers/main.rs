//! holdpoint beside its peers, on this machine, against OpenSSH servers that this program starts on loopback addresses.
//!
//! ```sh
//! cargo bench --bench peers                                # everything
//! cargo bench --bench peers -- cold kept --rounds 5        # some parts
//! cargo bench --bench peers -- cold --nodes 50             # fewer nodes
//! ```
//!
//! It installs nothing and leaves nothing behind. Peers are looked for on `PATH`; AsyncSSH and Fabric in the Python that
//! `HOLDPOINT_PEERS_PYTHON` names (a virtual environment's `bin/python`), else in `python3`. What is not here is named and
//! not counted.
//!
//! Everybody is measured as a whole process, one after the other and in turn for several rounds; the median counts. All
//! use the same key and the same known_hosts file, which they check, and handle at most 50 nodes at once unless they are
//! made otherwise. Each node is an sshd of its own with an address and a host key of its own. The servers' processor time
//! is that of these sshd and of all that they started. It exits with 1 when a limit is missed.

mod cold;
mod contest;
mod farm;
mod holdpoint;
mod kept;
mod memory;
mod output;
mod peers;
mod upload;

use contest::Limits;

/// At most so many nodes at once, where a peer lets one choose.
const AT_ONCE: usize = 50;
/// The parts, in their order.
const PARTS: [&str; 5] = ["cold", "kept", "output", "upload", "memory"];

/// What was asked for.
struct Wanted {
    parts: Vec<String>,
    /// Nodes of the part `cold`.
    nodes: usize,
    rounds: usize,
}

fn main() {
    let wanted = match wanted(std::env::args().skip(1)) {
        Ok(wanted) => wanted,
        Err(why) => {
            eprintln!("{why}");
            std::process::exit(2);
        }
    };
    let outcome = measure(&wanted);
    match outcome {
        Ok(limits) => std::process::exit(i32::from(!limits.kept())),
        Err(why) => {
            eprintln!("not measured: {why}");
            std::process::exit(1);
        }
    }
}

fn wanted(mut arguments: impl Iterator<Item = String>) -> Result<Wanted, String> {
    let mut wanted = Wanted {
        parts: Vec::new(),
        nodes: 200,
        rounds: 3,
    };
    while let Some(argument) = arguments.next() {
        let mut number = || {
            let text = arguments.next().unwrap_or_default();
            let number = text.parse::<usize>().ok().filter(|number| *number > 0);
            number.ok_or_else(|| format!("{argument} wants a number from 1 on, not {text:?}"))
        };
        match argument.as_str() {
            // What `cargo bench` adds.
            "--bench" => {}
            "--nodes" => wanted.nodes = number()?,
            "--rounds" => wanted.rounds = number()?,
            part if PARTS.contains(&part) => wanted.parts.push(argument),
            other => {
                return Err(format!(
                    "{other:?} is neither a part ({}) nor --nodes N nor --rounds N",
                    PARTS.join(", ")
                ));
            }
        }
    }
    if wanted.parts.is_empty() {
        wanted.parts = PARTS.map(str::to_owned).to_vec();
    }
    Ok(wanted)
}

fn measure(wanted: &Wanted) -> Result<Limits, String> {
    let mut limits = Limits::default();
    for part in PARTS
        .iter()
        .filter(|part| wanted.parts.iter().any(|wanted| wanted == *part))
    {
        match *part {
            "cold" => cold::measure(wanted.nodes, wanted.rounds, &mut limits)?,
            "kept" => kept::measure(wanted.rounds, &mut limits)?,
            "output" => output::measure(wanted.rounds, &mut limits)?,
            "upload" => upload::measure(wanted.rounds, &mut limits)?,
            _ => memory::measure(&mut limits)?,
        }
    }
    Ok(limits)
}
