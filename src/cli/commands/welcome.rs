//! `holdpoint` alone: what can be done now.

use crate::cli::exit::CliError;
use crate::cli::folder;
use crate::cli::out;
use crate::cli::settings::Settings;

/// Says what can be done. The welcome screen of the full-screen wizard is put in here.
///
/// # Errors
/// A state folder that cannot be used.
pub fn welcome(settings: &Settings) -> Result<u8, CliError> {
    out::line(format_args!(
        "holdpoint walks you through upgrading a cluster, one hold point at a time.\n"
    ));
    let listings = folder::state_dir(settings, None)?.list()?;
    let mut open = listings
        .iter()
        .filter(|listing| folder::is_unfinished(&listing.dir))
        .peekable();
    if open.peek().is_some() {
        out::line(format_args!("Not finished:"));
        for listing in open {
            let id = listing.dir.id();
            let state = super::runs::state(listing);
            out::line(format_args!("  holdpoint resume {id:<6}  {state}"));
        }
        out::line("");
    }
    out::line(format_args!(
        "  holdpoint rehearse          try it on a simulated cluster: nothing is changed"
    ));
    out::line(format_args!(
        "  holdpoint init > my.toml    begin with a cluster of your own"
    ));
    out::line(format_args!(
        "  holdpoint --help            everything else"
    ));
    Ok(0)
}
