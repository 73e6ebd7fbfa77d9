//! Reads a spanned TOML document by hand, so that every complaint points at its place and all of them come at once.
//!
//! A reader never stops at the first mistake: what cannot be read is said, and an empty value stands in for it until the
//! whole file has been seen. [`Table::finish`] complains about keys that nobody asked for.

mod item;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::ops::Range;

use toml::de::DeTable;

use super::complaint::{Complaint, Source};
use super::places::join;
use super::suggest;
use crate::model::condition::Condition;
use crate::model::ids::is_name;
use crate::model::time::Span;

pub(super) use item::Item;

/// Where complaints are put.
pub(super) struct Desk<'a> {
    pub source: &'a Source,
    found: RefCell<Vec<Complaint>>,
    /// Pieces of `sh` that scripts of the file may use, by name.
    pieces: RefCell<BTreeMap<String, String>>,
}

impl<'a> Desk<'a> {
    pub(super) fn new(source: &'a Source) -> Self {
        Desk {
            source,
            found: RefCell::default(),
            pieces: RefCell::default(),
        }
    }

    pub(super) fn error(
        &self,
        span: &Range<usize>,
        message: impl Into<String>,
        help: impl Into<String>,
    ) {
        self.say(Complaint::error(self.source, span, message, help));
    }

    pub(super) fn keep_pieces(&self, pieces: BTreeMap<String, String>) {
        self.pieces.replace(pieces);
    }

    pub(super) fn say(&self, complaint: Complaint) {
        self.found.borrow_mut().push(complaint);
    }

    /// Whether something was said about this place: then what follows from it is not said.
    pub(super) fn has_said(&self, place: &Range<usize>) -> bool {
        self.found
            .borrow()
            .iter()
            .any(|complaint| complaint.is_at(place))
    }

    pub(super) fn into_found(self) -> Vec<Complaint> {
        self.found.into_inner()
    }
}

/// One table of the file. Keys are known by being asked for.
pub(super) struct Table<'a> {
    desk: &'a Desk<'a>,
    entries: &'a DeTable<'a>,
    pub path: String,
    pub span: Range<usize>,
    /// What it is, as in "a step": reads on from "in ".
    what: &'static str,
    asked: Vec<&'static str>,
}

impl<'a> Table<'a> {
    /// The whole document.
    pub(super) fn document(
        desk: &'a Desk<'a>,
        entries: &'a DeTable<'a>,
        what: &'static str,
    ) -> Self {
        let first_line = desk
            .source
            .text
            .find('\n')
            .unwrap_or(desk.source.text.len());
        Table {
            desk,
            entries,
            path: String::new(),
            span: 0..first_line,
            what,
            asked: Vec::new(),
        }
    }

    /// What stands under a key, if anything does.
    pub(super) fn item(&mut self, key: &'static str) -> Option<Item<'a>> {
        self.asked.push(key);
        let (_, value) = self.entries.iter().find(|(k, _)| k.get_ref() == key)?;
        Some(Item {
            desk: self.desk,
            value,
            path: join(&self.path, key),
        })
    }

    /// What stands under a key that must be there; `example` is how one writes it.
    pub(super) fn need(&mut self, key: &'static str, example: &str) -> Option<Item<'a>> {
        let item = self.item(key);
        if item.is_none() {
            self.desk.error(
                &self.span,
                format!("`{key}` is missing in {}", self.what),
                format!("add `{key} = {example}`"),
            );
        }
        item
    }

    /// A text that must be there and must not be empty.
    pub(super) fn text(&mut self, key: &'static str) -> String {
        self.need(key, "\"..\"")
            .and_then(|item| item.full_text())
            .unwrap_or_default()
    }

    pub(super) fn desk(&self) -> &'a Desk<'a> {
        self.desk
    }

    /// A script that must be there: a text, or the names of pieces and a text.
    pub(super) fn script(&mut self, key: &'static str) -> String {
        self.need(key, "\'\'\'..\'\'\'")
            .and_then(|item| item.script())
            .unwrap_or_default()
    }

    pub(super) fn optional_script(&mut self, key: &'static str) -> Option<String> {
        // What cannot be read has been said; an empty script stands in.
        Some(self.item(key)?.script().unwrap_or_default())
    }

    /// A text, empty if it is not there.
    pub(super) fn text_or_empty(&mut self, key: &'static str) -> String {
        self.optional_text(key).unwrap_or_default()
    }

    pub(super) fn optional_text(&mut self, key: &'static str) -> Option<String> {
        self.item(key)?.full_text()
    }

    /// A name that must be there.
    pub(super) fn name(&mut self, key: &'static str) -> String {
        self.need(key, "\"..\"")
            .and_then(|item| item.name())
            .unwrap_or_default()
    }

    pub(super) fn condition(&mut self, key: &'static str) -> Option<Condition> {
        self.item(key)?.condition()
    }

    pub(super) fn flag(&mut self, key: &'static str) -> bool {
        self.item(key).and_then(|item| item.flag()).unwrap_or(false)
    }

    pub(super) fn duration(&mut self, key: &'static str, default: Span) -> Span {
        self.item(key)
            .and_then(|item| item.duration())
            .unwrap_or(default)
    }

    pub(super) fn texts(&mut self, key: &'static str) -> Vec<String> {
        self.item(key).map(|item| item.texts()).unwrap_or_default()
    }

    /// The tables of a list such as `[[phase]]`; empty if there is none.
    pub(super) fn tables(&mut self, key: &'static str, what: &'static str) -> Vec<Table<'a>> {
        let Some(item) = self.item(key) else {
            return Vec::new();
        };
        let members = item.list(&format!("a list of tables, written `[[{key}]]`"));
        members
            .into_iter()
            .filter_map(|member| member.table(what))
            .collect()
    }

    /// The table under a key.
    pub(super) fn table(&mut self, key: &'static str, what: &'static str) -> Option<Table<'a>> {
        self.item(key)?.table(what)
    }

    /// Everything in a table whose keys the author chooses, such as `[params.*]`.
    pub(super) fn members(self) -> Vec<(String, Item<'a>)> {
        let mut members: Vec<_> = self.entries.iter().collect();
        members.sort_by_key(|(key, _)| key.span().start);
        members
            .into_iter()
            .map(|(key, value)| {
                let name = key.get_ref().to_string();
                if !is_name(&name) {
                    bad_name(self.desk, &key.span(), &name);
                }
                let path = join(&self.path, &name);
                let desk = self.desk;
                (name, Item { desk, value, path })
            })
            .collect()
    }

    /// Complains about the table as a whole.
    pub(super) fn complain(&self, message: impl Into<String>, help: impl Into<String>) {
        self.desk.error(&self.span, message, help);
    }

    /// Complains about a key that this kind of thing does not have.
    pub(super) fn misplaced(&mut self, keys: &[&'static str], why: &str) {
        for key in keys {
            self.asked.push(key);
            if let Some((place, _)) = self.entries.iter().find(|(k, _)| k.get_ref() == key) {
                self.desk.error(
                    &place.span(),
                    format!("`{key}` means nothing here: {why}"),
                    "remove it",
                );
            }
        }
    }

    /// Complains about keys that nobody asked for.
    pub(super) fn finish(self) {
        for (key, _) in self.entries {
            let name: &str = key.get_ref();
            if !self.asked.contains(&name) {
                self.desk.error(
                    &key.span(),
                    format!("unknown key `{name}` in {}", self.what),
                    suggest::advice(name, self.asked.iter().copied(), "remove it"),
                );
            }
        }
    }
}

fn bad_name(desk: &Desk<'_>, span: &Range<usize>, name: &str) {
    desk.error(
        span,
        format!("`{name}` cannot be a name"),
        "a name begins with a letter or digit, goes on with letters, digits, `-`, `_` or `.`, and has at most 63 of them",
    );
}
