//! The table of the contract: clause by kind of node, as it stands in the page for operators.

use std::fs;
use std::path::{Path, PathBuf};

/// The first cell of the table's head, by which it is found in the page.
const HEAD: &str = "| rule |";
/// Says that the page's table is to be written, not compared.
const BLESS: &str = "HOLDPOINT_BLESS";

/// Whether one kind of node keeps one rule.
#[derive(Clone, Copy, Debug)]
pub enum Cell {
    Kept,
    /// It cannot, for this reason.
    Lacks(&'static str),
}

impl Cell {
    fn text(self) -> String {
        match self {
            Cell::Kept => "yes".into(),
            Cell::Lacks(why) => format!("no: {why}"),
        }
    }
}

/// Fails where the page's table is not what was found. A column without cells was not looked at: the page's word stands.
pub fn assert_on_page(rules: &[&str], columns: &[(&str, Option<Vec<Cell>>)]) {
    let page = fs::read_to_string(page()).expect("the page for operators");
    let written = table_in(&page);
    let found = table(rules, columns, &written);
    println!("{found}");
    if std::env::var_os(BLESS).is_some() {
        fs::write(self::page(), page.replace(&written, &found)).expect("the page for operators");
        return;
    }
    assert!(
        written == found,
        "the table of {} is not what was found; {BLESS}=1 writes it:\n{found}",
        self::page().display()
    );
}

fn page() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src/guide/ssh.md")
}

/// The lines of the table, as they are.
fn table_in(page: &str) -> String {
    let lines = page.lines().skip_while(|line| !line.starts_with(HEAD));
    let table: Vec<&str> = lines.take_while(|line| line.starts_with('|')).collect();
    assert!(
        !table.is_empty(),
        "the page has no table that begins with {HEAD}"
    );
    table.join("\n")
}

fn table(rules: &[&str], columns: &[(&str, Option<Vec<Cell>>)], written: &str) -> String {
    let names: Vec<&str> = columns.iter().map(|(name, _)| *name).collect();
    let mut lines = vec![
        format!("{HEAD} {} |", names.join(" | ")),
        format!("|---|{}", "---|".repeat(names.len())),
    ];
    for (at, rule) in rules.iter().enumerate() {
        let cells = columns
            .iter()
            .enumerate()
            .map(|(column, (_, cells))| match cells {
                Some(cells) => cells[at].text(),
                None => cell_in(written, rule, column),
            });
        let cells: Vec<String> = cells.collect();
        lines.push(format!("| {rule} | {} |", cells.join(" | ")));
    }
    lines.join("\n")
}

/// What the page says; a question mark where it says nothing.
fn cell_in(written: &str, rule: &str, column: usize) -> String {
    let mut rows = written.lines().map(|line| line.split('|').map(str::trim));
    let cell = rows.find_map(|mut row| (row.nth(1)? == rule).then(|| row.nth(column)).flatten());
    cell.unwrap_or("?").to_owned()
}
