//! `holdpoint verify`: was a journal altered?

use crate::cli::exit::CliError;
use crate::cli::folder;
use crate::cli::out;
use crate::cli::settings::Settings;
use crate::journal;

/// Judges the journal and the frozen files of a run. Exit code 0 if the run can be relied on, 2 if not.
///
/// # Errors
/// No such run, or a frozen file that is not what the journal says.
pub fn verify(settings: &Settings, run: &str) -> Result<u8, CliError> {
    let dir = folder::find(settings, run)?;
    let verdict = journal::verify(&dir.journal())?;
    out::print(&verdict.to_string());
    if !verdict.is_usable() {
        return Ok(2);
    }
    let past = folder::past(&dir, verdict.reading())?;
    out::line(format_args!(
        "procedure.toml and cluster.toml are the files that the run was made from."
    ));
    if let Some(plan) = &past.plan {
        out::line(format_args!(
            "plan.json is the plan with the hash {}.",
            plan.hash()
        ));
    }
    Ok(0)
}
