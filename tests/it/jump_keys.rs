//! The keys of the hosts on the way are held to as the nodes' own are: told, journaled, and pinned across a resume.

mod across_a_resume;
mod by_the_transport;
mod hosts;
mod in_the_engine;
