//! What a node or a server can do to us is bounded: in memory, in time, and in what reaches the terminal.

mod floods;
mod many;
mod screen;
mod sequences;
mod servers;

use std::fs;

use crate::support::site::Site;
use crate::support::sshd::Sshd;

/// No node may cost more memory than this beyond what the program takes when all is calm (bytes).
const MORE: u64 = 64 << 20;

/// The most memory that the process has had so far (bytes), as the kernel counts it; nothing once it is gone.
fn peak(pid: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kib: u64 = line.trim().strip_suffix(" kB")?.trim().parse().ok()?;
    Some(kib << 10)
}

/// The cluster file of `site`, and the procedure beside it whose nodes say what lies in their homes.
fn talkative(site: &Site) {
    let procedure = include_str!("../fixtures/flood.toml");
    fs::write(site.folder.path().join("flood.toml"), procedure).expect("a procedure");
    let mut text = format!(
        "[cluster]\nname = \"floods\"\nprocedure = \"flood.toml\"\ntarget = \"1\"\nplace = \"lab\"\n\n{}",
        site.ssh_table()
    );
    for (index, server) in site.servers.iter().enumerate() {
        text += &site.node_table(index, &["node"], &[]);
        say(server, "state=before\ntitle=calm\n", "word=good\n", ":");
    }
    site.write(&text);
}

/// What the node's probe and check print, and what its job runs; the job ends with its postcondition.
fn say(node: &Sshd, facts: &str, check: &str, payload: &str) {
    let print = |name: &str, text: &str| {
        fs::write(node.home.join(name), text).expect("a file");
        format!("cat \"$HOME/{name}\"\n")
    };
    let probe = print("facts", facts);
    let check = print("check", check);
    let after = facts.replace("state=before", "state=after");
    let payload = format!("{payload}\ncp \"$HOME/after\" \"$HOME/facts\"\n");
    for (name, text) in [
        ("probe.sh", &probe),
        ("check.sh", &check),
        ("after", &after),
        ("payload.sh", &payload),
    ] {
        fs::write(node.home.join(name), text).expect("a file");
    }
}
