//! One record for each host on the way: made once, replayed, told in the report.

use std::sync::Arc;

use holdpoint::engine::event::{Entry, Event};
use holdpoint::engine::input::Input;
use holdpoint::engine::state::{JumpKey, LinkState, RunState};
use holdpoint::model::drill::{Fault, KeyFault};
use holdpoint::model::ids::NodeId;
use holdpoint::model::reply::{HostKey, LinkReport, Refusal};
use holdpoint::report::{html, lines, markdown, tell};

use crate::support::pure::PureRun;

const PROCEDURE: &str = "github-enterprise-server/upgrade-package";

fn opened() -> PureRun {
    let mut run = PureRun::new(PROCEDURE, 3, 7);
    run.open();
    run.settle();
    run
}

fn key(end: &str) -> HostKey {
    HostKey {
        algorithm: "ssh-ed25519".into(),
        fingerprint: format!("SHA256:{end}"),
    }
}

fn tells(run: &mut PureRun, node: &NodeId, jump: &str, shown: &str) {
    let report = LinkReport::JumpKey {
        jump: jump.into(),
        key: key(shown),
    };
    let node = node.clone();
    run.take(&Input::Link { node, report });
}

fn names(run: &PureRun) -> Vec<NodeId> {
    run.state.nodes.keys().cloned().collect()
}

#[test]
fn two_nodes_behind_one_host_share_one_record_and_a_crash_keeps_it() {
    let mut run = opened();
    let nodes = names(&run);
    let links: Vec<LinkState> = run.state.nodes.values().map(|n| n.link.clone()).collect();
    tells(&mut run, &nodes[0], "[bastion]:2222", "first");
    let at = run.now;
    tells(&mut run, &nodes[1], "[bastion]:2222", "first");
    tells(&mut run, &nodes[1], "[bastion]:2222", "another");
    tells(&mut run, &nodes[2], "db through [bastion]:2222", "behind");
    assert_eq!(run.told("jump-key-seen"), 2);
    let after: Vec<LinkState> = run.state.nodes.values().map(|n| n.link.clone()).collect();
    assert_eq!(links, after, "it says nothing about the nodes' own links");

    let known = run.state.jump_keys.clone();
    let first = JumpKey {
        key: key("first"),
        node: nodes[0].clone(),
        at,
        let_in: false,
    };
    assert_eq!(known["[bastion]:2222"], first);
    assert_eq!(known.len(), 2);
    run.crash_and_resume();
    assert_eq!(run.state.jump_keys, known);

    let story = tell(&run.brief, &run.entries, "head");
    let json = serde_json::to_value(&story).expect("plain data");
    assert_eq!(json["jumps"][0]["jump"], "[bastion]:2222");
    assert_eq!(json["jumps"][0]["host_key"], "ssh-ed25519 SHA256:first");
    assert_eq!(json["jumps"][0]["towards"], nodes[0].as_str());
    let own = run.state.nodes[&nodes[0]].host_key.clone();
    let own = own.expect("its own was seen").fingerprint;
    for text in [markdown::markdown(&story), html::html(&story)] {
        let keys = text.split("Host keys").nth(1).expect("a table of keys");
        let keys = keys.split("Decisions").next().expect("up to the next");
        for part in ["2222", "SHA256:first", "SHA256:behind", own.as_str()] {
            assert!(keys.contains(part), "no {part} in:\n{keys}");
        }
    }
}

#[test]
fn a_node_on_the_way_to_others_that_makes_a_new_key_is_let_in_for_them_too() {
    let mut run = opened();
    let nodes = names(&run);
    let host = |name: &NodeId| run.brief.cluster.node(name).expect("a node").host.clone();
    let (first, second) = (host(&nodes[0]), host(&nodes[1]));
    let old = |name: &NodeId| format!("simulated-{name}-1");
    tells(&mut run, &nodes[1], &first, &old(&nodes[0]));
    tells(&mut run, &nodes[0], &second, &old(&nodes[1]));
    run.inflict(nodes[0].as_str(), Fault::HostKey(KeyFault::AtBoot));
    let asks = |run: &PureRun| {
        let link = &run.state.nodes[&NodeId::new(nodes[0].as_str())].link;
        matches!(link, LinkState::AsksChangedKey { .. })
    };
    run.walk(asks);
    assert!(asks(&run), "nobody asks: {:#?}", run.tail());
    let holds = run.holds().into_iter();
    let hold = holds.into_iter().find(|hold| hold.id == nodes[0].as_str());
    let hold = hold.expect("a question");
    assert!(!run.state.jump_keys[&first].let_in);
    let LinkState::AsksChangedKey { change } = run.state.nodes[&nodes[0]].link.clone() else {
        unreachable!("it asks");
    };
    run.answer(&hold, &change.phrase(&nodes[0]));
    run.crash_and_resume();
    let seen = &run.state.jump_keys[&first];
    assert_eq!((&seen.key, seen.let_in), (&change.shown, true));
    assert!(!run.state.jump_keys[&second].let_in);
}

#[test]
fn a_journal_from_before_these_records_is_read_as_it_was() {
    let run = opened();
    let node = names(&run)[0].clone();
    let by = r#"{"user":"ana","host":"jump-1"}"#;
    let key = r#"{"algorithm":"jump host ana@bastion: ssh-ed25519","fingerprint":"SHA256:x"}"#;
    let lines = [
        format!(
            r#"{{"seq":1,"at":5,"event":"linked","node":"{node}","report":{{"link":"unknown-host-key","key":{key}}}}}"#
        ),
        format!(
            r#"{{"seq":2,"at":9,"event":"host-key-answered","node":"{node}","fingerprint":"SHA256:x","accepted":true,"by":{by}}}"#
        ),
    ];
    let mut state = RunState::new(Arc::clone(&run.brief));
    for line in &lines {
        let entry: Entry = serde_json::from_str(line).expect(line);
        state.apply(&entry);
        if let Event::HostKeyAnswered { jump, .. } = &entry.event {
            assert_eq!(*jump, None);
        }
    }
    assert_eq!(state.nodes[&node].link, LinkState::Connecting);
    assert!(state.jump_keys.is_empty());
}

#[test]
fn the_question_and_the_answer_name_the_host_whose_key_it_is() {
    for (typed, word) in [("yes", "accepted"), ("no", "refused")] {
        let mut run = opened();
        let node = names(&run)[0].clone();
        let report = LinkReport::UnknownHostKey {
            key: key("x"),
            jump: Some("ana@bastion".into()),
        };
        run.take(&Input::Link {
            node: node.clone(),
            report,
        });
        let mut holds = run.holds().into_iter();
        let hold = holds.find(|hold| hold.id == node.as_str());
        let hold = hold.expect("a question");
        let asked = "jump host ana@bastion, on the way to ";
        assert!(hold.text[0].contains(asked), "{:?}", hold.text);
        run.answer(&hold, typed);
        let answered = |entry: &&Entry| matches!(entry.event, Event::HostKeyAnswered { .. });
        let entry = run.entries.iter().rfind(answered).expect("it was answered");
        let told = lines::line(entry, lines::Detail::Full);
        let said = format!("jump host ana@bastion, host key SHA256:x: {word}");
        assert!(told.contains(&said), "{told}");
        let link = run.state.nodes[&node].link.clone();
        let refused = matches!(&link, LinkState::Refused { refusal: Refusal::JumpKey, why } if why.contains("ana@bastion"));
        assert_eq!(refused, typed == "no", "{link:?}");
    }
}
