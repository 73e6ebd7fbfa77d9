//! Readiness: every check with what it found, why it matters and what usually helps.

mod rows;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::Line;

pub(crate) use rows::{Row, rows, selected};

use rows::is_open;

use super::kit::{inset, labelled, panel, split_left, split_top, wrapped};
use crate::engine::checks;
use crate::engine::event::Verdict;
use crate::engine::state::{CheckKey, CheckState};
use crate::model::procedure::{Check, CheckKind, Severity};
use crate::ui::Role;
use crate::ui::app::App;
use crate::ui::widget::{Cell, Column, Table, TableRow, TextView};

/// Draws the list and the selected check in full.
pub(super) fn draw(app: &App, area: Rect, buf: &mut Buffer) {
    let rows = rows(app);
    let at = selected(app, &rows);
    if area.width >= 100 {
        let (left, right) = split_left(area, area.width / 2);
        list(app, &rows, at, left, buf);
        detail(app, rows.get(at), right, buf);
    } else {
        let (top, bottom) = split_top(area, area.height * 3 / 5);
        list(app, &rows, at, top, buf);
        detail(app, rows.get(at), bottom, buf);
    }
}

fn list(app: &App, rows: &[Row], at: usize, area: Rect, buf: &mut Buffer) {
    let run = &app.run;
    let remark = match (run.checks_open, run.checks_waiting) {
        (0, 0) => "all settled".to_string(),
        (open, 0) => format!("{open} to settle"),
        (open, waiting) => format!("{open} to settle, {waiting} running"),
    };
    let inner = panel(&app.look, "Checks", &remark, true).render(area, buf);
    let table: Vec<TableRow> = rows.iter().map(|row| table_row(app, row)).collect();
    let columns = [
        Column::new("", 1),
        Column::new("CHECK", 20).grow(1),
        Column::new("", 14).right(),
    ];
    Table::new(&app.look, &columns, &table)
        .selected(Some(at))
        .render(inset(inner), buf);
}

fn table_row(app: &App, row: &Row) -> TableRow {
    let signs = app.look.signs;
    match row {
        Row::Section {
            name,
            settled,
            all,
            open,
        } => {
            let role = if settled == all { Role::Ok } else { Role::Warn };
            let fold = if *open { signs.unfolded } else { signs.folded };
            let counts = if settled == all {
                format!("{} {settled}/{all}", signs.done)
            } else {
                format!("{settled}/{all}")
            };
            TableRow {
                cells: vec![
                    Cell::new(fold, Role::Dim),
                    Cell::new(capital(name), Role::Title),
                    Cell::new(counts, role),
                ],
            }
        }
        Row::Check { key, alike, all } => {
            let (sign, word, role) = mark(app, key);
            let check = app.run.brief.procedure.check(&key.0);
            let title = check.map_or(key.0.to_string(), |check| full(app, &check.title, key));
            let text = match (&key.1, *alike < *all || *all == 1) {
                (Some(node), true) if *alike == 1 => format!("{node}: {title}"),
                _ => title,
            };
            let right = if *all > 1 && *alike > 1 {
                format!("{word} {alike}/{all}")
            } else {
                word.to_string()
            };
            TableRow {
                cells: vec![
                    Cell::new(sign, role),
                    Cell::new(text, Role::Base),
                    Cell::new(right, role),
                ],
            }
        }
    }
}

/// Sign, word and role of a check's state.
fn mark(app: &App, key: &CheckKey) -> (&'static str, &'static str, Role) {
    let signs = app.look.signs;
    let severity = app
        .run
        .brief
        .procedure
        .check(&key.0)
        .map_or(Severity::Block, |check| check.severity);
    match app.run.checks.get(key) {
        None | Some(CheckState::Waiting) => (signs.spinner(app.now.0), "runs", Role::StepRunning),
        Some(CheckState::Asked) if severity == Severity::Info => (signs.done, "to note", Role::Dim),
        Some(CheckState::Asked) => (signs.gate, "your word", Role::StepWaiting),
        Some(CheckState::Attested { so: true, .. }) => (signs.done, "you said yes", Role::Ok),
        Some(CheckState::Attested { so: false, .. }) => (signs.failed, "you said no", Role::Error),
        Some(CheckState::Waived { .. }) => (signs.skipped, "WAIVED", Role::Warn),
        Some(CheckState::Judged {
            verdict: Verdict::Pass,
            ..
        }) => (signs.done, "passes", Role::Ok),
        Some(CheckState::Judged {
            verdict: Verdict::Unknown,
            ..
        }) => match severity {
            Severity::Block => (signs.unknown, "UNKNOWN, blocks", Role::Error),
            Severity::Warn => (signs.unknown, "UNKNOWN, warns", Role::Warn),
            Severity::Info => (signs.unknown, "unknown", Role::Dim),
        },
        Some(CheckState::Judged {
            verdict: Verdict::Fail,
            ..
        }) => match severity {
            Severity::Block => (signs.failed, "BLOCKS", Role::Error),
            Severity::Warn => (signs.warning, "WARNS", Role::Warn),
            Severity::Info => (signs.warning, "to note", Role::Info),
        },
    }
}

fn detail(app: &App, row: Option<&Row>, area: Rect, buf: &mut Buffer) {
    let (title, columns) = match row {
        Some(Row::Check { key, .. }) => {
            let at = key
                .1
                .as_ref()
                .map_or(String::new(), |node| format!(" on {node}"));
            (
                format!("{}{at}", key.0),
                usize::from(area.width.saturating_sub(5)),
            )
        }
        Some(Row::Section { name, .. }) => {
            (capital(name), usize::from(area.width.saturating_sub(4)))
        }
        None => ("No checks".into(), 1),
    };
    let inner = panel(&app.look, &title, "", false).render(area, buf);
    let room = inset(inner);
    let lines = match row {
        Some(Row::Check { key, .. }) => check_lines(app, key, columns),
        Some(Row::Section { .. }) => wrapped(
            &app.look,
            Role::Dim,
            "Enter folds and unfolds this section.",
            columns,
        ),
        None => Vec::new(),
    };
    TextView::new(&app.look, &lines).render(room, buf);
}

fn check_lines(app: &App, key: &CheckKey, columns: usize) -> Vec<Line<'static>> {
    let look = &app.look;
    let Some(check) = app.run.brief.procedure.check(&key.0) else {
        return Vec::new();
    };
    let (sign, word, role) = mark(app, key);
    let mut lines = wrapped(
        look,
        role,
        &format!("{sign} {word}   {}", full(app, &check.title, key)),
        columns,
    );
    lines.push(Line::default());
    let ran = match &check.kind {
        CheckKind::Script { .. } => "a read-only script on each node (c shows it)",
        CheckKind::Facts { .. } => "nothing: it is held against what the probes saw",
        CheckKind::Attest => "nothing: it needs a human's word",
    };
    lines.extend(labelled(look, "ran", Role::Dim, ran, columns));
    if let CheckKind::Script { passes, .. } | CheckKind::Facts { passes } = &check.kind {
        lines.extend(labelled(
            look,
            "expected",
            Role::Base,
            &passes.to_string(),
            columns,
        ));
    }
    for (label, role, text) in answer(app, key) {
        lines.extend(labelled(look, label, role, &text, columns));
    }
    for (head, text) in [
        ("why it matters", &check.why),
        ("what usually helps", &check.advice),
    ] {
        if !text.is_empty() {
            lines.push(Line::default());
            lines.extend(wrapped(look, Role::Header, head, columns));
            lines.extend(wrapped(look, Role::Base, &full(app, text, key), columns));
        }
    }
    lines.push(Line::default());
    lines.extend(wrapped(look, Role::Dim, keys(app, key, check), columns));
    lines
}

fn answer(app: &App, key: &CheckKey) -> Vec<(&'static str, Role, String)> {
    match app.run.checks.get(key) {
        Some(CheckState::Judged {
            found,
            output,
            verdict,
        }) => {
            let printed: Vec<String> = output
                .iter()
                .map(|(name, value)| format!("{name}={value}"))
                .collect();
            let got = match (printed.is_empty(), found.is_empty()) {
                (false, _) => printed.join("  "),
                // What is wanted stands above already.
                (true, false) if found.starts_with("wanted ") => "it is not so".into(),
                (true, false) => found.clone(),
                (true, true) => "as expected".into(),
            };
            let role = if *verdict == Verdict::Pass {
                Role::Ok
            } else {
                Role::Warn
            };
            vec![("got", role, got)]
        }
        Some(CheckState::Attested { note, by, .. }) => {
            vec![("note", Role::Base, format!("{note}  ({by})"))]
        }
        Some(CheckState::Waived { found, reason, by }) => vec![
            ("got", Role::Warn, found.clone()),
            ("waived", Role::Warn, format!("{reason}  ({by})")),
        ],
        Some(CheckState::Waiting | CheckState::Asked) | None => Vec::new(),
    }
}

fn keys(app: &App, key: &CheckKey, check: &Check) -> &'static str {
    if !is_open(app, key) {
        return "Nothing to do here.";
    }
    match (app.run.checks.get(key), check.severity) {
        (Some(CheckState::Asked | CheckState::Attested { .. }), _) => {
            "Enter  say that it is so, or not, with a note."
        }
        (_, Severity::Block) => "r  run this check again.   A block cannot be waived.",
        (_, Severity::Warn | Severity::Info) => {
            "r  run again.   x  waive it with a reason, which the report prints."
        }
    }
}

/// The exact script of a check, as plain lines.
pub(crate) fn command_lines(app: &App, key: &CheckKey) -> Vec<String> {
    let Some(check) = app.run.brief.procedure.check(&key.0) else {
        return Vec::new();
    };
    match &check.kind {
        CheckKind::Script {
            script,
            passes,
            timeout,
            ..
        } => {
            let mut lines = vec![
                format!("Reads only; limit {timeout}. Passes when: {passes}"),
                String::new(),
            ];
            lines.extend(script.lines().map(str::to_string));
            lines
        }
        CheckKind::Facts { passes } => vec![
            "Nothing is sent. Held against what the probes saw:".into(),
            passes.to_string(),
        ],
        CheckKind::Attest => vec!["Nothing is sent: a human says so.".into()],
    }
}

/// A text of a check with its holes filled in, for the node that the row is about.
fn full(app: &App, text: &str, key: &CheckKey) -> String {
    checks::in_full(&app.run.brief, text, key.1.as_ref())
}

fn capital(name: &str) -> String {
    let mut chars = name.chars();
    match chars.next() {
        Some(first) => first.to_uppercase().collect::<String>() + chars.as_str(),
        None => String::new(),
    }
}
