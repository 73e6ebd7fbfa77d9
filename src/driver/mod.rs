//! The one loop: input, decide, journal, apply, publish, act.
