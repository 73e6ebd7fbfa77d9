//! What is in memory stays there. Passwords pass through buffers that no type of ours wipes (packets, answers on their way in
//! the SSH library): a crash must not write them into a file, and no other program of the same user may read them.

use std::io;

use rustix::process::{Resource, Rlimit, setrlimit};

/// No core file, neither of us nor of what we start, and nobody but root looks into our memory.
///
/// # Errors
/// What the system said; whatever could be done is done.
pub(super) fn keep_private() -> io::Result<()> {
    let none = Rlimit {
        current: Some(0),
        maximum: Some(0),
    };
    let limited = setrlimit(Resource::Core, none);
    // A core that is piped into a program (core(5)) knows no limit of size: only this keeps it from being made.
    #[cfg(target_os = "linux")]
    rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable)?;
    Ok(limited?)
}
