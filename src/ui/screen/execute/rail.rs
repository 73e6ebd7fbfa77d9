//! The rail of steps: what is done, what runs, where it stops next.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::super::kit::{action_mark, inset, node_list, panel};
use crate::engine::hold;
use crate::engine::state::{ActionState, StageState};
use crate::model::ids::NodeId;
use crate::model::time::Span;
use crate::ui::app::App;
use crate::ui::app::view::Pane;
use crate::ui::widget::put;
use crate::ui::{Role, format};

/// One row: a phase with its counts, or a stage.
enum RailRow {
    Phase {
        title: String,
        done: usize,
        all: usize,
        here: bool,
    },
    Stage(usize),
    /// How long the running stage usually takes.
    Usual(usize),
}

/// Draws the rail; the phase at hand is unfolded, others only where there is room.
pub(super) fn draw(app: &App, area: Rect, buf: &mut Buffer) {
    let run = &app.run;
    let done = run.stages.iter().filter(|stage| stage.left == 0).count();
    let title = format!("Steps  {done}/{}", run.stages.len());
    let focus = app.views.execute.pane == Pane::Steps;
    let inner = panel(&app.look, &title, "1", focus).render(area, buf);
    let room = inset(inner);
    let height = usize::from(room.height);
    let rows = rows(app, height);
    let wanted = app
        .views
        .execute
        .stage
        .unwrap_or(run.cursor.min(run.stages.len().saturating_sub(1)));
    let at = rows
        .iter()
        .position(|row| matches!(row, RailRow::Stage(stage) if *stage == wanted))
        .unwrap_or(0);
    let top = (at + height / 3)
        .saturating_sub(height.saturating_sub(1))
        .min(rows.len().saturating_sub(height));
    for (y, row) in (room.top()..room.bottom()).zip(rows.iter().skip(top)) {
        let selected = focus && matches!(row, RailRow::Stage(stage) if *stage == wanted);
        draw_row(
            app,
            row,
            Rect {
                y,
                height: 1,
                ..room
            },
            buf,
        );
        if selected {
            buf.set_style(
                Rect {
                    y,
                    height: 1,
                    ..room
                },
                app.look.theme.overlay(Role::Selection),
            );
        }
    }
}

fn rows(app: &App, height: usize) -> Vec<RailRow> {
    let run = &app.run;
    let mut groups: Vec<(&str, Vec<usize>)> = Vec::new();
    for (at, stage) in run.stages.iter().enumerate() {
        let owner = stage.stage.owner.as_str();
        match groups.last_mut().filter(|(last, _)| *last == owner) {
            Some((_, stages)) => stages.push(at),
            None => groups.push((owner, vec![at])),
        }
    }
    let all_fit = run.stages.len() + groups.len() < height;
    let looked_at = app.views.execute.stage.unwrap_or(run.cursor);
    let mut rows = Vec::new();
    for (owner, stages) in groups {
        let here = stages.contains(&run.cursor);
        let done = stages
            .iter()
            .filter(|at| run.stages[**at].left == 0)
            .count();
        rows.push(RailRow::Phase {
            title: phase_title(app, owner),
            done,
            all: stages.len(),
            here,
        });
        if all_fit || here || stages.contains(&looked_at) {
            for at in stages {
                rows.push(RailRow::Stage(at));
                if at == run.cursor && is_running(app, &run.stages[at]) {
                    rows.push(RailRow::Usual(at));
                }
            }
        }
    }
    rows
}

fn phase_title(app: &App, owner: &str) -> String {
    let phases = app.run.plan.iter().flat_map(|plan| &plan.phases);
    let branches = &app.run.brief.procedure.branches;
    let phase = phases
        .clone()
        .find(|phase| phase.id == owner)
        .map(|phase| phase.title.clone());
    let branch = || {
        branches
            .iter()
            .find(|branch| branch.id.as_str() == owner)
            .map(|branch| branch.title.clone())
    };
    phase.or_else(branch).unwrap_or_else(|| match owner {
        "undo" => "Undo".into(),
        "again" => "Once more".into(),
        other => other.into(),
    })
}

fn draw_row(app: &App, row: &RailRow, area: Rect, buf: &mut Buffer) {
    let (look, signs) = (&app.look, app.look.signs);
    let columns = usize::from(area.width);
    match row {
        RailRow::Phase {
            title,
            done,
            all,
            here,
        } => {
            let (sign, role) = match (done == all, here) {
                (true, _) => (signs.done, Role::StepDone),
                (false, true) => (signs.unfolded, Role::StepRunning),
                (false, false) => (signs.folded, Role::Dim),
            };
            let count = format!("{done}/{all}");
            put(buf, area, area.x, area.y, sign, look.style(role), signs);
            let text_role = if *here { Role::Title } else { Role::Base };
            let room = columns.saturating_sub(3 + format::width(&count));
            put(
                buf,
                area,
                area.x + 2,
                area.y,
                &format::clip(title, room, signs),
                look.style(text_role),
                signs,
            );
            right(app, area, buf, &count, Role::Dim);
        }
        RailRow::Stage(at) => stage_row(app, *at, area, buf),
        RailRow::Usual(at) => {
            let stage = &app.run.stages[*at].stage;
            let text = format!("usual {}, limit {}", stage.typical, stage.timeout);
            put(
                buf,
                area,
                area.x + 4,
                area.y,
                &text,
                look.style(Role::Dim),
                signs,
            );
        }
    }
}

fn stage_row(app: &App, at: usize, area: Rect, buf: &mut Buffer) {
    let (look, signs) = (&app.look, app.look.signs);
    let stage = &app.run.stages[at];
    let (sign, role) = stage_mark(app, stage);
    put(buf, area, area.x + 2, area.y, sign, look.style(role), signs);
    let time = time_of(app, stage);
    let nodes: Vec<&NodeId> = stage
        .stage
        .actions
        .iter()
        .filter_map(|action| action.node.as_ref())
        .collect();
    let mut x = area.x + 4;
    if let [one] = nodes.as_slice() {
        let name = format!("{} ", node_list(&[one], app.run.nodes.len()));
        x += put(buf, area, x, area.y, &name, look.style(Role::Dim), signs);
    }
    let room = usize::from(area.right().saturating_sub(x))
        .saturating_sub(format::width(&time) + usize::from(!time.is_empty()));
    let text_role = match role {
        Role::StepRunning | Role::StepFailed | Role::StepWaiting | Role::StepWarned => role,
        _ => Role::Base,
    };
    put(
        buf,
        area,
        x,
        area.y,
        &format::clip(&stage.stage.title, room, signs),
        look.style(text_role),
        signs,
    );
    right(app, area, buf, &time, Role::Dim);
}

fn right(app: &App, area: Rect, buf: &mut Buffer, text: &str, role: Role) {
    let wide = u16::try_from(format::width(text)).unwrap_or(u16::MAX);
    if wide < area.width {
        put(
            buf,
            area,
            area.right() - wide,
            area.y,
            text,
            app.look.style(role),
            app.look.signs,
        );
    }
}

/// Sign and role of a stage: the worst of its actions, else whether its gate is still shut.
pub(crate) fn stage_mark(app: &App, stage: &StageState) -> (&'static str, Role) {
    let signs = app.look.signs;
    let records: Vec<&ActionState> = stage
        .stage
        .actions
        .iter()
        .filter_map(|action| app.run.actions.get(&action.id))
        .map(|record| &record.state)
        .collect();
    let first = |test: fn(&ActionState) -> bool| {
        records
            .iter()
            .find(|state| test(state))
            .map(|state| action_mark(&app.look, state))
    };
    first(|state| matches!(state, ActionState::Failed { .. }))
        .or_else(|| first(|state| matches!(state, ActionState::InDoubt { .. })))
        .or_else(|| {
            first(|state| {
                matches!(
                    state,
                    ActionState::Running { .. } | ActionState::Verifying { .. }
                )
            })
        })
        .or_else(|| first(|state| matches!(state, ActionState::Asked { .. })))
        .unwrap_or_else(|| {
            if stage.left == 0 {
                let given_up = records
                    .iter()
                    .any(|state| matches!(state, ActionState::NotRun { .. }));
                return if given_up {
                    (signs.not_run, Role::StepNotRun)
                } else {
                    (signs.done, Role::StepDone)
                };
            }
            if stage.stage.gate.is_some() && stage.confirmed.is_none() && stage.began.is_none() {
                return (signs.gate, Role::StepWaiting);
            }
            (signs.waits, Role::StepPending)
        })
}

fn is_running(app: &App, stage: &StageState) -> bool {
    let records = stage
        .stage
        .actions
        .iter()
        .filter_map(|action| app.run.actions.get(&action.id));
    stage.stage.typical > Span(0) && records.into_iter().any(hold::is_under_way)
}

/// How long it took, runs, or usually takes.
fn time_of(app: &App, stage: &StageState) -> String {
    let all_so = stage.stage.actions.iter().all(|action| action.already_so);
    match (stage.began, stage.ended) {
        (Some(began), Some(ended)) => format::stopwatch(ended.since(began).0),
        (Some(began), None) if stage.left > 0 => format::stopwatch(app.now.since(began).0),
        _ if all_so => "so".into(),
        (None, _) if stage.left > 0 && stage.stage.typical > Span(0) => {
            format!("~{}", format::duration_coarse(stage.stage.typical.0))
        }
        _ => String::new(),
    }
}
