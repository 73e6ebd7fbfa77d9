//! Who types into running programs.

use super::*;
use crate::engine::event::Said;
use crate::engine::state::{Holder, Wheel};
use crate::model::ids::ActionId;

impl RunState {
    pub(in crate::engine) fn apply_wheel(&mut self, entry: &Entry) {
        let (Event::WheelTaken { action, .. }
        | Event::KeysGiven { action, .. }
        | Event::KeysInDoubt { action, .. }
        | Event::KeysSettled { action, .. }
        | Event::WheelReturned { action, .. }) = &entry.event
        else {
            return unreachable_event(&entry.event);
        };
        match &entry.event {
            Event::WheelTaken { act, by, .. } => self.on_taken(action, *act, by, entry),
            Event::KeysGiven { act, keys, .. } => {
                if let Some(wheel) = self.wheel(action) {
                    wheel.act = *act;
                    wheel.given.insert(*act, *keys);
                }
            }
            Event::KeysInDoubt { act, .. } => {
                if let Some(wheel) = self.wheel(action) {
                    wheel.doubt = Some(*act);
                }
            }
            Event::KeysSettled { .. } => {
                if let Some(wheel) = self.wheel(action) {
                    wheel.doubt = None;
                }
            }
            Event::WheelReturned { act, by, why, .. } => {
                if let Some(record) = self.actions.get_mut(action) {
                    record.asking = None;
                    record.wheel.holder = None;
                    record.wheel.act = *act;
                    record.wheel.came_back = why.clone();
                    // Nobody was there to hear what became of the last keys.
                    if by.is_none() {
                        let first = record.wheel.given.keys().next().copied();
                        record.wheel.doubt = record.wheel.doubt.or(first);
                    }
                }
            }
            other => unreachable_event(other),
        }
    }

    fn on_taken(&mut self, action: &ActionId, act: u64, by: &Person, entry: &Entry) {
        let Some(record) = self.actions.get_mut(action) else {
            return;
        };
        record.asking = None;
        record.overdue = false;
        // An answer from before is never sent again: who knows what it would answer now.
        for (_, said) in record.answered.values_mut() {
            *said = Said::Hidden;
        }
        record.wheel = Wheel {
            holder: Some(Holder {
                by: by.clone(),
                since: entry.at,
            }),
            act,
            ..Wheel::default()
        };
    }

    fn wheel(&mut self, action: &ActionId) -> Option<&mut Wheel> {
        self.actions.get_mut(action).map(|record| &mut record.wheel)
    }
}
