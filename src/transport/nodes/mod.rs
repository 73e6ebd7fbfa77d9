//! Hands on real nodes: SSH behind the transport's contract.
//!
//! [`SshLooks`] can connect, probe, check and read; nothing in it can start a job. [`SshActs`] is the same with jobs.
//! Each node has a few tasks of its own, and nobody waits for anybody else's node:
//!
//! | task | what it does |
//! |---|---|
//! | [`link`] | has a connection, keeps it, says what became of it; publishes the session for the others |
//! | [`probes`] | runs the node's probes one after another, when asked and at their own pace |
//! | [`asks`] | runs checks and read-only steps |
//! | [`job`] | one for each job: starts it, follows it over as many sessions as it takes, tells its questions and its end |
//! | [`typing`] | one for each job that a human types into: does the acts at its wheel, each once |
//! | [`lock`] | asks the node's lock until it answers |
//! | [`upload`] | one for each file on its way to a node: sends what is missing, tells its end |
//!
//! Everything that they have to tell goes through one bounded channel. When it is full they wait, and the node keeps
//! what was not read yet: no line of a job is lost because somebody here is slow. Where it is taken from there, the secrets that
//! we know are taken out of it ([`mask`]).

mod acts;
mod asks;
mod ends;
mod failed;
mod giving;
mod job;
mod keys;
mod link;
mod lock;
mod looks;
mod mask;
mod printed;
mod probes;
mod prompts;
mod resolvers;
mod setup;
mod tell;
mod typing;
mod upload;
mod way;

pub use acts::SshActs;
pub use keys::Secrets;
pub use looks::SshLooks;
pub use setup::{CheckSetup, NodeSetup, ProbeSetup, Surroundings};
#[doc(hidden)]
pub use upload::read_upload_reply;
pub use way::{Ways, ask};
