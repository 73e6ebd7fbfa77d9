//! The cluster lock: at most one run starts changes on a node, whoever else is under way, dies or comes too late.

mod before_a_job;
mod in_the_engine;
mod on_the_node;
pub mod two_operators;
