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
    /// Where the text stands in the source, if it stands there as it is: pieces that were put together do not.
    content: Option<usize>,
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
            content,
            place,
        }
    };
    found.into_iter().map(script).collect()
}

impl FoundScript {
    /// A complaint about it: about the line of its text that a shell named (counted from one), or about the whole.
    pub fn complain(&self, line: Option<usize>, message: &str) -> Complaint {
        let named = line.filter(|line| (2..=self.text.lines().count()).contains(line));
        let place = match named.zip(self.content) {
            None => self.place.clone(),
            Some((line, content)) => self.line_of_text(content, line),
        };
        let message = format!("{} does not parse: {message}", self.what);
        Complaint::error(
            &self.source,
            &place,
            message,
            "scripts are plain POSIX sh; `sh -n` shows the same",
        )
    }

    fn line_of_text(&self, content: usize, line: usize) -> Range<usize> {
        let lines = self.text.split_inclusive('\n');
        let start = content + lines.take(line - 1).map(str::len).sum::<usize>();
        let rest = &self.source.text[start..];
        let text = &rest[..rest.find('\n').unwrap_or(rest.len())];
        let indent = text.len() - text.trim_start().len();
        start + indent..start + text.len()
    }
}
