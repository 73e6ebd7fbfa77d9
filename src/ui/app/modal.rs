//! What stands over the screen. One dialog type: every kind shares field, selection and scrolling.

use super::field::Field;
use crate::engine::hold::{HoldKind, HoldOption};
use crate::model::ids::{ActionId, BranchId};
use crate::ui::keymap::Context;
use crate::ui::paste::TypingGuard;

/// A dialog that an operator opened.
#[derive(Debug)]
pub struct Modal {
    pub kind: Kind,
    pub field: Field,
    /// Watches the keys that fill a gate's field.
    pub guard: TypingGuard,
    /// The selected line of a list, counted from 0.
    pub selected: usize,
    /// First line shown of the text.
    pub scroll: usize,
    /// Why the last answer did not do.
    pub said: Option<String>,
    /// What a gate was bound to when its field was begun; another state empties the field.
    pub bound: u64,
}

/// What a dialog is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The phrase of a gate. The review of the plan is the gate `plan`.
    Gate {
        id: String,
    },
    /// A hold point with options, as a list; nothing starts from the list.
    Options {
        hold: HoldKey,
    },
    /// One option of a hold point, with its note.
    Choice {
        hold: HoldKey,
        option: HoldOption,
    },
    /// The phrase that lets another host key hold.
    NewKey {
        hold: HoldKey,
    },
    /// The fingerprint of an unknown host key.
    HostKey {
        hold: HoldKey,
    },
    /// A secret; it is not shown.
    Secret {
        hold: HoldKey,
    },
    /// One line for the journal.
    Note,
    /// What is searched in the log or a list.
    Search,
    /// What goes wrong in a rehearsal.
    Fault,
    /// The ways out and around.
    WhatIf,
    /// One of them, with the reason.
    Branch {
        branch: BranchId,
    },
    /// Keys and signs of the screen below.
    Help {
        of: Context,
    },
    /// Every action by name.
    Palette {
        of: Context,
    },
    Leave,
    /// The screen of a running program.
    Terminal {
        action: ActionId,
    },
    /// The word that takes its wheel.
    TakeWheel {
        action: ActionId,
    },
    /// Text to read: a command, the details of a node.
    Reader {
        title: String,
        lines: Vec<String>,
    },
}

/// Which hold point: its kind and id.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct HoldKey {
    pub kind: HoldKind,
    pub id: String,
}

impl Modal {
    /// A fresh dialog: nothing typed, nothing selected but the first line.
    pub fn new(kind: Kind) -> Modal {
        Modal {
            kind,
            field: Field::default(),
            guard: TypingGuard::new(),
            selected: 0,
            scroll: 0,
            said: None,
            bound: 0,
        }
    }

    /// Whether keys of text go to the field.
    pub fn types(&self) -> bool {
        match &self.kind {
            Kind::Gate { .. }
            | Kind::HostKey { .. }
            | Kind::NewKey { .. }
            | Kind::Secret { .. }
            | Kind::Note
            | Kind::Search
            | Kind::Fault
            | Kind::Branch { .. }
            | Kind::TakeWheel { .. }
            | Kind::Palette { .. } => true,
            Kind::Choice { option, .. } => option.note.is_some(),
            Kind::Options { .. }
            | Kind::WhatIf
            | Kind::Help { .. }
            | Kind::Leave
            | Kind::Terminal { .. }
            | Kind::Reader { .. } => false,
        }
    }

    /// Whether up and down move a selection.
    pub fn lists(&self) -> bool {
        match &self.kind {
            Kind::Options { .. } | Kind::WhatIf | Kind::Palette { .. } | Kind::Leave => true,
            Kind::Gate { .. }
            | Kind::Choice { .. }
            | Kind::HostKey { .. }
            | Kind::NewKey { .. }
            | Kind::Secret { .. }
            | Kind::Note
            | Kind::Search
            | Kind::Fault
            | Kind::Branch { .. }
            | Kind::Terminal { .. }
            | Kind::TakeWheel { .. }
            | Kind::Help { .. }
            | Kind::Reader { .. } => false,
        }
    }

    /// Which keys work in it.
    pub fn context(&self) -> Context {
        match &self.kind {
            Kind::Gate { .. } => Context::Gate,
            Kind::Options { hold } if matches!(hold.kind, HoldKind::Failure | HoldKind::Doubt) => {
                Context::Failure
            }
            Kind::Options { .. } | Kind::WhatIf | Kind::Leave => Context::Hold,
            Kind::Help { .. } | Kind::Reader { .. } => Context::Help,
            Kind::Terminal { .. } => Context::Terminal,
            _ if self.types() => Context::Field,
            Kind::Choice { .. } => Context::Page,
            Kind::HostKey { .. }
            | Kind::NewKey { .. }
            | Kind::Secret { .. }
            | Kind::Note
            | Kind::Search
            | Kind::Fault
            | Kind::Branch { .. }
            | Kind::TakeWheel { .. }
            | Kind::Palette { .. } => Context::Hold,
        }
    }

    /// The hold point that it is about, if it is about one.
    pub fn hold(&self) -> Option<HoldKey> {
        match &self.kind {
            Kind::Gate { id } => Some(HoldKey {
                kind: HoldKind::Gate,
                id: id.clone(),
            }),
            Kind::Options { hold }
            | Kind::Choice { hold, .. }
            | Kind::HostKey { hold }
            | Kind::NewKey { hold }
            | Kind::Secret { hold } => Some(hold.clone()),
            Kind::Note
            | Kind::Search
            | Kind::Fault
            | Kind::WhatIf
            | Kind::Branch { .. }
            | Kind::Help { .. }
            | Kind::Palette { .. }
            | Kind::Leave
            | Kind::Terminal { .. }
            | Kind::TakeWheel { .. }
            | Kind::Reader { .. } => None,
        }
    }
}
