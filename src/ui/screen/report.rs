//! The end: how it came out, where the time went, who decided what, and what is left for tomorrow.

use std::collections::BTreeMap;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::Line;

use super::kit::{
    inset, labelled, line, panel, put_parts, split_left, split_top, text_columns, wrapped,
};
use super::shell::versions;
use crate::engine::event::{Ending, Outcome};
use crate::engine::state::{ActionState, RunState};
use crate::engine::summary::keys_given;
use crate::model::time::{Span, Stamp};
use crate::ui::app::App;
use crate::ui::widget::{FrameKind, Panel, TextView};
use crate::ui::{Role, format};

/// Draws the whole report.
pub(super) fn draw(app: &App, area: Rect, buf: &mut Buffer) {
    let (head, rest) = split_top(area, 4.min(area.height));
    headline(app, head, buf);
    let kept = file_lines(app, usize::from(area.width.saturating_sub(5)).max(1));
    let files_height = u16::try_from(kept.len()).unwrap_or(u16::MAX).clamp(1, 4) + 2;
    let (middle, files) = split_top(rest, rest.height.saturating_sub(files_height));
    let (upper, lower) = split_top(middle, middle.height * 3 / 5);
    let (left, right) = split_left(upper, upper.width / 2);
    time(app, left, buf);
    decisions(app, right, buf);
    left_over(app, lower, buf);
    let inner = panel(&app.look, "Files", "", false).render(files, buf);
    TextView::new(&app.look, &kept).render(inset(inner), buf);
}

fn headline(app: &App, area: Rect, buf: &mut Buffer) {
    let cluster = &app.run.brief.cluster;
    let (title, role) = match app.run.ending {
        // Said only when it was seen: a procedure need not observe versions, and may leave some nodes as they were.
        Some(Ending::Upgraded) if at_target(&app.run) == Some(app.run.nodes.len()) => (
            format!("{} is on {}", cluster.name, cluster.target),
            Role::Ok,
        ),
        Some(Ending::Upgraded) => (format!("{}: every step is done", cluster.name), Role::Ok),
        Some(Ending::TurnedBack) => (format!("{} was turned back", cluster.name), Role::Warn),
        None => (
            format!(
                "{} is not finished: the run waits and can be resumed",
                cluster.name
            ),
            Role::Warn,
        ),
    };
    let frame = Panel::new(&app.look, &title)
        .kind(FrameKind::Heavy)
        .role(role);
    let inner = frame.render(area, buf);
    let (first, second) = split_top(inner, 1);
    put_parts(&app.look, first, buf, first.x + 1, first.y, &tallies(app));
    let run = app
        .run
        .opening
        .as_ref()
        .map_or("-", |opening| opening.run.as_str());
    let text = format!(
        "took {}   run {run}   {}   {}",
        format::duration(app.run.at.0),
        app.run.brief.procedure.id,
        versions(&app.run, app.look.signs.arrow)
    );
    put_parts(
        &app.look,
        second,
        buf,
        second.x + 1,
        second.y,
        &[(Role::Dim, text)],
    );
}

/// How many nodes were seen on the target; nothing where the procedure observes no version.
fn at_target(run: &RunState) -> Option<usize> {
    let fact = run.brief.procedure.versions.fact.as_ref()?;
    let target = &run.brief.cluster.target;
    let nodes = run.facts.nodes();
    let there = nodes.filter(|node| {
        node.get(fact)
            .is_some_and(|value| value.to_string() == *target)
    });
    Some(there.count())
}

fn tallies(app: &App) -> Vec<(Role, String)> {
    let run = &app.run;
    let signs = app.look.signs;
    let mut parts = Vec::new();
    let mut tally = |good: usize, all: usize, word: &str| {
        let (sign, role) = if good == all {
            (signs.done, Role::Ok)
        } else {
            (signs.warning, Role::Warn)
        };
        parts.push((role, format!("{sign} ")));
        parts.push((Role::Base, format!("{word} {good}/{all}   ")));
    };
    if let Some(at_target) = at_target(run) {
        tally(at_target, run.nodes.len(), "on the target");
    }
    tally(run.actions_done, run.actions.len(), "actions");
    let owed = run.debt_names.len();
    let (sign, role) = if owed == 0 {
        (signs.done, Role::Ok)
    } else {
        (signs.warning, Role::Warn)
    };
    parts.push((role, format!("{sign} ")));
    parts.push((
        Role::Base,
        if owed == 0 {
            "nothing owed".into()
        } else {
            format!("owed: {}", run.debt_names.join(", "))
        },
    ));
    parts
}

fn time(app: &App, area: Rect, buf: &mut Buffer) {
    let inner = panel(&app.look, "Where the time went", "", false).render(area, buf);
    let mut phases: Vec<(String, Span)> = Vec::new();
    for stage in &app.run.stages {
        let owner = &stage.stage.owner;
        let took = match (stage.began, stage.ended) {
            (Some(began), Some(ended)) => ended.since(began),
            _ => Span(0),
        };
        match phases.iter_mut().find(|(name, _)| name == owner) {
            Some((_, sum)) => *sum = *sum + took,
            None => phases.push((owner.clone(), took)),
        }
    }
    let at_work = phases.iter().fold(Span(0), |sum, (_, took)| sum + *took);
    let all = Span(app.run.at.0);
    phases.push(("checks, gates, you".into(), all - at_work));
    let longest = phases
        .iter()
        .map(|(_, took)| took.0)
        .max()
        .unwrap_or(0)
        .max(1);
    let bar_room = u64::from(inner.width.saturating_sub(32));
    let signs = app.look.signs;
    let lines: Vec<Line<'static>> = phases
        .iter()
        .map(|(name, took)| {
            let cells = usize::try_from(took.0 * bar_room / longest).unwrap_or(0);
            let bar = signs.bar_full.repeat(cells);
            let name = format::pad(name, 19, signs);
            let took = format::pad_left(&format::stopwatch(took.0), 8, signs);
            line(
                &app.look,
                &[
                    (Role::Base, &format!(" {name}")),
                    (Role::Base, &format!("{took} ")),
                    (Role::Info, &bar),
                ],
            )
        })
        .collect();
    TextView::new(&app.look, &lines)
        .scroll(app.views.report)
        .render(inner, buf);
}

fn decisions(app: &App, area: Rect, buf: &mut Buffer) {
    let inner = panel(&app.look, "Decisions", "", false).render(area, buf);
    let room = inset(inner);
    let columns = text_columns(room);
    let mut told = decided(app);
    told.sort_by_key(|(at, ..)| *at);
    let mut lines: Vec<Line<'static>> = Vec::new();
    for (at, role, text) in told {
        let text = format!("{at}  {text}");
        lines.extend(wrapped(&app.look, role, &text, columns));
    }
    if lines.is_empty() {
        lines.push(line(&app.look, &[(Role::Dim, "None.")]));
    }
    TextView::new(&app.look, &lines)
        .scroll(app.views.report)
        .render(room, buf);
}

/// What humans decided and did with their own hands: gates, overrides, the wheel of programs.
fn decided(app: &App) -> Vec<(Stamp, Role, String)> {
    let run = &app.run;
    let mut told = Vec::new();
    if let Some((by, at)) = &run.approved {
        told.push((*at, Role::Base, format!("{}  the plan", by.user)));
    }
    for stage in &run.stages {
        if let (Some(by), Some(gate)) = (&stage.confirmed, &stage.stage.gate) {
            let at = stage.began.unwrap_or(run.at);
            told.push((at, Role::Base, format!("{}  gate {}", by.user, gate.id)));
        }
    }
    for over in &run.overrides {
        let text = format!("{}  {}: {}", over.by.user, over.what, over.reason);
        told.push((over.at, Role::Warn, text));
    }
    for turn in &run.wheel_turns {
        let since = turn.holder.since;
        let long = match turn.until {
            Some(until) => format!("for {}", format::duration(until.since(since).0)),
            None => "and has it still".into(),
        };
        let text = format!(
            "{}  had the wheel of {} {long}, {} given",
            turn.holder.by.user,
            turn.action,
            keys_given(turn.keys)
        );
        told.push((since, Role::Base, text));
    }
    told
}

fn left_over(app: &App, area: Rect, buf: &mut Buffer) {
    let inner = panel(&app.look, "Left for tomorrow", "", false).render(area, buf);
    let room = inset(inner);
    let columns = text_columns(room);
    let signs = app.look.signs;
    let mut lines: Vec<Line<'static>> = Vec::new();
    for (role, text) in remainders(app) {
        let sign = if role == Role::Warn {
            signs.warning
        } else {
            signs.dot
        };
        lines.extend(wrapped(&app.look, role, &format!("{sign} {text}"), columns));
    }
    if lines.is_empty() {
        lines.push(line(&app.look, &[(Role::Ok, "Nothing.")]));
    }
    TextView::new(&app.look, &lines)
        .scroll(app.views.report)
        .render(room, buf);
}

/// What somebody must still look at.
fn remainders(app: &App) -> Vec<(Role, String)> {
    let run = &app.run;
    let mut left: Vec<(Role, String)> = Vec::new();
    left.extend(
        run.debt_names
            .iter()
            .map(|debt| (Role::Warn, format!("still to be undone: {debt}"))),
    );
    left.extend(run.overrides.iter().map(|over| {
        (
            Role::Warn,
            format!("{}, because: {}", over.what, over.reason),
        )
    }));
    let mut again: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for (id, record) in &run.actions {
        match &record.state {
            ActionState::Done {
                outcome: Outcome::ObservedAfterDoubt,
            } => left.push((
                Role::Warn,
                format!("{id}: its end was not seen, only its effect; read its transcript"),
            )),
            _ if record.attempts > 1 => again
                .entry(record.stage.title.as_str())
                .or_default()
                .push(format!("{id}")),
            _ => {}
        }
    }
    left.extend(again.into_iter().map(|(title, ids)| {
        (
            Role::Warn,
            format!("{title} needed more than one attempt: {}", ids.join(", ")),
        )
    }));
    left.extend(
        run.brief
            .procedure
            .notes
            .iter()
            .map(|note| (Role::Dim, note.clone())),
    );
    left
}

/// The folder of the run whole, and the names in it; or each path whole.
fn file_lines(app: &App, columns: usize) -> Vec<Line<'static>> {
    let look = &app.look;
    let split: Vec<Option<(&str, &str)>> = app
        .files
        .iter()
        .map(|(_, path)| path.rsplit_once('/'))
        .collect();
    let folder = split.first().copied().flatten().map(|(folder, _)| folder);
    let names: Option<Vec<&str>> = split
        .iter()
        .map(|part| part.and_then(|(at, name)| (Some(at) == folder).then_some(name)))
        .collect();
    match (folder, names) {
        (Some(folder), Some(names)) => {
            let mut lines = labelled(look, "folder", Role::Base, folder, columns);
            lines.extend(labelled(
                look,
                "files",
                Role::Base,
                &names.join("   "),
                columns,
            ));
            lines
        }
        _ if app.files.is_empty() => {
            vec![line(look, &[(Role::Dim, "Nothing is kept of this run.")])]
        }
        _ => app
            .files
            .iter()
            .flat_map(|(word, path)| labelled(look, word, Role::Base, path, columns))
            .collect(),
    }
}
