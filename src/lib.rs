//! holdpoint walks an operator through upgrading a clustered product over SSH and stops at every hold
//! point until the cluster's observed state and a human both say go.
//!
//! # Code map, in reading order
//!
//! | layer | module | what it is |
//! |---|---|---|
//! | 0 | [`model`] | nouns: procedure, cluster, facts, conditions, scripts, time |
//! | 1 | [`engine`] | verbs, pure: plan, audit, checks, gates, interlocks, `decide`, `apply`, recovery |
//! | 1 | [`parse`] | procedure and cluster files to [`model`], every complaint with file, line and caret |
//! | 1 | [`catalog`] | the built-in procedures: data, embedded |
//! | 1 | [`guide`] | how to write a procedure of one's own |
//! | 1 | [`sim`] | a pretend cluster: pure, seeded, steppable |
//! | 2 | [`journal`] | durable truth: one record per lasting event, hash-chained |
//! | 2 | [`transport`] | hands: SSH or the simulator behind one contract |
//! | 2 | [`report`] | events as lines, JSON and the final report |
//! | 2 | [`ui`] | the full-screen wizard: functions of run state, telemetry and theme |
//! | 3 | [`driver`] | the one loop: input, decide, journal, apply, publish, act |
//! | 4 | [`cli`] | arguments, settings, commands, exit codes |
//!
//! Imports go downwards only; `tests/it/tidy.rs` reads the sources and keeps it so.

pub mod model;

pub mod catalog;
pub mod engine;
pub mod guide;
pub mod parse;
pub mod sim;

pub mod journal;
pub mod report;
pub mod transport;
pub mod ui;

pub mod driver;

pub mod cli;
