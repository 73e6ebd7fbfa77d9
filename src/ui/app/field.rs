//! One line of typed text, for phrases, notes, reasons, searches and secrets.

use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use tui_input::{Input, InputRequest};

/// Longest text that a field takes, in characters.
const LONGEST: usize = 500;

/// A line of text with a cursor.
#[derive(Clone, Default)]
pub struct Field {
    input: Input,
}

/// What a key did to a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Edit {
    Inserted,
    Erased,
    Moved,
    Nothing,
}

impl Field {
    /// The text.
    pub fn text(&self) -> &str {
        self.input.value()
    }

    /// The cursor's place, in characters.
    pub fn cursor(&self) -> usize {
        self.input.cursor()
    }

    /// Empties it.
    pub fn clear(&mut self) {
        self.input.reset();
    }

    /// Takes the text out.
    pub fn take(&mut self) -> String {
        self.input.value_and_reset()
    }

    /// Puts text in at the cursor, without control characters.
    pub fn insert(&mut self, text: &str) {
        for c in crate::model::text::clean_line(text).chars() {
            self.put(c);
        }
    }

    /// What a key would do; used before a key of text is let in.
    pub fn is_text(key: KeyEvent) -> Option<char> {
        match key.code {
            KeyCode::Char(c) if !key.modifiers.contains(KeyModifiers::CONTROL) => Some(c),
            _ => None,
        }
    }

    /// Takes a key.
    pub fn key(&mut self, key: KeyEvent) -> Edit {
        if let Some(c) = Self::is_text(key) {
            self.put(c);
            return Edit::Inserted;
        }
        let ctrl = key.modifiers.contains(KeyModifiers::CONTROL);
        let (request, edit) = match key.code {
            KeyCode::Backspace => (InputRequest::DeletePrevChar, Edit::Erased),
            KeyCode::Delete => (InputRequest::DeleteNextChar, Edit::Erased),
            KeyCode::Left => (InputRequest::GoToPrevChar, Edit::Moved),
            KeyCode::Right => (InputRequest::GoToNextChar, Edit::Moved),
            KeyCode::Home => (InputRequest::GoToStart, Edit::Moved),
            KeyCode::End => (InputRequest::GoToEnd, Edit::Moved),
            KeyCode::Char('a') if ctrl => (InputRequest::GoToStart, Edit::Moved),
            KeyCode::Char('e') if ctrl => (InputRequest::GoToEnd, Edit::Moved),
            KeyCode::Char('w') if ctrl => (InputRequest::DeletePrevWord, Edit::Erased),
            KeyCode::Char('u') if ctrl => (InputRequest::DeleteLine, Edit::Erased),
            _ => return Edit::Nothing,
        };
        self.input.handle(request);
        edit
    }

    fn put(&mut self, c: char) {
        if !c.is_control() && self.input.value().chars().count() < LONGEST {
            self.input.handle(InputRequest::InsertChar(c));
        }
    }
}

impl std::fmt::Debug for Field {
    /// Never shows the text: it may be a secret.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Field(..)")
    }
}
