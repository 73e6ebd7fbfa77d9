//! A gate: what will happen, where, how to undo it, what is so now, and the phrase that opens it.

use ratatui::text::Line;

use super::super::kit::{labelled, line, span, wrapped};
use super::{Dialog, field_line, said_line};
use crate::engine::hold::{Expect, Hold, HoldKind};
use crate::engine::plan::{Action, Stage, Work};
use crate::engine::window;
use crate::model::procedure::UploadSpec;
use crate::ui::app::App;
use crate::ui::app::modal::{HoldKey, Modal};
use crate::ui::widget::FrameKind;
use crate::ui::{Role, format};

pub(super) fn content(app: &App, modal: &Modal, id: &str, columns: usize) -> Dialog {
    let key = HoldKey {
        kind: HoldKind::Gate,
        id: id.to_string(),
    };
    let mut dialog = Dialog::new(title(app, id));
    dialog.frame = FrameKind::Double;
    dialog.role = Role::GateFrame;
    dialog.bottom = "who, when and which plan is journalled before anything is sent".into();
    match app.hold(&key) {
        Some(hold) => {
            dialog.lines = lines(app, hold, columns);
            dialog.fixed = fixed(app, modal, hold, columns);
        }
        None => dialog.lines = closed(app, columns),
    }
    dialog
}

fn title(app: &App, id: &str) -> String {
    let rehearsal = if app.is_rehearsal() {
        "REHEARSAL  "
    } else {
        ""
    };
    let one_way = stage(app, id).is_some_and(|stage| stage.point_of_no_return.is_some());
    let mark = if one_way {
        format!("   {} ONE-WAY", app.look.signs.one_way)
    } else {
        String::new()
    };
    match id {
        "plan" => format!("{rehearsal}APPROVE THE PLAN"),
        id => format!("{rehearsal}GATE {id}{mark}"),
    }
}

fn stage<'a>(app: &'a App, id: &str) -> Option<&'a Stage> {
    let stage = app.run.stage().map(|stage| &*stage.stage)?;
    stage
        .gate
        .as_ref()
        .is_some_and(|gate| gate.id.as_str() == id)
        .then_some(stage)
}

/// The gate is shut for now: what is known is read again, or has changed.
fn closed(app: &App, columns: usize) -> Vec<Line<'static>> {
    let look = &app.look;
    let said = app.run.gate.as_ref().and_then(|gate| gate.said.clone());
    let mut lines = Vec::new();
    if let Some(said) = said {
        lines.extend(wrapped(look, Role::Warn, &said, columns));
    }
    let text = format!(
        "{} What it depends on is being read again. It asks when every node has answered.",
        look.signs.spinner(app.now.0)
    );
    lines.extend(wrapped(look, Role::StepRunning, &text, columns));
    lines
}

fn lines(app: &App, hold: &Hold, columns: usize) -> Vec<Line<'static>> {
    let look = &app.look;
    let mut lines: Vec<Line<'static>> = Vec::new();
    let (now, told): (Vec<&String>, Vec<&String>) =
        hold.text.iter().partition(|text| text.starts_with("now "));
    for (at, text) in told.iter().enumerate() {
        let role = match at {
            0 => Role::Title,
            _ if text.starts_with("NO SIMPLE WAY BACK") => Role::ChangeOneWay,
            _ => Role::Base,
        };
        lines.extend(wrapped(look, role, text, columns));
    }
    let stage = stage(app, &hold.id);
    if let Some(stage) = stage {
        lines.extend(labelled(
            look,
            "runs on",
            Role::Base,
            &accounts(app, stage),
            columns,
        ));
    }
    if hold.id != "plan"
        && let Some(time) = time(app)
    {
        lines.extend(labelled(look, "time", Role::Base, &time, columns));
    }
    if !now.is_empty() {
        lines.push(line(look, &[(Role::Header, "seen just now")]));
        for text in now {
            let (node, facts) = text["now ".len()..].split_once(": ").unwrap_or((text, ""));
            lines.extend(labelled(
                look,
                &format::clip(node, 9, look.signs),
                Role::Base,
                facts,
                columns,
            ));
        }
    }
    if let Some(action) = stage.and_then(|stage| stage.actions.first()) {
        lines.extend(script(app, action, columns));
    }
    lines
}

/// Where it runs, and as whom.
fn accounts(app: &App, stage: &Stage) -> String {
    let of = |action: &Action| {
        let node = action.node.as_ref()?;
        let user = app
            .run
            .nodes
            .get(node)
            .map(|node| node.user.as_str())
            .unwrap_or_default();
        let r#become = app
            .run
            .brief
            .cluster
            .node(node)
            .and_then(|node| node.ssh.r#become.as_ref());
        Some(match r#become {
            Some(other) => format!("{node} (as {user}, then {})", other.user),
            None => format!("{node} (as {user})"),
        })
    };
    let all: Vec<String> = stage.actions.iter().filter_map(of).collect();
    if all.len() > 6 {
        format!("{} and {} more", all[..6].join(", "), all.len() - 6)
    } else if all.is_empty() {
        "the cluster, once".into()
    } else {
        all.join(", ")
    }
}

fn time(app: &App) -> Option<String> {
    let outlook = window::outlook(&app.run);
    let by = outlook.turn_back_by?;
    Some(match by.since(app.now).0 {
        0 => "the turn-back time has passed".into(),
        left => format!(
            "turn back within {}; work left {}",
            format::duration_coarse(left),
            format::duration_coarse(outlook.work_left.0)
        ),
    })
}

/// What is sent, byte for byte, below everything else.
fn script(app: &App, action: &Action, columns: usize) -> Vec<Line<'static>> {
    let look = &app.look;
    let on = action
        .node
        .as_ref()
        .map_or(String::new(), |node| format!(" to {node}"));
    let script = match &action.work {
        Work::Change { script, .. } | Work::Read { script, .. } => script,
        Work::Upload(file) => return upload(app, file, &on, columns),
        Work::Manual { .. } | Work::Attest { .. } | Work::Wait { .. } | Work::Decide { .. } => {
            return Vec::new();
        }
    };
    let mut lines = vec![line(
        look,
        &[(Role::Header, &format!("sent{on}, byte for byte"))],
    )];
    for text in script.text.lines() {
        lines.extend(wrapped(look, Role::LogCmd, text, columns));
    }
    lines
}

/// Which file is sent, and where it goes.
fn upload(app: &App, file: &UploadSpec, on: &str, columns: usize) -> Vec<Line<'static>> {
    let look = &app.look;
    let mut lines = vec![line(look, &[(Role::Header, &format!("sent{on}, a file"))])];
    let sum = file.sha256.as_deref();
    for (label, text) in [
        ("from", file.from.as_str()),
        ("to", file.to.as_str()),
        (
            "SHA-256",
            sum.unwrap_or("none is declared; both ends are compared with each other"),
        ),
    ] {
        lines.extend(labelled(look, label, Role::LogCmd, text, columns));
    }
    lines
}

fn fixed(app: &App, modal: &Modal, hold: &Hold, columns: usize) -> Vec<Line<'static>> {
    let look = &app.look;
    let Expect::Type(phrase) = &hold.expect else {
        return Vec::new();
    };
    let typed = modal.field.text();
    // Only how it looks; whether the gate opens is judged where the run is.
    let (role, word) = match (typed.is_empty(), typed == phrase, phrase.starts_with(typed)) {
        (true, _, _) => (Role::GateField, "type it"),
        (false, true, _) => (Role::GateMatch, "complete: Enter"),
        (false, false, true) => (Role::GateField, "keep typing"),
        (false, false, false) => (Role::GateMismatch, "differs"),
    };
    let word_role = if role == Role::GateField {
        Role::Dim
    } else {
        role
    };
    vec![
        Line::default(),
        Line::from(vec![
            span(look, Role::Dim, "type  "),
            span(look, Role::GateTarget, phrase.clone()),
        ]),
        field_line(
            look,
            "here ",
            &modal.field,
            role,
            columns,
            (word_role, &format!("{word:<15}")),
        ),
        said_line(
            look,
            modal,
            "No pasting. Up and Down scroll. Esc: not now; nothing is undone.",
        ),
    ]
}
