//! One integration binary: stories at the level of the rule they protect.

mod job_rules;
mod job_states;
mod jobs;
mod known_hosts;
mod nodes;
mod ssh;
mod ssh_login;
mod support;
