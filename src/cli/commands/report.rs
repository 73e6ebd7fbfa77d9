//! `holdpoint report`: what happened in a run.

use crate::cli::args::{Form, Report};
use crate::cli::exit::CliError;
use crate::cli::folder;
use crate::cli::out;
use crate::cli::settings::Settings;
use crate::journal::reader;
use crate::report::{html, markdown};

/// Prints the report on standard output.
///
/// # Errors
/// No such run, or files that cannot be understood.
pub fn report(settings: &Settings, args: &Report) -> Result<u8, CliError> {
    let dir = folder::find(settings, &args.run)?;
    let (reading, broken) = reader::salvage(&dir.journal())?;
    if let Some(broken) = broken {
        eprintln!(
            "warning: the journal is damaged at byte {}: {}; this tells only what stands before",
            broken.offset, broken.damage
        );
    }
    let story = folder::story(&folder::past(&dir, &reading)?);
    match args.format {
        Form::Markdown => out::print(&markdown::markdown(&story)),
        Form::Html => out::print(&html::html(&story)),
        Form::Json => {
            let json = serde_json::to_string_pretty(&story);
            out::line(format_args!(
                "{}",
                json.expect("a story is plain data and always serialises")
            ));
        }
    }
    Ok(0)
}
