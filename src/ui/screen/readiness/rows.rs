//! The list of checks as it is folded and filtered now.

use crate::engine::checks;
use crate::engine::state::{CheckKey, CheckState};
use crate::model::procedure::Check;
use crate::ui::app::App;

/// One row of the list.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Row {
    Section {
        name: String,
        /// Checks that no longer stand in the way, and all.
        settled: usize,
        all: usize,
        open: bool,
    },
    /// A check on one node, or on so many where it came to the same.
    Check {
        key: CheckKey,
        alike: usize,
        all: usize,
    },
}

/// The list as it is folded and filtered now.
pub(crate) fn rows(app: &App) -> Vec<Row> {
    let view = &app.views.readiness;
    let procedure = &app.run.brief.procedure;
    let mut sections: Vec<&str> = Vec::new();
    for check in &procedure.checks {
        if !sections.contains(&check.section.as_str()) {
            sections.push(&check.section);
        }
    }
    let filter = view.filter.to_lowercase();
    let mut rows = Vec::new();
    for name in sections {
        let wanted = |check: &&Check| {
            check.section == name
                && (filter.is_empty() || check.title.to_lowercase().contains(&filter))
        };
        let members: Vec<&Check> = procedure.checks.iter().filter(wanted).collect();
        let keys: Vec<Row> = members
            .iter()
            .flat_map(|check| rows_of(app, check))
            .collect();
        let (mut all, mut settled) = (0, 0);
        for (key, state) in app.run.checks.iter() {
            if let Some(check) = members.iter().find(|check| check.id == key.0) {
                all += 1;
                settled += usize::from(checks::settled(check, state));
            }
        }
        if keys.is_empty() {
            continue;
        }
        let usual = settled < all;
        let open = (usual != view.turned.contains(name)) || !filter.is_empty();
        rows.push(Row::Section {
            name: name.to_string(),
            settled,
            all,
            open,
        });
        if open {
            rows.extend(keys);
        }
    }
    rows
}

/// The selected row: what the operator chose, else the first check that fails, else the first question.
pub(crate) fn selected(app: &App, rows: &[Row]) -> usize {
    let view = &app.views.readiness;
    if view.jumped {
        return view.selected.min(rows.len().saturating_sub(1));
    }
    let stands = |row: &Row| match row {
        Row::Check { key, .. } => is_open(app, key),
        Row::Section { .. } => false,
    };
    let fails = |row: &Row| {
        stands(row)
            && matches!(row, Row::Check { key, .. } if matches!(app.run.checks.get(key), Some(CheckState::Judged { .. })))
    };
    let first = rows
        .iter()
        .position(fails)
        .or_else(|| rows.iter().position(stands));
    first.unwrap_or(0)
}

pub(super) fn is_open(app: &App, key: &CheckKey) -> bool {
    let check = app.run.brief.procedure.check(&key.0);
    match (check, app.run.checks.get(key)) {
        (Some(check), Some(state)) => !checks::settled(check, state),
        _ => false,
    }
}

/// A check's rows: each node on which it stands in the way alone, those that passed together.
fn rows_of(app: &App, check: &Check) -> Vec<Row> {
    let keys: Vec<(&CheckKey, &CheckState)> = app
        .run
        .checks
        .iter()
        .filter(|(key, _)| key.0 == check.id)
        .collect();
    let all = keys.len();
    let alone = |state: &CheckState| {
        !checks::settled(check, state) && !matches!(state, CheckState::Waiting)
    };
    let mut rows: Vec<Row> = keys
        .iter()
        .filter(|(_, state)| alone(state))
        .map(|(key, _)| Row::Check {
            key: (*key).clone(),
            alike: 1,
            all,
        })
        .collect();
    let rest: Vec<_> = keys.iter().filter(|(_, state)| !alone(state)).collect();
    if let Some((key, _)) = rest.first() {
        rows.push(Row::Check {
            key: (*key).clone(),
            alike: rest.len(),
            all,
        });
    }
    rows
}
