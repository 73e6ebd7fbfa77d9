//! Two lines that always stand below the panes: the rules across nodes, and time.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::super::kit::{parts_width, put_parts};
use crate::engine::event::InvariantState;
use crate::engine::state::Late;
use crate::engine::window::{self, Outlook};
use crate::model::time::{Span, Stamp};
use crate::ui::app::App;
use crate::ui::widget::TimeBar;
use crate::ui::{Role, format};

/// The rules with their present truth, and what must still be undone.
pub(super) fn rules(app: &App, area: Rect, buf: &mut Buffer) {
    let parts = rule_parts(app, true);
    let parts = if parts_width(&parts) > area.width {
        rule_parts(app, false)
    } else {
        parts
    };
    put_parts(&app.look, area, buf, area.x, area.y, &parts);
}

/// `named`: rules that hold are named as well.
fn rule_parts(app: &App, named: bool) -> Vec<(Role, String)> {
    let signs = app.look.signs;
    let mut parts = vec![(Role::Dim, " rules ".to_string())];
    for invariant in &app.run.brief.procedure.invariants {
        let name = invariant.id.as_str().replace('-', " ");
        let (sign, role, text) = match app.run.invariants.get(&invariant.id) {
            Some(InvariantState::Holds) => (signs.done, Role::Ok, name),
            Some(InvariantState::Broken { .. }) => {
                (signs.failed, Role::Critical, format!("BROKEN: {name}"))
            }
            Some(InvariantState::Unknown { .. }) | None => {
                (signs.unknown, Role::NodeUnknown, format!("unknown: {name}"))
            }
        };
        let text_role = if role == Role::Ok { Role::Base } else { role };
        parts.push((role, format!("{sign} ")));
        if named || role != Role::Ok {
            parts.extend([(text_role, text), (Role::Base, "   ".into())]);
        }
    }
    let all_hold = parts.iter().skip(1).all(|(role, _)| *role == Role::Ok);
    if !named && all_hold {
        parts.push((Role::Base, "all hold   ".into()));
    }
    if app.run.brief.procedure.invariants.is_empty() {
        parts.push((Role::Dim, "none declared   ".into()));
    }
    if !app.run.debt_names.is_empty() {
        let owed: Vec<String> = app
            .run
            .debt_names
            .iter()
            .map(|debt| debt.replace('-', " "))
            .collect();
        parts.push((
            Role::Warn,
            format!("{} owed: {}", signs.warning, owed.join(", ")),
        ));
    }
    parts
}

/// How much of the window is gone and how much work is left; the clock that counts is the time to turn back.
pub(crate) fn time(app: &App, area: Rect, buf: &mut Buffer) {
    let outlook = window::outlook(&app.run);
    let Some(end) = outlook.window_end else {
        let text = format!(
            "elapsed {}   work left about {}   no window is set",
            format::duration_coarse(app.now.0),
            format::duration_coarse(outlook.work_left.0)
        );
        put_parts(
            &app.look,
            area,
            buf,
            area.x,
            area.y,
            &[(Role::Dim, " time  ".into()), (Role::Base, text)],
        );
        return;
    };
    let role = window_role(app, &outlook, end);
    let parts = time_parts(app, &outlook, end, role);
    let wide = parts_width(&parts);
    let bar_width = area.width.saturating_sub(wide + 9).min(34);
    put_parts(
        &app.look,
        area,
        buf,
        area.x,
        area.y,
        &[(Role::Dim, " time  ".into())],
    );
    let bar = Rect {
        x: (area.x + 7).min(area.right()),
        width: bar_width,
        ..area
    };
    let end_ms = i64::try_from(end.0).unwrap_or(i64::MAX);
    let length = app
        .run
        .brief
        .cluster
        .window
        .map_or(end_ms, |window| window.end - window.start);
    TimeBar {
        look: &app.look,
        start: end_ms - length,
        end: end_ms,
        now: i64::try_from(app.now.0).unwrap_or(i64::MAX),
        turn_back: outlook.turn_back_by.and_then(|by| i64::try_from(by.0).ok()),
        role,
    }
    .render(bar, buf);
    put_parts(&app.look, area, buf, bar.right() + 2, area.y, &parts);
}

fn time_parts(app: &App, outlook: &Outlook, end: Stamp, role: Role) -> Vec<(Role, String)> {
    let signs = app.look.signs;
    let left = end.since(app.now);
    let slack = if left >= outlook.work_left {
        format!(
            "slack {} {}",
            format::duration_coarse((left - outlook.work_left).0),
            signs.done
        )
    } else {
        format!(
            "{} SHORT BY {}",
            signs.warning,
            format::duration_coarse((outlook.work_left - left).0)
        )
    };
    let mut parts = vec![
        (
            Role::Base,
            format!(
                "work left {}   ",
                format::duration_coarse(outlook.work_left.0)
            ),
        ),
        (role, slack),
    ];
    if let Some(by) = outlook.turn_back_by {
        parts.push((Role::Base, format!("   {}", turn_back(app, by))));
    }
    parts
}

fn turn_back(app: &App, by: Stamp) -> String {
    let when = match app.wall_at(by).filter(|_| !app.is_rehearsal()) {
        Some(wall) => format::clock_minute(wall),
        None => by.to_string(),
    };
    match (app.run.late, by.since(app.now)) {
        (Late::Accepted, _) => format!("turn-back time {when} passed, accepted"),
        (_, Span(0)) => format!("TURN-BACK TIME {when} PASSED"),
        (_, left) => format!("turn back by {when} ({})", format::duration_coarse(left.0)),
    }
}

fn window_role(app: &App, outlook: &Outlook, end: Stamp) -> Role {
    if app.now > end {
        Role::WindowOver
    } else if app.now + outlook.work_left > end {
        Role::WindowTight
    } else {
        Role::WindowOk
    }
}
