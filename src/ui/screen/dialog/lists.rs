//! Lists that are about no hold point: ways out and around, the palette, leaving.

use ratatui::text::Line;

use super::super::kit::{line, span, wrapped};
use super::{Dialog, field_line, said_line};
use crate::engine::brief::Goal;
use crate::model::condition::Truth;
use crate::model::ids::BranchId;
use crate::model::procedure::Branch;
use crate::ui::app::App;
use crate::ui::app::modal::Modal;
use crate::ui::keymap::{self, Context, Entry};
use crate::ui::widget::FrameKind;
use crate::ui::{Role, format};

/// One way to leave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LeaveChoice {
    Stay,
    AfterStep,
    Now,
}

/// The ways to leave now, the safe one first, with what each does.
pub(crate) fn leave_choices(app: &App) -> Vec<(LeaveChoice, &'static str, &'static str)> {
    let stay = (LeaveChoice::Stay, "stay", "go back to the screen");
    if app.is_working() {
        vec![
            stay,
            (
                LeaveChoice::AfterStep,
                "leave after this step",
                "its end is waited for, nothing new is started, then you leave",
            ),
            (
                LeaveChoice::Now,
                "leave now",
                "what runs on a node goes on there; resume finds its end and loses no line",
            ),
        ]
    } else {
        vec![stay, (LeaveChoice::Now, "leave", at_rest(app))]
    }
}

/// What leaving means when nothing of ours is under way.
fn at_rest(app: &App) -> &'static str {
    if is_a_look(app) {
        "nothing runs, and nothing was changed on any node"
    } else {
        "nothing runs; the run waits here and can be resumed"
    }
}

/// Nothing but looking was asked for: there is no run to come back to.
fn is_a_look(app: &App) -> bool {
    app.run.brief.goal != Goal::Walk
}

pub(super) fn leave(app: &App, modal: &Modal, columns: usize) -> Dialog {
    let look = &app.look;
    let mut dialog = Dialog::new("Leave?");
    dialog.frame = FrameKind::Heavy;
    dialog.role = Role::GateFrame;
    let working = if app.is_working() {
        "A step is running. Leaving stops nothing on any node."
    } else {
        "Nothing is running on any node."
    };
    dialog
        .lines
        .extend(wrapped(look, Role::Title, working, columns));
    if !app.run.debt_names.is_empty() {
        let owed = format!(
            "Still to be undone before the run is finished: {}.",
            app.run.debt_names.join(", ")
        );
        dialog
            .lines
            .extend(wrapped(look, Role::Warn, &owed, columns));
    }
    dialog.lines.push(Line::default());
    for (at, (_, word, what)) in leave_choices(app).into_iter().enumerate() {
        dialog.lines.extend(choice_lines(
            app,
            at == modal.selected,
            at,
            word,
            what,
            columns,
        ));
    }
    if is_a_look(app) {
        return dialog;
    }
    dialog.lines.push(Line::default());
    let run = app
        .run
        .opening
        .as_ref()
        .map_or("", |opening| opening.run.as_str());
    dialog.lines.extend(wrapped(
        look,
        Role::Dim,
        &format!("Come back with:  holdpoint resume {run}"),
        columns,
    ));
    dialog
}

fn choice_lines(
    app: &App,
    here: bool,
    at: usize,
    word: &str,
    what: &str,
    columns: usize,
) -> Vec<Line<'static>> {
    let look = &app.look;
    let pointer = if here { look.signs.pointer } else { " " };
    let role = if here { Role::Key } else { Role::Base };
    let head = format!("{pointer} {}  {word:<22} ", at + 1);
    let indent = format::width(&head);
    let pieces = format::wrap(what, columns.saturating_sub(indent).max(10));
    let hang = |(row, piece): (usize, String)| {
        let head = if row == 0 {
            head.clone()
        } else {
            " ".repeat(indent)
        };
        Line::from(vec![span(look, role, head), span(look, Role::Base, piece)])
    };
    pieces.into_iter().enumerate().map(hang).collect()
}

/// The ways out and around that the procedure declares.
pub(super) fn what_if(app: &App, modal: &Modal, columns: usize) -> Dialog {
    let look = &app.look;
    let mut dialog = Dialog::new("What if ...   (nothing runs from here)");
    let branches = &app.run.brief.procedure.branches;
    for (at, branch) in branches.iter().enumerate() {
        let here = at == modal.selected;
        let pointer = if here { look.signs.pointer } else { " " };
        let role = if here { Role::Key } else { Role::Base };
        let (word_role, word) = allowed(app, branch);
        let room = columns.saturating_sub(16);
        let title = format::pad(&branch.title, room, look.signs);
        dialog.lines.push(line(
            look,
            &[(role, &format!("{pointer} {title} ")), (word_role, word)],
        ));
    }
    if branches.is_empty() {
        dialog.lines.push(line(
            look,
            &[(Role::Dim, "The procedure declares no ways around.")],
        ));
    }
    dialog.focus = Some(modal.selected);
    let about = branches
        .get(modal.selected)
        .map(|branch| branch.about.clone())
        .unwrap_or_default();
    dialog.fixed.push(Line::default());
    dialog.fixed.extend(
        wrapped(look, Role::Dim, &about, columns)
            .into_iter()
            .take(5),
    );
    dialog.bottom = "Enter reads it   Esc closes".into();
    dialog
}

/// Whether a way is open now, as the engine's facts say.
fn allowed(app: &App, branch: &Branch) -> (Role, &'static str) {
    let Some(when) = &branch.when else {
        return match branch.said {
            Some(_) => (Role::Warn, "if you say"),
            None => (Role::Ok, "open now"),
        };
    };
    match app.run.facts.holds(when, None, &app.run.view()) {
        Truth::Yes => (Role::Ok, "open now"),
        Truth::No if branch.said.is_some() => (Role::Warn, "if you say"),
        Truth::No => (Role::Dim, "not now"),
        Truth::Unknown(_) => (Role::Warn, "unknown"),
    }
}

pub(super) fn branch(app: &App, modal: &Modal, id: &BranchId, columns: usize) -> Dialog {
    let look = &app.look;
    let Some(branch) = app
        .run
        .brief
        .procedure
        .branches
        .iter()
        .find(|branch| branch.id == *id)
    else {
        return Dialog::new("What if ...");
    };
    let mut dialog = Dialog::new(format!("What if: {}", branch.title));
    dialog
        .lines
        .extend(wrapped(look, Role::Base, &branch.about, columns));
    if let Some(when) = &branch.when {
        let (role, word) = allowed(app, branch);
        dialog
            .lines
            .extend(wrapped(look, role, &format!("{word}: {when}"), columns));
    }
    if let Some(said) = &branch.said {
        let said = format!("Or you say that it happened: {said}");
        let said = wrapped(look, Role::Base, &said, columns);
        dialog.lines.extend(said);
    }
    if branch.way_back {
        dialog.lines.extend(wrapped(
            look,
            Role::Warn,
            "This is the way back: the rest of the plan is given up.",
            columns,
        ));
    }
    dialog.lines.push(line(
        look,
        &[(
            Role::Header,
            "its steps, each with its own gate where it changes something",
        )],
    ));
    for (at, step) in branch.steps.iter().enumerate() {
        let text = format!(
            "{:>3}  {}  ~{}",
            at + 1,
            step.title,
            format::duration_coarse(step.typical.0)
        );
        dialog
            .lines
            .extend(wrapped(look, Role::Base, &text, columns));
    }
    dialog.fixed = vec![
        Line::default(),
        field_line(
            look,
            "reason",
            &modal.field,
            Role::Field,
            columns,
            (Role::Dim, "Enter takes it"),
        ),
        said_line(
            look,
            modal,
            "The reason is journalled and reported. Esc goes back; nothing is done.",
        ),
    ];
    dialog
}

/// Commands whose name or help holds what was typed.
pub(crate) fn palette_entries(app: &App, of: Context, typed: &str) -> Vec<Entry> {
    let typed = typed.to_lowercase();
    let wanted = |entry: &Entry| {
        typed.is_empty()
            || entry.label.to_lowercase().contains(&typed)
            || entry.help.to_lowercase().contains(&typed)
    };
    keymap::palette(of, app.moment())
        .into_iter()
        .filter(wanted)
        .collect()
}

pub(super) fn palette(app: &App, modal: &Modal, of: Context, columns: usize) -> Dialog {
    let look = &app.look;
    let mut dialog = Dialog::new("Commands");
    for (at, entry) in palette_entries(app, of, modal.field.text())
        .into_iter()
        .enumerate()
    {
        let here = at == modal.selected;
        let pointer = if here { look.signs.pointer } else { " " };
        let role = match (here, entry.off) {
            (true, _) => Role::Key,
            (false, None) => Role::Base,
            (false, Some(_)) => Role::Dim,
        };
        let head = format!("{pointer} {:<18} {:<14} ", entry.label, entry.keys);
        let room = columns.saturating_sub(format::width(&head));
        let (why_role, why) = match entry.off {
            Some(why) => (Role::Warn, format!("not now: {why}")),
            None => (Role::Dim, entry.help.to_string()),
        };
        dialog.lines.push(line(
            look,
            &[
                (role, &head),
                (why_role, &format::clip(&why, room, look.signs)),
            ],
        ));
    }
    dialog.focus = Some(modal.selected);
    dialog.fixed = vec![
        Line::default(),
        field_line(
            look,
            "filter",
            &modal.field,
            Role::Field,
            columns,
            (Role::Dim, "Enter does it"),
        ),
    ];
    dialog
}
