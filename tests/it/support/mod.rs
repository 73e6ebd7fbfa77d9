//! What the stories share.

pub mod endpoint;
pub mod faulty;
pub mod hands;
pub mod human;
pub mod job;
pub mod pure;
pub mod scripted;
pub mod shell_texts;
pub mod small;
pub mod small_disk;
pub mod ssh_g;
pub mod sshd;
pub mod tools;
pub mod urbancode;
pub mod users;
pub mod walk;

pub use tools::{eventually, tool};
pub mod double;
pub mod ghes;
pub mod procedure_file;
pub mod real;
pub mod site;
pub mod smc;
