//! What every observer of a run receives: lasting events, and what passes by.

use std::sync::Arc;

use super::event::Entry;
use crate::model::telemetry::Telemetry;

/// One thing for an observer. Entries are never dropped; telemetry may be, and is counted.
#[derive(Clone, Debug)]
pub enum Update {
    Entry(Arc<Entry>),
    Telemetry(Telemetry),
}
