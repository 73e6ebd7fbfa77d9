//! The hold over a program that asks something.

use super::*;
use crate::engine::plan::Work;
use crate::engine::state::ActionRecord;
use crate::model::dialogue::{Reply, asks_for_secret};
use crate::model::ids::ActionId;

/// How much of what the program printed last is shown, in lines.
const SHOWN: usize = 12;

pub(super) fn prompt_hold(id: &ActionId, record: &ActionRecord) -> Option<Hold> {
    let question = record.asking.as_ref()?;
    let action = record.action();
    let dialogue = action.work.dialogue();
    let prompt = question.prompt.as_deref();
    let prompt = dialogue
        .zip(prompt)
        .and_then(|(dialogue, id)| dialogue.prompt(id));
    let on = action.node.as_ref();
    let on = on.map_or(String::new(), |node| format!(" on {node}"));
    let mut text = vec![format!("{}{on} waits for an answer.", record.stage.title)];
    match prompt.map(|prompt| &prompt.reply) {
        Some(Reply::Operator(explained)) => text.extend(explained.lines().map(str::to_string)),
        Some(Reply::Text(_) | Reply::Secret(_)) => {
            text.push(
                "The procedure has answered this question before, and it comes again.".into(),
            );
        }
        None => text.push("The procedure does not know this question.".into()),
    }
    let lines: Vec<&str> = question.text.lines().collect();
    let shown = &lines[lines.len().saturating_sub(SHOWN)..];
    text.extend(shown.iter().map(|line| format!("> {line}")));
    let mut options = vec![
        noted(
            "answer",
            "TEXT",
            "type this, and Enter; it is kept in the journal",
        ),
        option("enter", "press Enter alone"),
    ];
    if asks_for_secret(&question.text) {
        let hidden = "the same, kept nowhere: for passwords";
        options.insert(0, noted("answer-hidden", "TEXT", hidden));
    }
    if matches!(action.work, Work::Change { cancel: true, .. }) {
        let stop = "ask it to stop; its end is looked at like any other";
        options.push(noted("cancel", "REASON", stop));
    }
    options.push(leave());
    Some(Hold {
        kind: HoldKind::Prompt,
        id: id.to_string(),
        text: explained(text, &options),
        expect: Expect::Options(options),
    })
}
