#![doc = include_str!("procedures.md")]

/// The page above, as `holdpoint procedures guide` prints it.
pub const PROCEDURES: &str = include_str!("procedures.md");

/// How nodes are reached, as `holdpoint ssh-config --guide` prints it.
pub const SSH: &str = include_str!("ssh.md");
