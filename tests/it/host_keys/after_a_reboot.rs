//! For real: an upgrade whose reboot makes new host keys, the question in line mode, and the run taken up again.

use std::fs;

use crate::support::ghes::{FEATURE, RealCluster, UPGRADE};
use crate::support::walk::{Ended, Walk, run, tail, usual};

/// What is typed to let the new key hold, from the line that says what may be answered.
fn phrase(expected: &str) -> String {
    let phrase = expected
        .strip_prefix("type \"")
        .and_then(|rest| rest.split('"').next());
    phrase.unwrap_or_else(|| panic!("{expected}")).to_string()
}

fn resumed(cluster: &RealCluster, other: impl FnMut(&str, &str) -> Option<String>) -> Ended {
    Walk::start(&cluster.site.state(), &["resume", "--plain"]).guide(other)
}

fn counts(ended: &Ended, text: &str) -> usize {
    ended.transcript.matches(text).count()
}

#[test]
fn a_node_comes_back_with_another_key_and_is_let_in_by_the_whole_phrase() {
    const ASKED: &str = "HOLD host-key ghe-app-1";
    let Some(cluster) = RealCluster::start(UPGRADE, 2, 136) else {
        return;
    };
    cluster.doubles.node("ghe-app-1").behave("new-host-key", "");
    let known = fs::read(cluster.site.known_hosts()).expect("known_hosts");
    let file = cluster.site.file_arg();

    let mut wrong = ["yes", "new key of ghe-app-1", "leave"].into_iter();
    let left = Walk::start(&cluster.site.state(), &["run", &file, "--plain"])
        .guide(|hold, _| (hold == ASKED).then(|| wrong.next().expect("it ends").to_string()));
    assert_eq!(
        counts(&left, "REFUSED that does not let"),
        2,
        "{}",
        tail(&left.transcript)
    );
    // Refused, or in doubt, as far as its program had come before the node went down.
    assert!(
        matches!(left.code, Some(6 | 8)),
        "{}",
        tail(&left.transcript)
    );

    // The usual operator is asked again, lets it in, and leaves at the next gate.
    let let_in = resumed(&cluster, |hold, expected| match hold {
        ASKED => Some(phrase(expected)),
        gate if gate.starts_with("HOLD gate primary/") => Some(":leave".into()),
        _ => Some(usual(expected)),
    });
    let told = &let_in.transcript;
    assert_eq!(counts(&let_in, ASKED), 1, "{}", tail(told));
    assert!(
        told.contains("ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub"),
        "{told}"
    );
    assert!(told.contains(": accepted instead of SHA256:"), "{told}");

    // The run knows the new key; the operator's file still holds the old one.
    let finished = resumed(&cluster, |_, _| None);
    let end = tail(&finished.transcript);
    assert_eq!(counts(&finished, "HOLD host-key"), 0, "{end}");
    assert_eq!(finished.code, Some(0), "{end}");
    assert_eq!(cluster.doubles.versions(), [FEATURE; 2]);
    assert_eq!(
        fs::read(cluster.site.known_hosts()).expect("known_hosts"),
        known
    );

    let runs = fs::read_dir(cluster.site.state().join("runs")).expect("there was a run");
    let names = runs.map(|entry| entry.expect("an entry").file_name());
    let name = names
        .map(|name| name.to_string_lossy().into_owned())
        .next()
        .expect("a run");
    let report = run(&cluster.site.state(), &["report", &name]);
    let text = report.transcript;
    assert!(text.contains("ssh-keygen -R"), "{text}");
    assert!(
        text.contains("has another host key since its reboot"),
        "{text}"
    );
}
