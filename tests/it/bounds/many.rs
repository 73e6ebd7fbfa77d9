//! Hundreds of nodes at once.

use super::*;
use crate::support::faulty::Faulty;
use crate::support::walk::{Walk, usual};

const NODES: usize = 200;
/// What each node may cost beyond what the program takes by itself (bytes): connection, buffers, facts.
const EACH: u64 = 1 << 20;

#[tokio::test(flavor = "multi_thread")]
async fn two_hundred_nodes_are_checked_in_bounded_memory() {
    let Some(site) = Site::start(&["n"], 125) else {
        return;
    };
    talkative(&site);
    let server = &site.servers[0];
    let text = fs::read_to_string(site.file()).expect("the cluster file");
    let (head, node) = text.split_at(text.find("[[node]]").expect("a node"));
    let (mut nodes, mut known, mut ways) = (String::new(), String::new(), Vec::new());
    for number in 1..=NODES {
        // One server for all of them; each has an address of its own on the way to it.
        let way = Faulty::to(server, "127.0.125.2").await;
        let port = way.address.port();
        let named = node.replace("name = \"n\"", &format!("name = \"n{number}\""));
        let placed = named.replace(&server.ip, "127.0.125.2");
        nodes += &placed.replace(
            &format!("ssh.port = {}", server.port),
            &format!("ssh.port = {port}"),
        );
        known += &format!("[127.0.125.2]:{port} {}\n", server.host_key());
        ways.push(way);
    }
    fs::write(site.known_hosts(), known).expect("known_hosts");
    site.write(&format!("{head}{nodes}"));
    let mut walk = Walk::start(&site.state(), &["check", &site.file_arg(), "--plain"]);
    let mut checked = std::collections::BTreeSet::new();
    let mut taken = 0;
    while checked.len() < NODES {
        let Some(line) = walk.line() else {
            let ended = walk.end();
            panic!(
                "{} checked:\n{}{}",
                checked.len(),
                ended.transcript,
                ended.errors
            );
        };
        // It may end right after its last line.
        taken = peak(walk.pid()).unwrap_or(taken);
        if let Some((before, _)) = line.split_once(" check words: passes") {
            checked.insert(before.rsplit(' ').next().unwrap_or_default().to_owned());
        }
        if let Some(expected) = line.strip_prefix("  expect: ") {
            walk.type_line(&usual(expected));
        }
    }
    eprintln!("{NODES} nodes: {} MiB", taken >> 20);
    assert!(taken < MORE + NODES as u64 * EACH, "{} MiB", taken >> 20);
    assert_eq!(walk.end().code, Some(0));
}
