//! Endpoints from a cluster file and an ssh configuration.

use super::*;
use crate::transport::ssh::config::Machine;

/// The ways of ana, whose ssh configuration is `config`; no ssh program is asked.
fn ways(config: &str) -> (Ways, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("config");
    std::fs::write(&file, config).unwrap();
    let machine = Machine {
        user: "ana".into(),
        home: "/home/ana".into(),
        ..Machine::default()
    };
    let around = Surroundings {
        user: Some("ana".into()),
        home: Some("/home/ana".into()),
        agent: Some("/run/agent".into()),
        own_known_hosts: "/state/known_hosts".into(),
        shell: None,
    };
    let resolver = Resolver::new(machine, Files::Only(file), None);
    (Ways::new(resolver, around), folder)
}

fn node(ssh: Ssh) -> Node {
    Node {
        name: "st1".into(),
        host: "st1.example.net".into(),
        roles: Default::default(),
        ssh,
        params: BTreeMap::new(),
    }
}

fn reached(ssh: Ssh, config: &str) -> Result<Endpoint, String> {
    ways(config).0.endpoint(&node(ssh))
}

#[test]
fn what_the_cluster_file_leaves_open_comes_from_the_machine() {
    let endpoint = reached(Ssh::default(), "").unwrap();
    assert_eq!((endpoint.user.as_str(), endpoint.port), ("ana", 22));
    assert_eq!(
        endpoint.identities[0],
        Path::new("/home/ana/.ssh/id_ed25519")
    );
    // With IdentitiesOnly an agent signs with these two as well, as for ssh(1).
    for name in ["id_ed25519_sk", "id_ecdsa_sk"] {
        let path = Path::new("/home/ana/.ssh").join(name);
        assert!(endpoint.identities.contains(&path), "{path:?}");
    }
    assert_eq!(endpoint.agent, Some("/run/agent".into()));
    assert_eq!(
        endpoint.known_hosts.user[0],
        Path::new("/home/ana/.ssh/known_hosts")
    );
    assert_eq!(endpoint.known_hosts.own, Path::new("/state/known_hosts"));
    assert_eq!(endpoint.connect_timeout, Duration::from_secs(10));
}

#[test]
fn what_the_cluster_file_says_wins() {
    let ssh = Ssh {
        user: Some("root".into()),
        port: Some(2222),
        identities: vec!["~/keys/st".into(), "/keys/other".into()],
        agent: Some("none".into()),
        known_hosts: vec!["~/known".into()],
        connect_timeout: Some(Span::seconds(3)),
        ..Ssh::default()
    };
    let config = "User bob\nPort 7\nIdentityFile /no\nIdentityAgent /no\nUserKnownHostsFile /no\nConnectTimeout 9\n";
    let endpoint = reached(ssh, config).unwrap();
    assert_eq!((endpoint.user.as_str(), endpoint.port), ("root", 2222));
    let keys: Vec<PathBuf> = vec!["/home/ana/keys/st".into(), "/keys/other".into()];
    assert_eq!(endpoint.identities, keys);
    assert_eq!(endpoint.agent, None);
    assert_eq!(
        endpoint.known_hosts.user,
        [PathBuf::from("/home/ana/known")]
    );
    assert_eq!(endpoint.connect_timeout, Duration::from_secs(3));
    let endpoint = reached(Ssh::default(), config).unwrap();
    assert_eq!((endpoint.user.as_str(), endpoint.port), ("bob", 7));
    assert_eq!(endpoint.identities, [Path::new("/no")]);
    assert_eq!(endpoint.agent, Some("/no".into()));
    assert_eq!(endpoint.connect_timeout, Duration::from_secs(9));
}

#[test]
fn jump_hosts_are_reached_by_their_own_configuration_and_shared() {
    let config = "Host st*\n ProxyJump one,eve@two:99\nHost two\n HostName 10.0.0.2\n ProxyJump none\nHost one\n User otto\n";
    let (mut ways, _folder) = ways(config);
    let mut through = |name: &str| {
        let mut node = node(Ssh::default());
        node.host = name.to_owned();
        match ways.endpoint(&node).unwrap().route {
            Route::Through(jump) => jump,
            Route::Direct | Route::Command(_) => panic!("no jump"),
        }
    };
    let (st1, st2) = (through("st1"), through("st2"));
    assert!(std::sync::Arc::ptr_eq(&st1, &st2));
    assert_eq!(st1.name(), "eve@10.0.0.2:99");
    // What `-J` says outranks the jump host's own ProxyJump, as it does in ssh(1).
    assert_eq!(st1.endpoint().route.through().as_deref(), Some("otto@one"));
}

#[test]
fn a_circle_of_jump_hosts_is_refused() {
    let why = reached(Ssh::default(), "ProxyJump bastion\n").unwrap_err();
    assert!(
        why.contains("circle") && why.contains("ProxyJump none"),
        "{why}"
    );
}

#[test]
fn what_has_no_effect_is_named_and_what_matters_is_refused() {
    let config = "SendEnv LANG\nForwardAgent yes\nGSSAPIDelegateCredentials yes\nIgnoreUnknown Fancy*\nFancyOption x\nKexAlgorithms sntrup761x25519-sha512,curve25519-sha256\n";
    let (mut found, folder) = ways(config);
    found.endpoint(&node(Ssh::default())).unwrap();
    let notes = found.notes().join("\n");
    let place = format!(
        "forwardagent ({}:2)",
        folder.path().join("config").display()
    );
    for part in [
        place.as_str(),
        "sendenv",
        "gssapidelegatecredentials",
        "fancyoption",
        "sntrup761x25519-sha512",
    ] {
        assert!(notes.contains(part), "{notes}");
    }
    for (config, line) in [
        ("BindInterface eth0\n", 1),
        ("Match exec true\n", 1),
        ("\nCanonicalizeHostname yes\n", 2),
        ("KnownHostsCommand /x\n", 1),
        ("\n\nFancyOption x\n", 3),
        ("Ciphers 3des-cbc\n", 1),
        ("ProxyCommand nc %z\n", 1),
    ] {
        let why = reached(Ssh::default(), config).unwrap_err();
        assert!(why.contains(&format!("config:{line}: ")), "{config}: {why}");
    }
}
