//! Procedure and cluster files to the givens of a run.

use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::exit::CliError;
use crate::catalog;
use crate::engine::brief::{Brief, Goal, Mode};
use crate::engine::ground;
use crate::model::cluster::Cluster;
use crate::model::procedure::Procedure;
use crate::parse::{self, Parsed, include};
use crate::sim;

/// Where a procedure or cluster comes from.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Origin {
    /// The catalogue.
    Catalogue(String),
    File(PathBuf),
    /// A simulated cluster of so many nodes, made for the procedure.
    Twin(usize),
}

/// The givens of a run with the texts that they were made from.
#[derive(Clone, Debug)]
pub struct Loaded {
    pub procedure: Procedure,
    pub procedure_text: String,
    pub procedure_from: Origin,
    pub cluster: Cluster,
    pub cluster_text: String,
    pub cluster_from: Origin,
}

impl Loaded {
    /// The givens.
    pub fn brief(&self, mode: Mode, goal: Goal) -> Brief {
        let mut procedure = self.procedure.clone();
        if mode != Mode::Rehearse {
            ground::add(&mut procedure);
        }
        let mut brief = Brief::new(procedure, self.cluster.clone(), mode, goal);
        if let Origin::File(cluster) = &self.cluster_from
            && let Some(folder) = cluster.parent()
        {
            brief.find_files_in(folder);
        }
        brief
    }
}

/// SHA-256 as lower-case hex.
pub fn hash(text: &str) -> String {
    let digest = Sha256::digest(text.as_bytes());
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A cluster file with the procedure that it names.
///
/// # Errors
/// Every complaint about either, with file, line and column.
pub fn cluster_file(path: &Path) -> Result<Loaded, CliError> {
    let text = read(path, "the cluster file")?;
    let cluster = read_cluster(&text, path)?;
    let (procedure, procedure_from) = named_procedure(&cluster.value.procedure, path)?;
    bound(
        procedure,
        procedure_from,
        &cluster,
        Origin::File(absolute(path)),
    )
}

/// A cluster of the simulator's own for a procedure.
///
/// # Errors
/// When the procedure cannot have so many nodes, or is not known.
pub fn twin(name: &str, nodes: Option<usize>) -> Result<Loaded, CliError> {
    let (procedure, procedure_from) = if looks_like_a_file(name) {
        let path = Path::new(name);
        let text = read(path, "the procedure")?;
        (read_procedure(&text, name)?, Origin::File(absolute(path)))
    } else {
        (of_catalogue(name, "")?, Origin::Catalogue(name.to_string()))
    };
    twin_of(procedure, procedure_from, nodes)
}

fn twin_of(
    procedure: Parsed<Procedure>,
    procedure_from: Origin,
    nodes: Option<usize>,
) -> Result<Loaded, CliError> {
    reliable(&procedure)?;
    let least: usize = procedure.value.roles.values().map(|role| role.min).sum();
    let nodes = nodes.unwrap_or(least.max(3));
    let cluster = sim::twin(&procedure.value, nodes).map_err(|why| {
        CliError::usage(format!(
            "simulate a cluster for {}: {why}",
            procedure.value.id
        ))
    })?;
    Ok(Loaded {
        procedure_text: procedure.source.text.to_string(),
        procedure: procedure.value,
        procedure_from,
        cluster_text: format!("# A simulated cluster of {nodes} nodes. It has no file.\n"),
        cluster,
        cluster_from: Origin::Twin(nodes),
    })
}

/// The givens again from the texts that were frozen when the run was made.
///
/// # Errors
/// As when they were first read; a newer holdpoint may understand a file differently.
pub fn frozen(
    procedure_text: &str,
    procedure_from: Origin,
    cluster_text: &str,
    cluster_from: Origin,
) -> Result<Loaded, CliError> {
    let procedure = read_procedure(procedure_text, "procedure.toml of the run")?;
    match &cluster_from {
        Origin::Twin(nodes) => {
            let nodes = Some(*nodes);
            twin_of(procedure, procedure_from, nodes)
        }
        Origin::File(_) | Origin::Catalogue(_) => {
            let path = Path::new("cluster.toml of the run");
            let cluster = read_cluster(cluster_text, path)?;
            bound(procedure, procedure_from, &cluster, cluster_from)
        }
    }
}

/// What an origin says today; nothing if it has no text, or is gone.
pub fn text_of(origin: &Origin) -> Option<String> {
    match origin {
        Origin::Catalogue(id) => catalog::text(id).map(str::to_string),
        Origin::File(path) => {
            let text = std::fs::read_to_string(path).ok()?;
            let file = path.display().to_string();
            // What can no longer be put together is told as it stands: it is another text than the frozen one.
            Some(include::with_parts(&text, &file, |part| part_of(part, &file)).unwrap_or(text))
        }
        Origin::Twin(_) => None,
    }
}

/// Whether a file is a cluster file rather than a procedure.
///
/// # Errors
/// When it cannot be read.
pub fn is_cluster_file(path: &Path) -> Result<bool, CliError> {
    let text = read(path, "the file")?;
    // What is no TOML at all is told with its place when it is read as what it most likely is.
    let table: toml::Table = toml::from_str(&text).unwrap_or_default();
    Ok(table.contains_key("cluster") || table.contains_key("node"))
}

/// Whether a name on the command line means a file rather than a procedure of the catalogue.
pub fn looks_like_a_file(name: &str) -> bool {
    catalog::text(name).is_none() && (name.ends_with(".toml") || Path::new(name).is_file())
}

/// A procedure of the catalogue, or a file.
///
/// # Errors
/// An unknown id lists near names; complaints about a file.
pub fn any_procedure(name: &str) -> Result<Parsed<Procedure>, CliError> {
    if looks_like_a_file(name) {
        let text = read(Path::new(name), "the procedure")?;
        read_procedure(&text, name)
    } else {
        of_catalogue(name, "")
    }
}

/// Reads a file of the operator.
///
/// # Errors
/// With its path and what to do.
pub fn read(path: &Path, what: &str) -> Result<String, CliError> {
    let bytes = std::fs::read(path).map_err(|error| {
        let advice = match error.kind() {
            std::io::ErrorKind::NotFound => {
                "check the path; `holdpoint init PROCEDURE` prints a cluster file to start from"
            }
            std::io::ErrorKind::PermissionDenied => "make it readable for you",
            _ => "check the path",
        };
        CliError::usage(format!("read {what} {}: {error}", path.display())).hint(advice)
    })?;
    String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        CliError::usage(format!(
            "read {what} {}: it is no UTF-8 text from byte {at} on",
            path.display()
        ))
        .hint("save it as UTF-8")
    })
}

/// Reads a procedure with the parts that it includes.
///
/// # Errors
/// Every complaint about it, with file, line and column.
pub fn read_procedure(text: &str, file: &str) -> Result<Parsed<Procedure>, CliError> {
    let unusable = |complaints| {
        let doing = format!("use the procedure {file}");
        CliError::complaints(&doing, &complaints)
    };
    let whole = include::with_parts(text, file, |part| part_of(part, file)).map_err(unusable)?;
    parse::procedure(&whole, file).map_err(unusable)
}

/// A part that a procedure file includes: `./shared.toml` beside it, or one of the catalogue.
fn part_of(part: &str, file: &str) -> Result<String, String> {
    if !part.starts_with("./") {
        let text = catalog::part(part).ok_or_else(|| catalog::unknown(part))?;
        return Ok(text.to_string());
    }
    let path = Path::new(file).with_file_name(part);
    std::fs::read_to_string(&path).map_err(|why| format!("{}: {why}", path.display()))
}

fn read_cluster(text: &str, path: &Path) -> Result<Parsed<Cluster>, CliError> {
    let file = path.display().to_string();
    parse::cluster(text, &file).map_err(|complaints| {
        CliError::complaints(&format!("use the cluster file {file}"), &complaints)
    })
}

/// What a cluster file names: a catalogue id, or a path relative to the cluster file.
fn named_procedure(name: &str, cluster: &Path) -> Result<(Parsed<Procedure>, Origin), CliError> {
    let beside = cluster.parent().unwrap_or(Path::new(".")).join(name);
    if catalog::text(name).is_none() && (name.ends_with(".toml") || beside.is_file()) {
        let what = format!("the procedure that {} names,", cluster.display());
        let text = read(&beside, &what)?;
        let procedure = read_procedure(&text, &beside.display().to_string())?;
        return Ok((procedure, Origin::File(absolute(&beside))));
    }
    let place = format!(" that {} names", cluster.display());
    let procedure = of_catalogue(name, &place)?;
    Ok((procedure, Origin::Catalogue(name.to_string())))
}

fn of_catalogue(id: &str, place: &str) -> Result<Parsed<Procedure>, CliError> {
    let Some(text) = catalog::text(id) else {
        return Err(unknown(id, place));
    };
    read_procedure(text, &format!("{id}.toml"))
}

/// An id that the catalogue does not hold.
pub fn unknown(id: &str, place: &str) -> CliError {
    let ids = catalog::ids();
    let part = |id: &str| id.rsplit('/').next().unwrap_or(id).to_lowercase();
    let wanted = part(id);
    let near: Vec<&str> = ids
        .iter()
        .copied()
        .filter(|known| distance(&wanted, &part(known)) <= 3 || known.contains(&wanted))
        .collect();
    let hint = if near.is_empty() {
        format!(
            "the catalogue holds {}; a file ends in .toml",
            ids.join(", ")
        )
    } else {
        format!("did you mean {}?", near.join(" or "))
    };
    CliError::usage(format!(
        "find the procedure `{id}`{place}: the catalogue has no such procedure"
    ))
    .hint(hint)
}

/// How many letters must be changed, added or taken away (Levenshtein).
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.chars().enumerate() {
        let mut before = std::mem::replace(&mut row[0], i + 1);
        for (j, to) in b.iter().enumerate() {
            let changed = before + usize::from(from != *to);
            before = row[j + 1];
            row[j + 1] = changed.min(before + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}

fn bound(
    procedure: Parsed<Procedure>,
    procedure_from: Origin,
    cluster: &Parsed<Cluster>,
    cluster_from: Origin,
) -> Result<Loaded, CliError> {
    parse::bind(&procedure.value, cluster).map_err(|complaints| {
        CliError::complaints(
            &format!(
                "use the cluster file {} with {}",
                cluster.source.file, procedure.value.id
            ),
            &complaints,
        )
    })?;
    reliable(&procedure)?;
    Ok(Loaded {
        procedure_text: procedure.source.text.to_string(),
        procedure: procedure.value,
        procedure_from,
        cluster_text: cluster.source.text.to_string(),
        cluster: cluster.value.clone(),
        cluster_from,
    })
}

/// A procedure that the linter has an error for is not run, rehearsed or planned.
fn reliable(procedure: &Parsed<Procedure>) -> Result<(), CliError> {
    let mut found = parse::lint(procedure);
    found.retain(parse::Complaint::is_error);
    if found.is_empty() {
        return Ok(());
    }
    let doing = format!("rely on the procedure {}", procedure.source.file);
    Err(CliError::complaints(&doing, &parse::Complaints(found)))
}

fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}

#[cfg(test)]
mod tests {
    use super::distance;

    #[test]
    fn near_names_are_found() {
        assert_eq!(distance("standard-cluster", "standart-cluster"), 1);
        assert_eq!(distance("", "abc"), 3);
        assert_eq!(distance("kitten", "sitting"), 3);
    }
}
