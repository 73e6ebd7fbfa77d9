//! The report as Markdown.

use std::fmt::Write as _;

use super::story::{Story, Told, length, moment};

/// The whole report.
pub fn markdown(story: &Story) -> String {
    let mut page = Page::default();
    page.line(format_args!(
        "# {} of {} to {}",
        clean(&story.title),
        clean(&story.cluster),
        clean(&story.target)
    ));
    page.blank();
    page.line(format_args!("**{}**", clean(&story.outcome)));
    page.blank();
    head(&mut page, story);
    nodes(&mut page, story);
    host_keys(&mut page, story);
    phases(&mut page, story);
    page.list(
        "Overridden",
        story
            .overrides
            .iter()
            .map(|over| format!("{} {}: {} ({})", over.at, over.what, over.reason, over.by)),
    );
    page.list("Open debts", story.open_debts.iter().cloned());
    page.list("Not settled", story.unsettled.iter().cloned());
    page.list("Troubles", story.troubles.iter().map(dated));
    page.list("Decisions", story.decisions.iter().map(dated));
    checks(&mut page, story);
    page.list("Assumed", story.assumptions.iter().cloned());
    page.list("Notes of the procedure", story.notes.iter().cloned());
    page.line("## Timeline\n\n```text");
    story.timeline.iter().for_each(|line| page.line(line));
    page.line("```");
    page.0
}

#[derive(Default)]
struct Page(String);

impl Page {
    fn line(&mut self, text: impl std::fmt::Display) {
        writeln!(self.0, "{text}").expect("writing to a string cannot fail");
    }

    fn blank(&mut self) {
        self.0.push('\n');
    }

    fn row(&mut self, cells: &[&str]) {
        let cells: Vec<String> = cells.iter().map(|cell| clean(cell)).collect();
        self.line(format_args!("| {} |", cells.join(" | ")));
    }

    fn table(&mut self, title: &str, heads: &[&str]) {
        self.line(format_args!("## {title}\n"));
        self.row(heads);
        self.line(format_args!("|{}", " --- |".repeat(heads.len())));
    }

    fn list(&mut self, title: &str, items: impl Iterator<Item = String>) {
        let items: Vec<String> = items.collect();
        if items.is_empty() {
            return;
        }
        self.line(format_args!("## {title}\n"));
        items
            .iter()
            .for_each(|item| self.line(format_args!("- {}", clean(item))));
        self.blank();
    }
}

fn head(page: &mut Page, story: &Story) {
    page.row(&["", ""]);
    page.line("| --- | --- |");
    page.row(&["run", &format!("{} ({})", story.run, story.mode.name())]);
    page.row(&["procedure", &story.procedure]);
    page.row(&["source", &story.source]);
    page.row(&[
        "opened",
        &format!("{} by {}", story.opened, story.opened_by),
    ]);
    page.row(&["took", &length(Some(story.took_ms))]);
    if !story.lock.is_empty() {
        page.row(&["cluster lock", &story.lock]);
    }
    page.row(&[
        "plan",
        story.plan_hash.as_deref().unwrap_or("none was made"),
    ]);
    page.row(&["procedure file", &story.procedure_hash]);
    page.row(&["cluster file", &story.cluster_hash]);
    let journal = format!(
        "{} records, chain ends in {}",
        story.records, story.journal_head
    );
    page.row(&["journal", &journal]);
    page.row(&["program", &story.program]);
    page.blank();
}

fn nodes(page: &mut Page, story: &Story) {
    page.table("Nodes", &["node", "host", "before", "after"]);
    let facts = |facts: &std::collections::BTreeMap<String, String>| {
        let pairs: Vec<String> = facts
            .iter()
            .map(|(fact, value)| format!("{fact}={value}"))
            .collect();
        pairs.join(" ")
    };
    for node in &story.nodes {
        page.row(&[
            &node.node,
            &node.host,
            &facts(&node.before),
            &facts(&node.after),
        ]);
    }
    page.blank();
}

fn host_keys(page: &mut Page, story: &Story) {
    let keys = story.host_keys();
    if keys.is_empty() {
        return;
    }
    page.table("Host keys", &["host", "key"]);
    for [host, key] in &keys {
        page.row(&[host, key]);
    }
    page.blank();
}

fn phases(page: &mut Page, story: &Story) {
    if story.phases.is_empty() {
        return;
    }
    page.table("Phases", &["phase", "began", "took", "typical"]);
    for phase in &story.phases {
        let began = phase.began_ms.map_or("-".into(), moment);
        page.row(&[
            &phase.title,
            &began,
            &length(phase.took_ms),
            &length(Some(phase.typical_ms)),
        ]);
    }
    page.blank();
}

fn checks(page: &mut Page, story: &Story) {
    if story.checks.is_empty() {
        return;
    }
    page.table("Checks", &["check", "node", "result", "detail"]);
    for check in &story.checks {
        let node = check.node.as_deref().unwrap_or("cluster");
        page.row(&[&check.title, node, &check.result, &check.detail]);
    }
    page.blank();
}

fn dated(told: &Told) -> String {
    format!("{} {}", moment(told.at_ms), told.what)
}

/// Text of others as text: no markup, no table or line breaks.
fn clean(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' | '\r' | '\t' => out.push(' '),
            '\\' | '`' | '*' | '_' | '|' | '<' | '>' | '#' | '[' | ']' => {
                out.push('\\');
                out.push(c);
            }
            c if c.is_control() => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}
