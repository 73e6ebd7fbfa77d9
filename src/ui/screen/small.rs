//! The card of a screen that is too small: the run goes on, and nothing can be approved.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::Line;

use super::kit::wrapped;
use super::shell::hold_sentence;
use super::{SMALLEST, next};
use crate::engine::window;
use crate::ui::Role;
use crate::ui::app::App;
use crate::ui::format;
use crate::ui::widget::TextView;

/// Draws cluster, state, window and the room that is needed.
pub(super) fn draw(app: &App, area: Rect, buf: &mut Buffer) {
    let look = &app.look;
    let columns = usize::from(area.width).max(1);
    let mut lines: Vec<Line<'static>> = Vec::new();
    lines.extend(wrapped(look, Role::Title, &app.title(), columns));
    match app.holds.first() {
        Some(hold) => lines.extend(wrapped(
            look,
            Role::StepWaiting,
            &hold_sentence(hold),
            columns,
        )),
        None => lines.extend(wrapped(look, Role::Base, &next::sentence(app), columns)),
    }
    if let Some(end) = window::outlook(&app.run).window_end {
        let left = format!(
            "window ends in {}",
            format::duration_coarse(end.since(app.now).0)
        );
        lines.extend(wrapped(look, Role::Base, &left, columns));
    }
    let (width, height) = SMALLEST;
    let need = format!(
        "The run goes on. This screen is {} x {}; {width} x {height} are needed to show more and to answer.",
        area.width, area.height
    );
    if app.has_wheel() {
        let way_out = "Your keys go to the program. Ctrl-] hands the wheel back.";
        lines.extend(wrapped(look, Role::GateOneWay, way_out, columns));
    }
    lines.extend(wrapped(look, Role::Dim, &need, columns));
    TextView::new(look, &lines).render(area, buf);
}
