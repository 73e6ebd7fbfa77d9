//! The house stays clean: imports go downwards only, and what a layer may not know it does not mention.

use std::fs;
use std::path::{Path, PathBuf};

/// What each module may import from the crate, and what it may not even mention.
const LAYERS: &[(&str, &[&str], &[&str])] = &[
    ("model", &["model"], PURE),
    ("engine", &["model", "engine"], PURE),
    ("parse", &["model", "parse"], PURE),
    ("catalog", &["model", "parse", "catalog"], PURE),
    ("sim", &["model", "sim"], PURE),
    (
        "journal",
        &["model", "engine", "journal"],
        &["tokio", "ratatui", "crossterm", "russh"],
    ),
    (
        "transport",
        &["model", "sim", "transport"],
        &["ratatui", "crossterm"],
    ),
    (
        "report",
        &["model", "engine", "report"],
        &["tokio", "ratatui", "crossterm", "russh"],
    ),
    ("ui", &["model", "engine", "ui"], &["tokio", "russh"]),
    (
        "driver",
        &["model", "engine", "journal", "transport", "driver"],
        &["ratatui", "crossterm", "russh"],
    ),
];

/// Words of the world outside that the pure layers do not know.
const PURE: &[&str] = &[
    "tokio",
    "ratatui",
    "crossterm",
    "russh",
    "std::fs",
    "std::net",
    "std::process",
    "std::time",
    "SystemTime",
    "Instant",
];

fn sources(under: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![under.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("the source folder can be read") {
            let path = entry.expect("an entry can be read").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

/// A file's code without comments and without its unit tests.
fn code(path: &Path) -> String {
    let text = fs::read_to_string(path).expect("a source file can be read");
    let text = text
        .split("\n#[cfg(test)]\nmod tests {")
        .next()
        .unwrap_or_default();
    text.lines()
        .filter(|line| !line.trim_start().starts_with("//"))
        .collect::<Vec<_>>()
        .join("\n")
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

#[test]
fn imports_go_downwards_only() {
    let all: Vec<&str> = LAYERS
        .iter()
        .map(|(module, _, _)| *module)
        .chain(["cli"])
        .collect();
    let mut wrong = Vec::new();
    for (module, may, _) in LAYERS {
        for path in sources(&root().join(module)) {
            let text = code(&path);
            for other in all.iter().filter(|other| !may.contains(other)) {
                if text.contains(&format!("crate::{other}::"))
                    || text.contains(&format!("crate::{other};"))
                {
                    wrong.push(format!("{} imports {other}", path.display()));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn only_the_simulator_adapter_knows_the_simulator() {
    let allowed = ["sim.rs", "dryrun.rs"];
    for path in sources(&root().join("transport")) {
        let name = path
            .file_name()
            .and_then(|name| name.to_str())
            .unwrap_or_default();
        let mentions = code(&path).contains("crate::sim::");
        assert!(
            !mentions || allowed.contains(&name),
            "{} imports the simulator",
            path.display()
        );
    }
}

#[test]
fn the_pure_layers_know_nothing_of_the_world_outside() {
    let mut wrong = Vec::new();
    for (module, _, never) in LAYERS {
        for path in sources(&root().join(module)) {
            let text = code(&path);
            for word in never.iter().filter(|word| text.contains(**word)) {
                wrong.push(format!("{} mentions {word}", path.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn no_product_is_known_to_the_program() {
    let products = [
        "SecureTransport",
        "Axway",
        "UrbanCode",
        "Forcepoint",
        "axway",
        "ghe-",
        "synchroni",
    ];
    for path in sources(&root()) {
        let text = code(&path);
        for product in products {
            assert!(
                !text.contains(product),
                "{} knows the product {product}",
                path.display()
            );
        }
    }
}

#[test]
fn nothing_is_left_for_others() {
    // Spelt apart, so that this file does not find itself.
    let marks = [
        ["TO", "DO"].concat(),
        ["FIX", "ME"].concat(),
        ["todo", "!("].concat(),
        ["unimplemented", "!("].concat(),
        ["#[ig", "nore"].concat(),
    ];
    let folders = [root(), Path::new(env!("CARGO_MANIFEST_DIR")).join("tests")];
    for path in folders.iter().flat_map(|folder| sources(folder)) {
        let text = fs::read_to_string(&path).expect("a source file can be read");
        for mark in &marks {
            assert!(
                !text.contains(mark.as_str()),
                "{} holds {mark}",
                path.display()
            );
        }
    }
}
