//! What the stories share.

pub mod double;
pub mod procedure_file;
