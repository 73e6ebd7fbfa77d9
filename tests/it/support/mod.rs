//! What the stories share.

pub mod pure;
pub mod small;
