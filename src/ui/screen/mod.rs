//! The screens: functions of run, telemetry, view and look. No screen judges, none changes anything, none reads a clock.

pub(crate) mod connect;
pub(crate) mod dialog;
mod execute;
mod kit;
mod next;
mod pane;
mod plan;
pub(crate) mod readiness;
mod report;
mod shell;
mod small;
pub mod welcome;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::Role;
use super::app::{App, Screen};
use super::widget::fill;
use crate::model::cluster::Place;

pub(crate) use execute::grid::{GridRow, rows as grid_rows};
pub(crate) use execute::log_rows;
pub(crate) use plan::{node_lines, stage_lines};

/// Draws the whole wizard.
pub fn draw(app: &App, area: Rect, buf: &mut Buffer) {
    let area = area.intersection(buf.area);
    if area.is_empty() {
        return;
    }
    if !fits(area) {
        fill(buf, area, app.look.style(Role::Base));
        return small::draw(app, area, buf);
    }
    let body = shell::draw(app, area, buf);
    match app.screen() {
        Screen::Connect => connect::draw(app, body, buf),
        Screen::Readiness => readiness::draw(app, body, buf),
        Screen::Plan => plan::draw(app, body, buf),
        Screen::Execute => execute::draw(app, body, buf),
        Screen::Report => report::draw(app, body, buf),
    }
    pane::draw(app, body, buf);
    dialog::draw(app, area, buf);
}

/// Smallest room that shows a screen; below it there is a card.
pub(crate) const SMALLEST: (u16, u16) = (60, 16);

fn fits(area: Rect) -> bool {
    area.width >= SMALLEST.0 && area.height >= SMALLEST.1
}

/// Whether a gate can be read as a whole, so that it may be approved.
pub(crate) fn gates_fit(size: Rect) -> bool {
    fits(size)
}

/// How many panes a screen has.
pub(crate) fn panes(screen: Screen) -> u8 {
    match screen {
        Screen::Execute => 3,
        Screen::Connect | Screen::Readiness | Screen::Plan | Screen::Report => 1,
    }
}

/// The badge of a place.
pub(crate) fn place_word(place: Place) -> &'static str {
    match place {
        Place::Production => "PRODUCTION",
        Place::Staging => "STAGING",
        Place::Lab => "LAB",
    }
}
