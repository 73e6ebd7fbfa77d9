//! The `holdpoint` command.

use std::process::ExitCode;

fn main() -> ExitCode {
    holdpoint::cli::main(std::env::args_os())
}
