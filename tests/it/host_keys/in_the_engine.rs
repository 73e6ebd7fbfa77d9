//! The rule on the pure core: only over a reboot of ours may another key be let in, and only by the whole phrase.

use holdpoint::engine::event::{Ending, Event};
use holdpoint::engine::hold::{Expect, Hold, HoldKind};
use holdpoint::engine::input::Says;
use holdpoint::engine::state::LinkState;
use holdpoint::model::drill::{Fault, KeyFault};
use holdpoint::model::ids::NodeId;
use holdpoint::model::time::Span;
use holdpoint::report::holds;

use crate::support::pure::{PureRun, person};

const UPGRADE: &str = "github-enterprise-server/upgrade-package";

fn opened() -> PureRun {
    let mut run = PureRun::new(UPGRADE, 3, 7);
    run.open();
    run.settle();
    run
}

fn about_a_key(run: &PureRun) -> Option<Hold> {
    let mut holds = run.holds().into_iter();
    holds.find(|hold| hold.kind == HoldKind::HostKey)
}

fn everywhere(run: &mut PureRun, fault: KeyFault) {
    let nodes: Vec<String> = run.state.nodes.keys().map(ToString::to_string).collect();
    for node in nodes {
        run.inflict(&node, Fault::HostKey(fault));
    }
}

/// A run whose nodes make new keys when they boot, at the question about the first of them.
fn rebooted() -> (PureRun, Hold) {
    let mut run = opened();
    everywhere(&mut run, KeyFault::AtBoot);
    run.walk(|run| about_a_key(run).is_some());
    let hold = about_a_key(&run).unwrap_or_else(|| panic!("nobody asks: {:#?}", run.tail()));
    (run, hold)
}

fn phrase(hold: &Hold) -> String {
    match &hold.expect {
        Expect::TypeOr(phrase, _) => phrase.clone(),
        other => panic!("{other:?}"),
    }
}

fn asks(run: &PureRun, node: &str) -> bool {
    let link = &run.state.nodes[&NodeId::new(node)].link;
    matches!(link, LinkState::AsksChangedKey { .. })
}

#[test]
fn a_key_made_by_a_reboot_of_ours_holds_by_its_typed_phrase_and_by_nothing_less() {
    let (mut run, hold) = rebooted();
    let node = hold.id.clone();
    let (old, new) = (
        format!("SHA256:simulated-{node}-1"),
        format!("SHA256:simulated-{node}-2"),
    );
    let text = hold.text.join("\n");
    for told in [
        &old,
        &new,
        "ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub",
    ] {
        assert!(text.contains(told), "{told} is not told:\n{text}");
    }
    let right = phrase(&hold);
    assert!(right.contains(&node) && right.contains(&new[new.len() - 8..]));
    let told = holds::to_json(&run.state, &hold);
    assert_eq!(told["expect"]["type"], right.as_str());
    assert_eq!(
        told["expect"]["options"],
        serde_json::json!(["retry", "leave"])
    );
    for wrong in [
        "",
        "y",
        "yes",
        "no",
        &new,
        &right.to_uppercase(),
        &format!("{right} now"),
    ] {
        run.answer(&hold, wrong);
        assert!(asks(&run, &node), "`{wrong}` let it in");
    }
    run.answer(&hold, "retry");
    run.run_for(Span::seconds(30));
    assert!(asks(&run, &node), "looking again changes nothing");
    assert_eq!(run.told("host-key-answered"), 0);

    run.answer(&hold, &right);
    let answered = run.entries.iter().find_map(|entry| match &entry.event {
        Event::HostKeyAnswered {
            fingerprint,
            instead_of,
            accepted: true,
            by,
            ..
        } => Some((fingerprint.clone(), instead_of.clone(), by.clone())),
        _ => None,
    });
    assert_eq!(answered, Some((new.clone(), Some(old.clone()), person())));
    run.walk(|_| false);
    assert_eq!(run.state.ending, Some(Ending::Upgraded));
    assert_eq!(
        run.told("host-key-answered"),
        run.state.nodes.len(),
        "each node's own"
    );
    let overrides = run.state.overrides.iter();
    let named = |what: &str| what.contains(&old) && what.contains(&new);
    assert_eq!(overrides.filter(|one| named(&one.what)).count(), 1);
}

#[test]
fn a_key_that_changes_without_a_reboot_of_ours_is_refused_whatever_is_typed() {
    // Before anything was done; and after every reboot was done and settled.
    for done in [0, 3] {
        let mut run = opened();
        let reboots = |run: &PureRun| run.told("rebooted");
        run.walk(|run| {
            let asked = run
                .holds()
                .first()
                .is_some_and(|hold| hold.kind == HoldKind::Gate);
            reboots(run) == done && asked
        });
        let node = run.state.nodes.keys().next().expect("it has nodes").clone();
        run.inflict(node.as_str(), Fault::HostKey(KeyFault::Changed));
        run.run_for(Span::seconds(120));
        assert_eq!(about_a_key(&run), None, "after {done} reboots");
        let refused = format!("connect/{node}");
        assert!(
            run.holds().iter().any(|hold| hold.id == refused),
            "{:?}",
            run.holds()
        );
        run.says(Says::HostKey {
            node: node.clone(),
            typed: format!("new key {} of {node}", "ulated-2"),
        });
        assert_eq!(run.told("host-key-answered"), 0);
        assert!(matches!(
            run.state.nodes[&node].link,
            LinkState::Refused { .. }
        ));
    }
}

#[test]
fn what_was_let_in_holds_after_a_crash_and_what_was_not_is_asked_again() {
    let (mut run, hold) = rebooted();
    run.crash_and_resume();
    run.settle();
    let again = about_a_key(&run).expect("it is asked again");
    assert_eq!(again, hold);
    run.answer(&again, &phrase(&again));
    run.crash_and_resume();
    let node = &run.state.nodes[&NodeId::new(&hold.id)];
    let kept = node.host_key.as_ref().map(|key| key.fingerprint.clone());
    assert_eq!(kept, Some(format!("SHA256:simulated-{}-2", hold.id)));
    assert!(
        node.let_in
            .as_ref()
            .is_some_and(|change| Some(&change.shown) == node.host_key.as_ref())
    );
    run.walk(|_| false);
    assert_eq!(run.state.ending, Some(Ending::Upgraded));
    assert_eq!(run.told("host-key-answered"), run.state.nodes.len());
}
