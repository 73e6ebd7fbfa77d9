//! Drill files: what disturbs a rehearsal.
//!
//! ```toml
//! title = "The exit code lies"
//! about = "The step claims success; only the probe tells."
//!
//! [[fault]]
//! when = "upgrade/update@st2"   # an action, `*` for any run of characters; or at = "12m"
//! what = "lie"                  # as typed after :fault, without the node
//! attempt = 1                   # optional; `after`, `times` and `node` too
//! ```

use std::ops::Range;

use serde::Deserialize;
use toml::Spanned;

use crate::model::drill::{Drill, FaultError, NodePick, PlannedFault, When};
use crate::model::ids::NodeId;
use crate::model::time::Span;

/// The drills that are always at hand, by name.
const BUILT_IN: &[(&str, &str)] = &[
    ("comes-back", include_str!("drills/comes-back.toml")),
    ("hang", include_str!("drills/hang.toml")),
    ("lost-link", include_str!("drills/lost-link.toml")),
    (
        "lying-exit-code",
        include_str!("drills/lying-exit-code.toml"),
    ),
    ("new-host-key", include_str!("drills/new-host-key.toml")),
    ("power-cut", include_str!("drills/power-cut.toml")),
];

/// What is wrong with a drill file, and where.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{file}:{line}:{column}: {message}\n{excerpt}")]
pub struct DrillError {
    pub file: String,
    /// Counted from one.
    pub line: usize,
    /// Counted from one, in characters.
    pub column: usize,
    pub message: String,
    /// The line, and carets under what is wrong in it.
    excerpt: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    title: String,
    #[serde(default)]
    about: String,
    #[serde(default, rename = "fault")]
    faults: Vec<Spanned<Entry>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    when: Option<String>,
    at: Option<Spanned<String>>,
    what: Spanned<String>,
    node: Option<Pick>,
    attempt: Option<u32>,
    after: Option<Spanned<String>>,
    times: Option<u32>,
}

#[derive(Deserialize)]
#[serde(
    untagged,
    expecting = "a node is told by its name or by its number in the cluster file"
)]
enum Pick {
    Nth(usize),
    Named(String),
}

type Wrong = (String, Range<usize>);

/// The names of the built-in drills.
pub fn names() -> impl Iterator<Item = &'static str> {
    BUILT_IN.iter().map(|(name, _)| *name)
}

/// A built-in drill, if there is one of that name.
pub fn built_in(name: &str) -> Option<Result<Drill, DrillError>> {
    let (name, text) = BUILT_IN.iter().find(|(known, _)| *known == name)?;
    Some(drill(text, &format!("{name}.toml")))
}

/// Reads a drill file; `file` is what it is called in a complaint.
pub fn drill(text: &str, file: &str) -> Result<Drill, DrillError> {
    let read = toml::from_str::<File>(text)
        .map_err(|why| (why.message().to_string(), why.span().unwrap_or_default()))
        .and_then(|read| {
            let faults = read.faults.into_iter().map(planned);
            Ok(Drill {
                title: read.title,
                about: read.about,
                faults: faults.collect::<Result<_, Wrong>>()?,
            })
        });
    read.map_err(|(message, span)| place(text, file, message, span))
}

fn planned(entry: Spanned<Entry>) -> Result<PlannedFault, Wrong> {
    let whole = entry.span();
    let entry = entry.into_inner();
    let span = |text: &Spanned<String>| {
        let read = text.get_ref().parse::<Span>();
        read.map_err(|why| (why, text.span()))
    };
    let only_actions = || {
        let message = "`attempt`, `after` and `times` belong to an action: give `when`".to_string();
        Err((message, whole.clone()))
    };
    let when = match (entry.when, entry.at) {
        (Some(glob), None) => When::Action {
            glob,
            attempt: entry.attempt,
            after: entry.after.as_ref().map(span).transpose()?,
            times: entry.times.unwrap_or(1),
        },
        (None, Some(_)) if entry.attempt.is_some() || entry.times.is_some() => {
            return only_actions();
        }
        (None, Some(_)) if entry.after.is_some() => return only_actions(),
        (None, Some(at)) if entry.node.is_some() => When::At(span(&at)?),
        (None, Some(_)) => {
            return Err((FaultError::NoNode.to_string(), whole));
        }
        (Some(_), Some(_)) | (None, None) => {
            let message = "a fault needs either `when` (an action) or `at` (a time)";
            return Err((message.into(), whole));
        }
    };
    let what = entry.what.get_ref().parse();
    Ok(PlannedFault {
        when,
        what: what.map_err(|why: FaultError| (why.to_string(), entry.what.span()))?,
        node: entry.node.map(|node| match node {
            Pick::Nth(nth) => NodePick::Nth(nth),
            Pick::Named(name) => NodePick::Named(NodeId::new(name)),
        }),
    })
}

fn place(text: &str, file: &str, message: String, span: Range<usize>) -> DrillError {
    let start = boundary(text, span.start);
    let before = &text[..start];
    let line_start = before.rfind('\n').map_or(0, |at| at + 1);
    let source = text[line_start..].lines().next().unwrap_or_default();
    let column = before[line_start..].chars().count();
    let end = boundary(text, span.end.min(line_start + source.len()));
    let wide = text
        .get(start..end)
        .map_or(1, |part| part.chars().count().max(1));
    let line = before.matches('\n').count() + 1;
    let number = line.to_string();
    let gutter = " ".repeat(number.len());
    let carets = format!("{}{}", " ".repeat(column), "^".repeat(wide));
    DrillError {
        file: file.into(),
        line,
        column: column + 1,
        message,
        excerpt: format!("{gutter} |\n{number} | {source}\n{gutter} | {carets}"),
    }
}

/// The nearest place at or before `at` where a character begins.
fn boundary(text: &str, at: usize) -> usize {
    (0..=at.min(text.len()))
        .rev()
        .find(|at| text.is_char_boundary(*at))
        .unwrap_or(0)
}
