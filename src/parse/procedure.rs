//! The outermost level of a procedure file.

use super::reader::Table;
use super::{steps, vocabulary};
use crate::model::procedure::{Procedure, SCHEMA};

pub(super) fn read(mut file: Table<'_>) -> Procedure {
    schema(&mut file);
    let pieces = vocabulary::pieces(&mut file);
    file.desk().keep_pieces(pieces);
    if let Some(include) = file.item("include") {
        include.complain(
            "the parts that this file includes have not been added to it",
            "read it with holdpoint as a file, so that its parts are found",
        );
    }
    let procedure = Procedure {
        id: id(&mut file),
        title: file.text("title"),
        product: file.text("product"),
        source: file.text("source"),
        about: file.text_or_empty("about"),
        params: vocabulary::params(&mut file),
        roles: vocabulary::roles(&mut file),
        facts: vocabulary::facts(&mut file),
        probes: vocabulary::probes(&mut file),
        checks: vocabulary::checks(&mut file),
        versions: vocabulary::versions(&mut file),
        invariants: vocabulary::invariants(&mut file),
        lookups: vocabulary::lookups(&mut file),
        phases: steps::phases(&mut file),
        branches: steps::branches(&mut file),
        notes: file.texts("notes"),
        access: vocabulary::access(&mut file),
        included: file.texts("included"),
    };
    file.finish();
    procedure
}

fn schema(file: &mut Table<'_>) {
    let Some(item) = file.need("schema", &SCHEMA.to_string()) else {
        return;
    };
    if let Some(number) = item.number()
        && number != SCHEMA
    {
        item.complain(
            format!(
                "this file is written in schema {number}, and this program reads schema {SCHEMA}"
            ),
            "use the holdpoint that belongs to the file, or rewrite the file",
        );
    }
}

/// `product/topology`: names with slashes between them, as in the catalogue.
fn id(file: &mut Table<'_>) -> String {
    let Some(item) = file.need("id", "\"product/topology\"") else {
        return String::new();
    };
    let id = item.text().unwrap_or_default();
    if item.is_text() && !id.split('/').all(crate::model::ids::is_name) {
        item.complain(
            format!("`{id}` cannot be the id of a procedure"),
            "write names with slashes between them, such as \"product/topology\"",
        );
    }
    id.to_string()
}
