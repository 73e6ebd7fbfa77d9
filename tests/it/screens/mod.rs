//! The screens of a run: what they show, what their keys do, and that no size breaks them.

mod asked_together;
mod cluster_lock;
mod goldens;
mod keys;
mod new_key;
mod on_a_terminal;
mod said;
mod scenes;
mod screenshots;
pub mod theatre;
mod words;
