//! One integration binary: stories at the level of the rule they protect.

mod support;

mod terminal;
mod text;
mod ui_foundation;
