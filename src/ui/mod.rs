//! The full-screen wizard: functions of run state, telemetry and theme.
//!
//! In reading order: [`theme`] and [`signs`] (what meanings look like), [`format`] (how values are written),
//! [`keymap`] (what keys do), [`paste`] (who typed), [`widget`] (parts of a screen), [`term`] (the real
//! terminal), [`picture`] (a drawn screen as text or SVG), [`app`] (what the wizard knows, and what keys do to it),
//! [`screen`] (what it looks like), `run` (the loop). No screen judges, no screen reads a clock.

pub mod app;
mod fade;
pub mod format;
pub mod keymap;
pub mod paste;
pub mod picture;
mod run;
pub mod screen;
mod session;
pub mod signs;
pub mod term;
pub mod theme;
mod watchdog;
pub mod widget;

pub use run::{Wizard, run};
pub use screen::welcome::WelcomeScreen;
pub use session::{
    Intent, Keep, KnownCluster, KnownProcedure, Leave, Next, Options, Session, Speed, UiError,
    UnfinishedRun, Welcome, WelcomeChoice,
};
pub use signs::Signs;
pub use theme::{Role, Theme};

use ratatui::style::Style;

/// How everything on the screen looks: a theme and a set of signs, decided once at start.
#[derive(Debug, Clone, PartialEq)]
pub struct Look {
    pub theme: Theme,
    pub signs: &'static Signs,
}

impl Look {
    /// The complete style of a role.
    pub fn style(&self, role: Role) -> Style {
        self.theme.style(role)
    }
}
