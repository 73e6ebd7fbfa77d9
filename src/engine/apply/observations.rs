//! What was seen: links, facts, rules, things that came back.

use super::*;
use crate::engine::brief::Person;
use crate::engine::event::{Entry, Event};
use crate::engine::state::{Alarm, LinkState, Override, RunState};
use crate::model::ids::NodeId;
use crate::model::reply::{LinkReport, Refusal};

impl RunState {
    pub(in crate::engine) fn apply_observation(&mut self, entry: &Entry) {
        match &entry.event {
            Event::Linked { node, report } => self.on_link(node, report, entry),
            Event::HostKeyAnswered {
                node,
                jump,
                accepted,
                by,
                ..
            } => {
                if *accepted {
                    self.let_new_key_hold(node, by, entry);
                }
                let link = match (accepted, jump) {
                    (true, _) => LinkState::Connecting,
                    (false, None) => LinkState::Refused {
                        refusal: Refusal::HostKey,
                        why: "its host key was not accepted".into(),
                    },
                    (false, Some(jump)) => LinkState::Refused {
                        refusal: Refusal::JumpKey,
                        why: format!("the host key of the jump host {jump} was not accepted"),
                    },
                };
                self.set_link(node, link);
            }
            Event::JumpKeySeen { jump, key, node } => {
                self.keep_jump_key(jump, key, node, entry.at);
            }
            Event::SecretGiven { node, .. } => self.secret_given(node),
            Event::Rebooted { node, now, .. } => {
                if let Some(state) = self.nodes.get_mut(node) {
                    state.incarnation = Some(now.clone());
                }
            }
            Event::FactsChanged { node, facts, .. } => {
                self.facts.set(node, facts, entry.at);
                self.facts_seq = entry.seq;
            }
            Event::WentDark { node, why } => {
                self.facts.set_dark(node, Some(why.clone()));
                self.must_read(node);
                self.facts_seq = entry.seq;
            }
            Event::CameToLight { node } => {
                self.facts.set_dark(node, None);
                self.facts_seq = entry.seq;
            }
            Event::InvariantTold { invariant, state } => {
                self.invariants.insert(invariant.clone(), state.clone());
            }
            Event::Resurrected {
                node,
                fact,
                was,
                now,
                by,
            } => {
                let alarm = Alarm {
                    was: was.clone(),
                    now: now.clone(),
                    by: by.clone(),
                    at: entry.at,
                };
                self.resurrected.insert((node.clone(), fact.clone()), alarm);
            }
            Event::Subsided {
                node,
                fact,
                accepted,
            } => {
                self.resurrected.remove(&(node.clone(), fact.clone()));
                if *accepted {
                    self.established.remove(&(node.clone(), fact.clone()));
                }
            }
            other => unreachable_event(other),
        }
    }

    pub(in crate::engine) fn on_link(&mut self, node: &NodeId, report: &LinkReport, entry: &Entry) {
        let link = match report {
            LinkReport::Up { .. } => LinkState::Up { since: entry.at },
            LinkReport::Down { why } => LinkState::Down {
                why: why.clone(),
                since: entry.at,
            },
            // Told by an event of its own.
            LinkReport::JumpKey { .. } => return,
            LinkReport::UnknownHostKey { key, jump } => LinkState::AsksHostKey {
                key: key.clone(),
                jump: jump.clone(),
            },
            LinkReport::ChangedHostKey { change } => LinkState::AsksChangedKey {
                change: change.clone(),
            },
            LinkReport::WantsSecret { secret } => LinkState::WantsSecret {
                secret: secret.clone(),
            },
            LinkReport::Refused { refusal, why } => LinkState::Refused {
                refusal: *refusal,
                why: why.clone(),
            },
        };
        self.set_link(node, link);
        if let (
            LinkReport::Up {
                incarnation,
                host_key,
                user,
            },
            Some(state),
        ) = (report, self.nodes.get_mut(node))
        {
            state.incarnation.get_or_insert_with(|| incarnation.clone());
            if state.host_key != *host_key {
                state.host_key = host_key.clone();
                state.host_key_at = Some(entry.at);
            }
            state.user = user.clone();
        }
    }

    /// A human let another key hold: from now on it is the one that this run knows, and the report says so.
    fn let_new_key_hold(&mut self, node: &NodeId, by: &Person, entry: &Entry) {
        let Some(state) = self.nodes.get_mut(node) else {
            return;
        };
        let LinkState::AsksChangedKey { change } = &state.link else {
            return;
        };
        let change = change.clone();
        state.host_key = Some(change.shown.clone());
        state.host_key_at = Some(entry.at);
        let place = change.place.as_deref().unwrap_or("seen in this run");
        let mut reason = vec![format!(
            "typed \"{}\" after comparing it",
            change.phrase(node)
        )];
        reason.extend(change.mend.iter().cloned());
        self.overrides.push(Override {
            what: format!(
                "{node} has another host key since its reboot: {} {} instead of {} ({place})",
                change.shown.algorithm, change.shown.fingerprint, change.known.fingerprint
            ),
            reason: reason.join("; "),
            by: by.clone(),
            at: entry.at,
        });
        state.let_in = Some(change.clone());
        self.let_jump_key_hold(&change);
    }

    /// What one node was given, every node has that asked the same.
    fn secret_given(&mut self, node: &NodeId) {
        let asked = self.nodes.get(node).map(|node| node.link.clone());
        self.set_link(node, LinkState::Connecting);
        let Some(asked @ LinkState::WantsSecret { .. }) = asked else {
            return;
        };
        let same = self.nodes.iter().filter(|(_, node)| node.link == asked);
        let same: Vec<NodeId> = same.map(|(name, _)| name.clone()).collect();
        for node in &same {
            self.set_link(node, LinkState::Connecting);
        }
    }

    pub(in crate::engine) fn set_link(&mut self, node: &NodeId, link: LinkState) {
        if let Some(state) = self.nodes.get_mut(node) {
            let (was, is) = (state.link.is_stuck(), link.is_stuck());
            state.link = link;
            self.stuck = self.stuck + usize::from(is) - usize::from(was);
        }
    }
}
