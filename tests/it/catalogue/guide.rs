//! The guide for authors: what it builds up is a procedure that works.

use holdpoint::engine::event::Ending;
use holdpoint::guide::PROCEDURES;
use holdpoint::{catalog, parse};

use crate::support::pure::PureRun;

/// The TOML blocks of the guide, put together in order.
fn worked_example() -> String {
    let mut text = String::new();
    let mut inside = false;
    for line in PROCEDURES.lines() {
        match line {
            "```toml" => inside = true,
            "```" => inside = false,
            line if inside => {
                text.push_str(line);
                text.push('\n');
            }
            _ => {}
        }
    }
    text
}

#[test]
fn the_worked_example_is_clean_and_is_rehearsed_to_its_end() {
    let part = |name: &str| {
        catalog::part(name)
            .map(str::to_string)
            .ok_or(catalog::unknown(name))
    };
    let whole = parse::include::with_parts(&worked_example(), "zookeeper.toml", part);
    let whole = whole.unwrap_or_else(|said| panic!("{said}"));
    let procedure =
        parse::procedure(&whole, "zookeeper.toml").unwrap_or_else(|said| panic!("{said}"));
    let said: Vec<String> = parse::lint(&procedure)
        .iter()
        .map(ToString::to_string)
        .collect();
    assert!(said.is_empty(), "{}", said.join("\n\n"));
    for nodes in [3, 5] {
        let mut run = PureRun::of(procedure.value.clone(), nodes, 1);
        run.open();
        let met = run.walk(|_| false);
        assert_eq!(run.state.ending, Some(Ending::Upgraded), "{met:?}");
        let last = met
            .iter()
            .rfind(|hold| hold.starts_with("gate upgrade/stop@"));
        assert_eq!(
            last.map(String::as_str),
            Some("gate upgrade/stop@server1"),
            "the leader is last"
        );
    }
}

#[test]
fn the_guide_names_every_kind_of_step() {
    for does in [
        "change", "upload", "read", "manual", "attest", "wait", "decide",
    ] {
        assert!(PROCEDURES.contains(&format!("| `{does}` |")), "{does}");
    }
}
