//! What the stories share.

pub mod endpoint;
pub mod hands;
pub mod job;
pub mod pure;
pub mod small;
pub mod sshd;
pub mod tools;
pub mod walk;

pub use tools::{eventually, tool};
pub mod double;
pub mod procedure_file;
pub mod real;
