//! What ssh_config says about new host keys. Where ssh(1) would take one without a word, a human is asked.

use holdpoint::transport::nodes::{Surroundings, Ways};
use holdpoint::transport::ssh::NewKeys;
use holdpoint::transport::ssh::config::{Files, Machine, Resolver};

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
        let resolver = Resolver::new(Machine::default(), Files::Only(file.clone()), None);
        let around = Surroundings {
            user: Some("ana".into()),
            home: Some(folder.path().into()),
            agent: None,
            shell: None,
            own_known_hosts: folder.path().join("known_hosts"),
        };
        let endpoint = Ways::new(resolver, around).endpoint(&cluster.value.nodes[0]);
        let endpoint = endpoint.unwrap_or_else(|why| panic!("{said}: {why}"));
        assert_eq!(endpoint.tuning.new_keys, expected, "{said}");
    }
}
