//! Commands of the walk: its three panes, the log, pausing.

use super::logbook::LogView;
use super::moves::{PAGE, step};
use super::view::Pane;
use super::{App, Ask, Screen};
use crate::engine::input::Says;
use crate::model::ids::ActionId;
use crate::ui::keymap::Command;
use crate::ui::screen;
use crate::ui::session::Intent;
use crate::ui::widget::{LogSource as _, LogState, Search};

impl App {
    pub(super) fn on_execute(&mut self, command: Command) -> Vec<Ask> {
        let view = &mut self.views.execute;
        match command {
            Command::NextPane => view.pane = view.pane.next(),
            Command::PreviousPane => view.pane = view.pane.previous(),
            Command::Pane(number) => view.pane = Pane::numbered(number).unwrap_or(view.pane),
            Command::Zoom => view.zoom = !view.zoom,
            Command::Wrap => view.log.wrap = !view.log.wrap,
            Command::TimeFormat => {
                view.time = view.time.next();
                let name = view.time.name();
                self.say(format!("Times in the log: {name}."));
            }
            Command::Mark => self.log.mark(self.now),
            Command::Pause => return self.pause(),
            Command::Follow => self.in_log(|state, source, rows| state.toggle_follow(source, rows)),
            Command::SearchNext | Command::SearchPrevious => {
                let back = command == Command::SearchPrevious;
                self.in_log(|state, source, rows| {
                    state.step(source, rows, back);
                });
            }
            Command::Back => {
                view.zoom = false;
                view.log.search = None;
                view.log_node = None;
                view.stage = None;
            }
            _ => return self.in_pane(command),
        }
        Vec::new()
    }

    fn in_pane(&mut self, command: Command) -> Vec<Ask> {
        match self.views.execute.pane {
            Pane::Steps => self.in_steps(command),
            Pane::Nodes => self.in_nodes(command),
            Pane::Log => {
                self.move_log(command);
                Vec::new()
            }
        }
    }

    fn in_steps(&mut self, command: Command) -> Vec<Ask> {
        let count = self.run.stages.len();
        let mut at = self.views.execute.stage.unwrap_or(self.run.cursor);
        if step(&mut at, command, count) {
            self.views.execute.stage = Some(at);
        }
        match command {
            Command::Open | Command::ShowCommand => self.read_stage(at),
            _ => Vec::new(),
        }
    }

    fn in_nodes(&mut self, command: Command) -> Vec<Ask> {
        let rows = screen::grid_rows(self);
        step(&mut self.views.execute.node, command, rows.len());
        let at = self.views.execute.node.min(rows.len().saturating_sub(1));
        match (command, rows.get(at)) {
            (Command::Open, Some(screen::GridRow::Node(node))) => {
                if let Some(asks) = self.open_at_node(node) {
                    return asks;
                }
                let view = &mut self.views.execute;
                view.log_node = (view.log_node.as_ref() != Some(node)).then(|| node.clone());
                view.log.follow();
                Vec::new()
            }
            (Command::Open, Some(screen::GridRow::Group { key, .. })) => {
                let opened = &mut self.views.execute.opened;
                if !opened.remove(key) {
                    opened.insert(key.clone());
                }
                Vec::new()
            }
            (Command::ShowCommand, Some(screen::GridRow::Node(node))) => self.read_node(node),
            _ => Vec::new(),
        }
    }

    fn move_log(&mut self, command: Command) {
        let lines: i64 = match command {
            Command::Up => -1,
            Command::Down => 1,
            Command::PageUp => -(PAGE as i64),
            Command::PageDown => PAGE as i64,
            Command::HalfUp => -(PAGE as i64) / 2,
            Command::HalfDown => PAGE as i64 / 2,
            Command::First => i64::MIN,
            Command::Last => return self.views.execute.log.follow(),
            Command::Left => {
                self.views.execute.log.left = self.views.execute.log.left.saturating_sub(8);
                return;
            }
            Command::Right => {
                self.views.execute.log.left += 8;
                return;
            }
            _ => return,
        };
        self.in_log(|state, source, rows| state.scroll(source, rows, lines));
    }

    /// Does something to the log's view, which must know the lines and how many of them are seen.
    fn in_log(&mut self, act: impl FnOnce(&mut LogState, &LogView<'_>, u64)) {
        let rows = screen::log_rows(self);
        let view = &mut self.views.execute;
        let wall = self.run.opening.as_ref().map(|opening| opening.wall);
        let source = self.log.view(view.log_node.as_ref(), view.time, wall);
        act(&mut view.log, &source, rows);
    }

    fn pause(&mut self) -> Vec<Ask> {
        let says = if self.run.paused.is_some() {
            Says::GoOn
        } else {
            self.say("Paused after this step. p takes it back.");
            Says::Pause
        };
        vec![Ask::Intent(Intent::Says(says))]
    }

    /// Searches the log, or filters the list of checks.
    pub(super) fn search_for(&mut self, search: Option<Search>, typed: String) {
        match self.screen() {
            Screen::Readiness => self.views.readiness.filter = typed,
            Screen::Plan => {
                self.views.plan_search = typed.to_lowercase();
                self.find_in_plan(false);
            }
            Screen::Connect | Screen::Execute | Screen::Report => {
                self.views.execute.log.search = search;
                self.views.execute.log.found = None;
                self.in_log(|state, source, rows| {
                    state.step(source, rows, true);
                });
            }
        }
    }

    /// Leaves the failure open and shows the log of its node.
    pub(super) fn open_log_of_failure(&mut self) -> Vec<Ask> {
        let key = self.modals.last().and_then(|modal| modal.hold());
        let action = key.map(|key| ActionId::new(key.id));
        let node = action.and_then(|action| self.run.actions.get(&action)?.action().node.clone());
        self.modals.clear();
        let view = &mut self.views.execute;
        view.log_node = node;
        view.pane = Pane::Log;
        view.zoom = true;
        view.log.follow();
        let end = self.log.view(view.log_node.as_ref(), view.time, None).end();
        if end == 0 {
            self.say("Nothing was printed there.");
        }
        Vec::new()
    }
}
