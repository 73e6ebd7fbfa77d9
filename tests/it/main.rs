//! One integration binary: stories at the level of the rule they protect.

mod job_rules;
mod job_states;
mod jobs;
mod known_hosts;
mod nodes;
mod ssh;
mod ssh_login;
mod support;

mod cli;
mod doubles;
mod driver;
mod engine;
mod files;
mod hands;
mod journal;
mod journal_disk;
mod real_walk;
mod rehearsals;
mod screens;
mod sim;
mod sim_faults;
mod sim_transport;
mod state_folder;
mod terminal;
mod text;
mod tidy;
mod transcripts;
mod ui_foundation;
