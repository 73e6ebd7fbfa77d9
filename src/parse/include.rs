//! Parts: tables that several procedures share, added to a procedure's text when it is loaded.
//!
//! A procedure says `include = ["planning"]`. What is frozen for a run, hashed, reviewed and exported is the whole text: the
//! part stands at its end below a line that names it, and the key reads `included`, so that nothing is added twice.

use toml::de::DeTable;

use super::complaint::{Complaint, Complaints, PART, Source};

/// The text of a procedure with its parts, or the text as it is if it includes none.
///
/// `part` gives the text of a part by the name that the file gives it, or why there is none.
///
/// # Errors
/// A part that cannot be had, at the place where it is named.
pub fn with_parts(
    text: &str,
    file: &str,
    part: impl Fn(&str) -> Result<String, String>,
) -> Result<String, Complaints> {
    let source = Source::new(file, text);
    let (document, errors) = DeTable::parse_recoverable(&source.text);
    let include = document
        .get_ref()
        .iter()
        .find(|(key, _)| key.get_ref() == "include")
        .filter(|_| errors.is_empty());
    // What is no TOML at all is complained of when it is read.
    let Some((key, names)) = include else {
        return Ok(text.to_string());
    };
    let mut found = Vec::new();
    let mut whole = text.to_string();
    if !whole.ends_with('\n') {
        whole.push('\n');
    }
    let Some(names) = names.get_ref().as_array() else {
        let help = "write a list, such as include = [\"planning\"]";
        let complaint = Complaint::error(&source, &names.span(), "this is no list", help);
        return Err(Complaints::new(vec![complaint]));
    };
    for name in names {
        let text = match name.get_ref().as_str() {
            Some(name) => part(name).map(|text| (name, text)),
            None => Err("a part is named by a text in quotes".into()),
        };
        match text {
            Ok((name, text)) => whole.push_str(&format!("\n{PART}{name}\n{text}")),
            Err(why) => found.push(Complaint::error(
                &source,
                &name.span(),
                format!("this part cannot be included: {why}"),
                "name a part of the catalogue, or a file beside this one such as \"./shared.toml\"",
            )),
        }
    }
    if !found.is_empty() {
        return Err(Complaints::new(found));
    }
    whole.replace_range(key.span(), "included");
    Ok(whole)
}
