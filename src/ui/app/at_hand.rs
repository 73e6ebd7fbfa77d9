//! Which running program an operator means who asks for a screen.

use super::modal::HoldKey;
use super::view::Pane;
use super::{App, Screen};
use crate::engine::hold;
use crate::engine::state::{ActionRecord, ActionState};
use crate::model::ids::{ActionId, NodeId};
use crate::ui::screen;

impl App {
    /// Whether there is a program that reads something, to look at.
    pub(super) fn has_program(&self) -> bool {
        self.run.active.iter().any(|id| self.shows(id))
    }

    fn shows(&self, id: &ActionId) -> bool {
        let record = self.run.actions.get(id);
        let runs = |it: &&ActionRecord| {
            matches!(
                it.state,
                ActionState::Running { .. } | ActionState::InDoubt { .. }
            )
        };
        record.filter(runs).is_some_and(|it| {
            it.asking.is_some() || it.wheel.is_held() || it.action().work.dialogue().is_some()
        })
    }

    /// The one that a dialog is about, then the one of the selected node, then any.
    pub(super) fn program_at_hand(&self) -> Result<ActionId, String> {
        let of_dialog = self.modals.last().and_then(|modal| modal.hold());
        let of_dialog = of_dialog.map(|key: HoldKey| ActionId::new(key.id));
        if let Some(action) = of_dialog.filter(|action| self.shows(action)) {
            return Ok(action);
        }
        let on = |node: &NodeId| {
            let active = self.run.active.iter();
            let mut here = active.filter(|id| {
                let record = self.run.actions.get(*id);
                record.is_some_and(|it| it.action().node.as_ref() == Some(node))
            });
            here.next().cloned()
        };
        if let Some(node) = self.selected_node()
            && let Some(action) = on(&node)
        {
            if self.shows(&action) {
                return Ok(action);
            }
            if !self.has_program() {
                let why = hold::wheel_refused(&self.run, &action).unwrap_or_default();
                return Err(format!("No screen to show on {node}: {why}."));
            }
        }
        let any = self.run.active.iter().find(|id| self.shows(id));
        any.cloned()
            .ok_or_else(|| "No program that reads anything is running.".into())
    }

    fn selected_node(&self) -> Option<NodeId> {
        if self.screen() != Screen::Execute || self.views.execute.pane != Pane::Nodes {
            return None;
        }
        let rows = screen::grid_rows(self);
        match rows.get(self.views.execute.node.min(rows.len().saturating_sub(1))) {
            Some(screen::GridRow::Node(node)) => Some(node.clone()),
            Some(screen::GridRow::Group { .. }) | None => None,
        }
    }
}
