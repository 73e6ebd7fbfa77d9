//! What is wrong with a file, where, and what to do about it.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use annotate_snippets::{AnnotationKind, Level as Heading, Renderer, Snippet};

/// A file's name, as the operator gave it, and its text.
#[derive(Clone)]
pub struct Source {
    pub file: Arc<str>,
    pub text: Arc<str>,
}

/// The line above an included part, before its name.
pub(crate) const PART: &str = "# ---- included part: ";

impl Source {
    pub(crate) fn new(file: &str, text: &str) -> Source {
        Source {
            file: file.into(),
            text: text.into(),
        }
    }

    /// The file that a byte offset belongs to and the part of the text that is this file's: an included part is a file of its
    /// own, whose lines are counted from its own first one.
    pub(crate) fn file_at(&self, offset: usize) -> (Arc<str>, Range<usize>) {
        let heads = self.text.match_indices(PART);
        let at_line = |at: &usize| *at == 0 || self.text[..*at].ends_with('\n');
        let heads: Vec<usize> = heads.map(|(at, _)| at).filter(at_line).collect();
        let end_of = |next: usize| heads.get(next).copied().unwrap_or(self.text.len());
        let Some(index) = heads.iter().rposition(|head| *head <= offset) else {
            return (Arc::clone(&self.file), 0..end_of(0));
        };
        let head = &self.text[heads[index]..];
        let line = head.lines().next().unwrap_or_default();
        let start = heads[index] + (line.len() + 1).min(head.len());
        let name = line.trim_start_matches(PART);
        let name = name.trim_start_matches("./").trim_end_matches(".toml");
        (format!("{name}.toml").into(), start..end_of(index + 1))
    }

    /// Line and column of a byte offset in its file, both counted from one, columns in characters.
    pub(crate) fn line_column(&self, offset: usize) -> (usize, usize) {
        let start = self.file_at(offset).1.start.min(offset);
        let before = &self.text[self.boundary(start)..self.boundary(offset)];
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        let line = before.matches('\n').count() + 1;
        (line, before[line_start..].chars().count() + 1)
    }

    fn boundary(&self, offset: usize) -> usize {
        boundary(&self.text, offset)
    }

    /// Cuts a span to one line of the text: carets under twenty lines of a script point at nothing.
    fn one_line(&self, span: &Range<usize>) -> Range<usize> {
        let start = self.boundary(span.start);
        let end = self.boundary(span.end).max(start);
        let line = self.text[start..end]
            .find(['\n', '\r'])
            .map_or(end, |at| start + at);
        start..line
    }
}

impl fmt::Debug for Source {
    /// Without the text: by mistake a secret may stand in it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Source({:?})", &*self.file)
    }
}

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// The file is not used.
    Error,
    /// The file is used; somebody should look at it.
    Warning,
}

/// One thing that is wrong with a file. Its `Display` shows the source line with carets below the place.
#[derive(Clone, Debug)]
pub struct Complaint {
    pub level: Level,
    pub file: Arc<str>,
    /// Counted from one.
    pub line: usize,
    /// Counted from one, in characters.
    pub column: usize,
    /// What is wrong.
    pub message: String,
    /// What to do.
    pub help: String,
    source: Source,
    span: Range<usize>,
    also: Option<(Range<usize>, String)>,
    masked: Option<Range<usize>>,
}

impl Complaint {
    pub(crate) fn error(
        source: &Source,
        span: &Range<usize>,
        message: impl Into<String>,
        help: impl Into<String>,
    ) -> Complaint {
        let span = source.one_line(span);
        let (line, column) = source.line_column(span.start);
        Complaint {
            level: Level::Error,
            file: source.file_at(span.start).0,
            line,
            column,
            message: visible(&message.into()),
            help: visible(&help.into()),
            source: source.clone(),
            span,
            also: None,
            masked: None,
        }
    }

    /// Makes a warning of it.
    pub(crate) fn warning(mut self) -> Complaint {
        self.level = Level::Warning;
        self
    }

    /// Points at a second place that it is about.
    pub(crate) fn also(mut self, span: &Range<usize>, label: impl Into<String>) -> Complaint {
        self.also = Some((self.source.one_line(span), visible(&label.into())));
        self
    }

    /// Hides what stands here when the source line is shown. It must lie behind every place that is pointed at.
    pub(crate) fn mask(mut self, secret: Range<usize>) -> Complaint {
        self.masked = Some(secret);
        self
    }

    /// The text of the file, fit to be shown.
    fn shown(&self, part: &Range<usize>) -> String {
        let mut text = self.source.text[part.clone()].to_string();
        if let Some(masked) = &self.masked {
            text.replace_range(within_part(masked, part), "********");
        }
        inert(&text)
    }

    /// Whether it points at the beginning of this span.
    pub(crate) fn is_at(&self, span: &Range<usize>) -> bool {
        self.span.start == span.start
    }

    /// Whether the file cannot be used because of it.
    pub fn is_error(&self) -> bool {
        match self.level {
            Level::Error => true,
            Level::Warning => false,
        }
    }
}

impl fmt::Display for Complaint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let heading = match self.level {
            Level::Error => Heading::ERROR,
            Level::Warning => Heading::WARNING,
        };
        let part = self.source.file_at(self.span.start).1;
        let place = AnnotationKind::Primary.span(within_part(&self.span, &part));
        let also = self.also.iter();
        let also = also.filter(|(span, _)| part.contains(&span.start));
        let also = also.map(|(span, label)| {
            AnnotationKind::Context
                .span(within_part(span, &part))
                .label(label.as_str())
        });
        let snippet = Snippet::source(self.shown(&part))
            .path(visible(&self.file))
            .annotation(place)
            .annotations(also);
        let mut group = heading
            .primary_title(self.message.as_str())
            .element(snippet);
        if !self.help.is_empty() {
            group = group.element(Heading::HELP.message(self.help.as_str()));
        }
        f.write_str(&Renderer::plain().render(&[group]))
    }
}

/// Everything that is wrong with a file, in the order of the file.
#[derive(Clone, Debug, thiserror::Error)]
pub struct Complaints(pub Vec<Complaint>);

impl Complaints {
    /// Sorts what was found by place and drops what was said twice.
    pub(crate) fn new(mut found: Vec<Complaint>) -> Complaints {
        found.sort_by_key(|complaint| complaint.span.start);
        found.dedup_by(|a, b| a.span == b.span && a.message == b.message);
        Complaints(found)
    }

    /// The result of reading: the complaints, if any of them is an error.
    pub(crate) fn into_result(self) -> Result<(), Complaints> {
        if self.0.iter().any(Complaint::is_error) {
            Err(self)
        } else {
            Ok(())
        }
    }
}

impl fmt::Display for Complaints {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, complaint) in self.0.iter().enumerate() {
            if at > 0 {
                f.write_str("\n\n")?;
            }
            complaint.fmt(f)?;
        }
        Ok(())
    }
}

/// A span of the whole text as one of a part of it.
fn within_part(span: &Range<usize>, part: &Range<usize>) -> Range<usize> {
    let last = part.end.saturating_sub(part.start);
    let offset = |at: usize| at.saturating_sub(part.start).min(last);
    offset(span.start)..offset(span.end)
}

/// The nearest place at or before a byte offset where a character begins.
pub(crate) fn boundary(text: &str, offset: usize) -> usize {
    let mut before = (0..=offset.min(text.len())).rev();
    before.find(|at| text.is_char_boundary(*at)).unwrap_or(0)
}

/// Control characters as escapes: what stands in a file never drives the terminal.
fn visible(text: &str) -> String {
    let escape = |c: char| {
        if c.is_control() {
            c.escape_default().to_string()
        } else {
            c.to_string()
        }
    };
    text.chars().map(escape).collect()
}

/// The renderer shows C0 controls as pictures but lets C1 through. Each becomes a character of the same length, so that
/// offsets stay right.
fn inert(text: &str) -> String {
    text.replace(|c: char| ('\u{80}'..='\u{9f}').contains(&c), "\u{b7}")
}
