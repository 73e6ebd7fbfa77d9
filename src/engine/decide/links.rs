//! Connections that come and go, and what is asked when they are back.

use super::*;
use crate::engine::brief::Mode;
use crate::engine::effect::Effect;
use crate::engine::event::{Doubt, Event};
use crate::engine::plan::Work;
use crate::engine::state::ActionState;
use crate::model::ids::{ActionId, NodeId};
use crate::model::reply::{HostKey, LinkReport, Refusal};

impl Turn<'_> {
    pub(in crate::engine) fn link(&mut self, node: &NodeId, report: &LinkReport) {
        let Some(known) = self.state.nodes.get(node) else {
            return;
        };
        match report {
            LinkReport::ChangedHostKey { change } if !self.may_have_new_keys(node) => {
                let refused = LinkReport::Refused {
                    refusal: Refusal::HostKey,
                    why: change.why.clone(),
                };
                self.link_lost(node, &refused, &change.why);
            }
            LinkReport::ChangedHostKey { change } => {
                let shown = &change.shown.fingerprint;
                let why = format!("it shows another host key than before, {shown}");
                self.link_lost(node, report, &why);
            }
            LinkReport::Up { incarnation, .. } => {
                let was = known.incarnation.clone().filter(|was| was != incarnation);
                self.tell(Event::Linked {
                    node: node.clone(),
                    report: report.clone(),
                });
                if let Some(was) = was {
                    self.tell(Event::Rebooted {
                        node: node.clone(),
                        was,
                        now: incarnation.clone(),
                    });
                }
                self.ask(Effect::Probe { node: node.clone() });
                self.ask(Effect::Watch { node: node.clone() });
                self.ask_after_jobs(node);
            }
            LinkReport::Down { why }
            | LinkReport::Refused { why, .. }
            | LinkReport::WantsSecret { secret: why } => self.link_lost(node, report, why),
            LinkReport::UnknownHostKey { key, jump } => {
                let whose = jump.as_ref().map_or("its host key".into(), |jump| {
                    format!("the host key of the jump host {jump},")
                });
                let why = format!("{whose} {} is not known", key.fingerprint);
                self.link_lost(node, report, &why);
            }
            LinkReport::JumpKey { jump, key } => self.jump_key(node, jump, key),
        }
    }

    /// Every node behind the host tells it anew; the first one's word is kept.
    fn jump_key(&mut self, node: &NodeId, jump: &str, key: &HostKey) {
        if !self.state.jump_keys.contains_key(jump) {
            self.tell(Event::JumpKeySeen {
                jump: jump.to_owned(),
                key: key.clone(),
                node: node.clone(),
            });
        }
    }

    /// Whether a step of this run that takes the node down is not settled there: its boot may have made new host keys. At any
    /// other time another key has no such reason.
    fn may_have_new_keys(&self, node: &NodeId) -> bool {
        let acts = self.state.brief.mode != Mode::DryRun;
        acts && self.state.active.iter().any(|id| {
            let Some(record) = self.state.actions.get(id) else {
                return false;
            };
            let action = record.action();
            let sent = matches!(
                record.state,
                ActionState::Running { .. }
                    | ActionState::Verifying { .. }
                    | ActionState::InDoubt { .. }
            );
            sent && action.work.reboots() && action.node.as_ref() == Some(node)
        })
    }

    pub(in crate::engine) fn link_lost(&mut self, node: &NodeId, report: &LinkReport, why: &str) {
        use crate::engine::state::LinkState;
        let link = self.state.nodes.get(node).map(|known| &known.link);
        let told = matches!((link, report), (Some(LinkState::Down { why: told, .. }), LinkReport::Down { .. }) if told == why);
        if told {
            return;
        }
        self.tell(Event::Linked {
            node: node.clone(),
            report: report.clone(),
        });
        self.went_dark(node, why);
        for (action, attempt) in self.running_on(node) {
            self.out_of_sight(action, attempt, why);
        }
    }

    /// What was under way cannot be seen any more, whether its link or its job says so first. A step that reboots its node
    /// is expected to go out of sight.
    pub(in crate::engine) fn out_of_sight(&mut self, action: ActionId, attempt: u32, why: &str) {
        let why = why.to_string();
        let record = self.state.actions.get(&action);
        let doubt = match record.is_some_and(|record| record.action().work.reboots()) {
            true => Doubt::Rebooting { why },
            false => Doubt::OutOfSight { why },
        };
        self.tell(Event::ActionInDoubt {
            action,
            attempt,
            doubt,
        });
    }

    pub(in crate::engine) fn running_on(&self, node: &NodeId) -> Vec<(ActionId, u32)> {
        let running = |id: &ActionId| {
            let record = self.state.actions.get(id)?;
            match (&record.state, record.action().node.as_ref() == Some(node)) {
                (ActionState::Running { attempt, .. }, true) => Some((id.clone(), *attempt)),
                _ => None,
            }
        };
        self.state.active.iter().filter_map(running).collect()
    }

    /// After a link is back, or after a resume: what became of what was under way there?
    pub(in crate::engine) fn ask_after_jobs(&mut self, node: &NodeId) {
        for id in self.state.active.clone() {
            let Some(record) = self.state.actions.get(&id) else {
                continue;
            };
            if record.action().node.as_ref() != Some(node) {
                continue;
            }
            if let ActionState::InDoubt { attempt, .. } = record.state {
                match record.action().work {
                    Work::Change { .. } | Work::Upload(_) => {
                        self.ask(Effect::Attach {
                            action: id.clone(),
                            attempt,
                        });
                        self.hand_back_again(&id, attempt);
                    }
                    Work::Read { .. } => self.ask(Effect::Read {
                        action: id,
                        attempt,
                    }),
                    Work::Manual { .. }
                    | Work::Attest { .. }
                    | Work::Wait { .. }
                    | Work::Decide { .. } => {}
                }
            }
        }
    }

    pub(in crate::engine) fn went_dark(&mut self, node: &NodeId, why: &str) {
        let dark = self
            .state
            .facts
            .node(node)
            .and_then(|facts| facts.dark().map(str::to_string));
        if dark.as_deref() != Some(why) {
            self.tell(Event::WentDark {
                node: node.clone(),
                why: why.to_string(),
            });
            self.rules();
        }
    }
}
