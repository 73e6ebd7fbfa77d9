//! One integration binary: stories at the level of the rule they protect.

mod support;

mod engine;
mod files;
mod journal;
mod journal_disk;
mod screens;
mod sim;
mod sim_faults;
mod sim_transport;
mod state_folder;
mod terminal;
mod text;
mod transcripts;
mod ui_foundation;
