//! The report as one HTML page: no scripts, nothing loaded from elsewhere, fit to be printed.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::story::{Story, Told, length, moment};

const STYLE: &str = "body{font:15px/1.45 system-ui,sans-serif;max-width:62rem;margin:2rem auto;padding:0 1rem}\
table{border-collapse:collapse;width:100%;margin:.5rem 0 1.5rem}td,th{border:1px solid #bbb;padding:.25rem .5rem;\
text-align:left;vertical-align:top}th{background:#eee}pre{background:#f6f6f6;padding:.75rem;overflow-x:auto;\
white-space:pre-wrap}.outcome{font-size:1.15rem;font-weight:600}@media print{body{margin:0;max-width:none}}";

/// The whole report.
pub fn html(story: &Story) -> String {
    let title = format!("{} of {} to {}", story.title, story.cluster, story.target);
    let mut page = String::new();
    let title = escape(&title);
    put(
        &mut page,
        format_args!("<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"),
    );
    put(
        &mut page,
        format_args!("<title>{title}</title><style>{STYLE}</style></head><body>"),
    );
    put(
        &mut page,
        format_args!(
            "<h1>{title}</h1><p class=\"outcome\">{}</p>",
            escape(&story.outcome)
        ),
    );
    head(&mut page, story);
    nodes(&mut page, story);
    host_keys(&mut page, story);
    phases(&mut page, story);
    let overrides: Vec<String> = story
        .overrides
        .iter()
        .map(|over| format!("{} {}: {} ({})", over.at, over.what, over.reason, over.by))
        .collect();
    list(&mut page, "Overridden", &overrides);
    list(&mut page, "Open debts", &story.open_debts);
    list(&mut page, "Not settled", &story.unsettled);
    list(&mut page, "Troubles", &dated(&story.troubles));
    list(&mut page, "Decisions", &dated(&story.decisions));
    checks(&mut page, story);
    list(&mut page, "Assumed", &story.assumptions);
    list(&mut page, "Notes of the procedure", &story.notes);
    let timeline = escape(&story.timeline.join("\n"));
    put(
        &mut page,
        format_args!("<h2>Timeline</h2><pre>{timeline}</pre></body></html>"),
    );
    page
}

fn put(page: &mut String, text: std::fmt::Arguments<'_>) {
    writeln!(page, "{text}").expect("writing to a string cannot fail");
}

fn row(page: &mut String, cell: &str, cells: &[&str]) {
    let cells: String = cells
        .iter()
        .map(|text| format!("<{cell}>{}</{cell}>", escape(text)))
        .collect();
    put(page, format_args!("<tr>{cells}</tr>"));
}

fn head(page: &mut String, story: &Story) {
    let journal = format!(
        "{} records, chain ends in {}",
        story.records, story.journal_head
    );
    put(page, format_args!("<table>"));
    for (name, value) in [
        ("run", format!("{} ({})", story.run, story.mode.name())),
        ("procedure", story.procedure.clone()),
        ("source", story.source.clone()),
        ("opened", format!("{} by {}", story.opened, story.opened_by)),
        ("took", length(Some(story.took_ms))),
        ("cluster lock", story.lock.clone()),
        (
            "plan",
            story.plan_hash.clone().unwrap_or("none was made".into()),
        ),
        ("procedure file", story.procedure_hash.clone()),
        ("cluster file", story.cluster_hash.clone()),
        ("journal", journal),
        ("program", story.program.clone()),
    ] {
        if !value.is_empty() {
            row(page, "td", &[name, &value]);
        }
    }
    put(page, format_args!("</table>"));
}

fn nodes(page: &mut String, story: &Story) {
    let facts = |facts: &BTreeMap<String, String>| {
        let pairs: Vec<String> = facts
            .iter()
            .map(|(fact, value)| format!("{fact}={value}"))
            .collect();
        pairs.join(" ")
    };
    put(page, format_args!("<h2>Nodes</h2><table>"));
    row(page, "th", &["node", "host", "before", "after"]);
    for node in &story.nodes {
        row(
            page,
            "td",
            &[
                &node.node,
                &node.host,
                &facts(&node.before),
                &facts(&node.after),
            ],
        );
    }
    put(page, format_args!("</table>"));
}

fn host_keys(page: &mut String, story: &Story) {
    let keys = story.host_keys();
    if keys.is_empty() {
        return;
    }
    put(page, format_args!("<h2>Host keys</h2><table>"));
    row(page, "th", &["host", "key"]);
    for [host, key] in &keys {
        row(page, "td", &[host, key]);
    }
    put(page, format_args!("</table>"));
}

fn phases(page: &mut String, story: &Story) {
    if story.phases.is_empty() {
        return;
    }
    put(page, format_args!("<h2>Phases</h2><table>"));
    row(page, "th", &["phase", "began", "took", "typical"]);
    for phase in &story.phases {
        let began = phase.began_ms.map_or("-".into(), moment);
        row(
            page,
            "td",
            &[
                &phase.title,
                &began,
                &length(phase.took_ms),
                &length(Some(phase.typical_ms)),
            ],
        );
    }
    put(page, format_args!("</table>"));
}

fn checks(page: &mut String, story: &Story) {
    if story.checks.is_empty() {
        return;
    }
    put(page, format_args!("<h2>Checks</h2><table>"));
    row(page, "th", &["check", "node", "result", "detail"]);
    for check in &story.checks {
        let node = check.node.as_deref().unwrap_or("cluster");
        row(
            page,
            "td",
            &[&check.title, node, &check.result, &check.detail],
        );
    }
    put(page, format_args!("</table>"));
}

fn list(page: &mut String, title: &str, items: &[String]) {
    if items.is_empty() {
        return;
    }
    let items: String = items
        .iter()
        .map(|item| format!("<li>{}</li>", escape(item)))
        .collect();
    put(page, format_args!("<h2>{title}</h2><ul>{items}</ul>"));
}

fn dated(told: &[Told]) -> Vec<String> {
    told.iter()
        .map(|told| format!("{} {}", moment(told.at_ms), told.what))
        .collect()
}

fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c if c.is_control() && c != '\n' => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}
