//! Who types into running programs.

use super::*;
use crate::engine::event::Said;
use crate::engine::state::{Holder, Wheel, WheelTurn};
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
                    let keys = wheel.keys();
                    if let Some(turn) = self.turn_at(action) {
                        turn.keys = keys;
                    }
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
                if let Some(turn) = self.turn_at(action) {
                    turn.until = Some(entry.at);
                }
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
        let holder = Holder {
            by: by.clone(),
            since: entry.at,
        };
        record.wheel = Wheel {
            holder: Some(holder.clone()),
            act,
            ..Wheel::default()
        };
        self.wheel_turns.push(WheelTurn {
            action: action.clone(),
            holder,
            until: None,
            keys: 0,
        });
    }

    /// The last turn at the wheel of this action's program.
    fn turn_at(&mut self, action: &ActionId) -> Option<&mut WheelTurn> {
        let mut turns = self.wheel_turns.iter_mut().rev();
        turns.find(|turn| turn.action == *action)
    }

    fn wheel(&mut self, action: &ActionId) -> Option<&mut Wheel> {
        self.actions.get_mut(action).map(|record| &mut record.wheel)
    }
}
