//! Steps that reboot their node: done only when another boot answers, steadily, and the postcondition is observed there.

use super::*;
use crate::engine::state::LinkState;
use crate::model::ids::ActionId;
use crate::model::reply::Claim;

/// How long a node must have been back before what it says counts: services are still being started.
const STEADY: Span = Span::seconds(10);

/// Where a step's reboot stands.
pub(super) enum Reboot {
    /// The node is on its way down, away, or back too short a time.
    Awaited,
    /// Another boot has answered since `back`.
    Done { back: Stamp },
    /// The program ended and the node was not rebooted.
    Missing(String),
    /// The program failed before it could reboot the node.
    NotMeant,
}

impl Turn<'_> {
    /// Whether the node of an action answers as another boot than the one that the attempt was sent to.
    pub(super) fn was_rebooted(&self, id: &ActionId) -> bool {
        self.back_since(id).is_some()
    }

    /// Since when another boot than the attempt's answers.
    fn back_since(&self, id: &ActionId) -> Option<Stamp> {
        let record = self.state.actions.get(id)?;
        if !record.action().work.reboots() {
            return None;
        }
        let node = self.state.nodes.get(record.action().node.as_ref()?)?;
        let another = node.incarnation.is_some() && node.incarnation != record.boot;
        match node.link {
            LinkState::Up { since } if another => Some(since),
            LinkState::Up { .. }
            | LinkState::Idle
            | LinkState::Connecting
            | LinkState::Down { .. }
            | LinkState::AsksHostKey { .. }
            | LinkState::AsksChangedKey { .. }
            | LinkState::WantsSecret { .. }
            | LinkState::Refused { .. } => None,
        }
    }

    /// Where the reboot of an action whose end was claimed at `since` stands.
    pub(super) fn reboot_of(&self, id: &ActionId, since: Stamp, claim: Option<&Claim>) -> Reboot {
        if let Some(back) = self.back_since(id) {
            return match self.now.since(back) >= STEADY {
                true => Reboot::Done { back },
                false => Reboot::Awaited,
            };
        }
        let Some(record) = self.state.actions.get(id) else {
            return Reboot::Awaited;
        };
        let node = record.action().node.as_ref();
        let link = node.and_then(|node| self.state.nodes.get(node));
        if !link.is_some_and(|node| node.link.is_up()) {
            return Reboot::Awaited;
        }
        // A node that goes down ends its programs: an end by a signal may be the beginning of the reboot.
        let grace = record.stage.settle;
        let failed = claim.is_some_and(|claim| match claim {
            Claim::Exited { code } => *code != 0,
            Claim::Killed { .. } => self.now.since(since) >= grace,
            Claim::Cancelled => true,
            Claim::Rebooted | Claim::Said { .. } => false,
        });
        if failed {
            return Reboot::NotMeant;
        }
        if self.now.since(since) < record.stage.timeout {
            return Reboot::Awaited;
        }
        Reboot::Missing(format!(
            "it ended, but the node was not rebooted within {}",
            record.stage.timeout
        ))
    }
}
