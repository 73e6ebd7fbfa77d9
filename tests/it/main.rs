//! One integration binary: stories at the level of the rule they protect.

mod support;

mod doubles;
