//! Keys: a command of the key table, or text for the field on top.

use ratatui::crossterm::event::{KeyEvent, KeyEventKind};

use super::field::Field;
use super::modal::Kind;
use super::moves::moved;
use super::{App, Ask};
use crate::ui::keymap::{self, Command};

/// Lines that the text above a list may be scrolled.
const LONG: usize = 200;

impl App {
    /// A key was pressed at this time, in milliseconds of any steady clock.
    pub fn key(&mut self, key: KeyEvent, at_ms: u64) -> Vec<Ask> {
        if key.kind == KeyEventKind::Release {
            return Vec::new();
        }
        self.toast = None;
        if let Some(asks) = self.wheel_key(key, at_ms) {
            return asks;
        }
        let context = self.context();
        let typing = self.modals.last().is_some_and(|modal| modal.types());
        match keymap::lookup(context, key) {
            // A letter is text wherever text is typed, whatever the list below makes of it.
            Some(_) if typing && Field::is_text(key).is_some() => self.text_key(key, at_ms),
            Some(command) => self.command(command, at_ms),
            None if typing => self.text_key(key, at_ms),
            None => Vec::new(),
        }
    }

    /// Text was pasted.
    pub fn paste(&mut self, text: &str, at_ms: u64) -> Vec<Ask> {
        self.pasted(text, at_ms);
        Vec::new()
    }

    /// Carries out a command, if it works now.
    pub(super) fn command(&mut self, command: Command, at_ms: u64) -> Vec<Ask> {
        let row = keymap::rows(self.context()).find(|row| row.command == command);
        if let Some(why) = row.and_then(|row| keymap::off(row, self.moment())) {
            self.say(format!("Not now: {why}."));
            return Vec::new();
        }
        if let Some(asks) = self.everywhere(command) {
            return asks;
        }
        if command == Command::Terminal {
            return self.open_terminal();
        }
        if matches!(self.top_kind(), Some(Kind::Terminal { .. })) {
            self.on_pane(command)
        } else if self.modals.is_empty() {
            self.on_screen(command)
        } else {
            self.on_modal(command, at_ms)
        }
    }

    fn on_modal(&mut self, command: Command, at_ms: u64) -> Vec<Ask> {
        match command {
            Command::Back => {
                self.modals.pop();
                Vec::new()
            }
            Command::Open => self.submit(at_ms),
            Command::Choose(number) => self.choose(usize::from(number).saturating_sub(1)),
            Command::Up
            | Command::Down
            | Command::PageUp
            | Command::PageDown
            | Command::HalfUp
            | Command::HalfDown
            | Command::First
            | Command::Last => {
                self.move_in_modal(command);
                Vec::new()
            }
            Command::OpenWaiting => self.open_log_of_failure(),
            Command::ShowCommand => self.show_command_of_hold(),
            _ => Vec::new(),
        }
    }

    fn move_in_modal(&mut self, command: Command) {
        let count = super::super::screen::dialog::list_len(self);
        let Some(modal) = self.modals.last_mut() else {
            return;
        };
        let step = match command {
            Command::Up => -1,
            Command::Down => 1,
            Command::PageUp | Command::HalfUp => -8,
            Command::PageDown | Command::HalfDown => 8,
            Command::First => isize::MIN,
            Command::Last => isize::MAX,
            _ => 0,
        };
        let paging = matches!(
            command,
            Command::PageUp | Command::PageDown | Command::HalfUp | Command::HalfDown
        );
        if modal.lists() && !paging {
            modal.selected = moved(modal.selected, step, count);
        } else {
            let lines = if modal.lists() { LONG } else { count };
            modal.scroll = moved(modal.scroll, step, lines);
        }
    }

    /// The gate, failure or question that stands on top, if a dialog does.
    pub(super) fn top_kind(&self) -> Option<&Kind> {
        self.modals.last().map(|modal| &modal.kind)
    }
}
