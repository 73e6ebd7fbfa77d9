//! One integration binary: stories at the level of the rule they protect.

mod support;

mod sim;
mod sim_faults;
mod sim_transport;
