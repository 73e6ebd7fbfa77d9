//! The scripts of a procedure with their places, so that a shell's complaint can point into the file.

use std::ops::Range;
use std::sync::Arc;

use super::complaint::{Complaint, Source};
use super::places::content_start;
use super::{Parsed, mentions};
use crate::model::procedure::Procedure;

/// One script of a procedure file.
#[derive(Clone, Debug)]
pub struct FoundScript {
    pub file: Arc<str>,
    /// Where its text begins; both are counted from one.
    pub line: usize,
    pub column: usize,
    /// What it is: `the script of step stop/stop-all`.
    pub what: String,
    pub text: String,
    source: Source,
    place: Range<usize>,
    /// Whether line n of the text is n - 1 lines below `line` in the file.
    followed: bool,
}

/// All scripts: probes, checks, steps and undos, in this order.
pub fn scripts(procedure: &Parsed<Procedure>) -> Vec<FoundScript> {
    let found = mentions::scripts(&procedure.value);
    let script = |mention: mentions::Mention<mentions::Body<'_>>| {
        let place = procedure.places.value(&mention.path);
        let content = content_start(&procedure.source, &place, mention.what.text);
        let start = content.unwrap_or(place.start);
        let (line, column) = procedure.source.line_column(start);
        FoundScript {
            file: Arc::clone(&procedure.source.file),
            line,
            column,
            what: mention.what.what,
            text: mention.what.text.to_string(),
            source: procedure.source.clone(),
            followed: content.is_some(),
            place,
        }
    };
    found.into_iter().map(script).collect()
}

impl FoundScript {
    /// A complaint about it: about the line of its text that a shell named (counted from one), or about the whole.
    pub fn complain(&self, line: Option<usize>, message: &str) -> Complaint {
        let named =
            line.filter(|line| self.followed && (1..=self.text.lines().count()).contains(line));
        let place = match named {
            Some(1) | None => self.place.clone(),
            Some(line) => self.line_of_file(self.line + line - 1),
        };
        let message = format!("{} does not parse: {message}", self.what);
        Complaint::error(
            &self.source,
            &place,
            message,
            "scripts are plain POSIX sh; `sh -n` shows the same",
        )
    }

    fn line_of_file(&self, line: usize) -> Range<usize> {
        let start = self.source.line_start(line);
        let rest = &self.source.text[start..];
        let text = &rest[..rest.find('\n').unwrap_or(rest.len())];
        let indent = text.len() - text.trim_start().len();
        start + indent..start + text.len()
    }
}
