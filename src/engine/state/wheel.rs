//! Who types into a running program.

use std::collections::BTreeMap;

use crate::engine::brief::Person;
use crate::model::ids::ActionId;
use crate::model::time::Stamp;

/// The wheel of one attempt's program.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wheel {
    /// The human who has it; nobody, and the procedure answers.
    pub holder: Option<Holder>,
    /// Number of the last act at it; 0 if nobody ever took it.
    pub act: u64,
    /// Keys that were given since it was taken last, by act.
    pub given: BTreeMap<u64, u32>,
    /// Why it came back by itself last, if it did.
    pub came_back: Option<String>,
    /// The first act whose keys may have been typed or not.
    pub doubt: Option<u64>,
}

/// A human at the wheel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holder {
    pub by: Person,
    pub since: Stamp,
}

/// One time that a human had the wheel of a program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WheelTurn {
    pub action: ActionId,
    pub holder: Holder,
    /// When it was handed back, or came back by itself; not yet.
    pub until: Option<Stamp>,
    /// How many keys were given.
    pub keys: u32,
}

impl Wheel {
    /// Whether a human has it.
    pub fn is_held(&self) -> bool {
        self.holder.is_some()
    }

    /// How many keys were given since it was taken last.
    pub fn keys(&self) -> u32 {
        self.given.values().sum()
    }
}
