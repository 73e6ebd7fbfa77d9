//! Taking the wheel of a running program and handing it back: in the core, on real nodes, on the screen.

mod engine;
mod for_real;
mod on_the_node;
mod over_links;
mod screens;
