//! The node grid: what is known of each node, how old it is, and what the node does now.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::super::kit::panel;
use crate::engine::event::Doubt;
use crate::engine::state::{ActionState, FRESH, RunState};
use crate::engine::summary;
use crate::model::ids::{FactId, NodeId};
use crate::model::procedure::FactKind;
use crate::ui::app::App;
use crate::ui::app::view::Pane;
use crate::ui::widget::{Cell, Column, Table, TableRow, put};
use crate::ui::{Role, format};

/// From so many nodes on alike ones are shown as groups.
const MANY: usize = 16;

/// Facts that have columns of their own where a procedure declares them.
const NAMED: [&str; 3] = ["service", "version", "sync"];

/// One row of the grid.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum GridRow {
    Node(NodeId),
    /// Nodes that look alike and do the same.
    Group {
        key: String,
        nodes: Vec<NodeId>,
    },
}

/// The rows: every node, or groups of alike ones; what works or is in trouble always stands alone, first.
pub(crate) fn rows(app: &App) -> Vec<GridRow> {
    let all: Vec<&NodeId> = app.run.nodes.keys().collect();
    if all.len() <= MANY {
        return all.into_iter().cloned().map(GridRow::Node).collect();
    }
    let mut alone = Vec::new();
    let mut groups: std::collections::BTreeMap<String, Vec<NodeId>> =
        std::collections::BTreeMap::new();
    for node in all {
        if stands_out(&app.run, node) {
            alone.push(GridRow::Node(node.clone()));
        } else {
            groups
                .entry(alike(app, node))
                .or_default()
                .push(node.clone());
        }
    }
    for (key, nodes) in groups {
        // One alone has a name.
        if let [node] = nodes.as_slice() {
            alone.push(GridRow::Node(node.clone()));
            continue;
        }
        let opened = app.views.execute.opened.contains(&key);
        alone.push(GridRow::Group {
            key,
            nodes: nodes.clone(),
        });
        if opened {
            alone.extend(nodes.into_iter().map(GridRow::Node));
        }
    }
    alone
}

fn stands_out(run: &RunState, node: &NodeId) -> bool {
    let dark = run
        .facts
        .node(node)
        .is_some_and(|facts| facts.dark().is_some());
    let active = |id: &crate::model::ids::ActionId| {
        run.actions
            .get(id)
            .is_some_and(|record| record.action().node.as_ref() == Some(node))
    };
    dark || run.active.iter().any(active) || run.resurrected.keys().any(|(at, _)| at == node)
}

fn alike(app: &App, node: &NodeId) -> String {
    let facts: Vec<String> = fact_columns(&app.run)
        .iter()
        .map(|fact| fact_cell(app, node, fact).text.trim().to_string())
        .collect();
    // The primary among many is one of its own: the row of a group tells one role for all in it.
    let role = role_word(&app.run, node);
    format!("{role}, {}, {}", facts.join(", "), now(app, node).text)
}

/// The facts that the grid shows: the well-known ones where they are declared, then others.
pub(crate) fn fact_columns(run: &RunState) -> Vec<FactId> {
    let declared = &run.brief.procedure.facts;
    let named = NAMED
        .iter()
        .map(FactId::new)
        .filter(|fact| declared.contains_key(fact));
    let mut columns: Vec<FactId> = named.collect();
    let short = |fact: &&FactId| match declared[*fact].kind {
        FactKind::Values(_) | FactKind::Version | FactKind::Bool | FactKind::Number => true,
        FactKind::Text => false,
    };
    let told_as_role = |fact: &&FactId| matches!(fact.as_str(), "role" | "primary");
    let others = declared
        .keys()
        .filter(short)
        .filter(|fact| !told_as_role(fact));
    for fact in others {
        if columns.len() < 3 && !columns.contains(fact) {
            columns.push(fact.clone());
        }
    }
    columns
}

/// Draws the grid with its counts below.
pub(super) fn draw(app: &App, area: Rect, buf: &mut Buffer) {
    let view = &app.views.execute;
    let focus = view.pane == Pane::Nodes;
    let inner = panel(&app.look, "Nodes", "2", focus).render(area, buf);
    let (table_area, counts_area) = {
        let below = u16::from(inner.height > 3);
        super::super::kit::split_top(inner, inner.height.saturating_sub(below))
    };
    let rows = rows(app);
    let facts = fact_columns(&app.run);
    let table: Vec<TableRow> = rows.iter().map(|row| table_row(app, row, &facts)).collect();
    let columns = columns(&table, &facts);
    let selected = focus.then_some(view.node.min(rows.len().saturating_sub(1)));
    let room = Rect {
        x: table_area.x + 1,
        width: table_area.width.saturating_sub(2),
        ..table_area
    };
    let headers: Vec<String> = facts
        .iter()
        .map(|fact| fact.as_str().to_uppercase())
        .collect();
    let columns: Vec<Column<'_>> = columns
        .into_iter()
        .enumerate()
        .map(
            |(at, column)| match at.checked_sub(2).and_then(|fact| headers.get(fact)) {
                Some(header) => Column { header, ..column },
                None => column,
            },
        )
        .collect();
    Table::new(&app.look, &columns, &table)
        .selected(selected)
        .render(room, buf);
    put(
        buf,
        counts_area,
        counts_area.x + 1,
        counts_area.y,
        &counts(&app.run),
        app.look.style(Role::Dim),
        app.look.signs,
    );
}

/// Wide enough for what stands in them; the words of NOW get what is left.
fn columns(rows: &[TableRow], facts: &[FactId]) -> Vec<Column<'static>> {
    let wide = |at: usize, least: usize, most: usize| {
        let widest = rows
            .iter()
            .filter_map(|row| row.cells.get(at))
            .map(|cell| format::width(&cell.text))
            .max()
            .unwrap_or(0);
        u16::try_from(widest.clamp(least, most)).unwrap_or(u16::MAX)
    };
    let mut columns = vec![
        Column::new("NODE", wide(0, 4, 14)),
        Column::new("ROLE", wide(1, 4, 10)).drop(1),
    ];
    columns.extend(
        (0..facts.len()).map(|at| Column::new("", wide(at + 2, facts[at].as_str().len(), 18))),
    );
    columns.push(Column::new("NOW", 18).grow(1));
    columns.push(Column::new("SEEN", 5).right());
    columns
}

fn table_row(app: &App, row: &GridRow, facts: &[FactId]) -> TableRow {
    let (first, node) = match row {
        GridRow::Node(node) => (Cell::new(node.to_string(), name_role(app, node)), node),
        GridRow::Group { key, nodes } => {
            let signs = app.look.signs;
            let sign = if app.views.execute.opened.contains(key) {
                signs.unfolded
            } else {
                signs.folded
            };
            let Some(first) = nodes.first() else {
                return TableRow::default();
            };
            (
                Cell::new(format!("{sign} {} nodes", nodes.len()), Role::Base),
                first,
            )
        }
    };
    let mut cells = vec![first, Cell::new(role_word(&app.run, node), Role::Dim)];
    cells.extend(facts.iter().map(|fact| fact_cell(app, node, fact)));
    cells.push(now(app, node));
    cells.push(seen(app, node));
    TableRow { cells }
}

fn name_role(app: &App, node: &NodeId) -> Role {
    if stands_out(&app.run, node) {
        Role::Title
    } else {
        Role::Base
    }
}

/// What part the node plays: as it is observed, else as the cluster file says.
fn role_word(run: &RunState, node: &NodeId) -> String {
    let facts = run.facts.node(node);
    let told = |fact: &str| {
        facts
            .and_then(|facts| facts.get(&FactId::new(fact)))
            .map(ToString::to_string)
    };
    if let Some(role) = told("role").filter(|role| role != "none") {
        return role;
    }
    if told("primary").as_deref() == Some("true") {
        return "primary".into();
    }
    let roles = run.brief.cluster.node(node).map(|node| &node.roles);
    roles
        .into_iter()
        .flatten()
        .map(|role| role.as_str())
        .collect::<Vec<_>>()
        .join(",")
}

/// A fact as sign and word. The done sign: this run made it so, and it is so.
fn fact_cell(app: &App, node: &NodeId, fact: &FactId) -> Cell {
    let (run, signs) = (&app.run, app.look.signs);
    let Some(facts) = run.facts.node(node) else {
        return Cell::new(format!("{} unknown", signs.unknown), Role::NodeUnknown);
    };
    let Some(last) = facts.last(fact) else {
        return Cell::new(format!("{} unknown", signs.unknown), Role::NodeUnknown);
    };
    let value = last.value.to_string();
    let key = (node.clone(), fact.clone());
    if run.resurrected.contains_key(&key) {
        return Cell::new(format!("{} {value}", signs.failed), Role::NodeFailed);
    }
    if facts.dark().is_some() {
        return Cell::new(format!("{} was {value}", signs.unknown), Role::NodeStale);
    }
    let ours = run
        .established
        .get(&key)
        .is_some_and(|(wanted, _)| *wanted == last.value);
    let at_target = value == run.brief.cluster.target;
    // Made so by us, but only on the way to something: not a thing to tick off.
    let sign = match (value.as_str(), ours || at_target) {
        ("pending", _) => signs.waits,
        ("partial" | "none" | "down", _) | (_, false) => " ",
        (_, true) => signs.done,
    };
    Cell::new(
        format!("{sign} {value}"),
        value_role(&value, ours, at_target),
    )
}

fn value_role(value: &str, ours: bool, at_target: bool) -> Role {
    match value {
        _ if at_target => Role::NodeUpgraded,
        "running" => Role::NodeRunning,
        "partial" => Role::NodeStale,
        "stopped" => Role::NodeStopped,
        "synced" if ours => Role::NodeSynced,
        "pending" => Role::NodeSyncing,
        "updating" => Role::NodeUpgrading,
        _ => Role::Base,
    }
}

/// What the node does now. Words that must not be overlooked stand in capitals.
fn now(app: &App, node: &NodeId) -> Cell {
    let (run, signs) = (&app.run, app.look.signs);
    if let Some((_, fact)) = run.resurrected.keys().find(|(at, _)| at == node) {
        return Cell::new(
            format!("{} RESURRECTED: {fact}", signs.failed),
            Role::NodeFailed,
        );
    }
    let words = summary::now_of(run, node);
    let active = run
        .active
        .iter()
        .filter_map(|id| run.actions.get(id))
        .find(|record| record.action().node.as_ref() == Some(node));
    let dark = run
        .facts
        .node(node)
        .is_some_and(|facts| facts.dark().is_some());
    let Some(record) = active else {
        let role = if dark { Role::NodeLost } else { Role::Dim };
        return Cell::new(words, role);
    };
    match &record.state {
        ActionState::Running { since, .. } => {
            let spinner = signs.spinner(app.now.0);
            let time = format::stopwatch(app.now.since(*since).0);
            Cell::new(format!("{spinner} {time} {words}"), Role::StepRunning)
        }
        ActionState::Verifying { .. } => Cell::new(
            format!("{} {words}", signs.spinner(app.now.0)),
            Role::StepRunning,
        ),
        ActionState::InDoubt {
            doubt: Doubt::Rebooting { .. },
            ..
        } => Cell::new(
            format!("{} reboots: {words}", signs.spinner(app.now.0)),
            Role::StepRunning,
        ),
        ActionState::InDoubt { .. } => Cell::new(
            format!("{} IN DOUBT: {}", signs.unknown, record.stage.title),
            Role::NodeStale,
        ),
        ActionState::Failed { .. } => {
            Cell::new(format!("{} {words}", signs.failed), Role::NodeFailed)
        }
        ActionState::Asked { .. } => {
            Cell::new(format!("{} {words}", signs.gate), Role::StepWaiting)
        }
        ActionState::Pending | ActionState::Done { .. } | ActionState::NotRun { .. } => {
            Cell::new(words, Role::Base)
        }
    }
}

fn seen(app: &App, node: &NodeId) -> Cell {
    match app.run.age(node, app.now) {
        Some(age) if age <= FRESH => Cell::new(format::age(age.0), Role::Dim),
        Some(age) => Cell::new(format::age(age.0), Role::NodeStale),
        None => Cell::new("never", Role::NodeUnknown),
    }
}

/// How many nodes are where, over the well-known facts.
fn counts(run: &RunState) -> String {
    let total = run.nodes.len();
    let count = |fact: &str, wanted: &str| {
        let fact = FactId::new(fact);
        run.facts
            .nodes()
            .filter(|node| {
                node.get(&fact)
                    .is_some_and(|value| value.to_string() == wanted)
            })
            .count()
    };
    let declared = |fact: &str| run.brief.procedure.facts.contains_key(&FactId::new(fact));
    let mut parts = Vec::new();
    if declared("service") {
        parts.push(format!("stopped {}/{total}", count("service", "stopped")));
        parts.push(format!("running {}/{total}", count("service", "running")));
    }
    if let Some(fact) = &run.brief.procedure.versions.fact {
        parts.push(format!(
            "upgraded {}/{total}",
            count(fact.as_str(), &run.brief.cluster.target)
        ));
    }
    if declared("sync") {
        parts.push(format!("synced {}/{total}", count("sync", "synced")));
    }
    let dark = summary::counts(run).dark;
    if dark > 0 {
        parts.push(format!("OUT OF SIGHT {dark}/{total}"));
    }
    parts.join("   ")
}
