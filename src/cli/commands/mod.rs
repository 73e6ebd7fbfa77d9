//! One file a command.

pub mod procedures;
pub mod rehearse;
pub mod report;
pub mod resume;
pub mod run;
pub mod runs;
pub mod ssh_config;
pub mod verify;
pub mod welcome;

use super::exit::{self, CliError};
use super::folder;
use crate::driver::Session;
use crate::journal::RunDir;

/// The end of a session that keeps a run: the report is written, and said where.
fn ended(session: Session, dir: &RunDir) -> Result<u8, CliError> {
    let run = dir.id().to_string();
    let finished = session.state.ending.is_some();
    if session.how.is_ok() {
        match folder::write_reports(dir) {
            Ok(()) => eprintln!("report: {}", dir.report("md").display()),
            Err(error) => eprint!("the report was not written\n{error}"),
        }
        if !finished {
            eprintln!("run {run} is not finished; `holdpoint resume {run}` goes on");
        }
    }
    exit::of_session(session, Some(&run))
}
