//! One value of the file, read as what its place wants.

use std::ops::Range;

use toml::Spanned;
use toml::de::DeValue;

use super::{Complaint, Desk, Table, bad_name};
use crate::model::condition::Condition;
use crate::model::ids::is_name;
use crate::model::time::Span;
use crate::model::value::Value;
use crate::parse::complaint::boundary;
use crate::parse::places::within;
use crate::parse::suggest;

/// Longest condition that is taken, in bytes.
const LONGEST_CONDITION: usize = 4096;

/// One value of the file, not yet read as anything.
#[derive(Clone)]
pub(in crate::parse) struct Item<'a> {
    pub(super) desk: &'a Desk<'a>,
    pub(super) value: &'a Spanned<DeValue<'a>>,
    pub path: String,
}

impl<'a> Item<'a> {
    pub(in crate::parse) fn span(&self) -> Range<usize> {
        self.value.span()
    }

    /// Where it stands, for messages that come later: `cluster.toml:9:10`.
    pub(in crate::parse) fn place(&self) -> String {
        let start = self.span().start;
        let (line, column) = self.desk.source.line_column(start);
        format!("{}:{line}:{column}", self.desk.source.file_at(start).0)
    }

    pub(in crate::parse) fn raw(&self) -> &'a DeValue<'a> {
        self.value.get_ref()
    }

    pub(in crate::parse) fn is_text(&self) -> bool {
        self.raw().is_str()
    }

    pub(in crate::parse) fn is_table(&self) -> bool {
        self.raw().is_table()
    }

    pub(in crate::parse) fn complain(&self, message: impl Into<String>, help: impl Into<String>) {
        self.desk.error(&self.span(), message, help);
    }

    /// Complains about a value that must not be shown.
    pub(in crate::parse) fn complain_masked(&self, message: &str, help: &str) {
        let span = self.span();
        let complaint =
            Complaint::error(self.desk.source, &(span.start..span.start), message, help);
        self.desk.say(complaint.mask(span));
    }

    /// Says that something else was wanted here.
    pub(in crate::parse) fn wanted(&self, wanted: &str) {
        let article = match self.raw() {
            DeValue::String(_) => "a text",
            DeValue::Integer(_) => "a whole number",
            DeValue::Float(_) => "a number with a fraction",
            DeValue::Boolean(_) => "true or false",
            DeValue::Datetime(_) => "a date or time",
            DeValue::Array(_) => "a list",
            DeValue::Table(_) => "a table",
        };
        let what = match self.path.rsplit('.').next() {
            Some(key) if !key.is_empty() => format!("`{key}` is"),
            Some(_) | None => "this is".to_string(),
        };
        self.desk.error(
            &self.span(),
            format!("{what} {article}, which does not fit"),
            format!("write {wanted}"),
        );
    }

    pub(in crate::parse) fn text(&self) -> Option<&'a str> {
        let text = self.raw().as_str();
        if text.is_none() {
            self.wanted("a text in quotes");
        }
        text
    }

    /// A text that says something.
    pub(in crate::parse) fn full_text(&self) -> Option<String> {
        let text = self.text()?;
        if text.trim().is_empty() {
            let key = self.path.rsplit('.').next().unwrap_or_default();
            self.desk.error(
                &self.span(),
                format!("`{key}` is empty"),
                "write something, or remove the key if it is not needed",
            );
            return None;
        }
        Some(text.to_string())
    }

    /// A script: a text, or a table with the names of pieces to `use` and a `text` of its own below them.
    pub(in crate::parse) fn script(&self) -> Option<String> {
        if !self.is_table() {
            return self.full_text();
        }
        let mut table = self.table("a script: a text, or { use = [\"piece\"], text = \"..\" }")?;
        let mut parts = match table.item("use") {
            Some(used) => used.pieces(),
            None => Vec::new(),
        };
        parts.extend(table.optional_text("text"));
        if parts.is_empty() {
            table.complain(
                "this script is empty",
                "name pieces under `use`, or write a `text`",
            );
        }
        table.finish();
        Some(parts.join("\n"))
    }

    fn pieces(&self) -> Vec<String> {
        let known = self.desk.pieces.borrow();
        let mut found = Vec::new();
        for item in self.list("a list of names from [scripts], such as [\"stop\"]") {
            let Some(name) = item.text() else { continue };
            match known.get(name) {
                Some(piece) => found.push(piece.trim_matches('\n').to_string()),
                None => item.complain(
                    format!("there is no piece `{name}` under [scripts]"),
                    suggest::advice(name, known.keys().map(String::as_str), "add it"),
                ),
            }
        }
        found
    }

    pub(in crate::parse) fn name(&self) -> Option<String> {
        let name = self.text()?;
        if !is_name(name) {
            bad_name(self.desk, &self.span(), name);
        }
        Some(name.to_string())
    }

    pub(in crate::parse) fn flag(&self) -> Option<bool> {
        let flag = self.raw().as_bool();
        if flag.is_none() {
            self.wanted("true or false, without quotes");
        }
        flag
    }

    pub(in crate::parse) fn number(&self) -> Option<i64> {
        let number = self
            .raw()
            .as_integer()
            .and_then(|n| i64::from_str_radix(n.as_str(), n.radix()).ok());
        if number.is_none() {
            self.wanted("a whole number, without quotes");
        }
        number
    }

    pub(in crate::parse) fn duration(&self) -> Option<Span> {
        let Some(text) = self.raw().as_str() else {
            self.wanted("a length of time in quotes, such as \"90s\", \"10m\" or \"1h30m\"");
            return None;
        };
        let span = text.parse();
        if span.is_err() {
            self.desk.error(
                &self.span(),
                format!("`{text}` is not a length of time"),
                "write it like \"90s\", \"10m\" or \"1h30m\"",
            );
        }
        span.ok()
    }

    /// A text, a whole number, or true or false.
    pub(in crate::parse) fn value(&self) -> Option<Value> {
        match self.raw() {
            DeValue::String(text) => Some(Value::text(text.as_ref())),
            DeValue::Boolean(value) => Some(Value::Bool(*value)),
            DeValue::Integer(_) => self.number().map(Value::Number),
            DeValue::Float(_) | DeValue::Datetime(_) | DeValue::Array(_) | DeValue::Table(_) => {
                self.wanted("a text in quotes, a whole number, or true or false");
                None
            }
        }
    }

    /// One of a few words.
    pub(in crate::parse) fn word<T: Clone>(&self, words: &[(&str, T)]) -> Option<T> {
        let text = self.text()?;
        let found = words.iter().find(|(word, _)| *word == text);
        if found.is_none() {
            let known = words.iter().map(|(word, _)| *word);
            self.desk.error(
                &self.span(),
                format!("`{text}` is not one of the words that can stand here"),
                suggest::advice(text, known, ""),
            );
        }
        found.map(|(_, value)| value.clone())
    }

    pub(in crate::parse) fn list(&self, wanted: &str) -> Vec<Item<'a>> {
        let Some(items) = self.raw().as_array() else {
            self.wanted(wanted);
            return Vec::new();
        };
        let item = |(at, value)| Item {
            desk: self.desk,
            value,
            path: format!("{}[{at}]", self.path),
        };
        items.iter().enumerate().map(item).collect()
    }

    pub(in crate::parse) fn texts(&self) -> Vec<String> {
        let items = self.list("a list of texts, such as [\"a\", \"b\"]");
        // A wrong member keeps its place, so that the paths of the others stay right.
        let text = |item: &Item<'_>| item.text().unwrap_or_default().to_string();
        items.iter().map(text).collect()
    }

    pub(in crate::parse) fn table(&self, what: &'static str) -> Option<Table<'a>> {
        let Some(entries) = self.raw().as_table() else {
            self.wanted(&format!("a table: {what}"));
            return None;
        };
        Some(Table {
            desk: self.desk,
            entries,
            path: self.path.clone(),
            span: self.span(),
            what,
            asked: Vec::new(),
        })
    }

    /// A condition in CEL. A mistake is pointed at inside the text.
    pub(in crate::parse) fn condition(&self) -> Option<Condition> {
        let text = self.text()?;
        if text.len() > LONGEST_CONDITION {
            self.desk.error(
                &self.span(),
                "this condition is too long",
                format!("keep it below {LONGEST_CONDITION} bytes"),
            );
            return None;
        }
        match Condition::parse(text) {
            Ok(condition) => Some(condition),
            Err(error) => {
                let part = error.start..error.end;
                let place = within(self.desk.source, &self.span(), text, part);
                let help = if text[boundary(text, error.start)..].starts_with('=') {
                    "write `==` to compare"
                } else {
                    "conditions are written in CEL, such as `nodes.all(n, n.service == 'stopped')`"
                };
                self.desk.error(&place, error.message, help);
                None
            }
        }
    }
}
