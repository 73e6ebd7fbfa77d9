//! Nouns: what the files, the plan and the run are made of; no behaviour beyond validation.

pub mod text;
