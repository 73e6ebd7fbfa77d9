//! Each fault does what it says, live and from a drill file.

use holdpoint::model::drill::Fault;
use holdpoint::model::ids::NodeId;
use holdpoint::model::time::Span;
use holdpoint::parse::drill;
use holdpoint::sim::Work;

use crate::support::small::{Stage, lines, stop, work};

/// Lets a typed fault strike.
fn fault(stage: &mut Stage, typed: &str) {
    let (node, fault) = Fault::parse_typed(typed).expect("a good fault");
    let struck = stage.world.inflict(&node, fault, stage.now);
    struck.expect("it fits");
}

/// Starts a stop on the second of two nodes, lets the fault strike after 25 s, and gives back all that is told after it.
fn amid(typed: &str) -> (Stage, Vec<String>) {
    let mut stage = Stage::watched(2);
    stage.start(&stop("server2"));
    stage.until(stage.now + Span::seconds(25));
    fault(&mut stage, typed);
    let told = lines(&stage.rest());
    (stage, told)
}

/// Lets the fault wait for the job, and gives back what is told of the job and of the watched facts.
fn next(typed: &str) -> (Stage, Vec<String>) {
    let mut stage = Stage::watched(2);
    fault(&mut stage, typed);
    stage.start(&update("server2"));
    let told = lines(&stage.rest());
    (stage, told)
}

fn update(node: &str) -> Work {
    work(
        "upgrade/update",
        node,
        &[("version", "5.5"), ("service", "partial")],
    )
}

#[test]
fn a_lost_link_stops_nothing_and_loses_no_line() {
    let (stage, told) = amid("link-lost server2 90s");
    assert_eq!(told[..3], ["down", "out-of-sight", "up server2 boot 1"]);
    assert!(
        told.contains(&"line two".into()) && told.contains(&"line three".into()),
        "{told:?}"
    );
    assert_eq!(told.iter().filter(|line| *line == "ended 0").count(), 1);
    assert_eq!(stage.truth("server2", "service"), "stopped");
    assert_eq!(stage.world.executions(&"stop/stop-all@server2".into()), 1);
}

#[test]
fn after_a_lost_link_all_facts_are_told_anew() {
    let (_, told) = amid("link-lost server2 3s");
    assert!(
        told.iter().any(|line| line.starts_with("cluster ")),
        "{told:?}"
    );
}

#[test]
fn an_order_given_to_a_lost_node_is_never_started_later() {
    let mut stage = Stage::watched(2);
    fault(&mut stage, "link-lost server2 60s");
    stage.start(&stop("server2"));
    let told = lines(&stage.rest());
    assert_eq!(told[..2], ["down", "out-of-sight"]);
    assert!(told.contains(&"not-started".into()), "{told:?}");
    assert_eq!(stage.world.executions(&"stop/stop-all@server2".into()), 0);
}

#[test]
fn an_unreachable_node_stays_away_until_it_is_mended() {
    let (mut stage, told) = amid("unreachable server2");
    assert_eq!(told, ["down", "out-of-sight"]);
    let node = NodeId::new("server2");
    stage.world.reconnect(&node, stage.now);
    assert_eq!(
        lines(&stage.rest()),
        ["down"],
        "trying again changes nothing"
    );
    fault(&mut stage, "mend server2");
    let told = lines(&stage.rest());
    assert!(
        told.contains(&"up server2 boot 1".into()) && told.contains(&"ended 0".into()),
        "{told:?}"
    );
}

#[test]
fn a_node_that_was_cut_off_anew_does_not_come_back_early() {
    let mut stage = Stage::watched(2);
    fault(&mut stage, "link-lost server2 20s");
    fault(&mut stage, "unreachable server2");
    assert_eq!(lines(&stage.rest()), ["down"]);
}

#[test]
fn a_power_cut_leaves_another_incarnation_and_no_end() {
    for (moment, service) in [("before", "running"), ("after", "stopped"), ("half", "?")] {
        let (stage, told) = amid(&format!("power-cut server2 {moment} 2m"));
        assert_eq!(
            told[..3],
            ["down", "out-of-sight", "up server2 boot 2"],
            "{moment}"
        );
        assert!(told.contains(&"vanished".into()), "{told:?}");
        assert!(
            !told.iter().any(|line| line.starts_with("ended")),
            "{told:?}"
        );
        assert_eq!(stage.truth("server2", "service"), service, "{moment}");
    }
}

#[test]
fn a_host_key_changes_at_once_or_at_the_next_boot_and_holds_only_by_an_answer_about_it() {
    let node = NodeId::new("server2");
    for (first, then) in [
        ("host-key server2 changed", None),
        (
            "host-key server2 at-boot",
            Some("power-cut server2 before 2m"),
        ),
    ] {
        let (mut stage, mut told) = amid(first);
        if let Some(then) = then {
            assert!(told.contains(&"ended 0".into()), "nothing yet: {told:?}");
            fault(&mut stage, then);
            told = lines(&stage.rest());
        }
        assert_eq!(told.last().map(String::as_str), Some("changed-host-key"));
        let key = |nth: u8| format!("SHA256:simulated-server2-{nth}");
        stage.world.host_key(&node, &key(1), true, stage.now);
        assert_eq!(lines(&stage.rest()), [""; 0], "the old one was meant");
        stage.world.host_key(&node, &key(2), true, stage.now);
        let told = lines(&stage.rest());
        assert!(told[0].starts_with("up server2 boot"), "{told:?}");
    }
}

#[test]
fn an_unknown_host_key_is_asked_about() {
    let node = NodeId::new("server2");

    let (mut stage, told) = amid("host-key server2 unknown");
    assert_eq!(told, ["down", "out-of-sight", "unknown-host-key"]);
    stage
        .world
        .host_key(&node, "SHA256:another", true, stage.now);
    assert_eq!(lines(&stage.rest()), [""; 0], "another key was meant");
    stage
        .world
        .host_key(&node, "SHA256:simulated-server2-2", true, stage.now);
    assert_eq!(lines(&stage.rest())[0], "up server2 boot 1");
}

#[test]
fn a_job_that_hangs_never_ends_by_itself() {
    let (mut stage, told) = amid("hang server2");
    assert_eq!(told, ["line two"], "half of its lines, then silence");
    assert_eq!(stage.world.due(), None);
    stage.world.cancel(&stop("server2"), stage.now);
    assert_eq!(lines(&stage.rest()), ["ended: it was cancelled"]);
}

#[test]
fn an_exit_code_is_only_a_claim() {
    let check = |typed: &str, claim: &str, version: &str, service: &str| {
        let (stage, told) = next(typed);
        assert!(told.contains(&claim.to_string()), "{typed}: {told:?}");
        assert_eq!(stage.truth("server2", "version"), version, "{typed}");
        assert_eq!(stage.truth("server2", "service"), service, "{typed}");
    };
    check("lie server2", "ended 0", "5.4", "running");
    check("fail server2 3", "ended 3", "5.4", "running");
    check("fail-half server2 3", "ended 3", "5.4", "partial");
    check("false-alarm server2", "ended 1", "5.5", "partial");
}

#[test]
fn an_armed_fault_strikes_one_job_only() {
    let (mut stage, _) = next("lie server2");
    let mut again = update("server2");
    again.job.push_str("-again");
    stage.start(&again);
    assert_eq!(
        lines(&stage.rest()).last().expect("told"),
        "state service=partial version=5.5"
    );
}

#[test]
fn a_slow_job_takes_so_many_times_as_long() {
    let mut stage = Stage::watched(2);
    let begun = stage.now;
    fault(&mut stage, "slow server2 10");
    stage.start(&stop("server2"));
    stage.rest();
    let lasted = stage.now.since(begun);
    assert!(
        (Span::minutes(9)..Span::minutes(12)).contains(&lasted),
        "{lasted}"
    );
}

#[test]
fn a_stopped_node_comes_back_behind_our_back() {
    let mut stage = Stage::watched(2);
    stage.start(&stop("server2"));
    stage.rest();
    fault(&mut stage, "comes-back server2 after 30s");
    stage.until(stage.now + Span::seconds(29));
    assert_eq!(stage.truth("server2", "service"), "stopped");
    assert_eq!(lines(&stage.rest()), ["state service=running version=5.4"]);

    fault(
        &mut stage,
        "comes-back server2 service=partial version=5 after 1s",
    );
    assert_eq!(lines(&stage.rest()), ["state service=partial version=5"]);
}

#[test]
fn the_primary_moves() {
    let mut stage = Stage::watched(3);
    fault(&mut stage, "primary-moves server3");
    let told = lines(&stage.rest());
    assert_eq!(
        told,
        [
            "cluster primary=true sync=synced",
            "cluster primary=false sync=synced"
        ]
    );
    assert_eq!(stage.truth("server1", "primary"), "false");
    assert_eq!(stage.truth("server3", "primary"), "true");
}

#[test]
fn a_silent_probe_and_an_unknown_fact_are_told_and_pass() {
    let mut stage = Stage::watched(2);
    fault(&mut stage, "probe-silent server2 state for 20s");
    assert_eq!(
        lines(&stage.rest()),
        [
            "state: no answer within 10s",
            "state service=running version=5.4"
        ]
    );
    fault(&mut stage, "unknown server2 version for 20s");
    assert_eq!(
        lines(&stage.rest()),
        [
            "state service=running version=?",
            "state service=running version=5.4"
        ]
    );
}

#[test]
fn a_check_that_fails_finds_what_does_not_pass() {
    let mut stage = Stage::watched(2);
    fault(&mut stage, "check-fails server2 disk");
    stage
        .world
        .check(&"server2".into(), &"disk".into(), stage.now);
    let told = lines(&stage.rest());
    assert!(told[0].contains("Number(0)"), "{told:?}");
}

#[test]
fn a_fault_that_names_what_is_not_there_is_refused_with_what_is() {
    let refused = |typed: &str| {
        let mut stage = Stage::watched(2);
        let (node, fault) = Fault::parse_typed(typed).expect("a good fault");
        let why = stage
            .world
            .inflict(&node, fault, stage.now)
            .expect_err("refused");
        why.to_string()
    };
    assert_eq!(
        refused("lie st9"),
        "there is no node `st9` here; known are server1, server2"
    );
    assert!(refused("unknown server1 colour").contains("no fact `colour`"));
    assert!(refused("check-fails server1 x").contains("known are disk"));
    assert!(refused("probe-silent server1 x").contains("known are state, cluster"));
    assert_eq!(
        refused("comes-back server1 service=gone"),
        "`gone` is no value of the fact `service`; it takes running, partial, stopped"
    );
}

#[test]
fn a_drill_strikes_where_and_when_it_says() {
    let drill = drill::drill(
        r#"
title = "Two things"
[[fault]]
when = "upgrade/*@server2"
what = "lie"
attempt = 1
[[fault]]
when = "nothing/*"
what = "hang"
[[fault]]
at = "10m"
node = 1
what = "comes-back service=partial after 0s"
"#,
        "two.toml",
    )
    .expect("a good drill");
    let mut stage = Stage::watched(2);
    stage.world.set_drill(drill).expect("it fits");
    stage.start(&update("server1"));
    stage.start(&update("server2"));
    stage.until(stage.now + Span::minutes(2));
    assert_eq!(stage.truth("server1", "version"), "5.5");
    assert_eq!(stage.truth("server2", "version"), "5.4", "it lied");

    let mut again = update("server2");
    again.attempt = 2;
    again.job.push_str("-again");
    stage.start(&again);
    stage.until(stage.now + Span::minutes(2));
    assert_eq!(
        stage.truth("server2", "version"),
        "5.5",
        "only the first attempt"
    );

    stage.rest();
    assert_eq!(stage.now.0 / 60_000, 10);
    let idle: Vec<_> = stage
        .world
        .waiting_faults()
        .map(|fault| fault.what.to_string())
        .collect();
    assert_eq!(idle, ["hang"], "what never struck is known");
}

#[test]
fn every_built_in_drill_is_a_good_one_and_strikes_an_upgrade() {
    for name in drill::names() {
        let read = drill::built_in(name).expect("it is there");
        let read = read.unwrap_or_else(|why| panic!("{why}"));
        assert!(!read.title.is_empty() && !read.about.is_empty(), "{name}");
        let mut stage = Stage::watched(2);
        stage.world.set_drill(read).expect("it fits any procedure");
        stage.start(&stop("server1"));
        stage.rest();
        stage.start(&update("server2"));
        stage.rest();
        assert_eq!(
            stage.world.waiting_faults().count(),
            0,
            "{name} never struck"
        );
    }
    assert!(drill::built_in("no-such").is_none());
}

#[test]
fn a_bad_drill_file_is_told_its_place() {
    let why = |text: &str| {
        drill::drill(text, "bad.toml")
            .expect_err("refused")
            .to_string()
    };
    assert_eq!(
        why("[[fault]]\nwhen = \"a\"\nwhat = \"explode\"\n")
            .lines()
            .skip(1)
            .collect::<Vec<_>>(),
        ["  |", "3 | what = \"explode\"", "  |        ^^^^^^^^^"]
    );
    let check = |text: &str, place: &str, part: &str| {
        let why = why(text);
        assert!(why.starts_with(place) && why.contains(part), "{why}");
    };
    check(
        "[[fault]]\nwhat = \"lie\"\n",
        "bad.toml:1:1:",
        "either `when`",
    );
    check(
        "[[fault]]\nwhat = \"lie\"\nat = \"1m\"\n",
        "bad.toml:1:1:",
        "needs a `node`",
    );
    check(
        "[[fault]]\nwhat = \"lie\"\nwhen = \"a\"\nonce = 1\n",
        "bad.toml:4:1:",
        "once",
    );
    check(
        "[[fault]]\nwhat = \"lie\"\nat = \"soon\"\nnode = 1\n",
        "bad.toml:3:6:",
        "length of time",
    );
    check(
        "[[fault]]\nwhat = \"lie\"\nat = \"1m\"\nnode = 1\nafter = \"1s\"\n",
        "bad.toml:1:1:",
        "belong to an action",
    );
    check("[[fault\n", "bad.toml:1:", "");
}
