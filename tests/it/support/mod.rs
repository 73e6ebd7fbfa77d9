//! What the stories share.

pub mod small;
