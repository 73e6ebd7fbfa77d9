//! A human at the wheel of a running program. Every act is told before it leaves, the node does it once, and keys whose
//! arrival is not known are never sent again.

use super::*;
use crate::engine::brief::Person;
use crate::engine::hold;
use crate::engine::input::Timer;
use crate::engine::state::ActionState;
use crate::model::ids::ActionId;
use crate::model::wheel::{Does, Keys, WheelAct};

impl Turn<'_> {
    /// Whoever takes the wheel types from now on; the procedure answers nothing until it is handed back.
    ///
    /// # Errors
    /// Why it cannot be taken now, in words.
    pub(in crate::engine) fn take_wheel(
        &mut self,
        id: &ActionId,
        by: &Person,
    ) -> Result<(), String> {
        if let Some(why) = hold::wheel_refused(self.state, id) {
            return Err(why);
        }
        let (attempt, act) = self.next_act(id);
        self.tell(Event::WheelTaken {
            action: id.clone(),
            attempt,
            act,
            by: by.clone(),
        });
        self.do_act(id, attempt, act, Does::Take);
        Ok(())
    }

    /// Sends keys to the program, once. What they are is told nowhere.
    ///
    /// # Errors
    /// Why they cannot be sent now, in words. Nothing of them was sent.
    pub(in crate::engine) fn give_keys(
        &mut self,
        id: &ActionId,
        attempt: u32,
        keys: &Keys,
    ) -> Result<(), String> {
        let not_sent = |why: &str| Err(format!("nothing was typed: {why}"));
        let record = self.state.actions.get(id);
        let Some(record) = record.filter(|it| it.attempts == attempt && it.wheel.is_held()) else {
            return not_sent("you do not have the wheel");
        };
        if record.wheel.doubt.is_some() {
            return not_sent("what you typed before is in doubt; the node is asked about it first");
        }
        match &record.state {
            ActionState::Running { .. } => {}
            _ => return not_sent("its node cannot be reached now"),
        }
        if keys.bytes().is_empty() || keys.bytes().len() > Keys::MOST {
            return not_sent("so much is not typed at once");
        }
        let (attempt, act) = self.next_act(id);
        self.tell(Event::KeysGiven {
            action: id.clone(),
            attempt,
            act,
            keys: keys.count,
        });
        self.do_act(id, attempt, act, Does::Type(keys.clone()));
        Ok(())
    }

    /// The procedure goes on by itself.
    ///
    /// # Errors
    /// That nobody has the wheel, in words.
    pub(in crate::engine) fn hand_back(
        &mut self,
        id: &ActionId,
        by: &Person,
    ) -> Result<(), String> {
        let held = |it: &&crate::engine::state::ActionRecord| it.wheel.is_held();
        let Some(record) = self.state.actions.get(id).filter(held) else {
            return Err("nobody has its wheel".into());
        };
        let (attempt, timeout) = (record.attempts, record.stage.timeout);
        let act = self.tell_returned(id, Some(by), None);
        self.do_act(id, attempt, act, Does::HandBack);
        let action = id.clone();
        self.wake(Timer::Overdue { action, attempt }, timeout);
        Ok(())
    }

    /// Nobody types into it any more, for a reason that is none of the operator's: it has ended, or we were away.
    pub(in crate::engine) fn wheel_comes_back(&mut self, id: &ActionId, why: &str) {
        let record = self.state.actions.get(id);
        if record.is_some_and(|record| record.wheel.is_held()) {
            self.tell_returned(id, None, Some(why));
        }
    }

    /// The same for every wheel that is held.
    pub(in crate::engine) fn all_wheels_come_back(&mut self, why: &str) {
        for id in self.state.active.clone() {
            self.wheel_comes_back(&id, why);
        }
    }

    /// The node may not know yet that it was handed back: it is told again, and does it once.
    pub(in crate::engine) fn hand_back_again(&mut self, id: &ActionId, attempt: u32) {
        let Some(record) = self.state.actions.get(id) else {
            return;
        };
        if record.wheel.act > 0 && !record.wheel.is_held() {
            self.do_act(id, attempt, record.wheel.act, Does::HandBack);
        }
    }

    pub(super) fn keys_in_doubt(&mut self, action: ActionId, attempt: u32, act: u64, why: &str) {
        let Some(record) = self.state.actions.get(&action) else {
            return;
        };
        let Some(keys) = record.wheel.given.get(&act).copied() else {
            return;
        };
        if record.wheel.doubt.is_none() {
            let why = why.to_string();
            self.tell(Event::KeysInDoubt {
                action,
                attempt,
                act,
                keys,
                why,
            });
        }
    }

    /// The node knows keys up to `typed`, and nobody knows about those from there to `unsure`.
    pub(super) fn keys_known(&mut self, action: ActionId, attempt: u32, typed: u64, unsure: u64) {
        let Some(record) = self.state.actions.get(&action) else {
            return;
        };
        let Some(doubt) = record.wheel.doubt else {
            return;
        };
        let given = &record.wheel.given;
        let sum = |wanted: &dyn Fn(u64) -> bool| {
            let counted = given
                .iter()
                .filter(|(act, _)| **act >= doubt && wanted(**act));
            counted.map(|(_, keys)| *keys).sum::<u32>()
        };
        let event = Event::KeysSettled {
            attempt,
            typed: sum(&|act| act <= typed),
            unknown: sum(&|act| act > typed && act <= unsure),
            lost: sum(&|act| act > typed && act > unsure),
            action: action.clone(),
        };
        self.tell(event);
    }

    fn tell_returned(&mut self, id: &ActionId, by: Option<&Person>, why: Option<&str>) -> u64 {
        let keys = self.state.actions.get(id).map_or(0, |it| it.wheel.keys());
        let (attempt, act) = self.next_act(id);
        self.tell(Event::WheelReturned {
            action: id.clone(),
            attempt,
            act,
            keys,
            by: by.cloned(),
            why: why.map(str::to_string),
        });
        act
    }

    fn next_act(&self, id: &ActionId) -> (u32, u64) {
        let record = self.state.actions.get(id);
        record.map_or((0, 0), |it| (it.attempts, it.wheel.act + 1))
    }

    fn do_act(&mut self, id: &ActionId, attempt: u32, number: u64, does: Does) {
        self.ask(Effect::Wheel {
            action: id.clone(),
            attempt,
            act: WheelAct { number, does },
        });
    }
}
