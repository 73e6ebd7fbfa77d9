//! What an operator sees when something is not as it should be, and which ways out are offered.

use std::cell::Cell;

use super::walk::at;
use crate::support::smc::{BY_INSTALLER, RealSmc};
use crate::support::walk::{Ended, Walk, tail};

/// Walks until a hold whose line begins with `stop`, which is left; `other` may answer or do something before that.
fn until(cluster: &RealSmc, stop: &str, other: impl Fn(&str) -> Option<String>) -> Ended {
    let arguments = ["run", &cluster.file_arg(), "--plain"];
    Walk::start(&cluster.state(), &arguments).guide(|hold, _| {
        if hold.starts_with(stop) {
            return Some("leave".into());
        }
        other(hold).or_else(|| {
            cluster.lend_a_hand(hold);
            None
        })
    })
}

/// What stands between a hold's line and what may be answered there, both included.
#[track_caller]
fn shown(ended: &Ended, hold: &str) -> String {
    let text = &ended.transcript[at(ended, hold)..];
    let end = text.find("\n> ").unwrap_or(text.len());
    text[..end].to_string()
}

#[track_caller]
fn says(shown: &str, words: &[&str]) {
    for word in words {
        assert!(shown.contains(word), "{word}:\n{shown}");
    }
}

fn check(cluster: &RealSmc, other: impl Fn(&str) -> Option<String>) -> Ended {
    let arguments = ["check", &cluster.file_arg(), "--plain"];
    Walk::start(&cluster.state(), &arguments).guide(|hold, _| other(hold))
}

#[test]
fn what_is_wrong_before_the_window_is_told_by_the_checks() {
    let more = "exclude = \"rest\"\ninitialise = \"rest\"\nrest_command = \"smc-api\"";
    let Some(cluster) = RealSmc::start(2, 75, more) else {
        return;
    };
    let [active, standby] = &cluster.doubles.nodes[..] else {
        panic!("two servers");
    };
    let blocked = |ended: &Ended, words: &[&str]| {
        assert_eq!(
            ended.code,
            Some(3),
            "{}\n{}",
            tail(&ended.transcript),
            ended.errors
        );
        says(&ended.transcript, words);
    };
    // The API is disabled on one server, and a Standby is on hold.
    standby.behave("api.disabled", "");
    standby.behave("blocked", "");
    let ended = check(&cluster, |_| None);
    blocked(
        &ended,
        &[
            "smc2 check rest-api: FAILS",
            "api=silent",
            "replication-healthy",
        ],
    );
    standby.behave_well("api.disabled");
    standby.behave_well("blocked");
    // Two servers call themselves Active.
    standby.activate();
    let ended = check(&cluster, |_| None);
    blocked(&ended, &["check one-active: FAILS"]);
    standby.set("mode", "standby");
    standby.set("subscribed", "");
    // A Standby is offline, which the API could not exclude.
    standby.systemctl("stop");
    let ended = check(&cluster, |_| None);
    blocked(
        &ended,
        &["check all-running: FAILS", "check rest-offline: FAILS"],
    );
    standby.systemctl("start");
    assert!(active.replication_commands().is_empty() && standby.replication_commands().is_empty());
}

#[test]
fn an_unlicensed_server_blocks_and_later_hides_the_entry() {
    let more = "backup = \"none\"\n".to_string() + BY_INSTALLER;
    let Some(cluster) = RealSmc::start(2, 76, &more) else {
        return;
    };
    let asked = Cell::new(0);
    let arguments = ["run", &cluster.file_arg(), "--plain"];
    let ended = Walk::start(&cluster.state(), &arguments).guide(|hold, _| {
        if !hold.ends_with(" readiness/licences") {
            return None;
        }
        asked.set(asked.get() + 1);
        let first = asked.get() == 1;
        Some(
            if first {
                "no smc2 is unlicensed"
            } else {
                "leave"
            }
            .into(),
        )
    });
    assert_ne!(ended.code, Some(0), "{}", tail(&ended.transcript));
    let said = "no smc2 is unlicensed";
    let after = &ended.transcript[at(&ended, said)..];
    says(
        after,
        &["HOLD", "readiness/licences", "Unlicensed Components"],
    );
    assert!(!ended.transcript.contains("HOLD gate plan"));
    // Not noticed then, it shows when the Standby is to be initialised; so does an initialisation that is stuck.
    cluster.doubles.nodes[1].behave("unlicensed", "");
    let ended = until(
        &cluster,
        "HOLD failure initialise/initialise@smc2",
        |hold| {
            if hold != "HOLD manual initialise/initialise@smc2" {
                return None;
            }
            let pressed = cluster.doubles.press_init(0, 1);
            let said = String::from_utf8_lossy(&pressed.stderr).into_owned();
            assert!(
                !pressed.status.success() && said.contains("not shown"),
                "{said}"
            );
            Some(format!("not-done {}", said.trim()))
        },
    );
    assert_eq!(
        ended.code,
        Some(5),
        "{}\n{}",
        tail(&ended.transcript),
        ended.errors
    );
    let hold = shown(&ended, "HOLD failure initialise/initialise@smc2");
    says(
        &hold,
        &[
            "said not to be done: the entry Initialize Standby Replication is not shown",
            "invalid licence",
            "exclude smc2 first",
            "No progress, or STB_ONHOLD",
            "sgReplicationAdmin.sh -check on smc2; port 8922",
            "sync=pending (wanted synced)",
            "retry",
            "by-hand NOTE",
            "turn-back REASON: give up the upgrade: Give up: install the old version again",
            "leave",
        ],
    );
}

#[test]
fn an_offline_standby_that_the_api_does_not_exclude() {
    let more = "standbys = \"exclude\"\nexclude = \"rest\"\nrest_command = \"smc-api\"\nbackup = \"none\"\n";
    let Some(cluster) = RealSmc::start(2, 77, &(more.to_string() + BY_INSTALLER)) else {
        return;
    };
    let ended = until(
        &cluster,
        "HOLD failure exclude/exclude-by-rest@smc2",
        |hold| {
            if hold == "HOLD attest prepare/roles-seen" {
                cluster.doubles.nodes[1].systemctl("stop");
            }
            None
        },
    );
    assert_eq!(
        ended.code,
        Some(5),
        "{}\n{}",
        tail(&ended.transcript),
        ended.errors
    );
    let hold = shown(&ended, "HOLD failure exclude/exclude-by-rest@smc2");
    says(
        &hold,
        &[
            "SMC-65140",
            "Exclude it in the Management Client, which can",
            "retry",
            "by-hand NOTE",
            "leave",
        ],
    );
    // What the job printed stands on standard error.
    says(&ended.errors, &["Management Server is offline"]);
    assert!(
        cluster.doubles.nodes[0].calls("systemctl").is_empty(),
        "the Active was stopped"
    );
}

#[test]
fn an_installer_that_fails_leaves_the_active_stopped_and_says_the_ways_out() {
    let Some(cluster) = RealSmc::start(2, 78, &("backup = \"none\"\n".to_string() + BY_INSTALLER))
    else {
        return;
    };
    cluster.doubles.nodes[0].behave("upgrade.fail", "");
    let ended = until(
        &cluster,
        "HOLD failure active/upgrade-by-command@smc1",
        |_| None,
    );
    assert_eq!(
        ended.code,
        Some(5),
        "{}\n{}",
        tail(&ended.transcript),
        ended.errors
    );
    let hold = shown(&ended, "HOLD failure active/upgrade-by-command@smc1");
    says(
        &hold,
        &[
            "version=7.3.3 (wanted 7.4.2)",
            "branch active-cancelled",
            "leave",
        ],
    );
    assert!(cluster.doubles.upgrade_order().is_empty());
}
