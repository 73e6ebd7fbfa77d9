//! Verbs, pure and deterministic: plan, audit, decide, apply, recover.
//!
//! `decide` turns one input into events (what is now true) and effects (what the shell is to do); `apply` folds events
//! into the state. Nothing here reads a clock, a file or the network.

pub mod brief;
pub mod effect;
pub mod event;
pub mod input;
pub mod plan;
pub mod state;

pub mod checks;
pub mod decide;
pub mod hold;
pub mod recover;
pub mod summary;
pub mod unwind;
pub mod update;
pub mod window;

pub mod audit;
pub mod gate;
pub mod ground;
pub mod interlock;
pub mod lock;
pub mod planner;

mod answers;
mod apply;
mod walk;

pub use decide::{Decision, turn};
