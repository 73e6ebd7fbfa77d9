//! A pretend cluster: pure, seeded, steppable.
