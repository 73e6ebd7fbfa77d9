//! The terminal pane: the screen of a running program, watched first; and the wheel, taken by a typed word, after which every
//! key but one goes to the program.

use ratatui::crossterm::event::{KeyCode, KeyEvent};

use super::modal::Kind;
use super::programs::Emulator;
use super::{App, Ask, strokes};
use crate::engine::hold;
use crate::engine::input::Says;
use crate::engine::state::Wheel;
use crate::model::dialogue::asks_for_secret;
use crate::model::ids::ActionId;
use crate::model::wheel::Keys;
use crate::ui::format;
use crate::ui::keymap::Command;
use crate::ui::paste::{self, Enter};
use crate::ui::session::Intent;

/// What is typed to take the wheel.
pub(crate) const WORD: &str = "take";

/// Keys that come within this time (milliseconds) are sent together.
const TOGETHER_MS: u64 = 100;

/// The pane, while it is open.
pub struct Pane {
    pub(crate) action: ActionId,
    pub(crate) attempt: u32,
    pub(crate) screen: Emulator,
    /// Rows and columns that the view is moved from where it follows the cursor.
    pub(crate) shift: (i32, i32),
    /// A line for a program without a terminal, not sent yet.
    pub(crate) line: String,
    /// Keys not sent yet: bytes, how many, since when.
    waiting: (Vec<u8>, u32, u64),
    /// The run was asked to give the wheel, or to take it back, and has not answered.
    awaiting: bool,
    /// The wheel went by itself amid typing: keys do nothing until the operator has seen it.
    pub(crate) locked: bool,
    held: bool,
}

impl App {
    /// The wheel of the program in the pane.
    pub(crate) fn wheel(&self) -> Option<&Wheel> {
        let pane = self.pane.as_ref()?;
        let record = self.run.actions.get(&pane.action)?;
        (record.attempts == pane.attempt).then_some(&record.wheel)
    }

    /// Whether keys go to a program.
    pub(crate) fn has_wheel(&self) -> bool {
        let on_top = matches!(self.top_kind(), Some(Kind::Terminal { .. }));
        on_top && self.wheel().is_some_and(Wheel::is_held)
    }

    /// Opens the pane on the program at hand, or says why there is none.
    pub(super) fn open_terminal(&mut self) -> Vec<Ask> {
        match self.program_at_hand() {
            Ok(action) => self.open_pane(action),
            Err(why) => {
                self.say(why);
                Vec::new()
            }
        }
    }

    fn open_pane(&mut self, action: ActionId) -> Vec<Ask> {
        self.set_pane(&action);
        self.modals
            .retain(|modal| !matches!(modal.kind, Kind::Options { .. } | Kind::Choice { .. }));
        self.open(Kind::Terminal { action })
    }

    fn set_pane(&mut self, action: &ActionId) {
        let Some(record) = self.run.actions.get(action) else {
            return;
        };
        let attempt = record.attempts;
        let dialogue = record.action().work.dialogue();
        let terminal = dialogue.is_some_and(|dialogue| dialogue.terminal);
        self.pane = Some(Pane {
            action: action.clone(),
            attempt,
            screen: self.programs.screen(action, attempt, terminal),
            shift: (0, 0),
            line: String::new(),
            waiting: (Vec::new(), 0, 0),
            awaiting: false,
            locked: false,
            held: record.wheel.is_held(),
        });
    }

    /// Asks for the word that takes the wheel, or says why it cannot be had.
    pub(super) fn ask_for_wheel(&mut self) -> Vec<Ask> {
        let Some(action) = self.pane.as_ref().map(|pane| pane.action.clone()) else {
            return Vec::new();
        };
        match hold::wheel_refused(&self.run, &action) {
            Some(why) => {
                self.say(format!("Not now: {why}."));
                Vec::new()
            }
            None => self.open(Kind::TakeWheel { action }),
        }
    }

    /// Enter below the word.
    pub(super) fn submit_wheel(&mut self, action: &ActionId, at_ms: u64) -> Vec<Ask> {
        let Some(modal) = self.modals.last_mut() else {
            return Vec::new();
        };
        match modal.guard.enter(at_ms) {
            Enter::TooSoon => return Vec::new(),
            Enter::Refused => {
                modal.field.clear();
                modal.said = Some(paste::REFUSED.into());
                return Vec::new();
            }
            Enter::Accepted => {}
        }
        if modal.field.text().trim() != WORD {
            modal.said = Some(format!("Type the word {WORD}; Esc goes on watching."));
            return Vec::new();
        }
        self.modals.pop();
        if let Some(pane) = &mut self.pane {
            pane.awaiting = true;
        }
        let action = action.clone();
        vec![Ask::Intent(Intent::Says(Says::TakeWheel { action }))]
    }

    /// A key while the pane is on top; `None` when it is a command like anywhere else.
    pub(super) fn wheel_key(&mut self, key: KeyEvent, at_ms: u64) -> Option<Vec<Ask>> {
        if !matches!(self.top_kind(), Some(Kind::Terminal { .. })) {
            return None;
        }
        let held = self.has_wheel();
        let chord = strokes::is_chord(key);
        let pane = self.pane.as_mut()?;
        if pane.locked || pane.awaiting {
            let said = match (pane.locked, held) {
                (true, _) => "Nothing is typed any more.",
                (false, false) => "The wheel is not yours yet: nothing was typed.",
                (false, true) => "The wheel is being handed back: nothing was typed.",
            };
            if key.code == KeyCode::Esc || chord {
                pane.locked = false;
                pane.awaiting &= held;
            } else {
                self.say(said);
            }
            return Some(Vec::new());
        }
        if !held {
            return None;
        }
        pane.shift = (0, 0);
        if chord {
            pane.awaiting = true;
            let action = pane.action.clone();
            let mut asks = self.send_keys();
            asks.push(Ask::Intent(Intent::Says(Says::HandBack { action })));
            return Some(asks);
        }
        if !pane.screen.is_terminal() {
            return Some(self.line_key(key, at_ms));
        }
        let application = pane.screen.screen().application_cursor();
        Some(match strokes::bytes(key, application) {
            Some(bytes) => self.wait_with(&bytes, 1, at_ms),
            None => Vec::new(),
        })
    }

    /// Without a terminal a program reads whole lines, and nothing there corrects them: that is done here.
    fn line_key(&mut self, key: KeyEvent, at_ms: u64) -> Vec<Ask> {
        let Some(pane) = &mut self.pane else {
            return Vec::new();
        };
        match (key.code, super::field::Field::is_text(key)) {
            (_, Some(c)) => pane.line.push(c),
            (KeyCode::Backspace, None) => {
                pane.line.pop();
            }
            (KeyCode::Enter, None) => {
                let line = std::mem::take(&mut pane.line) + "\n";
                let keys = u32::try_from(line.chars().count()).unwrap_or(u32::MAX);
                let mut asks = self.wait_with(line.as_bytes(), keys, at_ms);
                asks.extend(self.send_keys());
                return asks;
            }
            _ => self
                .say("It has no terminal and reads whole lines: text, Backspace and Enter work."),
        }
        Vec::new()
    }

    /// Whether what is typed as a line must not be shown.
    pub(crate) fn hides_line(&self) -> bool {
        let pane = self.pane.as_ref();
        pane.is_some_and(|pane| asks_for_secret(&pane.screen.line_at_cursor()))
    }

    fn wait_with(&mut self, bytes: &[u8], keys: u32, at_ms: u64) -> Vec<Ask> {
        let full = |pane: &Pane| pane.waiting.0.len() + bytes.len() > Keys::MOST;
        let asks = match self.pane.as_ref().is_some_and(full) {
            true => self.send_keys(),
            false => Vec::new(),
        };
        if let Some(pane) = &mut self.pane {
            let (waiting, count, since) = &mut pane.waiting;
            if waiting.is_empty() {
                *since = at_ms;
            }
            waiting.extend_from_slice(bytes);
            *count += keys;
        }
        asks
    }

    /// Time goes on: keys that have waited for others long enough are sent.
    pub fn send_typed(&mut self, at_ms: u64) -> Vec<Ask> {
        let due = |pane: &Pane| {
            let (bytes, _, since) = &pane.waiting;
            !bytes.is_empty() && at_ms.saturating_sub(*since) >= TOGETHER_MS
        };
        match self.pane.as_ref().is_some_and(due) {
            true => self.send_keys(),
            false => Vec::new(),
        }
    }

    fn send_keys(&mut self) -> Vec<Ask> {
        let Some(pane) = &mut self.pane else {
            return Vec::new();
        };
        let (bytes, count, _) = std::mem::take(&mut pane.waiting);
        if bytes.is_empty() {
            return Vec::new();
        }
        let (action, attempt) = (pane.action.clone(), pane.attempt);
        let keys = Keys::new(bytes, count);
        vec![Ask::Intent(Intent::Says(Says::Keys {
            action,
            attempt,
            keys,
        }))]
    }

    /// What the run says about the wheel is known: the pane follows it.
    pub(super) fn settle_pane(&mut self) {
        if !self
            .modals
            .iter()
            .any(|modal| matches!(modal.kind, Kind::Terminal { .. }))
        {
            self.pane = None;
        }
        let Some(pane) = &self.pane else {
            return;
        };
        let record = self.run.actions.get(&pane.action);
        let again = record.is_some_and(|record| record.attempts != pane.attempt);
        let (action, locked, typed) = (pane.action.clone(), pane.locked, pane.held);
        let held = record.is_some_and(|record| record.wheel.is_held());
        if again {
            self.set_pane(&action);
        }
        let mut went = false;
        if let Some(pane) = &mut self.pane {
            pane.locked |= locked;
            if typed != held {
                went = typed && !pane.awaiting;
                pane.locked |= went;
                pane.held = held;
                pane.awaiting = false;
                pane.waiting = (Vec::new(), 0, 0);
                pane.line.clear();
                pane.shift = (0, 0);
            }
        }
        if went {
            self.say("The wheel was handed back by itself. Nothing more is typed; Esc goes on.");
        }
    }

    /// What was asked for was refused: nothing is awaited any more.
    pub(super) fn wheel_was_refused(&mut self) {
        if let Some(pane) = &mut self.pane {
            pane.awaiting = false;
        }
    }

    /// A paste never reaches a program: nobody sees what it holds before it acts.
    pub(super) fn refuse_paste_at_wheel(&mut self) -> bool {
        let at_wheel = self.has_wheel();
        if at_wheel {
            self.say(paste::REFUSED);
        }
        at_wheel
    }

    /// Commands of the pane while it is watched.
    pub(super) fn on_pane(&mut self, command: Command) -> Vec<Ask> {
        match command {
            Command::TakeWheel => return self.ask_for_wheel(),
            Command::Back => {
                self.modals.pop();
                self.pane = None;
                return Vec::new();
            }
            _ => {}
        }
        let Some(pane) = &mut self.pane else {
            return Vec::new();
        };
        let far = i32::from(super::programs::ROWS);
        let (rows, columns) = match command {
            Command::Up => (-1, 0),
            Command::Down => (1, 0),
            Command::PageUp | Command::HalfUp => (-10, 0),
            Command::PageDown | Command::HalfDown => (10, 0),
            Command::First => (-far, 0),
            Command::Last => {
                pane.shift = (0, 0);
                return Vec::new();
            }
            Command::Left => (0, -8),
            Command::Right => (0, 8),
            _ => return Vec::new(),
        };
        let wide = i32::from(super::programs::COLUMNS);
        pane.shift.0 = (pane.shift.0 + rows).clamp(-far, far);
        pane.shift.1 = (pane.shift.1 + columns).clamp(-wide, wide);
        Vec::new()
    }

    /// Where the program in the pane runs.
    pub(crate) fn pane_place(&self) -> String {
        let record = self
            .pane
            .as_ref()
            .and_then(|pane| self.run.actions.get(&pane.action));
        let node = record.and_then(|record| record.action().node.as_ref());
        node.map_or("the node".into(), ToString::to_string)
    }

    /// How long the wheel has been held.
    pub(crate) fn wheel_since(&self) -> Option<String> {
        let holder = self.wheel()?.holder.as_ref()?;
        Some(format::stopwatch(self.now.since(holder.since).0))
    }
}
