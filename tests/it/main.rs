//! One integration binary: stories at the level of the rule they protect.

mod nodes;
mod support;
