//! The built-in procedures: data only, embedded in the binary.
