//! Events as lines and JSON, the plan as text, and the final report. Everything is made from the givens and the entries.

pub mod holds;
pub mod json;
pub mod lines;
pub mod open_checks;

pub mod plan_text;

pub mod html;
pub mod keys;
pub mod markdown;
pub mod story;

pub use story::{Story, tell};
