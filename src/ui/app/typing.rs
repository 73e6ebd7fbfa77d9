//! Text that is typed into a dialog, and what its Enter sends. What was typed goes out as it is; nothing is judged here.

use ratatui::crossterm::event::KeyEvent;
use secrecy::SecretString;

use super::field::{Edit, Field};
use super::modal::{HoldKey, Kind, Modal};
use super::{App, Ask};
use crate::engine::hold;
use crate::engine::input::Says;
use crate::model::ids::{GateId, NodeId};
use crate::ui::keymap;
use crate::ui::paste::{self, Enter, Typed};
use crate::ui::session::Intent;
use crate::ui::widget::Search;

impl App {
    /// A key that belongs to the field on top.
    pub(super) fn text_key(&mut self, key: KeyEvent, at_ms: u64) -> Vec<Ask> {
        let Some(modal) = self.modals.last_mut() else {
            return Vec::new();
        };
        match modal.kind {
            Kind::Gate { .. } | Kind::NewKey { .. } | Kind::TakeWheel { .. } => {
                gate_key(modal, key, at_ms)
            }
            _ => {
                if modal.field.key(key) != Edit::Nothing {
                    modal.said = None;
                    modal.selected = 0;
                }
            }
        }
        Vec::new()
    }

    /// A paste: never into a gate; elsewhere it is text.
    pub(super) fn pasted(&mut self, text: &str, at_ms: u64) {
        if self.refuse_paste_at_wheel() {
            return;
        }
        let Some(modal) = self.modals.last_mut().filter(|modal| modal.types()) else {
            return;
        };
        if matches!(
            modal.kind,
            Kind::Gate { .. } | Kind::NewKey { .. } | Kind::TakeWheel { .. }
        ) {
            modal.guard.paste(at_ms);
            modal.field.clear();
            modal.said = Some(paste::REFUSED.into());
        } else {
            modal.field.insert(text);
        }
    }

    /// Enter in a dialog.
    pub(super) fn submit(&mut self, at_ms: u64) -> Vec<Ask> {
        let Some(kind) = self.top_kind().cloned() else {
            return Vec::new();
        };
        match kind {
            Kind::Gate { id } => self.submit_gate(&id, at_ms),
            Kind::Options { .. } | Kind::WhatIf | Kind::Leave => {
                let selected = self.modals.last().map_or(0, |modal| modal.selected);
                self.choose(selected)
            }
            Kind::Choice { hold, option } => self.submit_choice(&hold, option.id),
            Kind::HostKey { hold } => self.submit_host_key(&hold),
            Kind::NewKey { hold } => self.submit_new_key(&hold, at_ms),
            Kind::Secret { hold } => self.submit_secret(&hold),
            Kind::Note => self.submit_text(|text| Intent::Says(Says::Note { text })),
            Kind::Fault => self.submit_text(Intent::Fault),
            Kind::Search => self.submit_search(),
            Kind::Branch { branch } => {
                self.submit_text(|reason| Intent::Says(Says::Branch { branch, reason }))
            }
            Kind::Palette { of } => self.submit_palette(of, at_ms),
            Kind::TakeWheel { action } => self.submit_wheel(&action, at_ms),
            Kind::Terminal { .. } => Vec::new(),
            Kind::Help { .. } | Kind::Reader { .. } => {
                self.modals.pop();
                Vec::new()
            }
        }
    }

    fn submit_gate(&mut self, id: &str, at_ms: u64) -> Vec<Ask> {
        let Some(typed) = self.typed_by_hand(at_ms) else {
            return Vec::new();
        };
        let gate = GateId::new(id);
        vec![Ask::Intent(Intent::Says(Says::Confirm { gate, typed }))]
    }

    fn submit_new_key(&mut self, key: &HoldKey, at_ms: u64) -> Vec<Ask> {
        let Some(hold) = self.hold(key).cloned() else {
            return Vec::new();
        };
        let typed = self.typed_by_hand(at_ms);
        let says = typed.and_then(|typed| hold::answer(&hold, &typed).ok());
        says.map(|says| Ask::Intent(Intent::Says(says)))
            .into_iter()
            .collect()
    }

    /// What stands in the field on top, if a hand typed it and the screen shows what it is about.
    fn typed_by_hand(&mut self, at_ms: u64) -> Option<String> {
        let fits = crate::ui::screen::gates_fit(self.size);
        let modal = self.modals.last_mut()?;
        if !fits {
            modal.said = Some("This screen is too small to approve anything on it.".into());
            return None;
        }
        match modal.guard.enter(at_ms) {
            Enter::TooSoon => None,
            Enter::Refused => {
                modal.field.clear();
                modal.said = Some(paste::REFUSED.into());
                None
            }
            Enter::Accepted if modal.field.text().trim().is_empty() => None,
            Enter::Accepted => {
                modal.said = Some("Sent. It counts when it is in the journal.".into());
                Some(modal.field.text().to_string())
            }
        }
    }

    fn submit_choice(&mut self, key: &HoldKey, word: &str) -> Vec<Ask> {
        let Some(hold) = self.hold(key).cloned() else {
            return Vec::new();
        };
        let Some(modal) = self.modals.last_mut() else {
            return Vec::new();
        };
        let line = format!("{word} {}", modal.field.text());
        match hold::answer(&hold, &line) {
            Ok(says) => {
                self.modals
                    .retain(|modal| modal.hold().as_ref() != Some(key));
                vec![Ask::Intent(Intent::Says(says))]
            }
            Err(why) => {
                modal.said = Some(why);
                Vec::new()
            }
        }
    }

    fn submit_host_key(&mut self, key: &HoldKey) -> Vec<Ask> {
        let Some(hold) = self.hold(key).cloned() else {
            return Vec::new();
        };
        let Some(modal) = self.modals.last_mut() else {
            return Vec::new();
        };
        match hold::answer(&hold, modal.field.text()) {
            Ok(says) => vec![Ask::Intent(Intent::Says(says))],
            Err(why) => {
                modal.said = Some(why);
                Vec::new()
            }
        }
    }

    fn submit_secret(&mut self, key: &HoldKey) -> Vec<Ask> {
        let Some(mut modal) = self.modals.pop() else {
            return Vec::new();
        };
        let node = NodeId::new(&key.id);
        let text = SecretString::from(modal.field.take());
        vec![Ask::Intent(Intent::Secret { node, text })]
    }

    fn submit_text(&mut self, intent: impl FnOnce(String) -> Intent) -> Vec<Ask> {
        let Some(modal) = self.modals.last_mut() else {
            return Vec::new();
        };
        let text = modal.field.text().trim().to_string();
        if text.is_empty() {
            modal.said = Some("Type something, or Esc to close.".into());
            return Vec::new();
        }
        let from_branch = matches!(modal.kind, Kind::Branch { .. });
        self.modals.pop();
        if from_branch {
            self.modals.retain(|modal| modal.kind != Kind::WhatIf);
        }
        vec![Ask::Intent(intent(text))]
    }

    fn submit_search(&mut self) -> Vec<Ask> {
        let Some(mut modal) = self.modals.pop() else {
            return Vec::new();
        };
        let typed = modal.field.take();
        self.search_for(Search::parse(&typed), typed);
        Vec::new()
    }

    fn submit_palette(&mut self, of: keymap::Context, at_ms: u64) -> Vec<Ask> {
        let Some(modal) = self.modals.last() else {
            return Vec::new();
        };
        let entries = crate::ui::screen::dialog::palette_entries(self, of, modal.field.text());
        let Some(entry) = entries.get(modal.selected) else {
            return Vec::new();
        };
        let command = entry.command;
        self.modals.pop();
        self.command(command, at_ms)
    }
}

fn gate_key(modal: &mut Modal, key: KeyEvent, at_ms: u64) {
    if Field::is_text(key).is_some() {
        match modal.guard.key(at_ms) {
            Typed::Accepted => {
                modal.field.key(key);
                modal.said = None;
            }
            Typed::Refused => {
                modal.field.clear();
                modal.said = Some(paste::REFUSED.into());
            }
            Typed::Dropped => {}
        }
        return;
    }
    match modal.field.key(key) {
        // Words and lines go at once: then the guard begins anew, and what is left was typed before.
        Edit::Erased if modal.field.text().is_empty() => {
            modal.guard.clear();
            modal.said = None;
        }
        Edit::Erased => modal.guard.erase(at_ms),
        Edit::Inserted | Edit::Moved | Edit::Nothing => {}
    }
}
