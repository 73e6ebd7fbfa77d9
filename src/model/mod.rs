//! Nouns: what the files, the plan and the run are made of; no behaviour beyond validation.

pub mod ids;
pub mod lines;
pub mod template;
pub mod text;
pub mod time;
pub mod value;
pub mod version;
pub mod wheel;

pub mod condition;
pub mod script;

pub mod cluster;
pub mod dialogue;
pub mod facts;
pub mod lock;
pub mod params;
pub mod procedure;

pub mod reply;
pub mod telemetry;

pub mod drill;
pub mod drill_words;
