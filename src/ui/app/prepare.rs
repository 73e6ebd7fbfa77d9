//! Commands before the walk: on the screens for connecting, for checks and for the plan.

use super::modal::{HoldKey, Kind};
use super::moves::step;
use super::{App, Ask};
use crate::engine::hold::{Expect, Hold};
use crate::engine::input::Says;
use crate::engine::state::CheckKey;
use crate::model::ids::NodeId;
use crate::ui::keymap::Command;
use crate::ui::screen::{connect, readiness};
use crate::ui::session::Intent;

impl App {
    pub(super) fn on_connect(&mut self, command: Command) -> Vec<Ask> {
        let count = self.run.nodes.len();
        let mut at = connect::selected(self);
        if step(&mut at, command, count) {
            self.views.connect = Some(at);
        }
        let node = self.run.nodes.keys().nth(at).cloned();
        match (command, node) {
            (Command::Open, Some(node)) => self.open_at_node(&node).unwrap_or_default(),
            (Command::ShowCommand, Some(node)) => self.read_node(&node),
            (Command::CheckAgain, Some(node)) => self.connect_again(Some(&node)),
            (Command::CheckAllAgain, _) => self.connect_again(None),
            _ => Vec::new(),
        }
    }

    fn connect_again(&mut self, node: Option<&NodeId>) -> Vec<Ask> {
        let wanted = |hold: &&Hold| match (hold.id.strip_prefix("connect/"), node) {
            (Some(at), Some(node)) => at == node.as_str(),
            (Some(_), None) => true,
            (None, _) => false,
        };
        let retry = |hold: &Hold| {
            Ask::Intent(Intent::Says(Says::Choose {
                hold: hold.id.clone(),
                option: "retry".into(),
                note: String::new(),
            }))
        };
        let asks: Vec<Ask> = self.holds.iter().filter(wanted).map(retry).collect();
        if asks.is_empty() {
            self.say("Nothing to try again here.");
        }
        asks
    }

    pub(super) fn on_readiness(&mut self, command: Command) -> Vec<Ask> {
        let rows = readiness::rows(self);
        // The first step goes from the row that is shown as selected, wherever that is.
        let shown = readiness::selected(self, &rows);
        let view = &mut self.views.readiness;
        view.selected = shown;
        view.jumped |= step(&mut view.selected, command, rows.len());
        let selected = readiness::selected(self, &rows);
        let Some(row) = rows.get(selected) else {
            return Vec::new();
        };
        self.views.readiness.selected = selected;
        match (command, row) {
            (Command::Open, readiness::Row::Section { name, .. }) => {
                let turned = &mut self.views.readiness.turned;
                if !turned.remove(name) {
                    turned.insert(name.clone());
                }
                self.views.readiness.jumped = true;
                Vec::new()
            }
            (Command::Open, readiness::Row::Check { key, .. }) => match self.hold_of_check(key) {
                Some(hold) => self.open_hold(&hold),
                None => Vec::new(),
            },
            (Command::Waive, readiness::Row::Check { key, .. }) => self.waive(key),
            (Command::ShowCommand, readiness::Row::Check { key, .. }) => self.read_check(key),
            (Command::CheckAgain, readiness::Row::Check { key, .. }) => {
                vec![Ask::Intent(Intent::Says(Says::Recheck {
                    check: Some(key.0.clone()),
                    node: key.1.clone(),
                }))]
            }
            (Command::CheckAllAgain, _) => vec![Ask::Intent(Intent::Says(Says::Recheck {
                check: None,
                node: None,
            }))],
            _ => Vec::new(),
        }
    }

    fn hold_of_check(&self, key: &CheckKey) -> Option<Hold> {
        let at = key
            .1
            .as_ref()
            .map_or(String::new(), |node| format!("@{node}"));
        let id = format!("readiness/{}{at}", key.0);
        self.holds.iter().find(|hold| hold.id == id).cloned()
    }

    fn waive(&mut self, key: &CheckKey) -> Vec<Ask> {
        let Some(hold) = self.hold_of_check(key) else {
            self.say("This check does not stand in the way.");
            return Vec::new();
        };
        let Expect::Options(options) = &hold.expect else {
            return Vec::new();
        };
        match options.iter().find(|option| option.id == "waive").cloned() {
            Some(option) => self.open(Kind::Choice {
                hold: HoldKey::of(&hold),
                option,
            }),
            None => {
                self.say("A block cannot be waived.");
                Vec::new()
            }
        }
    }

    pub(super) fn on_plan(&mut self, command: Command) -> Vec<Ask> {
        match command {
            Command::PageDown | Command::HalfDown => {
                self.views.plan_scroll = self.views.plan_scroll.saturating_add(8).min(1000)
            }
            Command::PageUp | Command::HalfUp => {
                self.views.plan_scroll = self.views.plan_scroll.saturating_sub(8)
            }
            Command::Open => return self.open_first(),
            Command::ShowCommand => return self.read_stage(self.views.plan),
            Command::SearchNext => self.find_in_plan(false),
            Command::SearchPrevious => self.find_in_plan(true),
            _ => {
                if step(&mut self.views.plan, command, self.run.stages.len()) {
                    self.views.plan_scroll = 0;
                }
            }
        }
        Vec::new()
    }

    /// Selects the next step of the plan whose title or nodes hold what is searched, round and round.
    pub(super) fn find_in_plan(&mut self, backwards: bool) {
        let wanted = &self.views.plan_search;
        let count = self.run.stages.len();
        if wanted.is_empty() || count == 0 {
            return;
        }
        let holds = |at: &usize| {
            let stage = &self.run.stages[*at].stage;
            let ids = stage.actions.iter().map(|action| action.id.as_str());
            stage.title.to_lowercase().contains(wanted)
                || ids.into_iter().any(|id| id.to_lowercase().contains(wanted))
        };
        let here = self.views.plan;
        let found = (1..=count)
            .map(|by| {
                if backwards {
                    (here + count - by % count) % count
                } else {
                    (here + by) % count
                }
            })
            .find(holds);
        match found {
            Some(at) => {
                self.views.plan = at;
                self.views.plan_scroll = 0;
            }
            None => self.say("No step of the plan has that."),
        }
    }
}
