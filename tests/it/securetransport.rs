//! The SecureTransport procedures beside the recommended one: Servers with Edges, a cluster that is taken apart, an Enterprise
//! Cluster. Scripts and probes against doubles, then whole walks with the built program over real OpenSSH servers.

mod disjoin;
mod enterprise;
mod streaming;

use crate::support::real::RealCluster;
use crate::support::walk::{Ended, Walk, tail, usual};

/// Walks a real cluster. `act` plays the human away from the keyboard: it is told every hold before it is answered, and may
/// answer in its own way; else the usual operator does.
fn walk(
    cluster: &RealCluster,
    verb: &str,
    mut act: impl FnMut(&RealCluster, &str) -> Option<String>,
) -> Ended {
    let walk = Walk::start(&cluster.state(), &[verb, &cluster.file_arg(), "--plain"]);
    walk.guide(|hold, expected| act(cluster, hold).or_else(|| Some(usual(expected))))
}

#[track_caller]
fn is_upgraded(cluster: &RealCluster, ended: &Ended) {
    assert_eq!(
        ended.code,
        Some(0),
        "{}\n{}",
        tail(&ended.transcript),
        ended.errors
    );
    tells(ended, "run: finished, upgraded, no open debt");
    for version in cluster.versions() {
        assert!(version.contains("20240627"), "{version}");
    }
    for command in ["update-step1", "update-step2"] {
        let counts = cluster.counts(command);
        assert!(
            counts.iter().all(|count| *count == 1),
            "{command} ran {counts:?} times"
        );
    }
}

/// Where the transcript tells something.
#[track_caller]
fn at(ended: &Ended, text: &str) -> usize {
    let found = ended.transcript.find(text);
    found.unwrap_or_else(|| panic!("{text} is not told:\n{}", tail(&ended.transcript)))
}

#[track_caller]
fn tells(ended: &Ended, text: &str) {
    at(ended, text);
}

/// These are told, in this order.
#[track_caller]
fn in_order(ended: &Ended, told: &[&str]) {
    for pair in told.windows(2) {
        let places = (at(ended, pair[0]), at(ended, pair[1]));
        assert!(places.0 < places.1, "{} comes after {}", pair[0], pair[1]);
    }
}

/// The walk was left at a hold that is no success.
#[track_caller]
fn is_held(ended: &Ended) {
    assert_eq!(
        ended.code,
        Some(5),
        "{}\n{}",
        tail(&ended.transcript),
        ended.errors
    );
}
