//! Taking the wheel of a running program and handing it back: in the core, on real nodes, on the screen.

mod on_the_node;
