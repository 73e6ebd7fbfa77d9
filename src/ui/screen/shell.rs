//! What every screen of a run wears: header, phase strip, the line that says what waits, and the keys.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::kit::{parts_width, put_parts, split_top};
use super::place_word;
use crate::engine::brief::Mode;
use crate::engine::hold::HoldKind;
use crate::engine::state::RunState;
use crate::engine::window;
use crate::model::cluster::Place;
use crate::ui::app::{App, Screen};
use crate::ui::session::Speed;
use crate::ui::widget::{Footer, PhaseItem, PhaseStrip, fill, put};
use crate::ui::{Role, format};

/// Draws the shell and returns the room for the screen itself.
pub(super) fn draw(app: &App, area: Rect, buf: &mut Buffer) -> Rect {
    fill(buf, area, app.look.style(Role::Base));
    let places = places(app, area);
    if app.is_rehearsal() {
        hatch(app, area, buf);
    }
    header(app, places.header, buf);
    if !places.strip.is_empty() {
        strip(app, places.strip, buf);
    }
    next_line(app, places.next, buf);
    footer(app, places.footer, buf);
    places.body
}

/// Where the parts stand.
pub(super) struct Places {
    header: Rect,
    strip: Rect,
    pub(super) body: Rect,
    next: Rect,
    footer: Rect,
}

/// Shares out the screen. A rehearsal wears a hatched frame: one column at each side.
pub(super) fn places(app: &App, area: Rect) -> Places {
    let inner = if app.is_rehearsal() && area.width > 20 {
        Rect {
            x: area.x + 1,
            width: area.width - 2,
            ..area
        }
    } else {
        area
    };
    let (header, rest) = split_top(inner, 1);
    let strip_rows = u16::from(area.height >= 20);
    let (strip, rest) = split_top(rest, strip_rows);
    let (body, bottom) = split_top(rest, rest.height.saturating_sub(2));
    let (next, footer) = split_top(bottom, bottom.height.saturating_sub(1));
    Places {
        header,
        strip,
        body,
        next,
        footer,
    }
}

fn hatch(app: &App, area: Rect, buf: &mut Buffer) {
    let sign = app.look.signs.hatched.vertical_left;
    let style = app.look.style(Role::PlaceRehearsal);
    for y in area.top()..area.bottom() {
        for x in [area.left(), area.right().saturating_sub(1)] {
            put(buf, area, x, y, sign, style, app.look.signs);
        }
    }
    for y in [area.top(), area.bottom().saturating_sub(1)] {
        for x in area.left()..area.right() {
            put(buf, area, x, y, sign, style, app.look.signs);
        }
    }
}

fn header(app: &App, area: Rect, buf: &mut Buffer) {
    let (badge, role) = badge(app);
    let brief = &app.run.brief;
    let dim = Role::Dim;
    let mut parts = vec![
        (Role::Base, " ".to_string()),
        (role, format!(" {badge} ")),
        (Role::Base, "  ".into()),
        (Role::Title, brief.cluster.name.clone()),
        (Role::Base, "  ".into()),
        (dim, brief.procedure.product.clone()),
        (
            Role::Base,
            format!(" {} ", versions(&app.run, app.look.signs.arrow)),
        ),
    ];
    let mut right = clock(app);
    let too_wide = |parts: &[_], right: &[_]| parts_width(parts) + parts_width(right) > area.width;
    if too_wide(&parts, &right) {
        parts.remove(5);
    }
    if too_wide(&parts, &right) && right.len() > 1 {
        // The window has a line of its own on the screens where it matters.
        right.pop();
    }
    put_parts(&app.look, area, buf, area.x, area.y, &parts);
    let wide = parts_width(&right);
    if parts_width(&parts) + wide <= area.width {
        put_parts(&app.look, area, buf, area.right() - wide, area.y, &right);
    }
}

fn badge(app: &App) -> (String, Role) {
    let cluster = &app.run.brief.cluster;
    let place = match cluster.place {
        Place::Production => Role::PlaceProduction,
        Place::Staging => Role::PlaceStaging,
        Place::Lab => Role::PlaceLab,
    };
    match app.run.brief.mode {
        Mode::Rehearse => (
            format!("{} REHEARSAL", app.look.signs.rehearsal),
            Role::PlaceRehearsal,
        ),
        Mode::DryRun => (format!("{} DRY RUN", place_word(cluster.place)), place),
        Mode::Run => (place_word(cluster.place).into(), place),
    }
}

/// From which version to which.
pub(super) fn versions(run: &RunState, arrow: &str) -> String {
    let target = &run.brief.cluster.target;
    let from = run.brief.procedure.versions.fact.as_ref().and_then(|fact| {
        let mut known: Vec<String> = run
            .facts
            .nodes()
            .filter_map(|node| node.last(fact))
            .map(|fact| fact.value.to_string())
            .filter(|version| version != target)
            .collect();
        known.sort();
        known.into_iter().next()
    });
    match from.or_else(|| before(run)) {
        Some(from) => format!("{from} {arrow} {target}"),
        None => format!("{arrow} {target}"),
    }
}

/// The version that an upgraded node had before.
fn before(run: &RunState) -> Option<String> {
    let fact = run.brief.procedure.versions.fact.as_ref()?;
    let before = run
        .actions
        .values()
        .filter_map(|record| record.before.get(fact));
    before
        .map(ToString::to_string)
        .find(|version| *version != run.brief.cluster.target)
}

/// Time on the right: of the day for a real run, of the run for a rehearsal, and the window.
fn clock(app: &App) -> Vec<(Role, String)> {
    let mut parts = Vec::new();
    if app.is_rehearsal() {
        let speed = match app.speed {
            Speed::Times(times) => format!("x{times:.0}"),
            Speed::Max => "x max".into(),
            Speed::Still => "HELD".into(),
        };
        parts.push((Role::Base, format!(" {} ", app.now)));
        parts.push((Role::PlaceRehearsal, format!("{speed} ")));
    } else if let Some(now) = app.wall_at(app.now) {
        parts.push((Role::Base, format!(" {} ", format::clock(now))));
    }
    if let Some(end) = window::outlook(&app.run).window_end {
        let (role, text) = if app.now > end {
            (
                Role::WindowOver,
                format!(
                    "  window over by {} ",
                    format::duration_coarse(app.now.since(end).0)
                ),
            )
        } else {
            (
                Role::Dim,
                format!(
                    "  window ends in {} ",
                    format::duration_coarse(end.since(app.now).0)
                ),
            )
        };
        parts.push((role, text));
    }
    parts
}

fn strip(app: &App, area: Rect, buf: &mut Buffer) {
    let signs = app.look.signs;
    let here = app.screen();
    let at = Screen::ALL
        .iter()
        .position(|screen| *screen == here)
        .unwrap_or(0);
    let item = |(number, screen): (usize, &Screen)| {
        let (sign, role) = match number.cmp(&at) {
            std::cmp::Ordering::Less => (signs.done, Role::StepDone),
            std::cmp::Ordering::Equal => (signs.works, Role::StepRunning),
            std::cmp::Ordering::Greater => (signs.waits, Role::StepPending),
        };
        PhaseItem {
            name: screen.name(),
            sign,
            role,
        }
    };
    let items: Vec<PhaseItem<'_>> = Screen::ALL.iter().enumerate().map(item).collect();
    PhaseStrip::new(&app.look, &items, at).render(area, buf);
}

/// What waits for the operator, or what happens next.
fn next_line(app: &App, area: Rect, buf: &mut Buffer) {
    if let Some(toast) = &app.toast {
        let style = app.look.style(Role::Toast);
        fill(buf, area, style);
        put(buf, area, area.x + 1, area.y, toast, style, app.look.signs);
        return;
    }
    if app.has_wheel() {
        let text = format!(" Your keys go to the program on {}.", app.pane_place());
        let style = app.look.style(Role::GateOneWay);
        fill(buf, area, style);
        put(buf, area, area.x, area.y, &text, style, app.look.signs);
        return;
    }
    match app.holds.first() {
        // Whoever reads something else meanwhile still sees what waits.
        Some(hold) if app.modals.last().is_none_or(|modal| modal.hold().is_none()) => {
            banner(app, hold, area, buf)
        }
        Some(_) | None => {
            let text = super::next::sentence(app);
            let mark = (Role::StepRunning, format!(" {} ", app.look.signs.works));
            put_parts(
                &app.look,
                area,
                buf,
                area.x,
                area.y,
                &[mark, (Role::Base, text)],
            );
        }
    }
}

fn banner(app: &App, hold: &crate::engine::hold::Hold, area: Rect, buf: &mut Buffer) {
    let signs = app.look.signs;
    let trouble = crate::ui::app::is_trouble(hold.kind);
    let (sign, role) = if trouble {
        (signs.failed, Role::Critical)
    } else {
        (signs.gate, Role::GateOneWay)
    };
    let key = if app.screen() == Screen::Plan {
        "Enter"
    } else {
        "o"
    };
    let tail = match app.modals.is_empty() {
        true => format!("  {key} opens it "),
        false => String::new(),
    };
    let more = match app.holds.len() {
        1 => String::new(),
        many => format!(" (1 of {many})"),
    };
    fill(buf, area, app.look.style(role));
    let room =
        usize::from(area.width).saturating_sub(format::width(&tail) + format::width(&more) + 4);
    let text = format!(
        " {sign} {}{more}",
        format::clip(&hold_sentence(hold), room, signs)
    );
    let style = app.look.style(role);
    put(buf, area, area.x, area.y, &text, style, signs);
    let wide = u16::try_from(format::width(&tail)).unwrap_or(0);
    if wide <= area.width {
        put(buf, area, area.right() - wide, area.y, &tail, style, signs);
    }
}

/// A hold point in one line.
pub(super) fn hold_sentence(hold: &crate::engine::hold::Hold) -> String {
    // A heading alone says nothing: what it heads comes along.
    let heading = hold.text.first().is_some_and(|first| first.ends_with(':'));
    let first = hold.text[..hold.text.len().min(1 + usize::from(heading))].join(" ");
    let first = first.trim_end_matches('.');
    match hold.kind {
        HoldKind::Gate if hold.id == "plan" => "The plan waits for your approval.".into(),
        HoldKind::Gate => format!("GATE waits for you: {first}"),
        HoldKind::Manual => format!("YOUR TURN: {first}"),
        HoldKind::Attest => format!("Your word is wanted: {first}"),
        HoldKind::Decide => format!("You decide: {first}"),
        HoldKind::Failure | HoldKind::Doubt | HoldKind::Prompt => first.to_string(),
        HoldKind::HostKey => first.to_string(),
        HoldKind::Secret => first.to_string(),
    }
}

fn footer(app: &App, area: Rect, buf: &mut Buffer) {
    if app.is_rehearsal() {
        fill(buf, area, app.look.style(Role::Base));
    }
    if app.has_wheel() {
        let parts = [
            (Role::Key, " Ctrl-]".to_string()),
            (Role::KeyText, " hands the wheel back".into()),
        ];
        put_parts(&app.look, area, buf, area.x, area.y, &parts);
        return;
    }
    Footer::new(&app.look, app.context(), app.moment()).render(area, buf);
}
