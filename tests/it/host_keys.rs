//! A host key that is another one than before: when a human may let it hold, by which words, and what is written where.

mod after_a_reboot;
mod by_configuration;
mod by_the_transport;
mod in_the_engine;
