//! ssh_config as our own resolver reads it. That ten thousand good ones say the same as `ssh -G` is told elsewhere.

use std::fs;
use std::path::Path;

use holdpoint::transport::ssh::config::{
    Answer, Ask, ConfigRefused, Files, Machine, openssh_lists, resolve_alone,
};
use proptest::prelude::*;
use proptest::test_runner::{RngAlgorithm, TestRng, TestRunner};

use super::{cases, damage, damaged};
use crate::ssh_config::dice::Dice;
use crate::support::ssh_g::Truth;

fn resolved(file: &Path, ask: &Ask) -> Result<Answer, ConfigRefused> {
    let machine = Machine::here("ana", Path::new("/home/ana"));
    resolve_alone(
        &machine,
        &Files::Only(file.to_owned()),
        ask,
        &openssh_lists(),
    )
}

fn asked(host: &str) -> Ask {
    Ask {
        host: host.into(),
        ..Ask::default()
    }
}

/// A refusal of what a file says names the file and the line.
fn is_placed(refused: &ConfigRefused) -> bool {
    refused.place.as_ref().is_some_and(|place| place.line > 0) || refused.why.contains("/config")
}

#[test]
fn a_damaged_configuration_gives_a_value_or_a_refusal_with_its_line_and_ssh_agrees_where_both_take_it()
 {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("config");
    let truth = Truth::find();
    let wounds = prop::collection::vec(damage(), 0..4);
    let (mut number, mut compared) = (0_u32, 0_u32);
    // The same ones each time: a sample is held against another program, which has corners of its own.
    let rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let mut runner = TestRunner::new_with_rng(cases(1500), rng);
    // One file after another, so the closure may write.
    let state = std::cell::RefCell::new((&mut number, &mut compared));
    runner
        .run(&(any::<u64>(), wounds), |(seed, wounds)| {
            let mut dice = Dice(seed);
            let text = damaged(dice.configuration(&[]).into_bytes(), &wounds);
            fs::write(&file, &text).expect("a configuration");
            let ask = dice.ask();
            let told = || format!("{ask:?}\n{}", String::from_utf8_lossy(&text));
            let ours = resolved(&file, &ask);
            if let Err(refused) = &ours {
                let host_itself = resolved(Path::new("/dev/null"), &ask).is_err();
                prop_assert!(host_itself || is_placed(refused), "{refused}\n{}", told());
            }
            let mut state = state.borrow_mut();
            *state.0 += 1;
            let sample = ours.is_ok() && !text.contains(&0);
            if let (Some(truth), true) = (&truth, sample) {
                let differs = truth.difference(&file, &ask);
                let both = differs.as_ref().is_none_or(|why| !why.contains(" refuse"));
                *state.1 += u32::from(both);
                prop_assert!(!both || differs.is_none(), "{differs:?}\n{}", told());
            }
            Ok(())
        })
        .unwrap_or_else(|found| panic!("{found}"));
    assert!(
        truth.is_none() || compared > 20,
        "only {compared} were compared"
    );
}

#[test]
fn includes_in_a_circle_or_without_end_are_refused_and_not_followed_for_ever() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = |name: &str| folder.path().join(name);
    let include = |what: &Path| format!("Include {}\n", what.display());
    // Of itself, of itself through a pattern, of each other, and a tree in which every file includes all.
    fs::write(at("config"), include(&at("config"))).expect("a file");
    assert!(resolved(&at("config"), &asked("st1")).is_err());
    fs::write(at("config"), include(&at("conf*"))).expect("a file");
    assert!(resolved(&at("config"), &asked("st1")).is_err());
    fs::write(at("config"), include(&at("config2"))).expect("a file");
    fs::write(at("config2"), include(&at("config"))).expect("a file");
    assert!(resolved(&at("config"), &asked("st1")).is_err());
    let all = include(&at("config*")).repeat(20);
    for name in ["config", "config2", "config3"] {
        fs::write(at(name), &all).expect("a file");
    }
    let refused = resolved(&at("config"), &asked("st1")).expect_err("no end");
    assert!(is_placed(&refused), "{refused}");
    // A long chain that ends is as long as ssh(1) lets it be.
    for depth in [10, 40] {
        for number in 0..depth {
            let next = at(&format!("config-{}", number + 1));
            fs::write(at(&format!("config-{number}")), include(&next)).expect("a file");
        }
        fs::write(at(&format!("config-{depth}")), "Port 4711\n").expect("a file");
        let found = resolved(&at("config-0"), &asked("st1"));
        assert_eq!(found.is_ok(), depth == 10, "{found:?}");
    }
}

#[test]
fn long_lines_and_many_lines_are_read_in_time() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("config");
    let patterns = "*a".repeat(20_000);
    let texts = [
        format!("Host {patterns}b\n  Port 1\n").repeat(3),
        format!("Match host {patterns}b\n  Port 1\n").repeat(3),
        "Host *\n  Port 22\n".repeat(50_000),
        format!("User {}\n", "x".repeat(1 << 20)),
        format!("ProxyCommand {}\n", "%h".repeat(1 << 19)),
        "Match !host x !user y !final\n".repeat(20_000),
    ];
    for text in texts {
        fs::write(&file, &text).expect("a configuration");
        // Taken or refused is all the same here: it ends.
        let _ = resolved(&file, &asked(&"a".repeat(200)));
    }
}
