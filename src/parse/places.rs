//! Where everything in a TOML text stands, by its path: `phase[0].step[2].then.service`.

use std::collections::BTreeMap;
use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::complaint::Source;

/// Byte ranges of one key and its value.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    pub key: Range<usize>,
    pub value: Range<usize>,
}

/// The places of all keys and list members of one text.
#[derive(Clone, Debug, Default)]
pub(crate) struct Places(BTreeMap<String, Place>);

impl Places {
    pub(crate) fn of(document: &DeTable<'_>) -> Places {
        let mut places = Places::default();
        places.note_table("", document);
        places
    }

    /// Whether the file says something at this path.
    pub(crate) fn has(&self, path: &str) -> bool {
        self.0.contains_key(path)
    }

    /// The value at a path, or the nearest thing around it that the file does say.
    pub(crate) fn value(&self, path: &str) -> Range<usize> {
        self.nearest(path, |place| place.value.clone())
    }

    /// The key at a path, or the nearest one around it.
    pub(crate) fn key(&self, path: &str) -> Range<usize> {
        self.nearest(path, |place| place.key.clone())
    }

    fn nearest(&self, path: &str, part: impl Fn(&Place) -> Range<usize>) -> Range<usize> {
        let mut path = path;
        loop {
            if let Some(place) = self.0.get(path) {
                return part(place);
            }
            match path.rfind(['.', '[']) {
                Some(at) => path = &path[..at],
                None => return 0..0,
            }
        }
    }

    fn note_table(&mut self, path: &str, table: &DeTable<'_>) {
        for (key, value) in table {
            let path = join(path, key.get_ref());
            self.note(path, key.span(), value);
        }
    }

    fn note(&mut self, path: String, key: Range<usize>, value: &Spanned<DeValue<'_>>) {
        match value.get_ref() {
            DeValue::Table(table) => self.note_table(&path, table),
            DeValue::Array(items) => {
                for (at, item) in items.iter().enumerate() {
                    self.note(format!("{path}[{at}]"), item.span(), item);
                }
            }
            DeValue::String(_)
            | DeValue::Integer(_)
            | DeValue::Float(_)
            | DeValue::Boolean(_)
            | DeValue::Datetime(_) => {}
        }
        let value = value.span();
        self.0.insert(path, Place { key, value });
    }
}

/// The path of `key` in the table at `path`.
pub(crate) fn join(path: &str, key: &str) -> String {
    if path.is_empty() {
        key.to_string()
    } else {
        format!("{path}.{key}")
    }
}

/// Where a part of a string value stands in the file. A string with escapes is not followed: then it is the whole value.
pub(crate) fn within(
    source: &Source,
    value: &Range<usize>,
    decoded: &str,
    part: Range<usize>,
) -> Range<usize> {
    match content_start(source, value, decoded) {
        Some(start) => start + part.start..start + part.end.max(part.start + 1),
        None => value.clone(),
    }
}

/// The byte offset at which a string's content begins, if it stands in the file as it is decoded.
pub(crate) fn content_start(source: &Source, value: &Range<usize>, decoded: &str) -> Option<usize> {
    let raw = source.text.get(value.clone())?;
    let quotes = ["'''", "\"\"\"", "'", "\""];
    let quote = quotes.iter().find(|quote| raw.starts_with(**quote))?;
    let inner = &raw[quote.len()..];
    let skipped = match quote.len() {
        3 if inner.starts_with("\r\n") => 2,
        3 if inner.starts_with('\n') => 1,
        _ => 0,
    };
    inner[skipped..]
        .starts_with(decoded)
        .then_some(value.start + quote.len() + skipped)
}
