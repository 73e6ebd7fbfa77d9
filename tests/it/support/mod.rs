//! What the stories share.

pub mod endpoint;
pub mod sshd;
pub mod tools;

pub use tools::{eventually, tool};
