//! Themes: every meaning ([`Role`]) gets a look from a TOML file.
//!
//! Files say `[meta]`, a `[palette]` of free names, and styles per role; what a file leaves out comes from its
//! parent (`inherits`, `base` when it names none) and then along the fallback chain of the role. Signs are not
//! part of a theme. A theme that cannot be read never stops a run: see [`load::Themes::get`].

pub mod depth;
mod file;
pub mod load;
pub mod role;

use ratatui::style::Style;

pub use depth::Depth;
pub use load::{Complaint, Themes};
pub use role::Role;

/// A theme resolved for one colour depth: a style for every role, ready to draw with.
#[derive(Debug, Clone, PartialEq)]
pub struct Theme {
    name: String,
    mode: Mode,
    /// What each role itself says, in the order of [`Role::ALL`].
    own: Vec<Style>,
    base: Style,
}

/// The background that a theme is made for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    Dark,
    Light,
    Any,
}

impl Theme {
    /// The file's `name`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Dark, light or made for both.
    pub fn mode(&self) -> Mode {
        self.mode
    }

    /// The complete look of a role: text colour, background and marks.
    pub fn style(&self, role: Role) -> Style {
        self.base.patch(self.overlay(role))
    }

    /// Only what the role itself says, to lay over something already drawn (a selection, a match).
    pub fn overlay(&self, role: Role) -> Style {
        self.own[role as usize]
    }
}
