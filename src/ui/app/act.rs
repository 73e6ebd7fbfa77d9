//! Commands that work the same on every screen: dialogs, themes, the speed of a rehearsal, leaving.

use std::sync::Arc;

use super::modal::{HoldKey, Kind, Modal};
use super::{App, Ask, Screen};
use crate::engine::hold::{Expect, Hold, HoldKind};
use crate::engine::input::Says;
use crate::engine::plan::Stage;
use crate::engine::state::{LinkState, NodeState};
use crate::model::ids::{ActionId, NodeId};
use crate::ui::keymap::Command;
use crate::ui::screen;
use crate::ui::session::{Intent, Leave, Speed};

/// Speeds that `+` and `-` go through, in virtual seconds per second.
const SPEEDS: [f64; 6] = [1.0, 10.0, 60.0, 300.0, 1000.0, 5000.0];

impl App {
    /// Commands that work the same on every screen; `None` when the command belongs to the screen or dialog.
    pub(super) fn everywhere(&mut self, command: Command) -> Option<Vec<Ask>> {
        let of = self.context();
        Some(match command {
            Command::Help => self.open(Kind::Help { of }),
            Command::Palette => self.open(Kind::Palette { of }),
            Command::Leave => self.leave(),
            Command::Note => self.open(Kind::Note),
            Command::WhatIf => self.open(Kind::WhatIf),
            Command::Faults => self.open(Kind::Fault),
            Command::Suspend => vec![Ask::Suspend],
            Command::Redraw => vec![Ask::Redraw],
            Command::SaveScreen => vec![Ask::SaveScreen],
            Command::Themes => self.next_theme(),
            Command::HoldClock => {
                let speed = match self.held.take() {
                    Some(speed) => speed,
                    None => {
                        self.held = Some(self.speed);
                        Speed::Still
                    }
                };
                self.set_speed(speed)
            }
            Command::Faster | Command::Slower => {
                let speed = self.next_speed(command == Command::Faster);
                self.held = None;
                self.set_speed(speed)
            }
            Command::NextEvent => {
                self.sprint = Some(self.speed);
                self.speed = Speed::Max;
                vec![Ask::Intent(Intent::Speed(Speed::Max))]
            }
            _ => return None,
        })
    }

    /// Opens a dialog; what was typed before it opened is thrown away.
    pub(super) fn open(&mut self, kind: Kind) -> Vec<Ask> {
        if self.top_kind() == Some(&kind) {
            return Vec::new();
        }
        let mut modal = Modal::new(kind);
        if let Some(asking) = self.run.gate.as_ref().and_then(|gate| gate.asking.as_ref()) {
            modal.bound = asking.bound;
        }
        self.modals.push(modal);
        vec![Ask::DropTypedAhead]
    }

    /// Opens a hold point.
    pub(super) fn open_hold(&mut self, hold: &Hold) -> Vec<Ask> {
        let key = HoldKey::of(hold);
        self.open(match hold.expect {
            Expect::Type(_) => Kind::Gate {
                id: hold.id.clone(),
            },
            Expect::Fingerprint(_) => Kind::HostKey { hold: key },
            Expect::TypeOr(..) => Kind::NewKey { hold: key },
            Expect::Options(_) => Kind::Options { hold: key },
            Expect::Secret => Kind::Secret { hold: key },
        })
    }

    pub(super) fn open_first(&mut self) -> Vec<Ask> {
        match self.holds.first().cloned() {
            Some(hold) => self.open_hold(&hold),
            None => Vec::new(),
        }
    }

    /// The node under whose name something is asked once for all that want the same.
    fn asked_as(&self, node: &NodeId) -> NodeId {
        let secret = |node: &NodeState| match &node.link {
            LinkState::WantsSecret { secret } => Some(secret.clone()),
            _ => None,
        };
        let wanted = self.run.nodes.get(node).and_then(secret);
        let mut alike = self.run.nodes.iter();
        let first = alike.find(|(_, other)| wanted.is_some() && secret(other) == wanted);
        first.map_or_else(|| node.clone(), |(first, _)| first.clone())
    }

    pub(super) fn open_at_node(&mut self, node: &NodeId) -> Option<Vec<Ask>> {
        let node = &self.asked_as(node);
        let at = format!("@{node}");
        let about = |hold: &&Hold| {
            hold.id == node.as_str()
                || hold.id.ends_with(&at)
                || hold.id == format!("connect/{node}")
        };
        let hold = self.holds.iter().find(about)?.clone();
        Some(self.open_hold(&hold))
    }

    /// Opens one line of a list on top: an option, a way out, a way to leave.
    pub(super) fn choose(&mut self, at: usize) -> Vec<Ask> {
        match self.top_kind().cloned() {
            Some(Kind::Options { hold: key }) => {
                let options = self.hold(&key).map(|hold| hold.expect.clone());
                let Some(Expect::Options(options)) = options else {
                    return Vec::new();
                };
                match options.get(at).cloned() {
                    Some(option) => self.open(Kind::Choice { hold: key, option }),
                    None => Vec::new(),
                }
            }
            Some(Kind::WhatIf) => match self.run.brief.procedure.branches.get(at) {
                Some(branch) => {
                    let branch = branch.id.clone();
                    self.open(Kind::Branch { branch })
                }
                None => Vec::new(),
            },
            Some(Kind::Leave) => self.leave_as(at),
            _ => Vec::new(),
        }
    }

    fn leave(&mut self) -> Vec<Ask> {
        if self.run.ending.is_some() {
            return vec![Ask::Exit(Leave::Finished)];
        }
        if self.over || self.run.left.is_some() {
            return vec![Ask::Exit(Leave::Over)];
        }
        if self.modals.iter().any(|modal| modal.kind == Kind::Leave) {
            return Vec::new();
        }
        self.open(Kind::Leave)
    }

    /// The safe choice is the first.
    fn leave_as(&mut self, at: usize) -> Vec<Ask> {
        self.modals.retain(|modal| modal.kind != Kind::Leave);
        match screen::dialog::leave_choices(self)
            .get(at)
            .map(|choice| choice.0)
        {
            Some(screen::dialog::LeaveChoice::AfterStep) => {
                self.leaves_at_rest = true;
                self.say("You leave after this step. Nothing new is started.");
                vec![Ask::Intent(Intent::Says(Says::Pause))]
            }
            Some(screen::dialog::LeaveChoice::Now) => vec![Ask::Intent(Intent::Says(Says::Leave))],
            Some(screen::dialog::LeaveChoice::Stay) | None => Vec::new(),
        }
    }

    fn next_theme(&mut self) -> Vec<Ask> {
        if !self.themes.is_empty() {
            self.theme = (self.theme + 1) % self.themes.len();
            self.look.theme = self.themes[self.theme].clone();
            self.say(format!("Theme {}.", self.look.theme.name()));
        }
        Vec::new()
    }

    fn next_speed(&self, faster: bool) -> Speed {
        let at = self.held.unwrap_or(self.speed);
        let Speed::Times(now) = at else {
            return Speed::Times(SPEEDS[if faster { SPEEDS.len() - 1 } else { 0 }]);
        };
        let next = if faster {
            SPEEDS.iter().find(|speed| **speed > now)
        } else {
            SPEEDS.iter().rev().find(|speed| **speed < now)
        };
        Speed::Times(next.copied().unwrap_or(now))
    }

    fn set_speed(&mut self, speed: Speed) -> Vec<Ask> {
        self.speed = speed;
        self.sprint = None;
        vec![Ask::Intent(Intent::Speed(speed))]
    }

    /// Commands that belong to the screen.
    pub(super) fn on_screen(&mut self, command: Command) -> Vec<Ask> {
        match command {
            Command::OpenWaiting => return self.open_first(),
            Command::Search => return self.open(Kind::Search),
            _ => {}
        }
        match self.screen() {
            Screen::Connect => self.on_connect(command),
            Screen::Readiness => self.on_readiness(command),
            Screen::Plan => self.on_plan(command),
            Screen::Execute => self.on_execute(command),
            Screen::Report => {
                super::moves::step(&mut self.views.report, command, 1000);
                Vec::new()
            }
        }
    }

    /// The exact command of the action that a dialog is about.
    pub(super) fn show_command_of_hold(&mut self) -> Vec<Ask> {
        let key = self.modals.last().and_then(|modal| modal.hold());
        let record = key.and_then(|key| self.run.actions.get(&ActionId::new(key.id)));
        match record.map(|record| record.stage.clone()) {
            Some(stage) => self.read_lines(stage.title.clone(), screen::stage_lines(&stage)),
            None => Vec::new(),
        }
    }

    pub(super) fn read_stage(&mut self, at: usize) -> Vec<Ask> {
        let stage: Option<Arc<Stage>> = self.run.stages.get(at).map(|stage| stage.stage.clone());
        match stage {
            Some(stage) => self.read_lines(stage.title.clone(), screen::stage_lines(&stage)),
            None => Vec::new(),
        }
    }

    pub(super) fn read_node(&mut self, node: &NodeId) -> Vec<Ask> {
        self.read_lines(node.to_string(), screen::node_lines(self, node))
    }

    pub(super) fn read_check(&mut self, key: &crate::engine::state::CheckKey) -> Vec<Ask> {
        self.read_lines(
            format!("Check {}", key.0),
            screen::readiness::command_lines(self, key),
        )
    }

    pub(super) fn read_lines(&mut self, title: String, lines: Vec<String>) -> Vec<Ask> {
        self.open(Kind::Reader { title, lines })
    }
}

/// The kinds of hold points that are worth a red banner.
pub(crate) fn is_trouble(kind: HoldKind) -> bool {
    match kind {
        HoldKind::Failure | HoldKind::Doubt => true,
        HoldKind::Gate
        | HoldKind::Manual
        | HoldKind::Attest
        | HoldKind::Decide
        | HoldKind::Prompt
        | HoldKind::HostKey
        | HoldKind::Secret => false,
    }
}
