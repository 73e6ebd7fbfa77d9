//! Our own reading of ssh_config and `ssh -G` say the same: hand-made cases, each with what it is about.

use std::fmt::Write as _;
use std::fs;

use holdpoint::transport::ssh::config::Ask;

use super::tables::{BLOCKS, LINES, LISTS, PASSES, PATHS, VALUES, WAYS};
use crate::support::ssh_g::Truth;

#[test]
fn hand_made_cases_say_the_same_as_ssh() {
    let Some(truth) = Truth::find() else { return };
    let folder = tempfile::tempdir().unwrap();
    let all = [&BLOCKS[..], &PASSES, &VALUES, &PATHS, &WAYS, &LISTS, &LINES].concat();
    let mut differing = String::new();
    let mut count = 0;
    for (index, (about, text, hosts)) in all.iter().enumerate() {
        let file = folder.path().join(format!("config{index}"));
        fs::write(&file, text).unwrap();
        for host in *hosts {
            let ask = Ask {
                host: (*host).into(),
                ..Ask::default()
            };
            count += 1;
            if let Some(difference) = truth.difference(&file, &ask) {
                writeln!(differing, "{about}, host {host}: {difference}").unwrap();
            }
        }
    }
    assert!(differing.is_empty(), "{differing}");
    assert!(count >= 200, "only {count} cases");
}

#[test]
fn what_is_asked_for_wins_as_with_ssh() {
    let Some(truth) = Truth::find() else { return };
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("config");
    fs::write(&file, "User u\nPort 7\nProxyCommand nc %h %p\nMatch user eve\nBindAddress 127.0.0.1\nMatch final\nUserKnownHostsFile /%r/%p\n").unwrap();
    for (user, port, jump) in [
        (Some("eve"), None, None),
        (Some("bob"), Some(2222), None),
        (None, Some(1), Some("one,ana@two:3")),
        (None, None, Some("none")),
        (Some("eve"), Some(9), Some("[::1]:5")),
    ] {
        let ask = Ask {
            host: "st1".into(),
            user: user.map(str::to_owned),
            port,
            jump: jump.map(str::to_owned),
        };
        assert!(truth.takes(&file, &ask), "{ask:?}");
        assert_eq!(truth.difference(&file, &ask), None, "{ask:?}");
    }
}

#[test]
fn includes_are_read_in_their_place() {
    let Some(truth) = Truth::find() else { return };
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().display();
    let write = |name: &str, text: String| {
        let file = folder.path().join(name);
        fs::write(&file, text).unwrap();
        file
    };
    write("a.conf", "User a\nHost st2\nPort 2\n".into());
    write(
        "b.conf",
        "Port 3\nMatch host st1\nBindAddress 127.0.0.1\nInclude c.conf\n".into(),
    );
    write(
        "d.inc",
        format!("Host *\nIdentityFile /d\nInclude {root}/a.conf\n"),
    );
    write("e.inc", format!("Include {root}/e.inc\n"));
    write("f.inc", "Match final\nPort 9\n".into());
    for text in [
        format!("Include {root}/*.conf\nUser z\n"),
        format!("Host st1\nInclude {root}/b.conf\nUser z\n"),
        format!("Host x\nInclude {root}/d.inc\nHost *\nUser z\n"),
        format!("Host st2\nInclude {root}/d.inc\nPort 8\nHost st*\nUser z\n"),
        format!("Include {root}/d.inc {root}/b.conf\nPort 8\n"),
        format!("Include \"{root}/[ab].conf\"\n"),
        format!("Include {root}/absent {root}/absent/*\nUser z\n"),
        format!("Host x\nInclude {root}/f.inc\nHost *\nPort 7\n"),
        format!("Include {root}/e.inc\n"),
        format!("Include {root}\nUser z\n"),
        "Include \"\"\n".to_owned(),
    ] {
        let file = write("config", text.clone());
        for host in ["st1", "st2", "x"] {
            let ask = Ask {
                host: host.into(),
                ..Ask::default()
            };
            assert_eq!(truth.difference(&file, &ask), None, "{host}: {text}");
        }
    }
    // Who may write to an included file may change where we connect.
    let open = write("open.conf", "User u\n".into());
    use std::os::unix::fs::PermissionsExt as _;
    fs::set_permissions(&open, fs::Permissions::from_mode(0o666)).unwrap();
    let file = write("config", format!("Include {root}/open.conf\n"));
    let ask = Ask {
        host: "st1".into(),
        ..Ask::default()
    };
    assert!(!truth.takes(&file, &ask));
    assert_eq!(truth.difference(&file, &ask), None);
}
