//! Secrets never rest: not in arguments, environments, files, transcripts, reports, and not in what a crash leaves behind.

mod after_a_crash;
mod everywhere;
mod printed;
