//! `holdpoint procedures` and `holdpoint init`.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::catalog;
use crate::cli::args::OfProcedures;
use crate::cli::exit::{self, CliError, Kind};
use crate::cli::load;
use crate::cli::out;
use crate::cli::settings::{Face, Settings};
use crate::model::procedure::{CheckKind, Procedure};
use crate::parse::{self, Complaint, FoundScript, Parsed};
use crate::ui::format;

/// Lists, shows, exports or checks procedures.
///
/// # Errors
/// An unknown id, or a file that cannot be used.
pub fn procedures(settings: &Settings, command: Option<OfProcedures>) -> Result<u8, CliError> {
    match command.unwrap_or(OfProcedures::List) {
        OfProcedures::List => list(settings),
        OfProcedures::Show { id } => {
            out::print(&described(&load::any_procedure(&id)?.value));
            Ok(0)
        }
        OfProcedures::Export { id } => {
            let text = catalog::text(&id).ok_or_else(|| load::unknown(&id, ""))?;
            out::print(text);
            Ok(0)
        }
        OfProcedures::Guide => {
            out::print(crate::guide::PROCEDURES);
            Ok(0)
        }
        OfProcedures::Lint { file } => lint(&file),
    }
}

/// Prints a commented cluster file.
///
/// # Errors
/// No procedure, or an unknown one.
pub fn init(procedure: Option<&str>) -> Result<u8, CliError> {
    let Some(procedure) = procedure else {
        let ids = catalog::ids().join(", ");
        return Err(
            CliError::usage("write a cluster file: it is not said for which procedure").hint(
                format!("holdpoint init PROCEDURE, with one of {ids}, or a file"),
            ),
        );
    };
    let procedure = load::any_procedure(procedure)?;
    out::print(&parse::sample_cluster(&procedure.value));
    eprintln!("edit it, then `holdpoint check FILE`");
    Ok(0)
}

fn list(settings: &Settings) -> Result<u8, CliError> {
    for id in catalog::ids() {
        let procedure = load::any_procedure(id)?.value;
        match settings.face {
            Face::Json => out::line(format_args!(
                "{}",
                serde_json::json!({ "id": id, "title": procedure.title, "product": procedure.product })
            )),
            Face::Screens | Face::Plain => out::line(format_args!("{id:<44} {}", procedure.title)),
        }
    }
    Ok(0)
}

fn described(procedure: &Procedure) -> String {
    let mut text = format!("{}: {}\n", procedure.id, procedure.title);
    let mut line = |indent: usize, words: String| {
        text.push_str(&format!("{:indent$}{words}\n", ""));
    };
    line(0, format!("product: {}", procedure.product));
    line(0, format!("source: {}", procedure.source));
    procedure
        .about
        .lines()
        .for_each(|about| line(0, about.to_string()));
    line(0, "\nROLES".into());
    for (id, role) in &procedure.roles {
        let most = role.max.map_or("or more".into(), |max| format!("to {max}"));
        line(2, format!("{id}: {} ({} {most})", role.about, role.min));
    }
    line(0, "\nPARAMETERS".into());
    for (id, param) in &procedure.params {
        let default = match &param.default {
            Some(value) => format!(" (default {value})"),
            None => " (must be given)".into(),
        };
        line(2, format!("{id}: {}{default}", param.about));
    }
    line(0, "\nCHECKS".into());
    for check in &procedure.checks {
        let how = match &check.kind {
            CheckKind::Script { .. } => "looked at on each node",
            CheckKind::Facts { .. } => "from facts",
            CheckKind::Attest => "you are asked",
        };
        line(2, format!("{}: {} ({how})", check.id, check.title));
    }
    line(0, "\nRULES".into());
    for invariant in &procedure.invariants {
        line(2, format!("{}: {}", invariant.id, invariant.why));
    }
    line(0, "\nPHASES".into());
    for phase in &procedure.phases {
        line(2, format!("{}: {}", phase.id, phase.title));
        for step in &phase.steps {
            line(4, format!("{}: {}", step.id, step.title));
        }
    }
    line(0, "\nWAYS OUT".into());
    for branch in &procedure.branches {
        line(2, format!("{}: {}", branch.id, branch.title));
        if let Some(said) = &branch.said {
            line(4, format!("or say that it happened: {said}"));
        }
    }
    procedure
        .notes
        .iter()
        .for_each(|note| line(0, format!("\nnote: {note}")));
    text
}

fn lint(file: &Path) -> Result<u8, CliError> {
    let name = file.display().to_string();
    let text = load::read(file, "the procedure")?;
    let procedure = load::read_procedure(&text, &name)?;
    let mut found = parse::lint(&procedure);
    found.extend(unparsed(&procedure)?);
    out::print(&exit::rendered(&found));
    let errors = found.iter().filter(|one| one.is_error()).count();
    let warnings = found.len() - errors;
    let errors_told = format::plural(errors as u64, "error", "errors");
    let warnings_told = format::plural(warnings as u64, "warning", "warnings");
    out::line(format_args!("{name}: {errors_told}, {warnings_told}"));
    Ok(if errors == 0 { 0 } else { 2 })
}

/// The scripts that `sh -n` cannot parse.
fn unparsed(procedure: &Parsed<Procedure>) -> Result<Vec<Complaint>, CliError> {
    let mut complaints = Vec::new();
    for script in parse::scripts(procedure) {
        complaints.extend(judged_by_sh(&script)?);
    }
    Ok(complaints)
}

fn judged_by_sh(script: &FoundScript) -> Result<Option<Complaint>, CliError> {
    let failed = |error: std::io::Error| {
        CliError::new(
            Kind::Internal,
            anyhow::anyhow!("ask `sh -n` about {}: {error}", script.what),
        )
        .hint("a POSIX shell named `sh` must be on the PATH")
    };
    let mut sh = Command::new("sh")
        .arg("-n")
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(failed)?;
    if let Some(mut input) = sh.stdin.take()
        && let Err(error) = input.write_all(script.text.as_bytes())
        && error.kind() != std::io::ErrorKind::BrokenPipe
    {
        return Err(failed(error));
    }
    let output = sh.wait_with_output().map_err(failed)?;
    if output.status.success() {
        return Ok(None);
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let said = said.lines().next().unwrap_or("it cannot be parsed");
    let (line, message) = place(said);
    Ok(Some(script.complain(line, message)))
}

/// `sh: 3: Syntax error: ..` and `sh: line 3: syntax error ..`: the line, and what is left.
fn place(said: &str) -> (Option<usize>, &str) {
    let parts = said.splitn(3, ": ").collect::<Vec<_>>();
    match parts.as_slice() {
        [_, line, message] => {
            let number = line.trim_start_matches("line ").trim().parse().ok();
            (number, if number.is_some() { message } else { said })
        }
        _ => (None, said),
    }
}

#[cfg(test)]
mod tests {
    use super::place;

    #[test]
    fn shells_name_the_line() {
        assert_eq!(
            place("sh: 3: Syntax error: \"fi\" unexpected"),
            (Some(3), "Syntax error: \"fi\" unexpected")
        );
        assert_eq!(
            place("sh: line 12: syntax error near `)'"),
            (Some(12), "syntax error near `)'")
        );
        assert_eq!(place("nonsense"), (None, "nonsense"));
    }
}
