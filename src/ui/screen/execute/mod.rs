//! The walk itself: rail of steps, node grid, log, rules and time.

pub(super) mod grid;
pub(super) mod lines;
pub(super) mod rail;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::kit::{panel, put_parts, split_left, split_top};
use crate::ui::app::App;
use crate::ui::app::view::Pane;
use crate::ui::widget::LogPane;
use crate::ui::{Role, format};

/// Where the panes stand; an empty area is not shown.
struct Panes {
    step: Rect,
    rail: Rect,
    grid: Rect,
    log: Rect,
    rules: Rect,
    time: Rect,
}

/// Draws the panes that fit.
pub(super) fn draw(app: &App, area: Rect, buf: &mut Buffer) {
    let panes = panes(app, area);
    step_line(app, panes.step, buf);
    if !panes.rail.is_empty() {
        rail::draw(app, panes.rail, buf);
    }
    if !panes.grid.is_empty() {
        grid::draw(app, panes.grid, buf);
    }
    if !panes.log.is_empty() {
        log(app, panes.log, buf);
    }
    lines::rules(app, panes.rules, buf);
    lines::time(app, panes.time, buf);
}

/// Lines of the log that are seen now.
pub(crate) fn log_rows(app: &App) -> u64 {
    let body = super::shell::places(app, app.size).body;
    u64::from(panes(app, body).log.height.saturating_sub(2))
}

fn panes(app: &App, area: Rect) -> Panes {
    let (upper, lower) = split_top(area, area.height.saturating_sub(2));
    let (rules, time) = split_top(lower, 1);
    let (step, main) = split_top(upper, 1);
    let none = Rect {
        width: 0,
        height: 0,
        ..area
    };
    let view = &app.views.execute;
    let shown = |rail, grid, log| Panes {
        step,
        rail,
        grid,
        log,
        rules,
        time,
    };
    if view.zoom || main.height < 12 {
        return match view.pane {
            Pane::Steps => shown(main, none, none),
            Pane::Nodes => shown(none, main, none),
            Pane::Log => shown(none, none, main),
        };
    }
    let nodes = u16::try_from(grid::rows(app).len()).unwrap_or(u16::MAX);
    let grid_height = nodes.saturating_add(4).min(main.height / 2);
    if main.width >= 100 && main.height >= 16 {
        let (rail, right) = split_left(main, (main.width * 3 / 10).clamp(34, 44));
        let (grid, log) = split_top(right, grid_height);
        return shown(rail, grid, log);
    }
    let (grid, below) = split_top(main, grid_height);
    match view.pane {
        Pane::Steps => shown(below, grid, none),
        Pane::Nodes | Pane::Log => shown(none, grid, below),
    }
}

/// The step at hand in full words, with its time, and the next stop.
fn step_line(app: &App, area: Rect, buf: &mut Buffer) {
    let run = &app.run;
    let signs = app.look.signs;
    let total = run.stages.len();
    let Some(stage) = run.stage() else {
        let text = format!(" all {total} steps are settled");
        put_parts(&app.look, area, buf, area.x, area.y, &[(Role::Title, text)]);
        return;
    };
    let (sign, role) = rail::stage_mark(app, stage);
    let mut parts = vec![
        (Role::Dim, format!(" step {}/{total}  ", run.cursor + 1)),
        (role, format!("{sign} ")),
        (Role::Title, stage.stage.title.clone()),
    ];
    if let Some(began) = stage.began {
        parts.push((
            Role::Base,
            format!("  {}", format::stopwatch(app.now.since(began).0)),
        ));
        if stage.stage.typical.0 > 0 {
            parts.push((
                Role::Dim,
                format!(
                    "  usual {}, limit {}",
                    stage.stage.typical, stage.stage.timeout
                ),
            ));
        }
    }
    if run.turning_back {
        parts.insert(1, (Role::Warn, format!("{} TURNING BACK  ", signs.warning)));
    }
    put_parts(&app.look, area, buf, area.x, area.y, &parts);
}

fn log(app: &App, area: Rect, buf: &mut Buffer) {
    let view = &app.views.execute;
    let wall = app.wall();
    let source = app.log.view(view.log_node.as_ref(), view.time, wall);
    let title = match &view.log_node {
        Some(node) => format!("Log  {node}"),
        None => "Log  all nodes".into(),
    };
    let pane = LogPane::new(&app.look, &source, &view.log);
    let remark = pane.remark();
    let focus = view.pane == Pane::Log;
    let inner = panel(&app.look, &title, &remark, focus).render(area, buf);
    let room = Rect {
        x: inner.x.saturating_add(1).min(inner.right()),
        width: inner.width.saturating_sub(1),
        ..inner
    };
    pane.render(room, buf);
}
