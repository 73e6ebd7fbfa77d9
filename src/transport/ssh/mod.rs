//! SSH to one node: who it is (host key), who we are (login), and one way to run something (`sh -s`).
//!
//! [`Session::connect`] gives a connection or a [`ConnectFailure`] that says what to do. [`Session::read`] asks
//! without changing anything. Whatever changes a node goes through [`crate::transport::job`].
//! There is never a terminal on the other side, no forwarding, and no channel that the server opens.

mod auth;
mod collect;
mod connection;
mod endpoint;
mod exec;
mod failure;
mod frame;
mod hostkey;
mod identity;
mod incarnation;
mod known_hosts;
mod switch;
mod watcher;

pub use connection::Session;
pub use endpoint::{Become, Credentials, Endpoint, PinnedKey};
pub use exec::{Limits, ReadFailure};
pub use failure::{ConnectFailure, Stage};
pub use frame::ReadOutput;
pub(crate) use frame::{Envelope, Nonce, find, find_last};
pub use incarnation::Incarnation;
pub use known_hosts::{
    KnownHosts, KnownHostsFiles, KnownHostsUnreadable, Place, Verdict, append_known_host,
    fingerprint, known_name,
};
pub use watcher::SeenKey;
