//! Dialogs with text to read or one line to type: help, notes, searches, faults.

use ratatui::text::Line;

use super::super::kit::{line, wrapped};
use super::{Dialog, field_line, said_line};
use crate::model::drill_words::WORDS;
use crate::ui::app::App;
use crate::ui::app::modal::Modal;
use crate::ui::app::pane::WORD;
use crate::ui::keymap::{self, Context};
use crate::ui::widget::FrameKind;
use crate::ui::{Look, Role, format};

pub(super) fn note(app: &App, modal: &Modal, columns: usize) -> Dialog {
    let mut dialog = Dialog::new("Note");
    dialog.lines = wrapped(
        &app.look,
        Role::Base,
        "One line for the journal and the report, with your name and the time.",
        columns,
    );
    dialog.fixed = typed(app, modal, "note", "Esc closes.", columns);
    dialog
}

/// The word that takes the wheel of a program.
pub(super) fn take_wheel(app: &App, modal: &Modal, columns: usize) -> Dialog {
    let mut dialog = Dialog::new("Take the wheel");
    dialog.frame = FrameKind::Double;
    dialog.role = Role::GateFrame;
    dialog.lines = super::super::pane::consent(app, columns);
    let words = format!("Type {WORD}, then Enter. Esc goes on watching.");
    dialog.fixed = typed(app, modal, "word", &words, columns);
    dialog
}

pub(super) fn search(app: &App, modal: &Modal, columns: usize) -> Dialog {
    let mut dialog = Dialog::new("Search");
    dialog.lines = wrapped(
        &app.look,
        Role::Base,
        "Capitals make it exact, ! in front inverts. n and N go on. Nothing typed ends the search.",
        columns,
    );
    dialog.fixed = typed(app, modal, "text", "Esc closes.", columns);
    dialog
}

/// What can go wrong in a rehearsal.
pub(super) fn fault(app: &App, modal: &Modal, columns: usize) -> Dialog {
    let look = &app.look;
    let mut dialog = Dialog::new("REHEARSAL  something goes wrong");
    dialog.frame = FrameKind::Hatched;
    dialog.role = Role::PlaceRehearsal;
    let nodes: Vec<&str> = app
        .run
        .nodes
        .keys()
        .map(|node| node.as_str())
        .take(8)
        .collect();
    dialog.lines = wrapped(
        look,
        Role::Base,
        &format!(
            "Type a word, a node ({}), and what may follow:",
            nodes.join(", ")
        ),
        columns,
    );
    for word in WORDS {
        let head = format!("  {} NODE {}", word.word, word.arguments);
        let room = columns.saturating_sub(44).max(10);
        let mut heads = format::wrap(&head, 43.min(columns)).into_iter();
        let mut abouts = format::wrap(word.about, room).into_iter();
        loop {
            let (head, about) = (heads.next(), abouts.next());
            if head.is_none() && about.is_none() {
                break;
            }
            let head = format::pad(&head.unwrap_or_default(), 44.min(columns), look.signs);
            let about = about.unwrap_or_default();
            dialog
                .lines
                .push(line(look, &[(Role::Key, &head), (Role::Dim, &about)]));
        }
    }
    dialog.fixed = typed(
        app,
        modal,
        "fault",
        "It strikes the pretend cluster now. Esc closes.",
        columns,
    );
    dialog
}

fn typed(
    app: &App,
    modal: &Modal,
    label: &str,
    otherwise: &str,
    columns: usize,
) -> Vec<Line<'static>> {
    let look = &app.look;
    vec![
        Line::default(),
        field_line(
            look,
            label,
            &modal.field,
            Role::Field,
            columns,
            (Role::Dim, "Enter"),
        ),
        said_line(look, modal, otherwise),
    ]
}

/// Keys of a screen, from the key table, and the legend of signs.
pub(super) fn help(look: &Look, of: Context, columns: usize) -> Dialog {
    let mut dialog = Dialog::new("Help");
    let rows: Vec<_> = keymap::rows(of).collect();
    let mut seen: Vec<&str> = Vec::new();
    dialog.lines.push(line(look, &[(Role::Header, "signs")]));
    for pair in look.signs.legend().chunks(3) {
        let parts: Vec<(Role, String)> = pair
            .iter()
            .flat_map(|(sign, name)| {
                [
                    (Role::Key, format::pad(sign, 3, look.signs)),
                    (Role::Base, format::pad(name, 22, look.signs)),
                ]
            })
            .collect();
        let parts: Vec<(Role, &str)> = parts
            .iter()
            .map(|(role, text)| (*role, text.as_str()))
            .collect();
        dialog.lines.push(line(look, &parts));
    }
    dialog.lines.push(Line::default());
    dialog
        .lines
        .push(line(look, &[(Role::Header, "keys of this screen")]));
    for row in rows {
        if seen.contains(&row.help) {
            continue;
        }
        seen.push(row.help);
        let room = columns.saturating_sub(17).max(10);
        let mut keys = keymap::keys_of(row);
        for piece in format::wrap(row.help, room) {
            let head = format::pad(&std::mem::take(&mut keys), 16, look.signs);
            dialog.lines.push(line(
                look,
                &[(Role::Key, &format!("{head} ")), (Role::Base, &piece)],
            ));
        }
    }
    dialog.bottom = "j/k scroll   Esc closes".into();
    dialog
}

pub(super) fn reader(look: &Look, title: &str, lines: &[String], columns: usize) -> Dialog {
    let mut dialog = Dialog::new(title.to_string());
    for text in lines {
        dialog
            .lines
            .extend(wrapped(look, Role::Base, text, columns));
    }
    dialog.bottom = "j/k scroll   Esc closes".into();
    dialog
}
