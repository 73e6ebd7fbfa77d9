//! The procedures of a GitHub Enterprise Server cluster against its doubles: scripts alone, then whole walks over SSH.

mod checks;
mod hotpatch;
mod late;
mod probes;
mod scripts;
mod steps;
mod upgrade;

use crate::support::walk::{Ended, tail};

/// How it ended and what it said.
#[track_caller]
fn told(ended: &Ended, code: i32, words: &[&str]) {
    assert_eq!(
        ended.code,
        Some(code),
        "{}\n{}",
        tail(&ended.transcript),
        ended.errors
    );
    for word in words {
        assert!(
            ended.transcript.contains(word),
            "`{word}` is not told:\n{}",
            tail(&ended.transcript)
        );
    }
}

/// The shells of this machine that nodes may have.
fn shells() -> impl Iterator<Item = &'static [&'static str]> {
    let known: [&[&str]; 2] = [&["dash"], &["busybox", "sh"]];
    known
        .into_iter()
        .filter(|shell| crate::support::tool(shell[0]).is_some())
}
