//! `holdpoint runs`: what there is.

use crate::cli::exit::CliError;
use crate::cli::folder;
use crate::cli::out;
use crate::cli::settings::{Face, Settings};
use crate::journal::{Listing, LockState};

/// Lists the runs, newest first.
///
/// # Errors
/// A state folder that cannot be used.
pub fn runs(settings: &Settings) -> Result<u8, CliError> {
    let listings = folder::state_dir(settings, None)?.list()?;
    if listings.is_empty() {
        eprintln!("no runs yet; `holdpoint rehearse` makes the first");
    }
    for listing in &listings {
        match settings.face {
            Face::Json => out::line(format_args!("{}", as_json(listing))),
            Face::Screens | Face::Plain => out::line(format_args!("{}", as_line(listing))),
        }
    }
    Ok(0)
}

fn as_line(listing: &Listing) -> String {
    let id = listing.dir.id();
    match &listing.meta {
        Ok(meta) => format!(
            "{id:<6} {} {:<9} {} to {} by {}: {}",
            meta.created.strftime("%Y-%m-%dT%H:%M:%SZ"),
            meta.mode,
            meta.cluster,
            meta.target,
            meta.procedure,
            state(listing)
        ),
        Err(error) => format!("{id:<6} cannot be read: {error}"),
    }
}

fn as_json(listing: &Listing) -> serde_json::Value {
    let mut value = match &listing.meta {
        Ok(meta) => serde_json::json!(meta),
        Err(error) => serde_json::json!({ "run": listing.dir.id(), "error": error.to_string() }),
    };
    value["state"] = state(listing).into();
    value
}

/// How it stands, in words.
pub(super) fn state(listing: &Listing) -> String {
    let unfinished = folder::is_unfinished(&listing.dir);
    match &listing.lock {
        Ok(LockState::Held { by: Some(owner) }) => format!("in the hands of {owner}"),
        Ok(LockState::Held { by: None }) => "in somebody's hands".into(),
        Ok(LockState::Free { died: Some(owner) }) if unfinished => {
            format!("not finished; {owner} is gone")
        }
        Ok(LockState::Free { .. }) if unfinished => "not finished".into(),
        Ok(LockState::Free { .. }) => "finished".into(),
        Err(error) => format!("its lock cannot be read: {error}"),
    }
}
