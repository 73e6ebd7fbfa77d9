//! Stages that are put in, and stages that are given up.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::engine::event::Cause;
use crate::engine::plan::Stage;
use crate::engine::state::{ActionRecord, ActionState, RunState, StageState, Wheel};
use crate::model::ids::ActionId;

impl RunState {
    /// Puts stages in at `at`, and their actions into the register.
    pub(in crate::engine) fn put_stages(&mut self, at: usize, stages: &[Arc<Stage>]) {
        for (offset, stage) in stages.iter().enumerate() {
            let count = stage.actions.len();
            let put = StageState {
                stage: Arc::clone(stage),
                pending: count,
                left: count,
                confirmed: None,
                began: None,
                ended: None,
            };
            self.stages.insert(at + offset, put);
            for (index, action) in stage.actions.iter().enumerate() {
                let record = ActionRecord {
                    stage: Arc::clone(stage),
                    index,
                    state: ActionState::Pending,
                    attempts: 0,
                    began: None,
                    ended: None,
                    overdue: false,
                    by_hand: None,
                    boot: None,
                    asking: None,
                    answered: BTreeMap::new(),
                    wheel: Wheel::default(),
                    before: BTreeMap::new(),
                };
                self.actions.insert(action.id.clone(), record);
            }
        }
    }

    pub(in crate::engine) fn on_detour(&mut self, cause: &Cause, stages: &[Arc<Stage>]) {
        match cause {
            Cause::TurnBack => {
                self.turning_back = true;
                for stage in self.stages.split_off(self.cursor) {
                    for action in &stage.stage.actions {
                        self.give_up(&action.id);
                    }
                }
            }
            Cause::Undo { action } => self.reopen(action),
            Cause::Branch { .. } | Cause::Repeat { .. } => {}
        }
        self.gate = None;
        self.held.clear();
        self.held_long = false;
        if let Some(stage) = self.stages.get_mut(self.cursor) {
            stage.confirmed = None;
        }
        self.put_stages(self.cursor, stages);
    }

    pub(in crate::engine) fn give_up(&mut self, action: &ActionId) {
        let Some(record) = self.actions.get_mut(action) else {
            return;
        };
        if !matches!(record.state, ActionState::Done { .. }) {
            record.state = ActionState::NotRun {
                why: "turned back".into(),
            };
            self.active.remove(action);
            self.troubled.remove(action);
        }
    }
}

pub(super) fn detour_name(cause: &Cause) -> String {
    match cause {
        Cause::Branch { branch } => format!("branch {branch} taken"),
        Cause::Undo { action } => format!("{action} undone"),
        Cause::Repeat { action } => format!("{action} done again"),
        Cause::TurnBack => "turned back".into(),
    }
}
