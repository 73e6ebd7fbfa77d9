//! SSH to one node: who it is (host key), who we are (login), and one way to run something (`sh -s`).
//!
//! [`Session::connect`] gives a connection or a [`ConnectFailure`] that says what to do. [`Session::read`] asks
//! without changing anything. Whatever changes a node goes through [`crate::transport::job`].
//! There is never a terminal on the other side, no forwarding, and no channel that the server opens.

mod ask;
mod auth;
mod auth_keys;
mod become_user;
mod collect;
pub mod config;
mod connection;
mod door;
mod endpoint;
mod exec;
mod failure;
mod frame;
mod hostcert;
mod hostkey;
mod identity;
mod incarnation;
mod interactive;
mod jump_keys;
mod kept;
mod known_hosts;
mod offers;
mod owed;
mod preference;
mod proxy;
mod route;
mod sftp;
mod signing;
mod switch;
mod tcp;
mod tuning;
mod tunnel;
mod vault;
mod wanted;
mod watcher;

pub use ask::{Credentials, LiveQuestion};
pub use become_user::{Become, Method};
pub use connection::Session;
pub(crate) use endpoint::moment;
pub use endpoint::{Endpoint, PinnedKey};
pub(crate) use exec::{After, Input, Then};
pub use exec::{Limits, ReadFailure};
pub use failure::{ConnectFailure, ReplacedKey, Stage};
pub use frame::ReadOutput;
#[doc(hidden)]
pub use frame::read_streams;
pub(crate) use frame::{Envelope, Nonce, find, find_last};
pub use incarnation::Incarnation;
pub use jump_keys::{FirstKey, JumpKeys};
pub use known_hosts::{
    KnownHosts, KnownHostsFiles, KnownHostsUnreadable, OtherKey, Place, Verdict, append_known_host,
    fingerprint, hashed_name, known_name, replace_known_host,
};
pub use route::{Jump, Jumps, ProxyCommand, Route};
pub(crate) use sftp::{SftpFailure, SftpFile};
pub use tuning::{Algorithms, Family, Methods, NewKeys, Rekey, Tuning};
pub use vault::{Changes, Vault};
pub use wanted::{PasswordOf, Purpose, Wanted};
pub use watcher::SeenKey;
