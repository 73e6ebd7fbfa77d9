//! What ssh_config says about new host keys, and the cluster file about the way. Where ssh(1) would take a new key without a
//! word, a human is asked.

use std::path::Path;

use holdpoint::transport::nodes::{Surroundings, Ways};
use holdpoint::transport::ssh::NewKeys;
use holdpoint::transport::ssh::config::{Files, Machine, Resolver};

fn ways(file: &Path) -> Ways {
    let resolver = Resolver::new(
        Machine::here("ana", Path::new("/home/ana")),
        Files::Only(file.into()),
        None,
    );
    let around = Surroundings {
        user: Some("ana".into()),
        ..Surroundings::default()
    };
    Ways::new(resolver, around)
}

#[test]
fn the_cluster_file_names_the_hosts_on_the_way() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("config");
    std::fs::write(&file, "Host 192.0.2.7\n  ProxyJump elsewhere\n").expect("a configuration");
    let text = include_str!("../../fixtures/relay-cluster.toml");
    // What each of the two nodes goes through, by what the table for all says and what the second one says itself.
    for (all, own, through) in [
        ("", "", [None, Some("ana@elsewhere")]),
        ("jump = \"gw\"", "", [Some("ana@gw"), Some("ana@gw")]),
        (
            "jump = \"eve@gw:2022\"",
            "ssh.jump = \"none\"",
            [Some("eve@gw:2022"), None],
        ),
        ("", "ssh.jump = \"gw1,gw2\"", [None, Some("ana@gw2")]),
    ] {
        let text = text
            .replace("[ssh]", &format!("[ssh]\n{all}"))
            .replace("ssh.port = 2222", &format!("ssh.port = 2222\n{own}"));
        let cluster = holdpoint::parse::cluster(&text, "c.toml").expect("it parses");
        for (node, through) in cluster.value.nodes.iter().zip(through) {
            let endpoint = ways(&file).endpoint(node).expect("a way");
            assert_eq!(
                endpoint.route.through().as_deref(),
                through,
                "{all} {own} {}",
                node.name
            );
        }
    }
}

#[test]
fn no_configuration_lets_a_new_key_in_without_a_word() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("config");
    let text = include_str!("../../fixtures/relay-cluster.toml");
    let cluster = holdpoint::parse::cluster(text, "relay-cluster.toml").expect("it parses");
    for (said, expected) in [
        ("StrictHostKeyChecking yes", NewKeys::Refuse),
        ("StrictHostKeyChecking ask", NewKeys::Ask),
        ("StrictHostKeyChecking accept-new", NewKeys::Ask),
        ("StrictHostKeyChecking no", NewKeys::Ask),
        ("StrictHostKeyChecking off", NewKeys::Ask),
        ("", NewKeys::Ask),
        // ssh(1) asks nothing then, and takes no new key.
        ("BatchMode yes", NewKeys::Refuse),
        (
            "BatchMode yes\nStrictHostKeyChecking accept-new",
            NewKeys::Refuse,
        ),
    ] {
        std::fs::write(&file, said).expect("a configuration");
        let endpoint = ways(&file).endpoint(&cluster.value.nodes[0]);
        let endpoint = endpoint.unwrap_or_else(|why| panic!("{said}: {why}"));
        assert_eq!(endpoint.tuning.new_keys, expected, "{said}");
    }
}
