#![doc = include_str!("procedures.md")]

/// The page above, as `holdpoint procedures guide` prints it.
pub const PROCEDURES: &str = include_str!("procedures.md");
