//! Procedure and cluster files to the model, with file, line, column and caret in every complaint.
//!
//! Text goes in and the model comes out; reading files is the caller's. A file is read to its end whatever is wrong with it, so
//! that all complaints come at once. Reading goes in passes: TOML with the place of everything, the model, what the parts say
//! of each other; then [`lint`] asks whether a procedure can be relied on, and [`bind`] whether a cluster fits it.

mod complaint;
pub mod drill;
pub mod include;
mod places;
mod reader;
mod suggest;

mod dialogue;
mod procedure;
mod steps;
mod vocabulary;

mod mentions;
mod references;

mod bind;
mod cluster;

mod lint;
mod sample;
mod scripts;

use toml::de::DeTable;

use crate::model::cluster::Cluster;
use crate::model::procedure::Procedure;

pub use complaint::{Complaint, Complaints, Level, Source};
pub use lint::lint;
pub use sample::sample_cluster;
pub use scripts::{FoundScript, scripts};

use places::Places;
use reader::{Desk, Table};

/// What a file said, and where everything in it stands.
#[derive(Clone, Debug)]
pub struct Parsed<T> {
    pub value: T,
    pub source: Source,
    places: Places,
}

/// Reads a procedure. `file` is the name that complaints show.
pub fn procedure(text: &str, file: &str) -> Result<Parsed<Procedure>, Complaints> {
    parsed(text, file, |desk, document, places| {
        let procedure = procedure::read(Table::document(desk, document, "the procedure"));
        references::check(&procedure, places, desk);
        procedure
    })
}

/// Reads a cluster file. `file` is the name that complaints show.
pub fn cluster(text: &str, file: &str) -> Result<Parsed<Cluster>, Complaints> {
    parsed(text, file, |desk, document, places| {
        let cluster = cluster::read(desk, Table::document(desk, document, "the cluster file"));
        cluster::check(&cluster, places, desk);
        cluster
    })
}

/// Whether a cluster fits its procedure: roles, counts, parameters, target. All complaints at once.
pub fn bind(procedure: &Procedure, cluster: &Parsed<Cluster>) -> Result<(), Complaints> {
    let desk = Desk::new(&cluster.source);
    bind::check(procedure, &cluster.value, &cluster.places, &desk);
    Complaints::new(desk.into_found()).into_result()
}

fn parsed<T>(
    text: &str,
    file: &str,
    read: impl for<'a> FnOnce(&'a Desk<'a>, &'a DeTable<'a>, &Places) -> T,
) -> Result<Parsed<T>, Complaints> {
    let source = Source::new(file, text);
    let (document, errors) = DeTable::parse_recoverable(&source.text);
    if !errors.is_empty() {
        return Err(not_toml(&source, &errors));
    }
    let places = Places::of(document.get_ref());
    let desk = Desk::new(&source);
    let value = read(&desk, document.get_ref(), &places);
    Complaints::new(desk.into_found()).into_result()?;
    Ok(Parsed {
        value,
        source: source.clone(),
        places,
    })
}

/// Later syntax errors often follow from the first ones, so only a few are said.
fn not_toml(source: &Source, errors: &[toml::de::Error]) -> Complaints {
    const SAID: usize = 5;
    let complaint = |error: &toml::de::Error| {
        let end = source.text.len();
        Complaint::error(
            source,
            &error.span().unwrap_or(end..end),
            format!("not TOML: {}", error.message()),
            "the format is described at https://toml.io; texts stand in quotes, tables are headed [name] or [[name]]",
        )
    };
    Complaints::new(errors.iter().take(SAID).map(complaint).collect())
}
