//! Connecting: every node with its host key, its login and what is wrong.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::Line;

use super::kit::{inset, panel, split_top, text_columns, wrapped};
use crate::engine::state::{LinkState, NodeState};
use crate::model::ids::NodeId;
use crate::ui::app::App;
use crate::ui::widget::{Cell, Column, Table, TableRow, TextView};
use crate::ui::{Role, format};

/// Draws the table of nodes, and the selected one in words.
pub(super) fn draw(app: &App, area: Rect, buf: &mut Buffer) {
    let wanted = u16::try_from(app.run.nodes.len())
        .unwrap_or(u16::MAX)
        .saturating_add(3);
    let (top, bottom) = split_top(area, wanted.min(area.height.saturating_sub(7)).max(4));
    table(app, top, buf);
    detail(app, bottom, buf);
}

/// The selected node: what the operator chose, else the first that asks a human, else the first that does not come up.
pub(crate) fn selected(app: &App) -> usize {
    let first = |is: fn(&LinkState) -> bool| app.run.nodes.values().position(|node| is(&node.link));
    let asks = || {
        first(|link| {
            matches!(
                link,
                LinkState::AsksHostKey { .. }
                    | LinkState::AsksChangedKey { .. }
                    | LinkState::WantsSecret { .. }
            )
        })
    };
    let stuck = || first(LinkState::is_stuck);
    app.views.connect.or_else(asks).or_else(stuck).unwrap_or(0)
}

fn table(app: &App, area: Rect, buf: &mut Buffer) {
    let up = app
        .run
        .nodes
        .values()
        .filter(|node| node.link.is_up())
        .count();
    let remark = format!("{up} of {} connected", app.run.nodes.len());
    let inner = panel(&app.look, "Nodes", &remark, true).render(area, buf);
    let rows: Vec<TableRow> = app
        .run
        .nodes
        .iter()
        .map(|(name, node)| row(app, name, node))
        .collect();
    let wide = |at: usize, least: usize, most: usize| {
        let widest = rows
            .iter()
            .filter_map(|row| row.cells.get(at))
            .map(|cell| format::width(&cell.text))
            .max();
        u16::try_from(widest.unwrap_or(0).clamp(least, most)).unwrap_or(u16::MAX)
    };
    let columns = [
        Column::new("NODE", wide(0, 4, 16)),
        Column::new("ADDRESS", wide(1, 7, 30)).drop(1),
        Column::new("HOST KEY", 30).drop(2),
        Column::new("LOGIN", wide(3, 5, 12)),
        Column::new("STATE", 24).grow(1),
    ];
    Table::new(&app.look, &columns, &rows)
        .selected(Some(selected(app)))
        .render(inset(inner), buf);
}

fn row(app: &App, name: &NodeId, node: &NodeState) -> TableRow {
    let (key, key_role) = host_key(app, node);
    let (state, role) = state(app, name, node);
    let user = if node.user.is_empty() {
        "-".to_string()
    } else {
        node.user.clone()
    };
    TableRow {
        cells: vec![
            Cell::new(name.to_string(), Role::Base),
            Cell::new(address(app, name), Role::Dim),
            Cell::new(key, key_role),
            Cell::new(user, Role::Base),
            Cell::new(state, role),
        ],
    }
}

fn address(app: &App, name: &NodeId) -> String {
    app.run
        .brief
        .cluster
        .node(name)
        .map_or(String::new(), |node| match node.ssh.port {
            Some(port) => format!("{}:{port}", node.host),
            None => node.host.clone(),
        })
}

fn host_key(app: &App, node: &NodeState) -> (String, Role) {
    let signs = app.look.signs;
    let short = |print: &str| format::middle(print, 18, signs);
    match (&node.link, &node.host_key) {
        (LinkState::AsksHostKey { key, .. }, _) => (
            format!("{} NEW    {}", signs.warning, short(&key.fingerprint)),
            Role::Warn,
        ),
        (LinkState::AsksChangedKey { change }, _) => (
            format!(
                "{} OTHER  {}",
                signs.failed,
                short(&change.shown.fingerprint)
            ),
            Role::Error,
        ),
        (
            LinkState::Refused {
                refusal: crate::model::reply::Refusal::HostKey,
                ..
            },
            _,
        ) => (format!("{} CHANGED or refused", signs.failed), Role::Error),
        (_, Some(key)) => (
            format!("{} known  {}", signs.done, short(&key.fingerprint)),
            Role::Ok,
        ),
        (_, None) if node.link.is_up() => (format!("{} none needed", signs.done), Role::Dim),
        (_, None) => ("-".into(), Role::Dim),
    }
}

fn state(app: &App, name: &NodeId, node: &NodeState) -> (String, Role) {
    let signs = app.look.signs;
    let dark = app.run.facts.node(name).and_then(|facts| facts.dark());
    match &node.link {
        LinkState::Idle => (format!("{} waits", signs.waits), Role::Dim),
        LinkState::Connecting => {
            let what = app.linking.get(name).map_or("connecting", String::as_str);
            (
                format!("{} {what}", signs.spinner(app.now.0)),
                Role::StepRunning,
            )
        }
        LinkState::Up { .. } => match dark {
            None => (format!("{} ready", signs.done), Role::Ok),
            Some("not looked at yet") => (
                format!("{} being looked at", signs.spinner(app.now.0)),
                Role::StepRunning,
            ),
            Some(why) => (format!("{} {why}", signs.unknown), Role::Warn),
        },
        LinkState::Down { why, .. } => {
            (format!("{} unreachable: {why}", signs.failed), Role::Error)
        }
        LinkState::AsksHostKey { .. } => (
            format!("{} asks you: host key", signs.gate),
            Role::StepWaiting,
        ),
        LinkState::AsksChangedKey { .. } => (
            format!("{} asks you: another host key", signs.gate),
            Role::StepWaiting,
        ),
        LinkState::WantsSecret { secret } => (
            format!("{} asks you: {secret}", signs.gate),
            Role::StepWaiting,
        ),
        LinkState::Refused { why, .. } => (format!("{} blocked: {why}", signs.failed), Role::Error),
    }
}

fn detail(app: &App, area: Rect, buf: &mut Buffer) {
    let Some((name, node)) = app.run.nodes.iter().nth(selected(app)) else {
        return;
    };
    let title = format!("{name}  {}", address(app, name));
    let inner = panel(&app.look, &title, "", false).render(area, buf);
    let room = inset(inner);
    let columns = text_columns(room);
    let mut lines: Vec<Line<'static>> = Vec::new();
    for (role, text) in words(app, name, node) {
        lines.extend(wrapped(&app.look, role, &text, columns));
    }
    TextView::new(&app.look, &lines).render(room, buf);
}

/// What an operator must know about a node's connection, and what to do.
fn words(app: &App, name: &NodeId, node: &NodeState) -> Vec<(Role, String)> {
    let base = |text: &str| (Role::Base, text.to_string());
    match &node.link {
        LinkState::Idle | LinkState::Connecting => vec![base(
            "Being connected. Nothing is changed on any node before a gate is opened.",
        )],
        LinkState::Up { .. } => {
            let known = app.run.facts.node(name).map(|facts| {
                let known = facts
                    .known()
                    .iter()
                    .map(|(fact, known)| format!("{fact} {}", known.value));
                known.collect::<Vec<_>>().join(", ")
            });
            let known = known
                .filter(|known| !known.is_empty())
                .unwrap_or_else(|| "nothing yet".into());
            vec![
                base("Connected and watched. Only probes run: they read and change nothing."),
                (Role::Dim, format!("Seen: {known}.")),
            ]
        }
        LinkState::Down { why, .. } => vec![
            (Role::Error, format!("Unreachable: {why}.")),
            base(
                "It is tried again by itself.  r tries now.  Check the address, the network and the node.",
            ),
        ],
        LinkState::AsksHostKey { key, jump } => vec![
            (
                Role::Warn,
                format!(
                    "{}{} {} was not seen before.",
                    jump.as_ref()
                        .map_or(String::new(), |jump| format!("The jump host {jump}: ")),
                    key.algorithm,
                    key.fingerprint
                ),
            ),
            base(
                "Compare it with the value from the console or the inventory, then press Enter and type or paste it.",
            ),
        ],
        LinkState::AsksChangedKey { change } => vec![
            (
                Role::Error,
                format!(
                    "{} {} instead of {} since its reboot.",
                    change.shown.algorithm, change.shown.fingerprint, change.known.fingerprint
                ),
            ),
            base("Press Enter to read what to compare, and to accept it by typing."),
        ],
        LinkState::WantsSecret { secret } => vec![
            (Role::Warn, format!("It wants the {secret}.")),
            base("Press Enter and type it. It is not shown and not kept."),
        ],
        LinkState::Refused { refusal, why } => {
            // Which file and name the old key stands under is known where it was looked up, and told there.
            let next = if *refusal == crate::model::reply::Refusal::HostKey {
                "There is no 'accept' here. If the host was rebuilt, remove the line named above yourself, then press r."
            } else {
                "Put it right, then press r to try again."
            };
            vec![(Role::Error, format!("Blocked: {why}.")), base(next)]
        }
    }
}
