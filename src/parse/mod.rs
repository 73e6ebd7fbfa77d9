//! Procedure and cluster files to the model, with file, line, column and caret in every complaint.

pub mod drill;
