//! The command line: arguments, settings, files, commands, exit codes. Everything meets here.
//!
//! | file | what it is |
//! |---|---|
//! | [`args`] | what may be typed |
//! | [`settings`] | flag over environment over file over default: one pure fold |
//! | [`exit`] | kinds of errors and their exit codes, and how they are told |
//! | [`load`] | procedure and cluster files to the givens of a run |
//! | [`hands`] | which transport a command gets |
//! | [`folder`] | making, opening and replaying the folder of a run |
//! | [`session`] | one session: driver on one thread, face on the other |
//! | [`lines`] | the face of line mode: the line protocol on stdin and stdout |
//! | [`stdin`], [`out`] | lines in, documents out |
//! | [`memory`] | no core file, no looking into it |
//! | [`commands`] | one file a command |

/// Talk on standard error. That nobody reads it any more must not end a run, as the usual macro would.
macro_rules! eprint {
    ($($text:tt)*) => {{
        use std::io::Write as _;
        let _ = write!(std::io::stderr(), $($text)*);
    }};
}

/// As [`eprint!`], a line of it.
macro_rules! eprintln {
    ($($text:tt)*) => {{
        use std::io::Write as _;
        let _ = writeln!(std::io::stderr(), $($text)*);
    }};
}

pub mod args;
pub mod commands;
pub mod exit;
pub mod folder;
pub mod hands;
pub mod lines;
pub mod load;
mod memory;
pub mod out;
mod passwords;
mod reach;
mod screens;
pub mod session;
pub mod settings;
pub mod stdin;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::Parser as _;

use args::{Args, Command};
use exit::CliError;
use settings::Settings;

/// Everything that the `holdpoint` command does.
pub fn main(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    if let Err(error) = memory::keep_private() {
        eprintln!(
            "note: core files cannot be turned off ({error}); a crash could write passwords into one"
        );
    }
    let args = match Args::try_parse_from(arguments) {
        Ok(args) => args,
        Err(error) => {
            let code = if error.use_stderr() { 2 } else { 0 };
            // Nothing can be done when even this cannot be written.
            let _ = error.print();
            return ExitCode::from(code);
        }
    };
    match run(args) {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            eprint!("{error}");
            ExitCode::from(error.code())
        }
    }
}

fn run(args: Args) -> Result<u8, CliError> {
    let settings = Settings::gather(&args.globals)?;
    match args.command {
        None => commands::welcome::welcome(&settings),
        Some(Command::Rehearse(rehearse)) => commands::rehearse::rehearse(&settings, &rehearse),
        Some(Command::Check(file)) => commands::run::check(&settings, &file.file),
        Some(Command::Plan(file)) => commands::run::plan(&settings, &file.file),
        Some(Command::DryRun(file)) => commands::run::dry_run(&settings, &file.file),
        Some(Command::Run(file)) => commands::run::run(&settings, &file.file),
        Some(Command::Resume(resume)) => commands::resume::resume(&settings, &resume),
        Some(Command::Runs) => commands::runs::runs(&settings),
        Some(Command::Report(report)) => commands::report::report(&settings, &report),
        Some(Command::Verify(run)) => commands::verify::verify(&settings, &run.run),
        Some(Command::Procedures(procedures)) => {
            commands::procedures::procedures(&settings, procedures.command)
        }
        Some(Command::SshConfig(of)) => match of.what {
            Some(what) => commands::ssh_config::ssh_config(&settings, &what, of.config),
            None => commands::ssh_config::guide(),
        },
        Some(Command::Init(init)) => commands::procedures::init(init.procedure.as_deref()),
    }
}
