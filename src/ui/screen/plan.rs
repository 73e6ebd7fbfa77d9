//! The plan under review: every step in order with what it changes, and each in full.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::Line;

use super::execute::lines;
use super::kit::{
    inset, labelled, node_list, panel, put_parts, split_left, split_top, text_columns, wrapped,
};
use crate::engine::plan::{Action, PlannedUndo, Stage, Work};
use crate::engine::window;
use crate::model::ids::NodeId;
use crate::model::procedure::Again;
use crate::ui::app::App;
use crate::ui::widget::{Cell, Column, Table, TableRow, TextView};
use crate::ui::{Look, Role, format};

/// Draws the table, the selected step in full, and whether it fits the window.
pub(super) fn draw(app: &App, area: Rect, buf: &mut Buffer) {
    let framed = area.height >= 24;
    let (main, fit) = split_top(area, area.height.saturating_sub(if framed { 4 } else { 2 }));
    let fit = if framed {
        panel(&app.look, "Will it fit?", "", false).render(fit, buf)
    } else {
        fit
    };
    fit_lines(app, fit, buf);
    if main.width >= 100 {
        let (left, right) = split_left(main, main.width * 3 / 5);
        table(app, left, buf);
        detail(app, right, buf);
    } else {
        let (top, bottom) = split_top(main, main.height * 3 / 5);
        table(app, top, buf);
        detail(app, bottom, buf);
    }
}

fn table(app: &App, area: Rect, buf: &mut Buffer) {
    let hash = app.run.plan_hash.as_deref().unwrap_or_default();
    let remark = format!("plan {}", &hash[..hash.len().min(6)]);
    let title = format!("Plan  {} steps", app.run.stages.len());
    let inner = panel(&app.look, &title, &remark, true).render(area, buf);
    let rows: Vec<TableRow> = app
        .run
        .stages
        .iter()
        .enumerate()
        .map(|(at, stage)| row(app, at, &stage.stage))
        .collect();
    let nodes = widest(&rows, 3).clamp(5, 14);
    let columns = [
        Column::new("", 1),
        Column::new("#", 3).right(),
        Column::new("STEP", 20).grow(1),
        Column::new("NODES", nodes),
        Column::new("CHANGES", 13).drop(1),
        Column::new("TIME", 5).right(),
    ];
    Table::new(&app.look, &columns, &rows)
        .selected(Some(app.views.plan))
        .render(inset(inner), buf);
}

fn widest(rows: &[TableRow], at: usize) -> u16 {
    let widest = rows
        .iter()
        .filter_map(|row| row.cells.get(at))
        .map(|cell| format::width(&cell.text))
        .max();
    u16::try_from(widest.unwrap_or(0)).unwrap_or(u16::MAX)
}

fn row(app: &App, at: usize, stage: &Stage) -> TableRow {
    let signs = app.look.signs;
    let gate = if stage.gate.is_some() { signs.gate } else { "" };
    let nodes: Vec<&NodeId> = stage
        .actions
        .iter()
        .filter_map(|action| action.node.as_ref())
        .collect();
    let (mark, word, role) = change_mark(&app.look, stage);
    let so = !stage.actions.is_empty() && stage.actions.iter().all(|action| action.already_so);
    let time = if so {
        "so".into()
    } else {
        format::duration_coarse(stage.typical.0)
    };
    TableRow {
        cells: vec![
            Cell::new(gate, Role::StepWaiting),
            Cell::new((at + 1).to_string(), Role::Dim),
            Cell::new(stage.title.clone(), Role::Base),
            Cell::new(node_list(&nodes, app.run.nodes.len()), Role::Dim),
            Cell::new(format!("{mark} {word}"), role),
            Cell::new(time, Role::Dim),
        ],
    }
}

/// What a stage does to its nodes.
pub(super) fn change_mark(look: &Look, stage: &Stage) -> (&'static str, &'static str, Role) {
    let signs = look.signs;
    let asks = stage.actions.iter().any(|action| match action.work {
        Work::Manual { .. } | Work::Attest { .. } | Work::Decide { .. } => true,
        Work::Change { .. } | Work::Upload(_) | Work::Read { .. } | Work::Wait { .. } => false,
    });
    let undo = stage.actions.iter().any(|action| action.undo.is_some());
    match (stage.changes(), stage.point_of_no_return.is_some(), undo) {
        (true, true, _) => (signs.one_way, "one-way", Role::ChangeOneWay),
        (true, false, true) => (signs.reversible, "reversible", Role::ChangeReversible),
        (true, false, false) => (signs.rollback, "needs backup", Role::ChangeRollback),
        (false, _, _) if asks => (signs.gate, "you", Role::StepWaiting),
        (false, _, _) => (signs.read_only, "read only", Role::ChangeReadOnly),
    }
}

fn detail(app: &App, area: Rect, buf: &mut Buffer) {
    let Some(stage) = app.run.stages.get(app.views.plan) else {
        panel(&app.look, "No plan yet", "", false).render(area, buf);
        return;
    };
    let title = format!("{}  {}", app.views.plan + 1, stage.stage.title);
    let inner = panel(&app.look, &title, "PgDn more", false).render(area, buf);
    let room = inset(inner);
    let lines = detail_lines(app, &stage.stage, text_columns(room));
    TextView::new(&app.look, &lines)
        .scroll(app.views.plan_scroll)
        .render(room, buf);
}

fn detail_lines(app: &App, stage: &Stage, columns: usize) -> Vec<Line<'static>> {
    let look = &app.look;
    let mut lines = Vec::new();
    for (label, text, role) in facts(stage) {
        lines.extend(labelled(look, label, role, &text, columns));
    }
    if let Some(action) = stage.actions.first() {
        lines.push(Line::default());
        for (at, text) in script_lines(action).into_iter().enumerate() {
            let role = if at == 0 { Role::Header } else { Role::Base };
            lines.extend(wrapped(look, role, &text, columns));
        }
    }
    lines
}

/// A stage in words: where, what, why there, what is proved, how to undo it.
fn facts(stage: &Stage) -> Vec<(&'static str, String, Role)> {
    let nodes: Vec<&NodeId> = stage
        .actions
        .iter()
        .filter_map(|action| action.node.as_ref())
        .collect();
    let on: Vec<&str> = nodes.iter().map(|node| node.as_str()).collect();
    let mut facts = vec![(
        "on",
        if on.is_empty() {
            "the cluster, once".into()
        } else {
            on.join(", ")
        },
        Role::Base,
    )];
    if let Some(gate) = &stage.gate {
        facts.push((
            "gate",
            format!("you type: {} ...", gate.verb),
            Role::StepWaiting,
        ));
    }
    if let Some(text) = &stage.consequence {
        facts.push(("users", text.clone(), Role::Warn));
    }
    if let Some(text) = &stage.point_of_no_return {
        facts.push(("ONE-WAY", text.clone(), Role::ChangeOneWay));
    }
    if let Some(requires) = &stage.requires {
        facts.push(("needs", requires.to_string(), Role::Base));
    }
    let proves = stage.actions.first().map(proves).unwrap_or_default();
    if !proves.is_empty() {
        facts.push(("proves", proves, Role::Base));
    }
    facts.push(("if lost", again_words(stage.again).into(), Role::Base));
    facts.push(("undo", undo_words(stage), Role::Base));
    facts.push((
        "time",
        format!(
            "usually {}, held after {}, never killed",
            stage.typical, stage.timeout
        ),
        Role::Base,
    ));
    facts.push(("stands", stage.waits_for.clone(), Role::Dim));
    facts
}

fn proves(action: &Action) -> String {
    let pairs: Vec<String> = action
        .then
        .iter()
        .map(|(fact, value)| format!("{fact} = {value}"))
        .collect();
    pairs.join(", ")
}

fn again_words(again: Again) -> &'static str {
    match again {
        Again::Safe => "looked at again; declared safe to repeat",
        Again::VerifyFirst => "looked at again; never sent twice blindly",
        Again::Never => "looked at again; never sent a second time by us",
    }
}

fn undo_words(stage: &Stage) -> String {
    match stage.actions.iter().find_map(|action| action.undo.as_ref()) {
        Some(PlannedUndo::Script { .. }) => "a declared script, behind a gate of its own".into(),
        Some(PlannedUndo::Manual { instructions, .. }) => format!(
            "by hand: {}",
            instructions.lines().next().unwrap_or_default()
        ),
        None => "nothing is declared for this step alone".into(),
    }
}

/// What is sent, byte for byte, or what a human is asked.
fn script_lines(action: &Action) -> Vec<String> {
    let (head, text) = match &action.work {
        Work::Change { script, .. } => (
            "this is sent, and it CHANGES the node:".to_string(),
            script.text.clone(),
        ),
        Work::Upload(upload) => (
            "this file is put on the node:".into(),
            format!("{}\nas {}", upload.from, upload.to),
        ),
        Work::Read { script, .. } => ("this is sent; it only reads:".into(), script.text.clone()),
        Work::Manual { instructions } => ("you do this:".into(), instructions.clone()),
        Work::Attest { instructions } => ("you say that it is so:".into(), instructions.clone()),
        Work::Wait { until } => (
            "nothing is sent; it waits until:".into(),
            until
                .as_ref()
                .map_or("its postcondition is observed".into(), ToString::to_string),
        ),
        Work::Decide { question, options } => {
            let options: Vec<String> = options
                .iter()
                .map(|choice| format!("{}: {}", choice.id, choice.title))
                .collect();
            (
                "you decide:".into(),
                format!("{question}\n{}", options.join("\n")),
            )
        }
    };
    let on = action
        .node
        .as_ref()
        .map_or(String::new(), |node| format!("on {node}, "));
    let mut lines = vec![format!("{on}{head}")];
    lines.extend(text.lines().map(str::to_string));
    lines
}

/// A stage in full, as plain lines.
pub(crate) fn stage_lines(stage: &Stage) -> Vec<String> {
    let mut lines: Vec<String> = facts(stage)
        .into_iter()
        .map(|(label, text, _)| format!("{label:<10}{text}"))
        .collect();
    for action in stage.actions.iter().take(1) {
        lines.push(String::new());
        lines.extend(script_lines(action));
    }
    if stage.actions.len() > 1 {
        lines.push(String::new());
        lines.push(format!(
            "The same on {} more, with their own values.",
            format::plural(stage.actions.len() as u64 - 1, "node", "nodes")
        ));
    }
    lines
}

/// A node in full, as plain lines: how it is reached, and every fact with its time.
pub(crate) fn node_lines(app: &App, node: &NodeId) -> Vec<String> {
    let mut lines = Vec::new();
    if let Some(known) = app.run.brief.cluster.node(node) {
        let port = known
            .ssh
            .port
            .map_or(String::new(), |port| format!(":{port}"));
        lines.push(format!("address   {}{port}", known.host));
    }
    if let Some(state) = app.run.nodes.get(node) {
        lines.push(format!(
            "login     {}",
            if state.user.is_empty() {
                "unknown"
            } else {
                &state.user
            }
        ));
        if let Some(key) = &state.host_key {
            lines.push(format!("host key  {} {}", key.algorithm, key.fingerprint));
        }
    }
    lines.push(String::new());
    if let Some(facts) = app.run.facts.node(node) {
        if let Some(why) = facts.dark() {
            lines.push(format!(
                "OUT OF SIGHT: {why}. What stands below was seen before."
            ));
        }
        lines.extend(facts.known().iter().map(|(fact, known)| {
            format!(
                "{:<12}{}  since {}",
                fact.as_str(),
                known.value,
                known.since
            )
        }));
        let unknown = app
            .run
            .brief
            .procedure
            .facts
            .keys()
            .filter(|fact| !facts.known().contains_key(*fact));
        lines.extend(unknown.map(|fact| format!("{:<12}unknown", fact.as_str())));
    }
    lines
}

/// Whether it fits the window.
fn fit_lines(app: &App, area: Rect, buf: &mut Buffer) {
    let (first, second) = split_top(area, 1);
    lines::time(app, first, buf);
    let outlook = window::outlook(&app.run);
    let gates = app
        .run
        .stages
        .iter()
        .filter(|stage| stage.stage.gate.is_some())
        .count();
    let one_way = app
        .run
        .stages
        .iter()
        .filter(|stage| stage.stage.point_of_no_return.is_some())
        .count();
    let text = format!(
        " {} of usual work, {}, {}. Usual times are no promise.",
        format::duration_coarse(outlook.work_all.0),
        format::plural(gates as u64, "gate", "gates"),
        format::plural(one_way as u64, "one-way step", "one-way steps")
    );
    put_parts(
        &app.look,
        second,
        buf,
        second.x,
        second.y,
        &[(Role::Dim, text)],
    );
}
