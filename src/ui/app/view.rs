//! How the operator looks at each screen. It is not part of the run.

use std::collections::BTreeSet;

use super::logbook::TimeFormat;
use crate::model::ids::NodeId;
use crate::ui::widget::LogState;

/// The views of all screens.
#[derive(Debug, Default)]
pub struct Views {
    /// The selected node; none follows what needs a human.
    pub connect: Option<usize>,
    pub readiness: ReadinessView,
    /// The selected stage of the plan.
    pub plan: usize,
    pub plan_scroll: usize,
    /// What is searched in the plan, in small letters.
    pub plan_search: String,
    pub execute: ExecuteView,
    pub report: usize,
}

/// The list of checks.
#[derive(Debug, Default)]
pub struct ReadinessView {
    pub selected: usize,
    /// Sections that the operator has turned: folded or unfolded against their usual state.
    pub turned: BTreeSet<String>,
    /// The list jumped to the first open check already.
    pub jumped: bool,
    pub filter: String,
}

/// The panes of the walk.
#[derive(Debug, Default)]
pub struct ExecuteView {
    pub pane: Pane,
    pub zoom: bool,
    /// The selected stage; none follows the run.
    pub stage: Option<usize>,
    pub node: usize,
    /// The log shows this node only.
    pub log_node: Option<NodeId>,
    pub log: LogState,
    pub time: TimeFormat,
    /// Groups of alike nodes that are opened.
    pub opened: BTreeSet<String>,
}

/// A pane of the walk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Pane {
    Steps,
    #[default]
    Nodes,
    Log,
}

impl Pane {
    /// The pane of a number, counted from 1.
    pub fn numbered(number: u8) -> Option<Pane> {
        match number {
            1 => Some(Pane::Steps),
            2 => Some(Pane::Nodes),
            3 => Some(Pane::Log),
            _ => None,
        }
    }

    /// The pane after it.
    pub fn next(self) -> Pane {
        match self {
            Pane::Steps => Pane::Nodes,
            Pane::Nodes => Pane::Log,
            Pane::Log => Pane::Steps,
        }
    }

    /// The pane before it.
    pub fn previous(self) -> Pane {
        self.next().next()
    }
}
