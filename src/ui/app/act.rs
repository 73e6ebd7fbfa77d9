//! Commands: what each does on each screen.

use super::keys::moved;
use super::modal::{HoldKey, Kind, Modal};
use super::view::Pane;
use super::{App, Ask, Screen};
use crate::engine::hold::{Expect, Hold, HoldKind};
use crate::engine::input::Says;
use crate::engine::plan::Stage;
use crate::model::ids::{ActionId, NodeId};
use crate::ui::keymap::Command;
use crate::ui::screen::{self, readiness};
use crate::ui::session::{Intent, Leave, Speed};
use crate::ui::widget::{LogSource as _, Search};

/// Speeds that `+` and `-` go through, in virtual seconds per second.
const SPEEDS: [f64; 6] = [1.0, 10.0, 60.0, 300.0, 1000.0, 5000.0];

/// Lines that a page moves.
const PAGE: isize = 10;

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
                let speed = if self.speed == Speed::Still {
                    Speed::Times(SPEEDS[2])
                } else {
                    Speed::Still
                };
                self.set_speed(speed)
            }
            Command::Faster => self.set_speed(self.next_speed(true)),
            Command::Slower => self.set_speed(self.next_speed(false)),
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
            Expect::Options(_) => Kind::Options { hold: key },
            Expect::Secret => Kind::Secret { hold: key },
        })
    }

    fn open_first(&mut self) -> Vec<Ask> {
        match self.holds.first().cloned() {
            Some(hold) => self.open_hold(&hold),
            None => Vec::new(),
        }
    }

    fn open_at_node(&mut self, node: &NodeId) -> Option<Vec<Ask>> {
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
        let Speed::Times(now) = self.speed else {
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
            Command::Copy | Command::CopyAll => return self.keep_screen(),
            _ => {}
        }
        match self.screen() {
            Screen::Connect => self.on_connect(command),
            Screen::Readiness => self.on_readiness(command),
            Screen::Plan => self.on_plan(command),
            Screen::Execute => self.on_execute(command),
            Screen::Report => {
                step(&mut self.views.report, command, 1000);
                Vec::new()
            }
        }
    }

    fn on_connect(&mut self, command: Command) -> Vec<Ask> {
        let count = self.run.nodes.len();
        let mut at = screen::connect::selected(self);
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

    fn on_readiness(&mut self, command: Command) -> Vec<Ask> {
        let rows = readiness::rows(self);
        let view = &mut self.views.readiness;
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

    fn hold_of_check(&self, key: &crate::engine::state::CheckKey) -> Option<Hold> {
        let at = key
            .1
            .as_ref()
            .map_or(String::new(), |node| format!("@{node}"));
        let id = format!("readiness/{}{at}", key.0);
        self.holds.iter().find(|hold| hold.id == id).cloned()
    }

    fn waive(&mut self, key: &crate::engine::state::CheckKey) -> Vec<Ask> {
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

    fn on_plan(&mut self, command: Command) -> Vec<Ask> {
        match command {
            Command::PageDown | Command::HalfDown => {
                self.views.plan_scroll = self.views.plan_scroll.saturating_add(8).min(1000)
            }
            Command::PageUp | Command::HalfUp => {
                self.views.plan_scroll = self.views.plan_scroll.saturating_sub(8)
            }
            Command::Open => return self.open_first(),
            Command::ShowCommand => return self.read_stage(self.views.plan),
            _ => {
                if step(&mut self.views.plan, command, self.run.stages.len()) {
                    self.views.plan_scroll = 0;
                }
            }
        }
        Vec::new()
    }

    fn on_execute(&mut self, command: Command) -> Vec<Ask> {
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
    fn in_log(
        &mut self,
        act: impl FnOnce(&mut crate::ui::widget::LogState, &super::logbook::LogView<'_>, u64),
    ) {
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
            Screen::Connect | Screen::Plan | Screen::Execute | Screen::Report => {
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

    /// The exact command of the action that a dialog is about.
    pub(super) fn show_command_of_hold(&mut self) -> Vec<Ask> {
        let key = self.modals.last().and_then(|modal| modal.hold());
        let record = key.and_then(|key| self.run.actions.get(&ActionId::new(key.id)));
        match record.map(|record| record.stage.clone()) {
            Some(stage) => self.read_lines(stage.title.clone(), screen::stage_lines(&stage)),
            None => Vec::new(),
        }
    }

    fn read_stage(&mut self, at: usize) -> Vec<Ask> {
        let stage: Option<std::sync::Arc<Stage>> =
            self.run.stages.get(at).map(|stage| stage.stage.clone());
        match stage {
            Some(stage) => self.read_lines(stage.title.clone(), screen::stage_lines(&stage)),
            None => Vec::new(),
        }
    }

    fn read_node(&mut self, node: &NodeId) -> Vec<Ask> {
        self.read_lines(node.to_string(), screen::node_lines(self, node))
    }

    fn read_check(&mut self, key: &crate::engine::state::CheckKey) -> Vec<Ask> {
        self.read_lines(
            format!("Check {}", key.0),
            readiness::command_lines(self, key),
        )
    }

    fn read_lines(&mut self, title: String, lines: Vec<String>) -> Vec<Ask> {
        self.open(Kind::Reader { title, lines })
    }

    fn keep_screen(&mut self) -> Vec<Ask> {
        if !self.keeps {
            self.say("There is no folder to copy to here.");
            return Vec::new();
        }
        vec![Ask::SaveScreen]
    }
}

/// Moves a selection; whether the command was one that moves.
fn step(at: &mut usize, command: Command, count: usize) -> bool {
    let by = match command {
        Command::Up => -1,
        Command::Down => 1,
        Command::PageUp => -PAGE,
        Command::PageDown => PAGE,
        Command::HalfUp => -PAGE / 2,
        Command::HalfDown => PAGE / 2,
        Command::First => isize::MIN,
        Command::Last => isize::MAX,
        _ => return false,
    };
    *at = moved(*at, by, count);
    true
}

/// The kinds of hold points that are worth a red banner.
pub(crate) fn is_trouble(kind: HoldKind) -> bool {
    match kind {
        HoldKind::Failure | HoldKind::Doubt => true,
        HoldKind::Gate
        | HoldKind::Manual
        | HoldKind::Attest
        | HoldKind::Decide
        | HoldKind::HostKey
        | HoldKind::Secret => false,
    }
}
