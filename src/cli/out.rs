//! Standard output of commands that print one document.

use std::io::{self, Write as _};

/// Prints a document. If whoever reads it has read enough, that is no error.
pub fn print(text: &str) {
    let mut out = io::stdout().lock();
    if let Err(error) = out.write_all(text.as_bytes()).and_then(|()| out.flush())
        && error.kind() != io::ErrorKind::BrokenPipe
    {
        eprintln!("error: failed to write to standard output: {error}");
    }
}

/// Prints one line.
pub fn line(text: impl std::fmt::Display) {
    print(&format!("{text}\n"));
}
