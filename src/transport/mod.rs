//! Hands on the nodes: real over SSH or simulated, one contract.

pub mod backoff;
pub mod job;
pub mod ssh;
