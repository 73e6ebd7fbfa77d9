//! Hold points with options, unknown host keys and secrets.

use ratatui::text::Line;

use super::super::kit::{line, span, wrapped};
use super::{Dialog, field_line, field_of, said_line};
use crate::engine::hold::{Expect, Hold, HoldKind, HoldOption};
use crate::engine::state::ActionRecord;
use crate::model::ids::ActionId;
use crate::ui::app::App;
use crate::ui::app::modal::{HoldKey, Modal};
use crate::ui::widget::{FrameKind, Stream};
use crate::ui::{Role, format};

/// Last lines of a script that a failure shows.
const TAIL: usize = 6;
/// What the taking over of a lock wants to be typed.
const RUN_AND_REASON: &str = "RUN REASON";

/// The options of a hold point that is still open.
pub(super) fn options<'a>(app: &'a App, key: &HoldKey) -> &'a [HoldOption] {
    app.hold(key).map_or(&[], |hold| hold.expect.options())
}

/// The list: what is known, and the ways on. Nothing starts from it.
pub(super) fn list(app: &App, modal: &Modal, key: &HoldKey, columns: usize) -> Dialog {
    let look = &app.look;
    let mut dialog = framed(app, key);
    dialog.bottom = "1-9 or Enter says what it does; nothing starts from this list".into();
    let Some(hold) = app.hold(key) else {
        return dialog;
    };
    let options = options(app, key);
    dialog.lines = told(app, hold, options, columns);
    dialog.fixed.push(Line::default());
    for (at, option) in options.iter().enumerate() {
        let here = at == modal.selected;
        let pointer = if here { look.signs.pointer } else { " " };
        let role = if here { Role::Key } else { Role::Base };
        let head = format!("{pointer} {}  {:<10} ", at + 1, option.id);
        let indent = format::width(&head);
        for (row, piece) in format::wrap(&option.title, columns.saturating_sub(indent))
            .into_iter()
            .enumerate()
        {
            let head = if row == 0 {
                head.clone()
            } else {
                " ".repeat(indent)
            };
            dialog.fixed.push(Line::from(vec![
                span(look, role, head),
                span(look, Role::Base, piece),
            ]));
        }
    }
    if let Some(note) = not_offered(app, key, options) {
        dialog
            .fixed
            .extend(wrapped(look, Role::Dim, &note, columns));
    }
    dialog
}

/// The own text of a hold point, and the last lines of its script.
fn told(app: &App, hold: &Hold, options: &[HoldOption], columns: usize) -> Vec<Line<'static>> {
    let look = &app.look;
    let mut lines: Vec<Line<'static>> = Vec::new();
    for (at, text) in own_text(hold, options).enumerate() {
        let role = match at {
            0 => Role::Title,
            _ if text.starts_with("known of ") => Role::LogObs,
            _ => Role::Base,
        };
        lines.extend(wrapped(look, role, text, columns));
    }
    if let Some(node) = record(app, &hold.id).and_then(|record| record.action().node.as_ref())
        && matches!(hold.kind, HoldKind::Failure | HoldKind::Doubt)
    {
        let tail = app.log.tail(node, TAIL);
        if !tail.is_empty() {
            lines.push(Line::default());
            lines.push(line(
                look,
                &[
                    (Role::Header, "last lines"),
                    (Role::Dim, "   o opens the whole log, c shows what was sent"),
                ],
            ));
        }
        for (at, began, stream, text) in tail {
            let since = began.map_or(String::new(), |began| {
                format!("+{}", format::stopwatch(at.since(began).0))
            });
            let role = if stream == Stream::Err {
                Role::LogErr
            } else {
                Role::LogOut
            };
            lines.push(line(
                look,
                &[
                    (Role::LogTime, &format!("{since:<8}")),
                    (
                        role,
                        &format::clip(text, columns.saturating_sub(9), look.signs),
                    ),
                ],
            ));
        }
    }
    lines
}

/// The text of a hold point without the lines that repeat its options.
fn own_text<'a>(hold: &'a Hold, options: &'a [HoldOption]) -> impl Iterator<Item = &'a String> {
    let repeats = |text: &str| {
        options
            .iter()
            .any(|option| text == format!("{}: {}", option.usage(), option.title))
    };
    hold.text.iter().filter(move |text| !repeats(text))
}

fn record<'a>(app: &'a App, id: &str) -> Option<&'a ActionRecord> {
    app.run.actions.get(&ActionId::new(id))
}

/// Why something that one might expect is not in the list.
fn not_offered(app: &App, key: &HoldKey, options: &[HoldOption]) -> Option<String> {
    if !matches!(key.kind, HoldKind::Failure | HoldKind::Doubt) || record(app, &key.id).is_none() {
        return None;
    }
    let has = |id: &str| options.iter().any(|option| option.id == id);
    let mut missing = vec!["skip (what is not done is never called done)"];
    if !has("retry") {
        missing.push("retry (this step must never be sent twice by us)");
    }
    if !has("undo") {
        missing.push("undo (nothing is declared for this step alone)");
    }
    Some(format!("not offered: {}", missing.join(", ")))
}

fn framed(app: &App, key: &HoldKey) -> Dialog {
    let word = match key.kind {
        HoldKind::Gate => "GATE",
        HoldKind::Manual => "YOUR TURN",
        HoldKind::Attest => "YOUR WORD",
        HoldKind::Decide => "YOU DECIDE",
        HoldKind::Failure => "HELD",
        HoldKind::Doubt => "IN DOUBT",
        HoldKind::Prompt => "IT ASKS",
        HoldKind::HostKey => "UNKNOWN HOST KEY",
        HoldKind::Secret => "SECRET",
    };
    let rehearsal = if app.is_rehearsal() {
        "REHEARSAL  "
    } else {
        ""
    };
    let mut dialog = Dialog::new(format!("{rehearsal}{word}  {}", key.id));
    dialog.frame = FrameKind::Heavy;
    dialog.role = match key.kind {
        HoldKind::Failure => Role::Error,
        HoldKind::Doubt => Role::Warn,
        HoldKind::Gate
        | HoldKind::Manual
        | HoldKind::Attest
        | HoldKind::Decide
        | HoldKind::Prompt
        | HoldKind::HostKey
        | HoldKind::Secret => Role::GateFrame,
    };
    dialog
}

/// One option with what it does, and its note where it wants one.
pub(super) fn choice(
    app: &App,
    modal: &Modal,
    key: &HoldKey,
    option: &HoldOption,
    columns: usize,
) -> Dialog {
    let look = &app.look;
    let mut dialog = framed(app, key);
    dialog.title = format!("{}  {}", dialog.title, option.id);
    let mut lines = Vec::new();
    if let Some(hold) = app.hold(key) {
        let head = hold.text.first().map_or("", String::as_str);
        lines.extend(wrapped(look, Role::Dim, head, columns));
        let asks = matches!(
            hold.kind,
            HoldKind::Manual | HoldKind::Attest | HoldKind::Decide | HoldKind::Prompt
        );
        // Who takes a lock over must see whose it is, and what of theirs still runs.
        if asks || option.note == Some(RUN_AND_REASON) {
            for text in own_text(hold, options(app, key)).skip(1) {
                lines.extend(wrapped(look, Role::Base, text, columns));
            }
        }
    }
    lines.push(Line::default());
    let title = format!("{}: {}.", option.id, option.title.trim_end_matches('.'));
    lines.extend(wrapped(look, Role::Title, &title, columns));
    dialog.lines = lines;
    // What must not be kept is not shown either.
    let typed = match option.id {
        "answer-hidden" => "*".repeat(modal.field.text().chars().count()),
        _ => modal.field.text().to_string(),
    };
    dialog.fixed = match option.note {
        Some(wanted) => vec![
            Line::default(),
            field_of(
                look,
                &wanted.to_lowercase(),
                &typed,
                modal.field.cursor(),
                Role::Field,
                columns,
                (Role::Dim, "Enter sends"),
            ),
            said_line(look, modal, note_words(option.id, wanted)),
        ],
        None => vec![
            Line::default(),
            line(
                look,
                &[
                    (Role::Key, "Enter"),
                    (Role::Base, " does it.   "),
                    (Role::Key, "Esc"),
                    (Role::Base, " goes back; nothing is done."),
                ],
            ),
            said_line(look, modal, ""),
        ],
    };
    dialog
}

fn note_words(option: &str, wanted: &str) -> &'static str {
    match wanted {
        "TEXT" if option == "answer-hidden" => {
            "It is given to the program and kept nowhere. Esc goes back."
        }
        "TEXT" => "It is given to the program, and journalled. Esc goes back.",
        "REASON" => "The reason is journalled and printed in the report. Esc goes back.",
        RUN_AND_REASON => "First the run, then why; the report prints both. Esc goes back.",
        "OPTION" => "Type one of the words above. Esc goes back.",
        _ => "Say what you did or saw; it is journalled. Esc goes back.",
    }
}

pub(super) fn host_key(app: &App, modal: &Modal, key: &HoldKey, columns: usize) -> Dialog {
    let look = &app.look;
    let mut dialog = framed(app, key);
    if let Some(hold) = app.hold(key) {
        for (at, text) in hold.text.iter().enumerate() {
            let role = if at == 1 { Role::Title } else { Role::Base };
            dialog.lines.extend(wrapped(look, role, text, columns));
        }
    }
    dialog.lines.push(Line::default());
    for text in [
        "match      it is kept for this project and journalled with your name",
        "no         the connection is closed and the node stays blocked",
        "yes        you compared it with your own eyes; journalled with your name",
    ] {
        dialog.lines.extend(wrapped(look, Role::Dim, text, columns));
    }
    dialog.fixed = vec![
        Line::default(),
        field_line(
            look,
            "fingerprint",
            &modal.field,
            Role::Field,
            columns,
            (Role::Dim, "Enter sends"),
        ),
        said_line(
            look,
            modal,
            "Type or paste the fingerprint that you expect, or yes or no. Esc: not now.",
        ),
    ];
    dialog
}

/// Another host key than before: what it may mean, and the phrase that no habit types.
pub(super) fn new_key(app: &App, modal: &Modal, key: &HoldKey, columns: usize) -> Dialog {
    let look = &app.look;
    let mut dialog = framed(app, key);
    dialog.title = dialog.title.replacen("UNKNOWN", "ANOTHER", 1);
    dialog.role = Role::Error;
    let Some(hold) = app.hold(key) else {
        return dialog;
    };
    for (at, text) in hold.text.iter().enumerate() {
        let role = match at {
            0 => Role::Title,
            _ if text.starts_with("  ") => Role::Key,
            _ => Role::Base,
        };
        dialog.lines.extend(wrapped(look, role, text, columns));
    }
    let Expect::TypeOr(phrase, options) = &hold.expect else {
        return dialog;
    };
    dialog.lines.push(Line::default());
    for way in options {
        let text = format!("{:<8} {}", way.id, way.title);
        dialog
            .lines
            .extend(wrapped(look, Role::Dim, &text, columns));
    }
    dialog.fixed = vec![
        Line::default(),
        line(
            look,
            &[
                (Role::Base, "to accept it type  "),
                (Role::GateTarget, phrase),
            ],
        ),
        field_line(
            look,
            ">",
            &modal.field,
            Role::Field,
            columns,
            (Role::Dim, "Enter sends"),
        ),
        said_line(
            look,
            modal,
            "Typed, not pasted; or one of the words above. Esc: not now.",
        ),
    ];
    dialog
}

pub(super) fn secret(app: &App, modal: &Modal, key: &HoldKey, columns: usize) -> Dialog {
    let look = &app.look;
    let mut dialog = framed(app, key);
    if let Some(hold) = app.hold(key) {
        for text in &hold.text {
            dialog
                .lines
                .extend(wrapped(look, Role::Base, text, columns));
        }
    }
    let stars = "*".repeat(modal.field.text().chars().count());
    dialog.fixed = vec![
        Line::default(),
        field_of(
            look,
            "secret",
            &stars,
            modal.field.cursor(),
            Role::Field,
            columns,
            (Role::Dim, "Enter sends"),
        ),
        said_line(
            look,
            modal,
            "It is not shown, not kept and not journalled. Esc: not now.",
        ),
    ];
    dialog
}
