//! Programs that ask while they run: answered once, on a plain input or on a terminal, over links that come and go.

mod odd_nodes;
mod on_the_node;
mod over_links;
