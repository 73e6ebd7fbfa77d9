//! Detached jobs.
