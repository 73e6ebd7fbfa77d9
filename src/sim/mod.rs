//! A pretend cluster: pure, seeded, steppable.
//!
//! A step is performed by applying its declared postcondition over its typical time; probes are answered from the
//! facts that come of it. Nothing here reads a clock: the world has a queue of what happens next
//! ([`SimWorld::due`]), and whoever holds it says when that moment has come ([`SimWorld::step`]).
//!
//! - The same seed and the same requests give the same replies at the same moments.
//! - A job that was started once never runs a second time under the same id.
//! - A node out of reach says nothing: all that is heard is its link, and that its jobs are out of sight.
//! - The work done grows with what happens, not with the number of nodes that are watched while nothing happens.

pub mod rng;
pub mod scenario;
pub mod world;

mod answers;
mod faults;
mod follow;
mod jobs;
mod links;
mod lock;
mod node;
mod queue;
mod wheel;

pub use jobs::Work;
pub use scenario::{TwinError, twin};
pub use world::{Known, Reply, SimWorld};
